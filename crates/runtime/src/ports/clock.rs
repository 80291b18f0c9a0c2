//! The clock port. Deadlines run on monotonic time; the wall clock is only written down.

use kernel::Timestamp;
use std::time::Duration;

/// Two clocks: one for people, one for waiting.
pub trait Clock: Send + Sync {
    /// Wall-clock time, UTC.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment; never goes back.
    fn elapsed(&self) -> Duration;
}
