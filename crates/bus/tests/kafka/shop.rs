//! A whole shop whose units hear each other over Kafka only: every unit a system of its own, as a process would be.

use crate::support::{LANES, clock, settings, until};
use audit::{Audit, PAGE, Source};
use jumun_bus::{Heard, Listener, Relay, Settings};
use kernel::DomainName;
use kernel::ids::{CountingIds, Ids};
use kernel::topology::{Database, Topology};
use runtime::ports::clock::Clock;
use runtime::ports::outside::Outside;
use runtime::ports::store::{Epoch, Reader};
use runtime::system::{Elsewhere, Opened};
use runtime::worker::Stepped;
use runtime::{Feed, Registry, System, SystemParts, Tail, Worker, WorkerConfig};
use scripted::clock::VirtualClock;
use scripted::pg::Pg;
use scripted::platform::Platform;
use services::Kafka;
use shop::{Domains, Policies, Shop};
use sim::clients::{
    Answer, Ask, Caller, Card, Heard as Told, Id, Key, Payment, Points, Request, RequestId, Show, Status,
};
use sim::counter::{CURRENCY, Pending, Units};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::sqlite::SqliteStore;
use uuid::Uuid;

const PARALLEL: &str = include_str!("../../../../topologies/choreographed-parallel.toml");

/// Everything is paid by card.
const NONE: Points = Points::Amount(0);

struct Unit {
    system: Arc<System>,
    shop: Option<Arc<Shop>>,
    workers: Vec<Worker>,
    relays: Vec<Relay>,
    tails: Vec<Arc<Tail>>,
    _listeners: Vec<Listener>,
}

struct World {
    topology: Topology,
    registry: Registry,
    domains: Domains,
    readers: BTreeMap<String, Arc<dyn Reader>>,
    clock: Arc<VirtualClock>,
    pg: Arc<Pg>,
    platform: Arc<Platform>,
    ids: Arc<AtomicU64>,
    units: Vec<Unit>,
    next: u64,
}

impl Units for World {
    fn system(&self, domain: &'static str) -> Option<Arc<System>> {
        let holds = |unit: &&Unit| unit.system.home(&DomainName::of(domain)).is_some();
        self.units.iter().find(holds).map(|unit| Arc::clone(&unit.system))
    }

    fn shop(&self) -> Option<Arc<Shop>> {
        self.units.iter().find_map(|unit| unit.shop.clone())
    }

    fn systems(&self) -> Vec<Arc<System>> {
        self.units.iter().map(|unit| Arc::clone(&unit.system)).collect()
    }
}

impl World {
    fn new(file: &str, settings: &Settings) -> Self {
        let domains = Domains::new(Policies::new(CURRENCY, "simulator"));
        let (topology, registry) = domains.place(file).unwrap();
        let clock = Arc::new(VirtualClock::default());
        let open = |database: Database| {
            let tables = registry.tables(&database);
            (database.name, SqliteStore::open_in_memory(&tables, Epoch(Uuid::from_u128(1))).unwrap())
        };
        let mut stores: BTreeMap<String, SqliteStore> = topology.databases().into_iter().map(open).collect();
        let mut world = Self {
            readers: stores.iter().map(|(name, store)| (name.clone(), store.reader())).collect(),
            pg: Arc::new(Pg::new(Arc::clone(&clock))),
            platform: Arc::default(),
            ids: Arc::default(),
            units: Vec::new(),
            next: 0,
            topology,
            registry,
            domains,
            clock,
        };
        for unit in world.topology.units.clone() {
            let unit = world.unit(&unit.name, &mut stores, settings);
            world.units.push(unit);
        }
        world
    }

