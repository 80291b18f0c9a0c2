//! Carrying a leg's move out over rows: its effects become calls, inbox outcomes, ledger entries, letters.

use crate::PAYMENT;
use crate::books::{Charge, EntryKind, LedgerEntry, PaymentRow, PaymentStatus, Receipt};
use crate::calls::PgCall;
use crate::gateway::{PgAnswer, PgChargeStatus, PgRequest};
use crate::leg::{self, Intent, Leg, LegEffect, LegEvent, LegState, Moment, Moved};
use crate::letters::{self, About};
use crate::policy::PaymentPolicy;
use crate::top_up;
use kernel::ids::{ChargeId, OrderId, PaymentId, SagaId};
use kernel::participation::{self, Inbox, InboxState, OnOutcome, Outcome};
use kernel::{Cx, DecideError, Json, Keys, Said, Step, WorkingSet};
use smol_str::SmolStr;

/// Names the rows that moving a leg touches.
pub(crate) fn keys(saga: SagaId, step: &Step, keys: &mut Keys) {
    keys.want::<Leg>((saga, step.clone()));
    keys.want::<Inbox>((saga, step.clone()));
    if *step == Step::CHARGE {
        keys.want::<Charge>((ChargeId(saga.0),));
    }
}

/// Names the ledger row that an answer may clash with.
pub(crate) fn answer_keys(answer: &PgAnswer, keys: &mut Keys) {
    if let PgAnswer::Found(charge) = answer {
        keys.want::<LedgerEntry>((SmolStr::new(&charge.transaction), EntryKind::Charge));
    }
}

/// Writes a new leg with its intent; the call goes out after commit.
pub(crate) fn begin(policy: &PaymentPolicy, intent: Intent, state: &mut WorkingSet, cx: &mut Cx<'_>) {
    let Moved { leg, effects } = leg::begin(intent, &Moment { now: cx.now, wanted: true, policy });
    for effect in effects {
        if let LegEffect::Call(request) = effect {
            cx.call(PAYMENT, call_of(&leg, request, policy, cx));
        }
    }
    state.put(&leg);
    if leg.step == Step::PAYMENT {
        state.put(&payment_row(&leg, PaymentStatus::Pending, policy, cx));
    }
}

/// Moves `leg` by `event` and carries out what it asks for; its row, the payment's or top-up's, and the inbox row agree after.
pub(crate) fn advance(
    policy: &PaymentPolicy,
    mut leg: Leg,
    event: LegEvent,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let before = leg.clone();
    let mut next = Some(event);
    while let Some(event) = next.take() {
        let wanted = inbox_state(&leg, state)? == Some(InboxState::Pending);
        let event = check_transaction(&leg, event, state, cx)?;
        let moved = leg::step(leg, event, &Moment { now: cx.now, wanted, policy })?;
        leg = moved.leg;
        for effect in moved.effects {
            if let Some(follows) = carry_out(policy, &mut leg, effect, state, cx)? {
                next = Some(follows);
            }
        }
    }
    if leg == before {
        return Ok(());
    }
    state.put(&leg);
    let inbox = inbox_state(&leg, state)?;
    if leg.step == Step::CHARGE {
        return top_up::follow_leg(policy, &before, &leg, state, cx);
    }
    let status = payment_status(leg.state, inbox);
    if leg.state != before.state {
        state.put(&payment_row(&leg, status, policy, cx));
    }
    Ok(())
}

