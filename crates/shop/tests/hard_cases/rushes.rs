//! Many at once for what is not enough for all.

use crate::support::{Buy, OnCharge, Slot, World, born, check_books, taken};
use kernel::Reason;
use kernel::ids::OrderId;
use kernel::judge::SagaStatus;
use std::collections::BTreeSet;

fn counts(world: &World, orders: &[OrderId]) -> (usize, usize) {
    let confirmed = orders.iter().filter(|order| world.status(**order).0 == SagaStatus::Confirmed).count();
    let failed = orders.iter().filter(|order| world.status(**order).0 == SagaStatus::Failed).count();
    (confirmed, failed)
}

#[test]
fn five_hundred_clients_get_the_last_hundred_items() {
    for mut world in World::each() {
        let mug = world.product(1_500, 100);
        let users = world.customers(500, 2_000);
        let slots: Vec<_> = users.iter().map(|user| world.order(&Buy::with_points(*user, mug, 1))).collect();
        world.run();
        let orders: Vec<OrderId> = slots.iter().map(|slot| born(slot).order).collect();
        assert_eq!(counts(&world, &orders), (100, 400), "{}", world.name);
        let product: product::Product = world.get("product", (mug,));
        assert_eq!((product.stock, product.sold), (0, 100), "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn ten_thousand_users_get_exactly_a_thousand_coupons() {
    for mut world in World::each() {
        let coupon = world.campaign(500, 1_000, 3_600);
        let users: Vec<_> =
            (0..10_000_u128).map(|n| kernel::ids::UserId(uuid::Uuid::from_u128(n + 1))).collect();
        // Every tenth asks twice.
        let asking = users.iter().chain(users.iter().step_by(10));
        let slots: Vec<Slot<_>> =
            asking.map(|user| world.send(coupon::IssueCoupon { coupon, user: *user })).collect();
        world.run();
        let answers: Vec<_> = slots.iter().map(|slot| taken(slot).unwrap().unwrap()).collect();
        let holders: BTreeSet<_> = answers.iter().flatten().map(|issued| issued.user_id).collect();
        assert_eq!(answers.iter().flatten().count(), 1_000, "{}", world.name);
        assert_eq!(holders.len(), 1_000, "{}: one per user", world.name);
        let codes: BTreeSet<_> =
            answers.iter().filter_map(|answer| answer.as_ref().err().map(|refused| refused.code)).collect();
        assert_eq!(codes, BTreeSet::from(["COUPON_ALREADY_ISSUED", "COUPON_SOLD_OUT"]), "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn the_same_coupon_in_two_orders_at_once_is_used_once() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(10_000), world.product(1_500, 10));
        let coupon = world.coupon(user, 500, 3_600);
        let slots = [1, 2].map(|count| world.order(&Buy::with_points(user, mug, count).coupon(coupon)));
        world.run();
        let orders = slots.map(|slot| born(&slot).order);
        assert_eq!(counts(&world, &orders), (1, 1), "{}", world.name);
        let loser = orders.into_iter().find(|order| world.status(*order).0 == SagaStatus::Failed).unwrap();
        assert_eq!(world.status(loser).1, Some(Reason::COUPON_INVALID), "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn the_same_points_in_two_orders_at_once_are_taken_once() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(2_000), world.product(1_500, 10));
        let slots = [(); 2].map(|()| world.order(&Buy::with_points(user, mug, 1)));
        world.run();
        let orders = slots.map(|slot| born(&slot).order);
        assert_eq!(counts(&world, &orders), (1, 1), "{}", world.name);
        let points: point::Points = world.get("point", (user,));
        assert_eq!(points.balance.minor(), 500, "{}", world.name);
        check_books(&world);
    }
}

/// The answer that confirms and the cancel meet in one batch of the order's database, in both orders.
#[test]
fn a_cancel_that_races_the_confirmation_takes_everything_back() {
    for cancel_first in [true, false] {
        for mut world in World::each() {
            let (user, mug) = (world.customer(1_000), world.product(1_500, 10));
            let coupon = world.coupon(user, 500, 3_600);
            world.pg.charges([OnCharge::Waits]);
            let order = world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(300));
            let cancel = order::CancelOrder { order, customer: Some(user) };
            let answer = if cancel_first {
                let answer = world.send(cancel);
                if world.apart("order", "payment") {
                    // Its own log's reader comes before the door in one batch; so the cancel gets a batch of its own.
                    world.step("order");
                }
                world.pg.release();
                world.pg.step();
                answer
            } else {
                world.pg.release();
                world.pg.step();
                if world.apart("order", "payment") {
                    world.step("payment");
                }
                world.send(cancel)
            };
            world.run();
            world.wait(3);
            taken(&answer).unwrap().unwrap().unwrap();
            let (status, reason) = world.status(order);
            let said = world.said(order);
            match said.get("order.confirmed") {
                Some(_) => assert_eq!((status, reason), (SagaStatus::Cancelled, None), "{}", world.name),
                None => {
                    let cancelled = Some(Reason::CANCELLED_BY_CUSTOMER);
                    assert_eq!((status, reason), (SagaStatus::Failed, cancelled), "{}", world.name);
                }
            }
            assert_eq!(world.pg.charged(), 1, "{}", world.name);
            assert!(world.pg.holds().is_empty(), "{}", world.name);
            check_books(&world);
        }
    }
}
