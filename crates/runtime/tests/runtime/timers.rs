//! Timers echo what a row's column said; a column that says otherwise later takes the echo's place.

use jumun_runtime::timers::Timers;
use kernel::{DomainName, Key, Record, Timestamp, record};
use std::time::Duration;

record! {
    /// A thing with a due time.
    pub struct Egg in "eggs" key 1 {
        /// Which.
        pub id: i64,
        /// When it is boiled.
        pub due: Option<i64>,
    }
}

record! {
    /// Another thing with one.
    pub struct Tea in "teas" key 1 {
        /// Which.
        pub id: i64,
    }
}

fn key(id: i64) -> Key {
    (id,).into()
}

/// At `elapsed` seconds, an egg's column says `at`, `wait` seconds away.
fn set(timers: &mut Timers, elapsed: u64, wait: u64, at: i64, id: i64) {
    let domain = DomainName::of("kitchen");
    let (elapsed, wait) = (Duration::from_secs(elapsed), Duration::from_secs(wait));
    timers.set(elapsed, wait, Timestamp(at), domain, Egg::TABLE, key(id));
}

/// Whose time has come at `elapsed` seconds: the row, and what its column said.
fn take(timers: &mut Timers, elapsed: u64, cap: usize) -> Vec<(Key, i64)> {
    let due = timers.take(Duration::from_secs(elapsed), cap);
    due.into_iter().map(|(timer, _)| (timer.key, timer.at.0)).collect()
}

#[test]
fn the_soonest_comes_first_and_none_before_its_time() {
    let mut timers = Timers::default();
    assert_eq!((timers.next(), timers.is_empty()), (None, true));
    set(&mut timers, 0, 9, 900, 1);
    set(&mut timers, 0, 3, 300, 2);
    set(&mut timers, 2, 4, 600, 3);
    assert_eq!(timers.next(), Some(Duration::from_secs(3)));
    assert_eq!(take(&mut timers, 2, 10), []);
    assert_eq!(take(&mut timers, 6, 10), [(key(2), 300), (key(3), 600)]);
    assert_eq!((timers.next(), timers.len()), (Some(Duration::from_secs(9)), 1));
}

#[test]
fn no_more_come_at_once_than_there_is_room_for() {
    let mut timers = Timers::default();
    for id in 1..=5 {
        set(&mut timers, 0, 1, id, id);
    }
    assert_eq!(take(&mut timers, 1, 2), [(key(1), 1), (key(2), 2)]);
    assert_eq!(take(&mut timers, 1, 0), []);
    assert_eq!(take(&mut timers, 1, 10).len(), 3);
}

#[test]
fn a_row_whose_time_moved_has_one_timer_and_it_is_the_later_word() {
    let mut timers = Timers::default();
    set(&mut timers, 0, 30, 30_000, 1);
    set(&mut timers, 5, 1, 6_000, 1);
    assert_eq!(timers.len(), 1);
    assert_eq!(take(&mut timers, 6, 10), [(key(1), 6_000)]);
    assert_eq!(take(&mut timers, 30, 10), []);
}

#[test]
fn a_row_written_again_with_the_same_time_keeps_its_monotonic_time() {
    let mut timers = Timers::default();
    set(&mut timers, 0, 3, 3_000, 1);
    set(&mut timers, 2, 9, 3_000, 1);
    assert_eq!(take(&mut timers, 3, 10), [(key(1), 3_000)]);
}

#[test]
fn a_row_that_waits_no_longer_leaves_nothing_behind() {
    let mut timers = Timers::default();
    set(&mut timers, 0, 30, 30_000, 1);
    set(&mut timers, 0, 30, 30_000, 2);
    timers.clear(Egg::TABLE, &key(1));
    timers.clear(Egg::TABLE, &key(3));
    assert_eq!(timers.len(), 1);
    assert_eq!(take(&mut timers, 30, 10), [(key(2), 30_000)]);
    set(&mut timers, 30, 1, 31_000, 1);
    assert_eq!(take(&mut timers, 31, 10), [(key(1), 31_000)]);
}

#[test]
fn what_is_set_is_known_by_row_and_time_so_that_rearming_sets_nothing_twice() {
    let mut timers = Timers::default();
    set(&mut timers, 0, 30, 30_000, 1);
    assert!(timers.known().contains(&("eggs", key(1), Timestamp(30_000))));
    assert!(!timers.known().contains(&("eggs", key(1), Timestamp(31_000))));
    assert!(!timers.known().contains(&("eggs", key(2), Timestamp(30_000))));
    take(&mut timers, 30, 10);
    assert!(timers.known().is_empty());
}

#[test]
fn a_wait_without_end_neither_overflows_nor_comes() {
    let mut timers = Timers::default();
    set(&mut timers, u64::MAX, u64::MAX, i64::MAX, 1);
    assert_eq!(take(&mut timers, u64::MAX, 10), []);
    assert_eq!(timers.len(), 1);
}

#[test]
fn each_timer_brings_its_own_table() {
    let mut timers = Timers::default();
    set(&mut timers, 0, 1, 1, 1);
    let kitchen = DomainName::of("kitchen");
    timers.set(Duration::ZERO, Duration::from_secs(1), Timestamp(2), kitchen, Tea::TABLE, key(1));
    let tables: Vec<_> =
        timers.take(Duration::from_secs(1), 10).iter().map(|(_, table)| table.name).collect();
    assert_eq!(tables, ["eggs", "teas"]);
}
