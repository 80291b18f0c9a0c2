//! The horizon, and what is pruned below it.
//!
//! Every saga below the horizon is final, past its cancellation window and without open dead letters, and none is born below it.
//! Inbox rows below it are folded into opening balances and deleted; messages below it are dead letters, never "none".

use crate::feed::followed_through;
use crate::ports::store::{Compare, Cursor, Intent, Meta, Position, Query, Reader, Store, StoreError};
use crate::registry::Registry;
use crate::system::{Elsewhere, Handle, System};
use kernel::judge::letters::{DeadLetter, LetterStatus};
use kernel::ledger::Opening;
use kernel::participation::{Inbox, InboxState};
use kernel::state::Write;
use kernel::topology::Database;
use kernel::{Domain, Field, Key, Record, Row, Step, Timestamp, Value};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Rows pruned in one transaction: between two batches, it must not be felt.
const CHUNK: u32 = 1_000;
/// More open sagas or letters than this, and the horizon stays where it is.
const MOST_OPEN: u32 = 100_000;
/// The meta row that holds the horizon.
pub const HORIZON: &str = "horizon";
/// No saga is below any horizon before this time has passed since its birth.
const NEVER_BEFORE: Duration = Duration::from_secs(3_600);

/// What a database is told to prune.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruning {
    /// Sagas below this id are over.
    pub horizon: Uuid,
    /// Log rows up to here have been taken in by every follower, and are older than the retention.
    pub log_through: Position,
}

/// The smallest UUIDv7 of the moment `at`.
#[must_use]
pub fn first_id_of(at: Timestamp) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(at.0).unwrap_or(0), &[0; 10]).into_uuid()
}

/// The horizon that a database has stored, if any.
///
/// # Errors
/// If it cannot be read.
pub fn stored_horizon(reader: &dyn Reader) -> Result<Option<Uuid>, StoreError> {
    let rows = reader.load(Meta::TABLE, &[horizon_key()])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let meta = Meta::from_row(row).map_err(|error| StoreError::Unusable(format!("meta: {error}")))?;
    read_horizon(&meta).map(Some)
}

/// The key of the meta row that holds the horizon.
pub(crate) fn horizon_key() -> Key {
    (SmolStr::new_static(HORIZON),).into()
}

/// The horizon that a meta row holds.
///
/// # Errors
/// If it does not read.
pub(crate) fn read_horizon(meta: &Meta) -> Result<Uuid, StoreError> {
    Uuid::parse_str(&meta.value).map_err(|error| StoreError::Unusable(format!("meta: horizon: {error}")))
}

/// Whether `saga` is old enough to be below a horizon that another instance of this unit has moved: then the stored one is to be
/// looked at by whoever decides about it.
pub(crate) fn may_be_pruned(saga: Uuid, now: Timestamp) -> bool {
    saga < first_id_of(now.before(NEVER_BEFORE))
}

/// The horizon of all sagas that these domains own, `None` if it cannot move now.
///
/// # Errors
/// If a database cannot be read.
pub fn horizon(
    registry: &Registry,
    books: &[(&Database, &Arc<dyn Reader>)],
    now: Timestamp,
) -> Result<Option<Uuid>, StoreError> {
    let mut horizon: Option<Uuid> = None;
    let mut lower = |id: Uuid| horizon = Some(horizon.map_or(id, |known| known.min(id)));
    for (database, reader) in books {
        for domain in registry.of(database) {
            for book in domain.sagas() {
                lower(first_id_of(now.before(book.window.max(NEVER_BEFORE))));
                let open = Query::of(book.table, MOST_OPEN).filter(book.open, Compare::Present, Value::Null);
                let rows = reader.query(&open.sort(book.open, false))?;
                if rows.len() >= MOST_OPEN as usize {
                    return Ok(None);
                }
                rows.iter().filter_map(|row| id_at(row, 0)).for_each(&mut lower);
            }
        }
        let open = Query::of(DeadLetter::TABLE, MOST_OPEN).filter(
            "status",
            Compare::Is,
            LetterStatus::Open.to_value(),
        );
        let letters = reader.query(&open)?;
        if letters.len() >= MOST_OPEN as usize {
            return Ok(None);
        }
        let column = DeadLetter::TABLE.column("order_id").unwrap_or_default();
        letters.iter().filter_map(|row| id_at(row, column)).for_each(&mut lower);
    }
    Ok(horizon)
}

