//! Reading rows and the log over any connection.

use super::error::store_error;
use super::generations::GENERATION;
use super::schema::{self, Layout, MANY, Statements};
use super::values::{self, Bound};
use crate::checks;
use crate::sql::{self, Prepared};
use kernel::Timestamp;
use kernel::table::{Column, ColumnType, Key, Row, Table, Value};
use runtime::ports::store::{Chain, Epoch, LogRow, LogState, Position, Query, StoreError, StoredLogRow, Top};
use rusqlite::types::Null;
use rusqlite::{CachedStatement, Connection, Row as Found, Rows, Statement, params};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use uuid::Uuid;

/// The rows of `table` under `keys`.
///
/// Measured for 250 and 1,000 keys among 200,000 rows of 400 bytes: one statement for [`MANY`] keys takes 0.6 to 0.8 times as
/// long as one stepped for each key, for single and composite keys; a list of 16, of 250, or `rarray` gain no more, and
/// `json_each` loses, since ids must be written as hex.
pub(super) fn load(
    connection: &Connection,
    layout: &Layout,
    table: &Table,
    keys: &[Key],
) -> Result<Vec<Row>, StoreError> {
    keys.iter().try_for_each(|key| checks::whole_key(table, key))?;
    let kept = layout.get(table)?;
    match &kept.generations {
        None => select(connection, &kept.statements, table, keys.len(), |nth| (None, &keys[nth])),
        Some(generations) => {
            let places = generations.places(connection, table, keys)?;
            let place = |nth: usize| {
                let (number, key) = places[nth];
                (Some(number), &keys[key])
            };
            select(connection, &kept.statements, table, places.len(), place)
        }
    }
}

/// Where a row stands: in which generation, if its table has them, and under which key.
pub(super) type Place<'k> = (Option<i64>, &'k Key);

/// The rows at `count` places.
fn select<'k>(
    connection: &Connection,
    statements: &Statements,
    table: &Table,
    count: usize,
    place: impl Fn(usize) -> Place<'k>,
) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::with_capacity(count);
    if count < FEW {
        let mut statement = connection.prepare_cached(&statements.select).map_err(store_error)?;
        for nth in 0..count {
            values::bind_place(&mut statement, 0, table, place(nth))?;
            collect(&mut statement, table, &mut rows)?;
        }
        return Ok(rows);
    }
    let mut statement = connection.prepare_cached(&statements.select_many).map_err(store_error)?;
    let width = schema::place(table);
    for start in (0..count).step_by(MANY) {
        let end = count.min(start + MANY);
        for nth in start..end {
            values::bind_place(&mut statement, (nth - start) * width, table, place(nth))?;
        }
        // A NULL is in no key.
        for parameter in (end - start) * width..MANY * width {
            statement.raw_bind_parameter(parameter + 1, Null).map_err(store_error)?;
        }
        collect(&mut statement, table, &mut rows)?;
    }
    Ok(rows)
}

/// Fewer keys than this are looked up one by one: a statement for [`MANY`] costs more than it saves.
const FEW: usize = 8;

fn collect(
    statement: &mut CachedStatement<'_>,
    table: &Table,
    rows: &mut Vec<Row>,
) -> Result<(), StoreError> {
    let mut found = statement.raw_query();
    while let Some(row) = found.next().map_err(store_error)? {
        rows.push(values::row(table, row)?);
    }
    Ok(())
}

/// The rows that `query` asks for.
pub(super) fn query(connection: &Connection, layout: &Layout, query: &Query) -> Result<Vec<Row>, StoreError> {
    let by_key = || query.order.iter().copied().eq(sql::key(query.table).map(|name| (name, false)));
    match &layout.get(query.table)?.generations {
        Some(generations) if by_key() => merge(connection, query, &generations.all(connection, query.table)?),
        _ => run(connection, &sql::query(query)?, query.limit, |found| values::row(query.table, found)),
    }
}

/// The rows that a query in key order asks for among several generations, each of which is sorted by key: a page of a million rows
/// need not sort them all.
fn merge(connection: &Connection, query: &Query, generations: &[i64]) -> Result<Vec<Row>, StoreError> {
    let numbers: Vec<Value> = generations.iter().map(|number| Value::Int(*number)).collect();
    let mut statements = Vec::with_capacity(numbers.len());
    for number in &numbers {
        let prepared = sql::among(query, Some((GENERATION.name, number)))?;
        let mut statement = connection.prepare(&prepared.text).map_err(store_error)?;
        bind(&mut statement, &prepared, query.limit)?;
        statements.push(statement);
    }
    let mut sorted: Vec<Rows<'_>> = statements.iter_mut().map(Statement::raw_query).collect();
    // The smallest key first, which a heap has last.
    let mut next = |nth: usize| {
        let found = sorted.get_mut(nth).map(Rows::next).transpose().map_err(store_error)?.flatten();
        let row = found.map(|found| values::row(query.table, found)).transpose()?;
        Ok::<_, StoreError>(row.map(|row| Reverse((Key::of_row(query.table, &row), nth, row))))
    };
    let mut heads = BinaryHeap::new();
    for nth in 0..numbers.len() {
        heads.extend(next(nth)?);
    }
    let (mut rows, limit) = (Vec::new(), usize::try_from(query.limit).unwrap_or(usize::MAX));
    while rows.len() < limit
        && let Some(Reverse((_, nth, row))) = heads.pop()
    {
        rows.push(row);
        heads.extend(next(nth)?);
    }
    Ok(rows)
}

