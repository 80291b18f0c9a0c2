//! The leg, transition by transition: (state, event) → (state, what it asks for, when it wakes).

use crate::support::{START, money, policy};
use jumun_payment::gateway::{PgAnswer, PgCharge, PgChargeStatus, PgRequest};
use jumun_payment::leg::{self, Intent, Leg, LegEffect, LegEvent, LegState, Moment};
use jumun_payment::letters::OpenLetter;
use kernel::ids::{LetterId, SagaId, UserId};
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use kernel::plan::CardToken;
use kernel::{Currency, DomainName, Json, Money, Step, Timestamp, Trace};
use smol_str::SmolStr;
use uuid::Uuid;

const KEY: Uuid = Uuid::from_u128(5);

fn found(status: PgChargeStatus) -> PgAnswer {
    PgAnswer::Found(PgCharge {
        key: KEY.to_string(),
        transaction: "tx".to_owned(),
        amount: 500,
        currency: "KRW".to_owned(),
        status,
        created_at_ms: START,
    })
}

fn approved() -> PgAnswer {
    found(PgChargeStatus::Approved)
}

fn declined() -> PgAnswer {
    found(PgChargeStatus::Declined)
}

fn cancelled() -> PgAnswer {
    found(PgChargeStatus::Cancelled)
}

fn unknown() -> PgAnswer {
    PgAnswer::Unknown { detail: "timeout".to_owned() }
}

fn not_sent() -> PgAnswer {
    PgAnswer::NotSent { detail: "refused".to_owned() }
}

fn no_cancel() -> PgAnswer {
    PgAnswer::CancelRefused { code: "NO".to_owned() }
}

fn fresh() -> Leg {
    let intent = Intent {
        saga: SagaId(Uuid::from_u128(1)),
        step: Step::PAYMENT,
        pg_key: KEY,
        user_id: UserId(Uuid::from_u128(7)),
        amount: money(500),
        currency: Currency::KRW,
        points: Money::ZERO,
        discount: Money::ZERO,
        card: CardToken(SmolStr::new("tok_ok")),
        trace: Trace::default(),
    };
    leg::begin(intent, &Moment { now: Timestamp(START), wanted: true, policy: &policy() }).leg
}

/// A leg in `state` as if its only charge went out at the start; `calling` tells whether a call is out now.
fn leg_in(state: LegState, calling: bool) -> Leg {
    let maybe_sent = state != LegState::Charging;
    let next_at = (calling || !state.is_at_rest()).then_some(Timestamp(START + 5_000));
    let card =
        matches!(state, LegState::Charging | LegState::Asking).then(|| CardToken(SmolStr::new("tok_ok")));
    let transaction = (!matches!(state, LegState::Charging | LegState::Asking)).then(|| SmolStr::new("tx"));
    Leg { state, calling, maybe_sent, next_at, card, transaction, attempts: 3, tries: 3, ..fresh() }
}

fn with_letter(leg: Leg) -> Leg {
    let open = OpenLetter {
        id: LetterId(Uuid::from_u128(8)),
        kind: LetterKind::Payment,
        error: SmolStr::new("down"),
        attempts: 1,
        first_at: Timestamp(START),
        handled_by: None,
    };
    Leg { letter: Some(Json(open)), spent: true, ..leg }
}

fn letter() -> Box<DeadLetter> {
    Box::new(DeadLetter {
        id: LetterId(Uuid::from_u128(8)),
        domain: DomainName::of("payment"),
        order_id: Some(Uuid::from_u128(1)),
        step: Some(Step::PAYMENT),
        kind: LetterKind::Payment,
        error: SmolStr::new("down"),
        attempts: 2,
        first_at: Timestamp(START),
        last_at: Timestamp(START),
        status: LetterStatus::Open,
        message: None,
        note: None,
        handled_by: Some(Uuid::from_u128(99)),
    })
}

fn answered(answer: PgAnswer) -> LegEvent {
    LegEvent::Answered { attempt: 3, answer }
}

