//! The servers that Jumun can run on, started natively on the loopback address of this machine: for development by
//! `cargo xtask services`, and by tests that need one of their own.
//!
//! A test's server ([`Throwaway`]) lives in a temporary folder, on a free port, and ends with whoever started it: when it is dropped, when the
//! test panics, and when the process is killed. It can be killed, stopped, paused and started again, over the same data.

mod account;
mod port;
mod postgres;
mod process;
mod programs;
mod running;
mod service;
mod throwaway;

pub use postgres::Postgres;
pub use service::{Place, Service};
pub use throwaway::Throwaway;