fn id_at(row: &Row, column: usize) -> Option<Uuid> {
    match row.get(column) {
        Some(Value::Id(id)) => Some(*id),
        _ => None,
    }
}

/// The last row of a log that is older than `before`: rows are in time order, so halving finds it.
///
/// # Errors
/// If the log cannot be read.
pub fn last_before(reader: &dyn Reader, before: Timestamp) -> Result<Position, StoreError> {
    let state = reader.log_state()?;
    let (mut low, mut high) = (state.first.0.saturating_sub(1), state.head.0);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let old =
            reader.log_after(Position(middle - 1), 1)?.first().is_some_and(|stored| stored.row.at < before);
        if old { low = middle } else { high = middle - 1 }
    }
    Ok(Position(low))
}

impl System {
    /// Computes the horizon, and tells every database what it may prune: inbox rows below the horizon, log rows that every
    /// follower has taken in and that are older than `log_retention`. Call it now and then; while the clocks disagree it does
    /// nothing.
    ///
    /// # Errors
    /// If a database cannot be read.
    pub fn housekeep(&self, registry: &Registry, log_retention: Duration) -> Result<(), StoreError> {
        if self.signals().counts().values().any(|counts| counts.clock_suspect) {
            return Ok(());
        }
        let now = self.clock().now();
        let Some(horizon) = horizon(registry, &self.books(), now)? else { return Ok(()) };
        for handle in self.databases() {
            let old = last_before(handle.reader.as_ref(), now.before(log_retention))?;
            let followed =
                self.databases().iter().filter_map(|other| other.progress.stored_at(&handle.database.name));
            let mut log_through = followed.fold(old, Position::min);
            for other in self.followers_elsewhere(handle) {
                let cursors = other.reader.query(&Query::of(Cursor::TABLE, MOST_OPEN))?;
                let cursors = cursors.iter().map(Cursor::from_row).collect::<Result<Vec<_>, _>>();
                let cursors = cursors.map_err(|error| StoreError::Unusable(format!("cursors: {error}")))?;
                log_through = log_through.min(followed_through(&handle.database.name, &cursors));
            }
            handle.door.prune(Pruning { horizon, log_through });
        }
        Ok(())
    }

    /// The databases of other units that follow the log of `handle`.
    fn followers_elsewhere(&self, handle: &Handle) -> impl Iterator<Item = &Elsewhere> {
        let follows = |other: &&Elsewhere| {
            let heard = self.routing().sources(&other.database.domains);
            heard.iter().any(|domain| handle.database.domains.contains(domain))
        };
        self.elsewhere().iter().filter(follows)
    }
}

/// What was pruned by one call.
pub(crate) struct Pruned {
    /// Whether there may be more.
    pub(crate) more: bool,
    /// The horizon that is stored now: another instance may have been further.
    pub(crate) horizon: Uuid,
}

/// Prunes one chunk of inbox rows below `horizon`.
///
/// # Errors
/// What the store says; nothing is pruned then.
pub(crate) fn prune_chunk(
    store: &mut dyn Store,
    reader: &dyn Reader,
    domains: &[Arc<dyn Domain>],
    horizon: Uuid,
) -> Result<Pruned, StoreError> {
    let old = Query::of(Inbox::TABLE, CHUNK).filter("saga", Compare::Below, Value::Id(horizon));
    let keys: Vec<Key> = reader.query(&old)?.iter().map(|row| Key::of_row(Inbox::TABLE, row)).collect();
    store.begin()?;
    let mut writes = Vec::new();
    let stored = fold_below(store, domains, &keys, &mut writes)
        .and_then(|()| move_horizon(store, horizon, &mut writes))
        .inspect_err(|_| store.roll_back())?;
    writes.sort_unstable_by(|a, b| (a.table.name, &a.key).cmp(&(b.table.name, &b.key)));
    store.commit(&writes, &[])?;
    Ok(Pruned { more: keys.len() >= CHUNK as usize, horizon: stored })
}

