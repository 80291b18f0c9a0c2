//! A gateway that is slow, silent, away or stubborn: charged at most once, and never for an order that failed.

use crate::support::{Buy, OnCancel, OnCharge, SHIPPED, Setting, World, check_books};
use kernel::Reason;
use kernel::ids::OrderId;
use kernel::judge::SagaStatus;
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use payment::{PaymentRow, PaymentStatus};
use std::time::Duration;

/// A world with an order by card whose charge comes to this.
fn charged(topology: &str, setting: Setting, script: impl IntoIterator<Item = OnCharge>) -> (World, OrderId) {
    let mut world = World::set(topology, setting);
    let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
    let coupon = world.coupon(user, 500, 3_600);
    world.pg.charges(script);
    let order = world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(400));
    (world, order)
}

fn each(script: &[OnCharge]) -> impl Iterator<Item = (World, OrderId)> {
    SHIPPED.into_iter().map(|(_, topology)| charged(topology, Setting::default(), script.to_vec()))
}

/// A charge is tried for 5 s only: less than the order's deadline.
fn hasty() -> Setting {
    let mut setting = Setting::default();
    setting.policies.payment.budget = Duration::from_secs(5);
    setting
}

#[test]
fn a_timeout_after_charging_is_found_out_and_not_charged_again() {
    for script in [OnCharge::TimesOutCharged, OnCharge::GoesSilent] {
        for (mut world, order) in each(&[script]) {
            world.wait(20);
            assert_eq!(world.status(order), (SagaStatus::Confirmed, None), "{} {script:?}", world.name);
            assert_eq!(world.pg.charged(), 1, "{} {script:?}", world.name);
            check_books(&world);
        }
    }
}

#[test]
fn a_timeout_without_a_charge_is_charged_again_under_the_same_key() {
    for script in [OnCharge::TimesOut, OnCharge::Breaks] {
        for (mut world, order) in each(&[script, script]) {
            world.wait(20);
            assert_eq!(world.status(order), (SagaStatus::Confirmed, None), "{} {script:?}", world.name);
            assert_eq!(world.pg.charged(), 1, "{} {script:?}", world.name);
            check_books(&world);
        }
    }
}

