//! Cursors of the logs that a database follows: stored, and shown.

use super::source::{self, Source, ahead};
use super::{Counts, Worker};
use crate::ports::store::{Cursor, StoreError};
use kernel::state::Write;
use kernel::{Key, Record};

impl Worker {
    /// Nothing is pending, so everything taken in is committed.
    pub(super) fn show_progress(&self) {
        for (log, at) in source::by_log(&self.sources, |source| source.taken) {
            self.progress.reached(log, at);
        }
    }

    /// What a restart would begin with.
    pub(super) fn show_stored(&self) {
        for (log, at) in source::by_log(&self.sources, |source| source.saved) {
            self.progress.stored(log, at);
        }
    }

    /// Stores cursors that only rows of no concern have moved, so that the logs they follow can be pruned.
    pub(super) fn save_cursors(&mut self) {
        let moved = self.sources.iter().filter(|source| source.saved < source.taken);
        let cursors: Vec<Cursor> = moved.filter_map(Source::stored).collect();
        if cursors.is_empty() {
            return;
        }
        match self.store_cursors(cursors) {
            Ok(rows) => {
                self.signals.add(&self.name, Counts { commits: 1, rows, ..Counts::default() });
                self.sources.iter_mut().for_each(|source| source.stored_at(source.taken));
                self.show_stored();
            }
            Err(error) => {
                tracing::warn!(database = %self.name, %error, "cursors could not be stored; trying again later");
            }
        }
    }

    /// Stores those of `cursors` that are further than what is stored; how many that were.
    pub(super) fn store_cursors(&mut self, cursors: Vec<Cursor>) -> Result<u64, StoreError> {
        self.store.begin()?;
        let cursors = match ahead(self.store.as_mut(), cursors) {
            Ok(cursors) => cursors,
            Err(error) => {
                self.store.roll_back();
                return Err(error);
            }
        };
        let write = |cursor: &Cursor| {
            let row = cursor.to_row();
            Write { table: Cursor::TABLE, key: Key::of_row(Cursor::TABLE, &row), row: Some(row) }
        };
        let mut writes: Vec<Write> = cursors.iter().map(write).collect();
        writes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        self.store.commit(&writes, &[])?;
        Ok(writes.len() as u64)
    }
}
