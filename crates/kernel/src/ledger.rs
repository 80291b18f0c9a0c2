//! Movements: what a receipt did to which account, so that books can be checked and pruned receipts folded away.

use crate::money::Money;
use crate::names::Step;
use crate::record;
use smol_str::SmolStr;

/// One effect on one account: `("stock:<product id>", −3)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// `kind:id`.
    pub account: SmolStr,
    /// What was added (negative: taken).
    pub amount: i64,
}

record! {
    /// The sum of all movements of an account whose receipts have been pruned.
    pub struct Opening in "openings" key 2 {
        /// The step whose receipts were folded.
        pub step: Step,
        /// The account, as in [`Movement::account`].
        pub account: SmolStr,
        /// Their sum.
        pub amount: i64,
    }
}

/// `amount` moved on `account`.
#[must_use]
pub fn movement(kind: &str, id: impl std::fmt::Display, amount: i64) -> Movement {
    Movement { account: smol_str::format_smolstr!("{kind}:{id}"), amount }
}

/// `amount` of money taken from `account`.
#[must_use]
pub fn taken(kind: &str, id: impl std::fmt::Display, amount: Money) -> Movement {
    movement(kind, id, -amount.minor())
}
