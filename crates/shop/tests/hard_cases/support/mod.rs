//! A world that tests step by hand: every worker, the gateway and the clock stand still until they are told to move.

mod books;
mod clock;
mod disk;
mod pg;

pub(crate) use books::check_books;
pub(crate) use disk::{Disk, Faults, Upset};
pub(crate) use pg::{OnCancel, OnCharge, Pg, Platform};

use clock::TestClock;
use jumun_shop::quoter::{Answer, Ask};
use jumun_shop::{Domains, Policies, Shop};
use kernel::ids::{CountingIds, CouponId, Ids, LetterId, OrderId, ProductId, UserCouponId, UserId};
use kernel::judge::letters::{DeadLetter, LetterStatus};
use kernel::plan::CardToken;
use kernel::state::Write;
use kernel::topology::{Database, Topology};
use kernel::{Command, Currency, DomainName, Key, Money, Record, Timestamp, Trace};
use order::quote::{Payment, Points};
use order::{Born, KeyHash, Order};
use runtime::message::LetterOrder;
use runtime::ports::clock::Clock;
use runtime::ports::outside::Outside;
use runtime::ports::store::{Cursor, Epoch, Query, StoreError};
use runtime::system::{Opened, System};
use runtime::worker::Stepped;
use runtime::{CommandError, Registry, SystemParts, Worker, WorkerConfig};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use uuid::Uuid;

pub(crate) const MONOLITH: &str = include_str!("../../../../../topologies/monolith.toml");
pub(crate) const SEVEN: &str = include_str!("../../../../../topologies/seven-services.toml");
/// The two ends: everything in one transaction, and a database per domain.
pub(crate) const TOPOLOGIES: [&str; 2] = [MONOLITH, SEVEN];

/// Where an answer will be.
pub(crate) type Slot<T> = Arc<Mutex<Option<T>>>;

/// The administrator of every test.
pub(crate) const ADMIN: UserId = UserId(Uuid::from_u128(7));

/// More steps than any test needs: beyond this, something goes round for ever.
const MOST_STEPS: usize = 20_000;

/// How a world differs from the usual one.
pub(crate) struct Setting {
    pub(crate) policies: Policies,
    pub(crate) config: WorkerConfig,
}

impl Default for Setting {
    fn default() -> Self {
        Self { policies: Policies::new(Currency::KRW, "simulator"), config: WorkerConfig::default() }
    }
}

/// An order as a customer asks for it.
#[derive(Clone)]
pub(crate) struct Buy {
    pub(crate) user: UserId,
    pub(crate) lines: Vec<(ProductId, i64)>,
    pub(crate) coupon: Option<UserCouponId>,
    pub(crate) points: Points,
    pub(crate) card: bool,
    pub(crate) pay: bool,
}

impl Buy {
    /// `count` of `product`, paid with points.
    pub(crate) fn with_points(user: UserId, product: ProductId, count: i64) -> Self {
        Self {
            user,
            lines: vec![(product, count)],
            coupon: None,
            points: Points::All,
            card: false,
            pay: true,
        }
    }

    /// `count` of `product`, paid by card.
    pub(crate) fn by_card(user: UserId, product: ProductId, count: i64) -> Self {
        let points = Points::Amount(Money::ZERO);
        Self { card: true, points, ..Self::with_points(user, product, count) }
    }

    pub(crate) fn coupon(self, coupon: UserCouponId) -> Self {
        Self { coupon: Some(coupon), ..self }
    }

    pub(crate) fn points(self, points: i64) -> Self {
        Self { points: Points::Amount(won(points)), ..self }
    }

    fn ask(&self) -> Ask {
        let card = self.card.then(|| CardToken("tok".into()));
        let payment = Payment { user_coupon_id: self.coupon, points: self.points, card };
        let payment = self.pay.then_some(payment);
        Ask::Place { user: self.user, lines: self.lines.clone(), payment, extras: BTreeMap::new() }
    }
}

/// The world.
pub(crate) struct World {
    pub(crate) name: String,
    pub(crate) shop: Arc<Shop>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) pg: Arc<Pg>,
    pub(crate) platform: Arc<Platform>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) disks: BTreeMap<String, Disk>,
    topology: Topology,
    registry: Registry,
    domains: Domains,
    config: WorkerConfig,
    workers: Vec<Worker>,
    held: BTreeSet<String>,
    ids_from: Arc<AtomicU64>,
    next: u64,
    /// An upset commit is the last thing that the process does.
    pub(crate) upsets_kill: bool,
}

