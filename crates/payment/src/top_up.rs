//! Top-ups: a saga of its own, charge then credit, judged here. Once the money is held nothing times out: the credit is asked
//! for until it answers.

use crate::PAYMENT;
use crate::books::{Charge, ChargeKey, ChargeStatus, Receipt};
use crate::carry;
use crate::leg::{Intent, Leg, LegState};
use crate::letters::{self, About, OpenLetter};
use crate::payment_step::undo_leg;
use crate::policy::PaymentPolicy;
use kernel::domain::{Acted, Undone};
use kernel::ids::{ChargeId, PaymentId, SagaId, UserId};
use kernel::judge::letters::{DeadLetter, LetterKind};
use kernel::ledger::Movement;
use kernel::participation::{self, Held, Inbox, InboxState};
use kernel::plan::CardToken;
use kernel::{
    Command, Currency, Cx, DecideError, DomainName, Heard, Json, Keys, Money, Participant, Plan, Planned,
    Reason, Refused, Said, Step, WorkingSet,
};
use std::sync::Arc;

/// Why a top-up is completed although its credit never answered.
pub const RESOLVED_BY_NOTE: Reason = Reason::of("RESOLVED_BY_NOTE");

/// Tops up a user's points from a card. The trace is the caller's ([`Cx::trace`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUp {
    /// Whose points.
    pub user: UserId,
    /// How much, in minor units (> 0).
    pub amount: Money,
    /// The deployment's currency.
    pub currency: Currency,
    /// The card.
    pub card_token: CardToken,
    /// Hash of (user, route, idempotency key).
    pub key_hash: [u8; 32],
    /// Hash of the canonical body.
    pub body_hash: [u8; 32],
}

/// What a top-up came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopUpReply {
    /// The top-up.
    pub charge: ChargeId,
    /// It existed already under this idempotency key.
    pub replayed: bool,
}

impl Command for TopUp {
    type Reply = Result<TopUpReply, Refused>;
    const DOMAIN: DomainName = PAYMENT;
}

/// Names the rows that the command reads.
pub(crate) fn command_keys(command: &TopUp, keys: &mut Keys) {
    keys.claim::<ChargeKey>((key_of(command),));
}

fn key_of(command: &TopUp) -> Arc<[u8]> {
    Arc::from(command.key_hash.as_slice())
}

