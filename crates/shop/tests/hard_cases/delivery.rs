//! Delivery as a step (`payment_delivery = "inline"`): an order that the data platform does not hear of fails and takes nothing,
//! and what it heard of and does not hold is taken back.

use crate::support::{Buy, OnApproval, World, check_books, inline};
use data_platform::DeliveryEvent::{self, Cancelled, Confirmed, Failed, PaymentApproved, PaymentCancelled};
use kernel::ids::{OrderId, ProductId};
use kernel::judge::SagaStatus;
use kernel::judge::letters::LetterKind;
use kernel::{Reason, Step};
use order::Order;
use std::collections::BTreeSet;

/// A world of each kind with an order paid with everything, whose approvals come to this.
fn each(script: &[OnApproval]) -> impl Iterator<Item = (World, OrderId, ProductId)> {
    inline().into_iter().map(move |file| {
        let mut world = World::new(&file);
        let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
        let coupon = world.coupon(user, 500, 3_600);
        world.platform.approvals(script.iter().copied());
        let order = world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(400));
        world.name = format!("{} {script:?}", world.name);
        (world, order, mug)
    })
}

/// The order ended so, nobody has to see to anything, every book agrees, and the receiver took these words.
#[track_caller]
fn check(world: &World, order: OrderId, status: SagaStatus, reason: Option<Reason>, told: &[DeliveryEvent]) {
    assert_eq!(world.status(order), (status, reason), "{}", world.name);
    assert_eq!(world.open_letters(), [], "{}", world.name);
    let taken: BTreeSet<DeliveryEvent> = world.platform.was_told(order).into_iter().collect();
    assert!(taken.iter().eq(told), "{}: {taken:?}", world.name);
    check_books(world);
}

#[test]
fn a_delivery_that_is_taken_confirms_the_order_as_its_last_step() {
    for (world, order, _) in each(&[OnApproval::Takes]) {
        check(&world, order, SagaStatus::Confirmed, None, &[Confirmed, PaymentApproved]);
        let row: Order = world.get("order", (order,));
        assert_eq!(row.steps.0.last().unwrap().name, Step::DELIVERY, "{}", world.name);
        assert_eq!(world.platform.calls(PaymentApproved), 1, "{}", world.name);
    }
}

#[test]
fn an_order_without_a_card_is_delivered_as_well() {
    for file in inline() {
        let mut world = World::new(&file);
        let (user, mug) = (world.customer(2_000), world.product(1_500, 5));
        let order = world.buy(&Buy::with_points(user, mug, 1));
        check(&world, order, SagaStatus::Confirmed, None, &[Confirmed, PaymentApproved]);
        world.platform.approvals([OnApproval::Gone]);
        let rich = world.customer(2_000);
        let order = world.buy(&Buy::with_points(rich, mug, 1));
        check(&world, order, SagaStatus::Failed, Some(Reason::DELIVERY_FAILED), &[Failed]);
    }
}

#[test]
fn a_refused_delivery_cancels_the_charge_and_everyone_compensates() {
    for script in [&[OnApproval::Gone][..], &[OnApproval::Breaks; 3]] {
        for (mut world, order, mug) in each(script) {
            world.wait(10);
            check(&world, order, SagaStatus::Failed, Some(Reason::DELIVERY_FAILED), &[Failed]);
            assert_eq!(world.pg.charged(), 1, "{}: the card had been charged", world.name);
            assert!(world.pg.holds().is_empty(), "{}: and was given back", world.name);
            assert_eq!(world.get::<product::Product>("product", (mug,)).stock, 5, "{}", world.name);
            assert_eq!(world.platform.calls(PaymentApproved), script.len(), "{}", world.name);
        }
    }
}

#[test]
fn the_charge_is_cancelled_at_once_without_a_word_from_the_order() {
    let apart = |world: &World| world.apart("order", "payment") && world.apart("order", "data-platform");
    for (mut world, order, _) in each(&[OnApproval::Breaks; 3]).filter(|(world, ..)| apart(world)) {
        world.hold("order");
        world.wait(10);
        assert_eq!(world.status(order).0, SagaStatus::Pending, "{}: it has not heard of it", world.name);
        assert!(world.pg.holds().is_empty(), "{}", world.name);
        world.let_go();
        world.wait(5);
        check(&world, order, SagaStatus::Failed, Some(Reason::DELIVERY_FAILED), &[Failed]);
    }
}

#[test]
fn a_delivery_that_fails_twice_is_sent_again_and_confirms() {
    for (mut world, order, _) in each(&[OnApproval::Breaks, OnApproval::IsLost]) {
        world.wait(10);
        check(&world, order, SagaStatus::Confirmed, None, &[Confirmed, PaymentApproved]);
        assert_eq!(world.platform.calls(PaymentApproved), 3, "{}", world.name);
    }
}

#[test]
fn a_lost_answer_is_asked_for_again_under_the_same_id() {
    for script in [OnApproval::GoesSilent, OnApproval::TimesOutTaken] {
        for (mut world, order, _) in each(&[script]) {
            world.wait(10);
            check(&world, order, SagaStatus::Confirmed, None, &[Confirmed, PaymentApproved]);
            assert_eq!(world.platform.calls(PaymentApproved), 2, "{}", world.name);
        }
    }
}

#[test]
fn an_approval_that_may_have_been_taken_is_taken_back_when_the_order_fails() {
    for (mut world, order, _) in each(&[OnApproval::Waits; 3]) {
        world.wait(10);
        let told = [Failed, PaymentCancelled];
        check(&world, order, SagaStatus::Failed, Some(Reason::DELIVERY_FAILED), &told);
        // All three were taken after all, and each says so now.
        world.platform.release();
        world.wait(10);
        let told = [Failed, PaymentApproved, PaymentCancelled];
        check(&world, order, SagaStatus::Failed, Some(Reason::DELIVERY_FAILED), &told);
        assert_eq!(world.platform.calls(PaymentCancelled), 1, "{}: told back once", world.name);
    }
}

