//! Layouts that others have made.

use super::support::{Place, Shelf, TABLES, database, put, shelf};
use crate::layout::check_growth;
use crate::postgres::PostgresReader;
use kernel::table::{Record as _, Table};
use runtime::ports::store::StoreError;
use std::thread;

fn refusal<T>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Unusable(why)) => why,
        Err(other) => panic!("refused as {other:?}"),
        Ok(_) => panic!("not refused"),
    }
}

#[test]
fn a_layout_grows_and_is_refused_by_name_where_it_differs() {
    let server = database();
    let names = ["text COLLATE \"C\"", "bigint"];
    check_growth(names, || {
        let place = Place::of_own(&server);
        move |tables: &[&'static Table]| {
            let store = place.try_open(tables)?;
            let reader = store.reader();
            Ok((Box::new(store) as _, reader))
        }
    });
}

#[test]
fn a_database_that_is_not_ours_is_refused() {
    let place = Place::of_own(&database());
    place.raw().sql("CREATE TABLE notes (text TEXT)");
    assert_eq!(refusal(place.try_open(TABLES)), "not a database of Jumun's");
    assert_eq!(refusal(PostgresReader::open_readonly(&place.server, TABLES)), "not a database of Jumun's");
}

#[test]
fn an_index_that_differs_is_made_anew() {
    let place = Place::of_own(&database());
    put(&mut place.open(TABLES), &[shelf(1, 1)]).unwrap();
    let mut raw = place.raw();
    raw.sql("DROP INDEX shelves_by_due; CREATE INDEX shelves_by_due ON shelves (label)");
    drop(place.open(TABLES));
    let made = raw.lines("SELECT pg_get_indexdef('shelves_by_due'::regclass)").remove(0);
    assert!(made.ends_with("USING btree (due) WHERE (due IS NOT NULL)"), "{made}");
}

#[test]
fn instances_that_start_at_once_make_one_layout() {
    let place = Place::of_own(&database());
    thread::scope(|scope| {
        for id in 0..6 {
            let place = &place;
            scope.spawn(move || put(&mut place.open(TABLES), &[shelf(id, id)]).unwrap());
        }
    });
    let reader = PostgresReader::open_readonly(&place.server, TABLES).unwrap();
    assert_eq!(super::support::all(&reader).len(), 6);
    assert_eq!(super::support::head(&reader), 6);
}

#[test]
fn a_name_that_would_be_cut_is_refused() {
    static LONG: Table = Table {
        name: "a_table_whose_name_goes_on_and_on_until_nobody_remembers_how_it_began",
        key: 1,
        columns: Shelf::TABLE.columns,
        indexes: &[],
        scattered: false,
    };
    assert!(refusal(Place::of_own(&database()).try_open(&[&LONG])).contains("is too long"));
}
