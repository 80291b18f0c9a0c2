//! Those who wait for one order: fed by its log after commit, so that another instance may have decided.

use crate::ports::store::Position;
use crate::tail::Observer;
use kernel::said::Entry;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Called with each entry of the watched key; returns whether it goes on watching.
pub type Watcher = Box<dyn FnMut(Position, &Arc<Entry>) -> bool + Send>;

/// Watchers by key.
#[derive(Default)]
pub struct Watch {
    watchers: Mutex<FxHashMap<Uuid, Vec<Watcher>>>,
}

impl Watch {
    /// Watches `key` from now on. Look at the thing's state after this call, not before: what was committed in between is
    /// then seen at least once.
    pub fn add(&self, key: Uuid, watcher: Watcher) {
        self.watchers.lock().entry(key).or_default().push(watcher);
    }

    /// How many keys are watched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.watchers.lock().len()
    }

    /// Whether none is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Observer for Watch {
    fn committed(&self, rows: &[(Position, Arc<Entry>)]) {
        let mut watchers = self.watchers.lock();
        if watchers.is_empty() {
            return;
        }
        for (position, entry) in rows {
            if let Some(list) = watchers.get_mut(&entry.key) {
                list.retain_mut(|watcher| watcher(*position, entry));
                if list.is_empty() {
                    watchers.remove(&entry.key);
                }
            }
        }
    }
}
