//! The judge at work: whole sagas as dialogues.

use crate::judge_table::{announce, commands, created, tell};
use crate::script::dialogue;
use jumun_kernel::Step;
use jumun_kernel::judge::Coordination;

/// Plays one saga of `steps`, from its creation.
#[track_caller]
fn check(how: &Coordination, steps: &[&str], expected: &str) {
    let mut saga = created(steps);
    dialogue(expected, |told| tell(&mut saga, how, told));
}

const CHAIN: [&str; 4] = ["stock", "coupon", "point", "payment"];

#[test]
fn parallel_steps_confirm_the_saga_in_any_order() {
    check(
        &announce(),
        &["stock", "point", "payment"],
        "start        => say placed [PENDING]
         payment done => nothing [PENDING]
         stock done   => nothing [PENDING]
         stock done   => nothing [PENDING]
         point done   => say confirmed, sleep [CONFIRMED]
         point done   => nothing [CONFIRMED]",
    );
}

#[test]
fn the_last_of_a_chain_carries_what_is_already_done() {
    check(
        &announce(),
        &CHAIN,
        "start                                => say placed [PENDING]
         payment pending                      => nothing [PENDING]
         payment done after stock coupon point => say confirmed, sleep [CONFIRMED]",
    );
}

#[test]
fn what_a_repeated_answer_carries_is_news_too() {
    check(
        &announce(),
        &["stock", "payment"],
        "start                    => say placed [PENDING]
         payment done             => nothing [PENDING]
         payment done after stock => say confirmed, sleep [CONFIRMED]",
    );
}

#[test]
fn the_first_cause_is_kept() {
    check(
        &announce(),
        &CHAIN,
        "start                            => say placed [PENDING]
         point refused POINTS_SHORT       => say failing, wake in 1s [FAILING POINTS_SHORT]
         coupon refused COUPON_INVALID    => nothing [FAILING POINTS_SHORT]
         cancel                           => nothing [FAILING POINTS_SHORT]
         deadline                         => undo stock #1, undo payment #1, wake in 2s [FAILING POINTS_SHORT]
         stock compensated OUT_OF_STOCK   => nothing [FAILING POINTS_SHORT]
         payment refused PAYMENT_DECLINED => say failed, sleep [FAILED POINTS_SHORT]
         look => stock COMPENSATED OUT_OF_STOCK, coupon REFUSED COUPON_INVALID, point REFUSED POINTS_SHORT, payment REFUSED PAYMENT_DECLINED",
    );
}

#[test]
fn a_group_that_is_refused_ends_at_once_with_the_refusing_steps_cause() {
    check(
        &announce(),
        &["stock", "coupon"],
        "start                            => say placed [PENDING]
         stock compensated COUPON_INVALID => say failing, wake in 1s [FAILING COUPON_INVALID]
         coupon refused COUPON_INVALID    => say failed, sleep [FAILED COUPON_INVALID]",
    );
}

#[test]
fn a_saga_of_one_step_fails_in_one_breath() {
    check(
        &announce(),
        &["payment"],
        "start                            => say placed [PENDING]
         payment refused PAYMENT_DECLINED => say failing, wake in 1s, say failed, sleep [FAILED PAYMENT_DECLINED]",
    );
}

#[test]
fn a_done_that_arrives_late_is_compensated_again() {
    check(
        &announce(),
        &["stock", "payment"],
        "start               => say placed [PENDING]
         stock done          => nothing [PENDING]
         deadline            => say failing, wake in 1s [FAILING TIMED_OUT]
         stock compensated   => nothing [FAILING TIMED_OUT]
         payment done        => undo payment #0 [FAILING TIMED_OUT]
         payment done        => nothing [FAILING TIMED_OUT]
         resend              => undo payment #1, wake in 2s [FAILING TIMED_OUT]
         payment compensated => say failed, sleep [FAILED TIMED_OUT]",
    );
}

#[test]
fn every_planned_step_is_compensated_answered_or_not() {
    check(
        &announce(),
        &CHAIN,
        "start                       => say placed [PENDING]
         stock done                  => nothing [PENDING]
         coupon refused COUPON_INVALID => say failing, wake in 1s [FAILING COUPON_INVALID]
         resend                      => undo stock #1, undo point #1, undo payment #1, wake in 2s [FAILING COUPON_INVALID]
         point compensated           => nothing [FAILING COUPON_INVALID]
         stock compensated           => nothing [FAILING COUPON_INVALID]
         resend                      => undo payment #2, wake in 4s [FAILING COUPON_INVALID]
         payment compensated         => say failed, sleep [FAILED COUPON_INVALID]",
    );
}

