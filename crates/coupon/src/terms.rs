//! What a coupon takes off, and when it may: one function for the quote and for the step, so that they cannot disagree.

use crate::tables::{UserCoupon, UserCouponStatus};
use kernel::ids::UserId;
use kernel::{Money, Refused, Timestamp, checks};
use serde::{Deserialize, Serialize};

/// What a coupon takes off an order's total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Discount {
    /// An amount.
    Fixed {
        /// In minor units, above zero; a smaller total is taken off whole.
        amount: Money,
    },
    /// A share.
    Percent {
        /// Hundredths of the total, 1 to 100, rounded down to a whole minor unit.
        percent: u8,
        /// At most this many minor units, above zero.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_amount: Option<Money>,
    },
}

impl Discount {
    /// What is taken off `total`: never more than all of it. `None` if the amount cannot be counted.
    #[must_use]
    pub fn off(self, total: Money) -> Option<Money> {
        match self {
            Self::Fixed { amount } => Some(amount.min(total)),
            Self::Percent { percent, max_amount } => {
                let share = total.percent(percent).ok()?.min(total);
                Some(max_amount.map_or(share, |most| share.min(most)))
            }
        }
    }

    /// Guards of a new campaign.
    pub(crate) fn check(self) -> Result<(), Refused> {
        match self {
            Self::Fixed { amount } => above_zero("/discount/amount", amount),
            Self::Percent { percent, .. } if !(1..=100).contains(&percent) => {
                Err(checks::invalid("/discount/percent", "must be 1 to 100"))
            }
            Self::Percent { max_amount, .. } => {
                max_amount.map_or(Ok(()), |most| above_zero("/discount/max_amount", most))
            }
        }
    }
}

/// What a coupon was issued under: what it takes off, and when. It never changes, and is said with the issue, so that others
/// can quote by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What it takes off.
    pub discount: Discount,
    /// The least order total, in minor units, that it can be used on.
    pub min_order_amount: Option<Money>,
    /// From when it can be used.
    pub valid_from: Timestamp,
    /// Until when (the moment itself is too late).
    pub valid_until: Timestamp,
}

impl Terms {
    /// What an unused coupon takes off an order over `total` (before discount), or `None` if it cannot be used there:
    /// outside its validity at `now`, or below its minimum order amount.
    #[must_use]
    pub fn off(&self, total: Money, now: Timestamp) -> Option<Money> {
        let valid = self.valid_from <= now && now < self.valid_until;
        let enough = self.min_order_amount.is_none_or(|least| total >= least);
        if valid && enough { self.discount.off(total) } else { None }
    }
}

impl UserCoupon {
    /// The terms of the day it was issued.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms {
            discount: self.discount.0,
            min_order_amount: self.min_order_amount,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
        }
    }
}

/// The amount at `pointer` is above zero.
pub(crate) fn above_zero(pointer: &'static str, amount: Money) -> Result<(), Refused> {
    if amount > Money::ZERO { Ok(()) } else { Err(checks::invalid(pointer, "must be above zero")) }
}

/// What `user_coupon` takes off an order of `user` over `total` (before discount), or `None` if it is invalid there:
/// unknown, somebody else's, used, expired, outside its validity at `now`, or below its minimum order amount.
///
/// The terms are those of the day it was issued: they stand in the user's coupon, whatever became of the campaign.
#[must_use]
pub fn discount_for(
    user_coupon: Option<&UserCoupon>,
    user: UserId,
    total: Money,
    now: Timestamp,
) -> Option<Money> {
    let coupon = user_coupon?;
    match coupon.status {
        UserCouponStatus::Issued if coupon.user_id == user => coupon.terms().off(total, now),
        UserCouponStatus::Issued | UserCouponStatus::Used | UserCouponStatus::Expired => None,
    }
}
