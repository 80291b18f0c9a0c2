//! Those who wait for one order (or top-up): fed by its log after commit, so that another instance may have decided.

use crate::ports::store::Position;
use crate::tail::Observer;
use kernel::said::Entry;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Called with each entry of the watched key.
pub type Watcher = Box<dyn FnMut(Position, &Arc<Entry>) + Send>;

/// Watchers by key.
#[derive(Default)]
pub struct Watch {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    watchers: FxHashMap<Uuid, Vec<(u64, Watcher)>>,
    next: u64,
}

/// Somebody watches; dropping this ends it.
#[must_use = "dropping it ends the watch"]
pub struct Watching {
    watch: Arc<Watch>,
    key: Uuid,
    number: u64,
}

impl Watch {
    /// Watches `key` until the answer is dropped. Look at the thing's state after this call, not before: what is committed in
    /// between is then seen at least once.
    pub fn add(self: &Arc<Self>, key: Uuid, watcher: Watcher) -> Watching {
        let mut inner = self.inner.lock();
        let number = inner.next;
        inner.next += 1;
        inner.watchers.entry(key).or_default().push((number, watcher));
        Watching { watch: Arc::clone(self), key, number }
    }

    /// How many keys are watched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.lock().watchers.len()
    }

    /// Whether none is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut inner = self.watch.inner.lock();
        if let Some(list) = inner.watchers.get_mut(&self.key) {
            list.retain(|(number, _)| *number != self.number);
            if list.is_empty() {
                inner.watchers.remove(&self.key);
            }
        }
    }
}

impl Observer for Watch {
    fn committed(&self, rows: &[(Position, Arc<Entry>)]) {
        let mut inner = self.inner.lock();
        if inner.watchers.is_empty() {
            return;
        }
        for (position, entry) in rows {
            for (_, watcher) in inner.watchers.get_mut(&entry.key).into_iter().flatten() {
                watcher(*position, entry);
            }
        }
    }
}
