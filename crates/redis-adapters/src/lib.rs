//! What Redis does for a shop: it answers best sellers from a sorted set a day ([`ranking`]), and keeps the lock that keeps instances of one
//! unit from fighting over the same rows ([`guard`]). It is never needed: without it the book in the database answers, and row locks alone
//! keep the instances apart.

pub mod guard;
mod link;
pub mod ranking;
mod target;

pub use target::{BadTarget, Target};
