//! The step `point`: an order's points are taken, and given back by its compensation.

use crate::book::{Cause, Moved, enter, points_of};
use crate::tables::Points;
use kernel::domain::{Acted, Undone};
use kernel::ids::OrderId;
use kernel::ledger::{Movement, taken};
use kernel::{Cx, DecideError, Heard, Keys, Money, Participant, Plan, Planned, Reason, Step, WorkingSet};
use std::sync::Arc;

/// Takes `plan.points` from the user's balance. A topology may plan it always: taking nothing succeeds without a trace
/// in the history.
pub(crate) struct Spend;

impl Participant for Spend {
    fn step(&self) -> Step {
        Step::POINT
    }

    fn planned(&self) -> Planned {
        Planned::When(|plan| plan.points > Money::ZERO)
    }

    fn keys(&self, plan: &Plan, keys: &mut Keys) {
        if !plan.points.is_zero() {
            keys.want::<Points>((plan.user,));
        }
    }

    fn act(
        &self,
        _: &Heard<'_>,
        plan: &Arc<Plan>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Acted, DecideError> {
        if plan.points.is_negative() {
            return Err(DecideError::Impossible("a plan that uses negative points".to_owned()));
        }
        let receipt = Moved { user: plan.user, amount: plan.points }.write()?;
        if plan.points.is_zero() {
            return Ok(Acted::Done(receipt));
        }
        let before = points_of(plan.user, state, cx)?;
        if before.balance < plan.points {
            return Ok(Acted::Refused(Reason::POINTS_SHORT));
        }
        let cause = Cause::Use(OrderId(plan.saga.0));
        enter(&before, Money::ZERO.minus(plan.points)?, cause, state, cx)?;
        Ok(Acted::Done(receipt))
    }

    fn undo(
        &self,
        _: &Heard<'_>,
        plan: &Arc<Plan>,
        receipt: &str,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Undone, DecideError> {
        let moved = Moved::read(receipt)?;
        if !moved.amount.is_zero() {
            let before = points_of(moved.user, state, cx)?;
            enter(&before, moved.amount, Cause::Refund(OrderId(plan.saga.0)), state, cx)?;
        }
        Ok(Undone::Now)
    }

    fn movements(&self, receipt: &str) -> Result<Vec<Movement>, DecideError> {
        let moved = Moved::read(receipt)?;
        Ok(vec![taken("points", moved.user, moved.amount)])
    }
}
