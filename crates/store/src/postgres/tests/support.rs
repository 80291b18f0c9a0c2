//! Databases for tests, and what is done with them.

use crate::Durability;
use crate::postgres::driver::Driven;
use crate::postgres::server::Role;
use crate::postgres::session::Session;
use crate::postgres::{Options, PostgresStore, Server};
pub(super) use crate::shelf::{EPOCH, Shelf, TABLES};
use kernel::Timestamp;
use kernel::state::Write;
use kernel::table::{Key, Record, Table};
use runtime::ports::store::{Intent, LogRow, Position, Query, Reader, Store, StoreError};
use services::Postgres;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use uuid::Uuid;

/// The server that all tests here share, with room for all their connections; it ends with the process.
pub(super) fn postgres() -> &'static Postgres {
    static SHARED: LazyLock<Postgres> =
        LazyLock::new(|| Postgres::with(&[("max_connections", "400")]).unwrap());
    &SHARED
}

/// A database of this test's own.
pub(super) fn database() -> Server {
    let postgres = postgres();
    Server::parse(&postgres.url(&postgres.fresh_database().unwrap())).unwrap()
}

/// A place for one store's tables: a schema of a database, which is made faster than a database.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) server: Server,
}

impl Place {
    /// A new schema in the database of `server`.
    pub(super) fn of_own(server: &Server) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("place_{}", MADE.fetch_add(1, Ordering::Relaxed));
        let place = Self { server: server.with_schema(&name) };
        place.raw().sql(&format!("CREATE SCHEMA {name}"));
        place
    }

    pub(super) fn open(&self, tables: &[&'static Table]) -> PostgresStore {
        self.try_open(tables).unwrap()
    }

    pub(super) fn try_open(&self, tables: &[&'static Table]) -> Result<PostgresStore, StoreError> {
        PostgresStore::open(&self.server, tables, &Options::new(EPOCH))
    }

    /// A connection for statements by hand.
    pub(super) fn raw(&self) -> Raw {
        Raw::to(&self.server)
    }
}

/// A connection for statements by hand.
pub(super) struct Raw {
    driven: Driven,
    session: Session,
}

impl Raw {
    pub(super) fn to(server: &Server) -> Self {
        let driven = Driven::new().unwrap();
        let session = driven.wait(Session::open(server, Role::Writer(Durability::Full))).unwrap();
        Self { driven, session }
    }

    pub(super) fn sql(&mut self, text: &str) {
        self.driven.wait(self.session.execute(text)).unwrap();
    }

    pub(super) fn count(&mut self, text: &str) -> i64 {
        self.driven.wait(self.session.row(text, &[])).unwrap().get(0)
    }

    pub(super) fn lines(&mut self, text: &str) -> Vec<String> {
        let rows = self.driven.wait(self.session.query(text, &[])).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Returns once this many statements of this database wait for locks.
    pub(super) fn until_waiting(&mut self, count: i64) {
        const WAITING: &str = "SELECT COUNT(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while self.count(WAITING) < count {
            thread::yield_now();
        }
    }
}

pub(super) fn shelf(id: i64, due: i64) -> Shelf {
    Shelf { id, label: "books".into(), due: Some(due) }
}

fn write(shelf: &Shelf) -> Write {
    let row = shelf.to_row();
    Write { table: Shelf::TABLE, key: Key::of_row(Shelf::TABLE, &row), row: Some(row) }
}

pub(super) fn said(body: &str) -> LogRow {
    LogRow { key: Uuid::from_u128(1), at: Timestamp(5), body: body.into() }
}

/// A batch that writes these shelves without having looked, and says one thing.
pub(super) fn put(store: &mut PostgresStore, shelves: &[Shelf]) -> Result<Position, StoreError> {
    store.begin()?;
    finish(store, shelves)
}

/// Ends a batch by writing these shelves.
pub(super) fn finish(store: &mut PostgresStore, shelves: &[Shelf]) -> Result<Position, StoreError> {
    store.commit(&shelves.iter().map(write).collect::<Vec<_>>(), &[said("{}")])
}

/// The shelves under `ids`, loaded within the batch.
pub(super) fn load(store: &mut PostgresStore, ids: &[i64]) -> Result<Vec<Shelf>, StoreError> {
    let keys: Vec<Key> = ids.iter().map(|id| (*id,).into()).collect();
    let rows = store.load(Shelf::TABLE, &keys, Intent::Claim)?;
    Ok(rows.iter().map(|row| Shelf::from_row(row).unwrap()).collect())
}

/// Counts a shelf up by one, in a batch of its own; the count begins at one.
pub(super) fn count_up(store: &mut PostgresStore, id: i64) -> Result<Position, StoreError> {
    store.begin()?;
    let found = load(store, &[id]).inspect_err(|_| store.roll_back())?;
    let before = found.first().and_then(|shelf| shelf.due).unwrap_or(0);
    finish(store, &[shelf(id, before + 1)])
}

pub(super) fn all(reader: &dyn Reader) -> Vec<Shelf> {
    let rows = reader.query(&Query::of(Shelf::TABLE, u32::MAX)).unwrap();
    rows.iter().map(|row| Shelf::from_row(row).unwrap()).collect()
}

pub(super) fn head(reader: &dyn Reader) -> u64 {
    reader.log_state().unwrap().head.0
}

pub(super) fn is_retry<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Retry(_)))
}
