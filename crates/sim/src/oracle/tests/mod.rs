//! Clients and oracle together over a perfect shop: it keeps every promise, and nothing is found. Then it lies in one way after the
//! other, and each lie is found.

mod careless;
mod forged;
mod ledgers;
mod lies;
mod run;
mod shop;
mod slips;
mod witnesses;

use crate::clients::{Mix, Status};
use run::{Run, Weather};

#[test]
fn a_perfect_shop_breaks_no_promise_whatever_the_network_does() {
    for seed in 0..60 {
        let weather = if seed % 4 == 0 { Weather::CALM } else { Weather::STORM };
        let mut run = Run::new(seed, &Mix::of(120), weather);
        run.finish();
        assert_eq!(run.found(), "", "seed {seed}");
    }
}

#[test]
fn everything_that_clients_can_do_happens() {
    let mut run = Run::new(7, &Mix::of(2_000), Weather::STORM);
    run.finish();
    assert_eq!(run.found(), "");
    let count =
        |status: Status| run.shop.orders.values().filter(|order| order.shown.status == status).count();
    for status in [Status::Confirmed, Status::Failed, Status::Cancelled] {
        assert!(count(status) > 20, "{status}: {}", count(status));
    }
    let reasons = [
        "OUT_OF_STOCK",
        "PRICE_CHANGED",
        "POINTS_SHORT",
        "COUPON_INVALID",
        "PAYMENT_DECLINED",
        "PAYMENT_UNAVAILABLE",
        "CANCELLED_BY_CUSTOMER",
        "TIMED_OUT",
    ];
    for reason in reasons {
        let with = run.shop.orders.values().filter(|order| order.shown.reason.as_deref() == Some(reason));
        assert!(with.count() > 0, "no order failed for {reason}");
    }
    let codes = [
        "IDEMPOTENCY_KEY_REUSED",
        "USER_SUSPENDED",
        "COUPON_SOLD_OUT",
        "COUPON_ALREADY_ISSUED",
        "COUPON_NOT_OPEN",
        "CANCEL_WINDOW_CLOSED",
        "ORDER_NOT_CANCELLABLE",
        "CARD_REQUIRED",
        "POINTS_EXCEED_TOTAL",
    ];
    for code in codes {
        assert!(run.refusals.contains_key(code), "nothing was refused with {code}: {:?}", run.refusals);
    }
}

#[test]
fn the_same_seed_asks_the_same() {
    let story = |seed| {
        let mut run = Run::new(seed, &Mix::of(60), Weather::STORM);
        run.finish();
        run.story
    };
    assert_eq!(story(3), story(3));
    assert_ne!(story(3), story(4));
}
