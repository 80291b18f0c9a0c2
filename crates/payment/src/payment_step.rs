//! The payment step of an order: writes the payment, and charges the card if something is left to pay.

use crate::books::{PaymentRow, PaymentStatus, Receipt};
use crate::carry;
use crate::leg::{Intent, Leg, LegEvent};
use crate::policy::PaymentPolicy;
use kernel::domain::{Acted, Undone};
use kernel::ids::OrderId;
use kernel::ledger::Movement;
use kernel::plan::CardToken;
use kernel::{Cx, DecideError, Heard, Keys, Participant, Plan, Planned, Reason, Step, WorkingSet};
use smol_str::SmolStr;
use std::sync::Arc;

pub(crate) struct PaymentStep {
    pub(crate) policy: Arc<PaymentPolicy>,
}

impl Participant for PaymentStep {
    fn step(&self) -> Step {
        Step::PAYMENT
    }

    fn planned(&self) -> Planned {
        Planned::Always
    }

    fn keys(&self, plan: &Plan, keys: &mut Keys) {
        keys.want::<PaymentRow>((plan.payment,));
        if !plan.card_amount.is_zero() {
            carry::keys(plan.saga, &Step::PAYMENT, keys);
        }
    }

    fn act(
        &self,
        _heard: &Heard<'_>,
        plan: &Arc<Plan>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Acted, DecideError> {
        self.check(plan)?;
        if state.get::<PaymentRow>((plan.payment,))?.is_some() {
            return Err(DecideError::Impossible(format!("payment {} exists already", plan.payment)));
        }
        if plan.card_amount.is_zero() {
            state.put(&self.without_card(plan, cx));
            return Ok(Acted::Done(receipt(plan)?));
        }
        let Some(card) = plan.card.clone().filter(|card| !card.0.is_empty()) else {
            return Ok(Acted::Refused(Reason::PAYMENT_DECLINED));
        };
        carry::begin(&self.policy, intent(plan, card, cx), state, cx);
        Ok(Acted::Pending(None))
    }

    fn undo(
        &self,
        _heard: &Heard<'_>,
        plan: &Arc<Plan>,
        _receipt: &str,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Undone, DecideError> {
        if plan.card_amount.is_zero() {
            let payment: PaymentRow = state.need((plan.payment,))?;
            state.put(&PaymentRow { status: PaymentStatus::Cancelled, updated_at: cx.now, ..payment });
            return Ok(Undone::Now);
        }
        undo_leg(&self.policy, plan, Step::PAYMENT, state, cx)
    }

    fn movements(&self, receipt: &str) -> Result<Vec<Movement>, DecideError> {
        Receipt::movements(receipt)
    }
}

impl PaymentStep {
    /// The quote's arithmetic, verified again.
    fn check(&self, plan: &Plan) -> Result<(), DecideError> {
        let impossible = |what: &str| Err(DecideError::Impossible(format!("plan of {}: {what}", plan.saga)));
        if plan.card_amount.is_negative() || plan.points.is_negative() || plan.discount().is_negative() {
            return impossible("a negative amount");
        }
        if plan.total.minus(plan.discount())? != plan.points.plus(plan.card_amount)? {
            return impossible("total − discount ≠ points + card");
        }
        if plan.currency != self.policy.currency {
            return impossible("another currency than this deployment's");
        }
        Ok(())
    }

    fn without_card(&self, plan: &Plan, cx: &Cx<'_>) -> PaymentRow {
        PaymentRow {
            id: plan.payment,
            order_id: OrderId(plan.saga.0),
            user_id: plan.user,
            status: PaymentStatus::Approved,
            amount: plan.card_amount,
            points: plan.points,
            discount: plan.discount(),
            currency: plan.currency,
            pg: None,
            created_at: cx.now,
            updated_at: cx.now,
        }
    }
}

/// Starts giving a held charge back. The cancel belongs to the trace that asked for it.
pub(crate) fn undo_leg(
    policy: &PaymentPolicy,
    plan: &Plan,
    step: Step,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<Undone, DecideError> {
    let mut leg: Leg = state.need((plan.saga, step))?;
    leg.trace = cx.trace;
    let reason = carry::undo_reason(&leg, state)?;
    carry::advance(policy, leg, LegEvent::Undo { reason, stray: false }, state, cx)?;
    Ok(Undone::Pending)
}

fn intent(plan: &Plan, card: CardToken, cx: &Cx<'_>) -> Intent {
    Intent {
        saga: plan.saga,
        step: Step::PAYMENT,
        pg_key: plan.payment.0,
        user_id: plan.user,
        amount: plan.card_amount,
        currency: plan.currency,
        points: plan.points,
        discount: plan.discount(),
        card,
        trace: cx.trace,
    }
}

fn receipt(plan: &Plan) -> Result<SmolStr, DecideError> {
    Receipt {
        payment_id: plan.payment.0,
        amount: plan.card_amount,
        points: plan.points,
        discount: plan.discount(),
        transaction: None,
    }
    .text()
}
