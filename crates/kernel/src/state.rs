//! The rows that one batch works on, in memory: loaded by the runtime, changed by deciders, written back once.

use crate::error::DecideError;
use crate::table::{Key, Record, Row, Table};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// The rows of a batch. A hot row is changed here as often as the batch asks and written once.
#[derive(Default)]
pub struct WorkingSet {
    /// Where each known key's slot is, by table: looking a key up neither copies it nor hashes the table's name with it.
    index: FxHashMap<&'static str, FxHashMap<Key, usize>>,
    slots: Vec<Slot>,
    /// What each change replaced, newest last: how a message's changes are discarded without its neighbours'.
    journal: Vec<Replaced>,
}

struct Slot {
    table: &'static Table,
    key: Key,
    row: Option<Row>,
    dirty: bool,
}

struct Replaced {
    slot: usize,
    row: Option<Row>,
    dirty: bool,
}

/// A place in the working set's history to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint(usize);

/// One row to write: put it, or delete the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The table.
    pub table: &'static Table,
    /// The row's key.
    pub key: Key,
    /// The whole new row; `None` deletes it.
    pub row: Option<Row>,
}

impl WorkingSet {
    /// Whether this row was loaded (or written) already.
    #[must_use]
    pub fn knows(&self, table: &'static Table, key: &Key) -> bool {
        self.slot_of(table, key).is_some()
    }

    fn slot_of(&self, table: &'static Table, key: &Key) -> Option<usize> {
        self.index.get(table.name)?.get(key).copied()
    }

    /// Takes in what the store had for this key. A row already known stays as it is.
    pub fn offer(&mut self, table: &'static Table, key: Key, row: Option<Row>) {
        if !self.knows(table, &key) {
            self.add(Slot { table, key, row, dirty: false });
        }
    }

    fn add(&mut self, slot: Slot) -> usize {
        let at = self.slots.len();
        self.index.entry(slot.table.name).or_default().insert(slot.key.clone(), at);
        self.slots.push(slot);
        at
    }

    /// The record under `key`, if there is one.
    ///
    /// # Errors
    /// [`DecideError::NotLoaded`] if the row was never loaded; [`DecideError::Corrupt`] if it does not read.
    pub fn get<R: Record>(&self, key: impl Into<Key>) -> Result<Option<R>, DecideError> {
        match self.raw(R::TABLE, &key.into())? {
            None => Ok(None),
            Some(row) => R::from_row(row)
                .map(Some)
                .map_err(|corrupt| DecideError::Corrupt { table: R::TABLE.name, corrupt }),
        }
    }

    /// The record under `key`, which must be there.
    ///
    /// # Errors
    /// As [`Self::get`]; [`DecideError::Impossible`] if there is none.
    pub fn need<R: Record>(&self, key: impl Into<Key>) -> Result<R, DecideError> {
        self.get(key)?.ok_or_else(|| DecideError::Impossible(format!("row missing from {}", R::TABLE.name)))
    }

    /// The raw row under `key`.
    ///
    /// # Errors
    /// [`DecideError::NotLoaded`] if the row was never loaded.
    pub fn raw(&self, table: &'static Table, key: &Key) -> Result<Option<&Row>, DecideError> {
        let slot = self.slot_of(table, key).ok_or(DecideError::NotLoaded(table.name))?;
        Ok(self.slots[slot].row.as_ref())
    }

    /// Writes `record`, replacing what is under its key. The row need not have been loaded: a new one is an insert.
    pub fn put<R: Record>(&mut self, record: &R) {
        let row = record.to_row();
        let key = Key::of_row(R::TABLE, &row);
        self.write(R::TABLE, key, Some(row));
    }

    /// Deletes what is under `key`.
    pub fn delete<R: Record>(&mut self, key: impl Into<Key>) {
        self.write(R::TABLE, key.into(), None);
    }

