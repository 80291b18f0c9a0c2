//! The product domain.
