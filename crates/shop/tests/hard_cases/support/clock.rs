//! Two clocks that stand still until a test moves them.

use kernel::Timestamp;
use runtime::ports::clock::Clock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// When every test begins.
pub(crate) const BEGIN: i64 = 1_700_000_000_000;

#[derive(Default)]
pub(crate) struct TestClock {
    elapsed_ms: AtomicI64,
    /// What was added to the wall clock alone.
    jumped_ms: AtomicI64,
}

impl TestClock {
    /// Time passes, on both clocks.
    pub(crate) fn pass(&self, by: Duration) {
        self.elapsed_ms.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Somebody sets the wall clock.
    pub(crate) fn jump(&self, by_ms: i64) {
        self.jumped_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(BEGIN + self.elapsed_ms.load(Ordering::Relaxed) + self.jumped_ms.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms.load(Ordering::Relaxed).try_into().unwrap())
    }
}