fn undo() -> LegEvent {
    LegEvent::Undo { reason: SmolStr::new("TIMED_OUT"), stray: false }
}

fn word(effect: &LegEffect) -> String {
    match effect {
        LegEffect::Call(PgRequest::Charge { .. }) => "charge".to_owned(),
        LegEffect::Call(PgRequest::Query { .. }) => "query".to_owned(),
        LegEffect::Call(PgRequest::Cancel { .. }) => "cancel".to_owned(),
        LegEffect::Call(PgRequest::List { .. }) => "list".to_owned(),
        LegEffect::Took => "took".to_owned(),
        LegEffect::NotTaken(reason) => format!("not taken: {reason}"),
        LegEffect::Undone => "undone".to_owned(),
        LegEffect::UndoneByNote => "undone by note".to_owned(),
        LegEffect::Stray => "stray".to_owned(),
        LegEffect::Letter { kind, .. } => format!("letter {kind}"),
        LegEffect::CloseLetter(_) => "close letter".to_owned(),
        LegEffect::Alert(_) => "alert".to_owned(),
    }
}

/// `after`: seconds since the charge was first sent. Wakes are in milliseconds from then on.
fn check(leg: Leg, event: LegEvent, wanted: bool, after: i64, expected: (LegState, &str, Option<i64>)) {
    let (from, what) = (leg.state, format!("{event:?}"));
    let now = Timestamp(START + after * 1_000);
    let moved = leg::step(leg, event, &Moment { now, wanted, policy: &policy() }).unwrap();
    let effects: Vec<String> = moved.effects.iter().map(word).collect();
    let wakes = moved.leg.next_at.map(|at| at.0 - now.0);
    assert_eq!(
        (moved.leg.state, effects.join(", ").as_str(), wakes),
        expected,
        "{from} × {what} after {after} s"
    );
    assert_eq!(moved.leg.calling, moved.effects.iter().any(|effect| matches!(effect, LegEffect::Call(_))));
}

/// A call wakes the leg when it cannot be answered any more.
const CALL: Option<i64> = Some(5_000);

#[test]
fn a_leg_begins_with_its_charge_under_its_one_key() {
    let leg = fresh();
    assert_eq!(
        (leg.state, leg.attempts, leg.calling, leg.key()),
        (LegState::Charging, 1, true, KEY.to_string())
    );
    assert_eq!(leg.next_at, Some(Timestamp(START + 5_000)));
}

#[test]
fn a_charge_is_decided_by_what_the_pg_certainly_did() {
    use LegState::{Asking, Cancelled, Charged, Charging, Declined, NotCharged};
    let out = || leg_in(Charging, true);
    check(out(), answered(approved()), true, 1, (Charged, "took", None));
    check(out(), answered(approved()), false, 1, (Charged, "took", None));
    check(out(), answered(declined()), true, 1, (Declined, "not taken: PAYMENT_DECLINED", None));
    check(out(), answered(cancelled()), true, 1, (Cancelled, "not taken: PAYMENT_UNAVAILABLE", None));
    check(out(), answered(not_sent()), true, 1, (Charging, "", Some(800)));
    check(out(), answered(not_sent()), false, 1, (NotCharged, "not taken: PAYMENT_UNAVAILABLE", None));
    check(out(), answered(not_sent()), true, 60, (NotCharged, "not taken: PAYMENT_UNAVAILABLE", None));
    check(out(), answered(unknown()), true, 1, (Asking, "", Some(800)));
    let first = Leg { tries: 1, ..out() };
    check(first, answered(unknown()), true, 3, (Asking, "query", CALL));
    let sent_before = Leg { maybe_sent: true, ..out() };
    check(sent_before, answered(not_sent()), true, 1, (Asking, "", Some(800)));
    check(out(), LegEvent::Due, true, 5, (Asking, "query", CALL));
    check(leg_in(Charging, false), LegEvent::Due, true, 5, (Charging, "charge", CALL));
    check(
        leg_in(Charging, false),
        LegEvent::Due,
        false,
        5,
        (NotCharged, "not taken: PAYMENT_UNAVAILABLE", None),
    );
    check(
        leg_in(Charging, false),
        LegEvent::Due,
        true,
        61,
        (NotCharged, "not taken: PAYMENT_UNAVAILABLE", None),
    );
}

