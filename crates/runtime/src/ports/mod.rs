//! Ports: everything the runtime needs from the outside, small and by capability.

pub mod clock;
pub mod outside;
pub mod store;
