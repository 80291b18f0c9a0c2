//! The read-model domain.