    fn unit(&self, name: &str, stores: &mut BTreeMap<String, SqliteStore>, settings: &Settings) -> Unit {
        let (own, others): (Vec<Database>, Vec<Database>) =
            self.topology.databases().into_iter().partition(|database| database.unit == name);
        let listeners: Vec<Listener> =
            own.iter().map(|database| self.listener(database, &others, settings)).collect();
        let mut tails = Vec::new();
        let elsewhere = others.into_iter().map(|database| {
            let reader = Arc::clone(&self.readers[&database.name]);
            let kept_for = listeners.iter().map(|one| (one.consumer().to_owned(), one.feeds(&database.name)));
            let kept_for = kept_for.filter(|(_, feeds)| !feeds.is_empty()).collect();
            // The log itself, for whoever looks on.
            let tail = Tail::new(&database.name, Arc::clone(&reader)).unwrap();
            tails.push(Arc::clone(&tail));
            let feeds = vec![tail as Arc<dyn Feed>];
            Elsewhere { database, reader, feeds, kept_for, neighbour: None }
        });
        let elsewhere = elsewhere.collect();
        let opened = own.into_iter().map(|database| {
            let store = Box::new(stores.remove(&database.name).unwrap());
            let reader = Arc::clone(&self.readers[&database.name]);
            Opened { database, store, reader }
        });
        let from = Arc::clone(&self.ids);
        // Each source of its own millisecond: no id is ever given twice.
        let ids = move || {
            let at_ms = 1_700_000_000_000 + from.fetch_add(1, Ordering::Relaxed);
            Box::new(CountingIds::new(at_ms)) as Box<dyn Ids + Send>
        };
        let parts = SystemParts {
            registry: self.registry.clone(),
            topology: self.topology.clone(),
            opened: opened.collect(),
            elsewhere,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            ids: Box::new(ids),
            outside: BTreeMap::from([
                (payment::PAYMENT, Arc::clone(&self.pg) as Arc<dyn Outside>),
                (data_platform::NAME, Arc::clone(&self.platform) as Arc<dyn Outside>),
            ]),
            config: WorkerConfig::default(),
            door_capacity: 1_000,
            guards: BTreeMap::new(),
        };
        let (system, workers) = parts.assemble().unwrap();
        let relay = |handle: &runtime::system::Handle| {
            Relay::start(settings, &handle.tail, Arc::clone(&handle.reader), None).unwrap()
        };
        let relays = system.databases().iter().map(relay).collect();
        let has_orders = system.home(&DomainName::of("order")).is_some();
        let shop =
            has_orders.then(|| Shop::new(Arc::clone(&system), self.registry.clone(), &self.domains).unwrap());
        Unit { system, shop, workers, relays, tails, _listeners: listeners }
    }

    /// Who hears the others for `database`.
    fn listener(&self, database: &Database, others: &[Database], settings: &Settings) -> Listener {
        let sources = self.registry.routing(&self.topology).sources(&database.domains);
        let heard = others.iter().filter(|other| other.domains.iter().any(|domain| sources.contains(domain)));
        let heard: Vec<Heard> = heard
            .map(|other| Heard { log: other.name.clone(), reader: Arc::clone(&self.readers[&other.name]) })
            .collect();
        Listener::start(settings, &database.name, &self.readers[&database.name], &heard, clock()).unwrap()
    }

    /// Steps everything once.
    fn step(&mut self) {
        self.pg.step();
        self.platform.step();
        for unit in &mut self.units {
            unit.tails.iter().for_each(|tail| tail.refresh().unwrap());
            if let Some(shop) = &unit.shop {
                shop.quoter().step(100);
            }
            for worker in &mut unit.workers {
                while worker.step() == Stepped::Worked {}
            }
        }
    }

    /// Asks, and goes on until it is answered.
    fn told(&mut self, from: Caller, ask: Ask) -> Answer {
        self.next += 1;
        let shown = format!("{ask:?}");
        let request = Request { id: RequestId(self.next), from, ask };
        let mut pending = Pending::start(&request, self, self.clock.now().0, 10_000);
        let mut told = None;
        until(&shown, || {
            self.step();
            told = pending.poll(self, self.clock.now().0);
            told.is_some()
        });
        match told {
            Some(Told::Answer(answer)) => answer,
            other => panic!("{shown} came to {other:?}"),
        }
    }

    fn customer(&mut self, points: i64) -> Caller {
        self.next += 1;
        let email = format!("kim{}@example.com", self.next);
        let Answer::User(user) = self.told(Caller::Anyone, Ask::SignUp { email }) else { panic!("no user") };
        let ask = Ask::AdjustPoints { user: user.id, adjust: points, reason: "welcome".to_owned() };
        assert_eq!(self.told(Caller::Admin, ask), Answer::Balance(points));
        Caller::Customer(user.id)
    }

