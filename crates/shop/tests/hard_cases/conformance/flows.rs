//! The flows whose transcripts are kept.

use super::stepped::Stepped;
use super::transcript::Scribe;
use conformance::{Basket, Card, Deployment, Needs, Payment, Terms};
use std::sync::Arc;

/// One order's way, from the moment that it is asked for.
pub(super) struct Flow {
    pub(super) name: &'static str,
    /// What is done before the tape runs.
    before: fn(&mut Stepped),
    play: fn(&mut Stepped),
}

const fn flow(name: &'static str, before: fn(&mut Stepped), play: fn(&mut Stepped)) -> Flow {
    Flow { name, before, play }
}

/// The flows that `topology` can have.
pub(super) fn flows(topology: &str) -> Vec<Flow> {
    let inline = Stepped::new(topology, Terms::Usual).meets(Needs::InlineDelivery);
    let refused =
        flow("refused at delivery", |shop| shop.platform_refuses(true), |shop| buy(shop, 2, Card::Good));
    FLOWS.into_iter().chain(inline.then_some(refused)).collect()
}

const FLOWS: [Flow; 7] = [
    flow("success", nothing, |shop| buy(shop, 2, Card::Good)),
    flow("refused at stock", nothing, |shop| buy(shop, 10, Card::Good)),
    flow("refused at coupon", want_the_coupon, |shop| buy(shop, 2, Card::Good)),
    flow("refused at point", want_all_points, |shop| buy(shop, 2, Card::Good)),
    flow("refused at payment", nothing, |shop| buy(shop, 2, Card::Declined)),
    flow("cancelled after confirmation", |shop| buy(shop, 2, Card::Good), cancel),
    flow("deadline", |shop| shop.gateway_stuck(true), wait_for_the_gateway),
];

/// What `flow` looks like in `topology`.
pub(super) fn transcript(topology: &str, flow: &Flow) -> String {
    let mut shop = Stepped::new(topology, Terms::Usual);
    shop.customer("kim", 3_000);
    shop.product("mug", 1_500, 9);
    shop.coupon("welcome", "kim", 500);
    (flow.before)(&mut shop);
    let tape = Arc::clone(&shop.world.tape);
    tape.start();
    (flow.play)(&mut shop);
    Scribe::of(&shop.world).write(&tape.stop(), shop.order_id("one").0)
}

fn nothing(_shop: &mut Stepped) {}

/// Paid with everything: every step is planned.
fn buy(shop: &mut Stepped, count: i64, card: Card) {
    let payment = Payment::new().coupon("welcome").points(400).card(card);
    shop.order("one", "one", &Basket::of("kim", "mug", count).paid(payment));
    shop.rest();
}

/// Another order of the same moment, quoted with the same facts and carried out first, uses the coupon: the step refuses, not the quote.
fn want_the_coupon(shop: &mut Stepped) {
    let payment = Payment::new().coupon("welcome").points(1_000);
    shop.order("other", "other", &Basket::of("kim", "mug", 1).paid(payment));
}

/// As [`want_the_coupon`], with the points.
fn want_all_points(shop: &mut Stepped) {
    shop.order("other", "other", &Basket::of("kim", "mug", 2).paid(Payment::new().all_points()));
}

fn cancel(shop: &mut Stepped) {
    shop.cancel("one");
    shop.rest();
}

fn wait_for_the_gateway(shop: &mut Stepped) {
    buy(shop, 2, Card::Good);
    shop.pass(31);
    shop.gateway_stuck(false);
    shop.pass(5);
}
