//! The log: one order for all who write it, and partitions that come and go.

use super::support::{EPOCH, Place, TABLES, database, head, put, said, shelf};
use crate::postgres::{Options, PostgresStore};
use runtime::ports::store::{LogState, Position, Store as _};
use std::thread;

const PARTITIONS: &str = "SELECT COUNT(*) FROM pg_inherits WHERE inhparent = 'event_log'::regclass";

/// A store whose log has partitions of this many rows.
fn open(place: &Place, rows: u64) -> PostgresStore {
    PostgresStore::open(&place.server, TABLES, &Options { log_partition: rows, ..Options::new(EPOCH) })
        .unwrap()
}

fn say(store: &mut PostgresStore, count: usize) -> u64 {
    store.begin().unwrap();
    store.commit(&[], &vec![said("{}"); count]).unwrap().0
}

#[test]
fn who_commits_late_is_skipped_by_no_reader() {
    let place = Place::of_own(&database());
    let mut store = place.open(TABLES);
    let (mut late, mut look) = (place.raw(), place.raw());
    // Another instance in the middle of its commit: its position is given, and nobody sees it yet.
    late.sql("BEGIN; UPDATE log_state SET head = head + 1");
    late.sql("INSERT INTO event_log VALUES (1, '00000000-0000-0000-0000-000000000009', 5, '\"late\"')");
    let reader = store.reader();
    let position = thread::scope(|scope| {
        let writing = scope.spawn(|| put(&mut store, &[shelf(1, 1)]));
        look.until_waiting(1);
        assert_eq!((head(&*reader), reader.log_after(Position(0), 9).unwrap().len()), (0, 0));
        late.sql("COMMIT");
        writing.join().unwrap()
    });
    assert_eq!(position, Ok(Position(2)));
    let bodies: Vec<String> =
        reader.log_after(Position(0), 9).unwrap().iter().map(|stored| stored.row.body.to_string()).collect();
    assert_eq!(bodies, ["\"late\"", "{}"]);
}

#[test]
fn a_batch_that_says_nothing_waits_for_nobody_who_does() {
    let place = Place::of_own(&database());
    let mut store = place.open(TABLES);
    assert_eq!(say(&mut store, 3), 1);
    let mut other = place.raw();
    other.sql("BEGIN; UPDATE log_state SET head = head + 1");
    store.begin().unwrap();
    assert_eq!(store.commit(&[], &[]), Ok(Position(4)));
    other.sql("ROLLBACK");
}

#[test]
fn partitions_are_there_before_they_are_needed_and_gone_when_nothing_is_left_of_them() {
    let place = Place::of_own(&database());
    let mut store = open(&place, 10);
    let mut look = place.raw();
    for batch in 0..12 {
        assert_eq!(say(&mut store, 3), 3 * batch + 1);
    }
    let made = look.count(PARTITIONS);
    // 36 rows, and a partition beyond.
    assert!((5..=6).contains(&made), "{made}");
    store.prune_log(Position(25)).unwrap();
    assert_eq!(look.count(PARTITIONS), made - 2);
    let reader = store.reader();
    assert_eq!(reader.log_state(), Ok(LogState { epoch: EPOCH, head: Position(36), first: Position(26) }));
    assert_eq!(reader.log_after(Position(0), 2).unwrap()[0].position, Position(26));
    assert_eq!(reader.log_of(uuid::Uuid::from_u128(1)).unwrap().len(), 11);
    assert_eq!(say(&mut store, 1), 37);
}

#[test]
fn partitions_that_another_instance_has_filled_are_followed_by_more() {
    let place = Place::of_own(&database());
    let (mut busy, mut quiet) = (open(&place, 5), open(&place, 5));
    assert_eq!(say(&mut quiet, 1), 1);
    for _ in 0..10 {
        say(&mut busy, 4);
    }
    // More than a partition at once, where it knew of room for less.
    quiet.begin().unwrap();
    let rows = vec![said("{}"); 12];
    let mut said = quiet.commit(&[], &rows);
    let mut runs = 1;
    while said.is_err() && runs < 4 {
        quiet.begin().unwrap();
        (said, runs) = (quiet.commit(&[], &rows), runs + 1);
    }
    assert_eq!(said, Ok(Position(42)), "after {runs} runs");
}

#[test]
fn a_partition_that_is_being_read_stays_until_later_and_holds_nobody_up() {
    let place = Place::of_own(&database());
    let mut store = open(&place, 10);
    say(&mut store, 25);
    let (mut reading, mut look) = (place.raw(), place.raw());
    reading.sql("BEGIN; LOCK TABLE event_log_1_10 IN ACCESS SHARE MODE");
    let before = look.count(PARTITIONS);
    store.prune_log(Position(20)).unwrap();
    assert_eq!(look.count(PARTITIONS), before);
    assert_eq!(store.reader().log_state().unwrap().first, Position(21));
    reading.sql("COMMIT");
    store.prune_log(Position(20)).unwrap();
    assert_eq!(look.count(PARTITIONS), before - 2);
}