#[test]
fn requests_are_repeated_with_capped_backoff_until_the_budget_parks_the_step() {
    check(
        &announce(),
        &["stock", "payment"],
        "start               => say placed [PENDING]
         deadline            => say failing, wake in 1s [FAILING TIMED_OUT]
         resend              => undo stock #1, undo payment #1, wake in 2s [FAILING TIMED_OUT]
         payment compensated => nothing [FAILING TIMED_OUT]
         resend              => undo stock #2, wake in 4s [FAILING TIMED_OUT]
         resend              => undo stock #3, wake in 4s [FAILING TIMED_OUT]
         resend              => park stock, sleep [FAILING TIMED_OUT]
         resend              => sleep [FAILING TIMED_OUT]
         look                => stock UNKNOWN parked, payment COMPENSATED",
    );
}

#[test]
fn one_stuck_compensation_parks_that_step_only() {
    check(
        &announce(),
        &["stock", "point", "payment"],
        "start             => say placed [PENDING]
         cancel            => say failing, wake in 1s [FAILING CANCELLED_BY_CUSTOMER]
         payment stuck     => nothing [FAILING CANCELLED_BY_CUSTOMER]
         resend            => undo stock #1, undo point #1, wake in 2s [FAILING CANCELLED_BY_CUSTOMER]
         stock compensated => nothing [FAILING CANCELLED_BY_CUSTOMER]
         point stuck       => sleep [FAILING CANCELLED_BY_CUSTOMER]
         look              => stock COMPENSATED, point UNKNOWN parked, payment UNKNOWN parked",
    );
}

#[test]
fn a_parked_step_that_answers_after_all_needs_nobody() {
    check(
        &announce(),
        &["payment"],
        "start               => say placed [PENDING]
         deadline            => say failing, wake in 1s [FAILING TIMED_OUT]
         payment stuck       => sleep [FAILING TIMED_OUT]
         payment compensated => say failed, sleep [FAILED TIMED_OUT]
         look                => payment COMPENSATED",
    );
}

#[test]
fn a_step_that_has_ended_cannot_be_parked_by_an_older_word() {
    check(
        &announce(),
        &["stock", "payment"],
        "start                            => say placed [PENDING]
         payment refused PAYMENT_DECLINED => say failing, wake in 1s [FAILING PAYMENT_DECLINED]
         payment stuck                    => nothing [FAILING PAYMENT_DECLINED]
         look                             => stock UNKNOWN, payment REFUSED PAYMENT_DECLINED
         stock stuck                      => sleep [FAILING PAYMENT_DECLINED]
         stock refused OUT_OF_STOCK       => say failed, sleep [FAILED PAYMENT_DECLINED]
         look                             => stock REFUSED OUT_OF_STOCK, payment REFUSED PAYMENT_DECLINED",
    );
}

#[test]
fn what_was_stuck_before_the_order_was_confirmed_does_not_hold_its_cancel_up() {
    check(
        &announce(),
        &["payment"],
        "start               => say placed [PENDING]
         payment stuck       => nothing [PENDING]
         look                => payment UNKNOWN parked
         payment done        => say confirmed, sleep [CONFIRMED]
         cancel              => say cancelling, wake in 1s [CANCELLING]
         resend              => undo payment #1, wake in 2s [CANCELLING]
         payment compensated => say cancelled, sleep [CANCELLED]",
    );
}

#[test]
fn a_step_that_was_stuck_while_pending_is_parked_when_the_order_fails() {
    check(
        &announce(),
        &["stock", "payment"],
        "start                      => say placed [PENDING]
         payment stuck              => nothing [PENDING]
         stock refused OUT_OF_STOCK => say failing, wake in 1s [FAILING OUT_OF_STOCK]
         resend                     => sleep [FAILING OUT_OF_STOCK]
         unpark payment             => undo payment #1, wake in 2s [FAILING OUT_OF_STOCK]
         payment compensated        => say failed, sleep [FAILED OUT_OF_STOCK]",
    );
}

#[test]
fn redriving_asks_again_with_a_new_budget() {
    check(
        &announce(),
        &["stock"],
        "start             => say placed [PENDING]
         deadline          => say failing, wake in 1s [FAILING TIMED_OUT]
         resend            => undo stock #1, wake in 2s [FAILING TIMED_OUT]
         resend            => undo stock #2, wake in 4s [FAILING TIMED_OUT]
         resend            => undo stock #3, wake in 4s [FAILING TIMED_OUT]
         resend            => park stock, sleep [FAILING TIMED_OUT]
         unpark stock      => undo stock #1, wake in 2s [FAILING TIMED_OUT]
         unpark stock      => nothing [FAILING TIMED_OUT]
         stock compensated => say failed, sleep [FAILED TIMED_OUT]",
    );
}

