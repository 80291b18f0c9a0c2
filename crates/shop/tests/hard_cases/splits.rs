//! What each split promises of its own, beside the books: who gives back by whose word, who waits for whom, when an order counts as
//! ended. Each names the topology that its seed asks it of.

use crate::support::{Buy, OnCharge, SHIPPED, World, born, check_books};
use data_platform::Delivery;
use kernel::Reason;
use kernel::ids::OrderId;
use kernel::judge::SagaStatus;
use kernel::participation::{Inbox, InboxState};
use ranking::Sale;
use read_model::OrderView;
use std::collections::BTreeMap;

/// A world of the topology that ships under this name.
pub(crate) fn world_of(name: &str) -> World {
    let shipped = SHIPPED.into_iter().find(|(shipped, _)| *shipped == name);
    World::new(shipped.unwrap().1)
}

/// How the order's steps stand in their participants' own books.
fn books(world: &World, order: OrderId) -> BTreeMap<String, InboxState> {
    let rows = world.everywhere::<Inbox>().into_iter().filter(|row| row.saga.0 == order.0);
    rows.map(|row| (row.step.to_string(), row.state)).collect()
}

/// Steps of the order that took something, whatever became of it.
fn taken(world: &World, order: OrderId) -> Vec<String> {
    let rows = world.everywhere::<Inbox>().into_iter();
    let mut taken: Vec<String> = rows
        .filter(|row| row.saga.0 == order.0 && row.receipt.is_some())
        .map(|row| row.step.to_string())
        .collect();
    taken.sort_unstable();
    taken
}

/// Words about the order that end so, without their ending.
fn said(world: &World, order: OrderId, ending: &str) -> Vec<String> {
    let words = world.said(order).into_keys();
    words.filter_map(|word| word.strip_suffix(ending).map(str::to_owned)).collect()
}

/// An order is born, and what it says reaches everybody; what they say does not reach it.
pub(crate) fn born_and_held(world: &mut World, buys: &[Buy]) -> Vec<OrderId> {
    let slots: Vec<_> = buys.iter().map(|buy| world.order(buy)).collect();
    world.shop.quoter().step(buys.len());
    world.step("order");
    world.hold("order");
    world.run();
    slots.iter().map(|slot| born(slot).order).collect()
}

/// Seed 000's compensation matrix, and the row that a card adds.
#[test]
fn calls_give_back_what_the_matrix_says_and_ask_nobody_after_the_refusal() {
    let each = [
        (Reason::COUPON_INVALID, "coupon", vec!["stock"]),
        (Reason::POINTS_SHORT, "point", vec!["coupon", "stock"]),
        (Reason::PAYMENT_DECLINED, "payment", vec!["coupon", "point", "stock"]),
    ];
    for (reason, refusing, given_back) in each {
        let mut world = world_of("orchestrated-calls");
        let (user, mug) = (world.customer(1_000), world.product(1_500, 9));
        let coupon = world.coupon(user, 500, 3_600);
        let buy = Buy::by_card(user, mug, 1).coupon(coupon).points(300);
        let order = match refusing {
            // Another order of the same moment is first.
            "coupon" => {
                drop(world.order(&buy));
                world.buy(&buy)
            }
            "point" => {
                drop(world.order(&Buy::by_card(user, mug, 1).points(1_000)));
                world.buy(&buy.clone().points(1_000))
            }
            _ => {
                world.pg.charges([OnCharge::Declines]);
                world.buy(&buy)
            }
        };
        assert_eq!(world.status(order), (SagaStatus::Failed, Some(reason.clone())));
        assert_eq!(taken(&world, order), given_back, "{reason}");
        let books = books(&world, order);
        assert!(given_back.iter().all(|step| books[*step] == InboxState::Compensated), "{reason}: {books:?}");
        let mut asked = said(&world, order, ".asked");
        asked.retain(|step| !given_back.contains(&step.as_str()));
        assert_eq!(asked, [refusing], "{reason}: nobody after it was asked");
        check_books(&world);
    }
}

/// Seed 000 answers a failure after the rollbacks: until then the order is not settled, and settled is what its client waits for.
#[test]
fn a_failed_order_is_settled_only_when_all_is_given_back() {
    let mut world = world_of("orchestrated-calls");
    let (user, mug) = (world.customer(1_000), world.product(1_500, 9));
    let coupon = world.coupon(user, 500, 3_600);
    world.hold("coupon");
    let order = world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(1_000));
    let other = world.buy(&Buy::by_card(user, mug, 1).points(1_000));
    assert_eq!(world.status(other).0, SagaStatus::Confirmed);
    world.let_go();
    world.hold("product");
    world.run();
    let (status, reason) = world.status(order);
    assert_eq!((status, reason), (SagaStatus::Failing, Some(Reason::POINTS_SHORT)), "stock is not back yet");
    assert!(!status.is_settled());
    world.let_go();
    world.run();
    assert_eq!(world.status(order).0, SagaStatus::Failed);
    check_books(&world);
}

