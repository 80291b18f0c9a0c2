//! Rows that a test can damage one by one, and their audit under either topology.

use crate::readers::{Lossy, Moving};
use jumun_audit::{Audit, AuditError, Report, Source};
use kernel::ids::{PaymentId, SagaId};
use kernel::state::Write;
use kernel::table::Key;
use kernel::topology::Topology;
use kernel::{
    Currency, DomainName, Entry, Money, Plan, Record, Row, Said, SaidEvent, Table, Timestamp, Trace,
};
use payment::gateway::PgCharge;
use runtime::Registry;
use runtime::ports::store::{Cursor, Epoch, LogRow, Position, Store};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use uuid::Uuid;

pub(crate) const MONOLITH: &str = include_str!("../../../../topologies/monolith.toml");
pub(crate) const SEVEN: &str = include_str!("../../../../topologies/seven-services.toml");

/// 2023-11-14, before noon.
pub(crate) const NOW: Timestamp = Timestamp(1_699_956_000_000);
const EPOCH: Epoch = Epoch(Uuid::from_u128(7));

/// A UUIDv7 of today; ids sort by their number.
pub(crate) fn id(number: u64) -> Uuid {
    let mut bytes = [0_u8; 10];
    bytes[2..].copy_from_slice(&number.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(NOW.0).unwrap(), &bytes).into_uuid()
}

/// The payment of order number `order`.
pub(crate) fn payment_of(order: u64) -> PaymentId {
    PaymentId(id(order + 1))
}

pub(crate) fn saga(number: u64) -> SagaId {
    SagaId(id(number))
}

pub(crate) fn minor(amount: i64) -> Money {
    Money::new(amount).unwrap()
}

/// Rows, the order's log, the PG's book, and who has heard how much.
pub(crate) struct World {
    pub(crate) rows: BTreeMap<(DomainName, &'static str, Key), (&'static Table, Row)>,
    pub(crate) log: Vec<LogRow>,
    pub(crate) book: Vec<PgCharge>,
    /// How many log rows of the order's each follower has yet to hear.
    pub(crate) behind: BTreeMap<DomainName, i64>,
    /// A position that the order's log has lost.
    pub(crate) lost: Option<u64>,
    /// How far product says it has followed the order's log beyond its end.
    pub(crate) ahead: Option<i64>,
    /// What the database of this domain says at first, and not when read again.
    pub(crate) at_first: Option<(DomainName, Box<World>)>,
    pub(crate) page: u32,
}

pub(crate) fn registry(topology: &str) -> Registry {
    let wiring = order::Wiring { topology: topology.into(), ..order::Wiring::default() };
    Registry::default()
        .with(user::Users)
        .with(product::Products)
        .with(point::Point)
        .with(coupon::Coupons)
        .with(order::OrderDomain::new(order::OrderPolicy::default(), wiring))
        .with(payment::Payment::new(payment::PaymentPolicy::new("sim", Currency::KRW)))
        .with(ranking::Ranking::default())
        .with(data_platform::DataPlatform::default())
        .with(read_model::ReadModel::new(topology, false))
}

impl World {
    pub(crate) fn empty() -> Self {
        Self {
            rows: BTreeMap::new(),
            log: Vec::new(),
            book: Vec::new(),
            behind: BTreeMap::new(),
            lost: None,
            ahead: None,
            at_first: None,
            page: 5_000,
        }
    }

    pub(crate) fn put<R: Record>(&mut self, domain: &DomainName, record: &R) {
        let row = record.to_row();
        let key = Key::of_row(R::TABLE, &row);
        self.rows.insert((domain.clone(), R::TABLE.name, key), (R::TABLE, row));
    }

    pub(crate) fn get<R: Record>(&self, domain: &DomainName, key: impl Into<Key>) -> Option<R> {
        let (_, row) = self.rows.get(&(domain.clone(), R::TABLE.name, key.into()))?;
        Some(R::from_row(row).unwrap())
    }

    pub(crate) fn delete<R: Record>(&mut self, domain: &DomainName, key: impl Into<Key>) {
        self.rows.remove(&(domain.clone(), R::TABLE.name, key.into())).expect("a row to delete");
    }

