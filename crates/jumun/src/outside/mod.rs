//! Adapters for calls that leave the databases.

pub mod delivery;
pub mod pg;
