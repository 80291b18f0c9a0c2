//! Messages that come twice, late, early and in any order; requests that come twice.

use crate::splits::world_of;
use crate::support::{Buy, OnCharge, World, born, check_books, taken};
use kernel::ids::{OrderId, SagaId};
use kernel::judge::SagaStatus;
use kernel::participation::{Inbox, InboxState};
use kernel::{Kind, Reason, Record, Row, Step};
use order::{Born, Order};
use runtime::worker::Stepped;

/// One order of every fate.
fn every_fate(world: &mut World) -> Vec<(OrderId, SagaStatus)> {
    let (user, mug, rare) = (world.customer(2_000), world.product(1_500, 10), world.product(100, 1));
    let (first, second) = (world.coupon(user, 500, 3_600), world.coupon(user, 300, 3_600));
    let confirmed = world.buy(&Buy::by_card(user, mug, 1).coupon(first).points(400));
    world.pg.charges([OnCharge::Declines]);
    let declined = world.buy(&Buy::by_card(user, mug, 1).coupon(second).points(400));
    let sold_out = world.buy(&Buy::with_points(user, rare, 2));
    let cancelled = world.buy(&Buy::by_card(user, mug, 2).coupon(second).points(200));
    world.cancel(cancelled).unwrap();
    world.cancel(cancelled).unwrap();
    vec![
        (confirmed, SagaStatus::Confirmed),
        (declined, SagaStatus::Failed),
        (sold_out, SagaStatus::Failed),
        (cancelled, SagaStatus::Cancelled),
    ]
}

/// Every row of the tables that hold effects.
fn effects(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(world.all::<product::Product>("product").iter().map(Record::to_row));
    rows.extend(world.all::<point::PointEntry>("point").iter().map(Record::to_row));
    rows.extend(world.all::<coupon::UserCoupon>("coupon").iter().map(Record::to_row));
    rows.extend(world.all::<payment::PaymentRow>("payment").iter().map(Record::to_row));
    rows.extend(world.all::<ranking::Sale>("ranking").iter().map(Record::to_row));
    rows.extend(world.all::<data_platform::Delivery>("data-platform").iter().map(Record::to_row));
    rows
}

#[test]
fn a_message_that_comes_twice_has_one_effect() {
    for mut world in World::each() {
        world.pg.repeats();
        let orders = every_fate(&mut world);
        check_books(&world);
        let before = effects(&world);
        let charged = world.pg.charged();
        for _ in 0..2 {
            world.rewind();
            world.run();
        }
        for (order, status) in &orders {
            assert_eq!(world.status(*order).0, *status, "{}", world.name);
        }
        if world.apart("order", "product") {
            assert!(world.said(orders[0].0)["stock.done"] > 1, "it was delivered again, and answered again");
        }
        assert_eq!(effects(&world), before, "{}", world.name);
        assert_eq!(world.pg.charged(), charged, "{}", world.name);
        assert_eq!(world.open_letters(), [], "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn messages_in_any_order_end_in_the_same_books() {
    for mut world in World::each() {
        let domains = ["user", "product", "point", "coupon", "order", "payment", "ranking", "read-model"];
        let mut dice = 0x2545_f491_4f6c_dd1d_u64;
        for round in 0..60_u64 {
            let (user, mug) = (world.customer(500), world.product(1_500, 2));
            let coupon = world.coupon(user, 500, 3_600);
            let slots = [
                world.order(&Buy::by_card(user, mug, 1).coupon(coupon).points(300)),
                world.order(&Buy::by_card(user, mug, 1 + i64::from(round % 3 == 0)).points(300)),
            ];
            for throw in 0..40 {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let face = usize::try_from(dice >> 33).unwrap();
                world.shop.quoter().step(1);
                if face % 5 == 0 {
                    world.pg.step();
                }
                if throw == 20 && round % 2 == 0 {
                    let order = world.all::<Order>("order").last().unwrap().id;
                    drop(world.send(order::CancelOrder { order, customer: None }));
                }
                let _: Stepped = world.step(domains[face % domains.len()]);
            }
            world.run();
            world.wait(2);
            let orders = slots.map(|slot| born(&slot).order);
            assert!(orders.iter().all(|order| world.status(*order).0.is_settled()), "{} {round}", world.name);
            check_books(&world);
        }
    }
}

/// In a chain the action is the word of the step before, which waits, and order's compensation overtakes it. Where both are order's
/// words they come in order, by one log.
#[test]
fn a_compensation_that_comes_before_its_action_leaves_nothing_to_act_on() {
    let mut world = World::new(crate::support::SEVEN);
    let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
    let coupon = world.coupon(user, 500, 3_600);
    world.hold("product");
    let order = world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(400));
    world.cancel(order).unwrap();
    for (domain, step) in [("coupon", Step::COUPON), ("point", Step::POINT), ("payment", Step::PAYMENT)] {
        let row: Inbox = world.get(domain, (SagaId::from(order), step));
        assert_eq!((row.state, row.receipt), (InboxState::Compensated, None));
    }
    assert_eq!(world.status(order).0, SagaStatus::Failing, "stock has not answered");
    world.let_go();
    world.run();
    assert_eq!(world.status(order), (SagaStatus::Failed, Some(Reason::CANCELLED_BY_CUSTOMER)));
    assert_eq!(world.said(order).get("coupon.done"), None, "a late action finds the tombstone");
    assert_eq!(world.pg.charged(), 0);
    check_books(&world);
}

/// Where two halves work side by side, the word of the other half that it refused overtakes order's word to act.
#[test]
fn a_refusal_of_the_other_half_that_comes_before_the_action_leaves_nothing_to_act_on() {
    let mut world = world_of("validated-async");
    let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
    let coupon = world.coupon(user, 500, 3_600);
    world.hold("point");
    let order = world.buy(&Buy::by_card(user, mug, 6).coupon(coupon).points(400));
    assert_eq!(world.status(order), (SagaStatus::Failing, Some(Reason::OUT_OF_STOCK)));
    // From memory nothing is heard any more, and order's log cannot be read.
    world.crash();
    world.disk("order").log_away(true);
    world.let_go();
    for _ in 0..3 {
        world.step("point");
    }
    for step in [Step::POINT, Step::COUPON] {
        let row: Inbox = world.get("point", (SagaId::from(order), step));
        assert_eq!((row.state, row.receipt), (InboxState::Compensated, None));
    }
    world.disk("order").log_away(false);
    world.wait(2);
    assert_eq!(world.status(order), (SagaStatus::Failed, Some(Reason::OUT_OF_STOCK)));
    assert_eq!(world.said(order).get("point.done"), None, "a late action finds the tombstone");
    check_books(&world);
}

#[test]
fn an_action_after_the_deadline_is_given_back() {
    let each = World::each_split(&["product", "coupon", "point", "payment"]);
    for (mut world, late) in each.filter(|(world, late)| world.apart("order", late)) {
        let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
        let coupon = world.coupon(user, 500, 3_600);
        world.hold(late);
        let order = world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(400));
        world.wait(29);
        assert_eq!(world.status(order).0, SagaStatus::Pending, "{} {late}", world.name);
        world.wait(2);
        assert_eq!(
            world.status(order),
            (SagaStatus::Failing, Some(Reason::TIMED_OUT)),
            "{} {late}",
            world.name
        );
        world.let_go();
        world.run();
        assert_eq!(
            world.status(order),
            (SagaStatus::Failed, Some(Reason::TIMED_OUT)),
            "{} {late}",
            world.name
        );
        assert_eq!(world.pg.holds().len(), 0, "{} {late}", world.name);
        check_books(&world);
    }
}

