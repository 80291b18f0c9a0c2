//! The user domain.