pub(crate) fn won(amount: i64) -> Money {
    Money::new(amount).unwrap()
}

impl World {
    pub(crate) fn new(topology: &str) -> Self {
        Self::set(topology, Setting::default())
    }

    /// Both topologies.
    pub(crate) fn both() -> impl Iterator<Item = Self> {
        TOPOLOGIES.into_iter().map(Self::new)
    }

    pub(crate) fn set(topology: &str, setting: Setting) -> Self {
        let domains = Domains::new(setting.policies);
        let (topology, registry) = domains.place(topology).unwrap();
        let faults = Arc::new(Faults::default());
        let disks = topology.databases().into_iter().map(|database| {
            let disk = Disk::new(&registry.tables(&database), Epoch(Uuid::from_u128(1)), Arc::clone(&faults));
            (database.name, disk)
        });
        let disks: BTreeMap<String, Disk> = disks.collect();
        let clock = Arc::new(TestClock::default());
        let pg = Arc::new(Pg::new(Arc::clone(&clock)));
        let platform = Arc::default();
        let ids_from = Arc::default();
        let config = setting.config;
        let parts = Assembly {
            topology: &topology,
            registry: &registry,
            domains: &domains,
            config,
            disks: &disks,
            clock: &clock,
            pg: &pg,
            platform: &platform,
            ids_from: &ids_from,
        };
        let (shop, workers) = parts.assemble().unwrap();
        let (name, held) = (topology.name.clone(), BTreeSet::new());
        Self {
            name,
            shop,
            clock,
            pg,
            platform,
            faults,
            disks,
            topology,
            registry,
            domains,
            config,
            workers,
            held,
            ids_from,
            next: 0,
            upsets_kill: false,
        }
    }

