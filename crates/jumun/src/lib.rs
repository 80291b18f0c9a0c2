//! Jumun: an order-and-payment backend that keeps stock, coupons, points and payment honest however a shop is split.
//!
//! This crate puts the parts together: as the one binary `jumun`, and as a library for applications that add participants of
//! their own (see `docs/adding-a-participant.md`).

pub mod aids;
pub mod compose;
pub mod config;
pub mod databases;
pub mod folder;
pub mod front;
pub mod kafka;
pub mod outside;
pub mod rebuild;
pub mod server;
pub mod servers;
pub mod spread;
pub mod topologies;

pub use {kernel, order, runtime, shop};

pub use compose::{Setup, compose};
pub use config::Config;
pub use front::Front;
pub use server::Server;
