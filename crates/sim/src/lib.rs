//! The deterministic simulator: a whole system in one thread, with virtual time and one seed.

pub mod clients;
pub mod counter;
pub mod oracle;
pub mod rows;
mod run;
mod sweep;
mod witnesses;
mod world;

pub use run::{Outcome, Setup, run};
pub use sweep::{Broken, Sweep, Swept, Totals};
pub use world::{About, CREATED_EXPIRY, Fault, Line, WorldError};
