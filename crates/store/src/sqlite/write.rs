//! The statements of a batch: rows put and deleted, log rows appended, positions counted.

use super::error::store_error;
use super::schema::Layout;
use super::values;
use kernel::state::Write;
use kernel::table::Table;
use runtime::ports::store::{Epoch, LogRow, Position, StoreError};
use rusqlite::{CachedStatement, Connection};

/// Log rows deleted at most by one call: some tens of milliseconds, so that pruning never holds a batch up for long.
pub(super) const PRUNE_CHUNK: u64 = 10_000;

/// Writes all of a batch within the open transaction. Returns the position of the first log row.
pub(super) fn batch(
    connection: &Connection,
    layout: &Layout,
    writes: &[Write],
    log: &[LogRow],
) -> Result<Position, StoreError> {
    for writes in writes.chunk_by(|a, b| a.table.name == b.table.name) {
        if let Some(first) = writes.first() {
            rows(connection, layout, first.table, writes)?;
        }
    }
    append(connection, log)
}

fn rows(
    connection: &Connection,
    layout: &Layout,
    table: &'static Table,
    writes: &[Write],
) -> Result<(), StoreError> {
    let statements = layout.get(table)?;
    let mut put = connection.prepare_cached(&statements.put).map_err(store_error)?;
    let mut delete: Option<CachedStatement<'_>> = None;
    for write in writes {
        let (statement, values, expected) = match (&write.row, &mut delete) {
            (Some(row), _) => (&mut put, &row[..], table.columns.len()),
            (None, Some(delete)) => (delete, &write.key.0[..], table.key),
            (None, none) => {
                let prepared = connection.prepare_cached(&statements.delete).map_err(store_error)?;
                (none.insert(prepared), &write.key.0[..], table.key)
            }
        };
        if values.len() != expected {
            return Err(StoreError::Rejected(format!("{}: {} values", table.name, values.len())));
        }
        values::bind(statement, 0, table, values)?;
        statement.raw_execute().map_err(store_error)?;
    }
    Ok(())
}

/// Appends `log` with consecutive positions. The counter moves in the same transaction: a position that was committed is
/// never given out again, whatever is pruned, and one that was not leaves no gap.
fn append(connection: &Connection, log: &[LogRow]) -> Result<Position, StoreError> {
    let count = i64::try_from(log.len()).unwrap_or(i64::MAX);
    let mut counter = connection
        .prepare_cached("UPDATE \"log_state\" SET \"head\" = \"head\" + $1 RETURNING \"head\"")
        .map_err(store_error)?;
    let head: i64 = counter.query_row([count], |row| row.get(0)).map_err(store_error)?;
    let first = head - count + 1;
    let mut insert = connection
        .prepare_cached("INSERT INTO \"event_log\" VALUES ($1, $2, $3, $4)")
        .map_err(store_error)?;
    for (position, row) in (first..).zip(log) {
        insert
            .execute((position, row.key.as_bytes().as_slice(), row.at.0, &*row.body))
            .map_err(store_error)?;
    }
    Ok(Position(first.cast_unsigned()))
}

/// Deletes a chunk of the log rows up to `through`.
pub(super) fn prune(connection: &Connection, through: Position) -> Result<(), StoreError> {
    let (head, first): (i64, i64) = connection
        .query_row("SELECT \"head\", \"first\" FROM \"log_state\"", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(store_error)?;
    let through = i64::try_from(through.0).unwrap_or(i64::MAX).min(head);
    let through = through.min(first.saturating_add(PRUNE_CHUNK.cast_signed() - 1));
    if through < first {
        return Ok(());
    }
    connection
        .execute("DELETE FROM \"event_log\" WHERE \"position\" <= $1", [through])
        .map_err(store_error)?;
    connection.execute("UPDATE \"log_state\" SET \"first\" = $1", [through + 1]).map_err(store_error)?;
    Ok(())
}

/// Replaces the epoch.
pub(super) fn epoch(connection: &Connection, epoch: Epoch) -> Result<(), StoreError> {
    connection
        .execute("UPDATE \"log_state\" SET \"epoch\" = $1", [epoch.0.as_bytes().as_slice()])
        .map_err(store_error)?;
    Ok(())
}
