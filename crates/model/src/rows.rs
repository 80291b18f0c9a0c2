//! One database: its rows in a map behind the store port.

use crate::seam::Seam;
use crate::view::{Books, View};
use kernel::state::Write;
use kernel::table::{Key, Row, Table};
use kernel::{Record, Value};
use runtime::ports::store::{Cursor, Epoch, Intent, LogRow, Position, Store, StoreError};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Every row, by table and key.
pub type Map = BTreeMap<(&'static str, Key), Row>;

/// A cursor is how a process knows what it has taken in: here the air knows. The history of a balance is never decided upon, and
/// would tell states apart by nothing but the way that led there.
fn is_kept(table: &str) -> bool {
    table != Cursor::TABLE.name && table != point::PointEntry::TABLE.name
}

/// A row as it is kept: a balance without the id of its latest history entry.
fn kept(table: &Table, row: &Row) -> Row {
    let mut row = row.clone();
    let latest = table.column("last_entry").filter(|_| table.name == point::Points::TABLE.name);
    if let Some(id) = latest.and_then(|column| row.get_mut(column)) {
        *id = Value::Null;
    }
    row
}

/// A database at rest: equal contents are equal.
pub struct Rows {
    map: Map,
    books: Arc<Books>,
    print: u64,
    view: View,
}

impl Rows {
    /// A database with these rows.
    #[must_use]
    pub fn new(map: Map, books: Arc<Books>) -> Self {
        let view = View::of(&map, &books);
        Self { print: print_of(&(&map, books.number())), map, books, view }
    }

    /// The same database with other rows.
    #[must_use]
    pub fn with(&self, map: Map) -> Self {
        Self::new(map, Arc::clone(&self.books))
    }

    /// A number that stands for the contents.
    #[must_use]
    pub fn print(&self) -> u64 {
        self.print
    }

    /// The rows.
    #[must_use]
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// What they say.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }
}

/// A number that stands for `thing`, the same in every run.
#[must_use]
pub fn print_of(thing: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    thing.hash(&mut hasher);
    hasher.finish()
}

/// The record under `key`, if it is there and reads.
#[must_use]
pub fn find<R: Record>(map: &Map, key: impl Into<Key>) -> Option<R> {
    map.get(&(R::TABLE.name, key.into())).and_then(|row| R::from_row(row).ok())
}

/// Every row of `R` that reads, by key.
pub fn all<R: Record>(map: &Map) -> impl Iterator<Item = R> {
    let from = (R::TABLE.name, Key([].into_iter().collect::<smallvec::SmallVec<[Value; 2]>>()));
    let rows = map.range(from..).take_while(|((table, _), _)| *table == R::TABLE.name);
    rows.filter_map(|(_, row)| R::from_row(row).ok())
}

/// Puts a row as it stands.
pub fn put<R: Record>(map: &mut Map, record: &R) {
    let row = record.to_row();
    map.insert((R::TABLE.name, Key::of_row(R::TABLE, &row)), row);
}

/// One transaction over a database.
pub(crate) struct Session<'a> {
    before: &'a Map,
    after: Map,
    seam: &'a dyn Seam,
    /// Whether an action is being decided: what a planted bug may want to know.
    acting: bool,
}

impl<'a> Session<'a> {
    pub(crate) fn new(before: &'a Map, seam: &'a dyn Seam, acting: bool) -> Self {
        Self { before, after: before.clone(), seam, acting }
    }

    /// The rows as they are after the transaction.
    pub(crate) fn into_map(self) -> Map {
        self.after
    }
}

impl Store for Session<'_> {
    fn begin(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn load(&mut self, table: &'static Table, keys: &[Key], _: Intent) -> Result<Vec<Row>, StoreError> {
        let found = keys.iter().filter_map(|key| self.before.get(&(table.name, key.clone())));
        Ok(found.filter(|row| self.seam.shows(table, row, self.acting)).cloned().collect())
    }

    fn commit(&mut self, writes: &[Write], _: &[LogRow]) -> Result<Position, StoreError> {
        for write in writes.iter().filter(|write| is_kept(write.table.name)) {
            let key = (write.table.name, write.key.clone());
            if !self.seam.keeps(write, self.before.get(&key)) {
                continue;
            }
            match &write.row {
                Some(row) => self.after.insert(key, kept(write.table, row)),
                None => self.after.remove(&key),
            };
        }
        Ok(Position(1))
    }

    fn roll_back(&mut self) {}

    fn prune_log(&mut self, _: Position) -> Result<(), StoreError> {
        Ok(())
    }

    fn new_epoch(&mut self, _: Epoch) -> Result<(), StoreError> {
        Ok(())
    }
}
