//! Several instances of a whole shop over the same databases, stepped in one thread in an order that a seed draws, also in the
//! middle of each other's transactions.

use audit::{Audit, Report, Source};
use jumun_sim::rows::{Call, Database, Disturbance, Fault, Moment, SessionId};
use kernel::ids::{CountingIds, CouponId, Ids, ProductId, UserId};
use kernel::plan::CardToken;
use kernel::topology::Topology;
use kernel::{Command, Currency, DomainName, Money, Record, Refused, Row, Trace};
use order::KeyHash;
use order::quote::{Payment, Points};
use parking_lot::Mutex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use runtime::ports::clock::Clock;
use runtime::ports::outside::Outside;
use runtime::ports::store::{Epoch, Position, Query, StoreError, StoredLogRow};
use runtime::system::Opened;
use runtime::worker::Stepped;
use runtime::{CommandError, Registry, SystemParts, Worker, WorkerConfig};
use scripted::clock::{BEGIN, VirtualClock};
use scripted::pg::Pg;
use scripted::platform::Platform;
use shop::quoter::{Answer, Ask};
use shop::{Domains, Policies, Shop};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use uuid::Uuid;

/// Where an answer will be.
pub(crate) type Slot<T> = Arc<Mutex<Option<T>>>;

pub(crate) const ADMIN: UserId = UserId(Uuid::from_u128(7));

/// More steps than any run needs: beyond this, something goes round for ever.
const MOST_STEPS: usize = 100_000;

/// Everything that moves.
struct Stage {
    /// Each with the number of its instance. One that is at work is not here.
    workers: Mutex<Vec<(usize, Option<Worker>)>>,
    shops: Mutex<BTreeMap<usize, Arc<Shop>>>,
    /// Instances that are stopped for a while.
    paused: Mutex<BTreeSet<usize>>,
    pg: Arc<Pg>,
    platform: Arc<Platform>,
    random: Mutex<ChaCha8Rng>,
    /// Whether transactions overlap.
    overlapping: AtomicBool,
    /// One call of so many goes wrong; 0: none.
    faulty: AtomicU64,
    faults: AtomicU64,
    /// What goes wrong next, in this order.
    script: Mutex<VecDeque<(Call, Fault)>>,
    /// Steps that were made in the middle of another's transaction.
    overlaps: AtomicU64,
}

impl Stage {
    fn draw(&self, below: usize) -> usize {
        self.random.lock().random_range(0..below.max(1))
    }

    /// Steps a worker that is free; `None`: it is not, or there is none.
    fn step_worker(&self, at: usize) -> Option<bool> {
        let mut worker = {
            let mut workers = self.workers.lock();
            let (of, place) = workers.get_mut(at)?;
            if self.paused.lock().contains(of) {
                return None;
            }
            place.take()?
        };
        let moved = worker.step() == Stepped::Worked;
        if let Some((_, place)) = self.workers.lock().get_mut(at) {
            *place = Some(worker);
        }
        Some(moved)
    }

    fn step_others(&self) -> usize {
        let shops: Vec<Arc<Shop>> = self.shops.lock().values().cloned().collect();
        let quoted: usize = shops.iter().map(|shop| shop.quoter().step(100)).sum();
        quoted + self.pg.step() + self.platform.step()
    }

    /// One of those who are free does something.
    fn somebody_works(&self) {
        let workers = self.workers.lock().len();
        match self.draw(workers + 1) {
            at if at < workers => drop(self.step_worker(at)),
            _ => drop(self.step_others()),
        }
    }
}

/// What looks in on every session: lets others work in between, and calls fail.
struct Around(Weak<Stage>);

impl Disturbance for Around {
    fn fault(&self, call: &Call) -> Option<Fault> {
        let stage = self.0.upgrade()?;
        let mut script = stage.script.lock();
        if script.front().is_some_and(|(next, _)| next == call) {
            return script.pop_front().map(|(_, fault)| fault);
        }
        drop(script);
        let one_of = usize::try_from(stage.faulty.load(Ordering::Relaxed)).ok().filter(|one| *one > 0)?;
        if matches!(call, Call::Read(_) | Call::ReadLog) || stage.draw(one_of) > 0 {
            return None;
        }
        stage.faults.fetch_add(1, Ordering::Relaxed);
        Some(match stage.draw(3) {
            0 => Fault::Fails(StoreError::Retry("deadlock".into())),
            1 => Fault::LosesSession,
            _ => Fault::LosesAnswer,
        })
    }

