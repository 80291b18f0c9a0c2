//! Reading a table from its first key to its last, or along its links, a page at a time.

use crate::AuditError;
use kernel::table::{Key, Record, Row, Table, Value};
use runtime::ports::store::{Chain, Compare, Query, Reader, StoreError};
use std::collections::VecDeque;
use std::marker::PhantomData;

/// One database at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) name: &'a str,
    pub(crate) reader: &'a dyn Reader,
    pub(crate) page: u32,
}

impl<'a> Moment<'a> {
    /// All rows of `R`, in key order.
    pub(crate) fn pages<R: Record>(self) -> Pages<'a, R> {
        let query = Some(Query::of(R::TABLE, self.page.max(1)));
        Pages { moment: self, query, waiting: VecDeque::new(), record: PhantomData }
    }

    /// The rows of `R` from `latest` on, of which each names the next in its column `link`.
    pub(crate) fn links<R: Record>(self, link: &'static str, latest: Option<impl Into<Key>>) -> Links<'a, R> {
        let next = latest.map(Into::into);
        Links { moment: self, link, next, broken: None, waiting: VecDeque::new(), record: PhantomData }
    }

    /// The records under `keys`, in any order; absent ones are left out.
    pub(crate) fn load<R: Record>(&self, mut keys: Vec<Key>) -> Result<Vec<R>, AuditError> {
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.reader.load(R::TABLE, &keys).map_err(|error| self.failed(error))?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    /// The record under `key`.
    pub(crate) fn get<R: Record>(&self, key: impl Into<Key>) -> Result<Option<R>, AuditError> {
        Ok(self.load(vec![key.into()])?.into_iter().next())
    }

    /// At most a page of the records whose `column` is `value`.
    pub(crate) fn those<R: Record>(&self, column: &'static str, value: Value) -> Result<Vec<R>, AuditError> {
        let query = Query::of(R::TABLE, self.page.max(1)).filter(column, Compare::Is, value);
        let rows = self.reader.query(&query).map_err(|error| self.failed(error))?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    pub(crate) fn failed(&self, error: StoreError) -> AuditError {
        AuditError::Store { database: self.name.to_owned(), error }
    }

    fn read<R: Record>(&self, row: &Row) -> Result<R, AuditError> {
        R::from_row(row).map_err(|corrupt| AuditError::Unreadable {
            database: self.name.to_owned(),
            table: R::TABLE.name,
            key: show_key(&Key::of_row(R::TABLE, row)),
            detail: corrupt.to_string(),
        })
    }
}

/// All rows of one table, in key order. Holds at most a page of them.
pub(crate) struct Pages<'a, R> {
    moment: Moment<'a>,
    /// The next page's query; none after the last.
    query: Option<Query>,
    waiting: VecDeque<Row>,
    record: PhantomData<R>,
}

impl<R: Record> Pages<'_, R> {
    /// Only rows whose `column` is `value`.
    pub(crate) fn only(mut self, column: &'static str, value: Value) -> Self {
        self.query = self.query.map(|query| query.filter(column, Compare::Is, value));
        self
    }

    /// The next page; empty after the last.
    pub(crate) fn page(&mut self) -> Result<Vec<R>, AuditError> {
        self.fill()?;
        let rows = std::mem::take(&mut self.waiting);
        rows.iter().map(|row| self.moment.read(row)).collect()
    }

    /// The next row, if it is there and `wanted` says so.
    pub(crate) fn next_if(&mut self, wanted: impl FnOnce(&R) -> bool) -> Result<Option<R>, AuditError> {
        self.fill()?;
        let Some(row) = self.waiting.front() else { return Ok(None) };
        let record: R = self.moment.read(row)?;
        if !wanted(&record) {
            return Ok(None);
        }
        self.waiting.pop_front();
        Ok(Some(record))
    }

    fn fill(&mut self) -> Result<(), AuditError> {
        if !self.waiting.is_empty() {
            return Ok(());
        }
        let Some(query) = self.query.take() else { return Ok(()) };
        let rows = self.moment.reader.query(&query).map_err(|error| self.moment.failed(error))?;
        // A short page may only be one: asking again is cheaper than a wrong end.
        self.query = rows.last().map(|last| query.after(Key::of_row(R::TABLE, last)));
        self.waiting = rows.into();
        Ok(())
    }
}

/// The rows of one chain, in its order. Holds at most a page of them.
pub(crate) struct Links<'a, R> {
    moment: Moment<'a>,
    link: &'static str,
    /// The key of the row after those that wait.
    next: Option<Key>,
    /// A row that is named and is not there.
    broken: Option<Key>,
    waiting: VecDeque<Row>,
    record: PhantomData<R>,
}

impl<R: Record> Links<'_, R> {
    /// The next row; none after the last. A chain that runs in a circle has no last.
    pub(crate) fn step(&mut self) -> Result<Option<R>, AuditError> {
        if self.waiting.is_empty()
            && let Some(from) = self.next.take()
        {
            let (table, link, limit) = (R::TABLE, self.link, self.moment.page.max(1));
            let rows = self.moment.reader.follow(&Chain { table, from: from.clone(), link, limit });
            self.waiting = rows.map_err(|error| self.moment.failed(error))?.into();
            match self.waiting.back() {
                Some(last) => self.next = named(table, link, last),
                None => self.broken = Some(from),
            }
        }
        self.waiting.pop_front().map(|row| self.moment.read(&row)).transpose()
    }

    /// The row that the last one named and that is not there.
    pub(crate) fn broken(&self) -> Option<&Key> {
        self.broken.as_ref()
    }
}

/// The key that `row` holds in its column `link`.
fn named(table: &Table, link: &str, row: &Row) -> Option<Key> {
    let value = row.get(table.column(link)?)?;
    (*value != Value::Null).then(|| Key(std::iter::once(value.clone()).collect()))
}

/// A key as people read it: `a/b`.
pub(crate) fn show_key(key: &Key) -> String {
    let parts: Vec<String> = key.0.iter().map(show_value).collect();
    parts.join("/")
}

fn show_value(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Id(id) => id.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
