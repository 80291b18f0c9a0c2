//! Opening files: settings of connections, and the lock that keeps a second writer out.

use super::error::store_error;
use runtime::ports::store::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Durability, Options};

/// How long a connection waits for a lock. Only recovery after a crash and an operator's own tools ever hold one against us.
const BUSY: Duration = Duration::from_secs(5);

/// Pages (of 4 KiB) in the log file before a commit copies them into the database: 64 MiB.
///
/// The copy costs two fsyncs and every page once, however often it was written: the rarer, the cheaper, but the longer the one
/// commit that does it. Measured with 250 orders a batch, five rows each: at SQLite's 1,000 pages 26k orders/s, longest commit
/// 18 ms; at 4,096 32k and 26 ms; at 16,384 40k and 40 ms; at 65,536 42k and 88 ms. Larger pages made every size slower.
const CHECKPOINT_PAGES: i32 = 16_384;

/// The log file is cut back to this after a long reader made it grow.
const WAL_LIMIT_BYTES: i64 = 256 << 20;

/// Takes the lock of the database at `path`; the system releases it with the file, also when the process is killed.
///
/// The lock stands on a file of its own: closing any handle of the database itself would drop SQLite's locks on it.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = resolved(path).into_os_string();
    name.push(".lock");
    let unusable =
        |why: &dyn std::fmt::Display| StoreError::Unusable(format!("{}: {why}", Path::new(&name).display()));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(|error| unusable(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(unusable(&"another process has this database open for writing")),
        Err(TryLockError::Error(error)) => Err(unusable(&error)),
    }
}

/// One name for one file, however it was reached.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            parent.canonicalize().map_or_else(|_| path.to_owned(), |parent| parent.join(name))
        }
        _ => path.to_owned(),
    })
}

/// The writing connection to a file.
pub(super) fn writer(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags, options.cache_kib)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(store_error)?;
    if mode != "wal" {
        return Err(StoreError::Unusable(format!("{}: no write-ahead log here ({mode})", path.display())));
    }
    let synchronous = match options.durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    let pragma = |name: &str, value: &dyn rusqlite::ToSql| {
        connection.pragma_update(None, name, value).map_err(store_error)
    };
    pragma("synchronous", &synchronous)?;
    // Where fsync leaves data in the drive's cache (macOS); elsewhere it changes nothing.
    pragma("fullfsync", &true)?;
    connection
        .pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))
        .map_err(store_error)?;
    connection
        .pragma_update_and_check(None, "journal_size_limit", WAL_LIMIT_BYTES, |_| Ok(()))
        .map_err(store_error)?;
    Ok(connection)
}

/// A connection that can only read.
pub(super) fn reader(path: &Path, cache_kib: u32) -> Result<Connection, StoreError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX, cache_kib)
}

/// A database of its own in memory.
pub(super) fn memory() -> Result<Connection, StoreError> {
    let connection = Connection::open_in_memory().map_err(store_error)?;
    configure(&connection, None)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags, cache_kib: u32) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags).map_err(store_error)?;
    configure(&connection, Some(cache_kib))?;
    Ok(connection)
}

fn configure(connection: &Connection, cache_kib: Option<u32>) -> Result<(), StoreError> {
    let set = || {
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "foreign_keys", false)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // A plan does not depend on what is bound: otherwise a prepared statement is planned anew for every value.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        if let Some(kib) = cache_kib {
            // Negative: KiB instead of pages.
            connection.pragma_update(None, "cache_size", -i64::from(kib))?;
        }
        Ok(())
    };
    set().map_err(store_error)
}