#[test]
fn an_unknown_outcome_is_asked_about_until_it_is_certain() {
    use LegState::{Asking, Charged, Charging, Declined, NotCharged};
    let out = |called: i64| Leg { called_at: Timestamp(START + called * 1_000), ..leg_in(Asking, true) };
    check(out(3), answered(approved()), true, 4, (Charged, "took", None));
    check(out(3), answered(declined()), true, 4, (Declined, "not taken: PAYMENT_DECLINED", None));
    check(out(3), answered(PgAnswer::NotFound), true, 4, (Charging, "charge", CALL));
    check(out(3), answered(PgAnswer::NotFound), false, 4, (Asking, "", Some(800)));
    check(out(11), answered(PgAnswer::NotFound), false, 12, (Asking, "query", CALL));
    check(
        out(12),
        answered(PgAnswer::NotFound),
        false,
        12,
        (NotCharged, "not taken: PAYMENT_UNAVAILABLE", None),
    );
    check(
        out(60),
        answered(PgAnswer::NotFound),
        true,
        60,
        (NotCharged, "not taken: PAYMENT_UNAVAILABLE", None),
    );
    check(out(3), answered(unknown()), true, 4, (Asking, "", Some(800)));
    check(out(60), answered(unknown()), true, 60, (Asking, "letter PAYMENT", Some(60_000)));
    check(with_letter(out(99)), answered(not_sent()), true, 99, (Asking, "", Some(60_000)));
    check(with_letter(out(99)), answered(approved()), true, 99, (Charged, "close letter, took", None));
    check(out(59), LegEvent::Due, true, 64, (Asking, "letter PAYMENT", Some(60_000)));
    check(leg_in(Asking, false), LegEvent::Due, true, 5, (Asking, "query", CALL));
}

#[test]
fn a_charge_is_never_sent_again_outside_half_its_keys_lifetime() {
    let mut policy = policy();
    policy.budget = policy.key_lifetime * 2;
    let now = Timestamp(START).after(policy.key_lifetime / 2);
    let leg = Leg { called_at: now, ..leg_in(LegState::Asking, true) };
    let moved =
        leg::step(leg, answered(PgAnswer::NotFound), &Moment { now, wanted: true, policy: &policy }).unwrap();
    assert_eq!(moved.leg.state, LegState::NotCharged);
}

