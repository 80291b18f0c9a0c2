//! Rows of scattered tables ([`Table::scattered`]), kept by when they were added.
//!
//! Sorted by such a key alone, each new row would touch a page of its own among all the older ones: read, written to the log, and
//! again at the checkpoint. So rows stand in generations, sorted by key within each. New rows go to the youngest, whose few pages a
//! batch touches anyway; when it is full, the next one begins.
//!
//! Where a key stands, nobody can tell from the key. A filter of 16 bits a key, for each generation and in memory only, names the
//! generations to look in: the right one, and one of about two thousand others in vain. A filter knows more than is committed,
//! never less: a key is added before its commit.

use super::error::store_error;
use crate::sql;
use fastbloom::BloomFilter;
use kernel::table::{Column, ColumnType, Key, Table};
use parking_lot::RwLock;
use runtime::ports::store::StoreError;
use rusqlite::Connection;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The column that comes before the key of a scattered table.
pub(super) static GENERATION: Column = Column { name: "generation", ty: ColumnType::Int, nullable: false };

/// Keys of a generation, while all of them together are few.
///
/// Measured with 160 orders a batch: at 8,192 keys their rows touch 0.7 pages an order, whatever is stored; sorted by key alone it
/// is one from 10,000 on, and another one at the checkpoint.
pub(super) const FIRST: u64 = 8_192;

/// Later on a generation has this part of all keys, so that there are never many generations: about 110 at a million keys, 250
/// at ten million.
const PART: u64 = 64;

/// Where the rows of one scattered table are.
pub(super) struct Generations {
    /// Keys of a generation at least.
    first: u64,
    /// `None` beside another process that writes: every generation is looked in then.
    known: RwLock<Option<Known>>,
}

/// The generations that there are, oldest first, and none without a number in between.
#[derive(Default)]
struct Known {
    /// The number of the oldest.
    oldest: i64,
    filters: Vec<Filter>,
    /// Keys in all of them.
    keys: u64,
}

impl Generations {
    pub(super) fn new(first: u64) -> Self {
        Self { first, known: RwLock::new(None) }
    }

    /// Takes in the rows that there are: from now on the filters are kept. Reads every key, which takes a quarter of a second
    /// for a million.
    pub(super) fn open(&self, connection: &Connection, table: &'static Table) -> Result<(), StoreError> {
        let mut known = Known::default();
        for number in stored(connection, table)? {
            let text = format!(
                "SELECT {} FROM \"{}\" WHERE \"{}\" = $1",
                sql::names(sql::key(table)),
                table.name,
                GENERATION.name
            );
            let mut statement = connection.prepare(&text).map_err(store_error)?;
            let mut rows = statement.query([number]).map_err(store_error)?;
            let mut hashes = Vec::new();
            while let Some(row) = rows.next().map_err(store_error)? {
                let values = table.columns.iter().take(table.key).enumerate();
                let key = values.map(|(nth, column)| super::values::value(table, column, nth, row));
                hashes.push(hash(&Key(key.collect::<Result<_, _>>()?)));
            }
            known.take_in(number, &hashes, self.first);
        }
        *self.known.write() = Some(known);
        Ok(())
    }

    /// Where rows under `keys` may be: generations, each with the key's number.
    pub(super) fn places(
        &self,
        connection: &Connection,
        table: &Table,
        keys: &[Key],
    ) -> Result<Vec<(i64, usize)>, StoreError> {
        // The read that pins the moment comes first: what is committed before it has been added to the filters.
        let numbers = match &*self.known.read() {
            Some(known) if known.filters.is_empty() => return Ok(Vec::new()),
            Some(_) => {
                let pin = "SELECT 1 FROM \"log_state\"";
                let pinned = connection.prepare_cached(pin).and_then(|mut one| one.query_row([], |_| Ok(())));
                pinned.map_err(store_error)?;
                None
            }
            None => Some(stored(connection, table)?),
        };
        let mut places = Vec::with_capacity(keys.len());
        if let Some(numbers) = numbers {
            let all = |nth| numbers.iter().map(move |number| (*number, nth));
            places.extend((0..keys.len()).flat_map(all));
        } else if let Some(known) = &*self.known.read() {
            // One filter after the other: it is small enough to stay in the processor's cache for all keys, all of them are not.
            let hashes: Vec<u64> = keys.iter().map(hash).collect();
            for (number, filter) in (known.oldest..).zip(&known.filters) {
                let may = (0..keys.len()).filter(|nth| filter.may_hold(hashes[*nth]));
                places.extend(may.map(|nth| (number, nth)));
            }
        }
        Ok(places)
    }

