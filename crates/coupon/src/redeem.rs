//! The step `coupon`: an order uses a user's coupon, and releases it by its compensation.

use crate::issue::put_expired;
use crate::tables::{UserCoupon, UserCouponStatus};
use crate::terms::discount_for;
use kernel::domain::{Acted, Undone};
use kernel::ids::{CouponId, OrderId, UserCouponId};
use kernel::ledger::{Movement, movement};
use kernel::{Cx, DecideError, Heard, Keys, Participant, Plan, Planned, Reason, Step, WorkingSet};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Uses the plan's coupon, if the discount it was quoted at is still the one it gives. A topology may plan it always:
/// an order without a coupon uses none.
pub(crate) struct Redeem;

/// The receipt; absent where the order has no coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    user_coupon_id: UserCouponId,
    coupon_id: CouponId,
}

impl Participant for Redeem {
    fn step(&self) -> Step {
        Step::COUPON
    }

    fn planned(&self) -> Planned {
        Planned::When(|plan| plan.coupon.is_some())
    }

    fn keys(&self, plan: &Plan, keys: &mut Keys) {
        if let Some(quoted) = plan.coupon {
            keys.want::<UserCoupon>((quoted.user_coupon_id,));
        }
    }

    fn act(
        &self,
        _: &Heard<'_>,
        plan: &Arc<Plan>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Acted, DecideError> {
        let Some(quoted) = plan.coupon else { return done(None) };
        let Some(coupon) = state.get::<UserCoupon>((quoted.user_coupon_id,))? else {
            return Ok(Acted::Refused(Reason::COUPON_INVALID));
        };
        if discount_for(Some(&coupon), plan.user, plan.total, cx.now) != Some(quoted.discount) {
            return Ok(Acted::Refused(Reason::COUPON_INVALID));
        }

        let used = UserCoupon {
            status: UserCouponStatus::Used,
            order_id: Some(OrderId(plan.saga.0)),
            used_at: Some(cx.now),
            expires_at: None,
            ..coupon
        };
        state.put(&used);
        done(Some(Used { user_coupon_id: used.id, coupon_id: used.coupon_id }))
    }

    /// A coupon released past its validity becomes `EXPIRED`.
    fn undo(
        &self,
        _: &Heard<'_>,
        plan: &Arc<Plan>,
        receipt: &str,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Undone, DecideError> {
        let Some(used) = read(receipt)? else { return Ok(Undone::Now) };
        let coupon = state.need::<UserCoupon>((used.user_coupon_id,))?;
        if (coupon.status, coupon.order_id) != (UserCouponStatus::Used, Some(OrderId(plan.saga.0))) {
            let detail = format!("user coupon {} is not used by order {}", coupon.id, plan.saga);
            return Err(DecideError::Impossible(detail));
        }

        if coupon.valid_until <= cx.now {
            put_expired(coupon, state, cx);
        } else {
            state.put(&UserCoupon {
                status: UserCouponStatus::Issued,
                order_id: None,
                used_at: None,
                expires_at: Some(coupon.valid_until),
                ..coupon
            });
        }
        Ok(Undone::Now)
    }

    fn movements(&self, receipt: &str) -> Result<Vec<Movement>, DecideError> {
        let used = read(receipt)?.into_iter();
        Ok(used.map(|used| movement("user_coupon", used.user_coupon_id, -1)).collect())
    }
}

fn done(used: Option<Used>) -> Result<Acted, DecideError> {
    Ok(Acted::Done(serde_json::to_string(&used)?.into()))
}

fn read(receipt: &str) -> Result<Option<Used>, DecideError> {
    Ok(serde_json::from_str(receipt)?)
}
