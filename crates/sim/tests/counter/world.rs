//! A topology as it runs spread out: a system per unit, each over databases in memory, stepped by hand.

use jumun_sim::clients::{
    Answer, Ask, Caller, Heard, Id, Key, Order, Payment, Points, Request, RequestId, Show, Status,
};
use jumun_sim::counter::{CURRENCY, Pending, Units};
use kernel::DomainName;
use kernel::ids::{CountingIds, Ids};
use kernel::topology::{Database, Topology};
use runtime::ports::clock::Clock;
use runtime::ports::outside::Outside;
use runtime::ports::store::{Epoch, LogState, Position, Reader, StoreError};
use runtime::system::{Elsewhere, Opened};
use runtime::tail::{Observer, read_row};
use runtime::worker::Stepped;
use runtime::{Door, Feed, Registry, System, SystemParts, Worker, WorkerConfig};
use scripted::clock::VirtualClock;
use scripted::pg::Pg;
use scripted::platform::Platform;
use shop::{Domains, Policies, Shop};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use store::sqlite::SqliteStore;
use uuid::Uuid;

pub(crate) const MONOLITH: &str = include_str!("../../../../topologies/monolith.toml");
pub(crate) const SEVEN_SERVICES: &str = include_str!("../../../../topologies/seven-services.toml");
pub(crate) const VALIDATED_ASYNC: &str = include_str!("../../../../topologies/validated-async.toml");
pub(crate) const ORCHESTRATED_MESSAGES: &str =
    include_str!("../../../../topologies/orchestrated-messages.toml");

/// How long a request waits for something, in milliseconds.
pub(crate) const PATIENCE: i64 = 10_000;

/// What passes when nothing moves, in milliseconds.
const TICK: i64 = 250;

/// More steps than any test needs.
const MOST_STEPS: usize = 10_000;

pub(crate) const ADMIN: Caller = Caller::Admin;

/// Everything in one transaction, and a database per domain.
pub(crate) fn both() -> [World; 2] {
    [World::new(MONOLITH), World::new(SEVEN_SERVICES)]
}

struct Unit {
    name: String,
    system: Arc<System>,
    shop: Option<Arc<Shop>>,
    workers: Vec<Worker>,
}

/// The world.
pub(crate) struct World {
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) pg: Arc<Pg>,
    platform: Arc<Platform>,
    topology: Topology,
    units: Vec<Unit>,
    /// Units that cannot be reached.
    away: RefCell<BTreeSet<String>>,
    /// Databases that are not stepped.
    held: BTreeSet<String>,
    /// Logs that no other unit can read.
    cut: BTreeMap<String, Arc<AtomicBool>>,
    next: u64,
}

impl Units for World {
    fn system(&self, domain: &'static str) -> Option<Arc<System>> {
        self.reached(domain).map(|unit| Arc::clone(&unit.system))
    }

    fn shop(&self) -> Option<Arc<Shop>> {
        self.reached("order").and_then(|unit| unit.shop.clone())
    }

    fn systems(&self) -> Vec<Arc<System>> {
        let away = self.away.borrow();
        let up = self.units.iter().filter(|unit| !away.contains(&unit.name));
        up.map(|unit| Arc::clone(&unit.system)).collect()
    }
}

/// What a unit needs to be put together.
struct Parts<'a> {
    topology: &'a Topology,
    registry: &'a Registry,
    domains: &'a Domains,
    clock: &'a Arc<VirtualClock>,
    outside: BTreeMap<DomainName, Arc<dyn Outside>>,
    ids: &'a Arc<AtomicU64>,
    cut: &'a BTreeMap<String, Arc<AtomicBool>>,
    readers: &'a BTreeMap<String, Arc<dyn Reader>>,
}

