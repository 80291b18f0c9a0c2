//! The order domain: quotes, births, and the judge of every order.
//!
//! Reading order: [`quote`] (what an order will cost and do) → [`birth`] (one transaction makes it) → [`judging`] (how it ends).

mod birth;
mod domain;
mod judging;
pub mod quote;
pub mod tables;

pub use birth::{Born, KeyHash, PayOrder, PlaceOrder, Quote};
pub use domain::{CancelOrder, FulfilOrder, NAME, Order as OrderDomain, OrderPolicy, Wiring};
pub use tables::{Order, OrderKey, OrderLine};
