//! The same scenes with every database on PostgreSQL.

use super::stepped::Stepped;
use crate::support::{SHIPPED, Setting, inline};
use conformance::check;
use kernel::Table;
use runtime::ports::store::{Epoch, Reader, Store};
use services::Postgres;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use store::Durability;
use store::postgres::{Options, PostgresStore, Server};
use uuid::Uuid;

/// A new database, as a schema: made faster than a database.
fn open(tables: &[&'static Table]) -> (Box<dyn Store>, Arc<dyn Reader>) {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let schema = format!("scene_{}", MADE.fetch_add(1, Ordering::Relaxed));
    let server = Server::parse(&Postgres::shared().unwrap().url("scenes")).unwrap();
    let server = server.with_schema(&schema);
    // What a power cut would take is not played here.
    let options =
        Options { durability: Durability::Normal, readers: 1, ..Options::new(Epoch(Uuid::from_u128(1))) };
    let store = PostgresStore::open(&server, tables, &options).unwrap();
    let reader = store.reader();
    (Box::new(store), reader)
}

fn stepped(topology: &str, terms: conformance::Terms) -> Stepped {
    Stepped::set(topology, terms, Setting { on: Some(open), ..Setting::default() })
}

#[test]
fn on_postgresql_every_topology_ends_in_the_same_books_and_order_states() {
    for (name, topology) in SHIPPED {
        let report = check(|terms| stepped(topology, terms));
        assert!(report.played.len() > 30, "{name}: {report}");
        assert!(report.findings.is_empty(), "{name}:\n{report}");
    }
}

#[test]
fn on_postgresql_delivery_may_be_a_step_too() {
    let [parallel, ..] = inline();
    let report = check(|terms| stepped(&parallel, terms));
    assert!(report.findings.is_empty(), "{report}");
}
