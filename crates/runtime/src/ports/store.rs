//! The store port: synchronous, set-based. A batch makes a number of calls that depends on its rounds and tables, never on its
//! size; `begin` … `commit` is one transaction, and nothing outside the database is called within it.

use kernel::state::Write;
use kernel::table::{Key, Row, Table, Value};
use kernel::{Timestamp, record};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;
use uuid::Uuid;

/// A place in an event log: 1 for its first row, without gaps, in commit order. 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// Which life of a database this is. A restored backup keeps its epoch but loses positions; an operator starts a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(pub Uuid);

/// Why a store could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Deadlock, serialization conflict, lost connection, busy: the whole batch may be run again.
    #[error("try again: {0}")]
    Retry(String),
    /// The disk is full: nothing was committed; the batch waits.
    #[error("disk full: {0}")]
    Full(String),
    /// A row was rejected (constraint, type): some message of the batch is at fault. Of a read: it names what its table lacks.
    #[error("rejected: {0}")]
    Rejected(String),
    /// The database is not what it should be: corrupt, wrong layout, not ours.
    #[error("unusable: {0}")]
    Unusable(String),
}

/// What a load is for; a store with several writers locks accordingly, always in (table, key) order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Insert the key first if it is absent (inbox and idempotency rows), so that two instances cannot both find nothing.
    Claim,
    /// Lock for update.
    Change,
}

/// A row for the event log; the store assigns its position at commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// The order's id, or that of the thing it is about.
    pub key: Uuid,
    /// When the batch ran.
    pub at: Timestamp,
    /// The entry as JSON: made once, shared by log and broker.
    pub body: Arc<str>,
}

/// A row read back from the event log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLogRow {
    /// Where it stands.
    pub position: Position,
    /// As written.
    pub row: LogRow,
}

/// Where a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogState {
    /// The database's epoch.
    pub epoch: Epoch,
    /// The last position given out (0: none yet).
    pub head: Position,
    /// The first position still kept (head + 1 when all are pruned).
    pub first: Position,
}

/// The writing side of one database: one batch at a time.
pub trait Store: Send {
    /// Begins the batch's transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    fn begin(&mut self) -> Result<(), StoreError>;

    /// The rows of `table` under `keys` (sorted, without duplicates), in any order; absent ones are left out. One call is one
    /// round trip. A claim alone stores nothing: what the batch does not write is not there after it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn load(&mut self, table: &'static Table, keys: &[Key], intent: Intent) -> Result<Vec<Row>, StoreError>;

    /// Writes `writes` (sorted by table and key: put or delete), appends `log`, and commits durably. Returns the position of
    /// the first log row, or where the next would stand if `log` is empty; they are consecutive, in commit order. After an error
    /// no transaction is open, and nothing is committed unless [`Store::settle`] says otherwise. All writing happens here: until
    /// then nobody sees any of it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn commit(&mut self, writes: &[Write], log: &[LogRow]) -> Result<Position, StoreError>;

    /// Whether the last commit has happened although it ended in an error: then the position that it would have returned. Whoever
    /// is cut off from a server in the middle of a commit cannot know, and has to ask it again; an engine within the process always
    /// does. What did happen must not be run again: not every command may be done twice.
    ///
    /// # Errors
    /// [`StoreError`], as long as it cannot be known.
    fn settle(&mut self) -> Result<Option<Position>, StoreError> {
        Ok(None)
    }

    /// Gives the transaction up.
    fn roll_back(&mut self);

    /// Deletes the oldest log rows up to `through`, at most a chunk of them, so that no batch waits for long: as long as
    /// [`LogState::first`] is not past `through`, another call deletes more. In a transaction of its own, between batches.
    ///
    /// # Errors
    /// [`StoreError`].
    fn prune_log(&mut self, through: Position) -> Result<(), StoreError>;

    /// Starts a new epoch: the operator's word that this database's present state is to be believed.
    ///
    /// # Errors
    /// [`StoreError`].
    fn new_epoch(&mut self, epoch: Epoch) -> Result<(), StoreError>;
}

/// How a filter compares: integers by value, everything else byte by byte. With NULL on either side nothing holds but `Is` NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// Equal.
    Is,
    /// Less.
    Below,
    /// Less or equal.
    AtMost,
    /// Greater.
    Above,
    /// Greater or equal.
    AtLeast,
    /// Anything but NULL; the filter's value is not looked at.
    Present,
}

/// One condition; all of a query's must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The column.
    pub column: &'static str,
    /// How.
    pub compare: Compare,
    /// With what.
    pub value: Value,
}

