//! A model of a PostgreSQL database behind the store port, for what SQLite's one writer cannot show: sessions that race, and
//! commits that come late.
//!
//! What it keeps of PostgreSQL is its visibility under READ COMMITTED, with the locks that the port asks for:
//!
//! - Every load sees what is committed at that moment, not at the transaction's begin.
//! - A load for a change locks the rows that it finds, until the transaction ends. What it does not find it cannot lock:
//!   somebody else may insert it, and then this transaction's own insert is a unique violation.
//! - A claim takes its keys whether they are there or not, as `INSERT … ON CONFLICT DO NOTHING` does.
//! - A row put without a load is an upsert: it waits for locks, and replaces whatever is there.
//! - Log positions are given under the log's lock, which is held to the commit. [`Database::skip_late_commits`] gives them from
//!   a sequence instead, which is the mistake that this lock prevents.
//!
//! Everything runs in one thread, so nobody can wait for a lock: whoever would have to gets [`StoreError::Retry`], as
//! `lock_timeout` or a deadlock would give, and its transaction is dead until it is rolled back. Sessions overlap because a
//! [`Disturbance`] is called in the middle of their calls and may let others work: no lock of this module is held then.
//!
//! The same calls give the same results: nothing is hashed by a random seed, no clock is read and no number drawn.

mod committed;
mod disturbance;
mod locks;
mod log;
mod session;
mod table;

#[cfg(test)]
mod tests;

pub use committed::Committed;
pub use disturbance::{Call, Calm, Disturbance, Fault, Moment};
pub use session::Session;

use disturbance::lost;
use kernel::table::{Key, Row, Table};
use locks::Locks;
use parking_lot::Mutex;
use runtime::ports::store::{Chain, Epoch, LogState, Position, Query, Reader, StoreError, StoredLogRow, Top};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// One session of a database: one for each [`Session`] ever opened, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

/// A database: what is committed, and who is about to change it. Clones are handles on the same one.
#[derive(Clone)]
pub struct Database(Arc<Mutex<State>>);

struct State {
    committed: Committed,
    locks: Locks,
    /// Open transactions. A session whose transaction is not here any more has lost it.
    open: BTreeMap<SessionId, session::Transaction>,
    /// Sessions opened so far.
    sessions: u64,
    /// The last position that was given out without the log's lock; `None` while positions are given under it.
    sequence: Option<u64>,
}

impl Database {
    /// An empty database with `tables`.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if `tables` make no sense.
    pub fn new(tables: &[&'static Table], epoch: Epoch) -> Result<Self, StoreError> {
        Ok(Self::holding(Committed::empty(tables, epoch)?))
    }

    fn holding(committed: Committed) -> Self {
        let (locks, open) = (Locks::default(), BTreeMap::new());
        Self(Arc::new(Mutex::new(State { committed, locks, open, sessions: 0, sequence: None })))
    }

    /// Another database with the same rows, log and epoch: a backup. Cheap, whatever it holds; what is changed in either
    /// later is copied then.
    #[must_use]
    pub fn clone_committed(&self) -> Self {
        Self::holding(self.committed())
    }

    /// What is committed now.
    #[must_use]
    pub fn committed(&self) -> Committed {
        self.0.lock().committed.clone()
    }

    /// Opens a session that nothing disturbs.
    #[must_use]
    pub fn session(&self) -> Session {
        self.disturbed_session(Arc::new(Calm))
    }

    /// Opens a session that `disturbance` looks in on.
    #[must_use]
    pub fn disturbed_session(&self, disturbance: Arc<dyn Disturbance>) -> Session {
        let mut state = self.0.lock();
        state.sessions += 1;
        Session::new(self.clone(), SessionId(state.sessions), disturbance)
    }

    /// A reader that nothing disturbs.
    #[must_use]
    pub fn reader(&self) -> Arc<dyn Reader> {
        self.disturbed_reader(Arc::new(Calm))
    }

    /// A reader that `disturbance` looks in on. Its snapshots are left alone.
    #[must_use]
    pub fn disturbed_reader(&self, disturbance: Arc<dyn Disturbance>) -> Arc<dyn Reader> {
        Arc::new(DatabaseReader { database: self.clone(), disturbance })
    }

    /// The server ends a session's transaction, if one is open: its locks are free, and whatever the session says next within it
    /// fails. Also in the middle of a call, from a [`Disturbance`].
    pub fn kill(&self, session: SessionId) {
        self.0.lock().end(session);
    }

    /// From now on positions are given by a sequence, before the commit and without the log's lock: of two transactions the one
    /// with the lower positions may be seen later, and a reader that has passed them skips it. This is a bug on purpose.
    pub fn skip_late_commits(&self) {
        let mut state = self.0.lock();
        let head = state.committed.log.state().head;
        state.sequence.get_or_insert(head.0);
    }
}

impl State {
    /// Ends a session's transaction without its changes.
    fn end(&mut self, session: SessionId) {
        if let Some(transaction) = self.open.remove(&session) {
            self.locks.release(transaction.held);
            self.locks.release_log(session);
        }
    }
}

/// Reads what is committed at the moment of each call.
struct DatabaseReader {
    database: Database,
    disturbance: Arc<dyn Disturbance>,
}

impl DatabaseReader {
    fn read<T>(
        &self,
        call: &Call,
        read: impl FnOnce(&Committed) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.disturbance.fault(call) {
            Some(Fault::Fails(error)) => Err(error),
            Some(Fault::LosesSession | Fault::LosesAnswer) => Err(lost()),
            None => read(&self.database.0.lock().committed),
        }
    }
}

impl Reader for DatabaseReader {
    fn load(&self, table: &'static Table, keys: &[Key]) -> Result<Vec<Row>, StoreError> {
        self.read(&Call::Read(table), |committed| committed.load(table, keys))
    }

    fn query(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.read(&Call::Read(query.table), |committed| committed.query(query))
    }

    fn top(&self, top: &Top) -> Result<Vec<Row>, StoreError> {
        self.read(&Call::Read(top.table), |committed| committed.top(top))
    }

    fn follow(&self, chain: &Chain) -> Result<Vec<Row>, StoreError> {
        self.read(&Call::Read(chain.table), |committed| committed.follow(chain))
    }

    fn log_after(&self, after: Position, limit: u32) -> Result<Vec<StoredLogRow>, StoreError> {
        self.read(&Call::ReadLog, |committed| committed.log_after(after, limit))
    }

    fn log_of(&self, key: Uuid) -> Result<Vec<StoredLogRow>, StoreError> {
        self.read(&Call::ReadLog, |committed| committed.log_of(key))
    }

    fn log_state(&self) -> Result<LogState, StoreError> {
        self.read(&Call::ReadLog, Committed::log_state)
    }

    fn snapshot(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.read(&Call::ReadLog, Committed::snapshot)
    }
}