/// Carries out one effect; returns the event that follows from it.
fn carry_out(
    policy: &PaymentPolicy,
    leg: &mut Leg,
    effect: LegEffect,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<Option<LegEvent>, DecideError> {
    let (saga, step) = (leg.saga, leg.step.clone());
    let about = About { saga: Some(saga), step: Some(&step) };
    match effect {
        LegEffect::Call(request) => cx.call(PAYMENT, call_of(leg, request, policy, cx)),
        LegEffect::Took => {
            enter(leg, EntryKind::Charge, state, cx);
            return took(leg, state, cx);
        }
        LegEffect::NotTaken(reason) => {
            participation::settle(&PAYMENT, saga, step, Outcome::NoEffect(reason), state, cx)?;
        }
        LegEffect::Undone => {
            enter(leg, EntryKind::Cancel, state, cx);
            undone(leg, state, cx)?;
        }
        LegEffect::UndoneByNote => undone(leg, state, cx)?,
        LegEffect::Stray => {
            enter(leg, EntryKind::Charge, state, cx);
            cx.alert("payment_stray", Some(saga), "charged late, no longer asked for: being cancelled");
        }
        LegEffect::Letter { kind, error } => {
            let open = leg.letter.take().map(|letter| letter.0);
            leg.letter = Some(Json(letters::raise(open, about, kind, &error, state, cx)));
            say_stuck(leg, error, state, cx)?;
        }
        LegEffect::CloseLetter(letter) => letters::close(&letter, about, state, cx),
        LegEffect::Alert(detail) => cx.alert("payment_odd", Some(saga), detail),
    }
    Ok(None)
}

/// The money is held: the inbox row says whether anyone still wants it.
fn took(leg: &Leg, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<Option<LegEvent>, DecideError> {
    let outcome = Outcome::TookEffect(receipt(leg).text()?);
    let verdict = participation::settle(&PAYMENT, leg.saga, leg.step.clone(), outcome, state, cx)?;
    match verdict {
        OnOutcome::BecomeDone | OnOutcome::Nothing => Ok(None),
        OnOutcome::StartUndo => Ok(Some(LegEvent::Undo { reason: undo_reason(leg, state)?, stray: false })),
        OnOutcome::Stray => {
            cx.alert("payment_stray", Some(leg.saga), "charged after its saga had ended: being cancelled");
            Ok(Some(LegEvent::Undo { reason: undo_reason(leg, state)?, stray: true }))
        }
        OnOutcome::BecomeRefused | OnOutcome::BecomeCompensated => {
            Err(DecideError::Impossible(format!("{verdict:?} after money was taken")))
        }
    }
}

/// A stray's saga ended before it was found, so nobody is to hear of its end.
fn undone(leg: &Leg, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
    if !leg.stray {
        participation::settle(&PAYMENT, leg.saga, leg.step.clone(), Outcome::Undone, state, cx)?;
    }
    Ok(())
}

/// Tells the judge that a compensation waits for an operator, so that it stops asking and raises no letter of its own.
fn say_stuck(leg: &Leg, error: SmolStr, state: &WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
    let row: Option<Inbox> = state.get((leg.saga, leg.step.clone()))?;
    let Some(row) = row.filter(|row| matches!(row.state, InboxState::PendingUndo | InboxState::Undoing))
    else {
        return Ok(());
    };
    if let Some(Json(held)) = row.held {
        cx.say(PAYMENT, &held.plan, Said::Stuck { step: leg.step.clone(), error });
    }
    Ok(())
}

/// Why the saga takes it back, for the PG's book.
pub(crate) fn undo_reason(leg: &Leg, state: &WorkingSet) -> Result<SmolStr, DecideError> {
    let row: Option<Inbox> = state.get((leg.saga, leg.step.clone()))?;
    let cause = row.and_then(|row| row.reason).map(|reason| SmolStr::new(reason.as_str()));
    Ok(cause.unwrap_or(SmolStr::new_static("order not completed")))
}

fn inbox_state(leg: &Leg, state: &WorkingSet) -> Result<Option<InboxState>, DecideError> {
    Ok(state.get::<Inbox>((leg.saga, leg.step.clone()))?.map(|row| row.state))
}

/// One transaction belongs to one key: an answer that says otherwise is not believed.
fn check_transaction(
    leg: &Leg,
    event: LegEvent,
    state: &WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<LegEvent, DecideError> {
    let (LegEvent::Answered { answer: PgAnswer::Found(charge), .. }
    | LegEvent::Seen { answer: PgAnswer::Found(charge), .. }) = &event
    else {
        return Ok(event);
    };
    if charge.status == PgChargeStatus::Declined {
        return Ok(event);
    }
    let known: Option<LedgerEntry> = state.get((SmolStr::new(&charge.transaction), EntryKind::Charge))?;
    if known.is_none_or(|entry| entry.pg_key == leg.pg_key) {
        return Ok(event);
    }
    let detail = format!("the PG's transaction {} belongs to another payment", charge.transaction);
    cx.alert("payment_odd", Some(leg.saga), detail.clone());
    let answer = PgAnswer::Unknown { detail };
    Ok(match event {
        LegEvent::Answered { attempt, .. } => LegEvent::Answered { attempt, answer },
        LegEvent::Seen { asked_at, .. } => LegEvent::Seen { asked_at, answer },
        other @ (LegEvent::Due | LegEvent::Undo { .. } | LegEvent::Redriven(_) | LegEvent::Resolved(_)) => {
            other
        }
    })
}

fn enter(leg: &Leg, kind: EntryKind, state: &mut WorkingSet, cx: &Cx<'_>) {
    if let Some(transaction) = leg.transaction.clone() {
        state.put(&LedgerEntry {
            transaction,
            kind,
            pg_key: leg.pg_key,
            saga: leg.saga,
            amount: leg.amount,
            currency: leg.currency,
            at: cx.now,
        });
    }
}

fn call_of(leg: &Leg, request: PgRequest, policy: &PaymentPolicy, cx: &Cx<'_>) -> PgCall {
    PgCall {
        leg: Some((leg.saga, leg.step.clone())),
        attempt: leg.attempts,
        asked_at: cx.now,
        start_by: cx.now.after(policy.slack),
        trace: leg.trace,
        request,
    }
}

fn receipt(leg: &Leg) -> Receipt {
    Receipt {
        payment_id: leg.pg_key,
        amount: leg.amount,
        points: leg.points,
        discount: leg.discount,
        transaction: leg.transaction.clone(),
    }
}

/// The leg knows all that its payment row shows, so the row is written without being read.
fn payment_row(leg: &Leg, status: PaymentStatus, policy: &PaymentPolicy, cx: &Cx<'_>) -> PaymentRow {
    PaymentRow {
        id: PaymentId(leg.pg_key),
        order_id: OrderId(leg.saga.0),
        user_id: leg.user_id,
        status,
        amount: leg.amount,
        points: leg.points,
        discount: leg.discount,
        currency: leg.currency,
        pg: Some(policy.pg.clone()),
        created_at: leg.first_sent_at,
        updated_at: cx.now,
    }
}

fn payment_status(leg: LegState, inbox: Option<InboxState>) -> PaymentStatus {
    match leg {
        LegState::Charging => PaymentStatus::Pending,
        LegState::Asking => PaymentStatus::Unknown,
        LegState::Charged => PaymentStatus::Approved,
        LegState::Declined => PaymentStatus::Declined,
        // Nothing was taken: refused if that failed the order, cancelled if the order had failed already.
        LegState::NotCharged | LegState::Resolved if inbox == Some(InboxState::Refused) => {
            PaymentStatus::Declined
        }
        LegState::NotCharged | LegState::Resolved | LegState::Cancelled => PaymentStatus::Cancelled,
        LegState::Cancelling | LegState::AskingCancel | LegState::CancelRefused => PaymentStatus::Cancelling,
    }
}
