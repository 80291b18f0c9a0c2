//! The point domain.