#[test]
fn resolving_ends_what_redriving_cannot() {
    check(
        &announce(),
        &["stock", "payment"],
        "start             => say placed [PENDING]
         payment done      => nothing [PENDING]
         stock refused OUT_OF_STOCK => say failing, wake in 1s [FAILING OUT_OF_STOCK]
         payment stuck     => sleep [FAILING OUT_OF_STOCK]
         resolve payment   => say failed, sleep [FAILED OUT_OF_STOCK]
         payment done      => nothing [FAILED OUT_OF_STOCK]
         look              => stock REFUSED OUT_OF_STOCK, payment COMPENSATED",
    );
}

#[test]
fn a_confirmed_order_is_taken_back_step_by_step() {
    check(
        &announce(),
        &["stock", "payment"],
        "start                    => say placed [PENDING]
         payment done after stock => say confirmed, sleep [CONFIRMED]
         cancel                   => say cancelling, wake in 1s [CANCELLING]
         stock compensated        => nothing [CANCELLING]
         cancel                   => nothing [CANCELLING]
         resend                   => undo payment #1, wake in 2s [CANCELLING]
         payment compensated      => say cancelled, sleep [CANCELLED]
         cancel                   => nothing [CANCELLED]",
    );
}

#[test]
fn a_late_refusal_alerts_and_the_confirmed_order_can_still_be_taken_back() {
    check(
        &announce(),
        &["stock", "payment"],
        "start                      => say placed [PENDING]
         payment done after stock   => say confirmed, sleep [CONFIRMED]
         stock refused OUT_OF_STOCK => alert: stock.refused after the order was confirmed [CONFIRMED]
         stock stuck                => alert: stock.stuck after the order was confirmed [CONFIRMED]
         look                       => stock DONE, payment DONE
         cancel                     => say cancelling, wake in 1s [CANCELLING]
         resend                     => undo stock #1, undo payment #1, wake in 2s [CANCELLING]",
    );
}

#[test]
fn a_cancel_that_comes_before_the_last_answer_wins() {
    check(
        &announce(),
        &["stock", "payment"],
        "start               => say placed [PENDING]
         stock done          => nothing [PENDING]
         cancel              => say failing, wake in 1s [FAILING CANCELLED_BY_CUSTOMER]
         payment done        => undo payment #0 [FAILING CANCELLED_BY_CUSTOMER]
         stock compensated   => nothing [FAILING CANCELLED_BY_CUSTOMER]
         payment compensated => say failed, sleep [FAILED CANCELLED_BY_CUSTOMER]",
    );
}

#[test]
fn commands_ask_for_each_planned_step_once_in_its_turn() {
    check(
        &commands(&[&["point"], &["stock"], &["payment"]]),
        &["point", "stock", "payment"],
        "start        => say placed, ask point [PENDING]
         start        => nothing [PENDING]
         point done   => ask stock [PENDING]
         point done   => nothing [PENDING]
         stock done   => ask payment [PENDING]
         point done   => nothing [PENDING]
         stock done   => nothing [PENDING]
         payment done => say confirmed, sleep [CONFIRMED]",
    );
}

#[test]
fn commands_stop_at_the_first_refusal() {
    check(
        &commands(&[&["point"], &["stock"], &["payment"]]),
        &["point", "stock", "payment"],
        "start                      => say placed, ask point [PENDING]
         point done                 => ask stock [PENDING]
         stock refused OUT_OF_STOCK => say failing, undo point #0, undo payment #0, wake in 1s [FAILING OUT_OF_STOCK]
         point done                 => nothing [FAILING OUT_OF_STOCK]
         resend                     => undo point #1, undo payment #1, wake in 2s [FAILING OUT_OF_STOCK]
         point compensated          => nothing [FAILING OUT_OF_STOCK]
         payment compensated        => say failed, sleep [FAILED OUT_OF_STOCK]",
    );
}

#[test]
fn what_has_failed_stays_as_it_was_when_it_settled() {
    check(
        &announce(),
        &["stock", "payment"],
        "start                                     => say placed [PENDING]
         payment refused PAYMENT_DECLINED          => say failing, wake in 1s [FAILING PAYMENT_DECLINED]
         stock compensated PAYMENT_DECLINED        => say failed, sleep [FAILED PAYMENT_DECLINED]
         payment compensated PAYMENT_DECLINED      => nothing [FAILED PAYMENT_DECLINED]
         look                                      => stock COMPENSATED PAYMENT_DECLINED, payment REFUSED PAYMENT_DECLINED",
    );
}

