//! The plan: what one saga will do, frozen at the quote and carried by every message of it.

use crate::ids::{PaymentId, ProductId, SagaId, UserCouponId, UserId};
use crate::money::{Currency, Money};
use crate::names::Step;
use crate::table::{ColumnType, Corrupt, Field, Value};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// One product of the order; lines with the same SKU are already summed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanLine {
    /// The product.
    pub product_id: ProductId,
    /// Its SKU, for people and rankings.
    pub sku: SmolStr,
    /// Its name when quoted.
    pub name: SmolStr,
    /// How many (≥ 1).
    pub quantity: i64,
    /// The quoted price of one, in minor units; stock refuses if it has changed.
    pub unit_price: Money,
}

/// The coupon to use, and the discount it was quoted at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCoupon {
    /// The user's coupon.
    pub user_coupon_id: UserCouponId,
    /// The quoted discount in minor units; coupon refuses if it computes another.
    pub discount: Money,
}

/// The PG's token for a card. Never shown by `Debug`; never a card number (those are refused at the door).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CardToken(pub SmolStr);

impl std::fmt::Debug for CardToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CardToken(…)")
    }
}

impl Field for CardToken {
    const TYPE: ColumnType = ColumnType::Text;
    fn to_value(&self) -> Value {
        self.0.to_value()
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        SmolStr::from_value(value).map(Self)
    }
}

/// A frozen plan. `total − discount = points + card_amount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The order's id (or the top-up's).
    pub saga: SagaId,
    /// Whose order.
    pub user: UserId,
    /// What is bought, by product id; at most one line per product.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<PlanLine>,
    /// The coupon to use, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<PlanCoupon>,
    /// Sum of the lines, before discount.
    pub total: Money,
    /// Points to take.
    pub points: Money,
    /// What the card is charged; zero calls no PG.
    pub card_amount: Money,
    /// The currency of every amount here.
    pub currency: Currency,
    /// The id of the payment to be made.
    pub payment: PaymentId,
    /// The card to charge, if `card_amount` > 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardToken>,
    /// The planned steps, in the topology's order.
    pub steps: Vec<Step>,
    /// What applications that add participants put here, by step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extras: BTreeMap<SmolStr, serde_json::Value>,
}

impl Plan {
    /// The quoted discount; zero without a coupon.
    #[must_use]
    pub fn discount(&self) -> Money {
        self.coupon.map_or(Money::ZERO, |coupon| coupon.discount)
    }

    /// Whether `step` is planned.
    #[must_use]
    pub fn has(&self, step: &Step) -> bool {
        self.steps.contains(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbed::bare_plan;
    use uuid::Uuid;

    #[test]
    fn the_discount_is_the_coupons_and_none_without_one() {
        let plan = bare_plan(1, UserId(Uuid::nil()));
        assert_eq!(plan.discount(), Money::ZERO);
        let discount = Money::new(500).unwrap();
        let coupon = Some(PlanCoupon { user_coupon_id: UserCouponId(Uuid::nil()), discount });
        assert_eq!(Plan { coupon, ..plan }.discount(), discount);
    }
}
