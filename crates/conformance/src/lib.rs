//! Test support: what every deployment of the shop must do, whichever topology cuts it and however it is reached.
//!
//! A [`Scene`] is a short play (customers, products, orders, cancels, a gateway that is stuck) with the books that it must end
//! in, written from the promises and not from any topology. [`check`] plays them all on a [`Deployment`] and returns what was
//! found wanting. What a topology may decide by itself is taken out of the books here, in one place: [`books`].

pub mod books;
mod check;
mod deployment;
mod scene;
mod scenes;

pub use check::{Finding, Report, check, check_scenes};
pub use deployment::{Basket, Card, Deployment, Needs, Payment, Points, Terms};
pub use scene::{Scene, Stage};
pub use scenes::all as scenes;
