//! The event log of a database: rows by position, and by what they are about.

use runtime::ports::store::{Epoch, LogRow, LogState, Position, StoredLogRow};
use std::collections::BTreeMap;
use std::ops::Bound;
use uuid::Uuid;

/// A log as it is committed.
#[derive(Clone)]
pub(super) struct Log {
    state: LogState,
    rows: BTreeMap<Position, LogRow>,
    by_key: BTreeMap<Uuid, Vec<Position>>,
}

impl Log {
    pub(super) fn new(epoch: Epoch) -> Self {
        let state = LogState { epoch, head: Position(0), first: Position(1) };
        Self { state, rows: BTreeMap::new(), by_key: BTreeMap::new() }
    }

    pub(super) fn state(&self) -> LogState {
        self.state
    }

    /// Adds rows from `first` on. They need not be the last: a sequence gives positions that are committed in any order.
    pub(super) fn add(&mut self, first: Position, rows: &[LogRow]) {
        for (position, row) in (first.0..).map(Position).zip(rows) {
            let about = self.by_key.entry(row.key).or_default();
            let at = about.partition_point(|known| *known < position);
            about.insert(at, position);
            self.rows.insert(position, row.clone());
            self.state.head = self.state.head.max(position);
        }
    }

    pub(super) fn after(&self, after: Position, limit: u32) -> Vec<StoredLogRow> {
        let rows = self.rows.range((Bound::Excluded(after), Bound::Unbounded));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        rows.take(limit).map(|(position, row)| stored(*position, row)).collect()
    }

    pub(super) fn of(&self, key: Uuid) -> Vec<StoredLogRow> {
        let positions = self.by_key.get(&key).into_iter().flatten();
        positions.filter_map(|at| Some(stored(*at, self.rows.get(at)?))).collect()
    }

    pub(super) fn prune(&mut self, through: Position) {
        let through = through.min(self.state.head);
        while let Some(oldest) = self.rows.first_entry().filter(|oldest| *oldest.key() <= through) {
            let (position, row) = oldest.remove_entry();
            if let Some(about) = self.by_key.get_mut(&row.key) {
                about.retain(|at| *at != position);
                if about.is_empty() {
                    self.by_key.remove(&row.key);
                }
            }
        }
        self.state.first = self.state.first.max(Position(through.0 + 1));
    }

    pub(super) fn begin_epoch(&mut self, epoch: Epoch) {
        self.state.epoch = epoch;
    }
}

fn stored(position: Position, row: &LogRow) -> StoredLogRow {
    StoredLogRow { position, row: row.clone() }
}
