//! The batching runtime: one loop per database takes whatever waits, loads the rows touched in one call per table, decides in
//! memory, and writes rows, inbox, events and cursors in one transaction.
//!
//! Reading order: [`turn`] (one batch, from work to commit) → [`worker`] (the loop around it) → [`tail`] (how one database
//! hears another) → [`system`] (all of them together).

pub mod adapters;
pub mod clock_guard;
pub mod door;
pub mod feed;
pub mod fence;
pub mod inquiry;
pub mod message;
pub mod neighbour;
pub mod ports;
pub mod progress;
pub mod prune;
pub mod registry;
pub mod replay;
pub mod system;
pub mod tail;
pub mod timers;
pub mod turn;
pub mod watch;
pub mod worker;

pub use door::{CommandError, Door};
pub use feed::Feed;
pub use neighbour::Neighbour;
pub use progress::Progress;
pub use registry::Registry;
pub use system::{System, SystemParts};
pub use tail::Tail;
pub use watch::Watch;
pub use worker::{Worker, WorkerConfig};