/// Decides the command; the birth commits top-up, key and intent before the first call.
pub(crate) fn top_up(
    policy: &PaymentPolicy,
    command: &TopUp,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<<TopUp as Command>::Reply, DecideError> {
    if let Some(known) = state.get::<ChargeKey>((key_of(command),))? {
        if *known.body_hash != command.body_hash {
            return Ok(Err(Refused::new(
                kernel::Kind::Invalid,
                "IDEMPOTENCY_KEY_REUSED",
                "this idempotency key was used for another body",
            )));
        }
        return Ok(Ok(TopUpReply { charge: known.charge_id, replayed: true }));
    }
    if command.amount.is_zero() || command.amount.is_negative() {
        return Ok(Err(Refused::invalid("/amount", "AMOUNT_INVALID", "the amount must be positive")));
    }
    if command.currency != policy.currency {
        let detail = format!("amounts here are in {}", policy.currency);
        return Ok(Err(Refused::invalid("/currency", "CURRENCY_INVALID", detail)));
    }
    if !(1..=255).contains(&command.card_token.0.chars().count()) {
        let detail = "a card token has 1 to 255 characters";
        return Ok(Err(Refused::invalid("/card_token", "CARD_TOKEN_INVALID", detail)));
    }
    Ok(Ok(TopUpReply { charge: be_born(policy, command, state, cx), replayed: false }))
}

fn be_born(policy: &PaymentPolicy, command: &TopUp, state: &mut WorkingSet, cx: &mut Cx<'_>) -> ChargeId {
    let id = ChargeId(cx.ids.next());
    let charge = Charge {
        id,
        user_id: command.user,
        amount: command.amount,
        currency: command.currency,
        status: ChargeStatus::Pending,
        reason: None,
        trace: cx.trace,
        created_at: cx.now,
        updated_at: cx.now,
        next_at: None,
        sends: 0,
        letter: None,
        leg_letter: None,
    };
    let plan = plan_of(&charge);
    state.put(&charge);
    state.put(&ChargeKey {
        key_hash: key_of(command),
        body_hash: Arc::from(command.body_hash.as_slice()),
        charge_id: id,
    });
    // The id is fresh: there can be no inbox row yet to ask the participation rule about.
    state.put(&Inbox {
        saga: id.into(),
        step: Step::CHARGE,
        state: InboxState::Pending,
        receipt: None,
        reason: None,
        held: Some(Json(Held { plan: Arc::clone(&plan), prior: Vec::new() })),
        at: cx.now,
    });
    let intent = Intent {
        saga: id.into(),
        step: Step::CHARGE,
        pg_key: id.0,
        user_id: command.user,
        amount: command.amount,
        currency: command.currency,
        points: Money::ZERO,
        discount: Money::ZERO,
        card: command.card_token.clone(),
        trace: cx.trace,
    };
    carry::begin(policy, intent, state, cx);
    cx.say(PAYMENT, &plan, Said::Pending { step: Step::CHARGE });
    id
}

/// The plan of a top-up, the same whenever it is made: charge, then credit. The card stays with the leg.
fn plan_of(charge: &Charge) -> Arc<Plan> {
    Arc::new(Plan {
        saga: charge.id.into(),
        user: charge.user_id,
        lines: Vec::new(),
        coupon: None,
        total: charge.amount,
        points: Money::ZERO,
        card_amount: charge.amount,
        currency: charge.currency,
        payment: PaymentId(charge.id.0),
        card: None,
        steps: vec![Step::CHARGE, Step::CREDIT],
        extras: std::collections::BTreeMap::new(),
    })
}

/// The charge step. Its action is the command's; only its compensation comes through the participation rule.
pub(crate) struct ChargeStep {
    pub(crate) policy: Arc<PaymentPolicy>,
}

impl Participant for ChargeStep {
    fn step(&self) -> Step {
        Step::CHARGE
    }

    fn planned(&self) -> Planned {
        Planned::When(|plan| plan.has(&Step::CHARGE))
    }

    fn keys(&self, plan: &Plan, keys: &mut Keys) {
        carry::keys(plan.saga, &Step::CHARGE, keys);
    }

    fn act(
        &self,
        _heard: &Heard<'_>,
        plan: &Arc<Plan>,
        _state: &mut WorkingSet,
        _cx: &mut Cx<'_>,
    ) -> Result<Acted, DecideError> {
        Err(DecideError::Impossible(format!(
            "a message to charge {}: a top-up begins by its command",
            plan.saga
        )))
    }

    fn undo(
        &self,
        _heard: &Heard<'_>,
        plan: &Arc<Plan>,
        _receipt: &str,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Undone, DecideError> {
        undo_leg(&self.policy, plan, Step::CHARGE, state, cx)
    }

    fn movements(&self, receipt: &str) -> Result<Vec<Movement>, DecideError> {
        Receipt::movements(receipt)
    }
}

/// The leg moved: the top-up follows its inbox row.
pub(crate) fn follow_leg(
    policy: &PaymentPolicy,
    before: &Leg,
    leg: &Leg,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let mut charge: Charge = state.need((ChargeId(leg.saga.0),))?;
    let row: Option<Inbox> = state.get((leg.saga, Step::CHARGE))?;
    charge.leg_letter = leg.letter.as_ref().map(|letter| letter.0.id);
    if charge.status == ChargeStatus::Pending {
        match row.as_ref().map(|row| row.state) {
            Some(InboxState::Done) if before.state != LegState::Charged => {
                charge.next_at = Some(cx.now.after(policy.credit_resend.wait(0)));
            }
            Some(InboxState::Refused) => finish(&mut charge, ChargeStatus::Declined, reason_of(row), cx),
            Some(InboxState::Compensated) => finish(&mut charge, ChargeStatus::Cancelled, reason_of(row), cx),
            Some(InboxState::Pending | InboxState::PendingUndo | InboxState::Done | InboxState::Undoing)
            | None => {}
        }
    }
    state.put(&charge);
    Ok(())
}

fn reason_of(row: Option<Inbox>) -> Option<Reason> {
    row.and_then(|row| row.reason)
}

fn finish(charge: &mut Charge, status: ChargeStatus, reason: Option<Reason>, cx: &mut Cx<'_>) {
    charge.status = status;
    charge.reason = charge.reason.take().or(reason);
    charge.next_at = None;
    charge.updated_at = cx.now;
    let body = serde_json::json!({
        "charge_id": charge.id, "user_id": charge.user_id, "status": status, "amount": charge.amount,
        "reason": charge.reason,
    });
    cx.state_fact(PAYMENT, charge.id.0, "payment.charge_settled", body);
}

/// The credit answered.
pub(crate) fn credit_answered(
    step: &ChargeStep,
    heard: &Heard<'_>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let plan = heard.need_plan()?;
    match heard.said {
        Said::Done { step: said, .. } if *said == Step::CREDIT => credited(plan.saga, state, cx),
        Said::Refused { step: said, reason } if *said == Step::CREDIT => {
            not_credited(step, heard, Some(reason), state, cx)
        }
        Said::Compensated { step: said, cause } if *said == Step::CREDIT => {
            not_credited(step, heard, cause.as_ref(), state, cx)
        }
        other => Err(DecideError::Impossible(format!("payment does not listen to {}", other.name()))),
    }
}

fn credited(saga: SagaId, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
    let mut charge: Charge = state.need((ChargeId(saga.0),))?;
    let row: Option<Inbox> = state.get((saga, Step::CHARGE))?;
    let held = row.is_some_and(|row| row.state == InboxState::Done);
    match charge.status {
        ChargeStatus::Pending if held => {
            close_letter(&mut charge, state, cx);
            finish(&mut charge, ChargeStatus::Completed, None, cx);
            state.put(&charge);
        }
        ChargeStatus::Completed => {}
        ChargeStatus::Pending | ChargeStatus::Declined | ChargeStatus::Cancelled => {
            cx.alert("top_up_odd", Some(saga), "points were credited for money that is not held");
        }
    }
    Ok(())
}

/// No points came of it, so the money goes back.
fn not_credited(
    step: &ChargeStep,
    heard: &Heard<'_>,
    reason: Option<&Reason>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let saga = heard.need_plan()?.saga;
    let mut charge: Charge = state.need((ChargeId(saga.0),))?;
    match charge.status {
        ChargeStatus::Pending => {
            close_letter(&mut charge, state, cx);
            charge.reason = charge.reason.or_else(|| reason.cloned());
            charge.next_at = None;
            charge.updated_at = cx.now;
            state.put(&charge);
            participation::compensate(&PAYMENT, step, heard, state, cx)
        }
        ChargeStatus::Completed => {
            cx.alert(
                "top_up_odd",
                Some(saga),
                format!("{} after the top-up was completed", heard.said.name()),
            );
            Ok(())
        }
        ChargeStatus::Declined | ChargeStatus::Cancelled => Ok(()),
    }
}

/// The credit has not answered: ask again. The budget spent, an operator is told, once; asking goes on slowly.
pub(crate) fn credit_due(
    policy: &PaymentPolicy,
    id: ChargeId,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let mut charge: Charge = state.need((id,))?;
    if charge.next_at.is_none() {
        return Ok(());
    }
    cx.trace = charge.trace;
    ask_for_credit(&mut charge, cx);
    charge.next_at = Some(cx.now.after(if charge.sends > policy.credit_budget {
        policy.slow
    } else {
        policy.credit_resend.wait(charge.sends)
    }));
    if charge.sends == policy.credit_budget.saturating_add(1) {
        let about = About { saga: Some(id.into()), step: Some(&Step::CREDIT) };
        let error = "charged, but the credit does not answer";
        let open = charge.letter.take().map(|letter| letter.0);
        charge.letter = Some(Json(letters::raise(open, about, LetterKind::Payment, error, state, cx)));
    }
    state.put(&charge);
    Ok(())
}

fn ask_for_credit(charge: &mut Charge, cx: &mut Cx<'_>) {
    charge.sends = charge.sends.saturating_add(1);
    cx.say(PAYMENT, &plan_of(charge), Said::Asked { step: Step::CREDIT });
}

/// An operator handles the letter of an unanswered credit: tried again with a new budget, or ended. Ended, it counts as
/// completed, because the PG holds the money; the note says what became of the points.
pub(crate) fn credit_letter(
    policy: &PaymentPolicy,
    letter: &DeadLetter,
    redriven: bool,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let Some(saga) = letter.order_id else { return Ok(()) };
    let Some(mut charge) = state.get::<Charge>((ChargeId(saga),))? else { return Ok(()) };
    if charge.letter.as_ref().is_none_or(|open| open.0.id != letter.id) {
        return Ok(());
    }
    cx.trace = charge.trace;
    if redriven {
        charge.letter = Some(Json(OpenLetter::handed_back(letter)));
        charge.sends = 0;
        ask_for_credit(&mut charge, cx);
        charge.next_at = Some(cx.now.after(policy.credit_resend.wait(charge.sends)));
    } else {
        charge.letter = None;
        finish(&mut charge, ChargeStatus::Completed, Some(RESOLVED_BY_NOTE), cx);
    }
    state.put(&charge);
    Ok(())
}

fn close_letter(charge: &mut Charge, state: &mut WorkingSet, cx: &Cx<'_>) {
    if let Some(Json(letter)) = charge.letter.take() {
        letters::close(&letter, About { saga: Some(charge.id.into()), step: Some(&Step::CREDIT) }, state, cx);
    }
}