    fn write(&mut self, table: &'static Table, key: Key, row: Option<Row>) {
        let known = self.slot_of(table, &key);
        let at = known.unwrap_or_else(|| self.add(Slot { table, key, row: None, dirty: false }));
        let slot = &mut self.slots[at];
        self.journal.push(Replaced {
            slot: at,
            row: std::mem::replace(&mut slot.row, row),
            dirty: slot.dirty,
        });
        slot.dirty = true;
    }

    /// Where the history stands now.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint(self.journal.len())
    }

    /// Discards every change made since `checkpoint`.
    pub fn roll_back(&mut self, checkpoint: Checkpoint) {
        while self.journal.len() > checkpoint.0 {
            if let Some(replaced) = self.journal.pop() {
                let slot = &mut self.slots[replaced.slot];
                slot.row = replaced.row;
                slot.dirty = replaced.dirty;
            }
        }
    }

    /// Every changed row, sorted by table and key: the order in which locks are taken and traces repeat.
    #[must_use]
    pub fn into_writes(self) -> Vec<Write> {
        let mut by_table: BTreeMap<&'static str, Vec<Write>> = BTreeMap::new();
        for Slot { table, key, row, .. } in self.slots.into_iter().filter(|slot| slot.dirty) {
            by_table.entry(table.name).or_default().push(Write { table, key, row });
        }
        // A batch writes most tables nearly in order (ids ascend in time), which a stable sort makes use of.
        by_table.values_mut().for_each(|writes| writes.sort_by(|a, b| a.key.cmp(&b.key)));
        by_table.into_values().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::record! {
        /// A shelf.
        #[expect(unreachable_pub, reason = "the macro declares public records")]
        pub struct Shelf in "shelves" key 1 {
            /// Which.
            pub id: i64,
            /// How many.
            pub count: i64,
        }
    }

    #[test]
    fn rolling_back_discards_one_messages_changes_only() {
        let mut set = WorkingSet::default();
        set.offer(Shelf::TABLE, (1_i64,).into(), Some(Shelf { id: 1, count: 5 }.to_row()));
        set.put(&Shelf { id: 1, count: 4 });
        let here = set.checkpoint();
        set.put(&Shelf { id: 1, count: 3 });
        set.put(&Shelf { id: 2, count: 9 });
        set.roll_back(here);
        assert_eq!(set.need::<Shelf>((1_i64,)).unwrap().count, 4);
        assert_eq!(set.get::<Shelf>((2_i64,)).unwrap(), None);
        let writes = set.into_writes();
        assert_eq!(writes.len(), 1);
        assert_eq!(writes[0].row.as_ref().map(|row| row[1].clone()), Some(crate::Value::Int(4)));
    }

    #[test]
    fn a_row_that_is_offered_again_does_not_hide_what_was_decided() {
        let mut set = WorkingSet::default();
        let stored = Some(Shelf { id: 1, count: 5 }.to_row());
        set.offer(Shelf::TABLE, (1_i64,).into(), stored.clone());
        set.put(&Shelf { id: 1, count: 4 });
        set.offer(Shelf::TABLE, (1_i64,).into(), stored);
        assert_eq!(set.need::<Shelf>((1_i64,)).unwrap().count, 4);
    }

    #[test]
    fn a_row_that_was_deleted_is_written_as_none() {
        let mut set = WorkingSet::default();
        set.offer(Shelf::TABLE, (1_i64,).into(), Some(Shelf { id: 1, count: 5 }.to_row()));
        set.delete::<Shelf>((1_i64,));
        assert_eq!(set.get::<Shelf>((1_i64,)).unwrap(), None);
        assert_eq!(set.into_writes(), [Write { table: Shelf::TABLE, key: (1_i64,).into(), row: None }]);
    }

    #[test]
    fn a_row_that_was_not_named_is_a_fault_not_an_absence() {
        let set = WorkingSet::default();
        assert_eq!(set.get::<Shelf>((7_i64,)), Err(DecideError::NotLoaded("shelves")));
    }
}
