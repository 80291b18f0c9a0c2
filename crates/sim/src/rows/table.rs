//! The committed rows of one table, by key and by the first column of each index.

use kernel::state::Write;
use kernel::table::{Key, Row, Table, Value};
use runtime::ports::store::{Compare, Filter, Query, StoreError};
use smallvec::smallvec;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use store::plain::Sieve;

/// A stored row: shared by every state of the table that holds it.
type Stored = Arc<[Value]>;

/// A table's rows.
#[derive(Clone)]
pub(super) struct Rows {
    table: &'static Table,
    by_key: BTreeMap<Key, Stored>,
    indexes: Vec<Index>,
}

/// Keys by the value of one column; NULLs are left out.
#[derive(Clone)]
struct Index {
    column: usize,
    keys: BTreeSet<(Value, Key)>,
}

impl Rows {
    pub(super) fn new(table: &'static Table) -> Self {
        let mut columns: Vec<usize> = table
            .indexes
            .iter()
            .filter_map(|index| table.column(index.columns.first()?))
            // The rows themselves are in the order of the first column.
            .filter(|column| *column > 0)
            .collect();
        columns.sort_unstable();
        columns.dedup();
        let index = |column| Index { column, keys: BTreeSet::new() };
        Self { table, by_key: BTreeMap::new(), indexes: columns.into_iter().map(index).collect() }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Row> {
        self.by_key.get(key).map(row)
    }

    pub(super) fn holds(&self, key: &Key) -> bool {
        self.by_key.contains_key(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[Value]> {
        self.by_key.values().map(|stored| &**stored)
    }

    /// Puts or deletes one row.
    pub(super) fn write(&mut self, Write { key, row, .. }: &Write) {
        let replaced = match row {
            Some(row) => self.by_key.insert(key.clone(), Arc::from(&row[..])),
            None => self.by_key.remove(key),
        };
        for Index { column, keys } in &mut self.indexes {
            let before = replaced.as_ref().map(|stored| &stored[*column]);
            let after = row.as_ref().map(|row| &row[*column]);
            if before == after {
                continue;
            }
            if let Some(value) = before.filter(|value| **value != Value::Null) {
                keys.remove(&(value.clone(), key.clone()));
            }
            if let Some(value) = after.filter(|value| **value != Value::Null) {
                keys.insert((value.clone(), key.clone()));
            }
        }
    }

    /// The rows that `query` asks for.
    ///
    /// # Errors
    /// As [`Sieve::of`].
    pub(super) fn query(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        let sieve = Sieve::of(query)?;
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let index = self.index_for(query).filter(|_| !self.is_keyed(query));
        let Some((index, filter)) = index else {
            let rows = self.by_key_range(query).filter(|row| sieve.takes(row));
            if sieve.wants_key_order() {
                return Ok(rows.take(limit).map(row).collect());
            }
            return Ok(sorted(rows.collect(), &sieve, limit));
        };
        let rows = self.by_index_range(index, filter).filter(|row| sieve.takes(row));
        Ok(sorted(rows.collect(), &sieve, limit))
    }

    /// Whether the query names the first column of the key.
    fn is_keyed(&self, query: &Query) -> bool {
        self.filter_on(0, query).is_some_and(|filter| filter.compare == Compare::Is)
    }

    fn filter_on<'q>(&self, column: usize, query: &'q Query) -> Option<&'q Filter> {
        let name = self.table.columns[column].name;
        let mut filters = query.filters.iter().filter(|filter| filter.column == name);
        let finds_none = |filter: &Filter| filter.compare == Compare::Is && filter.value == Value::Null;
        // The narrowest: one value before a range, a range before all.
        let exact = filters.clone().find(|filter| filter.compare == Compare::Is && !finds_none(filter));
        exact.or_else(|| filters.find(|filter| !finds_none(filter)))
    }

    /// The index that leaves the fewest rows to look at, with the filter that it serves: one value before a range.
    fn index_for<'s, 'q>(&'s self, query: &'q Query) -> Option<(&'s Index, &'q Filter)> {
        let usable =
            || self.indexes.iter().filter_map(|index| Some((index, self.filter_on(index.column, query)?)));
        usable().find(|(_, filter)| filter.compare == Compare::Is).or_else(|| usable().next())
    }

    /// The rows in key order that the filters on the first key column, and where the page begins, leave over.
    fn by_key_range<'s>(&'s self, query: &'s Query) -> impl Iterator<Item = &'s [Value]> {
        let filter = self.filter_on(0, query);
        let from = filter.filter(|filter| has_start(filter.compare)).map(|filter| one(&filter.value));
        let from = match (&query.after, from) {
            (Some(after), Some(from)) if from > *after => Bound::Included(from),
            (Some(after), _) => Bound::Excluded(after.clone()),
            (None, Some(from)) => Bound::Included(from),
            (None, None) => Bound::Unbounded,
        };
        let rows = self.by_key.range((from, Bound::Unbounded)).map(|(_, stored)| &**stored);
        rows.take_while(move |row| filter.is_none_or(|filter| !is_past(&row[0], filter)))
    }

    fn by_index_range<'s>(
        &'s self,
        index: &'s Index,
        filter: &'s Filter,
    ) -> impl Iterator<Item = &'s [Value]> {
        // A key of no values is below every other.
        let least = |value: &Value| (value.clone(), Key(smallvec![]));
        let from = match has_start(filter.compare) {
            true => Bound::Included(least(&filter.value)),
            false => Bound::Unbounded,
        };
        let keys = index.keys.range((from, Bound::Unbounded));
        let keys = keys.take_while(move |(value, _)| !is_past(value, filter));
        keys.filter_map(|(_, key)| self.by_key.get(key)).map(|stored| &**stored)
    }
}

/// The first rows in the order that is asked for.
fn sorted(mut rows: Vec<&[Value]>, sieve: &Sieve<'_>, limit: usize) -> Vec<Row> {
    rows.sort_by(|a, b| sieve.compare(a, b));
    rows.into_iter().take(limit).map(row).collect()
}

fn row(stored: impl AsRef<[Value]>) -> Row {
    Row::from(stored.as_ref())
}

fn one(value: &Value) -> Key {
    Key(smallvec![value.clone()])
}

/// Whether what compares so begins at the value.
fn has_start(compare: Compare) -> bool {
    match compare {
        Compare::Is | Compare::Above | Compare::AtLeast => true,
        Compare::Below | Compare::AtMost | Compare::Present => false,
    }
}

/// Whether neither `value` nor any above it can pass the filter.
fn is_past(value: &Value, filter: &Filter) -> bool {
    match filter.compare {
        Compare::Is | Compare::AtMost => *value > filter.value,
        Compare::Below => *value >= filter.value,
        Compare::Above | Compare::AtLeast | Compare::Present => false,
    }
}
