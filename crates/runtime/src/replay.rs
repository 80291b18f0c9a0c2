//! A log heard again: the cursors of those who follow it are set back. What they decided before they know by the inbox, so it has no
//! second effect; what was lost on the way, by whatever carries the log, is decided now.

use crate::feed::follows;
use crate::ports::store::{Cursor, Intent, Position, Query, Reader, Store, StoreError};
use crate::prune::stored_horizon;
use crate::tail::read_row;
use kernel::Record;
use kernel::state::Write;
use smol_str::SmolStr;

/// Rows of a log that are looked at in one call.
const PAGE: u32 = 1_000;
/// No database has more cursors than this.
const CURSORS: u32 = 100_000;

/// A cursor that stands beyond where it is to be set back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// The log, or the lane of it, that it follows.
    pub cursor: SmolStr,
    /// Where it stands.
    pub at: Position,
}

/// Why a log cannot be heard again from there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotReplay {
    /// The log does not reach back that far.
    #[error("the log begins at position {}: nothing before can be heard again", .0.0)]
    Pruned(Position),
    /// A saga among the rows is pruned where they would be heard: its words would become dead letters.
    #[error(
        "position {} is about a saga whose inbox row is pruned by now, and would become a dead letter; position {} is the \
         earliest that can be heard again",
        .0.0, .0.0 + 1
    )]
    BelowHorizon(Position),
    /// A database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The cursors by which the database of `follower` has followed `log` beyond `to`.
///
/// # Errors
/// If they cannot be read.
pub fn beyond(follower: &dyn Reader, log: &str, to: Position) -> Result<Vec<Beyond>, StoreError> {
    let mut beyond = Vec::new();
    for row in follower.query(&Query::of(Cursor::TABLE, CURSORS))? {
        let cursor = read(&row)?;
        let at = Position(u64::try_from(cursor.position).unwrap_or(0));
        if follows(log, &cursor.source) && at > to {
            beyond.push(Beyond { cursor: cursor.source, at });
        }
    }
    Ok(beyond)
}

/// Looks whether the database of `follower` can hear the log of `source` again after `to`.
///
/// # Errors
/// [`CannotReplay`].
pub fn check(source: &dyn Reader, follower: &dyn Reader, to: Position) -> Result<(), CannotReplay> {
    let first = source.log_state()?.first;
    if to.0 + 1 < first.0 {
        return Err(CannotReplay::Pruned(first));
    }
    let Some(horizon) = stored_horizon(follower)? else { return Ok(()) };
    let (mut at, mut below) = (to, None);
    loop {
        let rows = source.log_after(at, PAGE)?;
        for row in &rows {
            let (position, entry) = read_row(row)?;
            // What is no saga's has no inbox row either.
            if entry.plan.as_ref().is_some_and(|plan| plan.saga.0 < horizon) {
                below = Some(position);
            }
        }
        match rows.last() {
            Some(last) => at = last.position,
            None => return below.map_or(Ok(()), |position| Err(CannotReplay::BelowHorizon(position))),
        }
    }
}

/// Sets back the cursors by which this database has followed a log beyond `to`. Its loop must not run.
///
/// # Errors
/// What the store says; nothing is set back then.
pub fn rewind(store: &mut dyn Store, cursors: &[Beyond], to: Position) -> Result<(), StoreError> {
    let position = i64::try_from(to.0).unwrap_or(i64::MAX);
    let mut keys: Vec<_> = cursors.iter().map(|beyond| (beyond.cursor.clone(),).into()).collect();
    keys.sort_unstable();
    store.begin()?;
    let rows = store.load(Cursor::TABLE, &keys, Intent::Change);
    let writes = rows.and_then(|rows| rows.iter().map(|row| set_back(&read(row)?, position)).collect());
    let mut writes: Vec<Write> = writes.inspect_err(|_| store.roll_back())?;
    writes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    store.commit(&writes, &[]).map(drop)
}

fn set_back(cursor: &Cursor, position: i64) -> Result<Write, StoreError> {
    let row = Cursor { position, ..cursor.clone() }.to_row();
    Ok(Write { table: Cursor::TABLE, key: kernel::Key::of_row(Cursor::TABLE, &row), row: Some(row) })
}

fn read(row: &kernel::Row) -> Result<Cursor, StoreError> {
    Cursor::from_row(row).map_err(|error| StoreError::Unusable(format!("cursors: {error}")))
}
