//! Dialogues of orders' payments with a PG that misbehaves.

use crate::support::pg::Fault;
use crate::support::{Shop, key_of, money, order};
use jumun_payment::books::LedgerEntry;
use jumun_payment::gateway::{PgAnswer, PgCharge, PgChargeStatus, PgRequest};
use jumun_payment::leg::{Leg, LegState};
use jumun_payment::{PaymentRow, PgAnswered, PgCall, StartReconciling, Webhook};
use kernel::Step;
use kernel::ids::{PaymentId, UserCouponId};
use kernel::judge::letters::DeadLetter;
use kernel::participation::{Inbox, InboxState};
use kernel::plan::PlanCoupon;

/// How a paid order ended: inbox row, leg, payment row, money held.
fn check(shop: &Shop, plan: &kernel::Plan, expected: (InboxState, LegState, &str, i64)) {
    let held = shop.pg.held().get(&key_of(plan)).copied().unwrap_or(0);
    assert_eq!((shop.inbox(plan), shop.leg_state(plan), shop.status(plan), held), expected);
    assert_eq!(shop.pg.wrong_cancels, 0);
    assert!(shop.pg.charge_keys.len() <= 1);
}

const PAID: (InboxState, LegState, &str, i64) = (InboxState::Done, LegState::Charged, "APPROVED", 500);
const GIVEN_BACK: (InboxState, LegState, &str, i64) =
    (InboxState::Compensated, LegState::Cancelled, "CANCELLED", 0);

fn paid_with(script: &[Fault]) -> (Shop, std::sync::Arc<kernel::Plan>) {
    let mut shop = Shop::default();
    shop.pg.script.extend(script);
    let plan = order(1, 500, 100);
    shop.pay(&plan);
    (shop, plan)
}

#[test]
fn a_card_is_charged_once_and_the_saga_hears_of_it() {
    let (mut shop, plan) = paid_with(&[]);
    assert_eq!(shop.status(&plan), "PENDING");
    shop.pass(1);
    check(&shop, &plan, PAID);
    assert_eq!(shop.news(), ["payment.pending", "payment.done"]);
    assert_eq!(shop.leg(&plan).card, None, "the card is forgotten once nothing can be sent any more");
    assert_eq!(shop.done(), shop.pg.held());
}

#[test]
fn a_receipt_names_what_the_pg_and_the_points_paid() {
    let (mut shop, plan) = paid_with(&[]);
    shop.pass(1);
    let row: Inbox = shop.get((plan.saga, Step::PAYMENT)).unwrap();
    let key = key_of(&plan);
    let expected = format!(
        r#"{{"payment_id":"{key}","amount":500,"points":100,"discount":0,"transaction":"tx-{key}"}}"#
    );
    assert_eq!(row.receipt.unwrap(), expected.as_str());
}

#[test]
fn nothing_to_pay_by_card_calls_no_pg() {
    let mut shop = Shop::default();
    let plan = order(1, 0, 100);
    shop.pay(&plan);
    assert_eq!((shop.inbox(&plan), shop.status(&plan)), (InboxState::Done, "APPROVED"));
    assert_eq!(shop.get::<PaymentRow>((plan.payment,)).unwrap().pg, None);
    assert!(shop.done().is_empty());
    shop.pass(5);
    shop.undo(&plan);
    let payment: PaymentRow = shop.get((plan.payment,)).unwrap();
    assert_eq!(payment.updated_at.since(payment.created_at).as_secs(), 5);
    assert_eq!((shop.inbox(&plan), shop.status(&plan)), (InboxState::Compensated, "CANCELLED"));
    assert_eq!(shop.pg.charge_calls, 0);
    assert_eq!(shop.news(), ["payment.done", "payment.compensated"]);
}

#[test]
fn a_declined_card_refuses_the_order() {
    let (mut shop, plan) = paid_with(&[Fault::Decline]);
    shop.pass(1);
    check(&shop, &plan, (InboxState::Refused, LegState::Declined, "DECLINED", 0));
    assert_eq!(shop.news(), ["payment.pending", "payment.refused"]);
    shop.undo(&plan);
    assert_eq!(shop.inbox(&plan), InboxState::Compensated);
}

