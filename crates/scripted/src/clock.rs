//! Clocks that stand still until they are told to move.

use kernel::Timestamp;
use runtime::ports::clock::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// When every run begins.
pub const BEGIN: i64 = 1_700_000_000_000;

/// One machine's two clocks.
#[derive(Default)]
pub struct VirtualClock {
    time: Arc<Time>,
    /// What was added to the wall clock alone.
    jumped_ms: AtomicI64,
}

/// How time passes, for every machine alike.
#[derive(Default)]
pub struct Time {
    elapsed_ms: AtomicU64,
}

impl Time {
    /// Time passes.
    pub fn pass(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.elapsed_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Since the run began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms.load(Ordering::Relaxed))
    }

    /// The true time of day, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        BEGIN.saturating_add_unsigned(self.elapsed_ms.load(Ordering::Relaxed))
    }
}

impl VirtualClock {
    /// The clocks of another machine, in the same time.
    #[must_use]
    pub fn of(time: &Arc<Time>) -> Self {
        Self { time: Arc::clone(time), jumped_ms: AtomicI64::default() }
    }

    /// Time passes, on all clocks.
    pub fn pass(&self, by: Duration) {
        self.time.pass(by);
    }

    /// Somebody sets the wall clock.
    pub fn jump(&self, by_ms: i64) {
        self.jumped_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// Somebody sets the wall clock right.
    pub fn set_right(&self) {
        self.jumped_ms.store(0, Ordering::Relaxed);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.time.now_ms() + self.jumped_ms.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        self.time.elapsed()
    }
}
