//! A log that a database follows: where its cursor stands, and what is to be decided next.

use crate::feed::{Feed, followed_through, follows};
use crate::message::Delivery;
use crate::ports::store::{Cursor, Epoch, Intent, LogState, Position, Query, Reader, Store, StoreError};
use kernel::{Key, Record};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// No database has more cursors than this.
const MOST_CURSORS: u32 = 100_000;

/// A log that this database follows.
pub(super) struct Source {
    pub(super) feed: Arc<dyn Feed>,
    /// Its epoch; none until the log could be asked where it stands.
    epoch: Option<Epoch>,
    /// The last row taken in.
    pub(super) taken: Position,
    /// The last row whose cursor is stored; rows between the two concern nobody here.
    pub(super) saved: Position,
}

impl Source {
    /// The source of `feed`, whose cursor `reader` keeps. A log that cannot be asked now is asked later; so is one of another process
    /// that is not what it was, which ends nothing here: it is refused where it is heard, for as long as it is so.
    ///
    /// # Errors
    /// If the cursor cannot be read, or the log ends before it or begins after it.
    pub(super) fn open(consumer: &str, feed: Arc<dyn Feed>, reader: &dyn Reader) -> Result<Self, StoreError> {
        let mut source = Self { feed, epoch: None, taken: Position(0), saved: Position(0) };
        let cursors = cursors_of(source.feed.log(), reader)?;
        match source.try_to_meet(consumer, &cursors) {
            Err(StoreError::Unusable(_)) if source.feed.is_remote() => Ok(source),
            met => met.map(|()| source),
        }
    }

    /// Whether it is known where the log stands.
    pub(super) fn is_met(&self) -> bool {
        self.epoch.is_some()
    }

    /// Asks where the log stands, if that can be asked now: nothing is taken in before it could.
    fn try_to_meet(&mut self, consumer: &str, cursors: &[Cursor]) -> Result<(), StoreError> {
        match self.meet(consumer, cursors) {
            Err(StoreError::Retry(why)) => {
                let source = self.feed.log();
                tracing::debug!(database = consumer, source, why, "a log cannot be reached yet");
                Ok(())
            }
            met => met,
        }
    }

    /// Compares the stored cursor, which is one of `cursors`, with where the log stands.
    fn meet(&mut self, consumer: &str, cursors: &[Cursor]) -> Result<(), StoreError> {
        let own = cursors.iter().find(|cursor| cursor.source == self.feed.cursor());
        let LogState { epoch, head, first } = self.feed.state()?;
        let at = match own {
            None => Position(0),
            Some(cursor) => {
                let at = Position(u64::try_from(cursor.position).unwrap_or(0));
                match (Epoch(cursor.epoch) == epoch, at > head) {
                    (true, true) => return Err(restored(consumer, self.feed.log(), at, head)),
                    // The operator started a new epoch: go on from what there is.
                    (false, true) => head,
                    (_, false) => at,
                }
            }
        };
        // It may have been followed in another number of lanes, before or since.
        let current = cursors.iter().filter(|cursor| Epoch(cursor.epoch) == epoch);
        let at = at.max(followed_through(self.feed.log(), current).min(head));
        if at.0 + 1 < first.0 {
            return Err(pruned(consumer, self.feed.log(), at, first));
        }
        (self.epoch, self.taken) = (Some(epoch), at);
        self.stored_at(at);
        Ok(())
    }

