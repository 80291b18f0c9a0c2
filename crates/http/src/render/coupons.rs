//! Coupon campaigns and the coupons that users hold.

use super::wire_words;
use crate::describe::PositiveAmount;
use coupon::{Coupon, CouponStatus, Discount, UserCoupon, UserCouponStatus};
use kernel::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

wire_words! {
    /// Whether a campaign gives out coupons.
    pub(crate) enum CouponStatusBody as CouponStatus for CouponStatus {
        Active = "ACTIVE",
        Stopped = "STOPPED",
    }
}

wire_words! {
    /// Where a user's coupon stands.
    pub(crate) enum UserCouponStatusBody as UserCouponStatus for UserCouponStatus {
        Issued = "ISSUED",
        Used = "USED",
        Expired = "EXPIRED",
    }
}

/// What a coupon takes off.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Discount)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum DiscountBody {
    /// An amount.
    Fixed {
        /// In minor units, above zero; a smaller total is taken off whole.
        #[schema(value_type = PositiveAmount)]
        amount: Money,
    },
    /// A share of the total, rounded down.
    Percent {
        /// Hundredths of the total.
        #[schema(minimum = 1, maximum = 100)]
        percent: u8,
        /// At most this many minor units.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<PositiveAmount>)]
        max_amount: Option<Money>,
    },
}

impl From<Discount> for DiscountBody {
    fn from(discount: Discount) -> Self {
        match discount {
            Discount::Fixed { amount } => Self::Fixed { amount },
            Discount::Percent { percent, max_amount } => Self::Percent { percent, max_amount },
        }
    }
}

impl From<DiscountBody> for Discount {
    fn from(discount: DiscountBody) -> Self {
        match discount {
            DiscountBody::Fixed { amount } => Self::Fixed { amount },
            DiscountBody::Percent { percent, max_amount } => Self::Percent { percent, max_amount },
        }
    }
}

/// A coupon campaign.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Coupon)]
pub(crate) struct CouponBody {
    /// Its id.
    pub(crate) id: Uuid,
    /// Its name.
    pub(crate) name: String,
    /// What its coupons take off.
    pub(crate) discount: DiscountBody,
    /// How many there are.
    pub(crate) quantity: i64,
    /// How many are given out.
    pub(crate) issued: i64,
    /// The least order total, in minor units, that they can be used on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_order_amount: Option<i64>,
    /// From when they are given out and can be used.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) valid_from: Timestamp,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) valid_until: Timestamp,
    /// Whether it gives out coupons.
    pub(crate) status: CouponStatusBody,
}

impl From<Coupon> for CouponBody {
    fn from(coupon: Coupon) -> Self {
        Self {
            id: coupon.id.0,
            name: coupon.name.into(),
            discount: coupon.discount.0.into(),
            quantity: coupon.quantity,
            issued: coupon.issued,
            min_order_amount: coupon.min_order_amount.map(Money::minor),
            valid_from: coupon.valid_from,
            valid_until: coupon.valid_until,
            status: coupon.status.into(),
        }
    }
}

/// A coupon that a user holds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserCoupon)]
pub(crate) struct UserCouponBody {
    /// Its id: the `user_coupon_id` of an order.
    pub(crate) id: Uuid,
    /// Its campaign.
    pub(crate) coupon_id: Uuid,
    /// Where it stands.
    pub(crate) status: UserCouponStatusBody,
    /// The order that uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_id: Option<Uuid>,
    /// When it was issued.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) issued_at: Timestamp,
}

impl From<UserCoupon> for UserCouponBody {
    fn from(coupon: UserCoupon) -> Self {
        Self {
            id: coupon.id.0,
            coupon_id: coupon.coupon_id.0,
            status: coupon.status.into(),
            order_id: coupon.order_id.map(|order| order.0),
            issued_at: coupon.issued_at,
        }
    }
}
