//! SQLite: one file per database, one writer, any number of readers beside it.

mod error;
mod generations;
mod open;
mod read;
mod reader;
mod schema;
mod values;
mod write;

pub use crate::Durability;
pub use reader::SqliteReader;

use kernel::state::Write;
use kernel::table::{Key, Row, Table};
use parking_lot::Mutex;
use reader::execute;
use runtime::ports::store::{Epoch, Intent, LogRow, Position, Reader, Store, StoreError};
use rusqlite::Connection;
use schema::Layout;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// How a database file is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What a commit survives.
    pub durability: Durability,
    /// Page cache of the writer in KiB.
    pub cache_kib: u32,
    /// Page cache of each reading connection in KiB.
    pub reader_cache_kib: u32,
    /// The epoch of a database that is new; an older one keeps its own.
    pub epoch_if_new: Epoch,
}

impl Options {
    /// Durable, with caches for a laptop.
    #[must_use]
    pub const fn new(epoch_if_new: Epoch) -> Self {
        Self { durability: Durability::Full, cache_kib: 16_384, reader_cache_kib: 2_048, epoch_if_new }
    }
}

/// The writing side of one SQLite database.
///
/// Rows are only ever written within [`Store::commit`]. That is why an SQLite with one writer needs neither claims nor row
/// locks, and why in memory, where writer and readers share one connection behind a mutex that `commit` holds, readers still
/// see committed rows only.
pub struct SqliteStore {
    connection: Arc<Mutex<Connection>>,
    layout: Arc<Layout>,
    reader: Arc<SqliteReader>,
    /// The lock on a file, held while the store lives; none in memory.
    lock: Option<File>,
    begun: bool,
}

/// Takes SQLite's write lock at once, so that what a batch has read cannot change before it writes.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// Statements that the writer keeps prepared beside the four of each table.
const OTHER_STATEMENTS: usize = 16;

impl SqliteStore {
    /// Opens the file at `path` for writing, made if it is missing, with its layout brought up to `tables`.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if somebody else writes it, if it is not ours, or if its layout differs by more than missing
    /// tables, nullable columns and indexes.
    pub fn open(path: &Path, tables: &[&'static Table], options: &Options) -> Result<Self, StoreError> {
        Self::open_layout(path, Layout::of(tables)?, options)
    }

    fn open_layout(path: &Path, mut layout: Layout, options: &Options) -> Result<Self, StoreError> {
        let lock = open::lock(path)?;
        let mut connection = open::writer(path, options)?;
        schema::prepare(&mut connection, &mut layout, options.epoch_if_new)?;
        let layout = Arc::new(layout);
        let reader = SqliteReader::pool(path, options.reader_cache_kib, Arc::clone(&layout));
        Ok(Self::over(Arc::new(Mutex::new(connection)), layout, reader, Some(lock)))
    }

    /// A database in memory; it is gone when its store and readers are. The same calls give the same results, whatever machine
    /// and moment: what the simulator runs on.
    ///
    /// Writer and reader share one connection, so that nothing overlaps; a reader's snapshot is a copy of everything.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if `tables` make no sense.
    pub fn open_in_memory(tables: &[&'static Table], epoch: Epoch) -> Result<Self, StoreError> {
        Self::open_layout_in_memory(Layout::of(tables)?, epoch)
    }

    fn open_layout_in_memory(mut layout: Layout, epoch: Epoch) -> Result<Self, StoreError> {
        let mut connection = open::memory()?;
        schema::prepare(&mut connection, &mut layout, epoch)?;
        let (connection, layout) = (Arc::new(Mutex::new(connection)), Arc::new(layout));
        let reader = SqliteReader::shared(Arc::clone(&connection), Arc::clone(&layout));
        Ok(Self::over(connection, layout, reader, None))
    }

    fn over(
        connection: Arc<Mutex<Connection>>,
        layout: Arc<Layout>,
        reader: SqliteReader,
        lock: Option<File>,
    ) -> Self {
        connection.lock().set_prepared_statement_cache_capacity(4 * layout.len() + OTHER_STATEMENTS);
        Self { connection, layout, reader: Arc::new(reader), lock, begun: false }
    }

    /// The reading side, to be shared by all who read.
    #[must_use]
    pub fn reader(&self) -> Arc<dyn Reader> {
        Arc::clone(&self.reader) as Arc<dyn Reader>
    }

    /// Runs `change` in a transaction of its own.
    fn alone(&self, change: impl FnOnce(&Connection) -> Result<(), StoreError>) -> Result<(), StoreError> {
        if self.begun {
            return Err(StoreError::Unusable("a batch's transaction is open".to_owned()));
        }
        let connection = self.connection.lock();
        execute(&connection, BEGIN)?;
        finish(&connection, change(&connection))
    }
}

/// Commits what `done` did, or undoes it: no transaction stays open.
fn finish<T>(connection: &Connection, done: Result<T, StoreError>) -> Result<T, StoreError> {
    let done = done.and_then(|value| execute(connection, "COMMIT").map(|()| value));
    if done.is_err() {
        abandon(connection);
    }
    done
}

/// SQLite ends a transaction by itself after some errors, such as a full disk. A rollback that fails leaves nothing to be done
/// but the next call's error.
fn abandon(connection: &Connection) {
    if !connection.is_autocommit() {
        let _ = execute(connection, "ROLLBACK");
    }
}

impl Drop for SqliteStore {
    /// Merges the write-ahead log into the file, so that a stopped system's files are whole by themselves. Where a reader is in the
    /// way, or the disk is, the log stays beside the file and nothing is lost.
    fn drop(&mut self) {
        if self.lock.is_some() {
            let merged = self.connection.lock().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
            drop(merged);
        }
    }
}

impl Store for SqliteStore {
    fn begin(&mut self) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.begun, true) {
            self.roll_back();
            return Err(StoreError::Unusable("the last batch's transaction is still open".to_owned()));
        }
        // In memory `commit` begins: a snapshot must be able to copy while a batch is decided.
        if self.lock.is_some() {
            let begun = execute(&self.connection.lock(), BEGIN);
            self.begun = begun.is_ok();
            return begun;
        }
        Ok(())
    }

    fn load(&mut self, table: &'static Table, keys: &[Key], _: Intent) -> Result<Vec<Row>, StoreError> {
        read::load(&self.connection.lock(), &self.layout, table, keys)
    }

    fn commit(&mut self, writes: &[Write], log: &[LogRow]) -> Result<Position, StoreError> {
        if !std::mem::take(&mut self.begun) {
            return Err(StoreError::Unusable("a commit without a begin".to_owned()));
        }
        let connection = self.connection.lock();
        if connection.is_autocommit() {
            if self.lock.is_some() {
                return Err(StoreError::Retry("the transaction was lost".to_owned()));
            }
            execute(&connection, BEGIN)?;
        }
        finish(&connection, write::batch(&connection, &self.layout, writes, log))
    }

    fn roll_back(&mut self) {
        self.begun = false;
        abandon(&self.connection.lock());
    }

    fn prune_log(&mut self, through: Position) -> Result<(), StoreError> {
        self.alone(|connection| write::prune(connection, through))
    }

    fn new_epoch(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        self.alone(|connection| write::epoch(connection, epoch))
    }
}

#[cfg(test)]
mod tests;
