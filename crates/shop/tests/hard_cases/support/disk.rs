//! Databases, in memory unless a test says otherwise, that outlive their workers, count calls and fail by script.

use kernel::state::Write;
use kernel::{Key, Row, Table};
use runtime::ports::store::{
    Chain, Epoch, Intent, LogRow, LogState, Position, Query, Reader, Store, StoreError, StoredLogRow, Top,
};
use std::sync::{Arc, Mutex, MutexGuard};
use store::sqlite::SqliteStore;

/// How one commit goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upset {
    /// Nothing is committed.
    Before,
    /// It is committed, and an error is reported.
    After,
}

/// Counts the commits of all databases of a world, so that a test can upset the n-th one.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Upsets>);

#[derive(Default)]
struct Upsets {
    commits: u64,
    at: Option<(u64, Upset)>,
    happened: bool,
}

impl Faults {
    /// The commit `count` commits from now goes wrong (1: the next one).
    pub(crate) fn upset_in(&self, count: u64, upset: Upset) {
        let mut upsets = self.0.lock().unwrap();
        upsets.at = Some((upsets.commits + count, upset));
        upsets.happened = false;
    }

    /// Whether it went wrong; forgets it.
    pub(crate) fn happened(&self) -> bool {
        std::mem::take(&mut self.0.lock().unwrap().happened)
    }

    /// Commits so far.
    pub(crate) fn commits(&self) -> u64 {
        self.0.lock().unwrap().commits
    }

    fn next(&self) -> Option<Upset> {
        let mut upsets = self.0.lock().unwrap();
        upsets.commits += 1;
        let upset = upsets.at.filter(|(at, _)| *at == upsets.commits).map(|(_, upset)| upset);
        upsets.happened |= upset.is_some();
        upset
    }
}

type Rejects = Box<dyn Fn(&Write) -> bool + Send>;

/// One database.
#[derive(Clone)]
pub(crate) struct Disk {
    state: Arc<Mutex<State>>,
    reader: Arc<dyn Reader>,
    faults: Arc<Faults>,
}

struct State {
    store: Box<dyn Store>,
    calls: u64,
    reads: u64,
    away: Option<StoreError>,
    rejects: Option<Rejects>,
    log_away: bool,
    unreadable: bool,
}

