//! The reading side: a few connections that many threads share, snapshots, and the one connection of a database in memory.

use super::error::store_error;
use super::schema::{self, Layout};
use super::{open, read};
use kernel::table::{Key, Row, Table};
use parking_lot::{Condvar, Mutex};
use runtime::ports::store::{Chain, LogState, Position, Query, Reader, StoreError, StoredLogRow, Top};
use rusqlite::Connection;
use rusqlite::backup::Backup;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// Connections per reader at most: each costs a page cache, and a read rarely takes longer than a millisecond.
const POOL: usize = 4;

/// Statements that a reading connection keeps prepared beside those of its tables: the shapes of queries in use.
const QUERY_STATEMENTS: usize = 64;

/// Reads one SQLite database.
pub struct SqliteReader {
    source: Source,
    layout: Arc<Layout>,
}

enum Source {
    /// A file: whichever connection is free.
    Pool(Pool),
    /// The writer's own connection to a database in memory.
    Shared(Arc<Mutex<Connection>>),
    /// A connection that stays at one moment.
    Moment(Arc<Mutex<Connection>>),
}

impl SqliteReader {
    /// Opens the file at `path` beside whoever writes it: nothing is changed, no lock is taken. For an audit.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if there is no such file, or its layout is not that of `tables`.
    pub fn open_readonly(path: &Path, tables: &[&'static Table], cache_kib: u32) -> Result<Self, StoreError> {
        let layout = Arc::new(Layout::of(tables)?);
        let reader = Self::pool(path, cache_kib, layout);
        reader.with(|connection| schema::check(connection, &reader.layout))?;
        Ok(reader)
    }

    pub(super) fn pool(path: &Path, cache_kib: u32, layout: Arc<Layout>) -> Self {
        let pool = Pool {
            path: path.to_owned(),
            cache_kib,
            connections: Mutex::new(Connections { free: Vec::new(), open: 0 }),
            freed: Condvar::new(),
        };
        Self { source: Source::Pool(pool), layout }
    }

    pub(super) fn shared(connection: Arc<Mutex<Connection>>, layout: Arc<Layout>) -> Self {
        Self { source: Source::Shared(connection), layout }
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match &self.source {
            Source::Pool(pool) => {
                let connection = pool.take(&self.layout)?;
                let done = read(&connection);
                pool.give_back(done.is_ok().then_some(connection));
                done
            }
            Source::Shared(connection) | Source::Moment(connection) => read(&connection.lock()),
        }
    }
}

impl Reader for SqliteReader {
    fn load(&self, table: &'static Table, keys: &[Key]) -> Result<Vec<Row>, StoreError> {
        self.with(|connection| {
            // One transaction: all keys at one moment, and the file's locks taken once instead of per key.
            let own = connection.is_autocommit();
            if own {
                execute(connection, "BEGIN")?;
            }
            let rows = read::load(connection, &self.layout, table, keys);
            if own {
                execute(connection, "COMMIT")?;
            }
            rows
        })
    }

    fn query(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.with(|connection| read::query(connection, &self.layout, query))
    }

    fn top(&self, top: &Top) -> Result<Vec<Row>, StoreError> {
        self.with(|connection| read::top(connection, &self.layout, top))
    }

    fn follow(&self, chain: &Chain) -> Result<Vec<Row>, StoreError> {
        self.with(|connection| read::follow(connection, &self.layout, chain))
    }

    fn log_after(&self, after: Position, limit: u32) -> Result<Vec<StoredLogRow>, StoreError> {
        self.with(|connection| read::log_after(connection, after, limit))
    }

    fn log_of(&self, key: Uuid) -> Result<Vec<StoredLogRow>, StoreError> {
        self.with(|connection| read::log_of(connection, key))
    }

    fn log_state(&self) -> Result<LogState, StoreError> {
        self.with(read::log_state)
    }

    fn snapshot(&self) -> Result<Box<dyn Reader>, StoreError> {
        let moment = match &self.source {
            // While it lives the file's log cannot be reset and grows: a snapshot is for minutes, not for days.
            Source::Pool(pool) => {
                let connection = pool.connect(&self.layout)?;
                execute(&connection, "BEGIN")?;
                // The first read pins the moment: it is this call's.
                read::log_state(&connection)?;
                Arc::new(Mutex::new(connection))
            }
            Source::Shared(connection) => Arc::new(Mutex::new(copy(&connection.lock())?)),
            Source::Moment(connection) => Arc::clone(connection),
        };
        Ok(Box::new(Self { source: Source::Moment(moment), layout: Arc::clone(&self.layout) }))
    }
}

pub(super) fn execute(connection: &Connection, text: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(text)
        .and_then(|mut statement| statement.execute([]))
        .map(drop)
        .map_err(store_error)
}

/// A database in memory has one connection, so that its snapshot is a copy.
fn copy(from: &Connection) -> Result<Connection, StoreError> {
    let mut to = open::memory()?;
    Backup::new(from, &mut to).and_then(|backup| backup.step(-1)).map_err(store_error)?;
    Ok(to)
}

struct Pool {
    path: PathBuf,
    cache_kib: u32,
    connections: Mutex<Connections>,
    freed: Condvar,
}

struct Connections {
    /// The last used on top, its cache warm.
    free: Vec<Connection>,
    /// How many are open, free or lent.
    open: usize,
}

impl Pool {
    fn take(&self, layout: &Layout) -> Result<Connection, StoreError> {
        let mut connections = self.connections.lock();
        loop {
            if let Some(connection) = connections.free.pop() {
                return Ok(connection);
            }
            if connections.open < POOL {
                let connection = self.connect(layout)?;
                connections.open += 1;
                return Ok(connection);
            }
            self.freed.wait(&mut connections);
        }
    }

    /// Takes a connection back. One that saw an error is closed (`None`): nobody inherits a transaction left open.
    fn give_back(&self, connection: Option<Connection>) {
        let mut connections = self.connections.lock();
        match connection {
            Some(connection) => connections.free.push(connection),
            None => connections.open -= 1,
        }
        drop(connections);
        self.freed.notify_one();
    }

    fn connect(&self, layout: &Layout) -> Result<Connection, StoreError> {
        let connection = open::reader(&self.path, self.cache_kib)?;
        connection.set_prepared_statement_cache_capacity(2 * layout.len() + QUERY_STATEMENTS);
        Ok(connection)
    }
}
