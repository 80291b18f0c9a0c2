//! Orders that are refused, for every reason that there is: whatever had been taken is back. Each is refused for one reason only,
//! so that topologies that ask in another order, or side by side, report the same.

use crate::deployment::{Basket, Card, Needs, Payment, Terms};
use crate::scene::{Scene, Stage};

/// Order `one` failed for this reason, and what [`shop`] made is as it was.
macro_rules! refused {
    ($reason:literal) => {
        concat!(
            "order one: FAILED ",
            $reason,
            ", told failed
            product mug: stock 5, sold 0, best sellers 0
            customer kim: 1000 points
            coupon welcome: ISSUED"
        )
    };
}

pub(super) const SCENES: &[Scene] = &[
    Scene::new("out of stock", out_of_stock, refused!("OUT_OF_STOCK")),
    Scene::new(
        "one of two products out of stock",
        one_out_of_stock,
        "
        order one: FAILED OUT_OF_STOCK, told failed
        product mug: stock 5, sold 0, best sellers 0
        product pen: stock 1, sold 0, best sellers 0
        customer kim: 1000 points
        coupon welcome: ISSUED
        ",
    ),
    Scene::new("a price that has changed since the quote", price_changed, refused!("PRICE_CHANGED"))
        .needs(Needs::StaleQuote),
    Scene::new(
        "a coupon of somebody else",
        coupon_of_another,
        "
        order one: FAILED COUPON_INVALID, told failed
        product mug: stock 5, sold 0, best sellers 0
        customer kim: 1000 points
        customer lee: 0 points
        coupon hers: ISSUED
        ",
    ),
    Scene::new(
        "a coupon that is used already",
        coupon_used,
        "
        order first: CONFIRMED, card 1000, discount 500, payment APPROVED, gateway holds 1000, told confirmed
        order one: FAILED COUPON_INVALID, told failed
        product mug: stock 4, sold 1, best sellers 1
        customer kim: 1000 points
        coupon welcome: USED by first
        ",
    ),
    Scene::new("points short", points_short, refused!("POINTS_SHORT")),
    Scene::new("a suspended customer", suspended, refused!("USER_INACTIVE")).needs(Needs::OpenDoor),
    Scene::new("a declined card", declined, refused!("PAYMENT_DECLINED")),
    Scene::new("a declined card, and nothing else to pay with", only_declined, refused!("PAYMENT_DECLINED")),
    Scene::new("a gateway that never takes it", unreachable, refused!("PAYMENT_UNAVAILABLE"))
        .on(Terms::Hasty)
        .needs(Needs::OwnTime),
    Scene::new("a gateway that answers after the deadline", too_late, refused!("TIMED_OUT"))
        .needs(Needs::OwnTime),
    Scene::new(
        "not paid in time",
        not_paid_in_time,
        "
        order one: FAILED TIMED_OUT, told failed, pay: ORDER_NOT_PAYABLE
        product mug: stock 5, sold 0, best sellers 0
        customer kim: 1000 points
        coupon welcome: ISSUED
        ",
    )
    .needs(Needs::OwnTime),
    Scene::new("a platform that refuses the payment's delivery", undeliverable, refused!("DELIVERY_FAILED"))
        .needs(Needs::InlineDelivery),
];

/// Kim with 1,000 points and a coupon, and five mugs.
fn shop(stage: &mut Stage<'_>) {
    stage.customer("kim", 1_000);
    stage.product("mug", 1_500, 5);
    stage.coupon("welcome", "kim", 500);
}

/// Some mugs, paid with everything: every step has something to do.
fn mugs(count: i64, card: Card) -> Basket {
    Basket::of("kim", "mug", count).paid(with_everything(card))
}

fn with_everything(card: Card) -> Payment {
    Payment::new().coupon("welcome").points(400).card(card)
}

fn out_of_stock(stage: &mut Stage<'_>) {
    shop(stage);
    stage.buy("one", &mugs(6, Card::Good));
}

fn one_out_of_stock(stage: &mut Stage<'_>) {
    shop(stage);
    stage.product("pen", 700, 1);
    stage.buy("one", &mugs(2, Card::Good).and("pen", 2));
}

fn price_changed(stage: &mut Stage<'_>) {
    shop(stage);
    stage.order("one", &mugs(2, Card::Good));
    stage.reprice("mug", 1_600);
}

fn coupon_of_another(stage: &mut Stage<'_>) {
    stage.customer("kim", 1_000);
    stage.customer("lee", 0);
    stage.product("mug", 1_500, 5);
    stage.coupon("hers", "lee", 500);
    let payment = Payment::new().coupon("hers").points(400).card(Card::Good);
    stage.buy("one", &Basket::of("kim", "mug", 2).paid(payment));
}

fn coupon_used(stage: &mut Stage<'_>) {
    shop(stage);
    let payment = Payment::new().coupon("welcome").card(Card::Good);
    stage.buy("first", &Basket::of("kim", "mug", 1).paid(payment));
    stage.buy("one", &mugs(2, Card::Good));
}

fn points_short(stage: &mut Stage<'_>) {
    shop(stage);
    let payment = Payment::new().coupon("welcome").points(1_001).card(Card::Good);
    stage.buy("one", &Basket::of("kim", "mug", 2).paid(payment));
}

fn suspended(stage: &mut Stage<'_>) {
    shop(stage);
    stage.suspend("kim");
    stage.buy("one", &mugs(2, Card::Good));
}

fn declined(stage: &mut Stage<'_>) {
    shop(stage);
    stage.buy("one", &mugs(2, Card::Declined));
}

fn only_declined(stage: &mut Stage<'_>) {
    shop(stage);
    stage.buy("one", &Basket::of("kim", "mug", 2).paid(Payment::new().card(Card::Declined)));
}

fn unreachable(stage: &mut Stage<'_>) {
    shop(stage);
    stage.buy("one", &mugs(2, Card::Unreachable));
    // A charge that timed out is certain not to be there only after the gateway's settling time.
    stage.pass(25);
}

fn too_late(stage: &mut Stage<'_>) {
    shop(stage);
    stage.gateway_stuck(true);
    stage.buy("one", &mugs(2, Card::Good));
    stage.pass(32);
    stage.gateway_stuck(false);
    stage.pass(10);
}

fn not_paid_in_time(stage: &mut Stage<'_>) {
    shop(stage);
    stage.buy("one", &Basket::of("kim", "mug", 2));
    stage.pass(31 * 60);
    stage.pay("one", &with_everything(Card::Good));
}

fn undeliverable(stage: &mut Stage<'_>) {
    shop(stage);
    stage.platform_refuses(true);
    stage.buy("one", &mugs(2, Card::Good));
    stage.platform_refuses(false);
    stage.pass(60);
}