impl Disk {
    pub(crate) fn new(tables: &[&'static Table], epoch: Epoch, faults: Arc<Faults>) -> Self {
        let store = SqliteStore::open_in_memory(tables, epoch).unwrap();
        let reader = store.reader();
        Self::over(Box::new(store), reader, faults)
    }

    /// The same over another store, new and empty.
    pub(crate) fn over(store: Box<dyn Store>, reader: Arc<dyn Reader>, faults: Arc<Faults>) -> Self {
        let state = State {
            store,
            calls: 0,
            reads: 0,
            away: None,
            rejects: None,
            log_away: false,
            unreadable: false,
        };
        Self { state: Arc::new(Mutex::new(state)), reader, faults }
    }

    /// Another database with the same rows and log, as a backup holds them.
    pub(crate) fn copy(&self, tables: &[&'static Table]) -> Self {
        let log_state = self.reader.log_state().unwrap();
        let copy = Self::new(tables, log_state.epoch, Arc::clone(&self.faults));
        let mut writes = Vec::new();
        for table in tables {
            for row in self.reader.query(&Query::of(table, u32::MAX)).unwrap() {
                writes.push(Write { table, key: Key::of_row(table, &row), row: Some(row) });
            }
        }
        writes.sort_unstable_by(|a, b| (a.table.name, &a.key).cmp(&(b.table.name, &b.key)));
        let log = self.reader.log_after(Position(0), u32::MAX).unwrap();
        let log: Vec<LogRow> = log.into_iter().map(|stored| stored.row).collect();
        copy.write(&writes, &log);
        copy
    }

    /// Writes past every script: how a test breaks or repairs rows.
    pub(crate) fn write(&self, writes: &[Write], log: &[LogRow]) {
        let mut state = self.lock();
        state.store.begin().unwrap();
        state.store.commit(writes, log).unwrap();
    }

    /// From now on every call fails so; `None`: it works again.
    pub(crate) fn away(&self, error: Option<StoreError>) {
        self.lock().away = error;
    }

    /// From now on a commit with such a write is rejected.
    pub(crate) fn rejects(&self, rejects: impl Fn(&Write) -> bool + Send + 'static) {
        self.lock().rejects = Some(Box::new(rejects));
    }

    /// Takes everything again.
    pub(crate) fn takes_all(&self) {
        self.lock().rejects = None;
    }

    /// Whether the log cannot be read.
    pub(crate) fn log_away(&self, away: bool) {
        self.lock().log_away = away;
    }

    /// Whether committed rows cannot be read: nobody can ask the domains of this database anything.
    pub(crate) fn unreadable(&self, unreadable: bool) {
        self.lock().unreadable = unreadable;
    }

    /// How often committed rows were read by their keys so far: what a quote asks an owner.
    pub(crate) fn reads(&self) -> u64 {
        self.lock().reads
    }

    /// Calls of the writing side so far.
    pub(crate) fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Starts a new epoch.
    pub(crate) fn new_epoch(&self, epoch: Epoch) {
        self.lock().store.new_epoch(epoch).unwrap();
    }

    /// What a killed process leaves: no open transaction.
    pub(crate) fn abandon(&self) {
        self.lock().store.roll_back();
    }

    pub(crate) fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(Reading(self.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The database for one call, unless it is away.
    fn call(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let mut state = self.lock();
        state.calls += 1;
        match state.away.clone() {
            Some(error) => Err(error),
            None => Ok(state),
        }
    }
}

impl Store for Disk {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.call()?.store.begin()
    }

    fn load(&mut self, table: &'static Table, keys: &[Key], intent: Intent) -> Result<Vec<Row>, StoreError> {
        self.call()?.store.load(table, keys, intent)
    }

    fn commit(&mut self, writes: &[Write], log: &[LogRow]) -> Result<Position, StoreError> {
        let upset = self.faults.next();
        let mut state = self.call()?;
        let lost = || StoreError::Retry("the connection was lost during COMMIT".to_owned());
        let rejected = state.rejects.as_ref().is_some_and(|rejects| writes.iter().any(rejects));
        match upset {
            _ if rejected => {
                state.store.roll_back();
                Err(StoreError::Rejected("by the test's script".to_owned()))
            }
            Some(Upset::Before) => {
                state.store.roll_back();
                Err(lost())
            }
            Some(Upset::After) => state.store.commit(writes, log).and_then(|_| Err(lost())),
            None => state.store.commit(writes, log),
        }
    }

    fn roll_back(&mut self) {
        self.lock().store.roll_back();
    }

    fn prune_log(&mut self, through: Position) -> Result<(), StoreError> {
        self.call()?.store.prune_log(through)
    }

    fn new_epoch(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        self.call()?.store.new_epoch(epoch)
    }
}

struct Reading(Disk);

impl Reading {
    fn log(&self) -> Result<&dyn Reader, StoreError> {
        match self.0.lock().log_away {
            true => Err(StoreError::Retry("the log's database is away".to_owned())),
            false => Ok(self.0.reader.as_ref()),
        }
    }
}

impl Reader for Reading {
    fn load(&self, table: &'static Table, keys: &[Key]) -> Result<Vec<Row>, StoreError> {
        let mut state = self.0.lock();
        state.reads += 1;
        match state.unreadable {
            true => Err(StoreError::Retry("the database is away".to_owned())),
            false => self.0.reader.load(table, keys),
        }
    }

    fn query(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.0.reader.query(query)
    }

    fn top(&self, top: &Top) -> Result<Vec<Row>, StoreError> {
        self.0.reader.top(top)
    }

    fn follow(&self, chain: &Chain) -> Result<Vec<Row>, StoreError> {
        self.0.reader.follow(chain)
    }

    fn log_after(&self, after: Position, limit: u32) -> Result<Vec<StoredLogRow>, StoreError> {
        self.log()?.log_after(after, limit)
    }

    fn log_of(&self, key: uuid::Uuid) -> Result<Vec<StoredLogRow>, StoreError> {
        self.0.reader.log_of(key)
    }

    fn log_state(&self) -> Result<LogState, StoreError> {
        self.0.reader.log_state()
    }

    fn snapshot(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.0.reader.snapshot()
    }
}