    fn between(&self, _: SessionId, _: &Moment) {
        let Some(stage) = self.0.upgrade() else { return };
        if stage.overlapping.load(Ordering::Relaxed) && stage.draw(3) == 0 {
            stage.overlaps.fetch_add(1, Ordering::Relaxed);
            stage.somebody_works();
        }
    }
}

/// The world.
pub(crate) struct World {
    stage: Arc<Stage>,
    pub(crate) databases: BTreeMap<String, Database>,
    pub(crate) clock: Arc<VirtualClock>,
    topology: Topology,
    registry: Registry,
    domains: Domains,
    /// Sources of ids so far: each has a millisecond of its own.
    ids: Arc<AtomicU64>,
    instances: usize,
    next: u64,
}

pub(crate) fn won(amount: i64) -> Money {
    Money::new(amount).unwrap()
}

impl World {
    pub(crate) fn new(topology: &str, instances: usize, seed: u64) -> Self {
        let domains = Domains::new(Policies::new(Currency::KRW, "simulator"));
        let (topology, registry) = domains.place(topology).unwrap();
        let clock = Arc::new(VirtualClock::default());
        let stage = Arc::new(Stage {
            workers: Mutex::default(),
            shops: Mutex::default(),
            paused: Mutex::default(),
            pg: Arc::new(Pg::new(Arc::clone(&clock))),
            platform: Arc::default(),
            random: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
            overlapping: AtomicBool::default(),
            faulty: AtomicU64::default(),
            faults: AtomicU64::default(),
            script: Mutex::default(),
            overlaps: AtomicU64::default(),
        });
        let database = |database: kernel::topology::Database| {
            let tables = registry.tables(&database);
            (database.name, Database::new(&tables, Epoch(Uuid::from_u128(1))).unwrap())
        };
        let databases = topology.databases().into_iter().map(database).collect();
        let (ids, next) = (Arc::default(), 0);
        let mut world =
            Self { stage, databases, clock, topology, registry, domains, ids, instances: 0, next };
        for _ in 0..instances {
            world.start();
        }
        world
    }

    pub(crate) fn name(&self) -> &str {
        &self.topology.name
    }

