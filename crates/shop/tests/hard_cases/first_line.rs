//! One order through quote, birth, every step, judge, logs and views, in both topologies at the two ends, in memory and on one
//! thread: the workers are stepped by hand until nothing moves.

use jumun_shop::quoter::Ask;
use jumun_shop::{Domains, Policies, Shop, ShopError};
use kernel::ids::{CountingIds, Ids, ProductId, UserId};
use kernel::judge::SagaStatus;
use kernel::{Command, Currency, Money, Reason, Record, Timestamp, Trace};
use order::quote::{Payment, Points};
use order::{Born, KeyHash};
use runtime::ports::clock::Clock;
use runtime::ports::store::Epoch;
use runtime::system::Opened;
use runtime::worker::Stepped;
use runtime::{SystemParts, Worker, WorkerConfig};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::sqlite::SqliteStore;
use uuid::Uuid;

const TOPOLOGIES: [(&str, &str); 2] = [
    ("monolith", include_str!("../../../topologies/monolith.toml")),
    ("seven-services", include_str!("../../../topologies/seven-services.toml")),
];

#[derive(Default)]
struct PausedClock(AtomicU64);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000 + i64::try_from(self.0.load(Ordering::Relaxed)).unwrap())
    }
    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

struct World {
    shop: Arc<Shop>,
    workers: Vec<Worker>,
    clock: Arc<PausedClock>,
}

impl World {
    fn new(topology: &str) -> Self {
        let domains = Domains::new(Policies::new(Currency::KRW, "simulator"));
        let (topology, registry) = domains.place(topology).unwrap();
        let opened = topology
            .databases()
            .into_iter()
            .map(|database| {
                let store =
                    SqliteStore::open_in_memory(&registry.tables(&database), Epoch(Uuid::from_u128(1)))
                        .unwrap();
                let reader = store.reader();
                Opened { database, store: Box::new(store), reader }
            })
            .collect();
        let clock = Arc::new(PausedClock::default());
        let mut next = 0_u64;
        let ids = move || {
            next += 1;
            Box::new(CountingIds::new(1_700_000_000_000 + next)) as Box<dyn Ids + Send>
        };
        let parts = SystemParts {
            registry: registry.clone(),
            topology,
            opened,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ids: Box::new(ids),
            outside: BTreeMap::new(),
            config: WorkerConfig::default(),
            door_capacity: 1_000,
        };
        let (system, workers) = parts.assemble().unwrap();
        let shop = Shop::new(system, registry, &domains).unwrap();
        Self { shop, workers, clock }
    }

    /// Steps everything until nothing moves.
    fn run(&mut self) {
        loop {
            let quoted = self.shop.quoter().step(250);
            let worked = self
                .workers
                .iter_mut()
                .filter(|_| true)
                .map(Worker::step)
                .filter(|s| *s == Stepped::Worked)
                .count();
            if quoted == 0 && worked == 0 {
                return;
            }
        }
    }

    fn ask<C: Command>(&mut self, command: C) -> C::Reply
    where
        C::Reply: 'static,
    {
        let answer = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&answer);
        self.shop.system().send(command, Trace::default(), move |reply| *slot.lock().unwrap() = Some(reply));
        self.run();
        answer.lock().unwrap().take().unwrap().unwrap()
    }

    fn place(
        &mut self,
        key: u8,
        user: UserId,
        lines: Vec<(ProductId, i64)>,
        points: Points,
    ) -> Result<Born, ShopError> {
        let answer = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&answer);
        let payment = Some(Payment { user_coupon_id: None, points, card: None });
        let ask = Ask::Place { user, lines, payment, extras: BTreeMap::new() };
        let key = KeyHash { key: Arc::from([key; 32]), body: Arc::from([key; 32]) };
        self.shop.quoter().ask(ask, key, Trace::default(), move |reply| *slot.lock().unwrap() = Some(reply));
        self.run();
        Ok(answer.lock().unwrap().take().unwrap()??)
    }

    fn customer(&mut self, points: i64) -> UserId {
        let hash = user::PasswordHash::new("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA");
        let user = self
            .ask(user::SignUp { email: "kim@example.com".into(), name: "Kim".into(), password_hash: hash })
            .unwrap();
        let (adjust, reason) = (Money::new(points).unwrap(), "welcome".to_owned());
        self.ask(point::AdjustPoints { user: user.id, adjust, reason, by: user.id }).unwrap();
        user.id
    }

    fn product(&mut self, price: i64, stock: i64) -> ProductId {
        let by = UserId(Uuid::from_u128(7));
        let price = Money::new(price).unwrap();
        self.ask(product::CreateProduct { sku: "MUG".into(), name: "Mug".into(), price, stock, by })
            .unwrap()
            .id
    }
}