#[test]
fn a_gateway_that_never_takes_it_refuses_the_order_without_a_dead_letter() {
    for (_, topology) in SHIPPED {
        let (mut world, order) = charged(topology, hasty(), [OnCharge::TimesOut; 100]);
        world.wait(25);
        assert_eq!(
            world.status(order),
            (SagaStatus::Failed, Some(Reason::PAYMENT_UNAVAILABLE)),
            "{}",
            world.name
        );
        assert_eq!(world.open_letters(), [], "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn a_charge_that_shows_up_after_the_order_failed_is_given_back() {
    for (_, topology) in SHIPPED {
        for by_webhook in [true, false] {
            let late = std::iter::once(OnCharge::TakesLate).chain([OnCharge::TimesOut; 100]);
            let (mut world, order) = charged(topology, hasty(), late);
            world.wait(40);
            assert_eq!(world.status(order).0, SagaStatus::Failed, "{}", world.name);
            world.ask(payment::StartReconciling).unwrap();
            world.pg.release();
            assert_eq!(world.pg.holds().len(), 1, "{}: charged late", world.name);
            if by_webhook {
                let key = world.pg.holds().into_keys().next().unwrap();
                world.wait(15);
                world.ask(payment::Webhook { key }).unwrap();
                world.wait(2);
            } else {
                world.wait(200);
            }
            assert!(world.pg.holds().is_empty(), "{} webhook: {by_webhook}", world.name);
            assert_eq!(world.alerts("payment_stray"), 1, "{}", world.name);
            check_books(&world);
        }
    }
}

#[test]
fn an_answer_after_the_deadline_is_given_back_before_the_order_ends() {
    for (mut world, order) in each(&[OnCharge::Waits; 20]) {
        world.wait(29);
        assert_eq!(world.status(order).0, SagaStatus::Pending, "{}", world.name);
        world.wait(3);
        assert_eq!(world.status(order), (SagaStatus::Failing, Some(Reason::TIMED_OUT)), "{}", world.name);
        world.pg.release();
        world.wait(20);
        assert_eq!(world.status(order), (SagaStatus::Failed, Some(Reason::TIMED_OUT)), "{}", world.name);
        assert_eq!(world.pg.charged(), 1, "{}: the charge was made", world.name);
        check_books(&world);
    }
}

#[test]
fn a_gateway_that_is_away_while_compensating_is_asked_until_it_is_back() {
    for (mut world, order) in each(&[]) {
        world.pg.down(true);
        world.cancel(order).unwrap();
        world.wait(40);
        assert_eq!(world.status(order).0, SagaStatus::Cancelling, "{}", world.name);
        world.pg.down(false);
        world.wait(10);
        assert_eq!(world.status(order).0, SagaStatus::Cancelled, "{}", world.name);
        assert_eq!(world.open_letters(), [], "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn a_cancel_that_fails_five_times_works_in_the_end() {
    for broken in [OnCancel::Breaks, OnCancel::Refuses, OnCancel::TimesOutCancelled] {
        for (mut world, order) in each(&[]) {
            world.pg.cancels([broken; 5]);
            world.cancel(order).unwrap();
            world.wait(40);
            assert_eq!(world.status(order).0, SagaStatus::Cancelled, "{} {broken:?}", world.name);
            assert_eq!(world.open_letters(), [], "{} {broken:?}", world.name);
            check_books(&world);
        }
    }
}

/// A cancelled order whose PG refuses to cancel, until a dead letter stands for it.
fn refused_to_cancel() -> impl Iterator<Item = (World, OrderId, DeadLetter)> {
    each(&[]).map(|(mut world, order)| {
        world.pg.every_cancel(OnCancel::Refuses);
        world.cancel(order).unwrap();
        world.wait(150);
        let letters = world.open_letters();
        assert_eq!(letters.len(), 1, "{}: {letters:?}", world.name);
        let letter = letters[0].clone();
        assert_eq!(
            (letter.kind, letter.order_id),
            (LetterKind::Compensation, Some(order.0)),
            "{}",
            world.name
        );
        assert_eq!(world.alerts("payment_cancel_stuck"), 1, "{}", world.name);
        assert_eq!(world.status(order).0, SagaStatus::Cancelling, "{}", world.name);
        check_books(&world);
        (world, order, letter)
    })
}

#[test]
fn a_refused_cancel_is_a_dead_letter_that_a_redrive_ends() {
    for (mut world, order, letter) in refused_to_cancel() {
        world.pg.every_cancel(OnCancel::Cancels);
        world.redrive(letter.id);
        world.wait(2);
        assert_eq!(world.status(order).0, SagaStatus::Cancelled, "{}", world.name);
        assert_eq!(world.open_letters(), [], "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn a_refused_cancel_is_a_dead_letter_that_a_note_ends() {
    for (mut world, order, letter) in refused_to_cancel() {
        world.resolve(letter.id);
        world.wait(2);
        assert_eq!(world.status(order).0, SagaStatus::Cancelled, "{}", world.name);
        let letters = world.everywhere::<DeadLetter>();
        assert_eq!(letters.len(), 1, "{}", world.name);
        assert_eq!(
            (letters[0].status, letters[0].note.as_deref()),
            (LetterStatus::Resolved, Some("by hand"))
        );
        assert_eq!(world.pg.holds().len(), 1, "{}: the PG still has it, and the audit lists it", world.name);
        let payments = world.all::<PaymentRow>("payment");
        assert_eq!(payments[0].status, PaymentStatus::Cancelled, "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn a_redrive_in_vain_raises_the_letter_again() {
    for (mut world, order, letter) in refused_to_cancel() {
        world.redrive(letter.id);
        world.wait(200);
        let again = world.open_letters();
        assert_eq!(again.len(), 1, "{}", world.name);
        assert_eq!(again[0].id, letter.id, "{}", world.name);
        assert!(again[0].attempts > letter.attempts, "{}", world.name);
        assert_eq!(world.status(order).0, SagaStatus::Cancelling, "{}", world.name);
    }
}

#[test]
fn a_charge_that_is_taken_back_before_it_was_sent_is_never_made() {
    let parallel = SHIPPED.into_iter().find(|(name, _)| *name == "choreographed-parallel").unwrap().1;
    let mut world = World::new(parallel);
    let (user, mug) = (world.customer(0), world.product(1_500, 0));
    world.hold("payment");
    let order = world.buy(&Buy::by_card(user, mug, 1));
    // The order to pay and the order's failure reach it in one batch.
    world.let_go();
    world.run();
    assert_eq!(world.status(order), (SagaStatus::Failed, Some(Reason::OUT_OF_STOCK)));
    assert_eq!(world.pg.charged(), 0);
    check_books(&world);
}