    /// The generations to look through for all rows.
    pub(super) fn all(&self, connection: &Connection, table: &Table) -> Result<Vec<i64>, StoreError> {
        match &*self.known.read() {
            Some(known) => Ok((known.oldest..).take(known.filters.len()).collect()),
            None => stored(connection, table),
        }
    }

    /// The generation that a batch adds new rows to, begun now if the last one is full.
    pub(super) fn youngest(&self) -> Result<i64, StoreError> {
        let mut known = self.known.write();
        let known =
            known.as_mut().ok_or_else(|| StoreError::Unusable("opened only to be read".to_owned()))?;
        if known.filters.last().is_none_or(Filter::is_full) {
            known.begin(self.first);
        }
        Ok(known.youngest())
    }

    /// A row under `key` is about to be added to the youngest generation.
    pub(super) fn add(&self, key: &Key) {
        if let Some(known) = &mut *self.known.write() {
            known.keys += 1;
            if let Some(filter) = known.filters.last_mut() {
                filter.add(hash(key));
            }
        }
    }
}

impl Known {
    fn youngest(&self) -> i64 {
        self.oldest + i64::try_from(self.filters.len()).unwrap_or(i64::MAX) - 1
    }

    fn begin(&mut self, first: u64) {
        self.filters.push(Filter::of(first.max(self.keys / PART)));
    }

    /// A generation that is stored.
    fn take_in(&mut self, number: i64, hashes: &[u64], first: u64) {
        if self.filters.is_empty() {
            self.oldest = number;
        }
        while self.youngest() < number {
            self.begin(first.max(hashes.len() as u64));
        }
        self.keys += hashes.len() as u64;
        if let Some(filter) = self.filters.last_mut() {
            hashes.iter().for_each(|hash| filter.add(*hash));
        }
    }
}

/// The numbers of the generations that have rows, oldest first.
fn stored(connection: &Connection, table: &Table) -> Result<Vec<i64>, StoreError> {
    let (name, column) = (table.name, GENERATION.name);
    let text = format!("SELECT MIN(\"{column}\") FROM \"{name}\" WHERE \"{column}\" > $1");
    let mut next = connection.prepare_cached(&text).map_err(store_error)?;
    let (mut numbers, mut last) = (Vec::new(), i64::MIN);
    while let Some(number) = next.query_row([last], |row| row.get(0)).map_err(store_error)? {
        numbers.push(number);
        last = number;
    }
    Ok(numbers)
}

/// A Bloom filter: it may take a key for one of its own, and never fails to know one that is.
struct Filter {
    bits: BloomFilter,
    keys: u64,
    room: u64,
}

/// Bits for each key, and how many of all bits a key sets. Of keys that were never added, one in 1,700 is taken for one that was.
const BITS: u64 = 16;
const PROBES: u32 = 8;

impl Filter {
    fn of(room: u64) -> Self {
        let bits = usize::try_from(room.saturating_mul(BITS)).unwrap_or(usize::MAX);
        Self { bits: BloomFilter::with_num_bits(bits).seed(&0).hashes(PROBES), keys: 0, room }
    }

    fn is_full(&self) -> bool {
        self.keys >= self.room
    }

    fn add(&mut self, hash: u64) {
        self.keys += 1;
        self.bits.insert_hash(hash);
    }

    fn may_hold(&self, hash: u64) -> bool {
        self.bits.contains_hash(hash)
    }
}

/// The same in every process, so that the same calls give the same work.
fn hash(key: &Key) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_knows_every_key_that_was_added_and_takes_few_others_for_one() {
        for room in [1, 10, FIRST] {
            let hashes = |from: u64| (from..from + room).map(|number| hash(&(number.cast_signed(),).into()));
            let mut filter = Filter::of(room);
            assert!(!filter.is_full());
            hashes(0).for_each(|hash| filter.add(hash));
            assert!(filter.is_full());
            assert!(hashes(0).all(|hash| filter.may_hold(hash)));
            let taken = hashes(1 << 40).filter(|hash| filter.may_hold(*hash)).count() as u64;
            assert!(taken <= room / 1_000, "{taken} of {room}");
        }
    }

    #[test]
    fn generations_grow_with_all_keys_so_that_they_stay_few() {
        let generations = Generations::new(FIRST);
        *generations.known.write() = Some(Known::default());
        let keys = 1_000_000_u64;
        for number in 0..keys {
            generations.youngest().unwrap();
            generations.add(&(number.cast_signed(),).into());
        }
        let known = generations.known.read();
        let known = known.as_ref().unwrap();
        assert_eq!((known.keys, known.oldest, known.filters.len()), (keys, 0, 106));
        let bytes: usize = known.filters.iter().map(|filter| filter.bits.num_bits() / 8).sum();
        assert!(bytes < 2_200_000, "{bytes} bytes");
    }
}
