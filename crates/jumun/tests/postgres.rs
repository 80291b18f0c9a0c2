//! A whole system on PostgreSQL: through the command line, through outages, and as two instances of the same units.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers, too")]

mod support;

use jumun::databases::Storage;
use jumun::kernel::ids::{ProductId, UserId};
use jumun::kernel::judge::SagaStatus;
use jumun::kernel::{Currency, Money, Record, Trace};
use jumun::order::quote::{Payment, Points};
use jumun::order::{KeyHash, Order};
use jumun::runtime::WorkerConfig;
use jumun::runtime::adapters::SystemClock;
use jumun::runtime::ports::store::Query;
use jumun::servers::Servers;
use jumun::shop::quoter::Ask;
use jumun::shop::{Domains, Policies, Settled, Shop, ShopError};
use jumun::topologies::SHIPPED;
use jumun::{Setup, compose, topologies};
use product::Product;
use services::Postgres;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use support::{Ran, command};

/// Runs the binary with its databases on this server.
fn on(postgres: &Postgres, name: &str, args: &[&str]) -> Ran {
    command(args).env("JUMUN_DATABASE", postgres.url(name)).output().unwrap().into()
}

fn databases(postgres: &Postgres, prefix: &str) -> usize {
    let names = postgres.run("postgres", "SELECT datname FROM pg_database").unwrap();
    names.lines().filter(|name| name.starts_with(prefix)).count()
}

#[test]
fn every_topology_takes_orders_and_its_audit_is_clean() {
    let postgres = Postgres::shared().unwrap();
    for (topology, _) in SHIPPED {
        let args = ["bench", "--json", "--direct", "--orders", "150", "--warm-up", "10", "--users", "20"];
        let mix = [
            "--products",
            "5",
            "--card",
            "20",
            "--coupon",
            "30",
            "--fail",
            "payment=5",
            "--topology",
            topology,
        ];
        let ran = on(postgres, "bench", &[&args[..], &mix].concat());
        ran.check(0, &[]);
        let result: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(result["audit"]["clean"], true, "{topology}");
        assert_eq!(databases(postgres, "bench_"), 0, "{topology}: throwaway databases are removed");
    }
}

#[test]
fn databases_are_made_once_and_belong_to_their_topology() {
    let postgres = Postgres::shared().unwrap();
    let data = tempfile::tempdir().unwrap();
    let data = data.path().to_str().unwrap();
    let run = |command: &[&str], topology| {
        on(postgres, "mine", &[command, &["--topology", topology, "--data", data]].concat())
    };
    run(&["migrate"], "seven-services").check(0, &["order: up to date", "payment: up to date"]);
    let made = databases(postgres, "mine_");
    assert!(made >= 7, "{made}");
    run(&["migrate"], "seven-services").check(0, &[]);
    assert_eq!(databases(postgres, "mine_"), made);
    run(&["audit"], "seven-services").check(0, &[]);
    run(&["audit"], "monolith").check(2, &["its data belong to another topology"]);
    let ran = run(&["config", "check"], "seven-services");
    ran.check(0, &["/mine_", "(secret)"]);
    let password = postgres.url("mine").split([':', '@']).nth(2).unwrap().to_owned();
    assert!(!format!("{ran:?}").contains(&password));
}

fn servers(postgres: &Postgres, name: &str) -> Servers {
    Servers::parse(Some(&postgres.url(name)), std::iter::empty()).unwrap().unwrap()
}

fn start(servers: &Servers, topology: &str) -> Arc<Shop> {
    let (shop, workers) = compose(Setup {
        topology: &topologies::text(topology).unwrap(),
        domains: Domains::new(Policies::new(Currency::KRW, "none")),
        storage: Storage::Postgres(servers),
        outside: BTreeMap::new(),
        clock: Arc::new(SystemClock::default()),
        locks: None,
        // Other instances' work is found within a moment.
        spread: None,
        kafka: None,
        config: WorkerConfig { listen_every: Some(Duration::from_millis(20)), ..WorkerConfig::default() },
    })
    .unwrap();
    shop.start(workers, 250).unwrap();
    shop
}

