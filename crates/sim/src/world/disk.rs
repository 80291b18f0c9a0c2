//! A database as the simulator keeps it: it outlives the processes that work on it, and fails them now and then.

use super::faults::Fault;
use super::stage::{Life, Stage};
use super::trace::About;
use crate::rows;
use kernel::participation::Inbox;
use kernel::said::Entry;
use kernel::state::Write;
use kernel::topology::Database;
use kernel::{Key, Record, Row, Table, Value};
use parking_lot::Mutex;
use runtime::ports::store::{Cursor, Epoch, Intent, LogRow, LogState, Position, Reader, Store, StoreError};
use runtime::tail::read_row;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::sqlite::SqliteStore;
use uuid::Uuid;

/// What holds the rows.
pub(crate) enum Backend {
    /// The real SQLite one, in memory: one writer.
    Sqlite(Arc<Mutex<SqliteStore>>),
    /// A model of PostgreSQL's visibility: several writers.
    Rows(rows::Database),
}

/// A database.
pub(crate) struct Disk {
    database: Database,
    backend: Backend,
    reader: Arc<dyn Reader>,
    stage: Arc<Stage>,
    head: AtomicU64,
    /// The log as it was read last: rows do not change.
    entries: Mutex<Vec<(Position, Arc<Entry>)>>,
    /// Until when nothing is taken, and why.
    away: Mutex<Option<(Duration, StoreError)>>,
    /// A saga whose inbox rows are rejected.
    poison: Mutex<Option<Uuid>>,
}

impl Disk {
    /// An empty database with `tables`.
    ///
    /// # Errors
    /// If the tables make no sense.
    pub(crate) fn new(
        stage: &Arc<Stage>,
        database: Database,
        tables: &[&'static Table],
        racing: bool,
    ) -> Result<Arc<Self>, StoreError> {
        let epoch = Epoch(Uuid::from_u128(1));
        let (backend, reader) = if racing {
            let rows = rows::Database::new(tables, epoch)?;
            let reader = rows.reader();
            (Backend::Rows(rows), reader)
        } else {
            let store = SqliteStore::open_in_memory(tables, epoch)?;
            let reader = store.reader();
            (Backend::Sqlite(Arc::new(Mutex::new(store))), reader)
        };
        Ok(Arc::new(Self {
            database,
            backend,
            reader,
            stage: Arc::clone(stage),
            head: AtomicU64::default(),
            entries: Mutex::default(),
            away: Mutex::default(),
            poison: Mutex::default(),
        }))
    }

    /// Its name.
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        &self.database.name
    }

    /// The unit that works on it.
    #[must_use]
    pub(crate) fn unit(&self) -> &str {
        &self.database.unit
    }

    /// Which database it is.
    #[must_use]
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Committed rows, past every fault.
    #[must_use]
    pub(crate) fn reader(&self) -> &Arc<dyn Reader> {
        &self.reader
    }

    /// The last position of its log.
    #[must_use]
    pub(crate) fn head(&self) -> Position {
        Position(self.head.load(Ordering::Relaxed))
    }

    /// Where its log stands.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn log_state(&self) -> Result<LogState, StoreError> {
        self.reader.log_state()
    }

    /// Rows after `after` up to `through` of keys that are `wanted`, at most `limit`.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(crate) fn entries(
        &self,
        after: Position,
        through: Position,
        limit: usize,
        wanted: impl Fn(Uuid) -> bool,
    ) -> Result<Vec<(Position, Arc<Entry>)>, StoreError> {
        let mut known = self.entries.lock();
        let last = known.last().map_or(Position(0), |(position, _)| *position);
        if through > last {
            let count = u32::try_from(through.0 - last.0).unwrap_or(u32::MAX);
            for stored in self.reader.log_after(last, count)? {
                known.push(read_row(&stored)?);
            }
        }
        let from = known.partition_point(|(position, _)| *position <= after);
        let rows = known[from..].iter().take_while(|(position, _)| *position <= through);
        Ok(rows.filter(|(_, entry)| wanted(entry.key)).take(limit).cloned().collect())
    }

    /// From now on a commit with inbox rows of `saga` is rejected.
    pub(crate) fn poison(&self, saga: Uuid) {
        *self.poison.lock() = Some(saga);
    }

    /// It takes everything again.
    pub(crate) fn recover(&self) {
        *self.poison.lock() = None;
        *self.away.lock() = None;
    }

    /// What a process works with: a session and a reader. A transaction that a killed process left open is gone.
    #[must_use]
    pub(crate) fn open(
        self: &Arc<Self>,
        life: &Arc<Life>,
        between: &Arc<dyn rows::Disturbance>,
    ) -> (Box<dyn Store>, Arc<dyn Reader>) {
        let inner: Box<dyn Store> = match &self.backend {
            Backend::Sqlite(store) => {
                store.lock().roll_back();
                Box::new(Shared(Arc::clone(store)))
            }
            Backend::Rows(rows) => Box::new(rows.disturbed_session(Arc::clone(between))),
        };
        let session = Session { disk: Arc::clone(self), inner, life: Arc::clone(life), last: Last::Asked };
        (Box::new(session), Arc::clone(&self.reader))
    }

    /// Whether a call can be made now.
    fn call(&self) -> Result<(), StoreError> {
        let now = self.stage.time.elapsed();
        let mut away = self.away.lock();
        if let Some((until, error)) = away.as_ref() {
            if *until > now && !self.stage.faults.is_calm() {
                return Err(error.clone());
            }
            *away = None;
        }
        Ok(())
    }

    /// Maybe it takes nothing for a while.
    fn maybe_refuse(&self) {
        let faults = &self.stage.faults;
        let error = if faults.strikes(Fault::StoreRefuses) {
            StoreError::Retry("by the simulator".to_owned())
        } else if faults.strikes(Fault::DiskFull) {
            StoreError::Full("by the simulator".to_owned())
        } else {
            return;
        };
        let long = Duration::from_millis(faults.dice().between(1, 5_000));
        self.stage.trace.fault(self.name(), &format!("the database says for {long:?}: {error}"));
        *self.away.lock() = Some((self.stage.time.elapsed() + long, error));
    }

    fn is_poisoned(&self, writes: &[Write]) -> bool {
        let poison = *self.poison.lock();
        let hit = |write: &Write| poison.is_some_and(|saga| names(&write.key, saga));
        let hit = writes.iter().any(|write| write.table.name == Inbox::TABLE.name && hit(write));
        if hit {
            self.stage.faults.count(Fault::PoisonMessage);
        }
        hit
    }

    fn committed(&self, first: Position, log: &[LogRow]) {
        if log.is_empty() {
            return;
        }
        self.head.fetch_max(first.0 + log.len() as u64 - 1, Ordering::Relaxed);
        for row in log {
            let about = About::Only(vec![row.key.as_u128()]);
            let what = || format!("says {}", said(&row.body));
            self.stage.trace.note(self.name(), row.body.as_bytes(), about, what);
        }
    }
}

