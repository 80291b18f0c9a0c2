//! The model checker: the promises of an order, held in every state that a small world can reach.
//!
//! Nothing is stated a second time here. The batch loop ([`runtime::turn`]), the participation rule, the judge, the routes and every
//! domain are those that run in production; what is modelled is what stands around them: databases as maps, a network that reorders,
//! doubles and loses, the PG, the clients, and time (a timer passes, or not). [stateright](https://docs.rs/stateright) then takes
//! every next step that there is, from every state that there is.
//!
//! Deciders are pure, so one transaction is decided once for each content of its database and each thing that it takes in, however
//! many states of the world it is part of ([`turns`]).
//!
//! Reading order: [`world`] (what there is, and what may go wrong) → [`state`] → [`action`] → [`model`] (what may happen next) →
//! [`promises`] (what must hold).

pub mod action;
pub mod check;
pub mod deployment;
pub mod model;
pub mod outside;
pub mod promises;
pub mod rest;
pub mod rows;
pub mod seam;
pub mod state;
pub mod story;
pub mod turns;
pub mod view;
pub mod world;

pub use check::{Report, check};
pub use model::ShopModel;
pub use world::World;