    /// What another world of this topology is made from.
    pub(crate) fn topology_file(&self) -> &'static str {
        if self.is_split() { SEVEN } else { MONOLITH }
    }

    /// Whether every domain has a database of its own.
    pub(crate) fn is_split(&self) -> bool {
        self.disks.len() > 1
    }

    /// The process is killed and started again over the same databases; what was in memory is gone.
    pub(crate) fn crash(&mut self) {
        self.restart().unwrap();
    }

    /// As [`World::crash`], but the start may be refused; then the old workers are gone and nothing runs.
    pub(crate) fn restart(&mut self) -> Result<(), StoreError> {
        self.workers.clear();
        self.pg.hang_up();
        self.disks.values().for_each(Disk::abandon);
        let parts = Assembly {
            topology: &self.topology,
            registry: &self.registry,
            domains: &self.domains,
            config: self.config,
            disks: &self.disks,
            clock: &self.clock,
            pg: &self.pg,
            platform: &self.platform,
            ids_from: &self.ids_from,
        };
        (self.shop, self.workers) = parts.assemble()?;
        Ok(())
    }

    /// Steps everything that is not held until nothing moves.
    pub(crate) fn run(&mut self) {
        for _ in 0..MOST_STEPS {
            let mut moved = self.shop.quoter().step(1_000) + self.pg.step();
            for worker in self.workers.iter_mut().filter(|worker| !self.held.contains(worker.name())) {
                moved += usize::from(worker.step() == Stepped::Worked);
                if self.upsets_kill && self.faults.happened() {
                    moved += 1;
                    self.crash();
                    break;
                }
            }
            if moved == 0 {
                return;
            }
        }
        panic!("{}: it never comes to rest", self.name);
    }

    /// One step of the database that holds `domain`.
    pub(crate) fn step(&mut self, domain: &'static str) -> Stepped {
        let name = self.database(domain).name;
        self.workers.iter_mut().find(|worker| worker.name() == name).unwrap().step()
    }

    /// Time passes second by second, and everything runs.
    pub(crate) fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.pass(Duration::from_secs(1));
            self.run();
        }
    }

    /// The database of `domain` is not stepped.
    pub(crate) fn hold(&mut self, domain: &'static str) {
        let name = self.database(domain).name;
        self.held.insert(name);
    }

    /// Every database is stepped again.
    pub(crate) fn let_go(&mut self) {
        self.held.clear();
    }

    pub(crate) fn database(&self, domain: &'static str) -> Database {
        self.system().home(&DomainName::of(domain)).unwrap().database.clone()
    }

    pub(crate) fn disk(&self, domain: &'static str) -> &Disk {
        &self.disks[&self.database(domain).name]
    }

    /// Another database in the place of `domain`'s.
    pub(crate) fn replace_disk(&mut self, domain: &'static str, disk: Disk) {
        self.disks.insert(self.database(domain).name, disk);
    }

    /// A copy of `domain`'s database as it stands.
    pub(crate) fn backup(&self, domain: &'static str) -> Disk {
        self.disk(domain).copy(&self.registry.tables(&self.database(domain)))
    }

    pub(crate) fn system(&self) -> &Arc<System> {
        self.shop.system()
    }

    /// Every cursor goes back to the beginning: all that was ever said is delivered again.
    pub(crate) fn rewind(&mut self) {
        for disk in self.disks.values() {
            let rows = disk.reader().query(&Query::of(Cursor::TABLE, u32::MAX)).unwrap();
            let keys = rows.iter().map(|row| Key::of_row(Cursor::TABLE, row));
            let writes: Vec<Write> = keys.map(|key| Write { table: Cursor::TABLE, key, row: None }).collect();
            disk.write(&writes, &[]);
        }
        self.crash();
    }

    /// Sends a command and runs until it is answered.
    pub(crate) fn ask<C: Command>(&mut self, command: C) -> C::Reply {
        let slot = self.send(command);
        self.run();
        taken(&slot).unwrap().unwrap()
    }

    /// Queues a command.
    pub(crate) fn send<C: Command>(&mut self, command: C) -> Slot<Result<C::Reply, CommandError>> {
        let slot = Slot::default();
        let answer = Arc::clone(&slot);
        self.system().send(command, Trace::default(), move |reply| *answer.lock().unwrap() = Some(reply));
        slot
    }

    /// Queues an order under an idempotency key; `body` stands for what else the request says.
    pub(crate) fn order_under(&self, key: u64, body: u64, buy: &Buy) -> Slot<Answer> {
        let slot = Slot::default();
        let answer = Arc::clone(&slot);
        let hash = KeyHash { key: hash(key), body: hash(body) };
        let quoter = self.shop.quoter();
        quoter.ask(buy.ask(), hash, Trace::default(), move |reply| *answer.lock().unwrap() = Some(reply));
        slot
    }

    /// Queues a birth past the quoter, as another instance would.
    pub(crate) fn birth_under(
        &mut self,
        key: u64,
        body: u64,
        user: UserId,
    ) -> Slot<Result<Result<Born, kernel::Refused>, CommandError>> {
        let nothing = order::quote::Priced { lines: Vec::new(), total: Money::ZERO };
        let plan = order::quote::draft(user, nothing, Currency::KRW, BTreeMap::new());
        let key = KeyHash { key: hash(key), body: hash(body) };
        self.send(order::PlaceOrder { quote: order::Quote::Draft(Box::new(plan)), key })
    }

    /// Queues an order under a new key.
    pub(crate) fn order(&mut self, buy: &Buy) -> Slot<Answer> {
        self.next += 1;
        self.order_under(self.next, 0, buy)
    }

    /// Places an order and runs until everything rests.
    pub(crate) fn buy(&mut self, buy: &Buy) -> OrderId {
        let slot = self.order(buy);
        self.run();
        born(&slot).order
    }

    /// Pays an order that was made without, with points.
    pub(crate) fn pay(&mut self, order: OrderId, user: UserId) -> Result<Born, kernel::Refused> {
        self.next += 1;
        let payment = Payment { user_coupon_id: None, points: Points::All, card: None };
        let slot: Slot<Answer> = Slot::default();
        let answer = Arc::clone(&slot);
        let key = KeyHash { key: hash(self.next), body: hash(0) };
        let ask = Ask::Pay { user, order, payment };
        let quoter = self.shop.quoter();
        quoter.ask(ask, key, Trace::default(), move |reply| *answer.lock().unwrap() = Some(reply));
        self.run();
        taken(&slot).unwrap().unwrap()
    }

    /// Cancels an order for its customer.
    pub(crate) fn cancel(&mut self, order: OrderId) -> Result<(), kernel::Refused> {
        let customer = Some(self.get::<Order>("order", (order,)).user_id);
        self.ask(order::CancelOrder { order, customer })
    }

    pub(crate) fn customer(&mut self, points: i64) -> UserId {
        self.customers(1, points)[0]
    }

    pub(crate) fn customers(&mut self, count: usize, points: i64) -> Vec<UserId> {
        let mut slots = Vec::new();
        for _ in 0..count {
            self.next += 1;
            let password_hash = user::PasswordHash::new("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA");
            let email = smol_str::format_smolstr!("kim{}@example.com", self.next);
            slots.push(self.send(user::SignUp { email, name: "Kim".into(), password_hash }));
        }
        self.run();
        let users: Vec<UserId> = slots.iter().map(|slot| taken(slot).unwrap().unwrap().unwrap().id).collect();
        if points > 0 {
            for user in &users {
                let (adjust, reason) = (won(points), "welcome".to_owned());
                drop(self.send(point::AdjustPoints { user: *user, adjust, reason, by: ADMIN }));
            }
            self.run();
        }
        users
    }

    pub(crate) fn product(&mut self, price: i64, stock: i64) -> ProductId {
        self.next += 1;
        let sku = smol_str::format_smolstr!("MUG-{}", self.next);
        self.ask(product::CreateProduct { sku, name: "Mug".into(), price: won(price), stock, by: ADMIN })
            .unwrap()
            .id
    }

    /// A campaign that takes `off` off, for `seconds` from now.
    pub(crate) fn campaign(&mut self, off: i64, quantity: i64, seconds: u64) -> CouponId {
        let now = self.clock.now();
        let campaign = coupon::CreateCoupon {
            name: "Welcome".into(),
            discount: coupon::Discount::Fixed { amount: won(off) },
            quantity,
            min_order_amount: None,
            valid_from: now,
            valid_until: now.after(Duration::from_secs(seconds)),
            by: ADMIN,
        };
        self.ask(campaign).unwrap().id
    }

    /// A coupon of a new campaign for `user`.
    pub(crate) fn coupon(&mut self, user: UserId, off: i64, seconds: u64) -> UserCouponId {
        let coupon = self.campaign(off, 1, seconds);
        self.ask(coupon::IssueCoupon { coupon, user }).unwrap().id
    }

    /// The record under `key` in the database of `domain`.
    pub(crate) fn get<R: Record>(&self, domain: &'static str, key: impl Into<Key>) -> R {
        self.shop.get(domain, key).unwrap().unwrap()
    }

    /// Changes the record under `key` in the database of `domain`, past everyone.
    pub(crate) fn tamper<R: Record>(
        &self,
        domain: &'static str,
        key: impl Into<Key>,
        change: impl FnOnce(&mut R),
    ) {
        let key = key.into();
        let mut record: R = self.get(domain, key.clone());
        change(&mut record);
        let write = Write { table: R::TABLE, key, row: Some(record.to_row()) };
        self.disk(domain).write(&[write], &[]);
    }

    pub(crate) fn status(&self, order: OrderId) -> (kernel::judge::SagaStatus, Option<kernel::Reason>) {
        let order: Order = self.get("order", (order,));
        (order.status, order.reason)
    }

    /// Every record of the database of `domain`.
    pub(crate) fn all<R: Record>(&self, domain: &'static str) -> Vec<R> {
        self.shop.list(domain, &Query::of(R::TABLE, u32::MAX)).unwrap()
    }

    /// Every record of a table that all databases have.
    pub(crate) fn everywhere<R: Record>(&self) -> Vec<R> {
        let rows =
            self.disks.values().flat_map(|disk| disk.reader().query(&Query::of(R::TABLE, u32::MAX)).unwrap());
        rows.map(|row| R::from_row(&row).unwrap()).collect()
    }

    pub(crate) fn open_letters(&self) -> Vec<DeadLetter> {
        let letters = self.everywhere::<DeadLetter>().into_iter();
        letters.filter(|letter| letter.status == LetterStatus::Open).collect()
    }

    /// An operator handles a letter, and everything runs.
    pub(crate) fn handle(&mut self, letter: LetterId, order: LetterOrder) -> Option<DeadLetter> {
        let mut found = None;
        let names: Vec<String> = self.disks.keys().cloned().collect();
        for name in names {
            let handle =
                self.system().databases().iter().find(|handle| handle.database.name == name).unwrap();
            let slot: Slot<Result<Option<DeadLetter>, CommandError>> = Slot::default();
            let answer = Arc::clone(&slot);
            handle
                .door
                .letter(letter, order.clone(), ADMIN, move |reply| *answer.lock().unwrap() = Some(reply));
            self.run();
            // A database that is held does not answer.
            found = found.or(taken(&slot).and_then(Result::unwrap));
        }
        found
    }

    pub(crate) fn redrive(&mut self, letter: LetterId) {
        self.handle(letter, LetterOrder::Redrive).unwrap();
    }

    pub(crate) fn resolve(&mut self, letter: LetterId) {
        self.handle(letter, LetterOrder::Resolve("by hand".into())).unwrap();
    }

    /// How often an alert of this kind was raised since the last start.
    pub(crate) fn alerts(&self, kind: &str) -> u64 {
        self.system().signals().alert_counts().get(kind).copied().unwrap_or(0)
    }

    /// Calls of all stores so far.
    pub(crate) fn store_calls(&self) -> u64 {
        self.disks.values().map(Disk::calls).sum()
    }

    /// Words said about an order, with how often each was.
    pub(crate) fn said(&self, order: OrderId) -> BTreeMap<SmolStr, usize> {
        let mut words = BTreeMap::new();
        for disk in self.disks.values() {
            for stored in disk.reader().log_of(order.0).unwrap() {
                let entry: kernel::Entry = serde_json::from_str(&stored.row.body).unwrap();
                for event in entry.events {
                    *words.entry(event.said.name()).or_default() += 1;
                }
            }
        }
        words
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// What is put together at every start.
struct Assembly<'a> {
    topology: &'a Topology,
    registry: &'a Registry,
    domains: &'a Domains,
    config: WorkerConfig,
    disks: &'a BTreeMap<String, Disk>,
    clock: &'a Arc<TestClock>,
    pg: &'a Arc<Pg>,
    platform: &'a Arc<Platform>,
    ids_from: &'a Arc<AtomicU64>,
}

