//! What needs a person: parked compensations, dead letters, restored backups.

use crate::support::{Buy, OnCharge, SHIPPED, Setting, World, check_books};
use coupon::UserCoupon;
use kernel::ids::{OrderId, UserCouponId};
use kernel::judge::SagaStatus;
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use kernel::{Reason, Step};
use order::Order;
use runtime::ports::store::{Epoch, StoreError};
use uuid::Uuid;

/// Whether each step is compensated, and whether it is parked.
fn steps(world: &World, order: OrderId) -> Vec<(String, String, bool)> {
    let order: Order = world.get("order", (order,));
    let of = |step: &kernel::judge::StepState| (step.name.to_string(), step.status.to_string(), step.parked);
    order.steps.0.iter().map(of).collect()
}

/// A cancelled order whose coupon cannot be released: somebody wrote over it.
fn stuck_coupon(topology: &str) -> (World, OrderId, UserCouponId, DeadLetter) {
    let mut world = World::new(topology);
    let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
    let coupon = world.coupon(user, 500, 3_600);
    let order = world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(400));
    world
        .tamper("coupon", (coupon,), |row: &mut UserCoupon| row.order_id = Some(OrderId(Uuid::from_u128(1))));
    world.cancel(order).unwrap();
    world.wait(300);
    let letters = world.open_letters();
    assert_eq!(letters.len(), 1, "{}: {letters:?}", world.name);
    (world, order, coupon, letters.into_iter().next().unwrap())
}

#[test]
fn a_failing_compensation_parks_only_its_step() {
    for (_, topology) in SHIPPED {
        let (mut world, order, coupon, letter) = stuck_coupon(topology);
        assert_eq!(world.status(order).0, SagaStatus::Cancelling, "{}", world.name);
        let planned = world.planned(&["stock", "coupon", "point", "payment"]).into_iter();
        let expected = planned.map(|step| match step.as_str() {
            "coupon" => (step, "DONE".to_owned(), true),
            _ => (step, "COMPENSATED".to_owned(), false),
        });
        let expected: Vec<_> = expected.collect();
        assert_eq!(steps(&world, order), expected, "{}", world.name);
        assert_eq!(
            (letter.order_id, letter.step.clone()),
            (Some(order.0), Some(Step::COUPON)),
            "{}",
            world.name
        );
        assert!(world.alerts("undecidable") >= 1, "{}", world.name);
        world.tamper("coupon", (coupon,), |row: &mut UserCoupon| row.order_id = Some(order));
        world.redrive(letter.id);
        assert_eq!(world.status(order).0, SagaStatus::Cancelled, "{}", world.name);
        assert_eq!(world.open_letters(), [], "{}", world.name);
        check_books(&world);
    }
}

/// One step is parked, another does not answer yet: it is asked again all the same.
#[test]
fn a_parked_step_stops_nobody_from_asking_the_others() {
    let both_apart = |world: &World| world.apart("point", "coupon");
    for mut world in World::each_apart("order", "point").filter(both_apart) {
        let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
        let coupon = world.coupon(user, 500, 3_600);
        let order = world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(400));
        world.tamper("coupon", (coupon,), |row: &mut UserCoupon| {
            row.order_id = Some(OrderId(Uuid::from_u128(1)));
        });
        world.hold("point");
        world.cancel(order).unwrap();
        let asks = asks_by_second(&mut world, order, "point.undo_asked", 60);
        assert!(asks.len() >= 5, "{asks:?}");
        world.let_go();
        world.wait(1);
        let parked: Vec<_> = steps(&world, order).into_iter().filter(|(_, _, parked)| *parked).collect();
        assert_eq!(parked, [("coupon".to_owned(), "DONE".to_owned(), true)]);
    }
}

#[test]
fn a_redriven_compensation_that_fails_again_is_one_letter_still() {
    for (_, topology) in SHIPPED {
        let (mut world, order, _, letter) = stuck_coupon(topology);
        world.redrive(letter.id);
        world.wait(60);
        let letters = world.open_letters();
        assert_eq!(letters.len(), 1, "{}", world.name);
        assert_eq!(letters[0].id, letter.id, "{}", world.name);
        assert!(letters[0].attempts > letter.attempts, "{}", world.name);
        assert_eq!(world.status(order).0, SagaStatus::Cancelling, "{}", world.name);
    }
}

#[test]
fn a_note_ends_what_a_redrive_cannot() {
    for (_, topology) in SHIPPED {
        let (mut world, order, _, letter) = stuck_coupon(topology);
        world.resolve(letter.id);
        world.wait(60);
        assert_eq!(world.status(order).0, SagaStatus::Cancelled, "{}", world.name);
        let letters = world.everywhere::<DeadLetter>();
        assert_eq!(letters.len(), 1, "{}: {letters:?}", world.name);
        assert_eq!(letters[0].status, LetterStatus::Resolved, "{}", world.name);
        assert_eq!(letters[0].note.as_deref(), Some("by hand"), "{}", world.name);
    }
}

