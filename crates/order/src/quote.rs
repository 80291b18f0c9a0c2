//! The quote: pure arithmetic over facts that others own. It freezes prices, discount and points into a plan.
//!
//! Facts may be stale; every participant verifies again what was assumed here.

use kernel::checks;
use kernel::error::Refused;
use kernel::ids::{PaymentId, ProductId, SagaId, UserCouponId, UserId};
use kernel::money::OutOfRange;
use kernel::plan::{CardToken, PlanCoupon, PlanLine};
use kernel::{Currency, Money, Plan, Reason, Step};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The most lines of one order.
pub const MOST_LINES: usize = 2_000;
/// The most pieces in one line.
pub const MOST_PIECES: i64 = 1_000_000;

/// Points to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Points {
    /// This many minor units.
    Amount(Money),
    /// As many as the balance and the payable allow, fixed at the quote.
    All,
}

/// How a customer wants to pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The user coupon to use.
    pub user_coupon_id: Option<UserCouponId>,
    /// The points to use.
    pub points: Points,
    /// The card for what is left.
    pub card: Option<CardToken>,
}

/// What the catalogue says of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductFact {
    /// Its SKU.
    pub sku: SmolStr,
    /// Its name.
    pub name: SmolStr,
    /// Its price, minor units.
    pub price: Money,
    /// Whether it is on sale.
    pub active: bool,
}

/// What the owners say about the payer; `None`: not asked here, its owner will verify.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayerFacts {
    /// Whether the user is active.
    pub active: Option<bool>,
    /// The discount of the wanted coupon on this total; `Some(None)`: the coupon is not valid.
    pub discount: Option<Option<Money>>,
    /// The point balance.
    pub balance: Option<Money>,
}

/// Lines with their prices frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// One line per product, by product id.
    pub lines: Vec<PlanLine>,
    /// Their sum.
    pub total: Money,
}

/// What a quote came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quoted {
    /// It can be carried out.
    Plan(Box<Plan>),
    /// A business refusal that is about the order: stored as FAILED with an empty plan.
    Refused(Reason, Box<Plan>),
}

/// Checks and sums the wanted lines: the same product in two lines is one.
///
/// # Errors
/// A refusal that makes no order.
pub fn sum_lines(wanted: &[(ProductId, i64)]) -> Result<BTreeMap<ProductId, i64>, Refused> {
    if wanted.is_empty() {
        return Err(Refused::invalid("/lines", "LINES_EMPTY", "an order needs at least one line"));
    }
    if wanted.len() > MOST_LINES {
        return Err(Refused::invalid("/lines", "TOO_MANY_LINES", format!("at most {MOST_LINES} lines")));
    }
    let mut sums = BTreeMap::new();
    for (product, quantity) in wanted {
        if *quantity < 1 {
            return Err(Refused::invalid(
                "/lines/quantity",
                "QUANTITY_INVALID",
                "quantity must be at least 1",
            ));
        }
        let sum: &mut i64 = sums.entry(*product).or_default();
        *sum = sum.saturating_add(*quantity);
        if *sum > MOST_PIECES {
            let detail = format!("at most {MOST_PIECES} of one product");
            return Err(Refused::invalid("/lines/quantity", "QUANTITY_INVALID", detail));
        }
    }
    Ok(sums)
}

/// Freezes prices.
///
/// # Errors
/// A refusal that makes no order: an unknown product, a total out of range.
pub fn price(
    lines: &BTreeMap<ProductId, i64>,
    catalogue: &BTreeMap<ProductId, ProductFact>,
) -> Result<Priced, Refused> {
    let too_much = |_: OutOfRange| Refused::invalid("/lines", "TOTAL_OUT_OF_RANGE", "the total is too large");
    let mut priced = Priced { lines: Vec::with_capacity(lines.len()), total: Money::ZERO };
    for (product_id, quantity) in lines {
        let fact = catalogue.get(product_id).filter(|fact| fact.active).ok_or_else(|| {
            Refused::invalid(
                "/lines/product_id",
                "PRODUCT_UNKNOWN",
                format!("no product {product_id} is on sale"),
            )
        })?;
        let amount = fact.price.times(*quantity).map_err(too_much)?;
        priced.total = priced.total.plus(amount).map_err(too_much)?;
        priced.lines.push(PlanLine {
            product_id: *product_id,
            sku: fact.sku.clone(),
            name: fact.name.clone(),
            quantity: *quantity,
            unit_price: fact.price,
        });
    }
    Ok(priced)
}

