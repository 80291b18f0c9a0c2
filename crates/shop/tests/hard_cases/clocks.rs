//! Time that runs out, and clocks that jump: waiting goes by monotonic time, and is not fooled.

use crate::support::{Buy, OnCharge, World, check_books};
use coupon::{UserCoupon, UserCouponStatus};
use kernel::Reason;
use kernel::ids::OrderId;
use kernel::judge::SagaStatus;
use std::time::Duration;

const HOUR_MS: i64 = 3_600_000;

/// An order whose card is not answered.
fn waiting(world: &mut World) -> OrderId {
    let (user, mug) = (world.customer(1_000), world.product(1_500, 50));
    world.pg.charges([OnCharge::Waits; 100]);
    world.buy(&Buy::by_card(user, mug, 1).points(300))
}

#[test]
fn a_clock_that_jumps_fails_no_order_early_and_none_late() {
    for jump in [HOUR_MS, -HOUR_MS, 48 * HOUR_MS, -48 * HOUR_MS] {
        for mut world in World::each() {
            let order = waiting(&mut world);
            world.wait(5);
            world.clock.jump(jump);
            world.wait(24);
            assert_eq!(world.status(order).0, SagaStatus::Pending, "{} {jump}: not yet", world.name);
            assert!(world.alerts("clock_jumped") >= 1, "{} {jump}", world.name);
            world.wait(2);
            assert_eq!(
                world.status(order),
                (SagaStatus::Failing, Some(Reason::TIMED_OUT)),
                "{} {jump}",
                world.name
            );
            world.pg.release();
            world.wait(70);
            assert_eq!(world.status(order).0, SagaStatus::Failed, "{} {jump}", world.name);
            assert!(world.pg.holds().is_empty(), "{} {jump}", world.name);
            check_books(&world);
        }
    }
}

/// Timers are looked for again every hour; that look must not believe a clock that has just jumped.
#[test]
fn a_jump_just_before_timers_are_looked_for_fails_no_order_early_and_none_late() {
    for jump in [HOUR_MS, -2 * HOUR_MS] {
        for mut world in World::each() {
            world.wait(3_590);
            let order = waiting(&mut world);
            world.wait(5);
            world.clock.jump(jump);
            world.wait(20);
            assert_eq!(world.status(order).0, SagaStatus::Pending, "{} {jump}: not yet", world.name);
            world.wait(6);
            assert_eq!(world.status(order).0, SagaStatus::Failing, "{} {jump}", world.name);
        }
    }
}

/// The jump is believed by the time that timers are looked for again; what was waiting still waits as long as it was told to.
#[test]
fn a_clock_that_was_set_changes_no_wait_that_had_begun() {
    for jump in [2 * HOUR_MS, -2 * HOUR_MS] {
        for mut world in World::each() {
            let (user, mug) = (world.customer(1_000), world.product(1_500, 5));
            world.wait(3_300);
            let order = world.buy(&Buy { pay: false, ..Buy::with_points(user, mug, 1) });
            world.wait(10);
            world.clock.jump(jump);
            world.wait(1_780);
            assert_eq!(world.status(order).0, SagaStatus::Created, "{} {jump}: not yet", world.name);
            world.wait(15);
            assert_eq!(
                world.status(order),
                (SagaStatus::Failed, Some(Reason::TIMED_OUT)),
                "{} {jump}",
                world.name
            );
        }
    }
}

/// Nobody buys when the clock jumps: the looks for timers must notice by themselves.
#[test]
fn a_clock_that_jumps_ahead_expires_no_coupon_while_it_is_not_believed() {
    for mut world in World::each() {
        let (user, _) = (world.customer(1_000), world.product(1_500, 5));
        let coupon = world.coupon(user, 500, 24 * 3_600);
        world.wait(3_595);
        world.clock.jump(48 * HOUR_MS);
        world.wait(30);
        let issued: UserCoupon = world.get("coupon", (coupon,));
        assert_eq!(issued.status, UserCouponStatus::Issued, "{}", world.name);
        assert!(world.alerts("clock_jumped") >= 1, "{}", world.name);
        world.clock.jump(-48 * HOUR_MS);
        world.wait(120);
        let issued: UserCoupon = world.get("coupon", (coupon,));
        assert_eq!(issued.status, UserCouponStatus::Issued, "{}: it was set right again", world.name);
        world.clock.pass(Duration::from_secs(24 * 3_600));
        world.wait(120);
        let issued: UserCoupon = world.get("coupon", (coupon,));
        assert_eq!(issued.status, UserCouponStatus::Expired, "{}: in its time", world.name);
    }
}

