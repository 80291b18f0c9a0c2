//! A whole shop behind its direct door: no HTTP, files as the binary opens them.

use crate::account::{Measured, Spent};
use crate::{Run, key_of};
use jumun_shop::quoter::Ask;
use jumun_shop::{Domains, Policies, Shop};
use kernel::ids::{Ids, ProductId, UserId};
use kernel::topology::Database;
use kernel::{Command, Currency, DomainName, Money, Refused, Said, Trace};
use order::KeyHash;
use order::quote::{Payment, Points};
use runtime::Feed;
use runtime::adapters::{SystemClock, V7Ids};
use runtime::ports::clock::Clock;
use runtime::ports::outside::Outside;
use runtime::ports::store::{Epoch, Position};
use runtime::system::Opened;
use runtime::tail::Observer;
use runtime::{Door, SystemParts, WorkerConfig};
use std::any::Any;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use store::sqlite::{Durability, Options, SqliteStore};

/// Page cache of all databases together, as in the binary.
const CACHE_KIB: u32 = 32 * 1024;

/// Counts orders that settle, and lets the bench keep a number of them in flight.
#[derive(Default)]
struct Settled {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Settled {
    /// Waits until fewer than `most` of `asked` orders are under way.
    fn wait_for_room(&self, asked: u64, most: u64) {
        let count = self.count.lock().unwrap();
        let full = |count: &mut u64| asked - *count >= most;
        drop(self.changed.wait_while(count, full).unwrap());
    }
}

impl Observer for Settled {
    fn committed(&self, rows: &[(Position, Arc<kernel::Entry>)]) {
        let said = || rows.iter().flat_map(|(_, entry)| &entry.events).map(|event| &event.said);
        assert!(!said().any(|said| matches!(said, Said::Failed { .. })), "no order may fail here");
        let confirmed = said().filter(|said| matches!(said, Said::Confirmed { .. })).count();
        *self.count.lock().unwrap() += confirmed as u64;
        self.changed.notify_all();
    }
}

/// Takes every delivery at once: the bench measures the shop.
struct Taken;

impl Outside for Taken {
    fn start(&self, request: Arc<dyn Any + Send + Sync>, door: Arc<Door>) {
        if let Some(call) = request.downcast_ref::<data_platform::DeliveryCall>() {
            door.tell(call.answer(data_platform::DeliveryOutcome::Taken), call.trace);
        }
    }
}

/// A shop with users and products, that takes orders.
pub(crate) struct Bench {
    shop: Arc<Shop>,
    clock: Arc<dyn Clock>,
    users: Vec<UserId>,
    products: Vec<ProductId>,
    settled: Arc<Settled>,
    asked: u64,
}

/// Orders through the door, to settled.
pub(crate) fn run(topology: &str, folder: &Path, run: &Run) -> Measured {
    let mut bench = Bench::open(topology, folder, run);
    let measured = bench.place(run.orders, run.in_flight);
    bench.close();
    measured
}

impl Bench {
    /// A shop of `run`'s size in `folder`.
    pub(crate) fn open(topology: &str, folder: &Path, run: &Run) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let shop = open(topology, folder, &clock);
        let (users, products) = fill(&shop, run);
        let settled = Arc::new(Settled::default());
        let orders_home = shop.system().home(&DomainName::of("order")).unwrap();
        orders_home.tail.observe(Arc::clone(&settled) as Arc<dyn Observer>);
        Self { shop, clock, users, products, settled, asked: 0 }
    }

    /// Places `orders` more, `in_flight` at a time, until all are confirmed.
    pub(crate) fn place(&mut self, orders: u64, in_flight: u64) -> Measured {
        let commits = self.commits();
        let (spent, begun) = (Spent::read(), self.clock.elapsed());
        for _ in 0..orders {
            self.settled.wait_for_room(self.asked, in_flight);
            let at = usize::try_from(self.asked).unwrap();
            let key: Arc<[u8]> = Arc::from(key_of(self.asked));
            let ask = Ask::Place {
                user: self.users[at % self.users.len()],
                lines: vec![(self.products[at % self.products.len()], 1)],
                payment: Some(Payment { user_coupon_id: None, points: Points::All, card: None }),
                extras: BTreeMap::new(),
            };
            let key = KeyHash { key: Arc::clone(&key), body: key };
            self.shop.quoter().ask(ask, key, trace_of(self.asked), |answer| {
                answer.unwrap().unwrap();
            });
            self.asked += 1;
        }
        self.settled.wait_for_room(self.asked, 1);
        let took = self.clock.elapsed() - begun;
        Measured { orders, took, spent: spent.since(), commits: self.commits() - commits }
    }