#[test]
fn an_order_paid_with_points_is_confirmed_and_every_book_shows_it() {
    for (name, topology) in TOPOLOGIES {
        let mut world = World::new(topology);
        let user = world.customer(10_000);
        let mug = world.product(1_500, 10);
        let born = world.place(1, user, vec![(mug, 2), (mug, 1)], Points::All).unwrap();
        let order = world.shop.order(born.order).unwrap();
        assert_eq!(order.status, SagaStatus::Confirmed, "{name}: {:?}", order.steps);
        assert_eq!(order.points_used.minor(), 4_500);
        let product: product::Product = world.shop.get("product", (mug,)).unwrap().unwrap();
        assert_eq!((product.stock, product.sold), (7, 3), "{name}");
        let points: point::Points = world.shop.get("point", (user,)).unwrap().unwrap();
        assert_eq!(points.balance.minor(), 5_500, "{name}");
        let view: read_model::OrderView = world.shop.get("read-model", (born.order,)).unwrap().unwrap();
        assert_eq!(view.status, SagaStatus::Confirmed, "{name}");
        let day = order.confirmed_at.unwrap().day();
        let sale: ranking::Sale = world.shop.get("ranking", (day, mug)).unwrap().unwrap();
        assert_eq!(sale.sold, 3, "{name}");
        let again = world.place(1, user, vec![(mug, 2), (mug, 1)], Points::All).unwrap();
        assert_eq!(again, Born { order: born.order, replayed: true }, "{name}");
    }
}

#[test]
fn a_refused_step_gives_back_what_earlier_steps_took() {
    for (name, topology) in TOPOLOGIES {
        let mut world = World::new(topology);
        let user = world.customer(10_000);
        let mug = world.product(1_500, 2);
        let born = world.place(1, user, vec![(mug, 3)], Points::All).unwrap();
        let order = world.shop.order(born.order).unwrap();
        assert_eq!((order.status, order.reason), (SagaStatus::Failed, Some(Reason::OUT_OF_STOCK)), "{name}");
        let product: product::Product = world.shop.get("product", (mug,)).unwrap().unwrap();
        assert_eq!((product.stock, product.sold), (2, 0), "{name}");
        let points: point::Points = world.shop.get("point", (user,)).unwrap().unwrap();
        assert_eq!(points.balance.minor(), 10_000, "{name}");
    }
}

#[test]
fn a_cancelled_order_gives_everything_back() {
    for (name, topology) in TOPOLOGIES {
        let mut world = World::new(topology);
        let user = world.customer(10_000);
        let mug = world.product(1_500, 5);
        let born = world.place(1, user, vec![(mug, 3)], Points::All).unwrap();
        world.ask(order::CancelOrder { order: born.order, customer: Some(user) }).unwrap();
        let order = world.shop.order(born.order).unwrap();
        assert_eq!(order.status, SagaStatus::Cancelled, "{name}: {:?}", order.steps);
        let product: product::Product = world.shop.get("product", (mug,)).unwrap().unwrap();
        assert_eq!((product.stock, product.sold), (5, 0), "{name}");
        let points: point::Points = world.shop.get("point", (user,)).unwrap().unwrap();
        assert_eq!(points.balance.minor(), 10_000, "{name}");
        let sale: ranking::Sale =
            world.shop.get("ranking", (order.confirmed_at.unwrap().day(), mug)).unwrap().unwrap();
        assert_eq!(sale.sold, 0, "{name}");
    }
}

#[test]
fn an_order_that_is_not_paid_expires() {
    for (name, topology) in TOPOLOGIES {
        let mut world = World::new(topology);
        let user = world.customer(1);
        let mug = world.product(1_500, 5);
        let ask = Ask::Place { user, lines: vec![(mug, 1)], payment: None, extras: BTreeMap::new() };
        let key = KeyHash { key: Arc::from([1; 32]), body: Arc::from([1; 32]) };
        world.shop.quoter().ask(ask, key, Trace::default(), |_| ());
        world.run();
        let orders: Vec<order::Order> =
            world.shop.list("order", &runtime::ports::store::Query::of(order::Order::TABLE, 10)).unwrap();
        assert_eq!(orders[0].status, SagaStatus::Created, "{name}");
        world.clock.0.store(31 * 60 * 1_000, Ordering::Relaxed);
        world.run();
        let order = world.shop.order(orders[0].id).unwrap();
        assert_eq!((order.status, order.reason), (SagaStatus::Failed, Some(Reason::TIMED_OUT)), "{name}");
    }
}
