//! Orders that are confirmed: what is taken, from whom, and who counts it.

use crate::deployment::{Basket, Card, Payment};
use crate::scene::{Scene, Stage};

pub(super) const SCENES: &[Scene] = &[
    Scene::new(
        "paid with points",
        paid_with_points,
        "
        order one: CONFIRMED, points 3000, payment APPROVED, told confirmed
        product mug: stock 3, sold 2, best sellers 2
        customer kim: 7000 points
        ",
    ),
    Scene::new(
        "paid by card",
        paid_by_card,
        "
        order one: CONFIRMED, card 3000, payment APPROVED, gateway holds 3000, told confirmed
        product mug: stock 3, sold 2, best sellers 2
        customer kim: 0 points
        ",
    ),
    Scene::new(
        "coupon, points and card together",
        paid_with_everything,
        "
        order one: CONFIRMED, card 2100, points 400, discount 500, payment APPROVED, gateway holds 2100, told confirmed
        product mug: stock 3, sold 2, best sellers 2
        customer kim: 600 points
        coupon welcome: USED by one
        ",
    ),
    Scene::new(
        "all points, the card for the rest",
        all_points,
        "
        order short: CONFIRMED, card 500, points 1000, payment APPROVED, gateway holds 500, told confirmed
        order rich: CONFIRMED, points 1500, payment APPROVED, told confirmed
        product mug: stock 3, sold 2, best sellers 2
        customer kim: 0 points
        customer lee: 3500 points
        ",
    ),
    Scene::new(
        "a coupon that leaves nothing to pay",
        nothing_to_pay,
        "
        order one: CONFIRMED, discount 1500, payment APPROVED, told confirmed
        product mug: stock 4, sold 1, best sellers 1
        customer kim: 700 points
        coupon gift: USED by one
        ",
    ),
    Scene::new(
        "several products, one of them in two lines",
        several_products,
        "
        order one: CONFIRMED, points 5200, payment APPROVED, told confirmed
        product mug: stock 2, sold 3, best sellers 3
        product pen: stock 8, sold 1, best sellers 1
        customer kim: 800 points
        ",
    ),
    Scene::new(
        "made first, paid later",
        paid_later,
        "
        order one: CONFIRMED, card 2100, points 400, discount 500, payment APPROVED, gateway holds 2100, told confirmed
        product mug: stock 3, sold 2, best sellers 2
        customer kim: 600 points
        coupon welcome: USED by one
        ",
    ),
];

fn paid_with_points(stage: &mut Stage<'_>) {
    stage.customer("kim", 10_000);
    stage.product("mug", 1_500, 5);
    stage.buy("one", &Basket::of("kim", "mug", 2).paid(Payment::new().points(3_000)));
}

fn paid_by_card(stage: &mut Stage<'_>) {
    stage.customer("kim", 0);
    stage.product("mug", 1_500, 5);
    stage.buy("one", &Basket::of("kim", "mug", 2).paid(Payment::new().card(Card::Good)));
}

fn everything() -> Payment {
    Payment::new().coupon("welcome").points(400).card(Card::Good)
}

fn paid_with_everything(stage: &mut Stage<'_>) {
    stage.customer("kim", 1_000);
    stage.product("mug", 1_500, 5);
    stage.coupon("welcome", "kim", 500);
    stage.buy("one", &Basket::of("kim", "mug", 2).paid(everything()));
}

fn all_points(stage: &mut Stage<'_>) {
    stage.customer("kim", 1_000);
    stage.customer("lee", 5_000);
    stage.product("mug", 1_500, 5);
    let payment = Payment::new().all_points().card(Card::Good);
    stage.buy("short", &Basket::of("kim", "mug", 1).paid(payment.clone()));
    stage.buy("rich", &Basket::of("lee", "mug", 1).paid(payment));
}

fn nothing_to_pay(stage: &mut Stage<'_>) {
    stage.customer("kim", 700);
    stage.product("mug", 1_500, 5);
    stage.coupon("gift", "kim", 5_000);
    stage.buy("one", &Basket::of("kim", "mug", 1).paid(Payment::new().coupon("gift").all_points()));
}

fn several_products(stage: &mut Stage<'_>) {
    stage.customer("kim", 6_000);
    stage.product("mug", 1_500, 5);
    stage.product("pen", 700, 9);
    let basket = Basket::of("kim", "mug", 2).and("pen", 1).and("mug", 1);
    stage.buy("one", &basket.paid(Payment::new().points(5_200)));
}

fn paid_later(stage: &mut Stage<'_>) {
    stage.customer("kim", 1_000);
    stage.product("mug", 1_500, 5);
    stage.coupon("welcome", "kim", 500);
    stage.buy("one", &Basket::of("kim", "mug", 2));
    stage.pay("one", &everything());
}
