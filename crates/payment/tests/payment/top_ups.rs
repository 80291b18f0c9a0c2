//! Top-ups: charge, then credit; the credit refused, the charge given back.

use crate::support::pg::Fault;
use crate::support::{Shop, order};
use jumun_payment::books::ChargeKey;
use jumun_payment::gateway::PgChargeStatus;
use jumun_payment::leg::Leg;
use jumun_payment::{Charge, ChargeStatus, StartReconciling, Webhook, is_final};
use kernel::ids::ChargeId;
use kernel::participation::{Inbox, InboxState};
use kernel::{Kind, Plan, Reason, Refused, Said, Step};
use std::sync::Arc;

fn check(shop: &Shop, id: ChargeId, status: ChargeStatus, reason: Option<&str>, held: i64) {
    let charge = shop.charge(id);
    assert_eq!((charge.status, charge.reason.as_ref().map(Reason::as_str)), (status, reason));
    assert_eq!(shop.pg.held().values().sum::<i64>(), held);
    assert_eq!(is_final(&charge), status != ChargeStatus::Pending);
    assert_eq!(charge.next_at, None);
}

fn begun(script: &[Fault]) -> (Shop, ChargeId) {
    let mut shop = Shop::default();
    shop.pg.script.extend(script);
    let reply = shop.top_up(1_000, 1, 1).unwrap();
    assert!(!reply.replayed);
    (shop, reply.charge)
}

#[test]
fn a_top_up_is_charged_and_credited() {
    let (mut shop, id) = begun(&[]);
    shop.pass(1);
    check(&shop, id, ChargeStatus::Completed, None, 1_000);
    assert_eq!(shop.news(), ["charge.pending", "charge.done", "payment.charge_settled"]);
    assert_eq!(shop.done(), shop.pg.held());
}

#[test]
fn a_declined_top_up_says_why() {
    let (mut shop, id) = begun(&[Fault::Decline]);
    shop.pass(1);
    check(&shop, id, ChargeStatus::Declined, Some("PAYMENT_DECLINED"), 0);
}

#[test]
fn a_refused_credit_gives_the_charge_back() {
    let (mut shop, id) = begun(&[]);
    shop.credit = Some(Err(Reason::of("CREDIT_REFUSED")));
    shop.pass(2);
    check(&shop, id, ChargeStatus::Cancelled, Some("CREDIT_REFUSED"), 0);
    let row: Inbox = shop.get((kernel::ids::SagaId::from(id), Step::CHARGE)).unwrap();
    assert_eq!(row.state, InboxState::Compensated);
    assert_eq!(
        shop.news(),
        ["charge.pending", "charge.done", "charge.compensated", "payment.charge_settled"]
    );
}

#[test]
fn an_unknown_charge_is_credited_once_it_is_found() {
    let (mut shop, id) = begun(&[Fault::DoneThenTimeout]);
    shop.pass(10);
    check(&shop, id, ChargeStatus::Completed, None, 1_000);
}

#[test]
fn a_top_up_that_never_gets_through_is_declined_and_a_late_charge_given_back() {
    let (mut shop, id) = begun(&[Fault::Late(90_000)]);
    shop.command(&StartReconciling).unwrap();
    shop.pg.script.extend([Fault::TimeoutNotDone; 50]);
    shop.pass(85);
    check(&shop, id, ChargeStatus::Declined, Some("PAYMENT_UNAVAILABLE"), 0);
    shop.pg.script.clear();
    shop.pass(200);
    check(&shop, id, ChargeStatus::Declined, Some("PAYMENT_UNAVAILABLE"), 0);
    assert_eq!(shop.pg.cancel_calls, 1);
}

#[test]
fn a_silent_credit_is_asked_for_until_it_answers() {
    let (mut shop, id) = begun(&[]);
    shop.credit = None;
    shop.pass(100);
    assert_eq!(shop.charge(id).status, ChargeStatus::Pending);
    assert!(shop.letters().is_empty());
    shop.pass(3_600);
    let asked = shop.news().iter().filter(|said| *said == "credit.asked").count();
    assert!((60..80).contains(&asked), "slowly in the end: {asked}");
    assert_eq!(
        (shop.letters(), shop.alerts.clone()),
        (vec!["PAYMENT OPEN".to_owned()], vec!["payment_unknown"])
    );
    assert!(!is_final(&shop.charge(id)));
    shop.credit = Some(Ok(()));
    shop.pass(61);
    check(&shop, id, ChargeStatus::Completed, None, 1_000);
    assert_eq!(shop.letters(), ["PAYMENT REDRIVEN"]);
}

