//! Orders per second through the direct door (no HTTP), to settled: how fast the line is from the first day on, so that no later
//! step loses it unseen. SQLite files, WAL, `synchronous=FULL`; points pay, so no gateway is asked.
//!
//! `cargo bench -p jumun-shop --bench direct_door -- [orders] [in flight]`; each order writes its row, a line, an idempotency key,
//! inbox rows, a point history row, a payment, a sale, a view, a delivery and log rows.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::float_arithmetic,
    reason = "a bench prints ratios"
)]

use jumun_shop::quoter::Ask;
use jumun_shop::{Domains, Policies, Shop};
use kernel::ids::{Ids, ProductId, UserId};
use kernel::{Currency, DomainName, Money, Said, Trace};
use order::KeyHash;
use order::quote::{Payment, Points};
use runtime::adapters::{SystemClock, V7Ids};
use runtime::ports::clock::Clock;
use runtime::ports::outside::Outside;
use runtime::ports::store::{Epoch, Position};
use runtime::system::Opened;
use runtime::tail::Observer;
use runtime::{Door, SystemParts, WorkerConfig};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use store::sqlite::{Options, SqliteStore};

const TOPOLOGIES: [(&str, &str); 2] = [
    ("monolith", include_str!("../../../topologies/monolith.toml")),
    ("seven-services", include_str!("../../../topologies/seven-services.toml")),
];

/// Counts orders that settle, and lets the bench keep a number of them in flight.
#[derive(Default)]
struct Settled {
    count: Mutex<(u64, u64)>,
    changed: Condvar,
}

impl Observer for Settled {
    fn committed(&self, rows: &[(Position, Arc<kernel::Entry>)]) {
        let settled = |said: &Said| matches!(said, Said::Confirmed { .. } | Said::Failed { .. });
        let events = rows.iter().flat_map(|(_, entry)| &entry.events);
        let (mut confirmed, mut failed) = (0, 0);
        for event in events.filter(|event| settled(&event.said)) {
            if matches!(event.said, Said::Confirmed { .. }) { confirmed += 1 } else { failed += 1 }
        }
        let mut count = self.count.lock().unwrap();
        count.0 += confirmed;
        count.1 += failed;
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

fn main() {
    let mut numbers = std::env::args().filter_map(|arg| arg.parse::<u64>().ok());
    let (orders, in_flight) = (numbers.next().unwrap_or(20_000), numbers.next().unwrap_or(1_000));
    println!(
        "{orders} orders, {in_flight} in flight, batch cap {}, direct door",
        WorkerConfig::default().batch_cap
    );
    for (name, topology) in TOPOLOGIES {
        for (shape, products) in [("uniform", 1_000), ("one hot SKU", 1)] {
            let per_second = run(topology, orders, in_flight, products);
            println!("{name:16} {shape:12} {per_second:8.0} orders/s");
        }
    }
}

fn run(topology: &str, orders: u64, in_flight: u64, products: usize) -> f64 {
    let folder =
        tempfile::tempdir_in(std::env::var("CARGO_TARGET_TMPDIR").unwrap_or_else(|_| ".".to_owned()))
            .unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let shop = open(topology, folder.path(), &clock);
    let (users, products) = fill(&shop, products);
    let settled = Arc::new(Settled::default());
    let orders_home = shop.system().home(&DomainName::of("order")).unwrap();
    orders_home.tail.observe(Arc::clone(&settled) as Arc<dyn Observer>);
    let begun = clock.elapsed();
    for number in 0..orders {
        let mut count = settled.count.lock().unwrap();
        while number - (count.0 + count.1) >= in_flight {
            count = settled.changed.wait(count).unwrap();
        }
        drop(count);
        let at = usize::try_from(number).unwrap();
        let mut key = [0_u8; 32];
        // Spread like the hash that it stands for.
        key[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let key: Arc<[u8]> = Arc::from(key);
        let ask = Ask::Place {
            user: users[at % users.len()],
            lines: vec![(products[at % products.len()], 1)],
            payment: Some(Payment { user_coupon_id: None, points: Points::All, card: None }),
            extras: BTreeMap::new(),
        };
        shop.quoter().ask(ask, KeyHash { key: Arc::clone(&key), body: key }, Trace::default(), |answer| {
            answer.unwrap().unwrap();
        });
    }
    let mut count = settled.count.lock().unwrap();
    while count.0 + count.1 < orders {
        count = settled.changed.wait(count).unwrap();
    }
    let took = clock.elapsed() - begun;
    assert_eq!(count.1, 0, "no order may fail here");
    drop(count);
    shop.stop();
    let rate = u32::try_from(orders).map(f64::from).unwrap() / took.as_secs_f64();
    for (database, counts) in shop.system().signals().counts() {
        println!(
            "    {database:20} {:6} batches {:8} messages {:6} ms busy",
            counts.batches,
            counts.messages,
            counts.busy.as_millis()
        );
    }
    rate
}

fn open(topology: &str, folder: &std::path::Path, clock: &Arc<dyn Clock>) -> Arc<Shop> {
    let domains = Domains::new(Policies::new(Currency::KRW, "simulator"));
    let (topology, registry) = domains.place(topology).unwrap();
    let opened = topology
        .databases()
        .into_iter()
        .map(|database| {
            let file = folder.join(format!("{}.db", database.name));
            let options = Options::new(Epoch(uuid::Uuid::from_u128(1)));
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

fn fill(shop: &Shop, products: usize) -> (Vec<UserId>, Vec<ProductId>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let by = UserId(uuid::Uuid::from_u128(7));
        let mut users = Vec::new();
        for number in 0..500 {
            let password_hash = user::PasswordHash::new("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA");
            let email = format!("user{number}@example.com").into();
            let user = shop
                .ask(user::SignUp { email, name: "User".into(), password_hash }, Trace::default())
                .await
                .unwrap();
            let (adjust, reason) = (Money::new(1_000_000_000).unwrap(), "bench".to_owned());
            shop.ask(point::AdjustPoints { user: user.id, adjust, reason, by }, Trace::default())
                .await
                .unwrap();
            users.push(user.id);
        }
        let mut made = Vec::new();
        for number in 0..products {
            let (sku, price) = (format!("SKU-{number}").into(), Money::new(100).unwrap());
            let create = product::CreateProduct { sku, name: "Thing".into(), price, stock: 100_000_000, by };
            made.push(shop.ask(create, Trace::default()).await.unwrap().id);
        }
        (users, made)
    })
}
