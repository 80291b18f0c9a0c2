//! What lies between units that are processes of their own.
//!
//! A unit answers others under `/internal/v1` ([`api`]): rows of its databases by the reader's own questions, its logs with a wait for
//! news, and what an operator does. Others ask through a [`Peer`], which carries a service token, a deadline, a few retries and a
//! circuit breaker, as [`RemoteReader`], [`HttpFeed`] and [`Operator`]: the ports that the runtime knows for another unit.
//!
//! Reading order: [`wire`] (what is said) → [`api`] (who answers) → [`peer`] (who asks) → [`remote`], [`feed`].

pub mod api;
pub mod breaker;
pub mod feed;
pub mod instances;
mod operator;
pub mod peer;
pub mod remote;
pub mod token;
pub mod wire;

pub use feed::HttpFeed;
pub use instances::Instances;
pub use operator::Operator;
pub use peer::{Peer, Switchboard};
pub use remote::RemoteReader;
pub use token::{ServiceKey, TokenFault};
