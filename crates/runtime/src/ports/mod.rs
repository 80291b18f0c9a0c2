//! Ports: everything the runtime needs from the outside, small and by capability.

pub mod clock;
pub mod guard;
pub mod outside;
pub mod store;
