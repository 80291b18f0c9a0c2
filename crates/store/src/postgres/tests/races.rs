//! Two instances of one unit: who was second finds that out, and runs again.

use super::support::{Place, TABLES, all, count_up, database, finish, is_retry, load, put, shelf};
use crate::postgres::PostgresStore;
use runtime::ports::store::{Store as _, StoreError};
use std::thread;

fn two(place: &Place) -> [PostgresStore; 2] {
    [place.open(TABLES), place.open(TABLES)]
}

#[test]
fn of_two_who_found_nothing_the_second_runs_again_and_finds_it() {
    let place = Place::of_own(&database());
    for (first, second, id) in [(0, 1, 1), (1, 0, 2)] {
        let mut both = two(&place);
        for store in &mut both {
            store.begin().unwrap();
            assert_eq!(load(store, &[id]).unwrap(), []);
        }
        finish(&mut both[first], &[shelf(id, 1)]).unwrap();
        let refused = finish(&mut both[second], &[shelf(id, 2)]);
        let why = "a row of shelves was inserted by another transaction";
        assert_eq!(refused, Err(StoreError::Retry(why.to_owned())));
        assert_eq!(both[second].settle(), Ok(None));
        count_up(&mut both[second], id).unwrap();
        assert_eq!(all(&*both[first].reader()).pop(), Some(shelf(id, 2)));
    }
}

#[test]
fn who_inserts_what_another_is_inserting_waits_for_the_end_of_that() {
    let place = Place::of_own(&database());
    let [mut store, _] = two(&place);
    for (id, end) in [(1, "COMMIT"), (2, "ROLLBACK")] {
        let (mut other, mut look) = (place.raw(), place.raw());
        store.begin().unwrap();
        load(&mut store, &[id]).unwrap();
        other.sql(&format!("BEGIN; INSERT INTO shelves VALUES ({id}, 'books', 7)"));
        let written = thread::scope(|scope| {
            let writing = scope.spawn(|| finish(&mut store, &[shelf(id, 1)]));
            look.until_waiting(1);
            other.sql(end);
            writing.join().unwrap()
        });
        assert_eq!(is_retry(&written), end == "COMMIT", "{written:?}");
    }
    assert_eq!(all(&*store.reader()), [shelf(1, 7), shelf(2, 1)]);
}

#[test]
fn a_row_that_was_absent_and_never_written_is_nobodys() {
    let [mut one, mut other] = two(&Place::of_own(&database()));
    one.begin().unwrap();
    load(&mut one, &[1]).unwrap();
    count_up(&mut other, 1).unwrap();
    // It writes something else: that the absent row is there now changes nothing for it.
    finish(&mut one, &[shelf(2, 1)]).unwrap();
    assert_eq!(all(&*one.reader()), [shelf(1, 1), shelf(2, 1)]);
}

#[test]
fn a_row_that_turns_up_after_it_was_taken_for_absent_is_not_overwritten() {
    let [mut one, mut other] = two(&Place::of_own(&database()));
    one.begin().unwrap();
    assert_eq!(load(&mut one, &[1]).unwrap(), []);
    count_up(&mut other, 1).unwrap();
    assert_eq!(load(&mut one, &[1]).unwrap(), [shelf(1, 1)]);
    assert!(is_retry(&finish(&mut one, &[shelf(1, 9)])));
    assert_eq!(all(&*other.reader()), [shelf(1, 1)]);
}

#[test]
fn a_loaded_row_is_locked_to_the_end_and_read_as_it_is_then() {
    let place = Place::of_own(&database());
    let [mut one, mut other] = two(&place);
    let mut look = place.raw();
    put(&mut one, &[shelf(1, 1), shelf(2, 1)]).unwrap();
    one.begin().unwrap();
    load(&mut one, &[1, 2]).unwrap();
    thread::scope(|scope| {
        let counting = scope.spawn(|| count_up(&mut other, 1));
        look.until_waiting(1);
        finish(&mut one, &[shelf(1, 10), shelf(2, 10)]).unwrap();
        counting.join().unwrap().unwrap();
    });
    assert_eq!(all(&*one.reader()), [shelf(1, 11), shelf(2, 10)]);
}

#[test]
fn a_row_that_was_deleted_while_it_was_waited_for_is_absent() {
    let place = Place::of_own(&database());
    let [mut one, mut deleter] = two(&place);
    let mut look = place.raw();
    put(&mut one, &[shelf(1, 5)]).unwrap();
    deleter.begin().unwrap();
    load(&mut deleter, &[1]).unwrap();
    thread::scope(|scope| {
        let counting = scope.spawn(|| count_up(&mut one, 1));
        look.until_waiting(1);
        let gone = kernel::state::Write { table: TABLES[0], key: (1_i64,).into(), row: None };
        deleter.commit(&[gone], &[]).unwrap();
        counting.join().unwrap().unwrap();
    });
    assert_eq!(all(&*one.reader()), [shelf(1, 1)]);
}

#[test]
fn of_two_who_wait_for_each_other_one_runs_again() {
    let place = Place::of_own(&database());
    let [mut one, mut other] = two(&place);
    put(&mut one, &[shelf(1, 0), shelf(2, 0)]).unwrap();
    one.begin().unwrap();
    load(&mut one, &[1]).unwrap();
    other.begin().unwrap();
    load(&mut other, &[2]).unwrap();
    let mut look = place.raw();
    let ends = thread::scope(|scope| {
        let crossing = scope.spawn(|| {
            load(&mut other, &[1]).inspect_err(|_| other.roll_back())?;
            finish(&mut other, &[shelf(1, 1), shelf(2, 1)])
        });
        look.until_waiting(1);
        let mine = load(&mut one, &[2])
            .inspect_err(|_| one.roll_back())
            .and_then(|_| finish(&mut one, &[shelf(1, 2), shelf(2, 2)]));
        [mine, crossing.join().unwrap()]
    });
    assert_eq!(ends.iter().filter(|end| is_retry(end)).count(), 1, "{ends:?}");
    assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 1, "{ends:?}");
}
