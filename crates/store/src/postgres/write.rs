//! The statements of a batch, for one flight: rows put and deleted by table, log rows appended, positions counted.

use super::log;
use super::schema::{Layout, Statements};
use super::session::{Call, Parameter, Session};
use super::values::{self, Body, Bound};
use crate::checks;
use kernel::state::Write;
use kernel::table::{Key, Table, Value};
use runtime::ports::store::{LogRow, StoreError};
use rustc_hash::FxHashMap;
use uuid::Uuid;

/// What a batch's loads have found: whether there is a row under each key that they asked for.
#[derive(Default)]
pub(super) struct Seen(FxHashMap<&'static str, FxHashMap<Key, bool>>);

impl Seen {
    /// Notes that `key` was asked for, and whether its row is there. What the batch was told first counts: a row that it took for absent
    /// stays one that it may only insert, also if another instance's turns up later.
    pub(super) fn note(&mut self, table: &'static Table, key: Key, is_there: bool) {
        self.0.entry(table.name).or_default().entry(key).or_insert(is_there);
    }

    /// Forgets everything: the next batch begins.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn get(&self, table: &Table, key: &Key) -> Option<bool> {
        self.0.get(table.name)?.get(key).copied()
    }
}

/// One statement and its arrays.
pub(super) struct Change<'w> {
    text: &'w str,
    arrays: Vec<Vec<Bound<&'w Value>>>,
}

impl<'w> Change<'w> {
    /// The statement, prepared, with its arrays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn call(&self, session: &mut Session) -> Result<Call<'_>, StoreError> {
        let statement = session.prepared(self.text).await?;
        Ok((statement, self.arrays.iter().map(|array| array as Parameter<'_>).collect()))
    }

    fn of(text: &'w str, rows: &[&'w [Value]], columns: usize) -> Option<Self> {
        (!rows.is_empty()).then(|| Self { text, arrays: values::arrays(rows, columns) })
    }
}

/// The statements that write `writes`: at most four a table, whatever their number.
///
/// # Errors
/// [`StoreError::Rejected`] if a row cannot be stored.
pub(super) fn changes<'w>(
    layout: &'w Layout,
    seen: &Seen,
    writes: &'w [Write],
) -> Result<Vec<Change<'w>>, StoreError> {
    let mut changes = Vec::new();
    for writes in writes.chunk_by(|a, b| a.table.name == b.table.name) {
        if let Some(first) = writes.first() {
            changes.extend(of_table(layout.get(first.table)?, seen, first.table, writes)?);
        }
    }
    Ok(changes)
}

/// A row that was loaded is locked, so that it is there to be updated; one that was absent is inserted, and if another instance was
/// first, the batch runs again and finds it. What was never loaded replaces what is there.
fn of_table<'w>(
    statements: &'w Statements,
    seen: &Seen,
    table: &'static Table,
    writes: &'w [Write],
) -> Result<impl Iterator<Item = Change<'w>>, StoreError> {
    let columns = table.columns.len();
    let (mut insert, mut update, mut upsert, mut delete) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for Write { key, row, .. } in writes {
        let seen = seen.get(table, key);
        match row {
            Some(row) if row.len() != columns => {
                return Err(StoreError::Rejected(format!("{}: {} values", table.name, row.len())));
            }
            Some(row) => {
                values::fit(table, row)?;
                match seen {
                    Some(false) => insert.push(&row[..]),
                    // Of a row that is all key there is nothing to change.
                    Some(true) if columns == table.key => {}
                    Some(true) => update.push(&row[..]),
                    None => upsert.push(&row[..]),
                }
            }
            None if seen == Some(false) => {}
            None => {
                checks::whole_key(table, key)?;
                values::fit(table, &key.0)?;
                delete.push(&key.0[..]);
            }
        }
    }
    let changes = [
        Change::of(&statements.delete, &delete, table.key),
        Change::of(&statements.update, &update, columns),
        Change::of(&statements.insert, &insert, columns),
        Change::of(&statements.upsert, &upsert, columns),
    ];
    Ok(changes.into_iter().flatten())
}

/// The last statement of a batch: its log rows, and the note that it was committed.
pub(super) struct Ending<'w> {
    count: i64,
    keys: Vec<Uuid>,
    times: Vec<i64>,
    bodies: Vec<Body<'w>>,
    batch: i64,
    session: i32,
}

impl<'w> Ending<'w> {
    /// That of the batch called `batch` of the session called `session`.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if a body cannot be stored.
    pub(super) fn of(log: &'w [LogRow], batch: i64, session: i32) -> Result<Self, StoreError> {
        if log.iter().any(|row| row.body.as_bytes().contains(&0)) {
            return Err(StoreError::Rejected("event_log.body cannot hold U+0000".to_owned()));
        }
        Ok(Self {
            count: i64::try_from(log.len()).unwrap_or(i64::MAX),
            keys: log.iter().map(|row| row.key).collect(),
            times: log.iter().map(|row| row.at.0).collect(),
            bodies: log.iter().map(|row| Body(&row.body)).collect(),
            batch,
            session,
        })
    }

    /// The statement, prepared, with its parameters.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn call(&self, session: &mut Session) -> Result<Call<'_>, StoreError> {
        if self.count == 0 {
            return Ok((session.prepared(log::NOTE).await?, vec![&self.batch, &self.session]));
        }
        let statement = session.prepared(log::APPEND).await?;
        Ok((statement, vec![&self.count, &self.keys, &self.times, &self.bodies, &self.batch, &self.session]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Timestamp;

    #[test]
    fn what_the_driver_logs_of_a_batch_shows_nothing_of_it() {
        let row = LogRow { key: Uuid::nil(), at: Timestamp(0), body: "tok_secret".into() };
        let ending = Ending::of(std::slice::from_ref(&row), 1, 1).unwrap();
        assert_eq!(format!("{:?}", ending.bodies), "[…]");
        let label = Value::Text("tok_secret".into());
        assert_eq!(format!("{:?}", Bound(&label)), "…");
    }
}
