//! One partition of a topic as a database hears it: a [`Feed`].

use crate::record::{Place, Record};
use crate::shelf::{Next, Shelf};
use kernel::said::Entry;
use kernel::{Key, Record as _};
use parking_lot::{Mutex, RwLock};
use runtime::feed::{lane_for, lane_name};
use runtime::ports::store::{Cursor, LogState, Position, Reader, StoreError};
use runtime::tail::{Observer, read_row};
use runtime::{Door, Feed};
use smol_str::SmolStr;
use std::sync::Arc;

/// Rows of the log that are read at a time, of all lanes, when some of this one are missing.
const PAGE: u32 = 1_000;

/// One partition of a topic as a database hears it.
pub struct Lane {
    consumer: String,
    log: String,
    cursor: String,
    lane: u32,
    lanes: u32,
    /// The log itself.
    source: Arc<dyn Reader>,
    /// The database that follows it.
    own: Arc<dyn Reader>,
    /// Where the log stood when it was asked.
    known: Mutex<Option<LogState>>,
    shelf: Mutex<Shelf>,
    followers: RwLock<Vec<Arc<Door>>>,
    observers: RwLock<Vec<Arc<dyn Observer>>>,
}

impl Lane {
    /// Lane `lane` of `lanes` of the log that `source` reads, as the database `consumer`, which `own` reads, hears it.
    #[must_use]
    pub fn new(
        consumer: &str,
        own: Arc<dyn Reader>,
        log: &str,
        source: Arc<dyn Reader>,
        (lane, lanes): (u32, u32),
    ) -> Self {
        Self {
            consumer: consumer.to_owned(),
            log: log.to_owned(),
            cursor: lane_name(log, lane, lanes),
            lane,
            lanes,
            source,
            own,
            known: Mutex::default(),
            shelf: Mutex::default(),
            followers: RwLock::default(),
            observers: RwLock::default(),
        }
    }

    /// The log was asked where it stands.
    pub(crate) fn learn(&self, state: LogState) {
        *self.known.lock() = Some(state);
        self.shelf.lock().know(state.epoch, state.head);
        self.wake();
    }

    /// A record has come, at `offset`.
    pub(crate) fn arrive(&self, offset: i64, record: &Record) {
        if self.shelf.lock().arrive(offset, record) {
            if let Some(entry) = &record.entry {
                self.show(&[(record.place.position, Arc::clone(entry))]);
            }
            self.wake();
        }
    }

    /// What was at `offset` could not be read and is set aside.
    pub(crate) fn set_aside(&self, offset: i64, place: Option<Place>) {
        if self.shelf.lock().set_aside(offset, place) {
            self.wake();
        }
    }

    /// Whether it is of interest that the partition has nothing more.
    pub(crate) fn awaits_end(&self) -> bool {
        self.shelf.lock().awaits_end()
    }

    /// Another instance has this lane: what it has committed is passed here too.
    ///
    /// # Errors
    /// If the cursor cannot be read.
    pub(crate) fn catch_up_with_others(&self) -> Result<(), StoreError> {
        let stored = self.stored()?;
        if stored > self.reach() {
            self.shelf.lock().take(stored);
            self.wake();
        }
        Ok(())
    }

    /// The partition has nothing more now.
    pub(crate) fn end(&self) {
        if self.shelf.lock().end() {
            self.wake();
        }
    }

    /// The partition is this process's from now on, or no more.
    pub(crate) fn move_house(&self) {
        self.shelf.lock().move_house();
    }

    /// The offset that can be committed, if it has moved since this was asked.
    pub(crate) fn committable(&self) -> Option<i64> {
        self.shelf.lock().committable()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.shelf.lock().is_full()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.shelf.lock().has_room()
    }

    fn wake(&self) {
        self.followers.read().iter().for_each(|door| door.wake());
    }

    fn show(&self, rows: &[(Position, Arc<Entry>)]) {
        self.observers.read().iter().for_each(|observer| observer.committed(rows));
    }

    /// Whether a record of another epoch means that the log has begun another life.
    fn meet_stranger(&self) -> Result<(), StoreError> {
        let (stranger, known) = {
            let shelf = self.shelf.lock();
            (shelf.stranger(), shelf.epoch())
        };
        if stranger.is_none() {
            return Ok(());
        }
        if Some(self.source.log_state()?.epoch) == known {
            self.shelf.lock().forget_stranger();
            return Ok(());
        }
        Err(StoreError::Unusable(format!(
            "{} has begun a new epoch since {} began to follow it: start {} again to go on",
            self.log, self.consumer, self.consumer
        )))
    }