/// Seed 000's provisional save. The order itself is there from its birth; that promise beats the seed.
#[test]
fn an_order_is_found_from_its_birth_and_listed_once_its_stock_is_taken() {
    for mut world in World::each_apart("order", "product") {
        let waits = world.name == "orchestrated-calls";
        let (user, mug) = (world.customer(1_000), world.product(1_500, 9));
        let coupon = world.coupon(user, 500, 3_600);
        world.hold("product");
        let order = world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(300));
        assert_eq!(world.status(order).0, SagaStatus::Pending, "{}", world.name);
        let unlisted = |world: &World| world.get::<OrderView>("read-model", (order,)).unlisted;
        assert_eq!(unlisted(&world), waits.then_some(true), "{}", world.name);
        world.let_go();
        world.hold("coupon");
        world.run();
        assert_eq!(unlisted(&world), None, "{}", world.name);
        if waits {
            assert_eq!(world.status(order).0, SagaStatus::Pending, "the coupon has not answered");
        }
        world.let_go();
        world.run();
        check_books(&world);
    }
}

/// Ranking and data platform come after the answer, in every topology.
#[test]
fn nothing_is_ranked_or_delivered_before_the_order_is_confirmed() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(1_000), world.product(1_500, 9));
        world.pg.charges([OnCharge::Waits]);
        let order = world.buy(&Buy::by_card(user, mug, 2).points(300));
        assert_eq!(world.status(order).0, SagaStatus::Pending, "{}", world.name);
        assert!(world.all::<Sale>("ranking").is_empty(), "{}", world.name);
        assert!(world.all::<Delivery>("data-platform").is_empty(), "{}", world.name);
        let apart = world.apart("order", "data-platform");
        if apart {
            world.hold("data-platform");
        }
        world.pg.release();
        world.run();
        assert_eq!(world.status(order).0, SagaStatus::Confirmed, "{}", world.name);
        assert_eq!(world.all::<Delivery>("data-platform").is_empty(), apart, "{}", world.name);
        world.let_go();
        world.run();
        assert_eq!(world.all::<Sale>("ranking")[0].sold, 2, "{}", world.name);
        check_books(&world);
    }
}

/// Seed 001: nobody waits for anybody.
#[test]
fn in_parallel_every_step_acts_on_the_order_alone() {
    for late in ["product", "coupon", "point", "payment"] {
        let mut world = world_of("choreographed-parallel");
        let (user, mug) = (world.customer(1_000), world.product(1_500, 9));
        let coupon = world.coupon(user, 500, 3_600);
        world.hold(late);
        let order = world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(300));
        let books = books(&world, order);
        assert_eq!(books.len(), 3, "all but {late}: {books:?}");
        assert!(books.values().all(|state| *state == InboxState::Done), "{books:?}");
        world.let_go();
        world.run();
        assert_eq!(world.status(order).0, SagaStatus::Confirmed);
        check_books(&world);
    }
}

/// Seed 001: the order's failure is an event; each compensates by itself, nobody is told by name.
#[test]
fn in_parallel_each_step_gives_back_when_it_hears_that_the_order_fails() {
    let mut world = world_of("choreographed-parallel");
    let (user, mug) = (world.customer(1_000), world.product(1_500, 9));
    let coupon = world.coupon(user, 500, 3_600);
    world.pg.charges([OnCharge::Declines]);
    let order = world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(300));
    assert_eq!(world.status(order), (SagaStatus::Failed, Some(Reason::PAYMENT_DECLINED)));
    assert_eq!(taken(&world, order), ["coupon", "point", "stock"]);
    assert_eq!(world.said(order)["order.failing"], 1);
    assert_eq!(said(&world, order, ".asked"), [""; 0]);
    assert_eq!(said(&world, order, ".undo_asked"), [""; 0]);
    check_books(&world);
}

