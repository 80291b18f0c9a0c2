//! What the coupon domain keeps.

use crate::terms::Discount;
use kernel::ids::{CouponId, OrderId, UserCouponId, UserId};
use kernel::{Json, Money, Timestamp, record, text_enum};
use smol_str::SmolStr;

text_enum! {
    /// Whether a campaign gives out coupons.
    pub enum CouponStatus {
        /// It does, within its validity.
        Active = "ACTIVE",
        /// It gives out none; those issued stay good.
        Stopped = "STOPPED",
    }
}

record! {
    /// A campaign.
    pub struct Coupon in "coupons" key 1 {
        /// Its id.
        pub id: CouponId,
        /// Its name.
        pub name: SmolStr,
        /// What its coupons take off.
        pub discount: Json<Discount>,
        /// How many there are, at least 1.
        pub quantity: i64,
        /// How many are given out; never above `quantity`, never less than before.
        pub issued: i64,
        /// The least order total, in minor units, that its coupons can be used on.
        pub min_order_amount: Option<Money>,
        /// From when coupons are given out and can be used.
        pub valid_from: Timestamp,
        /// Until when (the moment itself is too late).
        pub valid_until: Timestamp,
        /// Whether it gives out coupons.
        pub status: CouponStatus,
        /// Counts changes by administrators. Giving out coupons leaves it alone.
        pub version: i64,
        /// When it was made.
        pub created_at: Timestamp,
    }
}

text_enum! {
    /// Where a user's coupon stands.
    pub enum UserCouponStatus {
        /// It can be used.
        Issued = "ISSUED",
        /// An order uses it.
        Used = "USED",
        /// It was not used in time.
        Expired = "EXPIRED",
    }
}

record! {
    /// One coupon of one user. It carries the terms of the day it was issued, so that using it needs no other row.
    pub struct UserCoupon in "user_coupons" key 1 {
        /// Its id.
        pub id: UserCouponId,
        /// Its campaign.
        pub coupon_id: CouponId,
        /// Whose.
        pub user_id: UserId,
        /// Where it stands.
        pub status: UserCouponStatus,
        /// The order that uses it; only while `USED`.
        pub order_id: Option<OrderId>,
        /// What it takes off.
        pub discount: Json<Discount>,
        /// The least order total, in minor units, that it can be used on.
        pub min_order_amount: Option<Money>,
        /// From when it can be used.
        pub valid_from: Timestamp,
        /// Until when (the moment itself is too late).
        pub valid_until: Timestamp,
        /// When it was issued.
        pub issued_at: Timestamp,
        /// When it was used; only while `USED`.
        pub used_at: Option<Timestamp>,
        /// The timer of its expiry: `valid_until` while `ISSUED`, else not waiting.
        pub expires_at: Option<Timestamp>,
    }
    index "user_coupons_by_user" (user_id, id);
    index "user_coupons_due" (expires_at);
}

record! {
    /// Who holds a coupon of which campaign: what makes it one per user.
    pub struct CouponHolder in "coupon_holders" key 2 {
        /// The campaign.
        pub coupon_id: CouponId,
        /// The user.
        pub user_id: UserId,
        /// The coupon.
        pub user_coupon_id: UserCouponId,
    }
}