    /// Starts one more instance; its number.
    pub(crate) fn start(&mut self) -> usize {
        let around: Arc<dyn Disturbance> = Arc::new(Around(Arc::downgrade(&self.stage)));
        let open = |database: kernel::topology::Database| {
            let shared = &self.databases[&database.name];
            let store = Box::new(shared.disturbed_session(Arc::clone(&around)));
            Opened { database, store, reader: shared.reader() }
        };
        let ids_from = Arc::clone(&self.ids);
        let began = u64::try_from(BEGIN).unwrap();
        let ids = move || {
            let at_ms = began + ids_from.fetch_add(1, Ordering::Relaxed);
            Box::new(CountingIds::new(at_ms)) as Box<dyn Ids + Send>
        };
        let parts = SystemParts {
            registry: self.registry.clone(),
            topology: self.topology.clone(),
            opened: self.topology.databases().into_iter().map(open).collect(),
            elsewhere: Vec::new(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            ids: Box::new(ids),
            outside: BTreeMap::from([
                (payment::PAYMENT, Arc::clone(&self.stage.pg) as Arc<dyn Outside>),
                (data_platform::NAME, Arc::clone(&self.stage.platform) as Arc<dyn Outside>),
            ]),
            guards: BTreeMap::new(),
            // What an instance that is killed leaves is found within seconds.
            config: WorkerConfig { look_every: Duration::from_secs(5), ..WorkerConfig::default() },
            door_capacity: 20_000,
        };
        let (system, workers) = parts.assemble().unwrap();
        let shop = Shop::new(system, self.registry.clone(), &self.domains).unwrap();
        let number = self.instances;
        self.instances += 1;
        self.stage.shops.lock().insert(number, shop);
        self.stage.workers.lock().extend(workers.into_iter().map(|worker| (number, Some(worker))));
        number
    }

    /// The instance's process is killed: what was in memory is gone, and its transactions are rolled back.
    pub(crate) fn kill(&self, instance: usize) {
        self.stage.shops.lock().remove(&instance);
        self.stage.workers.lock().retain(|(of, _)| *of != instance);
    }

    /// The instance's loops are stopped where they stand, between two batches.
    pub(crate) fn pause(&self, instance: usize) {
        self.stage.paused.lock().insert(instance);
    }

    /// And go on.
    pub(crate) fn wake(&self, instance: usize) {
        self.stage.paused.lock().remove(&instance);
    }

    /// From now on transactions overlap, and one store call of `faulty` goes wrong (0: none).
    pub(crate) fn unrest(&self, faulty: u64) {
        self.stage.overlapping.store(true, Ordering::Relaxed);
        self.stage.faulty.store(faulty, Ordering::Relaxed);
    }

    /// These calls go wrong, each the next time after the one before it.
    pub(crate) fn fails(&self, script: impl IntoIterator<Item = (Call, Fault)>) {
        self.stage.script.lock().extend(script);
    }

    pub(crate) fn calm(&self) {
        self.stage.overlapping.store(false, Ordering::Relaxed);
        self.stage.faulty.store(0, Ordering::Relaxed);
        self.stage.script.lock().clear();
    }

    /// Steps in the middle of others' transactions, and calls that went wrong.
    pub(crate) fn happened(&self) -> (u64, u64) {
        (self.stage.overlaps.load(Ordering::Relaxed), self.stage.faults.load(Ordering::Relaxed))
    }

    /// So many steps of whoever is drawn.
    pub(crate) fn bustle(&self, steps: usize) {
        (0..steps).for_each(|_| self.stage.somebody_works());
    }

    /// What waits at the first instance is quoted, and the database of `domain` takes one step.
    pub(crate) fn step(&self, domain: &'static str) {
        self.stage.step_others();
        self.stage.step_worker(self.worker(domain));
    }

    /// The loop of the first instance's database of `domain` is ended, as for a restart.
    pub(crate) fn end(&self, domain: &'static str) {
        let at = self.worker(domain);
        let worker = self.stage.workers.lock().remove(at).1.unwrap();
        let shop = self.shop(0);
        shop.system().home(&DomainName::of(domain)).unwrap().door.close();
        worker.run();
    }

    /// Where the first instance's worker of the database of `domain` is.
    fn worker(&self, domain: &'static str) -> usize {
        let name = self.database(domain);
        let workers = self.stage.workers.lock();
        let is_it = |worker: &Option<Worker>| worker.as_ref().is_some_and(|worker| worker.name() == name);
        workers.iter().position(|(of, worker)| *of == 0 && is_it(worker)).unwrap()
    }

    /// Steps everything until nothing moves.
    pub(crate) fn run(&self) {
        for _ in 0..MOST_STEPS {
            let workers = self.stage.workers.lock().len();
            let stepped: Vec<bool> = (0..workers).filter_map(|at| self.stage.step_worker(at)).collect();
            if self.stage.step_others() == 0 && !stepped.contains(&true) {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// Time passes second by second, and everything runs.
    pub(crate) fn wait(&self, seconds: u64) {
        self.run();
        for _ in 0..seconds {
            self.clock.pass(Duration::from_secs(1));
            self.run();
        }
    }

    pub(crate) fn draw(&self, below: usize) -> usize {
        self.stage.draw(below)
    }

    pub(crate) fn pg(&self) -> &Pg {
        &self.stage.pg
    }

    fn shop(&self, instance: usize) -> Arc<Shop> {
        Arc::clone(&self.stage.shops.lock()[&instance])
    }

    /// Each of these instances looks for what can be pruned, and tells its loops. Logs are kept.
    pub(crate) fn housekeep(&self, instances: &[usize]) {
        const YEAR: Duration = Duration::from_secs(365 * 86_400);
        for instance in instances {
            self.shop(*instance).system().housekeep(&self.registry, YEAR).unwrap();
        }
    }

    /// Queues a command at an instance.
    pub(crate) fn send<C: Command>(
        &self,
        instance: usize,
        command: C,
    ) -> Slot<Result<C::Reply, CommandError>> {
        let slot = Slot::default();
        let answer = Arc::clone(&slot);
        self.shop(instance)
            .system()
            .send(command, Trace::default(), move |reply| *answer.lock() = Some(reply));
        slot
    }

    /// Sends a command to the first instance and runs until it is answered.
    fn ask<T: Send + 'static, C: Command<Reply = Result<T, Refused>>>(&self, command: C) -> T {
        let slot = self.send(0, command);
        self.run();
        slot.lock().take().unwrap().unwrap().unwrap()
    }

    /// Queues an order of `count` of `product` at an instance, under an idempotency key.
    pub(crate) fn order(
        &self,
        instance: usize,
        key: u64,
        user: UserId,
        (product, count): (ProductId, i64),
        card: &str,
    ) -> Slot<Answer> {
        // Whoever has points pays with them first.
        let payment =
            Payment { user_coupon_id: None, points: Points::All, card: Some(CardToken(card.into())) };
        let ask = Ask::Place {
            user,
            lines: vec![(product, count)],
            payment: Some(payment),
            extras: BTreeMap::new(),
        };
        let hash = |number: u64| -> Arc<[u8]> { Arc::from(number.to_be_bytes()) };
        let (slot, key) = (Slot::default(), KeyHash { key: hash(key), body: hash(0) });
        let answer: Slot<Answer> = Arc::clone(&slot);
        self.shop(instance)
            .quoter()
            .ask(ask, key, Trace::default(), move |reply| *answer.lock() = Some(reply));
        slot
    }

    /// Queues a top-up at an instance, under an idempotency key.
    pub(crate) fn top_up(&self, instance: usize, key: u8, user: UserId, card: &str) {
        let (card_token, currency) = (CardToken(card.into()), Currency::KRW);
        let (key_hash, body_hash) = ([key; 32], [0; 32]);
        let top_up = payment::TopUp { user, amount: won(700), currency, card_token, key_hash, body_hash };
        drop(self.send(instance, top_up));
    }

    /// Queues a new price at an instance.
    pub(crate) fn reprice(&self, instance: usize, id: ProductId, price: i64) {
        drop(self.send(
            instance,
            product::PatchProduct {
                id,
                name: None,
                price: Some(won(price)),
                status: None,
                expected_version: None,
                by: ADMIN,
                reason: None,
            },
        ));
    }

    pub(crate) fn product(&mut self, price: i64, stock: i64) -> ProductId {
        self.next += 1;
        let sku = smol_str::format_smolstr!("MUG-{}", self.next);
        let product = product::CreateProduct { sku, name: "Mug".into(), price: won(price), stock, by: ADMIN };
        self.ask(product).id
    }

    pub(crate) fn customer(&mut self, points: i64) -> UserId {
        self.next += 1;
        let password_hash = user::PasswordHash::new("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA");
        let email = smol_str::format_smolstr!("kim{}@example.com", self.next);
        let user = self.ask(user::SignUp { email, name: "Kim".into(), password_hash }).id;
        if points > 0 {
            self.ask(point::AdjustPoints { user, adjust: won(points), reason: "welcome".into(), by: ADMIN });
        }
        user
    }

    pub(crate) fn campaign(&self, quantity: i64) -> CouponId {
        let now = self.clock.now();
        let campaign = coupon::CreateCoupon {
            name: "Welcome".into(),
            discount: coupon::Discount::Fixed { amount: won(500) },
            quantity,
            min_order_amount: None,
            valid_from: now,
            valid_until: now.after(Duration::from_secs(3_600)),
            by: ADMIN,
        };
        self.ask(campaign).id
    }

    /// Every row and every word of every database, in order.
    pub(crate) fn everything(&self) -> Vec<(Vec<Row>, Vec<StoredLogRow>)> {
        let of = |database: kernel::topology::Database| {
            let reader = self.databases[&database.name].reader();
            let tables = self.registry.tables(&database).into_iter();
            let rows = tables.flat_map(|table| reader.query(&Query::of(table, u32::MAX)).unwrap()).collect();
            (rows, reader.log_after(Position(0), u32::MAX).unwrap())
        };
        self.topology.databases().into_iter().map(of).collect()
    }

    /// Every record of a table that all databases have.
    pub(crate) fn everywhere<R: Record>(&self) -> Vec<R> {
        let readers = self.databases.values().map(Database::reader);
        let rows = readers.flat_map(|reader| reader.query(&Query::of(R::TABLE, u32::MAX)).unwrap());
        rows.map(|row| R::from_row(&row).unwrap()).collect()
    }

    /// Every record of the database of `domain`.
    pub(crate) fn all<R: Record>(&self, domain: &'static str) -> Vec<R> {
        let rows =
            self.databases[&self.database(domain)].reader().query(&Query::of(R::TABLE, u32::MAX)).unwrap();
        rows.iter().map(|row| R::from_row(row).unwrap()).collect()
    }

    /// The name of the database that holds `domain`.
    fn database(&self, domain: &'static str) -> String {
        let home = DomainName::of(domain);
        let databases = self.topology.databases();
        databases.into_iter().find(|database| database.domains.contains(&home)).unwrap().name
    }

    /// The books of all databases and of the gateway, compared.
    pub(crate) fn audit(&self) -> Report {
        let source = |database: kernel::topology::Database| {
            let reader = self.databases[&database.name].reader();
            Source { database, reader }
        };
        let audit = Audit {
            topology: &self.topology,
            registry: &self.registry,
            sources: self.topology.databases().into_iter().map(source).collect(),
            now: self.clock.now(),
            settling: Duration::from_secs(10),
            page: 1_000,
        };
        let mut book = self.stage.pg.book().into_iter().map(Ok);
        audit.run(Some(&mut book)).unwrap()
    }
}