/// Seed 002: the half that refuses says so, and the other gives back by that word, before the order has heard anything.
#[test]
fn the_half_that_refuses_makes_the_other_give_back() {
    let mut world = world_of("validated-async");
    let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
    let coupon = world.coupon(user, 500, 3_600);
    let too_many = Buy { lines: vec![(mug, 6)], ..Buy::by_card(user, mug, 1).coupon(coupon).points(300) };
    let order = born_and_held(&mut world, &[too_many])[0];
    let expected = [
        ("coupon".to_owned(), InboxState::Compensated),
        ("point".to_owned(), InboxState::Compensated),
        ("stock".to_owned(), InboxState::Refused),
    ];
    assert_eq!(books(&world, order), BTreeMap::from(expected));
    assert_eq!(world.status(order).0, SagaStatus::Pending, "it has not heard yet");
    world.let_go();
    world.run();
    assert_eq!(world.status(order), (SagaStatus::Failed, Some(Reason::OUT_OF_STOCK)));
    check_books(&world);

    let points = Buy::by_card(user, mug, 1).points(1_000);
    let second = born_and_held(&mut world, &[points.clone(), points])[1];
    assert_eq!(books(&world, second)["stock"], InboxState::Compensated);
    let mug: product::Product = world.get("product", (mug,));
    assert_eq!((mug.stock, mug.sold), (4, 1), "stock and sales count of the other order");
    world.let_go();
    world.run();
    assert_eq!(world.status(second), (SagaStatus::Failed, Some(Reason::POINTS_SHORT)));
    check_books(&world);
}

/// Seeds 002 and 004: points and coupon are one local transaction; if either refuses, the other takes nothing, not for a moment.
#[test]
fn points_and_coupon_are_taken_together_or_not_at_all() {
    for name in ["validated-async", "orchestrated-messages"] {
        for (reason, refusing, other) in
            [(Reason::COUPON_INVALID, "coupon", "point"), (Reason::POINTS_SHORT, "point", "coupon")]
        {
            let mut world = world_of(name);
            let (user, mug) = (world.customer(1_000), world.product(1_500, 9));
            let coupon = world.coupon(user, 500, 3_600);
            let both = Buy::by_card(user, mug, 1).coupon(coupon).points(600);
            let first = if refusing == "coupon" { both.clone().points(100) } else { both.clone() };
            drop(world.order(&Buy { coupon: first.coupon.filter(|_| refusing == "coupon"), ..first }));
            let order = world.buy(&both);
            assert_eq!(world.status(order), (SagaStatus::Failed, Some(reason.clone())), "{name}");
            assert!(said(&world, order, ".refused").contains(&refusing.to_owned()), "{name} {reason}");
            assert!(!taken(&world, order).contains(&other.to_owned()), "{name} {reason}");
            assert!(!said(&world, order, ".done").contains(&other.to_owned()), "{name} {reason}");
            check_books(&world);
        }
    }
}

/// Seed 002: payment is last, whichever half is late.
#[test]
fn payment_waits_for_both_halves() {
    for (late, done) in [("product", vec!["coupon", "point"]), ("point", vec!["stock"])] {
        let mut world = world_of("validated-async");
        let (user, mug) = (world.customer(1_000), world.product(1_500, 9));
        let coupon = world.coupon(user, 500, 3_600);
        let buy = Buy::by_card(user, mug, 1).coupon(coupon).points(300);
        world.hold(late);
        let order = world.buy(&buy);
        assert!(books(&world, order).into_keys().eq(done), "{late} is late");
        world.let_go();
        world.run();
        assert_eq!(world.status(order).0, SagaStatus::Confirmed);
        check_books(&world);
    }
}

/// Seed 004: product tells point, point gives back, and it is point that tells the order why.
#[test]
fn short_stock_goes_to_point_and_comes_to_the_order_from_there() {
    let mut world = world_of("orchestrated-messages");
    let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
    world.hold("product");
    let order = world.buy(&Buy { lines: vec![(mug, 6)], ..Buy::by_card(user, mug, 1).points(300) });
    world.let_go();
    world.hold("order");
    world.run();
    let steps = books(&world, order);
    assert_eq!([steps["stock"], steps["point"]], [InboxState::Refused, InboxState::Compensated]);
    assert_eq!(world.status(order).0, SagaStatus::Pending, "it has not heard yet");
    world.let_go();
    world.run();
    assert_eq!(world.status(order), (SagaStatus::Failed, Some(Reason::OUT_OF_STOCK)));
    let told = said(&world, order, ".undo_asked");
    assert_eq!(told, ["payment", "stock"], "the order had nothing to ask of point");
    check_books(&world);
}

/// Seed 004's chain of words may stall at point: then the order asks product's book at its deadline.
#[test]
fn short_stock_that_nobody_tells_of_is_found_at_the_deadline() {
    let mut world = world_of("orchestrated-messages");
    let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
    world.hold("product");
    let order = world.buy(&Buy { lines: vec![(mug, 6)], ..Buy::by_card(user, mug, 1).points(300) });
    world.let_go();
    world.hold("point");
    world.wait(29);
    assert_eq!(world.status(order).0, SagaStatus::Pending);
    world.wait(3);
    assert_eq!(world.status(order), (SagaStatus::Failing, Some(Reason::OUT_OF_STOCK)));
    world.let_go();
    world.wait(5);
    assert_eq!(world.status(order), (SagaStatus::Failed, Some(Reason::OUT_OF_STOCK)));
    check_books(&world);
}
