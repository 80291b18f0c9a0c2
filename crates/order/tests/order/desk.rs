//! A bench for orders, and the things that tests order.

use jumun_order::quote::{PayerFacts, Payment, Points, ProductFact, Quoted};
use jumun_order::{KeyHash, Order, OrderDomain, OrderPolicy, PayOrder, PlaceOrder, Quote, Wiring};
use kernel::error::{Kind, Refused};
use kernel::ids::{OrderId, ProductId, UserCouponId, UserId};
use kernel::judge::{Coordination, Patience};
use kernel::plan::{CardToken, PlanLine};
use kernel::testbed::{Testbed, bare_plan};
use kernel::time::Backoff;
use kernel::{DomainName, Money, Plan, Reason, Said, Step, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);
pub(crate) const OWNER: UserId = UserId(Uuid::from_u128(1));
pub(crate) const STRANGER: UserId = UserId(Uuid::from_u128(2));
pub(crate) const ADMIN: UserId = UserId(Uuid::from_u128(9));
pub(crate) const TOKEN: &str = "tok_secret_4242";

pub(crate) fn policy() -> OrderPolicy {
    OrderPolicy {
        deadline: Duration::from_secs(30),
        created_expiry: Duration::from_secs(1_800),
        cancel_window: Duration::from_secs(7 * 86_400),
        patience: Patience {
            resend: Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(4) },
            budget: 2,
            inquiry: Duration::from_secs(1),
        },
    }
}

pub(crate) fn bench() -> Testbed<OrderDomain> {
    bench_with(wiring())
}

/// A topology whose steps hear all that they need.
pub(crate) fn wiring() -> Wiring {
    Wiring { topology: "monolith".into(), ..Wiring::default() }
}

pub(crate) fn bench_with(wiring: Wiring) -> Testbed<OrderDomain> {
    Testbed::new(OrderDomain::new(policy(), wiring), NOW)
}

/// The order asks for each of its two steps by name.
pub(crate) fn commands() -> Coordination {
    let all = vec![Step::STOCK, Step::PAYMENT];
    let asked = all.iter().map(|step| vec![step.clone()]).collect();
    Coordination { asked, undone_when_failing: all.clone(), undone_when_cancelling: all, inquires: false }
}

pub(crate) fn won(minor: i64) -> Money {
    Money::new(minor).unwrap()
}

pub(crate) fn product(n: u128) -> ProductId {
    ProductId(Uuid::from_u128(100 + n))
}

pub(crate) fn user_coupon() -> UserCouponId {
    UserCouponId(Uuid::from_u128(50))
}

pub(crate) fn card() -> CardToken {
    CardToken(TOKEN.into())
}

pub(crate) fn fact(price: i64) -> ProductFact {
    ProductFact { sku: "MUG".into(), name: "Mug".into(), price: won(price), active: true }
}

/// Two mugs at 12,000, frozen and not yet to be paid.
pub(crate) fn draft() -> Plan {
    let unit_price = won(12_000);
    let (product_id, sku, name) = (product(1), "MUG".into(), "Mug".into());
    let lines = vec![PlanLine { product_id, sku, name, quantity: 2, unit_price }];
    Plan { lines, total: won(24_000), payment: kernel::ids::PaymentId(Uuid::nil()), ..bare_plan(0, OWNER) }
}

/// Stock and payment of the draft, all by card.
pub(crate) fn plan() -> Plan {
    let steps = vec![Step::STOCK, Step::PAYMENT];
    Plan { card_amount: won(24_000), card: Some(card()), steps, ..draft() }
}

pub(crate) fn key(key: u8, body: u8) -> KeyHash {
    KeyHash { key: Arc::from([key]), body: Arc::from([body]) }
}

pub(crate) fn quoted(plan: Plan) -> Quote {
    Quote::Quoted(Quoted::Plan(Box::new(plan)))
}

pub(crate) fn refused_quote(reason: Reason) -> Quote {
    Quote::Quoted(Quoted::Refused(reason, Box::new(draft())))
}

/// Places an order; panics if it is refused.
pub(crate) fn place(bench: &mut Testbed<OrderDomain>, number: u8, quote: Quote) -> OrderId {
    bench.ask(PlaceOrder { quote, key: key(number, 0) }).unwrap().unwrap().order
}

/// Pays `order` as its owner, by card.
pub(crate) fn payment_of(order: OrderId, number: u8) -> PayOrder {
    PayOrder { order, user: OWNER, quote: Quoted::Plan(Box::new(plan())), key: key(number, 0) }
}

pub(crate) fn row(bench: &Testbed<OrderDomain>, order: OrderId) -> Order {
    bench.get((order,)).unwrap()
}

/// The order hears a participant, with the plan that the message carries.
pub(crate) fn hear(bench: &mut Testbed<OrderDomain>, order: OrderId, said: &Said) {
    let plan = row(bench, order).plan().unwrap();
    bench.hear(&DomainName::of("product"), said, &plan).unwrap();
}

pub(crate) fn done(step: Step) -> Said {
    Said::Done { step, prior: Vec::new() }
}

pub(crate) fn compensated(step: Step) -> Said {
    Said::Compensated { step, cause: None }
}

/// A placed order of which every step is done.
pub(crate) fn confirmed(bench: &mut Testbed<OrderDomain>) -> OrderId {
    let order = place(bench, 1, quoted(plan()));
    hear(bench, order, &done(Step::STOCK));
    hear(bench, order, &done(Step::PAYMENT));
    order
}

/// The names of what was said last, in order.
pub(crate) fn words(bench: &Testbed<OrderDomain>) -> String {
    bench.said.iter().map(|said| said.name().to_string()).collect::<Vec<_>>().join(" ")
}

pub(crate) fn shown<T>(reply: Result<T, Refused>) -> Option<(Kind, &'static str)> {
    reply.err().map(|refused| (refused.kind, refused.code))
}

pub(crate) fn payment(coupon: bool, points: Points, with_card: bool) -> Payment {
    Payment { user_coupon_id: coupon.then(user_coupon), points, card: with_card.then(card) }
}

/// An active user who has `balance` points and, where `discount` is given, a coupon that is worth that.
pub(crate) fn facts(balance: i64, discount: Option<i64>) -> PayerFacts {
    PayerFacts {
        active: Some(true),
        discount: discount.map(|discount| Some(won(discount))),
        balance: Some(won(balance)),
    }
}

/// Products 1, 2, … at these prices.
pub(crate) fn catalogue(prices: &[i64]) -> BTreeMap<ProductId, ProductFact> {
    (1..).zip(prices).map(|(n, price)| (product(n), fact(*price))).collect()
}
