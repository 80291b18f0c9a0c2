//! The domains as one shop: which there are, the quote over their facts, and the facade that doors and tools use.
//!
//! This is the only crate that knows all domains. An application adds a participant with [`Domains::with`]: one crate, one line,
//! one topology.

pub mod aids;
pub mod domains;
pub mod facts;
pub mod lists;
mod lookups;
pub mod poll;
pub mod quoter;
pub mod reads;
pub mod replica_facts;
mod settle;
mod shop;

pub use domains::{Domains, FactsThrough, Policies};
pub use settle::Settled;
pub use shop::{Shop, ShopError};
