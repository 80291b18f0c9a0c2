//! Another unit's committed rows, asked for over HTTP.

use crate::peer::{How, Peer};
use crate::wire::{AskLog, Fault, Log, Read, Rows, row};
use kernel::{Key, Row, Table};
use runtime::ports::store::{Chain, LogState, Position, Query, Reader, StoreError, StoredLogRow, Top};
use std::sync::Arc;
use uuid::Uuid;

/// The reading side of a database of another unit.
pub struct RemoteReader {
    peer: Arc<Peer>,
    database: String,
}

impl RemoteReader {
    /// The database called `database`, which `peer` holds.
    #[must_use]
    pub fn new(peer: Arc<Peer>, database: &str) -> Self {
        Self { peer, database: database.to_owned() }
    }

    fn rows(&self, read: &Read) -> Result<Vec<Row>, StoreError> {
        let path = format!("/internal/v1/{}/read", self.database);
        let Rows { rows } = self.peer.ask(&path, read, How::QUESTION)?;
        rows.into_iter().map(row).collect::<Result<_, Fault>>().map_err(StoreError::from)
    }

    fn log(&self, ask: &AskLog) -> Result<Log, StoreError> {
        Ok(self.peer.ask(&format!("/internal/v1/{}/log", self.database), ask, How::QUESTION)?)
    }
}

impl Reader for RemoteReader {
    fn is_remote(&self) -> bool {
        true
    }

    fn load(&self, table: &'static Table, keys: &[Key]) -> Result<Vec<Row>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.rows(&Read::load(table, keys))
    }

    fn query(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.rows(&Read::query(query))
    }

    fn top(&self, top: &Top) -> Result<Vec<Row>, StoreError> {
        self.rows(&Read::top(top))
    }

    fn follow(&self, chain: &Chain) -> Result<Vec<Row>, StoreError> {
        self.rows(&Read::follow(chain))
    }

    fn log_after(&self, after: Position, limit: u32) -> Result<Vec<StoredLogRow>, StoreError> {
        let log = self.log(&AskLog::After { after: after.0, limit, wait_ms: 0 })?;
        Ok(log.rows.into_iter().map(StoredLogRow::from).collect())
    }

    fn log_of(&self, key: Uuid) -> Result<Vec<StoredLogRow>, StoreError> {
        let log = self.log(&AskLog::Of { key })?;
        Ok(log.rows.into_iter().map(StoredLogRow::from).collect())
    }

    fn log_state(&self) -> Result<LogState, StoreError> {
        Ok(self.log(&AskLog::After { after: u64::MAX, limit: 0, wait_ms: 0 })?.state())
    }

    /// There is none over a network: whoever needs one moment of a database opens the database.
    fn snapshot(&self) -> Result<Box<dyn Reader>, StoreError> {
        Err(StoreError::Unusable(format!(
            "{} is in another unit: no snapshot of it can be had here",
            self.database
        )))
    }
}
