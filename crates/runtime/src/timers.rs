//! Timers: a row's due column is the timer; this is only its echo on the monotonic clock.

use kernel::{DomainName, Key, Table, Timestamp};
use rustc_hash::FxHashSet;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
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

/// The timers of one database, soonest first.
#[derive(Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<Timer>>,
    tables: Vec<&'static Table>,
}

impl Timers {
    /// Sets a timer `wait` from `elapsed` (monotonic).
    pub fn set(
        &mut self,
        elapsed: Duration,
        wait: Duration,
        at: Timestamp,
        domain: DomainName,
        table: &'static Table,
        key: Key,
    ) {
        if !self.tables.iter().any(|known| known.name == table.name) {
            self.tables.push(table);
        }
        self.heap.push(Reverse(Timer {
            due: elapsed.saturating_add(wait),
            at,
            domain,
            table: table.name,
            key,
        }));
    }

    /// When the next one falls due, on the monotonic clock.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|timer| timer.0.due)
    }

    /// Those due at `elapsed`, soonest first, at most `cap`.
    pub fn take(&mut self, elapsed: Duration, cap: usize) -> Vec<(Timer, &'static Table)> {
        let mut due = Vec::new();
        while due.len() < cap && self.heap.peek().is_some_and(|timer| timer.0.due <= elapsed) {
            let Some(Reverse(timer)) = self.heap.pop() else { break };
            if let Some(table) = self.tables.iter().find(|table| table.name == timer.table) {
                due.push((timer, *table));
            }
        }
        due
    }

    /// Those that are set: the table's name, the row and what its column said.
    #[must_use]
    pub fn known(&self) -> FxHashSet<(&'static str, Key, Timestamp)> {
        self.heap.iter().map(|Reverse(timer)| (timer.table, timer.key.clone(), timer.at)).collect()
    }

    /// How many are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether none is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}
