//! A session: the writing side of a database, one transaction at a time.

use super::committed::check_key;
use super::disturbance::{Call, Disturbance, Fault, Moment, lost};
use super::locks::Held;
use super::{Database, SessionId, State};
use kernel::state::Write;
use kernel::table::{Key, Row, Table};
use runtime::ports::store::{Epoch, Intent, LogRow, Position, Store, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// An open transaction, as the server knows it.
#[derive(Default)]
pub(super) struct Transaction {
    /// Rows and keys that it has locked.
    pub(super) held: Vec<Held>,
    /// Keys that it has found absent, and could not lock.
    absent: BTreeSet<Held>,
    /// A call of it failed: it can only be rolled back.
    dead: bool,
}

/// The writing side of a [`Database`]. Dropped, it leaves no transaction open.
pub struct Session {
    database: Database,
    id: SessionId,
    disturbance: Arc<dyn Disturbance>,
    begun: bool,
    /// Where the last commit's log rows stand, if it happened: the server knows, whatever the client heard.
    happened: Option<Position>,
}

impl Session {
    pub(super) fn new(database: Database, id: SessionId, disturbance: Arc<dyn Disturbance>) -> Self {
        Self { database, id, disturbance, begun: false, happened: None }
    }

    /// Which session this is.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    fn between(&self, moment: Moment) {
        self.disturbance.between(self.id, &moment);
    }

    /// What goes wrong with `call` before it is done.
    fn suffer(&self, call: Call) -> Result<Answer, StoreError> {
        match self.disturbance.fault(&call) {
            None => Ok(Answer::Heard),
            Some(Fault::LosesAnswer) => Ok(Answer::Lost),
            Some(Fault::Fails(error)) => Err(error),
            Some(Fault::LosesSession) => {
                self.database.kill(self.id);
                Err(lost())
            }
        }
    }

    /// A change in a transaction of its own.
    fn alone(&self, call: Call, change: impl FnOnce(&mut State)) -> Result<(), StoreError> {
        if self.begun {
            return Err(StoreError::Unusable("a batch's transaction is open".to_owned()));
        }
        let answer = self.suffer(call)?;
        change(&mut self.database.0.lock());
        answer.or_lost(())
    }

    /// Writes, and makes all of it visible. Others may work while it is written and unseen.
    fn write(&mut self, writes: &[Write], log: &[LogRow]) -> Result<Position, StoreError> {
        self.happened = None;
        let answer = self.suffer(Call::Commit)?;
        let first = self.database.0.lock().write(self.id, writes, log)?;
        self.between(Moment::Committing { first });
        self.database.0.lock().commit(self.id, writes, first, log)?;
        self.happened = Some(first);
        self.between(Moment::Committed);
        answer.or_lost(first)
    }
}

/// Whether a call's answer will be heard.
#[derive(Clone, Copy)]
enum Answer {
    Heard,
    Lost,
}

impl Answer {
    fn or_lost<T>(self, answer: T) -> Result<T, StoreError> {
        match self {
            Self::Heard => Ok(answer),
            Self::Lost => Err(lost()),
        }
    }
}

impl Store for Session {
    fn begin(&mut self) -> Result<(), StoreError> {
        if self.begun {
            self.roll_back();
            return Err(StoreError::Unusable("the last batch's transaction is still open".to_owned()));
        }
        self.suffer(Call::Begin)?.or_lost(())?;
        self.begun = true;
        self.database.0.lock().open.insert(self.id, Transaction::default());
        self.between(Moment::Begun);
        Ok(())
    }

    fn load(&mut self, table: &'static Table, keys: &[Key], intent: Intent) -> Result<Vec<Row>, StoreError> {
        if !self.begun {
            return Err(StoreError::Unusable("a load without a begin".to_owned()));
        }
        let suffered = self.suffer(Call::Load(table)).and_then(|answer| answer.or_lost(()));
        let loaded = self.database.0.lock().load(self.id, table, keys, intent, suffered)?;
        self.between(Moment::Loaded { table, intent });
        Ok(loaded)
    }

    fn commit(&mut self, writes: &[Write], log: &[LogRow]) -> Result<Position, StoreError> {
        if !std::mem::take(&mut self.begun) {
            return Err(StoreError::Unusable("a commit without a begin".to_owned()));
        }
        let written = self.write(writes, log);
        self.database.kill(self.id);
        written
    }

