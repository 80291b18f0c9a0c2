//! The statements of a batch: rows put and deleted, log rows appended, positions counted.

use super::error::store_error;
use super::generations::Generations;
use super::schema::{Kept, Layout, Statements};
use super::values;
use crate::checks;
use kernel::state::Write;
use kernel::table::{Key, Table};
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
    let Kept { statements, generations, .. } = layout.get(table)?;
    writes.iter().try_for_each(|write| checks::whole_key(table, &write.key))?;
    let numbers = match generations {
        None => Vec::new(),
        Some(generations) => numbers(connection, statements, generations, table, writes)?,
    };
    let mut put = connection.prepare_cached(&statements.put).map_err(store_error)?;
    let mut delete: Option<CachedStatement<'_>> = None;
    for (nth, Write { key, row, .. }) in writes.iter().enumerate() {
        let number = numbers.get(nth).copied();
        let statement = match (row, &mut delete) {
            (Some(row), _) => {
                if row.len() != table.columns.len() {
                    return Err(StoreError::Rejected(format!("{}: {} values", table.name, row.len())));
                }
                values::bind_row(&mut put, table, number, row)?;
                &mut put
            }
            (None, prepared) => {
                let delete = match prepared {
                    Some(delete) => delete,
                    None => {
                        prepared.insert(connection.prepare_cached(&statements.delete).map_err(store_error)?)
                    }
                };
                values::bind_place(delete, 0, table, (number, key))?;
                delete
            }
        };
        statement.raw_execute().map_err(store_error)?;
    }
    Ok(())
}

/// The generation of each row of a scattered table: that which it stands in, or the youngest for one that is new.
fn numbers(
    connection: &Connection,
    statements: &Statements,
    generations: &Generations,
    table: &Table,
    writes: &[Write],
) -> Result<Vec<i64>, StoreError> {
    let keys: Vec<Key> = writes.iter().map(|write| write.key.clone()).collect();
    let mut known = vec![None; keys.len()];
    let mut select = connection.prepare_cached(&statements.select).map_err(store_error)?;
    for (number, nth) in generations.places(connection, table, &keys)? {
        values::bind_place(&mut select, 0, table, (Some(number), &keys[nth]))?;
        if select.raw_query().next().map_err(store_error)?.is_some() {
            known[nth] = Some(number);
        }
    }
    let youngest = generations.youngest()?;
    for (write, _) in
        writes.iter().zip(&known).filter(|(write, known)| write.row.is_some() && known.is_none())
    {
        generations.add(&write.key);
    }
    Ok(known.into_iter().map(|number| number.unwrap_or(youngest)).collect())
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
