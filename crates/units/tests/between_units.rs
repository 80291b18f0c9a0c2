//! A unit behind its internal door on the loopback address, and another that reads and hears it.
#![expect(clippy::unwrap_used, reason = "a test's helpers, too")]

use jumun_units::api::{ApiParts, router};
use jumun_units::{HttpFeed, Operator, RemoteReader, ServiceKey, Switchboard};
use kernel::ids::{Ids, UserId};
use kernel::state::Write;
use kernel::topology::{Database, Topology};
use kernel::{Currency, Entry, Key, Money, Record, Trace, Value};
use product::{CreateProduct, Product};
use runtime::adapters::{SystemClock, V7Ids};
use runtime::ports::clock::Clock;
use runtime::ports::store::{Compare, Cursor, Epoch, Position, Query, Reader, Store, StoreError, Top};
use runtime::system::{Elsewhere, Opened};
use runtime::tail::Observer;
use runtime::worker::Stepped;
use runtime::{Feed, Neighbour, System, SystemParts, WorkerConfig};
use shop::{Domains, Policies};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use store::sqlite::SqliteStore;
use tokio::sync::watch;
use uuid::Uuid;

const KEY: &[u8] = b"a service key of thirty-two bytes or more";
const FILE: &str = include_str!("../../../topologies/seven-services.toml");

/// The unit `product`, alone, behind its internal door.
struct Unit {
    system: Arc<System>,
    address: String,
    _closing: watch::Sender<bool>,
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.system.stop();
    }
}

const EPOCH: Epoch = Epoch(Uuid::from_u128(1));

/// The unit of this name, alone; `before` does something to its database first.
fn parts(unit: &str, before: impl FnOnce(&mut SqliteStore)) -> SystemParts {
    let domains = Domains::new(Policies::new(Currency::KRW, "none"));
    let (topology, registry) = domains.place(FILE).unwrap();
    let database = database(&topology, unit);
    let mut store = SqliteStore::open_in_memory(&registry.tables(&database), EPOCH).unwrap();
    before(&mut store);
    let reader = store.reader();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let for_ids = Arc::clone(&clock);
    SystemParts {
        registry,
        topology,
        opened: vec![Opened { database, store: Box::new(store), reader }],
        elsewhere: Vec::new(),
        guards: BTreeMap::new(),
        clock,
        ids: Box::new(move || Box::new(V7Ids::new(Arc::clone(&for_ids), 0)) as Box<dyn Ids + Send>),
        outside: BTreeMap::new(),
        config: WorkerConfig::default(),
        door_capacity: 100,
    }
}

fn database(topology: &Topology, unit: &str) -> Database {
    topology.databases().into_iter().find(|database| database.unit == unit).unwrap()
}