impl Parts<'_> {
    fn unit(&self, name: &str, stores: &mut BTreeMap<String, SqliteStore>) -> Unit {
        let (own, others): (Vec<Database>, Vec<Database>) =
            self.topology.databases().into_iter().partition(|database| database.unit == name);
        let opened = own.into_iter().map(|database| {
            let store = stores.remove(&database.name).unwrap();
            let reader = Arc::clone(&self.readers[&database.name]);
            Opened { database, store: Box::new(store), reader }
        });
        let elsewhere = others.into_iter().map(|database| {
            let reader = Arc::clone(&self.readers[&database.name]);
            let feed = Wire {
                log: database.name.clone(),
                reader: Arc::clone(&reader),
                cut: Arc::clone(&self.cut[&database.name]),
            };
            Elsewhere {
                database,
                reader,
                feeds: vec![Arc::new(feed)],
                kept_for: BTreeMap::new(),
                neighbour: None,
            }
        });
        let from = Arc::clone(self.ids);
        // Each source of its own millisecond: no id is ever given twice.
        let ids = move || {
            let at_ms = 1_700_000_000_000 + from.fetch_add(1, Ordering::Relaxed);
            Box::new(CountingIds::new(at_ms)) as Box<dyn Ids + Send>
        };
        let parts = SystemParts {
            registry: self.registry.clone(),
            topology: self.topology.clone(),
            opened: opened.collect(),
            elsewhere: elsewhere.collect(),
            clock: Arc::clone(self.clock) as Arc<dyn Clock>,
            ids: Box::new(ids),
            outside: self.outside.clone(),
            config: WorkerConfig::default(),
            door_capacity: 1_000,
            guards: BTreeMap::new(),
        };
        let (system, workers) = parts.assemble().unwrap();
        let has_orders = system.home(&DomainName::of("order")).is_some();
        let shop =
            has_orders.then(|| Shop::new(Arc::clone(&system), self.registry.clone(), self.domains).unwrap());
        Unit { name: name.to_owned(), system, shop, workers }
    }
}

impl World {
    pub(crate) fn new(file: &str) -> Self {
        let domains = Domains::new(Policies::new(CURRENCY, "simulator"));
        let (topology, registry) = domains.place(file).unwrap();
        let clock = Arc::new(VirtualClock::default());
        let (pg, platform) = (Arc::new(Pg::new(Arc::clone(&clock))), Arc::new(Platform::default()));
        let open = |database: Database| {
            let tables = registry.tables(&database);
            (database.name, SqliteStore::open_in_memory(&tables, Epoch(Uuid::from_u128(1))).unwrap())
        };
        let mut stores: BTreeMap<String, SqliteStore> = topology.databases().into_iter().map(open).collect();
        let readers = stores.iter().map(|(name, store)| (name.clone(), store.reader())).collect();
        let cut = stores.keys().map(|name| (name.clone(), Arc::default())).collect();
        let parts = Parts {
            topology: &topology,
            registry: &registry,
            domains: &domains,
            clock: &clock,
            outside: BTreeMap::from([
                (payment::PAYMENT, Arc::clone(&pg) as Arc<dyn Outside>),
                (data_platform::NAME, Arc::clone(&platform) as Arc<dyn Outside>),
            ]),
            ids: &Arc::default(),
            cut: &cut,
            readers: &readers,
        };
        let units = topology.units.iter().map(|unit| parts.unit(&unit.name, &mut stores)).collect();
        let (away, held) = (RefCell::default(), BTreeSet::new());
        Self { clock, pg, platform, units, away, held, cut, next: 0, topology }
    }

    pub(crate) fn name(&self) -> &str {
        &self.topology.name
    }

    /// Whether orders settle before they are answered.
    pub(crate) fn answers_settled(&self) -> bool {
        self.topology.answer == kernel::topology::Answer::Settled
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().0
    }

    fn database(&self, domain: &'static str) -> Database {
        let databases = self.topology.databases().into_iter();
        databases.into_iter().find(|one| one.domains.contains(&DomainName::of(domain))).unwrap()
    }

