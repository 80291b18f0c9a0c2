//! How one database hears another: the readers of its event log *are* the bus.
//!
//! What was just committed is handed on from memory; the log itself is read again only for recovery and slow readers. A
//! reader asks by position, so nothing can be skipped and nothing needs to be acknowledged.

use crate::door::Door;
use crate::feed::Feed;
use crate::ports::store::{Epoch, LogState, Position, Reader, StoreError, StoredLogRow};
use kernel::said::Entry;
use parking_lot::RwLock;
use std::collections::VecDeque;
use std::sync::Arc;

/// Rows kept in memory for readers that keep up.
const KEPT: usize = 4_096;

/// What sees every row of a log right after its commit.
pub trait Observer: Send + Sync {
    /// Rows that were just committed, in order.
    fn committed(&self, rows: &[(Position, Arc<Entry>)]);

    /// Rows may have been passed over: the log could not be heard for a while. What was concluded from having seen all is void.
    fn lost(&self) {}
}

/// One database's log, as others follow it.
pub struct Tail {
    name: String,
    reader: Arc<dyn Reader>,
    recent: RwLock<Recent>,
    followers: RwLock<Vec<Arc<Door>>>,
    observers: RwLock<Vec<Arc<dyn Observer>>>,
}

struct Recent {
    epoch: Epoch,
    head: Position,
    rows: VecDeque<(Position, Arc<Entry>)>,
}

impl Tail {
    /// The log of the database called `name`.
    ///
    /// # Errors
    /// If the store cannot say where its log stands.
    pub fn new(name: &str, reader: Arc<dyn Reader>) -> Result<Arc<Self>, StoreError> {
        let LogState { epoch, head, .. } = reader.log_state()?;
        let recent = RwLock::new(Recent { epoch, head, rows: VecDeque::new() });
        let (followers, observers) = (RwLock::default(), RwLock::default());
        Ok(Arc::new(Self { name: name.to_owned(), reader, recent, followers, observers }))
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its epoch and the last position.
    #[must_use]
    pub fn head(&self) -> (Epoch, Position) {
        let recent = self.recent.read();
        (recent.epoch, recent.head)
    }

    /// Takes in what another instance of this unit has committed since.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn refresh(&self) -> Result<(), StoreError> {
        let (_, known) = self.head();
        let LogState { head, .. } = self.reader.log_state()?;
        if head > known {
            self.catch_up(known, head);
        }
        Ok(())
    }

    /// Takes in what was just committed: `rows`, of which the first stands (or the next would stand) at `first`. What was
    /// committed before it and never handed on (its commit happened, and an error was reported) is read back from the log.
    pub fn push(&self, first: Position, rows: &[(Position, Arc<Entry>)]) {
        let (_, head) = self.head();
        if first.0 > head.0 + 1 {
            self.catch_up(head, Position(first.0 - 1));
        }
        self.hand_on(rows);
    }

    /// Hands on the rows after `head` up to `through`.
    fn catch_up(&self, head: Position, through: Position) {
        let limit = u32::try_from(through.0 - head.0).unwrap_or(u32::MAX);
        let missed = self.reader.log_after(head, limit);
        match missed.and_then(|rows| rows.iter().map(read_row).collect::<Result<Vec<_>, _>>()) {
            Ok(rows) => self.hand_on(&rows),
            Err(error) => {
                tracing::warn!(database = self.name, %error, "committed log rows could not be read back; followers read them");
                let mut recent = self.recent.write();
                recent.rows.clear();
                recent.head = through;
            }
        }
    }

    fn hand_on(&self, rows: &[(Position, Arc<Entry>)]) {
        {
            let mut recent = self.recent.write();
            // What was read back meanwhile, because another instance committed after it, is known.
            let known = rows.partition_point(|(position, _)| *position <= recent.head);
            let rows = &rows[known..];
            let (Some((first, _)), Some((last, _))) = (rows.first(), rows.last()) else { return };
            if first.0 != recent.head.0 + 1 {
                // What is kept has no gaps: who is behind one reads the log.
                recent.rows.clear();
            }
            recent.head = *last;
            recent.rows.extend(rows.iter().cloned());
            let surplus = recent.rows.len().saturating_sub(KEPT);
            recent.rows.drain(..surplus);
        }
        for observer in self.observers.read().iter() {
            observer.committed(rows);
        }
        for door in self.followers.read().iter() {
            door.wake();
        }
    }
}

impl Feed for Tail {
    fn log(&self) -> &str {
        &self.name
    }

    fn state(&self) -> Result<LogState, StoreError> {
        let (epoch, head) = self.head();
        Ok(LogState { epoch, head, first: self.reader.log_state()?.first })
    }

    fn reach(&self) -> Position {
        self.recent.read().head
    }

    fn follow(&self, door: Arc<Door>) {
        self.followers.write().push(door);
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.observers.write().push(observer);
    }

    fn after(&self, after: Position, limit: usize) -> Result<Vec<(Position, Arc<Entry>)>, StoreError> {
        {
            let recent = self.recent.read();
            if after >= recent.head {
                return Ok(Vec::new());
            }
            if let Some((first, _)) = recent.rows.front().filter(|(first, _)| first.0 <= after.0 + 1) {
                let skip = usize::try_from(after.0 + 1 - first.0).unwrap_or(usize::MAX);
                return Ok(recent.rows.iter().skip(skip).take(limit).cloned().collect());
            }
        }
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        self.reader.log_after(after, limit)?.iter().map(read_row).collect()
    }
}

/// A stored log row as an entry.
///
/// # Errors
/// [`StoreError::Unusable`] if the row does not read.
pub fn read_row(stored: &StoredLogRow) -> Result<(Position, Arc<Entry>), StoreError> {
    let entry: Entry = serde_json::from_str(&stored.row.body)
        .map_err(|error| StoreError::Unusable(format!("log row {}: {error}", stored.position.0)))?;
    Ok((stored.position, Arc::new(entry)))
}
