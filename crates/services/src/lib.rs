//! The servers that Jumun can run on, started natively on the loopback address of this machine: kept for development by
//! `cargo xtask services` ([`Kept`]), and thrown away by tests that need one of their own ([`Throwaway`]).
//!
//! A test's server lives in a temporary folder, on a free port, and ends with whoever started it: when it is dropped, when the test
//! panics, and when the process is killed. It can be killed, stopped, paused and started again, over the same data.

mod access;
mod account;
mod home;
mod install;
mod kafka;
mod kept;
mod port;
mod postgres;
mod process;
mod programs;
mod redis;
mod running;
mod service;
mod throwaway;

pub use access::{Access, write_secret};
pub use account::Account;
pub use home::home;
pub use install::{Part, install};
pub use kafka::{JVM_OPTIONS, Kafka, KafkaServer};
pub use kept::{Found, Kept};
pub use postgres::{Postgres, PostgresServer};
pub use redis::{Redis, RedisServer};
pub use service::{Place, Service};
pub use throwaway::Throwaway;
