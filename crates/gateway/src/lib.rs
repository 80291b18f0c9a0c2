//! The front of a system whose units are processes of their own. It holds no data and decides nothing: it checks tokens and limits
//! ([`http_api::Edge`]), sends each request to the unit that its route belongs to ([`http_api::owners`]), and hands the answer on as
//! it comes.
//!
//! Reading order: [`routes`] (the door) → [`forward`] (one request's way) → [`headers`].

mod forward;
mod headers;
mod routes;

pub use forward::Unit;
pub use routes::{Gateway, GatewayParts, PATIENCE};
