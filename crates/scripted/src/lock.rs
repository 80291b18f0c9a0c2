//! A lock service by script: it may let a lock run out under a holder who does not know.

use parking_lot::Mutex;
use runtime::ports::guard::{Guard, Hold};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long whoever finds a lock held waits before asking again.
const AGAIN: Duration = Duration::from_millis(20);

/// The service.
#[derive(Default)]
pub struct Locks {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Who holds each lock, as the service knows it.
    held: BTreeMap<String, String>,
    away: bool,
}

impl Locks {
    /// Every lock runs out; nobody is told.
    pub fn expire(&self) {
        self.state.lock().held.clear();
    }

    /// Whether the service cannot be reached.
    pub fn away(&self, away: bool) {
        self.state.lock().away = away;
    }

    /// Who holds `lock`, as the service knows it.
    #[must_use]
    pub fn holder(&self, lock: &str) -> Option<String> {
        self.state.lock().held.get(lock).cloned()
    }

    /// `lock`, as `who` sees it.
    #[must_use]
    pub fn guard(self: &Arc<Self>, lock: &str, who: &str) -> Arc<dyn Guard> {
        let (lock, who) = (lock.to_owned(), who.to_owned());
        Arc::new(Holder { locks: Arc::clone(self), lock, who, believes: Mutex::new(false) })
    }
}

/// One who wants a lock. While they believe that they hold it they do not ask.
struct Holder {
    locks: Arc<Locks>,
    lock: String,
    who: String,
    believes: Mutex<bool>,
}

impl Guard for Holder {
    fn hold(&self) -> Hold {
        let mut believes = self.believes.lock();
        if *believes {
            return Hold::Kept;
        }
        let mut state = self.locks.state.lock();
        if state.away {
            return Hold::Away;
        }
        match state.held.get(&self.lock) {
            Some(other) if *other != self.who => Hold::Elsewhere(AGAIN),
            Some(_) | None => {
                state.held.insert(self.lock.clone(), self.who.clone());
                *believes = true;
                Hold::Taken
            }
        }
    }

    fn release(&self) {
        *self.believes.lock() = false;
        let mut state = self.locks.state.lock();
        if state.held.get(&self.lock).is_some_and(|holder| *holder == self.who) {
            state.held.remove(&self.lock);
        }
    }
}
