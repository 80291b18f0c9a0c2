//! Kafka between units. A **relay** copies a database's event log into a topic, row by row as it is stored; a **listener** hands the
//! topics on to one database that follows them, a [`Feed`](runtime::Feed) a partition.
//!
//! The log stays the outbox and the judge of what was said: every record names its position and the one before it in its lane, so a
//! reader knows what it has, and what it misses it reads from the log.
//!
//! Reading order: [`record`] (what travels) → [`relay`] (log to topic) → [`lane`] (topic to database) → [`listener`] (who polls).

mod board;
mod course;
mod dead;
mod error;
mod goodbye;
pub mod lane;
pub mod listener;
mod quiet;
pub mod record;
pub mod relay;
mod sender;
pub mod settings;
mod shelf;
mod standing;
mod stop;
mod topics;

pub use error::BusError;
pub use lane::Lane;
pub use listener::{Heard, Listener};
pub use relay::Relay;
pub use settings::{Compression, Settings};
pub use standing::place_at;
