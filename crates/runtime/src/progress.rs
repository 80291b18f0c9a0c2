//! How far each database has followed the logs it hears: for lag metrics, and for a read just after a write.

use crate::ports::store::Position;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use tokio::sync::watch;

/// One database's progress through the logs that it follows.
pub struct Progress {
    committed: RwLock<BTreeMap<String, Position>>,
    /// What the stored cursors say: where a restart would begin to read.
    stored: RwLock<BTreeMap<String, Position>>,
    changed: watch::Sender<()>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { committed: RwLock::default(), stored: RwLock::default(), changed: watch::Sender::new(()) }
    }
}

impl Progress {
    /// Everything of `source` up to `position` is committed here, or of no concern.
    pub fn reached(&self, source: &str, position: Position) {
        let mut committed = self.committed.write();
        match committed.get_mut(source) {
            Some(known) if *known >= position => return,
            Some(known) => *known = position,
            None => {
                committed.insert(source.to_owned(), position);
            }
        }
        drop(committed);
        self.changed.send_replace(());
    }

    /// The stored cursor of `source` stands at `position`: rows up to there are not asked for again.
    pub fn stored(&self, source: &str, position: Position) {
        self.stored.write().insert(source.to_owned(), position);
    }

    /// Where the stored cursor of `source` stands; `None` if it is not followed.
    #[must_use]
    pub fn stored_at(&self, source: &str) -> Option<Position> {
        self.stored.read().get(source).copied()
    }

    /// How far this database has followed each log.
    #[must_use]
    pub fn positions(&self) -> BTreeMap<String, Position> {
        self.committed.read().clone()
    }

    /// Waits until `source` is followed up to `position`. A source that is not followed is never behind.
    pub async fn wait_for(&self, source: &str, position: Position) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let reached = self.committed.read().get(source).is_none_or(|known| *known >= position);
            if reached || changed.changed().await.is_err() {
                return;
            }
        }
    }
}