    fn settle(&mut self) -> Result<Option<Position>, StoreError> {
        self.suffer(Call::Settle)?.or_lost(self.happened)
    }

    fn roll_back(&mut self) {
        self.begun = false;
        self.database.kill(self.id);
    }

    fn prune_log(&mut self, through: Position) -> Result<(), StoreError> {
        self.alone(Call::PruneLog, |state| state.committed.log_mut().prune(through))
    }

    fn new_epoch(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        self.alone(Call::NewEpoch, |state| state.committed.log_mut().begin_epoch(epoch))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.roll_back();
    }
}

impl State {
    /// The transaction of `session`, if it still is one that can do anything.
    fn live(&mut self, session: SessionId) -> Result<&mut Transaction, StoreError> {
        match self.open.get_mut(&session) {
            Some(transaction) if transaction.dead => {
                Err(StoreError::Retry("the transaction is aborted, and waits to be rolled back".to_owned()))
            }
            Some(transaction) => Ok(transaction),
            None => Err(lost()),
        }
    }

    /// Loads and locks. A transaction whose load fails is dead.
    fn load(
        &mut self,
        session: SessionId,
        table: &'static Table,
        keys: &[Key],
        intent: Intent,
        suffered: Result<(), StoreError>,
    ) -> Result<Vec<Row>, StoreError> {
        self.live(session)?;
        let loaded = suffered.and_then(|()| self.lock_and_read(session, table, keys, intent));
        if loaded.is_err() {
            self.live(session)?.dead = true;
        }
        loaded
    }

    fn lock_and_read(
        &mut self,
        session: SessionId,
        table: &'static Table,
        keys: &[Key],
        intent: Intent,
    ) -> Result<Vec<Row>, StoreError> {
        let rows = self.committed.rows(table)?;
        keys.iter().try_for_each(|key| check_key(table, key))?;
        let transaction = self.open.get_mut(&session).ok_or_else(lost)?;
        let mut loaded = Vec::with_capacity(keys.len());
        for key in keys {
            let row = rows.get(key);
            // Nobody can lock what is not there, but claim it.
            if row.is_some() || intent == Intent::Claim {
                self.locks.take(session, table, key, &mut transaction.held)?;
            } else {
                transaction.absent.insert((table.name, key.clone()));
            }
            loaded.extend(row);
        }
        Ok(loaded)
    }

    /// Locks what is written, as the statements would one by one, and gives positions to the log rows.
    fn write(
        &mut self,
        session: SessionId,
        writes: &[Write],
        log: &[LogRow],
    ) -> Result<Position, StoreError> {
        self.live(session)?;
        for write in writes {
            self.committed.check(write)?;
            self.lock_for(session, write)?;
        }
        let head = self.committed.log.state().head.0;
        let count = u64::try_from(log.len()).unwrap_or(u64::MAX);
        match &mut self.sequence {
            Some(last) => {
                *last += count;
                Ok(Position(*last - count + 1))
            }
            None if log.is_empty() => Ok(Position(head + 1)),
            None => {
                self.locks.take_log(session)?;
                Ok(Position(head + 1))
            }
        }
    }

    fn lock_for(&mut self, session: SessionId, Write { table, key, .. }: &Write) -> Result<(), StoreError> {
        let is_there = self.committed.rows(table)?.holds(key);
        let transaction = self.open.get_mut(&session).ok_or_else(lost)?;
        let was_absent = transaction.absent.contains(&(table.name, key.clone()));
        self.locks.take(session, table, key, &mut transaction.held)?;
        if was_absent && is_there {
            return Err(StoreError::Retry(format!(
                "duplicate key: a row of {} was inserted by another transaction meanwhile",
                table.name
            )));
        }
        Ok(())
    }

    /// Makes everything that was written visible at once.
    fn commit(
        &mut self,
        session: SessionId,
        writes: &[Write],
        first: Position,
        log: &[LogRow],
    ) -> Result<(), StoreError> {
        self.live(session)?;
        self.committed.apply(writes, first, log);
        self.end(session);
        Ok(())
    }
}