/// A date goes by the wall clock: where that was set back a little, its timer comes too early, and has to come again.
#[test]
fn a_clock_that_is_set_back_a_little_expires_a_coupon_a_little_later() {
    for mut world in World::each() {
        let (user, _) = (world.customer(1_000), world.product(1_500, 5));
        let coupon = world.coupon(user, 500, 60);
        world.wait(30);
        world.clock.jump(-2_000);
        world.wait(31);
        let issued: UserCoupon = world.get("coupon", (coupon,));
        assert_eq!(issued.status, UserCouponStatus::Issued, "{}: not yet", world.name);
        world.wait(2);
        let issued: UserCoupon = world.get("coupon", (coupon,));
        assert_eq!(issued.status, UserCouponStatus::Expired, "{}: in its time", world.name);
    }
}

#[test]
fn a_restart_gives_an_order_its_stored_deadline_again() {
    for mut world in World::each() {
        let order = waiting(&mut world);
        world.wait(20);
        world.crash();
        world.run();
        world.wait(9);
        assert_eq!(world.status(order).0, SagaStatus::Pending, "{}", world.name);
        world.wait(2);
        assert_eq!(world.status(order), (SagaStatus::Failing, Some(Reason::TIMED_OUT)), "{}", world.name);
    }
}

#[test]
fn a_clock_that_went_back_while_the_process_was_down_puts_no_deadline_off() {
    for mut world in World::each() {
        let order = waiting(&mut world);
        world.wait(20);
        world.clock.jump(-48 * HOUR_MS);
        world.crash();
        world.run();
        world.wait(29);
        assert_eq!(
            world.status(order).0,
            SagaStatus::Pending,
            "{}: the whole deadline again, no more",
            world.name
        );
        world.wait(2);
        assert_eq!(world.status(order), (SagaStatus::Failing, Some(Reason::TIMED_OUT)), "{}", world.name);
    }
}

#[test]
fn an_unpaid_order_expires_and_cannot_be_paid_then() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(5_000), world.product(1_500, 5));
        let unpaid = Buy { pay: false, ..Buy::with_points(user, mug, 1) };
        let (early, late) = (world.buy(&unpaid), world.buy(&unpaid));
        let paid = world.pay(early, user);
        assert!(paid.is_ok(), "{}: {paid:?}", world.name);
        assert_eq!(world.status(early), (SagaStatus::Confirmed, None), "{}", world.name);
        world.clock.pass(Duration::from_secs(30 * 60 - 1));
        world.run();
        assert_eq!(world.status(late), (SagaStatus::Created, None), "{}", world.name);
        world.wait(2);
        assert_eq!(world.status(late), (SagaStatus::Failed, Some(Reason::TIMED_OUT)), "{}", world.name);
        assert_eq!(world.pay(late, user).unwrap_err().code, "ORDER_NOT_PAYABLE", "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn a_coupon_that_expired_before_its_release_is_expired() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(1_000), world.product(1_500, 50));
        let (refused, cancelled, early) =
            (world.coupon(user, 500, 10), world.coupon(user, 500, 10), world.coupon(user, 500, 10));
        world.pg.charges([OnCharge::Takes]);
        let second = world.buy(&Buy::by_card(user, mug, 1).coupon(cancelled));
        let third = world.buy(&Buy::by_card(user, mug, 1).coupon(early));
        world.pg.charges([OnCharge::Waits; 100]);
        let first = world.buy(&Buy::by_card(user, mug, 1).coupon(refused));
        world.cancel(third).unwrap();
        world.wait(12);
        world.cancel(second).unwrap();
        world.wait(20);
        world.pg.release();
        world.wait(10);
        assert_eq!(world.status(first).0, SagaStatus::Failed, "{}", world.name);
        assert_eq!(world.status(second).0, SagaStatus::Cancelled, "{}", world.name);
        for coupon in [refused, cancelled, early] {
            let coupon: UserCoupon = world.get("coupon", (coupon,));
            assert_eq!((coupon.status, coupon.order_id), (UserCouponStatus::Expired, None), "{}", world.name);
        }
        check_books(&world);
    }
}

#[test]
fn an_order_cannot_be_cancelled_after_its_window() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(10_000), world.product(1_500, 5));
        let [first, second, third] = [(); 3].map(|()| world.buy(&Buy::with_points(user, mug, 1)));
        world.ask(order::FulfilOrder { order: third, by: user }).unwrap();
        assert_eq!(
            world.cancel(third).unwrap_err().code,
            "CANCEL_WINDOW_CLOSED",
            "{}: fulfilled",
            world.name
        );
        world.clock.pass(Duration::from_secs(7 * 24 * 3_600 - 1));
        world.run();
        world.cancel(first).unwrap();
        world.wait(2);
        let refused = world.cancel(second).unwrap_err();
        assert_eq!(
            (refused.kind, refused.code),
            (kernel::Kind::Conflict, "CANCEL_WINDOW_CLOSED"),
            "{}",
            world.name
        );
        assert_eq!(world.status(first).0, SagaStatus::Cancelled, "{}", world.name);
        assert_eq!(world.status(second).0, SagaStatus::Confirmed, "{}", world.name);
        check_books(&world);
    }
}
