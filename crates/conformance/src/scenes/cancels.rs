//! Cancels, before, while and after an order is carried out: everything comes back, from every book.

use crate::deployment::{Basket, Card, Needs, Payment};
use crate::scene::{Scene, Stage};

pub(super) const SCENES: &[Scene] = &[
    Scene::new(
        "a confirmed order is cancelled",
        confirmed,
        "
        order one: CANCELLED, told confirmed then cancelled
        product mug: stock 5, sold 0, best sellers 0
        customer kim: 1000 points
        coupon welcome: ISSUED
        ",
    ),
    Scene::new(
        "a cancelled order is cancelled again",
        again,
        "
        order one: CANCELLED, told confirmed then cancelled
        product mug: stock 5, sold 0, best sellers 0
        customer kim: 1000 points
        coupon welcome: ISSUED
        ",
    ),
    Scene::new(
        "what a cancel gave back is used again",
        used_again,
        "
        order one: CANCELLED, told confirmed then cancelled
        order two: CONFIRMED, card 2100, points 400, discount 500, payment APPROVED, gateway holds 2100, told confirmed
        product mug: stock 0, sold 2, best sellers 2
        customer kim: 600 points
        coupon welcome: USED by two
        ",
    ),
    Scene::new(
        "one of two orders is cancelled",
        one_of_two,
        "
        order one: CANCELLED, told confirmed then cancelled
        order two: CONFIRMED, points 1500, payment APPROVED, told confirmed
        product mug: stock 4, sold 1, best sellers 1
        customer kim: 8500 points
        ",
    ),
    Scene::new(
        "cancelled while the gateway is at it",
        pending,
        "
        order one: FAILED CANCELLED_BY_CUSTOMER, told failed
        product mug: stock 5, sold 0, best sellers 0
        customer kim: 1000 points
        coupon welcome: ISSUED
        ",
    )
    .needs(Needs::OwnTime),
    // Which of the two comes first is nobody's promise; that nothing stays taken is.
    Scene::new(
        "a cancel that races the confirmation",
        race,
        "
        order one: CANCELLED, told confirmed then cancelled | FAILED CANCELLED_BY_CUSTOMER, told failed
        product mug: stock 5, sold 0, best sellers 0
        customer kim: 1000 points
        coupon welcome: ISSUED
        ",
    )
    .needs(Needs::OwnTime),
    Scene::new(
        "cancelled before it is paid",
        unpaid,
        "
        order one: FAILED CANCELLED_BY_CUSTOMER, told failed, pay: ORDER_NOT_PAYABLE
        product mug: stock 5, sold 0, best sellers 0
        customer kim: 1000 points
        coupon welcome: ISSUED
        ",
    ),
    Scene::new(
        "a failed order cannot be cancelled",
        failed,
        "
        order one: FAILED OUT_OF_STOCK, told failed, cancel: ORDER_NOT_CANCELLABLE
        product mug: stock 2, sold 0, best sellers 0
        customer kim: 1000 points
        coupon welcome: ISSUED
        ",
    ),
];

/// Kim with 1,000 points and a coupon, and some mugs.
fn shop(stage: &mut Stage<'_>, mugs: i64) {
    stage.customer("kim", 1_000);
    stage.product("mug", 1_500, mugs);
    stage.coupon("welcome", "kim", 500);
}

/// Paid with everything: every step has something to give back.
fn everything() -> Payment {
    Payment::new().coupon("welcome").points(400).card(Card::Good)
}

fn two_mugs() -> Basket {
    Basket::of("kim", "mug", 2).paid(everything())
}

fn confirmed(stage: &mut Stage<'_>) {
    shop(stage, 5);
    stage.buy("one", &two_mugs());
    stage.cancel("one");
}

fn again(stage: &mut Stage<'_>) {
    confirmed(stage);
    stage.rest();
    stage.cancel("one");
}

fn used_again(stage: &mut Stage<'_>) {
    shop(stage, 2);
    stage.buy("one", &two_mugs());
    stage.cancel("one");
    stage.rest();
    stage.buy("two", &two_mugs());
}

fn one_of_two(stage: &mut Stage<'_>) {
    stage.customer("kim", 10_000);
    stage.product("mug", 1_500, 5);
    let basket = Basket::of("kim", "mug", 1).paid(Payment::new().points(1_500));
    stage.buy("one", &basket);
    stage.buy("two", &basket);
    stage.cancel("one");
}

fn pending(stage: &mut Stage<'_>) {
    shop(stage, 5);
    stage.gateway_stuck(true);
    stage.buy("one", &two_mugs());
    stage.cancel("one");
    stage.rest();
    stage.gateway_stuck(false);
    stage.pass(5);
}

fn race(stage: &mut Stage<'_>) {
    shop(stage, 5);
    stage.gateway_stuck(true);
    stage.buy("one", &two_mugs());
    stage.gateway_stuck(false);
    stage.cancel("one");
    stage.pass(5);
}

fn unpaid(stage: &mut Stage<'_>) {
    shop(stage, 5);
    stage.buy("one", &Basket::of("kim", "mug", 2));
    stage.cancel("one");
    stage.rest();
    stage.pay("one", &everything());
}

fn failed(stage: &mut Stage<'_>) {
    shop(stage, 2);
    stage.buy("one", &Basket::of("kim", "mug", 3).paid(everything()));
    stage.cancel("one");
}
