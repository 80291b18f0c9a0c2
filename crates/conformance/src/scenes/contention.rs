//! Many who want what is there once, and one who asks twice. Who wins is nobody's promise; how many win is.

use crate::deployment::{Basket, Card, Payment};
use crate::scene::{Scene, Stage};

pub(super) const SCENES: &[Scene] = &[
    Scene::new(
        "the same idempotency key twice",
        same_key,
        "
        order one: CONFIRMED, points 1500, payment APPROVED, told confirmed
        order again: is one
        order other: IDEMPOTENCY_KEY_REUSED
        product mug: stock 4, sold 1, best sellers 1
        customer kim: 8500 points
        ",
    ),
    Scene::new(
        "the same key for an order that failed",
        same_key_failed,
        "
        order one: FAILED OUT_OF_STOCK, told failed
        order again: is one
        product mug: stock 9, sold 0, best sellers 0
        customer kim: 10000 points
        ",
    ),
    Scene::new(
        "the same coupon in two orders at once",
        same_coupon,
        "
        1 × order one: CONFIRMED, card 1000, discount 500, payment APPROVED, gateway holds 1000, told confirmed
        1 × order one: FAILED COUPON_INVALID, told failed
        product mug: stock 4, sold 1, best sellers 1
        customer kim: 0 points
        coupon welcome: USED by one
        ",
    ),
    Scene::new(
        "the same points in two orders at once",
        same_points,
        "
        1 × order one: CONFIRMED, points 1500, payment APPROVED, told confirmed
        1 × order one: FAILED POINTS_SHORT, told failed
        product mug: stock 4, sold 1, best sellers 1
        customer kim: 500 points
        ",
    ),
    Scene::new(
        "ten for the last three pieces",
        last_pieces,
        "
        product mug: stock 0, sold 3, best sellers 3
        3 × customer kim: 500 points
        7 × customer kim: 2000 points
        3 × order one: CONFIRMED, points 1500, payment APPROVED, told confirmed
        7 × order one: FAILED OUT_OF_STOCK, told failed
        ",
    ),
    Scene::new(
        "a rush by card on the last twenty",
        rush,
        "
        product mug: stock 0, sold 20, best sellers 20
        60 × customer kim: 0 points
        20 × order one: CONFIRMED, card 1500, payment APPROVED, gateway holds 1500, told confirmed
        40 × order one: FAILED OUT_OF_STOCK, told failed
        ",
    ),
    Scene::new(
        "a mixed crowd",
        mixed_crowd,
        "
        product mug: stock 75, sold 25, best sellers 25
        25 × coupon welcome: ISSUED
        25 × coupon welcome: USED by one
        25 × customer kim: 1000 points
        25 × customer kim: 600 points
        25 × order one: CONFIRMED, card 600, points 400, discount 500, payment APPROVED, gateway holds 600, told confirmed
        25 × order one: FAILED PAYMENT_DECLINED, told failed
        ",
    ),
];

/// One mug, paid with points.
fn with_points(customer: &str) -> Basket {
    Basket::of(customer, "mug", 1).paid(Payment::new().points(1_500))
}

fn same_key(stage: &mut Stage<'_>) {
    stage.customer("kim", 10_000);
    stage.product("mug", 1_500, 5);
    stage.buy("one", &with_points("kim"));
    stage.order_under("again", "one", &with_points("kim"));
    stage.rest();
    stage.order_under("other", "one", &Basket::of("kim", "mug", 2));
}

fn same_key_failed(stage: &mut Stage<'_>) {
    stage.customer("kim", 10_000);
    stage.product("mug", 1_000, 9);
    let ten = Basket::of("kim", "mug", 10).paid(Payment::new().points(10_000));
    stage.buy("one", &ten);
    stage.order_under("again", "one", &ten);
}

fn same_coupon(stage: &mut Stage<'_>) {
    stage.customer("kim", 0);
    stage.product("mug", 1_500, 5);
    stage.coupon("welcome", "kim", 500);
    for number in 1..=2 {
        let payment = Payment::new().coupon("welcome").card(Card::Good);
        stage.order(&format!("one#{number}"), &Basket::of("kim", "mug", 1).paid(payment));
    }
}

fn same_points(stage: &mut Stage<'_>) {
    stage.customer("kim", 2_000);
    stage.product("mug", 1_500, 5);
    for number in 1..=2 {
        stage.order(&format!("one#{number}"), &with_points("kim"));
    }
}

fn last_pieces(stage: &mut Stage<'_>) {
    stage.product("mug", 1_500, 3);
    for number in 1..=10 {
        stage.customer(&format!("kim#{number}"), 2_000);
    }
    for number in 1..=10 {
        stage.order(&format!("one#{number}"), &with_points(&format!("kim#{number}")));
    }
}

fn rush(stage: &mut Stage<'_>) {
    stage.product("mug", 1_500, 20);
    for number in 1..=60 {
        stage.customer(&format!("kim#{number}"), 0);
    }
    for number in 1..=60 {
        let basket = Basket::of(&format!("kim#{number}"), "mug", 1);
        stage.order(&format!("one#{number}"), &basket.paid(Payment::new().card(Card::Good)));
    }
}

/// Every other card is declined.
fn mixed_crowd(stage: &mut Stage<'_>) {
    stage.product("mug", 1_500, 100);
    for number in 1..=50 {
        let customer = format!("kim#{number}");
        stage.customer(&customer, 1_000);
        stage.coupon(&format!("welcome#{number}"), &customer, 500);
    }
    for number in 1..=50 {
        let card = if number % 2 == 0 { Card::Good } else { Card::Declined };
        let payment = Payment::new().coupon(&format!("welcome#{number}")).points(400).card(card);
        stage.order(&format!("one#{number}"), &Basket::of(&format!("kim#{number}"), "mug", 1).paid(payment));
    }
}