#[test]
fn a_plan_that_does_not_add_up_is_a_fault() {
    let mut shop = Shop::default();
    let mut plan = (*order(1, 500, 0)).clone();
    plan.total = money(499);
    assert!(shop.try_pay(&std::sync::Arc::new(plan)).is_err());
    assert!(shop.rows::<PaymentRow>().is_empty());
}

#[test]
fn a_plan_with_an_amount_below_zero_is_a_fault_even_if_it_adds_up() {
    for (card, points, discount) in [(-1, 501, 0), (501, -1, 0), (501, 0, -1)] {
        let mut shop = Shop::default();
        let (card_amount, points, discount) = (money(card), money(points), money(discount));
        let coupon = Some(PlanCoupon { user_coupon_id: UserCouponId(uuid::Uuid::nil()), discount });
        let plan = kernel::Plan { card_amount, points, coupon, ..(*order(1, 500, 0)).clone() };
        assert!(shop.try_pay(&std::sync::Arc::new(plan)).is_err(), "{card_amount} {points} {discount}");
    }
}

#[test]
fn charged_without_an_answer_is_found_by_asking() {
    let (mut shop, plan) = paid_with(&[Fault::DoneThenTimeout]);
    shop.pass(2);
    assert_eq!(shop.status(&plan), "PENDING");
    shop.pass(5);
    check(&shop, &plan, PAID);
    assert_eq!(shop.pg.charge_calls, 1, "asked, not charged again");
}

#[test]
fn while_the_outcome_is_not_known_the_payment_says_so() {
    let (mut shop, plan) = paid_with(&[Fault::DoneThenTimeout]);
    shop.pg.silent = true;
    shop.pass(8);
    assert_eq!((shop.status(&plan), shop.inbox(&plan)), ("UNKNOWN", InboxState::Pending));
}

#[test]
fn a_charge_the_pg_does_not_know_is_sent_again_under_the_same_key() {
    let (mut shop, plan) = paid_with(&[Fault::TimeoutNotDone]);
    shop.pass(5);
    check(&shop, &plan, PAID);
    assert_eq!((shop.pg.charge_calls, shop.pg.charge_keys.len()), (2, 1));
}

#[test]
fn a_card_that_never_gets_through_is_refused_after_the_budget_without_a_dead_letter() {
    let (mut shop, plan) = paid_with(&[Fault::TimeoutNotDone; 100]);
    shop.pass(59);
    assert_eq!(shop.inbox(&plan), InboxState::Pending);
    shop.pass(30);
    check(&shop, &plan, (InboxState::Refused, LegState::NotCharged, "DECLINED", 0));
    assert_eq!(shop.news(), ["payment.pending", "payment.refused"]);
    let row: Inbox = shop.get((plan.saga, Step::PAYMENT)).unwrap();
    assert_eq!(row.reason.unwrap().as_str(), "PAYMENT_UNAVAILABLE");
    assert!(shop.letters().is_empty() && shop.alerts.is_empty());
}

#[test]
fn a_pg_that_always_errs_is_not_hammered() {
    let (mut shop, plan) = paid_with(&[Fault::Error; 100]);
    shop.pass(120);
    check(&shop, &plan, (InboxState::Refused, LegState::NotCharged, "DECLINED", 0));
    assert!(shop.pg.charge_calls <= 20, "{} charges in a minute", shop.pg.charge_calls);
}

#[test]
fn what_was_never_sent_is_refused_after_the_budget_without_asking() {
    let mut shop = Shop::default();
    shop.pg.down = true;
    let plan = order(1, 500, 0);
    shop.pay(&plan);
    shop.pass(70);
    check(&shop, &plan, (InboxState::Refused, LegState::NotCharged, "DECLINED", 0));
    assert!(shop.letters().is_empty());
}

#[test]
fn a_call_that_was_never_sent_is_made_again() {
    let (mut shop, plan) = paid_with(&[Fault::NotSent, Fault::NotSent]);
    shop.pass(2);
    check(&shop, &plan, PAID);
    assert_eq!(shop.pg.charge_calls, 3);
}

#[test]
fn an_outage_raises_one_dead_letter_that_closes_itself_when_the_pg_is_back() {
    let (mut shop, plan) = paid_with(&[Fault::DoneThenTimeout]);
    shop.pg.down = true;
    shop.pass(300);
    assert_eq!(shop.letters(), ["PAYMENT OPEN"]);
    assert_eq!(shop.alerts, ["payment_unknown"]);
    assert_eq!(shop.open_letter().step, Some(Step::PAYMENT));
    shop.pg.down = false;
    shop.pass(70);
    check(&shop, &plan, PAID);
    assert_eq!(shop.letters(), ["PAYMENT REDRIVEN"]);
}

