//! What the replica domain keeps: copies, that others own the originals of.

use kernel::ids::{ProductId, UserCouponId, UserId};
use kernel::{Json, Money, record};
use smol_str::SmolStr;

record! {
    /// A product as the catalogue last spoke of it.
    pub struct ProductCopy in "replica_products" key 1 {
        /// Which.
        pub id: ProductId,
        /// Its SKU.
        pub sku: SmolStr,
        /// Its name.
        pub name: SmolStr,
        /// The price of one, in minor units.
        pub price: Money,
        /// Whether it is for sale.
        pub active: bool,
        /// The owner's count of its changes: of two words about it the one with the higher count is the newer.
        pub version: i64,
    }
}

record! {
    /// A user as last spoken of.
    pub struct UserCopy in "replica_users" key 1 {
        /// Who.
        pub id: UserId,
        /// Whether they may do anything.
        pub active: bool,
        /// The owner's count of their changes.
        pub version: i64,
    }
}

record! {
    /// A coupon that was issued and is believed to be unused: there is no copy of any other.
    pub struct CouponCopy in "replica_user_coupons" key 1 {
        /// Which.
        pub id: UserCouponId,
        /// Whose.
        pub user_id: UserId,
        /// What it takes off, and when, in its owner's words: kept, not understood.
        pub terms: Json<serde_json::Value>,
    }
}
