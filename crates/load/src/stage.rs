//! What a shop must hold before the first order, as data: each target makes it in its own way.

use kernel::Money;
use kernel::ids::{ProductId, UserCouponId, UserId};
use smol_str::SmolStr;

/// More points than any run uses up, in minor units.
pub const PLENTY_OF_POINTS: Money = match Money::new(1_000_000_000_000) {
    Ok(points) => points,
    Err(_) => Money::MAX,
};
/// More pieces than any run sells.
pub const PLENTY_OF_STOCK: i64 = 1_000_000_000_000;

/// Everything that the orders of a workload need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Who orders.
    pub users: Vec<UserNeed>,
    /// What they order.
    pub products: Vec<ProductNeed>,
    /// How many coupon campaigns: a user has one coupon of each at most.
    pub campaigns: usize,
    /// A coupon for every order that uses one, in their order.
    pub coupons: Vec<Holder>,
    /// Users who have used their coupon of the first campaign already.
    pub used: Vec<usize>,
    /// Users whose points are gone already.
    pub spent: Vec<usize>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserNeed {
    /// What they are called, unique in a run.
    pub name: String,
    /// The points that they begin with, in minor units.
    pub points: Money,
}

/// A product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductNeed {
    /// Its code, unique in a run.
    pub sku: SmolStr,
    /// Its name.
    pub name: SmolStr,
    /// Its price in minor units.
    pub price: Money,
    /// Pieces.
    pub stock: i64,
}

/// Whose coupon, of which campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The user.
    pub user: usize,
    /// The campaign, from 0.
    pub campaign: usize,
}

/// The stage as one shop has it: its ids, in the order of the [`Stage`]'s lists.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// The users.
    pub users: Vec<UserId>,
    /// The products.
    pub products: Vec<ProductId>,
    /// The coupons.
    pub coupons: Vec<UserCouponId>,
    /// The used coupons of [`Stage::used`].
    pub used: Vec<UserCouponId>,
}