/// A read of some rows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The table.
    pub table: &'static Table,
    /// Conditions, all of which hold.
    pub filters: Vec<Filter>,
    /// Only rows whose whole key comes after this one: where the next page of a scan in key order begins.
    pub after: Option<Key>,
    /// Columns to sort by, and whether descending. NULL is below every value. What is tied then is sorted by key, in the last
    /// column's direction.
    pub order: Vec<(&'static str, bool)>,
    /// At most this many rows.
    pub limit: u32,
}

impl Query {
    /// All rows of `table` in key order, at most `limit`.
    #[must_use]
    pub fn of(table: &'static Table, limit: u32) -> Self {
        let order = table.columns.iter().take(table.key).map(|column| (column.name, false)).collect();
        Self { table, filters: Vec::new(), after: None, order, limit }
    }

    /// And `column` compares so with `value`.
    #[must_use]
    pub fn filter(mut self, column: &'static str, compare: Compare, value: Value) -> Self {
        self.filters.push(Filter { column, compare, value });
        self
    }

    /// Only rows whose whole key comes after `key`.
    #[must_use]
    pub fn after(mut self, key: Key) -> Self {
        self.after = Some(key);
        self
    }

    /// Sorted by `column` first instead of by key.
    #[must_use]
    pub fn sort(mut self, column: &'static str, descending: bool) -> Self {
        self.order = vec![(column, descending)];
        self
    }
}

/// The largest sums of a column, by group: `SELECT group…, SUM(sum) … GROUP BY group… ORDER BY SUM(sum) DESC, group… LIMIT`. No
/// rows, no sum: without a group too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Top {
    /// The table.
    pub table: &'static Table,
    /// The columns that make a group.
    pub group: Vec<&'static str>,
    /// The integer column that is summed.
    pub sum: &'static str,
    /// Conditions, all of which hold.
    pub filters: Vec<Filter>,
    /// At most this many groups.
    pub limit: u32,
}

/// Rows of which each names the next: the one under `from`, then the one whose key its `link` holds, and so on, until `link` is
/// NULL or names no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The table; its key is one column.
    pub table: &'static Table,
    /// The key of the first row.
    pub from: Key,
    /// The column that holds the next row's key.
    pub link: &'static str,
    /// At most this many rows: what ends a chain that runs in a circle, too.
    pub limit: u32,
}

/// The reading side of one database: committed rows only. Cheap to call from many threads.
pub trait Reader: Send + Sync {
    /// Whether each call goes to another process and back, so that many small ones are better made one.
    fn is_remote(&self) -> bool {
        false
    }

    /// The rows under `keys`; absent ones are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    fn load(&self, table: &'static Table, keys: &[Key]) -> Result<Vec<Row>, StoreError>;

    /// The rows that a query asks for.
    ///
    /// # Errors
    /// [`StoreError`].
    fn query(&self, query: &Query) -> Result<Vec<Row>, StoreError>;

    /// The groups with the largest sums, largest first; the sum comes last in each row.
    ///
    /// # Errors
    /// [`StoreError`].
    fn top(&self, top: &Top) -> Result<Vec<Row>, StoreError>;

    /// The rows of a chain, in its order: one call, however long it is.
    ///
    /// # Errors
    /// [`StoreError`].
    fn follow(&self, chain: &Chain) -> Result<Vec<Row>, StoreError>;

    /// Log rows after `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn log_after(&self, after: Position, limit: u32) -> Result<Vec<StoredLogRow>, StoreError>;

    /// The log rows of one order (or thing), in order.
    ///
    /// # Errors
    /// [`StoreError`].
    fn log_of(&self, key: Uuid) -> Result<Vec<StoredLogRow>, StoreError>;

    /// Where the log stands.
    ///
    /// # Errors
    /// [`StoreError`].
    fn log_state(&self) -> Result<LogState, StoreError>;

    /// A reader that sees one moment: every call on it reads the same snapshot.
    ///
    /// # Errors
    /// [`StoreError`].
    fn snapshot(&self) -> Result<Box<dyn Reader>, StoreError>;
}

record! {
    /// How far this database has followed another's log; moves in the deciding transaction.
    pub struct Cursor in "cursors" key 1 {
        /// The database whose log it is.
        pub source: SmolStr,
        /// That database's epoch when last read.
        pub epoch: Uuid,
        /// The last position taken in.
        pub position: i64,
    }
}

record! {
    /// What a database says about itself: `topology`, `layout`, horizons.
    pub struct Meta in "meta" key 1 {
        /// What.
        pub name: SmolStr,
        /// Its value.
        pub value: SmolStr,
    }
}