/// Whether a key begins with this id.
fn names(key: &Key, id: Uuid) -> bool {
    matches!(key.0.first(), Some(Value::Id(found)) if *found == id)
}

/// The words of a log row.
fn said(body: &str) -> String {
    match serde_json::from_str::<Entry>(body) {
        Ok(entry) => {
            let words = entry.events.iter().map(|event| event.said.name().to_string());
            words.collect::<Vec<_>>().join(", ")
        }
        Err(error) => format!("what does not read: {error}"),
    }
}

/// A process's session with its database.
struct Session {
    disk: Arc<Disk>,
    inner: Box<dyn Store>,
    life: Arc<Life>,
    /// What became of the last commit.
    last: Last,
}

/// What became of a commit, as far as the simulator knows.
#[derive(Clone, Copy)]
enum Last {
    /// It never came to the database.
    Refused,
    /// It happened, its log rows from here on, and nobody was told.
    Unsure(Position),
    /// The database knows.
    Asked,
}

impl Session {
    fn die(&self, fault: Fault) -> StoreError {
        self.disk.stage.trace.fault(&self.life.name, fault.words());
        self.life.kill();
        StoreError::Retry("the process is gone".to_owned())
    }
}

impl Store for Session {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.disk.maybe_refuse();
        self.disk.call()?;
        self.inner.begin()
    }

    fn load(&mut self, table: &'static Table, keys: &[Key], intent: Intent) -> Result<Vec<Row>, StoreError> {
        self.disk.call()?;
        self.inner.load(table, keys, intent)
    }

    fn commit(&mut self, writes: &[Write], log: &[LogRow]) -> Result<Position, StoreError> {
        let faults = &self.disk.stage.faults;
        let refusal = if self.disk.is_poisoned(writes) {
            Some(StoreError::Rejected("by the simulator".to_owned()))
        } else if faults.strikes(Fault::CrashBeforeCommit) {
            Some(self.die(Fault::CrashBeforeCommit))
        } else {
            self.disk.call().err()
        };
        if let Some(error) = refusal {
            self.inner.roll_back();
            self.last = Last::Refused;
            return Err(error);
        }
        self.last = Last::Asked;
        let first = self.inner.commit(writes, log)?;
        self.disk.committed(first, log);
        if faults.strikes(Fault::CrashAfterCommit) {
            return Err(self.die(Fault::CrashAfterCommit));
        }
        if faults.strikes(Fault::CommitUnsure) {
            self.disk.stage.trace.fault(&self.life.name, Fault::CommitUnsure.words());
            self.last = Last::Unsure(first);
            return Err(StoreError::Retry("the answer to COMMIT was lost".to_owned()));
        }
        // A process that dies here has said something, and moved no cursor of those who hear it.
        let moves_cursor = writes.iter().any(|write| write.table.name == Cursor::TABLE.name);
        if !log.is_empty() && !moves_cursor && faults.strikes(Fault::CrashAfterPublish) {
            self.disk.stage.trace.fault(&self.life.name, Fault::CrashAfterPublish.words());
            self.life.kill();
        }
        Ok(first)
    }

    fn settle(&mut self) -> Result<Option<Position>, StoreError> {
        self.disk.call()?;
        match self.last {
            Last::Refused => Ok(None),
            Last::Unsure(first) => Ok(Some(first)),
            Last::Asked => self.inner.settle(),
        }
    }

    fn roll_back(&mut self) {
        self.inner.roll_back();
    }

    fn prune_log(&mut self, through: Position) -> Result<(), StoreError> {
        self.disk.call()?;
        self.inner.prune_log(through)
    }

    fn new_epoch(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        self.inner.new_epoch(epoch)
    }
}

/// One SQLite store for one process after another.
struct Shared(Arc<Mutex<SqliteStore>>);

impl Store for Shared {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.0.lock().begin()
    }

    fn load(&mut self, table: &'static Table, keys: &[Key], intent: Intent) -> Result<Vec<Row>, StoreError> {
        self.0.lock().load(table, keys, intent)
    }

    fn commit(&mut self, writes: &[Write], log: &[LogRow]) -> Result<Position, StoreError> {
        self.0.lock().commit(writes, log)
    }

    fn roll_back(&mut self) {
        self.0.lock().roll_back();
    }

    fn prune_log(&mut self, through: Position) -> Result<(), StoreError> {
        self.0.lock().prune_log(through)
    }

    fn new_epoch(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        self.0.lock().new_epoch(epoch)
    }
}