impl Assembly<'_> {
    fn assemble(self) -> Result<(Arc<Shop>, Vec<Worker>), StoreError> {
        let opened = self.topology.databases().into_iter().map(|database| {
            let disk = self.disks[&database.name].clone();
            let reader = disk.reader();
            Opened { database, store: Box::new(disk), reader }
        });
        let ids_from = Arc::clone(self.ids_from);
        // Each source of its own millisecond: no id is ever given twice, however often the world restarts.
        let ids = move || {
            let at_ms = 1_700_000_000_000 + ids_from.fetch_add(1, Ordering::Relaxed);
            Box::new(CountingIds::new(at_ms)) as Box<dyn Ids + Send>
        };
        let outside: BTreeMap<DomainName, Arc<dyn Outside>> = BTreeMap::from([
            (payment::PAYMENT, Arc::clone(self.pg) as Arc<dyn Outside>),
            (data_platform::NAME, Arc::clone(self.platform) as Arc<dyn Outside>),
        ]);
        let parts = SystemParts {
            registry: self.registry.clone(),
            topology: self.topology.clone(),
            opened: opened.collect(),
            clock: Arc::clone(self.clock) as Arc<dyn Clock>,
            ids: Box::new(ids),
            outside,
            config: self.config,
            door_capacity: 20_000,
        };
        let (system, workers) = parts.assemble()?;
        let shop = Shop::new(system, self.registry.clone(), self.domains).unwrap();
        Ok((shop, workers))
    }
}

/// What is in the slot.
pub(crate) fn taken<T>(slot: &Slot<T>) -> Option<T> {
    slot.lock().unwrap().take()
}

/// The order that was made.
pub(crate) fn born(slot: &Slot<Answer>) -> Born {
    taken(slot).unwrap().unwrap().unwrap()
}

/// 32 bytes that stand for a hash of `number`.
fn hash(number: u64) -> Arc<[u8]> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Arc::from(bytes)
}