#[test]
fn a_letter_that_was_redriven_in_vain_says_what_went_wrong_last() {
    let (mut shop, _) = paid_with(&[Fault::DoneThenTimeout]);
    shop.pg.down = true;
    shop.pass(300);
    let first = shop.open_letter();
    assert_eq!(first.error, "connection refused");
    (shop.pg.down, shop.pg.silent) = (false, true);
    shop.handle(&first, true);
    shop.pass(300);
    let again = shop.open_letter();
    assert_eq!((again.id, again.error.as_str(), again.first_at), (first.id, "timeout", first.first_at));
}

#[test]
fn a_charge_that_is_taken_back_before_it_left_is_not_made() {
    let (mut shop, plan) = paid_with(&[Fault::NotSent; 100]);
    let charge = PgRequest::Charge {
        key: key_of(&plan),
        amount: 500,
        currency: "KRW".to_owned(),
        card_token: "tok_ok".to_owned(),
        reference: String::new(),
    };
    assert_eq!(shop.withdrawn(&plan, charge.clone()), None, "it is wanted");
    shop.undo(&plan);
    let detail = "it was taken back before it was sent".to_owned();
    assert_eq!(shop.withdrawn(&plan, charge), Some(PgAnswer::NotSent { detail }));
    let query = PgRequest::Query { key: key_of(&plan) };
    assert_eq!(shop.withdrawn(&plan, query), None, "what only asks goes out");
}

#[test]
fn a_redriven_unknown_payment_is_asked_about_at_once_and_never_charged_again() {
    let (mut shop, plan) = paid_with(&[Fault::TimeoutNotDone]);
    shop.pg.down = true;
    shop.pass(20 * 86_400);
    shop.pg.down = false;
    let charges = shop.pg.charge_calls;
    shop.handle(&shop.open_letter(), true);
    shop.pass(1);
    check(&shop, &plan, (InboxState::Refused, LegState::NotCharged, "DECLINED", 0));
    assert_eq!(shop.pg.charge_calls, charges, "its key may have expired");
    assert_eq!(shop.letters(), ["PAYMENT REDRIVEN"]);
}

#[test]
fn an_unknown_payment_resolved_by_note_lets_the_order_end() {
    let (mut shop, plan) = paid_with(&[Fault::DoneThenTimeout]);
    shop.pg.silent = true;
    shop.pass(35);
    shop.undo(&plan);
    shop.pass(60);
    assert_eq!(shop.news(), ["payment.pending", "payment.stuck"]);
    shop.handle(&shop.open_letter(), false);
    assert_eq!((shop.inbox(&plan), shop.leg_state(&plan)), (InboxState::Compensated, LegState::Resolved));
    assert_eq!(shop.news(), ["payment.compensated"]);
    shop.pg.silent = false;
    shop.command(&StartReconciling).unwrap();
    shop.pass(600);
    assert_eq!(shop.pg.cancel_calls, 0, "the operator knows; it is only listed");
    assert_eq!(shop.letters(), ["PAYMENT RESOLVED"]);
}

#[test]
fn a_done_payment_is_given_back() {
    let (mut shop, plan) = paid_with(&[]);
    shop.pass(1);
    shop.undo(&plan);
    assert_eq!((shop.inbox(&plan), shop.status(&plan)), (InboxState::Undoing, "CANCELLING"));
    shop.pass(1);
    check(&shop, &plan, GIVEN_BACK);
    assert_eq!(shop.news(), ["payment.pending", "payment.done", "payment.compensated"]);
    let kinds: Vec<&str> = shop.rows::<LedgerEntry>().iter().map(|entry| entry.kind.word()).collect();
    assert_eq!(kinds, ["CANCEL", "CHARGE"]);
}

#[test]
fn a_cancel_that_fails_five_times_goes_through_in_the_end() {
    for fault in [Fault::Error, Fault::TimeoutNotDone, Fault::Refuse, Fault::NotSent] {
        let (mut shop, plan) = paid_with(&[]);
        shop.pass(1);
        shop.pg.script.extend([fault; 5]);
        shop.undo(&plan);
        shop.pass(59);
        check(&shop, &plan, GIVEN_BACK);
        assert_eq!(shop.pg.cancel_calls, 6, "{fault:?}");
        assert!(shop.letters().is_empty());
    }
}

