//! Payment gateways: the port's adapters, the signed webhooks, and a PG to try it all against.
//!
//! Reading order: [`gateway`] (what an adapter is) → [`client`] (the adapter for the simulator, and how an HTTP answer
//! becomes a verdict) → [`webhook`] (Standard Webhooks, both ways) → [`simulator`] (a PG with its own book and faults).

pub mod client;
pub mod gateway;
pub mod simulator;
pub mod webhook;
mod wire;

pub use client::{SimulatorClient, SimulatorClientConfig};
pub use gateway::{PaymentGateway, PgFuture};
pub use simulator::{Ledger, Simulator, SimulatorConfig};
