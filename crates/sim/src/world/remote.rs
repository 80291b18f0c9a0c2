//! Another unit's committed rows, asked for over the network.

use super::disk::Disk;
use super::stage::Stage;
use kernel::{Key, Row, Table};
use runtime::ports::store::{Chain, LogState, Position, Query, Reader, StoreError, StoredLogRow, Top};
use std::sync::Arc;
use uuid::Uuid;

/// The reading side of a database of another unit.
pub(crate) struct Remote {
    stage: Arc<Stage>,
    disk: Arc<Disk>,
    from: String,
}

impl Remote {
    /// The database of `disk`, as `from` asks for it.
    #[must_use]
    pub(crate) fn new(stage: &Arc<Stage>, disk: &Arc<Disk>, from: &str) -> Self {
        Self { stage: Arc::clone(stage), disk: Arc::clone(disk), from: from.to_owned() }
    }

    fn ask(&self) -> Result<&dyn Reader, StoreError> {
        self.stage.net.reach(&self.from, self.disk.unit())?;
        Ok(self.disk.reader().as_ref())
    }
}

impl Reader for Remote {
    fn load(&self, table: &'static Table, keys: &[Key]) -> Result<Vec<Row>, StoreError> {
        self.ask()?.load(table, keys)
    }

    fn query(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.ask()?.query(query)
    }

    fn top(&self, top: &Top) -> Result<Vec<Row>, StoreError> {
        self.ask()?.top(top)
    }

    fn follow(&self, chain: &Chain) -> Result<Vec<Row>, StoreError> {
        self.ask()?.follow(chain)
    }

    fn log_after(&self, after: Position, limit: u32) -> Result<Vec<StoredLogRow>, StoreError> {
        self.ask()?.log_after(after, limit)
    }

    fn log_of(&self, key: Uuid) -> Result<Vec<StoredLogRow>, StoreError> {
        self.ask()?.log_of(key)
    }

    fn log_state(&self) -> Result<LogState, StoreError> {
        self.ask()?.log_state()
    }

    fn snapshot(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.ask()?.snapshot()
    }
}
