//! What the model promises beyond the port: how sessions race, what goes wrong with them, and who sees what.

mod faults;
mod log_order;
mod races;

use super::*;
use kernel::state::Write;
use kernel::table::Record;
use kernel::{Timestamp, table::Key};
use runtime::ports::store::{Intent, LogRow, Store};
use store::conformance::{self, check_store};

kernel::record! {
    /// Pieces on a shelf.
    pub struct Shelf in "shelves" key 1 {
        /// Which.
        pub id: i64,
        /// How many lie there.
        pub pieces: i64,
    }
}

const EPOCH: Epoch = Epoch(Uuid::from_u128(7));

/// A database with shelves 1, 2, … that hold so many pieces.
fn shelves(pieces: &[i64]) -> Database {
    let database = Database::new(&[Shelf::TABLE], EPOCH).unwrap();
    let writes: Vec<Write> = (1..).zip(pieces).map(|(id, pieces)| put(id, *pieces)).collect();
    let mut session = database.session();
    session.begin().unwrap();
    session.commit(&writes, &[]).unwrap();
    database
}

fn put(id: i64, pieces: i64) -> Write {
    Write { table: Shelf::TABLE, key: (id,).into(), row: Some(Shelf { id, pieces }.to_row()) }
}

fn said(body: &str) -> LogRow {
    LogRow { key: Uuid::from_u128(1), at: Timestamp(0), body: body.into() }
}

/// The pieces on shelf `id`, loaded so; `None` if there is no such shelf.
fn load(session: &mut Session, id: i64, intent: Intent) -> Result<Option<i64>, StoreError> {
    let rows = session.load(Shelf::TABLE, &[(id,).into()], intent)?;
    Ok(rows.first().map(|row| Shelf::from_row(row).unwrap().pieces))
}

/// What everybody sees on the shelves.
fn seen(database: &Database) -> Vec<i64> {
    let rows = database.reader().query(&Query::of(Shelf::TABLE, u32::MAX)).unwrap();
    rows.iter().map(|row| Shelf::from_row(row).unwrap().pieces).collect()
}

/// Why it is to be tried again.
fn retry<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Retry(why)) => why,
        other => panic!("{other:?} is not to be tried again"),
    }
}

#[test]
fn it_does_what_every_store_must() {
    check_store(|| {
        let database = Database::new(conformance::TABLES, EPOCH).unwrap();
        (Box::new(database.session()), database.reader())
    });
}

#[test]
fn a_backup_stays_as_it_was_and_lives_on_by_itself() {
    let database = shelves(&[5, 6]);
    let backup = database.clone_committed();
    let (mut one, mut other) = (database.session(), backup.session());
    one.begin().unwrap();
    assert_eq!(load(&mut one, 1, Intent::Change), Ok(Some(5)));
    // A lock is no part of a backup.
    other.begin().unwrap();
    assert_eq!(load(&mut other, 1, Intent::Change), Ok(Some(5)));
    assert_eq!(one.commit(&[put(1, 4)], &[said("one")]), Ok(Position(1)));
    assert_eq!(seen(&backup), [5, 6]);
    assert_eq!(other.commit(&[put(2, 3)], &[said("other")]), Ok(Position(1)));
    assert_eq!((seen(&database), seen(&backup)), (vec![4, 6], vec![5, 3]));
    let bodies =
        |database: &Database| database.reader().log_after(Position(0), 9).unwrap()[0].row.body.clone();
    assert_eq!((&*bodies(&database), &*bodies(&backup)), ("one", "other"));
}