#[test]
fn an_unanswered_credit_can_be_redriven_or_ended_by_note() {
    for redrive in [true, false] {
        let (mut shop, id) = begun(&[]);
        shop.credit = None;
        shop.pass(3_600);
        shop.credit = Some(Ok(()));
        // The answer is on its way only when the letter is redriven.
        shop.credit = redrive.then_some(Ok(()));
        shop.handle(&shop.open_letter(), redrive);
        shop.pass(5);
        let reason = (!redrive).then_some("RESOLVED_BY_NOTE");
        check(&shop, id, ChargeStatus::Completed, reason, 1_000);
        assert_eq!(shop.letters(), [if redrive { "PAYMENT REDRIVEN" } else { "PAYMENT RESOLVED" }]);
    }
}

fn plan_of(id: ChargeId) -> Arc<Plan> {
    let steps = vec![Step::CHARGE, Step::CREDIT];
    Arc::new(Plan { saga: id.into(), steps, ..(*order(1, 1_000, 0)).clone() })
}

#[test]
fn a_credit_that_was_compensated_gives_the_charge_back() {
    let (mut shop, id) = begun(&[]);
    shop.credit = None;
    shop.pass(1);
    let cause = Some(Reason::of("CREDIT_REFUSED"));
    shop.hear(&plan_of(id), &Said::Compensated { step: Step::CREDIT, cause });
    shop.pass(1);
    check(&shop, id, ChargeStatus::Cancelled, Some("CREDIT_REFUSED"), 0);
}

#[test]
fn points_that_were_credited_before_the_money_is_held_complete_nothing() {
    let (mut shop, id) = begun(&[]);
    shop.hear(&plan_of(id), &Said::Done { step: Step::CREDIT, prior: Vec::new() });
    assert_eq!(
        (shop.charge(id).status, shop.alerts.as_slice()),
        (ChargeStatus::Pending, ["top_up_odd"].as_slice())
    );
}

#[test]
fn what_the_book_shows_does_not_put_off_the_credit() {
    let (mut shop, id) = begun(&[]);
    shop.credit = None;
    shop.pass(4);
    let asked_again = shop.charge(id).next_at;
    shop.pg.book.values_mut().for_each(|charge| charge.status = PgChargeStatus::Cancelled);
    shop.command(&Webhook { key: id.to_string() }).unwrap();
    shop.now += 1;
    shop.pass(0);
    let charge = shop.charge(id);
    assert_eq!((charge.leg_letter.is_some(), charge.next_at), (true, asked_again));
}

#[test]
fn answers_of_the_credit_count_once() {
    let (mut shop, id) = begun(&[]);
    shop.pass(1);
    let plan = plan_of(id);
    shop.hear(&plan, &Said::Done { step: Step::CREDIT, prior: Vec::new() });
    assert!(shop.alerts.is_empty());
    shop.hear(&plan, &Said::Refused { step: Step::CREDIT, reason: Reason::TIMED_OUT });
    check(&shop, id, ChargeStatus::Completed, None, 1_000);
    assert_eq!(shop.alerts, ["top_up_odd"], "late words change nothing, but an operator hears of them");
    assert_eq!(shop.pg.cancel_calls, 0);
}

#[test]
fn a_top_up_with_an_open_letter_is_not_final() {
    let (mut shop, id) = begun(&[Fault::DoneThenTimeout]);
    shop.pg.down = true;
    shop.pass(100);
    let declined = Charge { status: ChargeStatus::Declined, ..shop.charge(id) };
    assert!(declined.leg_letter.is_some() && !is_final(&declined));
    shop.handle(&shop.open_letter(), false);
    check_resolved(&shop, id);
}

fn check_resolved(shop: &Shop, id: ChargeId) {
    let charge = shop.charge(id);
    assert_eq!((charge.status, is_final(&charge)), (ChargeStatus::Declined, true));
}

#[test]
fn the_same_key_makes_one_top_up() {
    let (mut shop, id) = begun(&[]);
    let again = shop.top_up(1_000, 1, 1).unwrap();
    assert_eq!((again.charge, again.replayed), (id, true));
    let other = shop.top_up(1_000, 1, 2).unwrap_err();
    assert_eq!((other.kind, other.code), (Kind::Invalid, "IDEMPOTENCY_KEY_REUSED"));
    assert_eq!((shop.rows::<Charge>().len(), shop.rows::<Leg>().len(), shop.pg.charge_calls), (1, 1, 1));
    assert_ne!(shop.top_up(1_000, 2, 1).unwrap().charge, id);
}

#[test]
fn a_refused_command_changes_nothing() {
    let mut shop = Shop::default();
    let refused =
        |refused: Result<_, Refused>| refused.map(|_: jumun_payment::TopUpReply| ()).unwrap_err().code;
    assert_eq!(refused(shop.top_up(0, 1, 1)), "AMOUNT_INVALID");
    assert_eq!(refused(shop.top_up(-5, 1, 1)), "AMOUNT_INVALID");
    assert!(shop.rows::<ChargeKey>().is_empty() && shop.rows::<Charge>().is_empty());
    assert_eq!((shop.news().len(), shop.pg.charge_calls), (0, 0));
}
