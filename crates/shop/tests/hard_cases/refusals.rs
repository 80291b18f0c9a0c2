//! Every refusal ends in the same books, whatever the steps before it had taken; a chain skips what an order lacks.

use crate::support::{ADMIN, Buy, MONOLITH, OnCharge, SHIPPED, Setting, World, born, check_books, won};
use kernel::ids::OrderId;
use kernel::judge::SagaStatus;
use kernel::participation::{Inbox, InboxState};
use kernel::topology::QuoteFrom;
use kernel::{Reason, Step};
use order::quote::Points;
use std::time::Duration;

fn step_names(world: &World, order: OrderId) -> Vec<String> {
    let plan = world.get::<order::Order>("order", (order,)).plan().unwrap();
    plan.steps.iter().map(ToString::to_string).collect()
}

/// A world in which an order is refused for `reason`, by a step where a step can refuse for it.
fn refused_for(topology: &str, reason: &Reason) -> (World, OrderId) {
    let mut setting = Setting::default();
    if *reason == Reason::PAYMENT_UNAVAILABLE {
        setting.policies.payment.budget = Duration::from_secs(5);
    }
    let mut world = World::set(topology, setting);
    let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
    let coupon = world.coupon(user, 500, 3_600);
    let buy = Buy::by_card(user, mug, 2).coupon(coupon).points(400);
    let order = match reason.as_str() {
        "OUT_OF_STOCK" => world.buy(&Buy { lines: vec![(mug, 6)], ..buy }),
        "PRICE_CHANGED" => {
            // Quoted at the old price; then the change is decided before the stock.
            let slot = world.order(&buy);
            world.shop.quoter().step(1);
            world.reprice(mug, 1_600);
            world.step("product");
            world.run();
            born(&slot).order
        }
        "COUPON_INVALID" => {
            // Another order of the same moment uses it first.
            let first = world.order(&buy);
            let second = world.order(&buy.clone().points(300));
            world.run();
            assert_eq!(world.status(born(&first).order).0, SagaStatus::Confirmed, "{}", world.name);
            born(&second).order
        }
        "POINTS_SHORT" => {
            let all = buy.clone().points(1_000);
            let first = world.order(&Buy { coupon: None, ..all.clone() });
            let second = world.order(&all);
            world.run();
            assert_eq!(world.status(born(&first).order).0, SagaStatus::Confirmed, "{}", world.name);
            born(&second).order
        }
        "PAYMENT_DECLINED" => {
            world.pg.charges([OnCharge::Declines]);
            world.buy(&buy)
        }
        "PAYMENT_UNAVAILABLE" => {
            world.pg.down(true);
            let order = world.buy(&buy);
            world.wait(10);
            order
        }
        "TIMED_OUT" => {
            world.pg.charges([OnCharge::Waits; 100]);
            let order = world.buy(&buy);
            world.wait(32);
            world.pg.release();
            world.wait(5);
            order
        }
        "CANCELLED_BY_CUSTOMER" => {
            world.pg.charges([OnCharge::Waits; 100]);
            let order = world.buy(&buy);
            world.cancel(order).unwrap();
            world.pg.release();
            world.wait(5);
            order
        }
        other => panic!("{other}"),
    };
    (world, order)
}

#[test]
fn every_refusal_by_a_step_gives_back_what_was_taken() {
    let reasons = [
        Reason::OUT_OF_STOCK,
        Reason::PRICE_CHANGED,
        Reason::COUPON_INVALID,
        Reason::POINTS_SHORT,
        Reason::PAYMENT_DECLINED,
        Reason::PAYMENT_UNAVAILABLE,
        Reason::TIMED_OUT,
        Reason::CANCELLED_BY_CUSTOMER,
    ];
    for reason in reasons {
        for (_, topology) in SHIPPED {
            let (world, order) = refused_for(topology, &reason);
            assert_eq!(world.status(order), (SagaStatus::Failed, Some(reason.clone())), "{}", world.name);
            let planned = world.planned(&["stock", "coupon", "point", "payment"]);
            assert_eq!(step_names(&world, order), planned, "{} {reason}", world.name);
            assert_eq!(world.open_letters(), [], "{} {reason}", world.name);
            check_books(&world);
        }
    }
}