#[test]
fn a_cancel_is_asked_about_before_it_is_sent_again() {
    use LegState::{AskingCancel, CancelRefused, Cancelled, Cancelling, Charged};
    let late = |leg: Leg| Leg { tries: 8, ..leg };
    check(leg_in(Charged, false), undo(), false, 9, (Cancelling, "cancel", CALL));
    check(leg_in(Cancelling, true), answered(cancelled()), false, 9, (Cancelled, "undone", None));
    check(leg_in(Cancelling, true), answered(declined()), false, 9, (Cancelled, "alert, undone", None));
    check(leg_in(Cancelling, true), answered(approved()), false, 9, (AskingCancel, "", Some(800)));
    check(leg_in(Cancelling, true), answered(unknown()), false, 9, (AskingCancel, "", Some(800)));
    check(leg_in(Cancelling, true), answered(not_sent()), false, 9, (AskingCancel, "", Some(800)));
    check(leg_in(Cancelling, true), answered(PgAnswer::NotFound), false, 9, (AskingCancel, "", Some(800)));
    check(leg_in(Cancelling, true), answered(no_cancel()), false, 9, (Cancelling, "", Some(800)));
    check(leg_in(Cancelling, true), LegEvent::Due, false, 9, (AskingCancel, "query", CALL));
    check(leg_in(Cancelling, false), LegEvent::Due, false, 9, (Cancelling, "cancel", CALL));
    check(leg_in(AskingCancel, true), answered(cancelled()), false, 9, (Cancelled, "undone", None));
    check(leg_in(AskingCancel, true), answered(approved()), false, 9, (Cancelling, "cancel", CALL));
    check(leg_in(AskingCancel, true), answered(unknown()), false, 9, (AskingCancel, "", Some(800)));
    check(leg_in(AskingCancel, true), LegEvent::Due, false, 9, (AskingCancel, "", Some(800)));
    check(leg_in(AskingCancel, false), LegEvent::Due, false, 9, (AskingCancel, "query", CALL));
    // The budget is a time and a number of calls.
    check(leg_in(Cancelling, true), answered(no_cancel()), false, 99, (Cancelling, "", Some(800)));
    let spent = (CancelRefused, "letter COMPENSATION", Some(60_000));
    check(late(leg_in(Cancelling, true)), answered(no_cancel()), false, 99, spent);
    let spent = (AskingCancel, "letter COMPENSATION", Some(60_000));
    check(late(leg_in(Cancelling, true)), answered(unknown()), false, 99, spent);
    check(leg_in(CancelRefused, false), LegEvent::Due, false, 99, (CancelRefused, "query", CALL));
    check(leg_in(CancelRefused, true), answered(approved()), false, 99, (CancelRefused, "", Some(60_000)));
    check(leg_in(CancelRefused, true), answered(unknown()), false, 99, (CancelRefused, "", Some(60_000)));
    check(
        with_letter(leg_in(CancelRefused, true)),
        answered(cancelled()),
        false,
        99,
        (Cancelled, "close letter, undone", None),
    );
}

#[test]
fn a_cancel_has_a_budget_of_its_own() {
    let at = Moment { now: Timestamp(START + 90_000), wanted: false, policy: &policy() };
    let leg = Leg { spent: true, ..leg_in(LegState::Charged, false) };
    let leg = leg::step(leg, undo(), &at).unwrap().leg;
    assert_eq!((leg.tries, leg.spent, leg.phase_at), (1, false, at.now));
}

#[test]
fn an_operators_redrive_brings_new_patience_and_a_note_ends_it() {
    use LegState::{Asking, AskingCancel, CancelRefused, Cancelling, Charged, Resolved};
    let redriven = || LegEvent::Redriven(letter());
    let resolved = || LegEvent::Resolved(letter());
    check(with_letter(leg_in(Asking, false)), redriven(), true, 99, (Asking, "query", CALL));
    check(with_letter(leg_in(AskingCancel, false)), redriven(), false, 99, (AskingCancel, "query", CALL));
    check(with_letter(leg_in(CancelRefused, false)), redriven(), false, 99, (Cancelling, "cancel", CALL));
    check(with_letter(leg_in(Charged, false)), redriven(), false, 99, (Charged, "query", CALL));
    check(leg_in(Asking, false), redriven(), true, 3, (Asking, "", Some(2_000)));
    let unavailable = (Resolved, "not taken: PAYMENT_UNAVAILABLE", None);
    check(with_letter(leg_in(Asking, false)), resolved(), true, 99, unavailable);
    check(
        with_letter(leg_in(AskingCancel, false)),
        resolved(),
        false,
        99,
        (Resolved, "undone by note", None),
    );
    check(
        with_letter(leg_in(CancelRefused, false)),
        resolved(),
        false,
        99,
        (Resolved, "undone by note", None),
    );
    check(with_letter(leg_in(Charged, false)), resolved(), false, 99, (Charged, "", None));
    let leg = with_letter(leg_in(Asking, false));
    let at = Moment { now: Timestamp(START), wanted: true, policy: &policy() };
    let Json(open) = leg::step(leg, redriven(), &at).unwrap().leg.letter.unwrap();
    assert_eq!((open.attempts, open.handled_by), (2, Some(Uuid::from_u128(99))));
}