    fn reached(&self, domain: &'static str) -> Option<&Unit> {
        let unit = self.database(domain).unit;
        self.units.iter().find(|one| one.name == unit && !self.away.borrow().contains(&unit))
    }

    /// The running shop.
    pub(crate) fn reached_shop(&self) -> Arc<Shop> {
        self.shop().unwrap()
    }

    /// The unit that holds `domain` cannot be reached.
    pub(crate) fn send_away(&self, domain: &'static str) {
        self.away.borrow_mut().insert(self.database(domain).unit);
    }

    /// All units can be reached.
    pub(crate) fn all_back(&self) {
        self.away.borrow_mut().clear();
    }

    /// The unit that holds `domain` dies with everything that waits in it.
    pub(crate) fn kill(&mut self, domain: &'static str) {
        let name = self.database(domain).unit;
        self.units.retain(|unit| unit.name != name);
        self.pg.hang_up();
    }

    /// The database of `domain` is not stepped.
    pub(crate) fn hold(&mut self, domain: &'static str) {
        self.held.insert(self.database(domain).name);
    }

    /// Every database is stepped again.
    pub(crate) fn let_go(&mut self) {
        self.held.clear();
    }

    /// Whether the log of `domain`'s database cannot be heard in other units.
    pub(crate) fn cut_log(&self, domain: &'static str, cut: bool) {
        self.cut[&self.database(domain).name].store(cut, Ordering::Relaxed);
    }

    /// Steps everything once; whether anything moved.
    fn step(&mut self) -> bool {
        let mut moved = self.pg.step() + self.platform.step();
        for unit in &mut self.units {
            moved += unit.shop.as_ref().map_or(0, |shop| shop.quoter().step(100));
            for worker in unit.workers.iter_mut().filter(|worker| !self.held.contains(worker.name())) {
                moved += usize::from(worker.step() == Stepped::Worked);
            }
        }
        moved > 0
    }

    /// Steps everything until nothing moves.
    pub(crate) fn run(&mut self) {
        let steps = (0..MOST_STEPS).take_while(|_| self.step()).count();
        assert!(steps < MOST_STEPS, "{}: it never comes to rest", self.name());
    }

    pub(crate) fn pass(&mut self, ms: i64) {
        self.clock.pass(Duration::from_millis(ms.unsigned_abs()));
    }

    /// Time passes in small steps, and everything runs.
    pub(crate) fn wait(&mut self, ms: i64) {
        for _ in 0..ms / TICK {
            self.pass(TICK);
            self.run();
        }
    }

    /// Begins a request.
    pub(crate) fn begin(&mut self, from: Caller, ask: Ask) -> Pending {
        self.next += 1;
        let request = Request { id: RequestId(self.next), from, ask };
        Pending::start(&request, self, self.now(), PATIENCE)
    }

    /// What it came to by now.
    pub(crate) fn poll(&self, pending: &mut Pending) -> Option<Heard> {
        pending.poll(self, self.now())
    }

    /// What it comes to. Time passes only while nothing else moves.
    pub(crate) fn heard(&mut self, mut pending: Pending) -> Heard {
        for _ in 0..MOST_STEPS {
            if let Some(heard) = self.poll(&mut pending) {
                return heard;
            }
            if !self.step() {
                self.pass(TICK);
            }
        }
        panic!("{}: no answer ever comes", self.name());
    }

    /// Asks, and runs until it is answered.
    pub(crate) fn ask(&mut self, from: Caller, ask: Ask) -> Heard {
        let pending = self.begin(from, ask);
        self.heard(pending)
    }

    /// As [`World::ask`]: what it is told.
    pub(crate) fn told(&mut self, from: Caller, ask: Ask) -> Answer {
        let shown = format!("{ask:?}");
        match self.ask(from, ask) {
            Heard::Answer(answer) => answer,
            other => panic!("{}: {shown} came to {other:?}", self.name()),
        }
    }