#[test]
fn a_refusal_at_the_quote_is_a_failed_order_without_steps() {
    for mut world in World::each() {
        let (user, other, mug) = (world.customer(100), world.customer(100), world.product(1_500, 5));
        let of_another = world.coupon(other, 500, 3_600);
        let coupon = world.buy(&Buy::by_card(user, mug, 1).coupon(of_another));
        // Who quotes from replicas asks for no balance where the amount is named: the step finds it short.
        let asks = world.shop.topology().quote != QuoteFrom::Replica;
        let points = asks.then(|| world.buy(&Buy::by_card(user, mug, 1).points(101)));
        let suspend = user::PatchUser {
            id: user,
            name: None,
            role: None,
            status: Some(user::UserStatus::Suspended),
            expected_version: None,
            by: ADMIN,
            reason: Some("fraud".into()),
        };
        world.ask(suspend).unwrap();
        let inactive = world.buy(&Buy::by_card(user, mug, 1));
        let expected = [
            (Some(coupon), Reason::COUPON_INVALID),
            (points, Reason::POINTS_SHORT),
            (Some(inactive), Reason::USER_INACTIVE),
        ];
        for (order, reason) in expected.into_iter().filter_map(|(order, reason)| Some((order?, reason))) {
            assert_eq!(world.status(order), (SagaStatus::Failed, Some(reason)), "{}", world.name);
            assert!(step_names(&world, order).is_empty(), "{}", world.name);
            assert_eq!(world.said(order)["order.failed"], 1, "{}", world.name);
        }
        assert_eq!(world.everywhere::<Inbox>(), [], "{}: nobody was asked", world.name);
        check_books(&world);
    }
}

/// The card is the only part of the group that is decided later; what refuses at once takes nothing, not for a moment.
#[test]
fn a_group_that_refuses_leaves_nothing() {
    for reason in [Reason::OUT_OF_STOCK, Reason::COUPON_INVALID, Reason::POINTS_SHORT] {
        let (world, order) = refused_for(MONOLITH, &reason);
        let inbox: Vec<Inbox> =
            world.everywhere::<Inbox>().into_iter().filter(|row| row.saga.0 == order.0).collect();
        assert_eq!(inbox.len(), 4);
        assert!(inbox.iter().all(|row| row.receipt.is_none()), "{reason}: nothing was taken: {inbox:?}");
        assert!(inbox.iter().all(|row| row.state == InboxState::Compensated), "{reason}: {inbox:?}");
        assert!(inbox.iter().all(|row| row.reason.as_ref() == Some(&reason)), "{reason}: {inbox:?}");
        let history = world.all::<point::PointEntry>("point");
        assert!(history.iter().all(|entry| entry.order_id != Some(order)), "{reason}");
        let payments = world.all::<payment::PaymentRow>("payment");
        assert!(payments.iter().all(|payment| payment.order_id != order), "{reason}");
        let said = world.said(order);
        assert!(said.keys().all(|word| !word.ends_with(".done")), "{reason}: {said:?}");
        check_books(&world);
    }
}

#[test]
fn a_chain_skips_the_steps_that_an_order_lacks() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(10_000), world.product(1_500, 50));
        let mut coupon = || world.coupon(user, 500, 3_600);
        let coupons = [coupon(), coupon(), coupon()];
        let all = Points::Amount(won(1_000));
        let cases = [
            (Buy::by_card(user, mug, 1), vec!["stock", "payment"]),
            (Buy::by_card(user, mug, 1).points(400), vec!["stock", "point", "payment"]),
            (Buy::with_points(user, mug, 1), vec!["stock", "point", "payment"]),
            (Buy::by_card(user, mug, 1).coupon(coupons[0]), vec!["stock", "coupon", "payment"]),
            (
                Buy { points: all, ..Buy::with_points(user, mug, 1).coupon(coupons[1]) },
                vec!["stock", "coupon", "point", "payment"],
            ),
        ];
        for (buy, steps) in cases {
            let order = world.buy(&buy);
            assert_eq!(step_names(&world, order), world.planned(&steps), "{}", world.name);
            assert_eq!(world.status(order), (SagaStatus::Confirmed, None), "{} {steps:?}", world.name);
            world.cancel(order).unwrap();
            assert_eq!(world.status(order), (SagaStatus::Cancelled, None), "{} {steps:?}", world.name);
            if buy.card {
                world.pg.charges([OnCharge::Declines]);
                let declined = world.buy(&buy);
                let reason = Some(Reason::PAYMENT_DECLINED);
                assert_eq!(world.status(declined), (SagaStatus::Failed, reason), "{} {steps:?}", world.name);
            }
            check_books(&world);
        }
        let free = world.coupon(user, 5_000, 3_600);
        let order = world.buy(&Buy::by_card(user, mug, 1).coupon(free));
        assert_eq!(world.status(order), (SagaStatus::Confirmed, None), "{}: nothing left to pay", world.name);
        assert_eq!(world.get::<Inbox>("payment", (order.0, Step::PAYMENT)).state, InboxState::Done);
        check_books(&world);
    }
}
