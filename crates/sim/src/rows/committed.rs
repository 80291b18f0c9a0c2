//! What is committed: tables and log, at one moment. A copy shares everything until either side changes it.

use super::log::Log;
use super::table::Rows;
use kernel::state::Write;
use kernel::table::{Key, Row, Table, Value};
use runtime::ports::store::{
    Chain, Epoch, LogRow, LogState, Position, Query, Reader, StoreError, StoredLogRow, Top,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{checks, plain};
use uuid::Uuid;

/// The committed state of a database: a reader that stays at its moment.
#[derive(Clone)]
pub struct Committed {
    tables: Arc<BTreeMap<&'static str, Arc<Rows>>>,
    pub(super) log: Arc<Log>,
}

impl Committed {
    /// Nothing, in `tables`.
    pub(super) fn empty(tables: &[&'static Table], epoch: Epoch) -> Result<Self, StoreError> {
        let mut known: BTreeMap<&'static str, &'static Table> = BTreeMap::new();
        for table in tables {
            checks::sound(table)?;
            if known.insert(table.name, table).is_some_and(|other| other != *table) {
                return Err(StoreError::Unusable(format!("two different tables {}", table.name)));
            }
        }
        let tables = known.into_iter().map(|(name, table)| (name, Arc::new(Rows::new(table)))).collect();
        Ok(Self { tables: Arc::new(tables), log: Arc::new(Log::new(epoch)) })
    }

    /// The rows of `table`.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if the database was opened without it.
    pub(super) fn rows(&self, table: &Table) -> Result<&Rows, StoreError> {
        let rows = self.tables.get(table.name).map(|rows| &**rows);
        rows.ok_or_else(|| StoreError::Unusable(format!("opened without its table {}", table.name)))
    }

    /// Whether `write` can be taken: its values are its columns', and its row stands under its key.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if not; [`StoreError::Unusable`] for a table that is not here.
    pub(super) fn check(&self, write: &Write) -> Result<(), StoreError> {
        let Write { table, key, row } = write;
        self.rows(table)?;
        check_key(table, key)?;
        let Some(row) = row else { return Ok(()) };
        if row.len() != table.columns.len() {
            return Err(StoreError::Rejected(format!("{}: {} values", table.name, row.len())));
        }
        checks::fit(table, row)?;
        let null =
            table.columns.iter().zip(row).find(|(column, value)| !column.nullable && **value == Value::Null);
        if let Some((column, _)) = null {
            return Err(StoreError::Rejected(format!("{}.{} may not be NULL", table.name, column.name)));
        }
        if row[..table.key] != key.0[..] {
            return Err(StoreError::Rejected(format!("{}: a row under another's key", table.name)));
        }
        Ok(())
    }

    /// Takes in what a transaction wrote, all at once.
    pub(super) fn apply(&mut self, writes: &[Write], first: Position, log: &[LogRow]) {
        if !writes.is_empty() {
            let tables = Arc::make_mut(&mut self.tables);
            for of_table in writes.chunk_by(|a, b| a.table.name == b.table.name) {
                let name = of_table.first().map_or("", |write| write.table.name);
                if let Some(rows) = tables.get_mut(name) {
                    let rows = Arc::make_mut(rows);
                    of_table.iter().for_each(|write| rows.write(write));
                }
            }
        }
        if !log.is_empty() {
            Arc::make_mut(&mut self.log).add(first, log);
        }
    }

    pub(super) fn log_mut(&mut self) -> &mut Log {
        Arc::make_mut(&mut self.log)
    }
}

/// Whether `key` is one of `table`'s.
pub(super) fn check_key(table: &Table, key: &Key) -> Result<(), StoreError> {
    checks::whole_key(table, key)?;
    checks::fit(table, &key.0)
}

impl Reader for Committed {
    fn load(&self, table: &'static Table, keys: &[Key]) -> Result<Vec<Row>, StoreError> {
        let rows = self.rows(table)?;
        keys.iter().try_for_each(|key| check_key(table, key))?;
        Ok(keys.iter().filter_map(|key| rows.get(key)).collect())
    }

    fn query(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.rows(query.table)?.query(query)
    }

    fn top(&self, top: &Top) -> Result<Vec<Row>, StoreError> {
        plain::top(top, self.rows(top.table)?.iter())
    }

    fn follow(&self, chain: &Chain) -> Result<Vec<Row>, StoreError> {
        let rows = self.rows(chain.table)?;
        plain::follow(chain, |key| rows.get(key))
    }

    fn log_after(&self, after: Position, limit: u32) -> Result<Vec<StoredLogRow>, StoreError> {
        Ok(self.log.after(after, limit))
    }

    fn log_of(&self, key: Uuid) -> Result<Vec<StoredLogRow>, StoreError> {
        Ok(self.log.of(key))
    }

    fn log_state(&self) -> Result<LogState, StoreError> {
        Ok(self.log.state())
    }

    fn snapshot(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(self.clone()))
    }
}