#[test]
fn a_cancel_done_without_an_answer_is_found_by_asking() {
    let (mut shop, plan) = paid_with(&[]);
    shop.pass(1);
    shop.pg.script.push_back(Fault::DoneThenTimeout);
    shop.undo(&plan);
    shop.pass(10);
    check(&shop, &plan, GIVEN_BACK);
    assert_eq!(shop.pg.cancel_calls, 1);
}

#[test]
fn a_pg_down_while_compensating_is_waited_for_beyond_the_budget() {
    let (mut shop, plan) = paid_with(&[]);
    shop.pass(1);
    shop.pg.down = true;
    shop.undo(&plan);
    shop.pass(600);
    assert_eq!(shop.letters(), ["COMPENSATION OPEN"]);
    shop.pg.down = false;
    shop.pass(70);
    check(&shop, &plan, GIVEN_BACK);
    assert_eq!(shop.letters(), ["COMPENSATION REDRIVEN"]);
    assert_eq!(shop.news(), ["payment.pending", "payment.done", "payment.stuck", "payment.compensated"]);
}

/// A cancel refused until an operator is asked.
fn refused() -> (Shop, std::sync::Arc<kernel::Plan>) {
    let (mut shop, plan) = paid_with(&[]);
    shop.pass(1);
    shop.pg.script.extend([Fault::Refuse; 1_000]);
    shop.undo(&plan);
    shop.pass(120);
    assert_eq!((shop.inbox(&plan), shop.leg_state(&plan)), (InboxState::Undoing, LegState::CancelRefused));
    assert_eq!(
        (shop.letters(), shop.alerts.clone()),
        (vec!["COMPENSATION OPEN".to_owned()], vec!["payment_cancel_stuck"])
    );
    assert_eq!(shop.news().last().unwrap(), "payment.stuck");
    (shop, plan)
}

#[test]
fn a_letter_redriven_while_its_cancel_is_out_sends_no_second_one() {
    let (mut shop, _) = refused();
    let calls = shop.pg.cancel_calls;
    shop.handle(&shop.open_letter(), true);
    shop.handle(&shop.open_letter(), true);
    assert_eq!(shop.pg.cancel_calls, calls + 1);
    // Refused again it rests; an operator need not wait for that.
    shop.now += 1;
    shop.pass(0);
    shop.handle(&shop.open_letter(), true);
    assert_eq!(shop.pg.cancel_calls, calls + 2);
}

#[test]
fn a_refused_cancel_becomes_a_dead_letter_and_a_redrive_ends_it() {
    let (mut shop, plan) = refused();
    let cancels = shop.pg.cancel_calls;
    shop.pass(600);
    assert_eq!(shop.pg.cancel_calls, cancels, "refused for good: only the book is watched");
    shop.handle(&shop.open_letter(), true);
    shop.pass(120);
    assert_eq!(shop.letters(), ["COMPENSATION OPEN"], "in vain: the same letter, not a second one");
    assert!(shop.pg.cancel_calls > cancels + 7);
    shop.pg.script.clear();
    shop.handle(&shop.open_letter(), true);
    shop.pass(1);
    check(&shop, &plan, GIVEN_BACK);
    let letter = shop.rows::<DeadLetter>().remove(0);
    assert_eq!(letter.status.word(), "REDRIVEN");
    assert!(letter.handled_by.is_some(), "who redrove it is not forgotten");
}

#[test]
fn a_charge_cancelled_by_hand_at_the_pg_ends_a_refused_cancel() {
    let (mut shop, plan) = refused();
    let key = key_of(&plan);
    shop.pg.book.get_mut(&key).unwrap().status = PgChargeStatus::Cancelled;
    shop.pass(61);
    check(&shop, &plan, GIVEN_BACK);
    assert_eq!(shop.letters(), ["COMPENSATION REDRIVEN"]);
}

#[test]
fn a_refused_cancel_resolved_by_note_lets_the_order_end() {
    let (mut shop, plan) = refused();
    shop.handle(&shop.open_letter(), false);
    check(&shop, &plan, (InboxState::Compensated, LegState::Resolved, "CANCELLED", 500));
    assert_eq!(shop.news(), ["payment.compensated"]);
    assert_eq!(shop.letters(), ["COMPENSATION RESOLVED"]);
    shop.pass(600);
    assert_eq!(shop.letters(), ["COMPENSATION RESOLVED"]);
}