#[test]
fn the_same_key_twice_at_once_makes_one_order() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(10_000), world.product(1_500, 10));
        let buy = Buy::with_points(user, mug, 1);
        let (first, second) = (world.order_under(1, 1, &buy), world.order_under(1, 1, &buy));
        world.run();
        let made = born(&first);
        let refused = taken(&second).unwrap().unwrap().unwrap_err();
        assert_eq!(
            (refused.kind, refused.code),
            (Kind::Conflict, "IDEMPOTENCY_KEY_IN_FLIGHT"),
            "{}",
            world.name
        );
        let third = world.order_under(1, 1, &buy);
        world.run();
        assert_eq!(born(&third), Born { order: made.order, replayed: true }, "{}", world.name);
        assert_eq!(world.all::<Order>("order").len(), 1, "{}", world.name);
        check_books(&world);
    }
}

/// Two instances of the door do not know of each other's requests: the birth itself must tell them apart.
#[test]
fn the_same_key_twice_in_one_batch_makes_one_order() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(10_000), world.product(1_500, 10));
        let buy = Buy::with_points(user, mug, 1);
        let first = world.order_under(1, 1, &buy);
        world.shop.quoter().step(10);
        // The first instance is gone, what it sent is still under way.
        let birth = world.birth_under(1, 1, user);
        world.run();
        let made = born(&first);
        let again = taken(&birth).unwrap().unwrap().unwrap();
        assert_eq!(again, Born { order: made.order, replayed: true }, "{}", world.name);
        assert_eq!(world.all::<Order>("order").len(), 1, "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn the_same_key_after_a_crash_before_the_answer_makes_one_order() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(10_000), world.product(1_500, 10));
        let buy = Buy::with_points(user, mug, 1);
        let lost = world.order_under(1, 1, &buy);
        world.shop.quoter().step(10);
        world.upsets_kill = true;
        world.faults.upset_in(1, crate::support::Upset::After);
        world.run();
        assert!(taken(&lost).is_none(), "{}: nobody was answered", world.name);
        let again = world.order_under(1, 1, &buy);
        world.run();
        assert!(born(&again).replayed, "{}", world.name);
        assert_eq!(world.all::<Order>("order").len(), 1, "{}", world.name);
        world.wait(40);
        check_books(&world);
    }
}

#[test]
fn the_same_key_with_another_body_is_refused() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(10_000), world.product(1_500, 10));
        let first = world.order_under(1, 1, &Buy::with_points(user, mug, 1));
        world.run();
        born(&first);
        let other = world.order_under(1, 2, &Buy::with_points(user, mug, 2));
        world.run();
        let refused = taken(&other).unwrap().unwrap().unwrap_err();
        assert_eq!((refused.kind, refused.code), (Kind::Invalid, "IDEMPOTENCY_KEY_REUSED"), "{}", world.name);
        assert_eq!(world.all::<Order>("order").len(), 1, "{}", world.name);
        check_books(&world);
    }
}
