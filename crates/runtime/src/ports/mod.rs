//! Ports: everything the runtime needs from the outside, small and by capability.

pub mod store;