    fn commits(&self) -> u64 {
        self.shop.system().signals().counts().values().map(|counts| counts.batches).sum()
    }

    /// Ends the shop, and says what each database did.
    pub(crate) fn close(self) {
        self.shop.stop();
        if std::env::var_os("BENCH_DATABASES").is_none() {
            return;
        }
        for (database, counts) in self.shop.system().signals().counts() {
            println!(
                "    {database:20} {:6} batches {:8} messages {:6} ms busy",
                counts.batches,
                counts.messages,
                counts.busy.as_millis()
            );
        }
    }
}

fn open(topology: &str, folder: &Path, clock: &Arc<dyn Clock>) -> Arc<Shop> {
    let domains = Domains::new(Policies::new(Currency::KRW, "simulator"));
    let (topology, registry) = domains.place(topology).unwrap();
    let databases = topology.databases();
    let cache_kib = CACHE_KIB / u32::try_from(databases.len()).unwrap();
    let opened = databases
        .into_iter()
        .map(|database| {
            let file = folder.join(format!("{}.db", database.name));
            let options = Options {
                durability: durability(&database),
                cache_kib,
                ..Options::new(Epoch(uuid::Uuid::from_u128(1)))
            };
            let store = SqliteStore::open(&file, &registry.tables(&database), &options).unwrap();
            let reader = store.reader();
            Opened { database, store: Box::new(store), reader }
        })
        .collect();
    let ids_clock = Arc::clone(clock);
    let outside: BTreeMap<DomainName, Arc<dyn Outside>> =
        BTreeMap::from([(DomainName::of("data-platform"), Arc::new(Taken) as Arc<dyn Outside>)]);
    let parts = SystemParts {
        registry: registry.clone(),
        topology,
        opened,
        elsewhere: Vec::new(),
        guards: BTreeMap::new(),
        clock: Arc::clone(clock),
        ids: Box::new(move || Box::new(V7Ids::new(Arc::clone(&ids_clock), 0)) as Box<dyn Ids + Send>),
        outside,
        config: WorkerConfig::default(),
        door_capacity: 100_000,
    };
    let (system, workers) = parts.assemble().unwrap();
    let shop = Shop::new(system, registry, &domains).unwrap();
    shop.start(workers, 250).unwrap();
    shop
}

/// A trace of its own for each order, spread like the random ones that requests come with.
fn trace_of(number: u64) -> Trace {
    let id = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    Trace { id, span: number + 1, flags: 1 }
}

/// As the binary has it: a read model with a store of its own can be built again from the logs.
fn durability(database: &Database) -> Durability {
    let derived = database.domains.iter().all(|domain| domain.as_str() == "read-model");
    if derived { Durability::Normal } else { Durability::Full }
}

fn fill(shop: &Shop, run: &Run) -> (Vec<UserId>, Vec<ProductId>) {
    let by = UserId(uuid::Uuid::from_u128(7));
    let password_hash = user::PasswordHash::new("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA");
    let users = all(shop, 0..run.users, |number| user::SignUp {
        email: format!("user{number}@example.com").into(),
        name: "User".into(),
        password_hash: password_hash.clone(),
    });
    let users: Vec<UserId> = users.into_iter().map(|user| user.id).collect();
    let adjust = Money::new(1_000_000_000).unwrap();
    all(shop, &users, |user| point::AdjustPoints { user: *user, adjust, reason: "bench".to_owned(), by });
    let price = Money::new(100).unwrap();
    let products = all(shop, 0..run.products, |number| product::CreateProduct {
        sku: format!("SKU-{number}").into(),
        name: "Thing".into(),
        price,
        stock: 100_000_000,
        by,
    });
    (users, products.into_iter().map(|product| product.id).collect())
}

/// Sends a command for each of `things` at once, and waits for all answers.
fn all<I: IntoIterator, C, T>(shop: &Shop, things: I, command: impl Fn(I::Item) -> C) -> Vec<T>
where
    C: Command<Reply = Result<T, Refused>>,
    T: Send + 'static,
{
    let (sender, answers) = mpsc::channel();
    for thing in things {
        let sender = sender.clone();
        shop.system().send(command(thing), Trace::default(), move |answer| {
            sender.send(answer.unwrap().unwrap()).unwrap();
        });
    }
    drop(sender);
    answers.iter().collect()
}