#[test]
fn an_order_that_failed_while_the_charge_was_out_gets_its_money_back() {
    for script in [[Fault::DoneThenTimeout], [Fault::Lost(true)], [Fault::Late(6_000)]] {
        let (mut shop, plan) = paid_with(&script);
        shop.undo(&plan);
        assert_eq!(shop.inbox(&plan), InboxState::PendingUndo);
        assert_eq!(shop.pg.cancel_calls, 0, "never cancel what is not known to be charged");
        shop.pass(30);
        assert_eq!(shop.pg.cancel_reasons, ["TIMED_OUT"], "as the PG's book shows it");
        check(&shop, &plan, GIVEN_BACK);
        assert_eq!(shop.news(), ["payment.pending", "payment.compensated"]);
    }
}

#[test]
fn an_order_that_failed_before_anything_was_charged_is_compensated_once_the_pg_has_settled() {
    let (mut shop, plan) = paid_with(&[Fault::TimeoutNotDone]);
    shop.undo(&plan);
    shop.pass(9);
    assert_eq!(shop.inbox(&plan), InboxState::PendingUndo, "not found so soon is not final");
    shop.pass(10);
    check(&shop, &plan, (InboxState::Compensated, LegState::NotCharged, "CANCELLED", 0));
    assert_eq!((shop.pg.charge_calls, shop.pg.cancel_calls), (1, 0), "not sent again, nothing to cancel");
}

#[test]
fn an_order_that_failed_before_anything_was_sent_is_compensated_without_a_call() {
    let (mut shop, plan) = paid_with(&[Fault::NotSent, Fault::NotSent, Fault::NotSent]);
    shop.pass(1);
    shop.undo(&plan);
    let calls = shop.pg.charge_calls;
    shop.pass(10);
    assert_eq!(shop.inbox(&plan), InboxState::Compensated);
    assert!(shop.pg.charge_calls <= calls + 1);
    assert_eq!(shop.pg.held().len(), 0);
}

#[test]
fn a_charge_that_comes_late_after_all_is_cancelled_by_reconciliation() {
    let (mut shop, plan) = paid_with(&[Fault::Late(40_000)]);
    shop.command(&StartReconciling).unwrap();
    shop.command(&StartReconciling).unwrap();
    shop.undo(&plan);
    shop.pass(39);
    check(&shop, &plan, (InboxState::Compensated, LegState::NotCharged, "CANCELLED", 0));
    shop.pass(5);
    assert_eq!(shop.pg.held().len(), 1);
    shop.pass(180);
    check(&shop, &plan, GIVEN_BACK);
    assert_eq!(shop.alerts, ["payment_stray"]);
    assert_eq!(shop.news(), ["payment.pending", "payment.compensated"], "the saga had ended before");
}

#[test]
fn a_webhook_only_makes_the_leg_ask() {
    let (mut shop, plan) = paid_with(&[Fault::Late(40_000)]);
    shop.undo(&plan);
    shop.pass(60);
    assert_eq!(shop.pg.held().len(), 1);
    shop.command(&Webhook { key: key_of(&plan) }).unwrap();
    shop.pass(1);
    check(&shop, &plan, GIVEN_BACK);
    shop.command(&Webhook { key: "not a key".to_owned() }).unwrap();
    shop.command(&Webhook { key: PaymentId(uuid::Uuid::from_u128(5)).to_string() }).unwrap();
    shop.pass(1);
    assert!(shop.letters().is_empty());
}

#[test]
fn a_webhook_wakes_a_slow_query() {
    let (mut shop, plan) = paid_with(&[Fault::DoneThenTimeout]);
    shop.pg.down = true;
    shop.pass(301);
    shop.pg.down = false;
    shop.command(&Webhook { key: key_of(&plan) }).unwrap();
    shop.pass(1);
    check(&shop, &plan, PAID);
    assert_eq!(shop.letters(), ["PAYMENT REDRIVEN"]);
}

