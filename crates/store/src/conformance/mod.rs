//! Test support: what every adapter of the store port must do, whatever engine lies below.
//!
//! The checks say what the port's comments say, and no more: an adapter's own promises (files, locks, layouts that grow) are
//! its own tests'.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed check is a panic")]

mod log;
mod model;
mod reads;
mod rows;
mod writers;

pub use writers::check_writers;

use kernel::state::Write;
use kernel::table::{Key, Row, Table};
use kernel::{Record, Timestamp};
use runtime::ports::store::{LogRow, Position, Query, Reader, Store, StoreError};
use smol_str::SmolStr;
use std::sync::Arc;
use uuid::Uuid;

kernel::record! {
    /// Every type of column, with and without NULL.
    pub struct Sample in "conformance_samples" key 1 {
        /// Which.
        pub id: Uuid,
        /// An integer.
        pub int: i64,
        /// A text.
        pub text: SmolStr,
        /// Bytes.
        pub bytes: Arc<[u8]>,
        /// An integer or NULL.
        pub int_or: Option<i64>,
        /// An id or NULL.
        pub id_or: Option<Uuid>,
        /// A text or NULL.
        pub text_or: Option<SmolStr>,
        /// Bytes or NULL.
        pub bytes_or: Option<Arc<[u8]>>,
    }
    index "conformance_samples_by_int_or" (int_or);
    index "conformance_samples_by_text" (text, int);
}

kernel::record! {
    /// A key of two columns.
    pub struct Pair in "conformance_pairs" key 2 {
        /// Whose.
        pub owner: Uuid,
        /// Which of theirs.
        pub step: SmolStr,
        /// How many.
        pub count: i64,
    }
}

kernel::record! {
    /// A key of three columns, and nothing else.
    pub struct Triple in "conformance_triples" key 3 {
        /// The first.
        pub a: i64,
        /// The second.
        pub b: SmolStr,
        /// The third.
        pub c: Uuid,
    }
}

kernel::record! {
    /// A key in no order.
    pub struct Print in "conformance_prints" key 1 scattered {
        /// A hash of something.
        pub hash: Arc<[u8]>,
        /// How many.
        pub count: i64,
        /// A text or NULL.
        pub text_or: Option<SmolStr>,
    }
}

/// The tables that the checks need: [`check_store`]'s `make` opens its store with them.
pub const TABLES: &[&Table] = &[Pair::TABLE, Print::TABLE, Sample::TABLE, Triple::TABLE];

/// Holds a store to its port. `make` opens one that is new and empty, with [`TABLES`], and its reader; it is called for every
/// check, and some dozens of times for the comparison with a model.
///
/// # Panics
/// At the first promise that does not hold.
pub fn check_store(mut make: impl FnMut() -> (Box<dyn Store>, Arc<dyn Reader>)) {
    for check in [rows::CHECKS, log::CHECKS, reads::CHECKS].concat() {
        let (store, reader) = make();
        check(&mut Case { store, reader });
    }
    model::check(make);
}

type Check = fn(&mut Case);

/// A new store, and what the checks say to it.
struct Case {
    store: Box<dyn Store>,
    reader: Arc<dyn Reader>,
}

impl Case {
    /// One batch. The store gets its writes sorted, as the port promises.
    fn commit(&mut self, mut writes: Vec<Write>, log: &[LogRow]) -> Result<Position, StoreError> {
        writes.sort_unstable_by(|a, b| (a.table.name, &a.key).cmp(&(b.table.name, &b.key)));
        self.store.begin()?;
        self.store.commit(&writes, log)
    }

    /// Puts records that must be taken.
    fn put<R: Record>(&mut self, records: &[R]) {
        self.commit(records.iter().map(put).collect(), &[]).unwrap();
    }

    /// All of a table, in key order, through the reader.
    fn all(&self, table: &'static Table) -> Vec<Row> {
        all(&*self.reader, table)
    }
}

fn all(reader: &dyn Reader, table: &'static Table) -> Vec<Row> {
    reader.query(&Query::of(table, u32::MAX)).unwrap()
}

fn rows<R: Record>(records: &[R]) -> Vec<Row> {
    records.iter().map(Record::to_row).collect()
}

fn put<R: Record>(record: &R) -> Write {
    put_row(R::TABLE, record.to_row())
}

fn put_row(table: &'static Table, row: Row) -> Write {
    Write { table, key: Key::of_row(table, &row), row: Some(row) }
}

fn delete(table: &'static Table, key: Key) -> Write {
    Write { table, key, row: None }
}

fn log_row(key: u128, body: &str) -> LogRow {
    LogRow { key: Uuid::from_u128(key), at: Timestamp(1_700_000_000_000), body: body.into() }
}

/// A sample with nothing in it.
fn sample(id: u128) -> Sample {
    Sample {
        id: Uuid::from_u128(id),
        int: 0,
        text: SmolStr::default(),
        bytes: Arc::from([]),
        int_or: None,
        id_or: None,
        text_or: None,
        bytes_or: None,
    }
}

fn pair(owner: u128, step: &str, count: i64) -> Pair {
    Pair { owner: Uuid::from_u128(owner), step: step.into(), count }
}

/// Numbered so that one after the other is anywhere among the others.
fn print(number: u64, count: i64) -> Print {
    let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    Print { hash: Arc::from(hash), count, text_or: (count % 2 == 0).then(|| format!("{count}").into()) }
}
