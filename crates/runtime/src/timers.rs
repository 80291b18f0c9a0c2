//! Timers: a row's due column is the timer; this is only its echo on the monotonic clock.

use kernel::{DomainName, Key, Table, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::time::Duration;

/// A row that will fall due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// When, on the monotonic clock.
    pub due: Duration,
    /// What the row's column said.
    pub at: Timestamp,
    /// Whose row.
    pub domain: DomainName,
    /// The table's name.
    pub table: &'static str,
    /// The row.
    pub key: Key,
}

/// The timers of one database, soonest first; at most one per row. A row that no longer waits takes its timer along, so that
/// orders which end long before their deadline leave nothing behind.
#[derive(Default)]
pub struct Timers {
    waiting: BTreeMap<Turn, (Timer, &'static Table)>,
    /// Each row's turn, by table.
    rows: FxHashMap<&'static str, FxHashMap<Key, Turn>>,
    set: u64,
}

/// When a timer's turn comes: its time on the monotonic clock, and among equals the order in which they were set.
type Turn = (Duration, u64);

impl Timers {
    /// Sets a row's timer `wait` from `elapsed` (monotonic), in place of the one that it has. One that was set by the same
    /// time in the row's column stays as it is.
    pub fn set(
        &mut self,
        elapsed: Duration,
        wait: Duration,
        at: Timestamp,
        domain: DomainName,
        table: &'static Table,
        key: Key,
    ) {
        if self.of(table, &key).is_some_and(|timer| timer.at == at) {
            return;
        }
        self.clear(table, &key);
        let due = elapsed.saturating_add(wait);
        self.set += 1;
        let turn = (due, self.set);
        self.rows.entry(table.name).or_default().insert(key.clone(), turn);
        self.waiting.insert(turn, (Timer { due, at, domain, table: table.name, key }, table));
    }

    /// The row waits no longer.
    pub fn clear(&mut self, table: &'static Table, key: &Key) {
        let turn = self.rows.get_mut(table.name).and_then(|rows| rows.remove(key));
        if let Some(turn) = turn {
            self.waiting.remove(&turn);
        }
    }

    fn of(&self, table: &'static Table, key: &Key) -> Option<&Timer> {
        let turn = self.rows.get(table.name)?.get(key)?;
        self.waiting.get(turn).map(|(timer, _)| timer)
    }

    /// When the next one falls due, on the monotonic clock.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// Those due at `elapsed`, soonest first, at most `cap`.
    pub fn take(&mut self, elapsed: Duration, cap: usize) -> Vec<(Timer, &'static Table)> {
        let mut due = Vec::new();
        while due.len() < cap && self.next().is_some_and(|next| next <= elapsed) {
            let Some((_, (timer, table))) = self.waiting.pop_first() else { break };
            self.rows.get_mut(table.name).map(|rows| rows.remove(&timer.key));
            due.push((timer, table));
        }
        due
    }

    /// Those that are set: the table's name, the row and what its column said.
    #[must_use]
    pub fn known(&self) -> FxHashSet<(&'static str, Key, Timestamp)> {
        self.waiting.values().map(|(timer, _)| (timer.table, timer.key.clone(), timer.at)).collect()
    }

    /// How many are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
