//! Any sequence of any inputs at every domain: nothing panics, nothing wraps, a fault changes nothing, every command is answered, and
//! what each domain promises to conserve is conserved.
#![expect(clippy::unwrap_used, reason = "a test's helpers, too")]

mod codecs;
mod coupon;
mod data_platform;
mod order;
mod payment;
mod point;
mod product;
mod ranking;
mod read_model;
mod records;
mod replica;
mod user;