    /// As [`World::told`]: the status and code of its refusal.
    pub(crate) fn refused(&mut self, from: Caller, ask: Ask) -> (u16, String) {
        match self.told(from, ask) {
            Answer::Refused(refused) => (refused.status, refused.code),
            other => panic!("{}: it was not refused: {other:?}", self.name()),
        }
    }

    pub(crate) fn show(&mut self, from: Caller, what: Show) -> Answer {
        self.told(from, Ask::Show(what))
    }

    pub(crate) fn key(&mut self) -> Key {
        self.next += 1;
        Key(self.next)
    }

    /// A customer with `points`.
    pub(crate) fn customer(&mut self, points: i64) -> Caller {
        self.next += 1;
        let email = format!("kim{}@example.com", self.next);
        let Answer::User(user) = self.told(Caller::Anyone, Ask::SignUp { email }) else { panic!("no user") };
        if points > 0 {
            let ask = Ask::AdjustPoints { user: user.id, adjust: points, reason: "welcome".to_owned() };
            assert_eq!(self.told(ADMIN, ask), Answer::Balance(points));
        }
        Caller::Customer(user.id)
    }

    pub(crate) fn product(&mut self, price: i64, stock: i64) -> Id {
        self.next += 1;
        let sku = format!("MUG-{}", self.next);
        match self.told(ADMIN, Ask::CreateProduct { sku, price, stock }) {
            Answer::Product(product) => product.id,
            other => panic!("no product: {other:?}"),
        }
    }

    /// An order of `count` pieces, under a new key.
    pub(crate) fn place(&mut self, product: Id, count: i64, payment: Option<Payment>) -> Ask {
        Ask::Place { key: self.key(), lines: vec![(product, count)], payment }
    }

    /// Places an order paid with points, and lets it settle.
    pub(crate) fn buy(&mut self, from: Caller, product: Id, count: i64) -> Order {
        let place = self.place(product, count, Some(POINTS));
        let order = order(self.told(from, place));
        self.run();
        self.order(from, order.id)
    }

    pub(crate) fn order(&mut self, from: Caller, id: Id) -> Order {
        order(self.show(from, Show::Order(id)))
    }

    /// Where an order stands that was just answered: settled, or under way where orders are only accepted.
    pub(crate) fn answered(&self, settled: Status) -> Status {
        if self.answers_settled() { settled } else { Status::Pending }
    }
}

/// Everything is paid with points.
pub(crate) const POINTS: Payment = Payment { coupon: None, points: Points::All, card: None };

/// The id of a customer.
pub(crate) fn id(of: Caller) -> Id {
    match of {
        Caller::Customer(id) => id,
        Caller::Anyone | Caller::Admin => panic!("no customer"),
    }
}

/// The order that was told.
pub(crate) fn order(answer: Answer) -> Order {
    match answer {
        Answer::Order(order) => *order,
        other => panic!("no order: {other:?}"),
    }
}

/// A refusal as tests write it.
pub(crate) fn no(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Another unit's log, read from its database whenever it is asked for.
struct Wire {
    log: String,
    reader: Arc<dyn Reader>,
    cut: Arc<AtomicBool>,
}

impl Feed for Wire {
    fn is_remote(&self) -> bool {
        true
    }

    fn log(&self) -> &str {
        &self.log
    }

    fn state(&self) -> Result<LogState, StoreError> {
        self.reader.log_state()
    }

    fn reach(&self) -> Position {
        self.reader.log_state().unwrap().head
    }

    fn follow(&self, _: Arc<Door>) {}

    fn observe(&self, _: Arc<dyn Observer>) {}

    fn after(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Arc<kernel::Entry>)>, StoreError> {
        if self.cut.load(Ordering::Relaxed) {
            return Err(StoreError::Retry("the line is cut".to_owned()));
        }
        let rows = self.reader.log_after(after, u32::try_from(limit).unwrap())?;
        rows.iter().map(read_row).collect()
    }
}
