//! A read model that was deleted comes back whole, also when the log no longer reaches back to the first order.
#![expect(clippy::unwrap_used, reason = "a test's helpers, too")]

use jumun::databases::Storage;
use jumun::kernel::ids::{ProductId, UserId};
use jumun::kernel::state::Write;
use jumun::kernel::{Currency, Key, Money, Record, Trace};
use jumun::order::KeyHash;
use jumun::order::quote::{Payment, Points};
use jumun::runtime::WorkerConfig;
use jumun::runtime::adapters::SystemClock;
use jumun::runtime::ports::store::{Cursor, Epoch, Query, Store};
use jumun::shop::lists;
use jumun::shop::quoter::Ask;
use jumun::shop::{Domains, Policies, Shop};
use jumun::{Setup, compose, folder, topologies};
use read_model::OrderView;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::sqlite::{Options, SqliteStore};

const TOPOLOGY: &str = "seven-services";

fn domains() -> Domains {
    Domains::new(Policies::new(Currency::KRW, "none"))
}

fn start(data: &Path) -> Arc<Shop> {
    let (shop, workers) = compose(Setup {
        topology: &topologies::text(TOPOLOGY).unwrap(),
        domains: domains(),
        storage: Storage::Folder(data),
        outside: BTreeMap::new(),
        clock: Arc::new(SystemClock::default()),
        locks: None,
        spread: None,
        kafka: None,
        config: WorkerConfig::default(),
    })
    .unwrap();
    shop.start(workers, 250).unwrap();
    shop
}

async fn stop(shop: Arc<Shop>) {
    tokio::task::spawn_blocking(move || shop.stop()).await.unwrap();
}

async fn open_shop(shop: &Shop) -> (UserId, ProductId) {
    let trace = Trace::default();
    let password_hash = user::PasswordHash::new("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA");
    let sign_up = user::SignUp { email: "kim@example.com".into(), name: "Kim".into(), password_hash };
    let user = shop.ask(sign_up, trace).await.unwrap().id;
    let adjust = Money::new(10_000).unwrap();
    shop.ask(point::AdjustPoints { user, adjust, reason: "welcome".into(), by: user }, trace).await.unwrap();
    let price = Money::new(1_000).unwrap();
    let create = product::CreateProduct { sku: "MUG".into(), name: "Mug".into(), price, stock: 2, by: user };
    (user, shop.ask(create, trace).await.unwrap().id)
}

async fn buy(shop: &Shop, key: u8, user: UserId, product: ProductId) {
    let payment = Some(Payment { user_coupon_id: None, points: Points::All, card: None });
    let ask = Ask::Place { user, lines: vec![(product, 1)], payment, extras: BTreeMap::new() };
    let key = KeyHash { key: Arc::from([key; 32]), body: Arc::from([key; 32]) };
    let born = shop.place(ask, key, Trace::default()).await.unwrap();
    shop.settled(born.order, Duration::from_secs(30)).await.unwrap();
}

async fn views(shop: &Shop) -> Vec<(String, String)> {
    shop.caught_up("read-model").await.unwrap();
    let views: Vec<OrderView> = shop.list("read-model", &Query::of(OrderView::TABLE, 100)).unwrap();
    views.into_iter().map(|view| (view.order_id.to_string(), view.status.to_string())).collect()
}

/// The customer's orders from the latest on, as each names the one before.
fn chain(shop: &Shop, user: UserId) -> Vec<String> {
    let page = lists::page::<OrderView>(shop.reader("read-model").unwrap(), user, None, 100, |_| true);
    page.unwrap().unwrap().records.into_iter().map(|view| view.order_id.to_string()).collect()
}

fn open(data: &Path, name: &str) -> SqliteStore {
    let (topology, registry) = domains().place(&topologies::text(TOPOLOGY).unwrap()).unwrap();
    let database = topology.databases().into_iter().find(|database| database.name == name).unwrap();
    let options = Options::new(Epoch(uuid::Uuid::nil()));
    SqliteStore::open(&folder::database(data, name), &registry.tables(&database), &options).unwrap()
}

/// Nothing of the orders' log is left, as after its retention.
fn prune_orders_log(data: &Path) {
    let mut store = open(data, "order");
    let head = store.reader().log_state().unwrap().head;
    store.prune_log(head).unwrap();
}

/// The read model has not said yet how far it has come: it is as if its rebuilding had been cut short.
fn forget_cursor(data: &Path) {
    let mut store = open(data, "order-read-model");
    let key = Key::from((SmolStr::new("order"),));
    store.begin().unwrap();
    store.commit(&[Write { table: Cursor::TABLE, key, row: None }], &[]).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_read_model_is_rebuilt_from_the_orders_and_follows_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let shop = start(data);
    let (user, mug) = open_shop(&shop).await;
    for key in 1..=3 {
        buy(&shop, key, user, mug).await;
    }
    let before = views(&shop).await;
    assert_eq!(before.iter().filter(|(_, status)| status == "CONFIRMED").count(), 2, "{before:?}");
    assert_eq!(before.iter().filter(|(_, status)| status == "FAILED").count(), 1, "{before:?}");
    let newest_first: Vec<String> = before.iter().rev().map(|(id, _)| id.clone()).collect();
    assert_eq!(chain(&shop, user), newest_first);
    stop(shop).await;

    prune_orders_log(data);
    for end in ["", "-wal", "-shm"] {
        let file = data.join(format!("order-read-model.db{end}"));
        assert!(!file.exists() || std::fs::remove_file(file).is_ok());
    }

    for _ in 0..2 {
        let shop = start(data);
        assert_eq!(views(&shop).await, before);
        assert_eq!(chain(&shop, user), newest_first);
        stop(shop).await;
        forget_cursor(data);
    }
    let shop = start(data);
    buy(&shop, 4, user, mug).await;
    assert_eq!(views(&shop).await.len(), 4, "it follows the log from there");
    assert_eq!(chain(&shop, user)[1..], newest_first);
    stop(shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_database_that_missed_pruned_rows_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let shop = start(data);
    let (user, mug) = open_shop(&shop).await;
    buy(&shop, 1, user, mug).await;
    stop(shop).await;
    prune_orders_log(data);
    for end in ["", "-wal", "-shm"] {
        let file = data.join(format!("ranking.db{end}"));
        assert!(!file.exists() || std::fs::remove_file(file).is_ok());
    }
    let setup = Setup {
        topology: &topologies::text(TOPOLOGY).unwrap(),
        domains: domains(),
        storage: Storage::Folder(data),
        outside: BTreeMap::new(),
        clock: Arc::new(SystemClock::default()),
        locks: None,
        spread: None,
        kafka: None,
        config: WorkerConfig::default(),
    };
    let error = compose(setup).err().unwrap().to_string();
    assert!(error.contains("ranking has read order up to position 0") && error.contains("pruned"), "{error}");
}
