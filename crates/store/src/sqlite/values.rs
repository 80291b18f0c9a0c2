//! Values to and from SQLite: ids are 16-byte blobs, everything else is what it says.

use super::error::store_error;
use super::read::Place;
use crate::checks;
use kernel::table::{Column, ColumnType, Row, Table, Value};
use runtime::ports::store::StoreError;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row as Found, Statement};
use smol_str::SmolStr;
use std::sync::Arc;
use uuid::Uuid;

/// A value handed to a statement as it lies in memory.
pub(super) struct Bound<'a>(pub(super) &'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(n) => ValueRef::Integer(*n),
            Value::Id(id) => ValueRef::Blob(id.as_bytes()),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Binds `values`, those of the leading columns of `table`, behind `before` other parameters; refuses what a column cannot hold. SQLite would make `5` of `'5'` even
/// in a STRICT table, and knows no ids.
fn bind(
    statement: &mut Statement<'_>,
    before: usize,
    table: &Table,
    values: &[Value],
) -> Result<(), StoreError> {
    checks::fit(table, values)?;
    for (nth, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(before + nth + 1, Bound(value)).map_err(store_error)?;
    }
    Ok(())
}

/// Binds a place of `table`, as the leading columns of its stored key.
pub(super) fn bind_place(
    statement: &mut Statement<'_>,
    before: usize,
    table: &Table,
    (generation, key): Place<'_>,
) -> Result<(), StoreError> {
    let lead = bind_generation(statement, before, generation)?;
    bind(statement, before + lead, table, &key.0)
}

/// Binds a row of `table`, as all of its stored columns.
pub(super) fn bind_row(
    statement: &mut Statement<'_>,
    table: &Table,
    generation: Option<i64>,
    row: &Row,
) -> Result<(), StoreError> {
    let lead = bind_generation(statement, 0, generation)?;
    bind(statement, lead, table, row)
}

/// Returns how many parameters it took.
fn bind_generation(
    statement: &mut Statement<'_>,
    before: usize,
    generation: Option<i64>,
) -> Result<usize, StoreError> {
    let Some(number) = generation else { return Ok(0) };
    statement.raw_bind_parameter(before + 1, number).map_err(store_error)?;
    Ok(1)
}

/// A row of `table`, selected with its columns in order.
pub(super) fn row(table: &Table, found: &Found<'_>) -> Result<Row, StoreError> {
    table.columns.iter().enumerate().map(|(nth, column)| value(table, column, nth, found)).collect()
}

/// The value at `nth` of a found row, as `column` of `table` reads it.
pub(super) fn value(
    table: &Table,
    column: &Column,
    nth: usize,
    found: &Found<'_>,
) -> Result<Value, StoreError> {
    let stored = found.get_ref(nth).map_err(store_error)?;
    let read = match (column.ty, stored) {
        (_, ValueRef::Null) => Some(Value::Null),
        (ColumnType::Int, ValueRef::Integer(n)) => Some(Value::Int(n)),
        (ColumnType::Id, ValueRef::Blob(bytes)) => Uuid::from_slice(bytes).ok().map(Value::Id),
        (ColumnType::Text, ValueRef::Text(bytes)) => {
            std::str::from_utf8(bytes).ok().map(|text| Value::Text(SmolStr::new(text)))
        }
        (ColumnType::Bytes, ValueRef::Blob(bytes)) => Some(Value::Bytes(Arc::from(bytes))),
        _ => None,
    };
    read.ok_or_else(|| {
        StoreError::Unusable(format!("{}.{} holds what its column cannot", table.name, column.name))
    })
}