    /// The next rows, at most `room`; they count as taken in.
    ///
    /// # Errors
    /// If the log cannot be read now, or ends before what was taken in.
    pub(super) fn take(
        &mut self,
        consumer: &str,
        reader: &dyn Reader,
        room: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let epoch = match self.epoch {
            Some(epoch) => epoch,
            None => {
                self.try_to_meet(consumer, &cursors_of(self.feed.log(), reader)?)?;
                return Ok(Vec::new());
            }
        };
        let reach = self.feed.reach();
        if reach < self.taken {
            return Err(restored(consumer, self.feed.log(), self.taken, reach));
        }
        let rows = self.feed.after(self.taken, room)?;
        if rows.is_empty() {
            self.taken = self.taken.max(reach);
        }
        let source = SmolStr::new(self.feed.cursor());
        let deliver = |(position, entry)| {
            self.taken = self.taken.max(position);
            Delivery { source: source.clone(), epoch, through: self.taken, entry }
        };
        Ok(rows.into_iter().map(deliver).collect())
    }

    /// Its stored cursor stands at `at`.
    pub(super) fn stored_at(&mut self, at: Position) {
        self.saved = self.saved.max(at);
        self.feed.taken(self.saved);
    }

    /// The cursor as it is to be stored; none before the log is known.
    pub(super) fn stored(&self) -> Option<Cursor> {
        let position = i64::try_from(self.taken.0).unwrap_or(i64::MAX);
        Some(Cursor { source: SmolStr::new(self.feed.cursor()), epoch: self.epoch?.0, position })
    }
}

/// The cursors by which `log` is or was followed, whole or in lanes.
fn cursors_of(log: &str, reader: &dyn Reader) -> Result<Vec<Cursor>, StoreError> {
    let corrupt = |error| StoreError::Unusable(format!("cursors: {error}"));
    let cursors = reader.query(&Query::of(Cursor::TABLE, MOST_CURSORS))?;
    let cursors = cursors.iter().map(Cursor::from_row).collect::<Result<Vec<_>, _>>().map_err(corrupt)?;
    Ok(cursors.into_iter().filter(|cursor| follows(log, &cursor.source)).collect())
}

/// What `at` says of the sources of each log: of the one that is least far.
pub(super) fn by_log(sources: &[Source], at: impl Fn(&Source) -> Position) -> BTreeMap<&str, Position> {
    let mut logs = BTreeMap::new();
    for source in sources {
        let at = at(source);
        let least = logs.entry(source.feed.log()).or_insert(at);
        *least = at.min(*least);
    }
    logs
}

/// A consumer that was further than its source: the source was restored from an older backup.
fn restored(consumer: &str, source: &str, at: Position, head: Position) -> StoreError {
    StoreError::Unusable(format!(
        "{consumer} has read {} up to position {}, but its log ends at {}: {} was restored from an older backup; \
         check the audit, then start with --new-epoch {} to go on from its present state",
        source, at.0, head.0, source, source,
    ))
}

/// A consumer that has not read what its source has pruned: it was deleted, added later, or restored from an older backup.
fn pruned(consumer: &str, source: &str, at: Position, first: Position) -> StoreError {
    StoreError::Unusable(format!(
        "{consumer} has read {} up to position {}, but its log begins at {} by now: rows between are pruned, and {consumer} cannot \
         follow; restore a newer backup of it",
        source, at.0, first.0,
    ))
}

/// Those of `cursors` that are further than what is stored of them, within the transaction that is to store them. Another instance may
/// have followed the same log further: a cursor that went back would stand in rows that are pruned by now.
///
/// # Errors
/// What the store says.
pub(crate) fn ahead(store: &mut dyn Store, mut cursors: Vec<Cursor>) -> Result<Vec<Cursor>, StoreError> {
    if cursors.is_empty() {
        return Ok(cursors);
    }
    let mut keys: Vec<Key> = cursors.iter().map(|cursor| Key::from((cursor.source.clone(),))).collect();
    keys.sort_unstable();
    let corrupt = |error| StoreError::Unusable(format!("cursors: {error}"));
    for row in store.load(Cursor::TABLE, &keys, Intent::Change)? {
        let stored = Cursor::from_row(&row).map_err(corrupt)?;
        cursors.retain(|cursor| {
            (cursor.source != stored.source)
                || cursor.epoch != stored.epoch
                || cursor.position > stored.position
        });
    }
    Ok(cursors)
}
