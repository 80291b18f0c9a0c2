//! The step `credit` of a top-up: what the PG was paid is added to the balance.

use crate::book::{Cause, Moved, enter, points_of};
use crate::tables::Points;
use kernel::domain::{Acted, Undone};
use kernel::ids::ChargeId;
use kernel::ledger::{Movement, movement};
use kernel::{Cx, DecideError, Heard, Keys, Money, Participant, Plan, Planned, Reason, Step, WorkingSet};
use std::sync::Arc;

/// The balance would leave the range that amounts have.
pub const CREDIT_REFUSED: Reason = Reason::of("CREDIT_REFUSED");

/// Adds `plan.total` to the user's balance. The saga is the top-up: its id is the charge's.
pub(crate) struct Credit;

impl Participant for Credit {
    fn step(&self) -> Step {
        Step::CREDIT
    }

    /// A top-up buys no products; every order does.
    fn planned(&self) -> Planned {
        Planned::When(|plan| plan.lines.is_empty() && plan.total > Money::ZERO)
    }

    /// A top-up is a saga of payment's own: no topology varies it.
    fn acts_always_on(&self) -> &'static [&'static str] {
        &["charge.done", "credit.asked"]
    }

    fn keys(&self, plan: &Plan, keys: &mut Keys) {
        keys.want::<Points>((plan.user,));
    }

    fn act(
        &self,
        _: &Heard<'_>,
        plan: &Arc<Plan>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Acted, DecideError> {
        if plan.total <= Money::ZERO {
            return Err(DecideError::Impossible("a top-up of nothing".to_owned()));
        }
        let before = points_of(plan.user, state, cx)?;
        if before.balance.plus(plan.total).is_err() {
            return Ok(Acted::Refused(CREDIT_REFUSED));
        }
        enter(&before, plan.total, Cause::TopUp(ChargeId(plan.saga.0)), state, cx)?;
        Ok(Acted::Done(Moved { user: plan.user, amount: plan.total }.write()?))
    }

    /// The judge of top-ups never asks for this after a credit is done; should anyone, what the user has already spent is
    /// a fault for an operator, not a balance below zero.
    fn undo(
        &self,
        _: &Heard<'_>,
        plan: &Arc<Plan>,
        receipt: &str,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Undone, DecideError> {
        let moved = Moved::read(receipt)?;
        let before = points_of(moved.user, state, cx)?;
        let cause = Cause::TopUpCancel(ChargeId(plan.saga.0));
        enter(&before, Money::ZERO.minus(moved.amount)?, cause, state, cx)?;
        Ok(Undone::Now)
    }

    fn movements(&self, receipt: &str) -> Result<Vec<Movement>, DecideError> {
        let moved = Moved::read(receipt)?;
        Ok(vec![movement("points", moved.user, moved.amount.minor())])
    }
}