/// Folds the receipts of these inbox rows into the openings, and deletes them. What is folded is what is locked: another
/// instance may have pruned some of them since they were found.
fn fold_below(
    store: &mut dyn Store,
    domains: &[Arc<dyn Domain>],
    keys: &[Key],
    writes: &mut Vec<Write>,
) -> Result<(), StoreError> {
    let mut folded: BTreeMap<(Step, SmolStr), i64> = BTreeMap::new();
    for row in store.load(Inbox::TABLE, keys, Intent::Change)? {
        let inbox = Inbox::from_row(&row).map_err(|error| StoreError::Unusable(format!("inbox: {error}")))?;
        if inbox.state == InboxState::Done {
            fold(domains, &inbox, &mut folded)?;
        }
        writes.push(Write { table: Inbox::TABLE, key: Key::of_row(Inbox::TABLE, &row), row: None });
    }
    add_openings(store, folded, writes)
}

/// Moves the stored horizon on, never back; what it is then.
fn move_horizon(store: &mut dyn Store, horizon: Uuid, writes: &mut Vec<Write>) -> Result<Uuid, StoreError> {
    let key = horizon_key();
    if let Some(row) = store.load(Meta::TABLE, std::slice::from_ref(&key), Intent::Change)?.first() {
        let meta = Meta::from_row(row).map_err(|error| StoreError::Unusable(format!("meta: {error}")))?;
        let stored = read_horizon(&meta)?;
        if stored >= horizon {
            return Ok(stored);
        }
    }
    let meta = Meta { name: SmolStr::new_static(HORIZON), value: SmolStr::new(horizon.to_string()) };
    writes.push(Write { table: Meta::TABLE, key, row: Some(meta.to_row()) });
    Ok(horizon)
}

/// A receipt's movements, added up by account.
fn fold(
    domains: &[Arc<dyn Domain>],
    inbox: &Inbox,
    folded: &mut BTreeMap<(Step, SmolStr), i64>,
) -> Result<(), StoreError> {
    let unusable = |error: &dyn std::fmt::Display| {
        StoreError::Unusable(format!("receipt of {} {}: {error}", inbox.saga, inbox.step))
    };
    for domain in domains {
        for participant in
            domain.participants().into_iter().filter(|participant| participant.step() == inbox.step)
        {
            let receipt = inbox.receipt.as_deref().unwrap_or_default();
            for movement in participant.movements(receipt).map_err(|error| unusable(&error))? {
                let sum = folded.entry((inbox.step.clone(), movement.account)).or_default();
                *sum =
                    sum.checked_add(movement.amount).ok_or_else(|| unusable(&"the sum is out of range"))?;
            }
        }
    }
    Ok(())
}

fn add_openings(
    store: &mut dyn Store,
    folded: BTreeMap<(Step, SmolStr), i64>,
    writes: &mut Vec<Write>,
) -> Result<(), StoreError> {
    let keys: Vec<Key> =
        folded.keys().map(|(step, account)| (step.clone(), account.clone()).into()).collect();
    let mut known = BTreeMap::new();
    for row in store.load(Opening::TABLE, &keys, Intent::Change)? {
        let opening =
            Opening::from_row(&row).map_err(|error| StoreError::Unusable(format!("openings: {error}")))?;
        known.insert((opening.step, opening.account), opening.amount);
    }
    for ((step, account), sum) in folded {
        let before = known.get(&(step.clone(), account.clone())).copied().unwrap_or(0);
        let amount = before
            .checked_add(sum)
            .ok_or_else(|| StoreError::Unusable(format!("opening of {account} is out of range")))?;
        let row = Opening { step, account, amount }.to_row();
        writes.push(Write { table: Opening::TABLE, key: Key::of_row(Opening::TABLE, &row), row: Some(row) });
    }
    Ok(())
}
