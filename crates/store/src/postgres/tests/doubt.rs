//! A commit whose answer was lost: whether it happened is asked before anything is run again.

use super::proxy::Proxy;
use super::support::{Place, TABLES, all, count_up, database, finish, head, is_retry, load, postgres, shelf};
use crate::postgres::{PostgresStore, Server};
use runtime::ports::store::{Position, Store as _};
use std::sync::Arc;
use std::thread;

/// A store behind a wire, and its database in front of it.
struct Cuttable {
    place: Place,
    proxy: Proxy,
    store: PostgresStore,
}

impl Cuttable {
    fn new() -> Self {
        let place = Place::of_own(&database());
        let proxy = Proxy::to(postgres().port());
        let store = Place { server: through(&place.server, proxy.port) }.open(TABLES);
        Self { place, proxy, store }
    }

    /// One batch up to its commit; what it will have counted to.
    fn decided(&mut self) -> i64 {
        self.store.begin().unwrap();
        let before = load(&mut self.store, &[1]).unwrap().first().and_then(|shelf| shelf.due).unwrap_or(0);
        before + 1
    }

    fn counted(&self) -> i64 {
        all(&*self.store.reader()).first().and_then(|shelf| shelf.due).unwrap_or(0)
    }
}

/// The same database by another port.
fn through(server: &Server, port: u16) -> Server {
    server.with_port(port)
}

/// Cuts the commit's flight by `cut`, settles it, and runs the batch again if it did not happen.
fn check(cuttable: &mut Cuttable, cut: impl FnOnce(&Proxy)) -> bool {
    let next = cuttable.decided();
    let position = Position(head(&*cuttable.store.reader()) + 1);
    cut(&cuttable.proxy);
    let lost = finish(&mut cuttable.store, &[shelf(1, next)]);
    assert!(is_retry(&lost), "{lost:?}");
    let settled = cuttable.store.settle().unwrap();
    assert_eq!(cuttable.counted(), next - i64::from(settled.is_none()));
    match settled {
        Some(happened) => assert_eq!(happened, position),
        None => assert_eq!(count_up(&mut cuttable.store, 1), Ok(position)),
    }
    assert_eq!(cuttable.counted(), next);
    // Asked again, nothing is in doubt.
    assert_eq!(cuttable.store.settle(), Ok(None));
    settled.is_some()
}

#[test]
fn wherever_the_wire_is_cut_a_batch_happens_once() {
    let mut cuttable = Cuttable::new();
    // The first inserts, the second updates: then everything is prepared.
    count_up(&mut cuttable.store, 1).unwrap();
    count_up(&mut cuttable.store, 1).unwrap();
    let next = cuttable.decided();
    let before = cuttable.proxy.passed_up();
    finish(&mut cuttable.store, &[shelf(1, next)]).unwrap();
    let flight = cuttable.proxy.passed_up() - before;
    for part in 0..8 {
        // The first run after a cut prepares its statements anew: then the cut may hit that.
        count_up(&mut cuttable.store, 1).unwrap();
        assert!(
            !check(&mut cuttable, |proxy| proxy.cut_after(flight * part / 8)),
            "after {part}/8 of {flight}"
        );
    }
    count_up(&mut cuttable.store, 1).unwrap();
    assert!(!check(&mut cuttable, |proxy| proxy.cut_after(flight - 1)), "all but a byte");
    let mut happened = 0;
    for _ in 0..8 {
        count_up(&mut cuttable.store, 1).unwrap();
        happened += u32::from(check(&mut cuttable, Proxy::cut_before_the_answer));
    }
    assert!(happened > 0, "no cut came after a commit");
}

#[test]
fn what_the_last_session_is_still_doing_is_ended_before_it_is_asked_what_it_did() {
    let mut cuttable = Cuttable::new();
    count_up(&mut cuttable.store, 1).unwrap();
    let (mut other, mut look) = (cuttable.place.raw(), cuttable.place.raw());
    let next = cuttable.decided();
    // The whole commit has arrived, and waits for another instance's.
    other.sql("BEGIN; UPDATE log_state SET head = head");
    let Cuttable { store, proxy, .. } = &mut cuttable;
    let lost = thread::scope(|scope| {
        let writing = scope.spawn(|| finish(store, &[shelf(1, next)]));
        look.until_waiting(1);
        proxy.cut();
        writing.join().unwrap()
    });
    assert!(is_retry(&lost), "{lost:?}");
    assert_eq!(cuttable.store.settle(), Ok(None));
    other.sql("COMMIT");
    assert_eq!(cuttable.counted(), next - 1);
    count_up(&mut cuttable.store, 1).unwrap();
    assert_eq!(cuttable.counted(), next);
}

#[test]
fn a_store_with_another_session_ends_nobody_elses() {
    let place = Place::of_own(&database());
    let (mut one, mut other) = (place.open(TABLES), Arc::new(place).open(TABLES));
    count_up(&mut one, 1).unwrap();
    count_up(&mut other, 1).unwrap();
    // A lost connection would be replaced without a word at the next batch; within one it is an error.
    one.begin().unwrap();
    load(&mut one, &[1]).unwrap();
    finish(&mut one, &[shelf(1, 9)]).unwrap();
    assert_eq!(all(&*other.reader()), [shelf(1, 9)]);
}
