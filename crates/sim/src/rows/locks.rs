//! Who may change what: locks on rows and keys, and the log's. Held to the end of a transaction; nobody waits for one.

use super::SessionId;
use kernel::table::{Key, Table};
use runtime::ports::store::StoreError;
use std::collections::BTreeMap;

/// The locks of one database.
#[derive(Default)]
pub(super) struct Locks {
    rows: BTreeMap<&'static str, BTreeMap<Key, SessionId>>,
    log: Option<SessionId>,
}

/// A locked row: its table's name and its key.
pub(super) type Held = (&'static str, Key);

impl Locks {
    /// Takes the lock on `key` of `table` for `session`, and notes it in `held` if it is new.
    ///
    /// # Errors
    /// [`StoreError::Retry`] if somebody else has it.
    pub(super) fn take(
        &mut self,
        session: SessionId,
        table: &'static Table,
        key: &Key,
        held: &mut Vec<Held>,
    ) -> Result<(), StoreError> {
        let rows = self.rows.entry(table.name).or_default();
        match rows.get(key) {
            Some(holder) if *holder == session => Ok(()),
            Some(_) => Err(timeout(table.name)),
            None => {
                rows.insert(key.clone(), session);
                held.push((table.name, key.clone()));
                Ok(())
            }
        }
    }

    /// Takes the log's lock for `session`.
    ///
    /// # Errors
    /// [`StoreError::Retry`] if somebody else has it.
    pub(super) fn take_log(&mut self, session: SessionId) -> Result<(), StoreError> {
        match *self.log.get_or_insert(session) == session {
            true => Ok(()),
            false => Err(timeout("the event log")),
        }
    }

    pub(super) fn release(&mut self, held: Vec<Held>) {
        for (table, key) in held {
            if let Some(rows) = self.rows.get_mut(table) {
                rows.remove(&key);
            }
        }
    }

    pub(super) fn release_log(&mut self, session: SessionId) {
        self.log = self.log.filter(|holder| *holder != session);
    }

    /// How many rows and keys are locked.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.rows.values().map(BTreeMap::len).sum::<usize>() + usize::from(self.log.is_some())
    }
}

fn timeout(what: &str) -> StoreError {
    StoreError::Retry(format!("lock timeout: another transaction holds a lock of {what}"))
}
