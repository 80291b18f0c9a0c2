//! A thread is told to end, also while it waits.

use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// Whether a thread is to end.
#[derive(Default)]
pub(crate) struct Stop {
    told: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// End.
    pub(crate) fn tell(&self) {
        *self.told.lock() = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_told(&self) -> bool {
        *self.told.lock()
    }

    /// Waits this long, or until it is told.
    pub(crate) fn wait(&self, at_most: Duration) {
        let mut told = self.told.lock();
        self.changed.wait_while_for(&mut told, |told| !*told, at_most);
    }
}
