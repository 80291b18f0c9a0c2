//! A server that goes away and comes back.

use super::support::{EPOCH, TABLES, all, count_up, finish, is_retry, load, shelf};
use crate::postgres::{Options, PostgresReader, PostgresStore, Server};
use runtime::ports::store::{Store as _, StoreError};
use services::Postgres;

#[test]
fn a_server_that_was_killed_is_an_outage_and_nothing_else() {
    let postgres = Postgres::start().unwrap();
    let server = Server::parse(&postgres.url("shop_order")).unwrap();
    let mut store = PostgresStore::open(&server, TABLES, &Options::new(EPOCH)).unwrap();
    let reader = store.reader();
    for _ in 0..3 {
        count_up(&mut store, 1).unwrap();
    }
    let moment = reader.snapshot().unwrap();
    store.begin().unwrap();
    load(&mut store, &[1]).unwrap();
    postgres.kill_9().unwrap();
    let lost = finish(&mut store, &[shelf(1, 100)]);
    assert!(is_retry(&lost), "{lost:?}");
    assert!(is_retry(&store.settle()), "nobody knows yet");
    assert!(is_retry(&count_up(&mut store, 1)));
    assert!(is_retry(&reader.log_state()));
    assert!(is_retry(&moment.log_state()));
    assert!(is_retry(&PostgresStore::open(&server, TABLES, &Options::new(EPOCH)).map(drop)));
    postgres.restart().unwrap();
    assert_eq!(store.settle(), Ok(None));
    count_up(&mut store, 1).unwrap();
    // Whoever asked while it was away is told so for a moment longer.
    while is_retry(&reader.log_state()) {
        std::thread::yield_now();
    }
    assert_eq!(all(&*reader), [shelf(1, 4)]);
    assert_eq!(reader.log_state().unwrap().head.0, 4);
}

#[test]
fn a_session_that_is_ended_between_batches_is_replaced() {
    let place = super::Place::of_own(&super::database());
    let mut store = place.open(TABLES);
    count_up(&mut store, 1).unwrap();
    let reader = store.reader();
    assert_eq!(all(&*reader).len(), 1);
    const END_ALL: &str = "SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name LIKE 'jumun %' AND pid <> pg_backend_pid()";
    assert_eq!(place.raw().count(END_ALL), 2);
    assert_eq!(all(&*reader).len(), 1, "a read is asked again");
    // The writer finds out when it asks.
    let counted = count_up(&mut store, 1);
    assert!(counted.is_ok() || is_retry(&counted), "{counted:?}");
    if counted.is_err() {
        count_up(&mut store, 1).unwrap();
    }
    assert_eq!(all(&*reader), [shelf(1, 2)]);
}

#[test]
fn what_is_no_server_or_no_database_is_said_without_the_password() {
    let why = |url: &str| Server::parse(url).map(drop).unwrap_err();
    for url in [
        "mysql://a:secret@b/c",
        "postgres://a:secret@b",
        "postgres://a:secret@/c",
        "postgres://a:secret@b/c?port=x",
    ] {
        assert!(!why(url).contains("secret"), "{}", why(url));
    }
    let server = Server::parse("postgres://a:secret@127.0.0.1:1/shop").unwrap();
    assert_eq!(
        (server.to_string(), format!("{server:?}")),
        ("127.0.0.1:1/shop".into(), "127.0.0.1:1/shop".into())
    );
    let postgres = super::support::postgres();
    let missing = Server::parse(&postgres.url("nowhere")).unwrap();
    let refused = PostgresReader::open_readonly(&missing, TABLES).map(drop);
    assert!(matches!(&refused, Err(StoreError::Unusable(why)) if why.contains("3D000")), "{refused:?}");
    let wrong = Server::parse(&postgres.url("postgres").replace("jumun:", "jumun:wrong")).unwrap();
    let refused = PostgresReader::open_readonly(&wrong, TABLES).map(drop);
    assert!(matches!(&refused, Err(StoreError::Unusable(why)) if !why.contains("wrong")), "{refused:?}");
}
