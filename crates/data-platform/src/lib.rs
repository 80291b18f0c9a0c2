//! The data-platform domain.
