//! A fifth participant, added by an application that uses Jumun as a library: one module, one line, one topology.
#![expect(clippy::unwrap_used, reason = "a test's helpers, too")]

#[path = "../examples/gift_wrap/domain.rs"]
#[expect(unreachable_pub, reason = "a participant is usually a crate of its own; here it is a module")]
mod domain;

use domain::{GiftWrap, NO_RIBBON, Ribbon, StockRibbons};
use jumun::databases::Storage;
use jumun::kernel::ids::UserId;
use jumun::kernel::judge::SagaStatus;
use jumun::kernel::{Currency, Money, Trace};
use jumun::order::quote::{Payment, Points};
use jumun::order::{CancelOrder, KeyHash, Order};
use jumun::runtime::WorkerConfig;
use jumun::runtime::adapters::SystemClock;
use jumun::shop::quoter::Ask;
use jumun::shop::{Domains, Policies, Shop};
use jumun::{Setup, compose};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

fn gift_shop() -> Arc<Shop> {
    let (shop, workers) = compose(Setup {
        topology: include_str!("../examples/gift_wrap/gift-shop.toml"),
        domains: Domains::new(Policies::new(Currency::KRW, "none")).with(GiftWrap),
        storage: Storage::Memory,
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

/// Orders one mug, wrapped or not, paid with points, and waits until it is settled.
async fn order(shop: &Shop, key: u8, user: UserId, mug: &product::Product, colour: Option<&str>) -> Order {
    let extras = colour
        .map(|colour| ("gift-wrap".into(), serde_json::json!({ "colour": colour })))
        .into_iter()
        .collect();
    let payment = Some(Payment { user_coupon_id: None, points: Points::All, card: None });
    let ask = Ask::Place { user, lines: vec![(mug.id, 1)], payment, extras };
    let key = KeyHash { key: Arc::from([key; 32]), body: Arc::from([key; 32]) };
    let born = shop.place(ask, key, Trace::default()).await.unwrap();
    shop.settled(born.order, Duration::from_secs(30)).await.unwrap().order()
}

#[tokio::test]
async fn a_fifth_participant_acts_refuses_and_compensates_like_the_others() {
    let shop = gift_shop();
    let trace = Trace::default();
    let password_hash = user::PasswordHash::new("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA");
    let sign_up = user::SignUp { email: "kim@example.com".into(), name: "Kim".into(), password_hash };
    let user = shop.ask(sign_up, trace).await.unwrap().id;
    let grant =
        point::AdjustPoints { user, adjust: Money::new(10_000).unwrap(), reason: "welcome".into(), by: user };
    shop.ask(grant, trace).await.unwrap();
    let price = Money::new(1_000).unwrap();
    let create = product::CreateProduct { sku: "MUG".into(), name: "Mug".into(), price, stock: 5, by: user };
    let mug = shop.ask(create, trace).await.unwrap();
    shop.ask(StockRibbons { colour: "red".into(), count: 1 }, trace).await.unwrap();

    let plain = order(&shop, 1, user, &mug, None).await;
    assert_eq!(plain.status, SagaStatus::Confirmed, "an order without wrapping skips the step");
    let wrapped = order(&shop, 2, user, &mug, Some("red")).await;
    assert_eq!(wrapped.status, SagaStatus::Confirmed);
    let refused = order(&shop, 3, user, &mug, Some("red")).await;
    assert_eq!((refused.status, refused.reason), (SagaStatus::Failed, Some(NO_RIBBON)));
    let stock: product::Product = shop.get("product", (mug.id,)).unwrap().unwrap();
    assert_eq!(stock.stock, 3, "what earlier steps took for the refused order is given back");

    shop.ask(CancelOrder { order: wrapped.id, customer: Some(user) }, trace).await.unwrap();
    let cancelled = shop.settled(wrapped.id, Duration::from_secs(30)).await.unwrap().order();
    assert_eq!(cancelled.status, SagaStatus::Cancelled);
    let ribbon: Ribbon = shop.get("gift-wrap", (smol_str::SmolStr::new("red"),)).unwrap().unwrap();
    assert_eq!(ribbon.left, 1, "the ribbon is back on the shelf");
    tokio::task::spawn_blocking(move || shop.stop()).await.unwrap();
}
