//! One order through quote, birth, every step, judge, logs and views.

use crate::support::{Buy, World, check_books, taken};
use kernel::Reason;
use kernel::judge::SagaStatus;
use order::{Born, Order};

#[test]
fn an_order_paid_with_points_is_confirmed_and_every_book_shows_it() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(10_000), world.product(1_500, 10));
        let buy = Buy { lines: vec![(mug, 2), (mug, 1)], ..Buy::with_points(user, mug, 0) };
        let id = world.buy(&buy);
        let order: Order = world.get("order", (id,));
        assert_eq!(
            (order.status, order.points_used.minor()),
            (SagaStatus::Confirmed, 4_500),
            "{}",
            world.name
        );
        let product: product::Product = world.get("product", (mug,));
        assert_eq!((product.stock, product.sold), (7, 3), "{}", world.name);
        let points: point::Points = world.get("point", (user,));
        assert_eq!(points.balance.minor(), 5_500, "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn the_same_key_answers_with_the_same_order() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(10_000), world.product(1_500, 10));
        let buy = Buy::with_points(user, mug, 3);
        let first = world.order_under(1, 1, &buy);
        world.run();
        let again = world.order_under(1, 1, &buy);
        world.run();
        let first = taken(&first).unwrap().unwrap().unwrap();
        let again = taken(&again).unwrap().unwrap().unwrap();
        assert_eq!(again, Born { order: first.order, replayed: true }, "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn an_order_with_coupon_points_and_card_is_confirmed() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(1_000), world.product(1_500, 10));
        let coupon = world.coupon(user, 500, 3_600);
        let id = world.buy(&Buy::by_card(user, mug, 2).coupon(coupon).points(1_000));
        assert_eq!(world.status(id), (SagaStatus::Confirmed, None), "{}", world.name);
        assert_eq!(world.pg.holds().values().sum::<i64>(), 1_500, "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn a_cancelled_order_gives_everything_back() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
        let coupon = world.coupon(user, 500, 3_600);
        let id = world.buy(&Buy::by_card(user, mug, 2).coupon(coupon).points(1_000));
        world.cancel(id).unwrap();
        assert_eq!(world.status(id), (SagaStatus::Cancelled, None), "{}", world.name);
        let product: product::Product = world.get("product", (mug,));
        assert_eq!((product.stock, product.sold), (5, 0), "{}", world.name);
        assert!(world.pg.holds().is_empty(), "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn an_order_that_is_not_paid_expires() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(1), world.product(1_500, 5));
        let id = world.buy(&Buy { pay: false, ..Buy::with_points(user, mug, 1) });
        assert_eq!(world.status(id), (SagaStatus::Created, None), "{}", world.name);
        check_books(&world);
        world.wait(31 * 60);
        assert_eq!(world.status(id), (SagaStatus::Failed, Some(Reason::TIMED_OUT)), "{}", world.name);
        check_books(&world);
    }
}
