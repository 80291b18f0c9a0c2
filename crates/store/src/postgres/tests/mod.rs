//! What only PostgreSQL promises: several writers, lost connections, a layout that others may have made.

mod doubt;
mod layouts;
mod lease;
mod log;
mod outages;
mod plans;
mod proxy;
mod races;
mod support;
mod tls;

use crate::conformance::{self, check_store, check_writers};
use runtime::ports::store::StoreError;
use support::{Place, Shelf, database, put, shelf};

#[test]
fn a_database_does_what_every_store_must() {
    let server = database();
    check_store(|| {
        let store = Place::of_own(&server).open(conformance::TABLES);
        let reader = store.reader();
        (Box::new(store), reader)
    });
}

#[test]
fn several_writers_do_what_they_must() {
    let server = database();
    check_writers(|| {
        let place = Place::of_own(&server);
        let (one, other) = (place.open(conformance::TABLES), place.open(conformance::TABLES));
        let reader = one.reader();
        ([Box::new(one), Box::new(other)], reader)
    });
}

#[test]
fn a_text_that_it_cannot_hold_is_rejected_by_the_name_of_its_column() {
    let mut store = Place::of_own(&database()).open(support::TABLES);
    let refused = put(&mut store, &[shelf(1, 0), Shelf { label: "a\0b".into(), ..shelf(2, 0) }]);
    assert_eq!(refused, Err(StoreError::Rejected("shelves.label cannot hold U+0000".to_owned())));
    put(&mut store, &[shelf(1, 0)]).unwrap();
    assert_eq!(support::all(&*store.reader()), [shelf(1, 0)]);
}
