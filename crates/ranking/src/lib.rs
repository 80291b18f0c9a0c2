//! The ranking domain.
