//! Writing a balance and the history row that explains it: always both.

use crate::tables::{PointEntry, PointKind, Points};
use kernel::ids::{ChargeId, OrderId, UserId};
use kernel::{Cx, DecideError, Money, WorkingSet};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// What made a balance change.
pub(crate) enum Cause {
    Use(OrderId),
    Refund(OrderId),
    TopUp(ChargeId),
    TopUpCancel(ChargeId),
    Adjusted { by: UserId, reason: SmolStr },
}

/// The receipt of both steps: whose points moved, and how many (never negative: the step says which way).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moved {
    pub(crate) user: UserId,
    pub(crate) amount: Money,
}

impl Moved {
    pub(crate) fn read(receipt: &str) -> Result<Self, DecideError> {
        Ok(serde_json::from_str(receipt)?)
    }

    pub(crate) fn write(&self) -> Result<SmolStr, DecideError> {
        Ok(serde_json::to_string(self)?.into())
    }
}

/// The user's points; nothing for a user without a row.
pub(crate) fn points_of(user: UserId, state: &WorkingSet, cx: &Cx<'_>) -> Result<Points, DecideError> {
    let found = state.get((user,))?;
    let nothing = Points { user_id: user, balance: Money::ZERO, updated_at: cx.now, last_entry: None };
    Ok(found.unwrap_or(nothing))
}

/// Adds `amount` (negative: takes) to `before`. The caller has made sure that the balance stays at or above zero.
pub(crate) fn enter(
    before: &Points,
    amount: Money,
    cause: Cause,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<Points, DecideError> {
    let balance = before.balance.plus(amount)?;
    if balance.is_negative() {
        return Err(DecideError::Impossible("points below zero".to_owned()));
    }
    let (user_id, id, previous, at) = (before.user_id, cx.ids.next(), before.last_entry, cx.now);
    let after = Points { user_id, balance, updated_at: at, last_entry: Some(id) };
    let (kind, order_id, charge_id, reason, by_user) = match cause {
        Cause::Use(order) => (PointKind::Use, Some(order), None, None, None),
        Cause::Refund(order) => (PointKind::Refund, Some(order), None, None, None),
        Cause::TopUp(charge) => (PointKind::TopUp, None, Some(charge), None, None),
        Cause::TopUpCancel(charge) => (PointKind::TopUpCancel, None, Some(charge), None, None),
        Cause::Adjusted { by, reason } => {
            let kind = if amount.is_negative() { PointKind::Take } else { PointKind::Grant };
            (kind, None, None, Some(reason), Some(by))
        }
    };
    let entry =
        PointEntry { id, user_id, previous, kind, amount, balance, order_id, charge_id, reason, by_user, at };
    state.put(&after);
    state.put(&entry);
    Ok(after)
}
