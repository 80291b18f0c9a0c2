//! The simulator's book: its file, its one table, and how it is read.

use crate::wire;
use payment::gateway::{PgCharge, PgChargeStatus};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, Transaction, TransactionBehavior};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The book's file, in the simulator's data folder.
pub const LEDGER_FILE: &str = "pg-simulator.db";

/// The layout that this code reads and writes, kept in SQLite's `user_version`.
const LAYOUT: i64 = 1;
/// How many charges a reader takes at a time.
const READ_AHEAD: u32 = 1_000;
const BUSY: Duration = Duration::from_secs(5);

/// `key` is not unique: a PG whose keys are past their lifetime charges again, and the book must be able to say so.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS charges (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL,
        fingerprint BLOB NOT NULL,
        amount INTEGER NOT NULL CHECK (amount > 0),
        currency TEXT NOT NULL,
        reference TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('APPROVED', 'DECLINED', 'CANCELLED')),
        decline_code TEXT,
        cancel_errors_left INTEGER NOT NULL,
        cancel_reason TEXT,
        created_at_ms INTEGER NOT NULL,
        cancelled_at_ms INTEGER
    ) STRICT;
    CREATE INDEX IF NOT EXISTS charges_by_key ON charges (key);";

const COLUMNS: &str = "seq, key, fingerprint, amount, currency, reference, status, decline_code, \
                       cancel_errors_left, created_at_ms";

/// Why the book cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Another simulator has the folder.
    #[error("another PG simulator is running on {}", .data_dir.display())]
    InUse {
        /// The folder.
        data_dir: PathBuf,
    },
    /// There is no book at this place.
    #[error("there is no PG ledger at {}", .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The book was written by another version.
    #[error("the PG ledger has layout {found}, and this version reads {LAYOUT}")]
    Layout {
        /// The layout that it has.
        found: i64,
    },
    /// The folder cannot be used.
    #[error("the PG ledger's folder {} cannot be used: {reason}", .data_dir.display())]
    Folder {
        /// The folder.
        data_dir: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// SQLite failed. What was asked has not happened.
    #[error("the PG ledger failed: {0}")]
    Sqlite(String),
    /// The book is closed, or closed before it could answer: whether what was asked has happened is not known.
    #[error("the PG ledger is closed")]
    Closed,
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error.to_string())
    }
}

/// The book, open for reading: beside a running simulator or without one, also after a crash.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
}

impl Ledger {
    /// Opens the book's file ([`LEDGER_FILE`] in the simulator's data folder). Changes no charge; after a crash SQLite may
    /// set up its own files beside it.
    ///
    /// # Errors
    /// No file, another layout, or SQLite's own.
    pub fn open_readonly(path: &Path) -> Result<Self, LedgerError> {
        if !path.is_file() {
            return Err(LedgerError::Missing { path: path.to_owned() });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        match layout(&connection)? {
            LAYOUT => Ok(Self { connection }),
            found => Err(LedgerError::Layout { found }),
        }
    }

    /// Every charge, oldest first, as the book stood when this was called.
    ///
    /// # Errors
    /// SQLite's.
    pub fn charges(&self) -> Result<Charges<'_>, LedgerError> {
        let snapshot = Transaction::new_unchecked(&self.connection, TransactionBehavior::Deferred)?;
        // A deferred transaction takes its snapshot with its first read.
        let ahead = page(&snapshot, 0, READ_AHEAD)?.into();
        Ok(Charges { snapshot, ahead, last: 0 })
    }
}

/// The charges of a [`Ledger`], within one snapshot. Ends after its first error.
#[derive(Debug)]
pub struct Charges<'a> {
    snapshot: Transaction<'a>,
    ahead: VecDeque<Entry>,
    last: i64,
}

impl Iterator for Charges<'_> {
    type Item = Result<PgCharge, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ahead.is_empty() && self.last < i64::MAX {
            match page(&self.snapshot, self.last, READ_AHEAD) {
                Ok(entries) => self.ahead = entries.into(),
                Err(error) => {
                    self.last = i64::MAX;
                    return Some(Err(error));
                }
            }
        }
        let entry = self.ahead.pop_front()?;
        self.last = entry.seq;
        Some(Ok(entry.charge.into()))
    }
}

/// One row of the book.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its place in the book, from 1.
    pub(super) seq: i64,
    /// Digest of the body that it was ordered with.
    pub(super) fingerprint: Vec<u8>,
    /// How many cancels are still to fail.
    pub(super) cancel_errors_left: u32,
    pub(super) charge: wire::Charge,
}

/// Opens the book for writing, and makes it if it is not there.
pub(super) fn open_for_writing(data_dir: &Path) -> Result<Connection, LedgerError> {
    let connection = Connection::open(data_dir.join(LEDGER_FILE))?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Every commit reaches the disk before its answer leaves.
    connection.pragma_update(None, "synchronous", "FULL")?;
    match layout(&connection)? {
        0 => {
            connection.execute_batch(&format!("BEGIN; {SCHEMA} PRAGMA user_version = {LAYOUT}; COMMIT;"))?;
            Ok(connection)
        }
        LAYOUT => Ok(connection),
        found => Err(LedgerError::Layout { found }),
    }
}

/// The charge under a key. Where keys were forgotten there may be several: one that holds money comes first, then the latest.
pub(super) fn find(connection: &Connection, key: &str) -> Result<Option<Entry>, LedgerError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM charges WHERE key = ?1 ORDER BY (status = 'APPROVED') DESC, seq DESC LIMIT 1"
    );
    Ok(connection.prepare_cached(&sql)?.query_row([key], entry).optional()?)
}

/// Up to `limit` entries after place `after`, oldest first.
pub(super) fn page(connection: &Connection, after: i64, limit: u32) -> Result<Vec<Entry>, LedgerError> {
    let sql = format!("SELECT {COLUMNS} FROM charges WHERE seq > ?1 ORDER BY seq LIMIT ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let entries = statement.query_map((after, limit), entry)?.collect::<Result<_, _>>()?;
    Ok(entries)
}

/// The PG's own id of a charge. Made of what the row keeps anyway; the time keeps two books from sharing ids.
pub(super) fn transaction_id(seq: i64, created_at_ms: i64) -> String {
    format!("txn_{created_at_ms:x}_{seq}")
}

/// How the book spells a status.
pub(super) fn status_text(status: PgChargeStatus) -> &'static str {
    match status {
        PgChargeStatus::Approved => "APPROVED",
        PgChargeStatus::Declined => "DECLINED",
        PgChargeStatus::Cancelled => "CANCELLED",
    }
}

fn layout(connection: &Connection) -> Result<i64, LedgerError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let (seq, created_at_ms) = (row.get("seq")?, row.get("created_at_ms")?);
    Ok(Entry {
        seq,
        fingerprint: row.get("fingerprint")?,
        cancel_errors_left: row.get("cancel_errors_left")?,
        charge: wire::Charge {
            key: row.get("key")?,
            transaction: transaction_id(seq, created_at_ms),
            amount: row.get("amount")?,
            currency: row.get("currency")?,
            status: match row.get_ref("status")?.as_str()? {
                "APPROVED" => PgChargeStatus::Approved,
                "DECLINED" => PgChargeStatus::Declined,
                // The table's check admits no fourth.
                _ => PgChargeStatus::Cancelled,
            },
            decline_code: row.get("decline_code")?,
            reference: row.get("reference")?,
            created_at_ms,
        },
    })
}