    fn product(&mut self, price: i64, stock: i64) -> Id {
        self.next += 1;
        let sku = format!("MUG-{}", self.next);
        match self.told(Caller::Admin, Ask::CreateProduct { sku, price, stock }) {
            Answer::Product(product) => product.id,
            other => panic!("no product: {other:?}"),
        }
    }

    fn buy(&mut self, from: Caller, product: Id, points: Points, card: Card) -> Id {
        self.next += 1;
        let payment = Some(Payment { coupon: None, points, card: Some(card) });
        let place = Ask::Place { key: Key(self.next), lines: vec![(product, 1)], payment };
        match self.told(from, place) {
            Answer::Order(order) => order.id,
            other => panic!("no order: {other:?}"),
        }
    }

    /// Goes on until `order` has settled; how.
    fn settled(&mut self, from: Caller, order: Id) -> Status {
        let mut status = None;
        until("the order settles", || {
            status = match self.told(from, Ask::Show(Show::Order(order))) {
                Answer::Order(order) => Some(order.status),
                other => panic!("no order: {other:?}"),
            };
            matches!(status, Some(Status::Confirmed | Status::Failed | Status::Cancelled))
        });
        status.unwrap()
    }

    /// Goes on until everybody has heard everything.
    fn rest(&mut self) {
        until("everything is heard", || {
            self.step();
            let head = |name: &str| self.readers[name].log_state().unwrap().head;
            self.units.iter().all(|unit| {
                let published = unit.system.databases().iter().zip(&unit.relays);
                let published = published
                    .into_iter()
                    .all(|(handle, relay)| relay.published() == head(&handle.database.name));
                published
                    && unit
                        .system
                        .databases()
                        .iter()
                        .all(|handle| handle.progress.positions().iter().all(|(log, at)| *at == head(log)))
            })
        });
    }

    fn audit(&self) -> audit::Report {
        let source = |database: Database| {
            let reader = Arc::clone(&self.readers[&database.name]);
            Source { database, reader }
        };
        let audit = Audit {
            topology: &self.topology,
            registry: &self.registry,
            sources: self.topology.databases().into_iter().map(source).collect(),
            now: self.clock.now(),
            settling: Duration::from_secs(10),
            page: PAGE,
        };
        let mut book = self.pg.book().into_iter().map(Ok);
        audit.run(Some(&mut book)).unwrap()
    }
}

#[test]
fn a_shop_over_kafka_sells_gives_back_and_survives_its_broker() {
    let kafka = Kafka::start().unwrap();
    let mut world = World::new(PARALLEL, &Settings { partitions: LANES, ..settings(&kafka, "shop") });
    let (mug, last) = (world.product(1_500, 50), world.product(900, 1));
    let (kim, lee) = (world.customer(700), world.customer(5_000));
    world.rest();
    let bought = world.buy(kim, mug, Points::All, Card::Good);
    assert_eq!(world.settled(kim, bought), Status::Confirmed);
    let declined = world.buy(lee, mug, Points::All, Card::Declined);
    assert_eq!(world.settled(lee, declined), Status::Confirmed, "points paid for all of it");
    let declined = world.buy(kim, mug, Points::All, Card::Declined);
    assert_eq!(world.settled(kim, declined), Status::Failed);
    let rivals =
        [world.buy(kim, last, Points::All, Card::Good), world.buy(lee, last, Points::All, Card::Good)];
    // The broker dies with words on their way; they are said again when it is back.
    kafka.kill_9().unwrap();
    let later: Vec<Id> = (0..10).map(|_| world.buy(lee, mug, NONE, Card::Good)).collect();
    kafka.restart().unwrap();
    let ended = [world.settled(kim, rivals[0]), world.settled(lee, rivals[1])];
    assert!(ended.contains(&Status::Confirmed) && ended.contains(&Status::Failed), "{ended:?}");
    for order in later {
        assert_eq!(world.settled(lee, order), Status::Confirmed);
    }
    world.rest();
    let report = world.audit();
    assert!(report.is_clean(), "{report:?}");
    assert!(world.pg.did_nothing_twice());
}