/// The store rejects the row that a compensation writes: its steps are parked like any that cannot be decided. What is rejected is
/// found by its message, which is for both where coupon and point share a database; the other databases' steps are done.
#[test]
fn a_compensation_whose_row_is_rejected_parks_the_steps_of_its_message_only() {
    for mut world in World::each_apart("order", "coupon") {
        let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
        let coupon = world.coupon(user, 500, 3_600);
        let order = world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(400));
        world.disk("coupon").rejects(|write| write.table.name == "user_coupons");
        world.cancel(order).unwrap();
        world.wait(300);
        let with_coupon =
            if world.apart("point", "coupon") { vec!["coupon"] } else { vec!["point", "coupon"] };
        let parked: Vec<_> = steps(&world, order).into_iter().filter(|(_, _, parked)| *parked).collect();
        let expected = with_coupon.iter().map(|step| ((*step).to_owned(), "DONE".to_owned(), true));
        assert_eq!(parked, expected.collect::<Vec<_>>(), "{}", world.name);
        let letters = world.open_letters();
        assert_eq!(letters.len(), with_coupon.len(), "{}: {letters:?}", world.name);
        world.disk("coupon").takes_all();
        for letter in letters {
            world.redrive(letter.id);
        }
        assert_eq!(world.status(order).0, SagaStatus::Cancelled, "{}", world.name);
        assert_eq!(world.open_letters(), [], "{}", world.name);
        check_books(&world);
    }
}

/// How many requests for compensation each second saw.
fn asks_by_second(world: &mut World, order: OrderId, word: &str, seconds: u64) -> Vec<u64> {
    let mut asks = Vec::new();
    let mut known = 0;
    for second in 1..=seconds {
        world.wait(1);
        let count = world.said(order).get(word).copied().unwrap_or(0);
        if count > known {
            known = count;
            asks.push(second);
        }
    }
    asks
}

#[test]
fn the_judge_asks_again_ever_more_slowly_and_parks_what_never_answers() {
    for mut world in World::each_apart("order", "point") {
        let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
        let order = world.buy(&Buy::by_card(user, mug, 1).points(400));
        world.hold("point");
        world.cancel(order).unwrap();
        let asks = asks_by_second(&mut world, order, "point.undo_asked", 300);
        assert_eq!(asks.len(), 10, "{asks:?}");
        let waits: Vec<u64> = asks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(waits.is_sorted() && waits[0] == 2 && waits[8] == 15, "{waits:?}");
        let letters = world.open_letters();
        assert_eq!(letters.len(), 1, "{letters:?}");
        assert_eq!((letters[0].kind, letters[0].step.clone()), (LetterKind::Compensation, Some(Step::POINT)));
        assert_eq!(world.alerts("compensation_failed"), 1);
        assert_eq!(world.status(order).0, SagaStatus::Cancelling);
        // Redriven while it is still away, it is asked again from the beginning.
        world.redrive(letters[0].id);
        let again = asks_by_second(&mut world, order, "point.undo_asked", 20);
        assert!(again.len() >= 3, "{again:?}");
        world.let_go();
        world.wait(2);
        assert_eq!(world.status(order).0, SagaStatus::Cancelled);
        assert_eq!(world.open_letters(), []);
        check_books(&world);
    }
}

#[test]
fn a_parked_step_that_answers_after_all_closes_its_letter_and_ends_the_order() {
    for mut world in World::each_apart("order", "point") {
        let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
        let order = world.buy(&Buy::by_card(user, mug, 1).points(400));
        world.hold("point");
        world.cancel(order).unwrap();
        world.wait(600);
        assert_eq!(world.open_letters().len(), 1, "the judge has given up asking");
        world.let_go();
        world.wait(1);
        assert_eq!(world.status(order).0, SagaStatus::Cancelled);
        assert!(world.open_letters().is_empty(), "what it stood for went through");
        check_books(&world);
    }
}

#[test]
fn a_parked_payment_that_answers_after_all_ends_the_order() {
    for (_, topology) in SHIPPED {
        let mut setting = Setting::default();
        // Payment itself does not give up: the judge does.
        setting.policies.payment.budget = std::time::Duration::from_secs(3_600);
        let mut world = World::set(topology, setting);
        let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
        world.pg.charges([OnCharge::Waits; 1_000]);
        let order = world.buy(&Buy::by_card(user, mug, 1).points(400));
        world.pg.down(true);
        world.cancel(order).unwrap();
        world.wait(200);
        let parked: Vec<_> = steps(&world, order).into_iter().filter(|(_, _, parked)| *parked).collect();
        assert_eq!(parked, [("payment".to_owned(), "UNKNOWN".to_owned(), true)], "{}", world.name);
        world.pg.down(false);
        world.pg.release();
        world.wait(30);
        let expected = (SagaStatus::Failed, Some(Reason::CANCELLED_BY_CUSTOMER));
        assert_eq!(world.status(order), expected, "{}", world.name);
        for letter in world.open_letters() {
            world.redrive(letter.id);
        }
        assert_eq!(world.status(order), expected, "{}: redriven too late, it does nothing", world.name);
        assert_eq!(world.open_letters(), [], "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn a_database_restored_from_an_older_backup_is_refused_at_the_start() {
    for (mut world, restored) in World::each_split(&["product", "coupon", "point", "payment", "order"]) {
        let database = world.database(restored).name;
        let (user, mug) = (world.customer(9_000), world.product(1_500, 5));
        let coupon = world.coupon(user, 500, 3_600);
        world.buy(&Buy::by_card(user, mug, 1).points(300));
        let backup = world.backup(restored);
        let same = world.backup(restored);
        world.replace_disk(restored, same);
        world.restart().unwrap();
        world.run();
        world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(300));
        world.replace_disk(restored, backup);
        let refused = world.restart().unwrap_err();
        assert!(
            matches!(&refused, StoreError::Unusable(why) if why.contains(&database) && why.contains("older backup")),
            "{}: {refused}",
            world.name
        );
        // The operator's word: its present state is to be believed.
        world.disk(restored).new_epoch(Epoch(Uuid::from_u128(2)));
        world.restart().unwrap();
        world.run();
        let after = world.buy(&Buy::by_card(user, mug, 1).points(300));
        assert_eq!(world.status(after).0, SagaStatus::Confirmed, "{} {restored}: it goes on", world.name);
    }
}