/// The rows of `chain`.
pub(super) fn follow(
    connection: &Connection,
    layout: &Layout,
    chain: &Chain,
) -> Result<Vec<Row>, StoreError> {
    layout.get(chain.table)?;
    run(connection, &sql::chain(chain)?, chain.limit, |found| values::row(chain.table, found))
}

/// The groups that `top` asks for.
pub(super) fn top(connection: &Connection, layout: &Layout, top: &Top) -> Result<Vec<Row>, StoreError> {
    layout.get(top.table)?;
    let sum = Column { name: top.sum, ty: ColumnType::Int, nullable: true };
    let columns: Vec<&Column> = top
        .group
        .iter()
        .filter_map(|name| top.table.columns.iter().find(|column| column.name == *name))
        .chain([&sum])
        .collect();
    run(connection, &sql::top(top)?, top.limit, |found| {
        columns.iter().enumerate().map(|(nth, column)| values::value(top.table, column, nth, found)).collect()
    })
}

fn run(
    connection: &Connection,
    prepared: &Prepared<'_>,
    limit: u32,
    decode: impl Fn(&Found<'_>) -> Result<Row, StoreError>,
) -> Result<Vec<Row>, StoreError> {
    let mut statement = connection.prepare_cached(&prepared.text).map_err(store_error)?;
    bind(&mut statement, prepared, limit)?;
    let mut found = statement.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(store_error)? {
        rows.push(decode(row)?);
    }
    Ok(rows)
}

fn bind(statement: &mut Statement<'_>, prepared: &Prepared<'_>, limit: u32) -> Result<(), StoreError> {
    for (nth, value) in prepared.values.iter().enumerate() {
        statement.raw_bind_parameter(nth + 1, Bound(value)).map_err(store_error)?;
    }
    statement.raw_bind_parameter(prepared.values.len() + 1, limit).map_err(store_error)
}

/// Log rows after `after`.
pub(super) fn log_after(
    connection: &Connection,
    after: Position,
    limit: u32,
) -> Result<Vec<StoredLogRow>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT * FROM \"event_log\" WHERE \"position\" > $1 ORDER BY \"position\" LIMIT $2")
        .map_err(store_error)?;
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    log_rows(&mut statement, params![after, limit])
}

/// The log rows of `key`.
pub(super) fn log_of(connection: &Connection, key: Uuid) -> Result<Vec<StoredLogRow>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT * FROM \"event_log\" WHERE \"key\" = $1 ORDER BY \"position\"")
        .map_err(store_error)?;
    log_rows(&mut statement, params![key.as_bytes().as_slice()])
}

fn log_rows(
    statement: &mut CachedStatement<'_>,
    parameters: &[&dyn rusqlite::ToSql],
) -> Result<Vec<StoredLogRow>, StoreError> {
    let rows = statement
        .query_map(parameters, |found| {
            let body = found.get_ref(3)?.as_str()?;
            Ok(StoredLogRow {
                position: Position(found.get::<_, i64>(0)?.cast_unsigned()),
                row: LogRow {
                    key: Uuid::from_bytes(found.get(1)?),
                    at: Timestamp(found.get(2)?),
                    body: Arc::from(body),
                },
            })
        })
        .map_err(store_error)?;
    rows.collect::<Result<_, _>>().map_err(store_error)
}

/// Where the log stands.
pub(super) fn log_state(connection: &Connection) -> Result<LogState, StoreError> {
    connection
        .prepare_cached("SELECT \"epoch\", \"head\", \"first\" FROM \"log_state\"")
        .and_then(|mut statement| {
            statement.query_row([], |found| {
                Ok(LogState {
                    epoch: Epoch(Uuid::from_bytes(found.get(0)?)),
                    head: Position(found.get::<_, i64>(1)?.cast_unsigned()),
                    first: Position(found.get::<_, i64>(2)?.cast_unsigned()),
                })
            })
        })
        .map_err(store_error)
}