/// A plan that only holds frozen lines: an order that is not yet to be paid. All of it is left to pay, so that
/// `total − discount = points + card_amount` holds of every order.
#[must_use]
pub fn draft(
    user: UserId,
    priced: Priced,
    currency: Currency,
    extras: BTreeMap<SmolStr, serde_json::Value>,
) -> Plan {
    Plan {
        saga: SagaId(Uuid::nil()),
        user,
        lines: priced.lines,
        coupon: None,
        total: priced.total,
        points: Money::ZERO,
        card_amount: priced.total,
        currency,
        payment: PaymentId(Uuid::nil()),
        card: None,
        steps: Vec::new(),
        extras,
    }
}

/// Freezes coupon, points and steps of `draft`. `steps_of` says which steps a plan with these contents needs.
///
/// # Errors
/// A refusal that makes (or changes) no order: `CARD_REQUIRED`, `POINTS_EXCEED_TOTAL`, points below zero.
pub fn freeze(
    draft: Plan,
    payment: &Payment,
    facts: PayerFacts,
    steps_of: &dyn Fn(&Plan) -> Vec<Step>,
) -> Result<Quoted, Refused> {
    if matches!(payment.points, Points::Amount(amount) if amount.is_negative()) {
        return Err(checks::invalid("/points", "must be at least 0"));
    }
    if facts.active == Some(false) {
        return Ok(Quoted::Refused(Reason::USER_INACTIVE, Box::new(draft)));
    }
    let coupon = match (payment.user_coupon_id, facts.discount) {
        (None, _) => None,
        (Some(_), Some(None) | None) => return Ok(Quoted::Refused(Reason::COUPON_INVALID, Box::new(draft))),
        // What its owner would never grant: less than nothing, or more than there is to pay.
        (Some(_), Some(Some(discount))) if discount.is_negative() || discount > draft.total => {
            return Ok(Quoted::Refused(Reason::COUPON_INVALID, Box::new(draft)));
        }
        (Some(user_coupon_id), Some(Some(discount))) => Some(PlanCoupon { user_coupon_id, discount }),
    };
    let out_of_range = |_| Refused::invalid("/points", "AMOUNT_OUT_OF_RANGE", "the amount is out of range");
    let discount = coupon.map_or(Money::ZERO, |coupon| coupon.discount);
    let payable = draft.total.minus(discount).map_err(out_of_range)?;
    let points = match payment.points {
        Points::Amount(amount) if amount > payable => {
            return Err(Refused::invalid(
                "/points",
                "POINTS_EXCEED_TOTAL",
                "more points than there is to pay",
            ));
        }
        Points::Amount(amount) => amount,
        Points::All => facts.balance.unwrap_or(Money::ZERO).max(Money::ZERO).min(payable),
    };
    let card_amount = payable.minus(points).map_err(out_of_range)?;
    if !card_amount.is_zero() && payment.card.is_none() {
        return Err(Refused::invalid(
            "/card_token",
            "CARD_REQUIRED",
            "something is left to pay and there is no card",
        ));
    }
    let mut plan = Plan { coupon, points, card_amount, ..draft };
    if facts.balance.is_some_and(|balance| points > balance) {
        return Ok(Quoted::Refused(Reason::POINTS_SHORT, Box::new(plan)));
    }
    // The card is kept only where it will be charged.
    plan.card = payment.card.clone().filter(|_| !card_amount.is_zero());
    plan.steps = steps_of(&plan);
    Ok(Quoted::Plan(Box::new(plan)))
}