impl Unit {
    async fn start() -> Self {
        let parts = parts("product", |_| ());
        let registry = parts.registry.clone();
        let (system, workers) = parts.assemble().unwrap();
        system.start(workers).unwrap();
        let (closing, closed) = watch::channel(false);
        let app = router(ApiParts {
            system: Arc::clone(&system),
            registry,
            units: vec!["product".to_owned()],
            key: ServiceKey::new(KEY).unwrap(),
            closing: closed,
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { system, address, _closing: closing }
    }

    async fn product(&self, sku: &str) -> Product {
        let (sku, price) = (sku.into(), Money::new(1_000).unwrap());
        let by = UserId(Uuid::from_u128(7));
        let create = CreateProduct { sku, name: "A mug".into(), price, stock: 5, by };
        self.system.ask(create, Trace::default()).await.unwrap().unwrap()
    }
}

fn switchboard(key: &[u8]) -> Arc<Switchboard> {
    Switchboard::new("order", ServiceKey::new(key).unwrap(), Arc::new(SystemClock::default())).unwrap()
}

/// Everything that a log's observer is told.
struct Ear(Sender<Option<Position>>);

impl Observer for Ear {
    fn committed(&self, rows: &[(Position, Arc<Entry>)]) {
        for (position, _) in rows {
            self.tell(Some(*position));
        }
    }

    fn lost(&self) {
        self.tell(None);
    }
}

impl Ear {
    /// Nobody listens any more once the test has heard enough.
    fn tell(&self, heard: Option<Position>) {
        let _ = self.0.send(heard);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_units_rows_are_read_as_its_own() {
    let unit = Unit::start().await;
    let (mug, tea) = (unit.product("MUG").await, unit.product("TEA").await);
    let here = Arc::clone(&unit.system.databases()[0].reader);
    let there = RemoteReader::new(switchboard(KEY).peer("product", &unit.address), "product");
    let keys = [Key::from((mug.id,)), Key::from((tea.id,))];
    let load = |reader: &dyn Reader| reader.load(Product::TABLE, &keys);
    assert_eq!(load(&there).unwrap().len(), 2);
    assert_eq!(load(&there), load(here.as_ref()));
    let query = Query::of(Product::TABLE, 1).filter("sku", Compare::Above, Value::Text("MUG".into()));
    assert_eq!(there.query(&query).unwrap(), [tea.to_row()]);
    let top = Top { table: Product::TABLE, group: vec!["name"], sum: "stock", filters: Vec::new(), limit: 9 };
    assert_eq!(there.top(&top).unwrap(), here.top(&top).unwrap());
    assert_eq!(there.log_after(Position(0), 9).unwrap(), here.log_after(Position(0), 9).unwrap());
    assert_eq!(there.log_of(mug.id.0).unwrap(), here.log_of(mug.id.0).unwrap());
    assert_eq!(there.log_state().unwrap(), here.log_state().unwrap());
    assert!(matches!(there.snapshot(), Err(StoreError::Unusable(_))));
    let odd = Query::of(Product::TABLE, 1).sort("no such column", true);
    assert!(matches!(there.query(&odd), Err(StoreError::Rejected(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_units_log_is_heard_from_where_it_stood() {
    let unit = Unit::start().await;
    unit.product("BEFORE").await;
    let feed = HttpFeed::new(&switchboard(KEY).peer("product", &unit.address), "product");
    let (sender, heard): (_, Receiver<_>) = channel();
    feed.observe(Arc::new(Ear(sender)));
    assert_eq!(heard.recv(), Ok(None), "what was before it was not seen");
    let before = feed.state().unwrap().head;
    unit.product("MUG").await;
    assert_eq!(heard.recv(), Ok(Some(Position(before.0 + 1))));
    unit.product("TEA").await;
    assert_eq!(heard.recv(), Ok(Some(Position(before.0 + 2))));
    assert_eq!(feed.reach(), Position(before.0 + 2));
    // From memory, and from the other unit's log.
    for after in [before, Position(0)] {
        let positions: Vec<u64> =
            feed.after(after, 9).unwrap().iter().map(|(position, _)| position.0).collect();
        assert_eq!(positions, (after.0 + 1..=before.0 + 2).collect::<Vec<_>>());
    }
    assert!(feed.after(feed.reach(), 9).unwrap().is_empty());
}

/// Whoever follows it does not end for it, whether it notices at its start or later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_units_log_that_was_restored_is_refused_and_nobody_ends_for_it() {
    let unit = Unit::start().await;
    unit.product("MUG").await;
    let peer = switchboard(KEY).peer("product", &unit.address);
    let feed = HttpFeed::new(&peer, "product");
    let (sender, heard): (_, Receiver<_>) = channel();
    feed.observe(Arc::new(Ear(sender)));
    heard.recv().unwrap();
    assert!(feed.state().is_ok(), "it is known at the start where the log stands");
    let mut parts = parts("point", |store| {
        let row = Cursor { source: "product".into(), epoch: EPOCH.0, position: 9 }.to_row();
        let ahead = Write { table: Cursor::TABLE, key: Key::of_row(Cursor::TABLE, &row), row: Some(row) };
        store.begin().unwrap();
        store.commit(&[ahead], &[]).unwrap();
    });
    parts.elsewhere.push(Elsewhere {
        database: database(&parts.topology, "product"),
        reader: Arc::new(RemoteReader::new(peer, "product")),
        feeds: vec![feed],
        kept_for: BTreeMap::new(),
        neighbour: None,
    });
    let (system, mut workers) = parts.assemble().unwrap();
    for _ in 0..2 {
        assert!(matches!(workers[0].step(), Stepped::Idle(Some(_))));
        assert_eq!(system.status().alerts.get("log_refused"), Some(&1), "an operator is told, once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_is_away_is_spared_after_a_few_calls() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let peer = switchboard(KEY).peer("product", &format!("http://{closed}"));
    let reader = RemoteReader::new(Arc::clone(&peer), "product");
    let operator = Operator::new(peer);
    while operator.calls().spared == 0 {
        assert!(matches!(reader.log_state(), Err(StoreError::Retry(_))));
    }
    let calls = operator.calls();
    assert!(calls.is_spared && calls.answered == 0 && calls.retried > 0, "{calls:?}");
    let feed = HttpFeed::new(&switchboard(KEY).peer("product", &format!("http://{closed}")), "product");
    assert!(matches!(feed.state(), Err(StoreError::Retry(_))));
    assert_eq!(feed.reach(), Position(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_another_key_is_told_nothing() {
    let unit = Unit::start().await;
    let stranger = switchboard(b"another key, just as long as the real one");
    let reader = RemoteReader::new(stranger.peer("product", &unit.address), "product");
    assert!(matches!(reader.log_state(), Err(StoreError::Retry(why)) if why.contains("token")));
    let misled = RemoteReader::new(switchboard(KEY).peer("user", &unit.address), "product");
    assert!(misled.log_state().is_err(), "a token for somebody else");
    let operator = Operator::new(switchboard(KEY).peer("product", &unit.address));
    assert!(operator.status().unwrap().databases.contains_key("product"));
}