    /// How far the follower's database is by its own account: another instance of its unit may have had this lane before.
    fn stored(&self) -> Result<Position, StoreError> {
        let key = Key::from((SmolStr::new(&self.cursor),));
        let rows = self.own.load(Cursor::TABLE, std::slice::from_ref(&key))?;
        let Some(row) = rows.first() else { return Ok(Position(0)) };
        let cursor =
            Cursor::from_row(row).map_err(|error| StoreError::Unusable(format!("cursors: {error}")))?;
        let same_epoch = self.shelf.lock().epoch().is_some_and(|epoch| epoch.0 == cursor.epoch);
        let position = u64::try_from(cursor.position).ok().filter(|_| same_epoch);
        Ok(Position(position.unwrap_or(0)))
    }

    /// The rows of this lane after `from` up to `through`, from the log itself, at most `limit`.
    fn read_log(
        &self,
        from: Position,
        through: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Arc<Entry>)>, StoreError> {
        let (mut at, mut rows) = (from, Vec::new());
        while at < through {
            let page = self.source.log_after(at, PAGE)?;
            if page.first().is_none_or(|first| first.position.0 != at.0 + 1) {
                return Err(self.gone(at, through));
            }
            for stored in page.iter().filter(|stored| stored.position <= through) {
                at = stored.position;
                if lane_for(stored.row.key, self.lanes) == self.lane {
                    rows.push(read_row(stored)?);
                }
                if rows.len() >= limit {
                    break;
                }
            }
            if rows.len() >= limit || page.last().is_some_and(|last| last.position >= through) {
                break;
            }
        }
        tracing::info!(
            log = self.cursor,
            from = from.0,
            through = at.0,
            rows = rows.len(),
            "rows that the broker did not have were read from the log"
        );
        Ok(rows)
    }

    /// Rows are missing, and the log has them no more.
    fn gone(&self, at: Position, through: Position) -> StoreError {
        let Self { consumer, log, .. } = self;
        match self.source.log_state() {
            Ok(LogState { first, .. }) if first.0 > at.0 + 1 => StoreError::Unusable(format!(
                "{consumer} has read {log} up to position {}, but its log begins at {} by now and the broker does not have the rows \
                 between: {consumer} cannot follow; restore a newer backup of it",
                at.0, first.0,
            )),
            Ok(LogState { head, .. }) if head < through => StoreError::Unusable(format!(
                "what {log} said was published up to position {}, but its log ends at {}: {log} was restored from an older backup; \
                 check the audit, then start with --new-epoch {log} to go on from its present state",
                through.0, head.0,
            )),
            Ok(_) => StoreError::Retry(format!("the log of {log} changed while it was read")),
            Err(error) => error,
        }
    }
}

impl Feed for Lane {
    fn is_remote(&self) -> bool {
        true
    }

    fn log(&self) -> &str {
        &self.log
    }

    fn cursor(&self) -> &str {
        &self.cursor
    }

    fn state(&self) -> Result<LogState, StoreError> {
        let known = *self.known.lock();
        known.ok_or_else(|| {
            StoreError::Retry(format!("nobody has said yet where the log of {} stands", self.log))
        })
    }

    fn reach(&self) -> Position {
        self.shelf.lock().reach()
    }

    fn follow(&self, door: Arc<Door>) {
        self.followers.write().push(door);
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.observers.write().push(observer);
    }

    fn after(&self, after: Position, limit: usize) -> Result<Vec<(Position, Arc<Entry>)>, StoreError> {
        self.meet_stranger()?;
        let mut at = after;
        loop {
            // Not held while somebody is asked: the broker's records go on arriving.
            let next = self.shelf.lock().next(at, limit);
            let (from, through) = match next {
                Next::Rows(rows) => return Ok(rows),
                Next::Missing(from, through) => (from, through),
            };
            let stored = self.stored()?;
            if stored > from {
                self.shelf.lock().take(stored);
                at = stored;
                continue;
            }
            let rows = self.read_log(from, through, limit)?;
            if !rows.is_empty() {
                self.show(&rows);
                return Ok(rows);
            }
            at = through;
        }
    }

    fn taken(&self, through: Position) {
        self.shelf.lock().take(through);
    }
}
