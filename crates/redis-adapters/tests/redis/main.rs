//! The adapters on a Redis that runs: flushed, killed, paused, and away.
#![expect(clippy::unwrap_used, reason = "a test's helpers, too")]

mod book;
mod guard;
mod ranking;