#[test]
fn doubled_answers_change_nothing() {
    let (mut shop, plan) = paid_with(&[]);
    shop.copies = 3;
    shop.pg.script.extend([Fault::DoneThenTimeout, Fault::Error]);
    let second = order(2, 700, 0);
    shop.pay(&second);
    shop.pass(10);
    shop.undo(&second);
    shop.pass(10);
    assert_eq!(shop.leg_state(&second), LegState::Cancelled);
    check_quiet(&shop, &plan);
}

fn check_quiet(shop: &Shop, first: &kernel::Plan) {
    let twice = shop.said.iter().filter(|said| *said == "payment.done").count();
    assert_eq!(twice, 2, "one each: {:?}", shop.said);
    assert_eq!(shop.said.iter().filter(|said| *said == "payment.compensated").count(), 1);
    assert_eq!(shop.leg_state(first), LegState::Charged);
    assert!(shop.letters().is_empty() && shop.alerts.is_empty());
}

#[test]
fn an_answer_to_an_earlier_call_is_too_late_to_count() {
    let (mut shop, plan) = paid_with(&[Fault::TimeoutNotDone, Fault::TimeoutNotDone]);
    shop.pass(4);
    let leg = shop.leg(&plan);
    assert!(leg.attempts > 1);
    shop.deliver(&late(&leg, 1, PgAnswer::NotFound));
    assert_eq!(shop.leg(&plan), leg);
}

/// What the PG answered to a query of `leg` that was asked when it began.
fn late(leg: &Leg, attempt: u32, answer: PgAnswer) -> PgAnswered {
    let call = PgCall {
        leg: Some((leg.saga, Step::PAYMENT)),
        attempt,
        asked_at: leg.first_sent_at,
        start_by: leg.first_sent_at,
        trace: leg.trace,
        request: PgRequest::Query { key: leg.key() },
    };
    PgAnswered { call, answer }
}

#[test]
fn a_look_into_the_book_from_before_the_last_move_shows_nothing() {
    let (mut shop, plan) = paid_with(&[]);
    shop.pass(1);
    let leg = shop.leg(&plan);
    let cancelled = PgCharge { status: PgChargeStatus::Cancelled, ..shop.pg.book[&key_of(&plan)].clone() };
    shop.deliver(&late(&leg, 0, PgAnswer::Found(cancelled)));
    assert_eq!((shop.leg(&plan), shop.letters()), (leg, Vec::new()));
}

#[test]
fn after_a_crash_a_charge_under_way_is_asked_about_first() {
    for (fault, end) in [(Fault::Lost(true), 1), (Fault::Lost(false), 2)] {
        let (mut shop, plan) = paid_with(&[fault]);
        shop.crash();
        shop.pass(10);
        check(&shop, &plan, PAID);
        assert_eq!(shop.pg.charge_calls, end);
    }
}

#[test]
fn after_a_crash_a_cancel_under_way_is_asked_about_first() {
    for (fault, end) in [(Fault::Lost(true), 1), (Fault::Lost(false), 2)] {
        let (mut shop, plan) = paid_with(&[]);
        shop.pass(1);
        shop.pg.script.push_back(fault);
        shop.undo(&plan);
        shop.crash();
        shop.pass(10);
        check(&shop, &plan, GIVEN_BACK);
        assert_eq!(shop.pg.cancel_calls, end);
    }
}

#[test]
fn another_amount_in_the_book_is_neither_success_nor_failure() {
    let (mut shop, plan) = paid_with(&[Fault::DoneThenTimeout]);
    shop.pg.book.get_mut(&key_of(&plan)).unwrap().amount = 5;
    shop.pass(300);
    assert_eq!((shop.inbox(&plan), shop.status(&plan)), (InboxState::Pending, "UNKNOWN"));
    assert_eq!(shop.letters(), ["PAYMENT OPEN"]);
    assert_eq!(shop.alerts, ["payment_odd", "payment_unknown"], "once, not at every look");
    assert_eq!(shop.pg.charge_calls, 1);
}

#[test]
fn one_transaction_never_pays_twice() {
    let (mut shop, first) = paid_with(&[]);
    shop.pass(1);
    let second = order(2, 500, 0);
    shop.pg.script.push_back(Fault::DoneThenTimeout);
    shop.pay(&second);
    shop.pg.book.get_mut(&key_of(&second)).unwrap().transaction = format!("tx-{}", key_of(&first));
    shop.pass(20);
    assert_eq!(shop.leg_state(&second), LegState::Asking);
    assert!(shop.alerts.contains(&"payment_odd"));
}
