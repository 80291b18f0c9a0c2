//! Load for a shop: seeded orders, the doors that they go through, and what is measured on the way.
//!
//! Reading order: `workload` (which orders; pure) → `stage` and `fill` (what a shop must hold for them) → `target` (who takes an
//! order: `direct`, `http`) → `drive` (when orders are sent) → `meter` (what came of them) → `run` (all of it) → `result`.
//!
//! The same settings make the same orders for every topology: a workload names users, products and coupons by their place in a
//! list, and only a target knows what they are called in its shop.

pub mod cost;
pub mod direct;
pub mod drive;
pub mod fill;
pub mod http;
pub mod latency;
pub mod machine;
pub mod meter;
pub mod result;
pub mod run;
pub mod stage;
pub mod stale;
pub mod target;
pub mod timeline;
pub mod workload;

pub use drive::{Pace, drive};
pub use meter::Meter;
pub use target::{Target, Ticket};
pub use workload::Workload;