#[test]
fn a_look_counts_only_if_it_is_newer_than_what_the_leg_did() {
    use LegState::{Asking, CancelRefused, Cancelled, Cancelling, Charged, Declined, NotCharged, Resolved};
    let seen = |after: i64, answer| LegEvent::Seen { asked_at: Timestamp(START + after * 1_000), answer };
    check(leg_in(Asking, false), seen(1, approved()), true, 1, (Charged, "took", None));
    check(leg_in(Asking, false), seen(-1, approved()), true, 0, (Asking, "", Some(5_000)));
    check(leg_in(Asking, false), seen(99, PgAnswer::NotFound), false, 0, (Asking, "", Some(5_000)));
    check(leg_in(CancelRefused, false), seen(1, cancelled()), false, 1, (Cancelled, "undone", None));
    for closed in [Declined, NotCharged, Cancelled] {
        check(leg_in(closed, false), seen(9, approved()), false, 9, (closed, "", None));
        check(leg_in(closed, false), seen(10, approved()), false, 10, (Cancelling, "stray, cancel", CALL));
        check(leg_in(closed, false), seen(10, cancelled()), false, 10, (closed, "", None));
    }
    check(leg_in(Resolved, false), seen(10, approved()), false, 10, (Resolved, "", None));
    check(leg_in(Charged, false), seen(1, approved()), false, 1, (Charged, "", None));
    check(leg_in(Charged, false), seen(1, cancelled()), false, 1, (Charged, "letter RECONCILIATION", None));
    check(leg_in(Charged, false), seen(11, PgAnswer::NotFound), false, 11, (Charged, "", None));
    check(
        leg_in(Charged, false),
        seen(12, PgAnswer::NotFound),
        false,
        12,
        (Charged, "letter RECONCILIATION", None),
    );
}

#[test]
fn late_and_doubled_answers_change_nothing() {
    for state in LegState::ALL {
        for (calling, attempt) in [(true, 2), (true, 4), (false, 3)] {
            let leg = leg_in(*state, calling);
            let at = Moment { now: Timestamp(START + 1), wanted: true, policy: &policy() };
            let event = LegEvent::Answered { attempt, answer: approved() };
            let moved = leg::step(leg.clone(), event, &at).unwrap();
            assert_eq!((moved.leg, moved.effects), (leg, Vec::new()), "{state}");
        }
    }
}

#[test]
fn pairs_that_cannot_happen_are_faults() {
    let at = Moment { now: Timestamp(START), wanted: true, policy: &policy() };
    let page = || PgAnswer::Page { charges: Vec::new(), next: None };
    for state in [LegState::Charging, LegState::Asking, LegState::Cancelling, LegState::AskingCancel] {
        assert!(leg::step(leg_in(state, true), answered(page()), &at).is_err(), "{state}");
    }
    for state in LegState::ALL.iter().filter(|state| **state != LegState::Charged) {
        assert!(leg::step(leg_in(*state, false), undo(), &at).is_err(), "{state}");
    }
    assert!(leg::step(leg_in(LegState::Charging, true), answered(PgAnswer::NotFound), &at).is_err());
}

#[test]
fn an_answer_about_another_charge_is_not_believed() {
    let PgAnswer::Found(charge) = approved() else { panic!("found") };
    let other = PgAnswer::Found(PgCharge { key: "another".to_owned(), ..charge.clone() });
    check(leg_in(LegState::Charging, true), answered(other), true, 1, (LegState::Asking, "", Some(800)));
    let amount = PgAnswer::Found(PgCharge { amount: 499, ..charge.clone() });
    check(
        leg_in(LegState::Charging, true),
        answered(amount),
        true,
        1,
        (LegState::Asking, "alert", Some(800)),
    );
    let currency = PgAnswer::Found(PgCharge { currency: "USD".to_owned(), ..charge });
    check(
        leg_in(LegState::Asking, true),
        answered(currency),
        true,
        1,
        (LegState::Asking, "alert", Some(800)),
    );
}

#[test]
fn no_card_token_is_ever_shown() {
    let shown = format!("{:?}", fresh());
    assert!(!shown.contains("tok_ok"), "{shown}");
}