    pub(crate) fn change<R: Record>(
        &mut self,
        domain: &DomainName,
        key: impl Into<Key>,
        change: impl FnOnce(&mut R),
    ) {
        let (_, row) = &self.rows[&(domain.clone(), R::TABLE.name, key.into())];
        let mut record = R::from_row(row).unwrap();
        change(&mut record);
        self.put(domain, &record);
    }

    pub(crate) fn say(&mut self, key: Uuid, plan: Option<&Arc<Plan>>, said: Said) {
        let (by, trace) = (DomainName::of("order"), Trace::default());
        let events = vec![SaidEvent { by, said }];
        let entry = Entry { v: Entry::VERSION, key, at: NOW, trace, plan: plan.cloned(), events };
        self.log.push(LogRow { key, at: NOW, body: serde_json::to_string(&entry).unwrap().into() });
    }

    /// The audit of these rows, placed by `topology`.
    pub(crate) fn audit(&self, topology: &str) -> Report {
        self.try_audit(topology, Some(self.book.iter().cloned().map(Ok).collect())).unwrap()
    }

    pub(crate) fn try_audit(
        &self,
        topology: &str,
        book: Option<Vec<Result<PgCharge, String>>>,
    ) -> Result<Report, AuditError> {
        let registry = registry("t");
        let topology = Topology::parse(topology, &registry.known()).unwrap();
        let mut sources = self.sources(&topology, &registry);
        if let Some((domain, before)) = &self.at_first {
            let mut befores = before.sources(&topology, &registry);
            let at = sources.iter().position(|source| source.database.domains.contains(domain)).unwrap();
            let later = Arc::clone(&sources[at].reader);
            sources[at].reader = Arc::new(Moving {
                first: befores.swap_remove(at).reader,
                later,
                looked: AtomicBool::new(false),
            });
        }
        let settling = Duration::from_secs(10);
        let audit =
            Audit { topology: &topology, registry: &registry, sources, now: NOW, settling, page: self.page };
        let mut charges = book.map(Vec::into_iter);
        audit.run(charges.as_mut().map(|charges| charges as &mut jumun_audit::Book<'_>))
    }

    fn sources(&self, topology: &Topology, registry: &Registry) -> Vec<Source> {
        let databases = topology.databases();
        let order = DomainName::of("order");
        let source =
            databases.iter().find(|database| database.domains.contains(&order)).unwrap().name.clone();
        let made = databases.into_iter().map(|database| {
            let mut store =
                store::sqlite::SqliteStore::open_in_memory(&registry.tables(&database), EPOCH).unwrap();
            let mut writes: BTreeMap<(&'static str, Key), Write> = BTreeMap::new();
            let mut write = |table: &'static Table, row: Row| {
                let key = Key::of_row(table, &row);
                writes.insert((table.name, key.clone()), Write { table, key, row: Some(row) });
            };
            for ((domain, ..), (table, row)) in &self.rows {
                if database.domains.contains(domain) {
                    write(table, row.clone());
                }
            }
            let mut cursor = |position: i64| {
                let source = SmolStr::new(&source);
                write(Cursor::TABLE, Cursor { source, epoch: EPOCH.0, position }.to_row());
            };
            let head = i64::try_from(self.log.len()).unwrap();
            if database.name != source {
                let behind = |domain| self.behind.get(domain).copied();
                cursor(head - database.domains.iter().filter_map(behind).sum::<i64>());
            }
            if let Some(ahead) = self.ahead.filter(|_| database.domains.contains(&product::NAME)) {
                cursor(head + ahead);
            }
            let is_order = database.name == source;
            store.begin().unwrap();
            let writes: Vec<Write> = writes.into_values().collect();
            store.commit(&writes, if is_order { &self.log } else { &[] }).unwrap();
            let mut reader = store.reader();
            if let Some(lost) = self.lost.filter(|_| is_order) {
                reader = Arc::new(Lossy { inner: reader.snapshot().unwrap().into(), lost: Position(lost) });
            }
            Source { database, reader }
        });
        made.collect()
    }
}