async fn open_shop(shop: &Shop, stock: i64) -> (UserId, ProductId) {
    let trace = Trace::default();
    let password_hash = user::PasswordHash::new("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA");
    let sign_up = user::SignUp { email: "kim@example.com".into(), name: "Kim".into(), password_hash };
    let user = shop.ask(sign_up, trace).await.unwrap().id;
    let adjust = Money::new(1_000_000).unwrap();
    shop.ask(point::AdjustPoints { user, adjust, reason: "welcome".into(), by: user }, trace).await.unwrap();
    let price = Money::new(1_000).unwrap();
    let create = product::CreateProduct { sku: "MUG".into(), name: "Mug".into(), price, stock, by: user };
    (user, shop.ask(create, trace).await.unwrap().id)
}

/// Buys one, under a key of this number; asked again under it as long as nobody can say what became of it. `None` if it is refused
/// before there is an order.
async fn buy(shop: &Shop, number: u8, user: UserId, product: ProductId) -> Option<SagaStatus> {
    let key = || KeyHash { key: Arc::from([number; 32]), body: Arc::from([number; 32]) };
    let id = loop {
        let payment = Some(Payment { user_coupon_id: None, points: Points::All, card: None });
        let ask = Ask::Place { user, lines: vec![(product, 1)], payment, extras: BTreeMap::new() };
        match shop.place(ask, key(), Trace::default()).await {
            Ok(born) => break born.order,
            Err(ShopError::Refused(_)) => return None,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    loop {
        match shop.settled(id, Duration::from_secs(1)).await {
            Ok(Settled::Yes(order)) => return Some(order.status),
            Ok(Settled::NotYet(_)) | Err(_) => tokio::task::yield_now().await,
        }
    }
}

fn stop(shop: &Shop) {
    tokio::task::block_in_place(|| shop.stop());
}

/// What was sold, and what is left.
fn sold(shop: &Shop) -> (usize, i64) {
    let orders: Vec<Order> = shop.list("order", &Query::of(Order::TABLE, 1_000)).unwrap();
    let confirmed = orders.iter().filter(|order| order.status == SagaStatus::Confirmed).count();
    let products: Vec<Product> = shop.list("product", &Query::of(Product::TABLE, 1)).unwrap();
    (confirmed, products[0].stock)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_under_load_loses_no_order_and_makes_none_twice() {
    for topology in ["monolith", "seven-services"] {
        let postgres = Arc::new(Postgres::start().unwrap());
        let servers = servers(&postgres, "shop");
        let shop = start(&servers, topology);
        let (user, product) = open_shop(&shop, 100).await;
        let buying: Vec<_> = (0..60_u8)
            .map(|number| {
                let (shop, postgres) = (Arc::clone(&shop), Arc::clone(&postgres));
                tokio::spawn(async move {
                    // In the middle of the others' orders.
                    if number == 30 {
                        tokio::task::block_in_place(|| {
                            postgres.kill_9().unwrap();
                            postgres.restart().unwrap();
                        });
                    }
                    buy(&shop, number, user, product).await
                })
            })
            .collect();
        for bought in buying {
            assert_eq!(bought.await.unwrap(), Some(SagaStatus::Confirmed), "{topology}");
        }
        assert_eq!(sold(&shop), (60, 40), "{topology}");
        stop(&shop);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_of_every_unit_sell_what_there_is_once() {
    let postgres = Postgres::shared().unwrap();
    for topology in ["monolith", "seven-services"] {
        let servers = servers(postgres, &format!("two_{}", topology.len()));
        let both = [start(&servers, topology), start(&servers, topology)];
        let (user, product) = open_shop(&both[0], 25).await;
        let buying: Vec<_> = (0..40_u8)
            .map(|number| {
                let shop = Arc::clone(&both[usize::from(number % 2)]);
                tokio::spawn(async move { buy(&shop, number, user, product).await })
            })
            .collect();
        let mut confirmed = 0;
        for bought in buying {
            confirmed += usize::from(bought.await.unwrap() == Some(SagaStatus::Confirmed));
        }
        assert_eq!(confirmed, 25, "{topology}");
        assert_eq!(sold(&both[1]), (25, 0), "{topology}");
        both.iter().for_each(|shop| stop(shop));
    }
}
