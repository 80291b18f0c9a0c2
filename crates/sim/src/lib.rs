//! The deterministic simulator: a whole system in one thread, with virtual time and one seed.

pub mod clients;
pub mod counter;
pub mod oracle;
pub mod rows;
