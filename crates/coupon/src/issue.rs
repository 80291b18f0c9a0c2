//! From issue to expiry: first come, first served, one per user, never one too many.

use crate::NAME;
use crate::tables::{Coupon, CouponHolder, CouponStatus, UserCoupon, UserCouponStatus};
use crate::terms::Terms;
use kernel::ids::{CouponId, UserCouponId, UserId};
use kernel::{Command, Cx, DecideError, DomainName, Key, Refused, Stop, WorkingSet, checks};
use serde_json::json;

/// Gives the user a coupon of the campaign. Whether the user is active is for the caller to know.
///
/// Refusals: 404; `COUPON_NOT_OPEN`, `COUPON_ALREADY_ISSUED`, `COUPON_SOLD_OUT` (409). Says `coupon.issued` about the
/// campaign, with everything that a quote needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssueCoupon {
    /// The campaign.
    pub coupon: CouponId,
    /// The user.
    pub user: UserId,
}

impl Command for IssueCoupon {
    type Reply = Result<UserCoupon, Refused>;
    const DOMAIN: DomainName = NAME;
}

impl IssueCoupon {
    pub(crate) fn decide(&self, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<UserCoupon, Stop> {
        let coupon: Coupon = state.get((self.coupon,))?.ok_or_else(|| Refused::not_found("coupon"))?;
        let open = match coupon.status {
            CouponStatus::Active => coupon.valid_from <= cx.now && cx.now < coupon.valid_until,
            CouponStatus::Stopped => false,
        };
        if !open {
            return Err(Refused::conflict("COUPON_NOT_OPEN", "this coupon is not given out now").into());
        }
        if state.get::<CouponHolder>((self.coupon, self.user))?.is_some() {
            return Err(Refused::conflict("COUPON_ALREADY_ISSUED", "one per user").into());
        }
        if coupon.issued >= coupon.quantity {
            return Err(Refused::conflict("COUPON_SOLD_OUT", "all of them are given out").into());
        }

        let issued = UserCoupon {
            id: UserCouponId(cx.ids.next()),
            coupon_id: coupon.id,
            user_id: self.user,
            status: UserCouponStatus::Issued,
            order_id: None,
            discount: coupon.discount.clone(),
            min_order_amount: coupon.min_order_amount,
            valid_from: coupon.valid_from,
            valid_until: coupon.valid_until,
            issued_at: cx.now,
            used_at: None,
            expires_at: Some(coupon.valid_until),
        };
        state.put(&issued);
        state.put(&CouponHolder { coupon_id: coupon.id, user_id: self.user, user_coupon_id: issued.id });
        state.put(&Coupon { issued: checks::one_more(coupon.issued)?, ..coupon });
        say("coupon.issued", &issued, Some(issued.terms()), cx);
        Ok(issued)
    }
}

/// The timer of a user's coupon has run out.
pub(crate) fn expire(key: &Key, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
    let coupon = state.need::<UserCoupon>(key.clone())?;
    match coupon.status {
        UserCouponStatus::Issued if coupon.valid_until <= cx.now => {
            put_expired(coupon, state, cx);
        }
        // Used or expired between falling due and this decision, or not yet due by this clock: the column stays right.
        UserCouponStatus::Issued | UserCouponStatus::Used | UserCouponStatus::Expired => {}
    }
    Ok(())
}

/// The coupon can never be used again. Says `coupon.expired` about the campaign.
pub(crate) fn put_expired(coupon: UserCoupon, state: &mut WorkingSet, cx: &mut Cx<'_>) {
    let expired = UserCoupon {
        status: UserCouponStatus::Expired,
        order_id: None,
        used_at: None,
        expires_at: None,
        ..coupon
    };
    state.put(&expired);
    say("coupon.expired", &expired, None, cx);
}

/// All facts of one campaign share its key: a rush costs one log row a batch, and they stay in order.
fn say(kind: &'static str, coupon: &UserCoupon, terms: Option<Terms>, cx: &mut Cx<'_>) {
    let mut body = json!({
        "user_id": coupon.user_id,
        "coupon_id": coupon.coupon_id,
        "user_coupon_id": coupon.id,
    });
    if let Some(terms) = terms {
        body["terms"] = json!(terms);
    }
    cx.state_fact(NAME, coupon.coupon_id.0, kind, body);
}