#[test]
fn a_process_that_dies_before_the_call_sends_it_after_its_start() {
    for (mut world, order, _) in each(&[OnApproval::IsLost]) {
        world.crash();
        world.run();
        assert_eq!(world.status(order).0, SagaStatus::Pending, "{}", world.name);
        world.wait(5);
        check(&world, order, SagaStatus::Confirmed, None, &[Confirmed, PaymentApproved]);
    }
}

#[test]
fn an_order_that_is_cancelled_while_its_delivery_is_under_way_takes_the_approval_back() {
    for (mut world, order, _) in each(&[OnApproval::Waits]) {
        world.cancel(order).unwrap();
        world.run();
        assert_eq!(world.status(order).0, SagaStatus::Failing, "{}: its outcome is waited for", world.name);
        world.platform.release();
        world.wait(5);
        let (reason, told) =
            (Some(Reason::CANCELLED_BY_CUSTOMER), [Failed, PaymentApproved, PaymentCancelled]);
        check(&world, order, SagaStatus::Failed, reason, &told);
        assert_eq!(world.platform.calls(PaymentApproved), 1, "{}: nothing is sent again", world.name);
    }
}

#[test]
fn an_order_that_is_cancelled_while_its_delivery_is_lost_ends_without_it() {
    for (mut world, order, _) in each(&[OnApproval::IsLost]) {
        world.cancel(order).unwrap();
        world.wait(5);
        let (reason, told) = (Some(Reason::CANCELLED_BY_CUSTOMER), [Failed, PaymentCancelled]);
        check(&world, order, SagaStatus::Failed, reason, &told);
        assert_eq!(world.platform.calls(PaymentApproved), 1, "{}: nothing is sent again", world.name);
    }
}

#[test]
fn a_cancel_after_the_confirmation_takes_the_approval_back() {
    for (mut world, order, _) in each(&[OnApproval::Takes]) {
        world.cancel(order).unwrap();
        world.wait(2);
        let told = [Confirmed, Cancelled, PaymentApproved, PaymentCancelled];
        check(&world, order, SagaStatus::Cancelled, None, &told);
    }
}

#[test]
fn everything_that_was_ever_said_or_answered_may_come_twice() {
    for (mut world, order, _) in each(&[OnApproval::Breaks]) {
        world.platform.repeats();
        world.wait(5);
        world.rewind();
        world.wait(5);
        check(&world, order, SagaStatus::Confirmed, None, &[Confirmed, PaymentApproved]);
        world.cancel(order).unwrap();
        world.wait(2);
        world.rewind();
        world.wait(5);
        let told = [Confirmed, Cancelled, PaymentApproved, PaymentCancelled];
        check(&world, order, SagaStatus::Cancelled, None, &told);
        assert_eq!(world.platform.calls(PaymentCancelled), 1, "{}", world.name);
    }
}

#[test]
fn what_is_taken_back_waits_for_the_receiver_with_a_dead_letter_in_the_end() {
    for (mut world, order, _) in each(&[OnApproval::Takes]) {
        world.platform.down(true);
        world.cancel(order).unwrap();
        world.wait(2_000);
        assert_eq!(world.status(order).0, SagaStatus::Cancelled, "{}: nobody waits for it", world.name);
        let letters = world.open_letters();
        assert!(letters.iter().all(|letter| letter.kind == LetterKind::Delivery), "{}", world.name);
        assert_eq!(letters.len(), 2, "{}: the payment's word and the order's", world.name);
        world.platform.down(false);
        letters.iter().for_each(|letter| world.redrive(letter.id));
        let told = [Confirmed, Cancelled, PaymentApproved, PaymentCancelled];
        check(&world, order, SagaStatus::Cancelled, None, &told);
    }
}

#[test]
fn an_approval_that_is_taken_back_before_it_was_sent_is_never_told() {
    let parallel =
        inline().into_iter().find(|file| file.contains("name = \"choreographed-parallel\"")).unwrap();
    // Logs are followed in the order of units: the payment's is heard before the order's.
    let unit = "[[unit]]\nname = \"payment\"\ndomains = [\"payment\"]\n\n";
    assert!(parallel.contains(unit));
    let mut world =
        World::new(&parallel.replace(unit, "").replacen("[[unit]]", &format!("{unit}[[unit]]"), 1));
    let (user, mug) = (world.customer(2_000), world.product(1_500, 0));
    world.hold("data-platform");
    let order = world.buy(&Buy::with_points(user, mug, 1));
    // That it is paid and that the order fails reach it in one batch.
    world.let_go();
    world.run();
    check(&world, order, SagaStatus::Failed, Some(Reason::OUT_OF_STOCK), &[Failed]);
    assert_eq!(world.platform.calls(PaymentApproved), 0);
}

#[test]
fn where_delivery_is_deferred_the_same_file_has_no_such_step() {
    for file in inline() {
        let mut world =
            World::new(&file.replace("payment_delivery = \"inline\"", "payment_delivery = \"deferred\""));
        world.platform.approvals([OnApproval::Gone; 3]);
        let (user, mug) = (world.customer(2_000), world.product(1_500, 5));
        let order = world.buy(&Buy::with_points(user, mug, 1));
        check(&world, order, SagaStatus::Confirmed, None, &[Confirmed]);
        let row: Order = world.get("order", (order,));
        assert!(row.steps.0.iter().all(|step| step.name != Step::DELIVERY), "{}", world.name);
    }
}