#[test]
fn a_group_is_asked_for_once_by_its_first_planned_step() {
    let how = || commands(&[&["point", "coupon"], &["stock"]]);
    check(
        &how(),
        &["point", "coupon", "stock"],
        "start       => say placed, ask point [PENDING]
         point done  => nothing [PENDING]
         coupon done => ask stock [PENDING]
         coupon done => nothing [PENDING]
         stock done  => say confirmed, sleep [CONFIRMED]",
    );
    check(
        &how(),
        &["coupon", "stock"],
        "start                   => say placed, ask coupon [PENDING]
         coupon done             => ask stock [PENDING]
         stock done after coupon => say confirmed, sleep [CONFIRMED]",
    );
}

#[test]
fn what_hears_nobody_is_asked_for_once_everything_before_it_is_done() {
    check(
        &Coordination { asked: vec![vec![Step::PAYMENT]], ..announce() },
        &["point", "stock", "payment"],
        "start        => say placed [PENDING]
         stock done   => nothing [PENDING]
         point done   => ask payment [PENDING]
         stock done   => nothing [PENDING]
         payment done => say confirmed, sleep [CONFIRMED]",
    );
    check(
        &Coordination { asked: vec![vec![Step::PAYMENT]], ..announce() },
        &["payment"],
        "start        => say placed, ask payment [PENDING]
         payment done => say confirmed, sleep [CONFIRMED]",
    );
}

#[test]
fn steps_that_hear_no_announcement_are_told_by_name_once() {
    check(
        &commands(&[&["point"], &["payment"]]),
        &["point", "payment"],
        "start               => say placed, ask point [PENDING]
         point done          => ask payment [PENDING]
         payment done        => say confirmed, sleep [CONFIRMED]
         cancel              => say cancelling, undo point #0, undo payment #0, wake in 1s [CANCELLING]
         cancel              => nothing [CANCELLING]
         payment compensated => nothing [CANCELLING]
         resend              => undo point #1, wake in 2s [CANCELLING]
         point compensated   => say cancelled, sleep [CANCELLED]",
    );
}

#[test]
fn the_books_are_looked_at_before_an_order_is_given_up() {
    let how = || Coordination { inquires: true, ..announce() };
    check(
        &how(),
        &["point", "stock"],
        "start                        => say placed [PENDING]
         point done                   => nothing [PENDING]
         deadline                     => inquire stock, wake in 2s [PENDING]
         found stock done             => say confirmed, sleep [CONFIRMED]
         found stock done             => nothing [CONFIRMED]",
    );
    check(
        &how(),
        &["point", "stock"],
        "start                              => say placed [PENDING]
         deadline                           => inquire point+stock, wake in 2s [PENDING]
         found stock refused OUT_OF_STOCK   => say failing, wake in 1s [FAILING OUT_OF_STOCK]",
    );
    check(
        &how(),
        &["point", "stock"],
        "start            => say placed [PENDING]
         deadline         => inquire point+stock, wake in 2s [PENDING]
         found point done => say failing, wake in 1s [FAILING TIMED_OUT]",
    );
    check(
        &how(),
        &["point", "stock"],
        "start    => say placed [PENDING]
         deadline => inquire point+stock, wake in 2s [PENDING]
         deadline => say failing, wake in 1s [FAILING TIMED_OUT]
         found point done, stock done => undo point #0, undo stock #0 [FAILING TIMED_OUT]",
    );
}

#[test]
fn what_the_books_bring_on_has_the_rest_of_the_inquirys_time() {
    let how = || Coordination { asked: vec![vec![Step::PAYMENT]], inquires: true, ..announce() };
    check(
        &how(),
        &["point", "stock", "payment"],
        "start                        => say placed [PENDING]
         deadline                     => inquire point+stock+payment, wake in 2s [PENDING]
         found point done, stock done => ask payment [PENDING]
         payment done                 => say confirmed, sleep [CONFIRMED]",
    );
    check(
        &how(),
        &["point", "stock", "payment"],
        "start                        => say placed [PENDING]
         deadline                     => inquire point+stock+payment, wake in 2s [PENDING]
         found point done, stock done => ask payment [PENDING]
         deadline                     => say failing, wake in 1s [FAILING TIMED_OUT]",
    );
}

#[test]
fn a_poll_only_hastens() {
    check(
        &announce(),
        &["point", "stock"],
        "start                              => say placed [PENDING]
         found point done                   => nothing [PENDING]
         found point done                   => nothing [PENDING]
         point done                         => nothing [PENDING]
         found point done, stock done       => say confirmed, sleep [CONFIRMED]
         stock done                         => nothing [CONFIRMED]",
    );
}
