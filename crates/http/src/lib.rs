//! The HTTP door: thin handlers over the shop's facade, and everything around them that a door needs.
//!
//! A handler reads a request, asks the [`shop::Shop`], and renders the answer; it decides nothing. Wire types are their own
//! structs, so that what is stored and what is shown can change apart.
//!
//! Reading order: [`app`] (how a request passes through) → [`extract`] (what a handler can ask for) → [`problem`] (how it
//! says no) → `routes` (one file a domain).

pub mod app;
pub mod auth;
mod chain;
mod describe;
pub mod edge;
pub mod extract;
mod fields;
mod figures;
mod idempotency;
pub mod limits;
pub mod metrics;
pub mod owners;
mod prefer;
pub mod problem;
mod query;
mod render;
pub mod requests;
mod routes;
mod trace;

pub use app::{AppState, ConfigError, Draining, HttpConfig, app, metrics_app, openapi};
pub use edge::Edge;
pub use limits::{RateLimit, RateLimits};
pub use problem::Problem;
pub use routes::ops;
