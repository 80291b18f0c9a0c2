//! What administrators change: campaigns.

use crate::NAME;
use crate::tables::{Coupon, CouponStatus};
use crate::terms::{Discount, above_zero};
use kernel::ids::{CouponId, UserId};
use kernel::{Command, Cx, DomainName, Json, Money, Refused, Stop, Timestamp, WorkingSet, checks};
use serde_json::json;
use smol_str::SmolStr;

/// The longest name, in characters.
pub const NAME_MAX: usize = 100;
/// The largest quantity: what a JSON number holds exactly.
pub const QUANTITY_MAX: i64 = Money::MAX.minor();

/// Makes a campaign, active at once (it gives out coupons from `valid_from`).
///
/// Refusals (422): `/name`, `/discount/amount`, `/discount/percent`, `/discount/max_amount`, `/quantity`,
/// `/min_order_amount`, `/valid_until`. Says `coupon.created`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateCoupon {
    /// Its name, 1 to [`NAME_MAX`] characters.
    pub name: SmolStr,
    /// What its coupons take off.
    pub discount: Discount,
    /// How many there are, 1 to [`QUANTITY_MAX`].
    pub quantity: i64,
    /// The least order total, in minor units above zero.
    pub min_order_amount: Option<Money>,
    /// From when.
    pub valid_from: Timestamp,
    /// Until when; after `valid_from`.
    pub valid_until: Timestamp,
    /// The administrator.
    pub by: UserId,
}

impl Command for CreateCoupon {
    type Reply = Result<Coupon, Refused>;
    const DOMAIN: DomainName = NAME;
}

impl CreateCoupon {
    pub(crate) fn decide(&self, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<Coupon, Stop> {
        checks::text("/name", &self.name, NAME_MAX)?;
        self.discount.check()?;
        check_quantity(self.quantity)?;
        if let Some(least) = self.min_order_amount {
            above_zero("/min_order_amount", least)?;
        }
        check_validity(self.valid_from, self.valid_until)?;

        let coupon = Coupon {
            id: CouponId(cx.ids.next()),
            name: self.name.clone(),
            discount: Json(self.discount),
            quantity: self.quantity,
            issued: 0,
            min_order_amount: self.min_order_amount,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            status: CouponStatus::Active,
            version: 1,
            created_at: cx.now,
        };
        state.put(&coupon);
        say("coupon.created", &coupon, self.by, None, cx);
        Ok(coupon)
    }
}

/// Changes what is given; what is not given stays. Coupons issued before keep the terms they were issued under. A patch
/// that changes nothing keeps the version and says nothing.
///
/// Refusals: 404; an `expected_version` that is not the current one (412); `/name`, `/quantity`, `/valid_until`,
/// `/reason` (422); `QUANTITY_BELOW_ISSUED` (409). Says `coupon.changed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchCoupon {
    /// Which campaign.
    pub id: CouponId,
    /// A new name.
    pub name: Option<SmolStr>,
    /// A new quantity, not below what is given out already.
    pub quantity: Option<i64>,
    /// A new status.
    pub status: Option<CouponStatus>,
    /// A new end, after `valid_from`.
    pub valid_until: Option<Timestamp>,
    /// The version that the caller saw.
    pub expected_version: Option<i64>,
    /// The administrator.
    pub by: UserId,
    /// Why.
    pub reason: Option<String>,
}

impl Command for PatchCoupon {
    type Reply = Result<Coupon, Refused>;
    const DOMAIN: DomainName = NAME;
}

impl PatchCoupon {
    pub(crate) fn decide(&self, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<Coupon, Stop> {
        let before: Coupon = state.get((self.id,))?.ok_or_else(|| Refused::not_found("coupon"))?;
        checks::version(self.expected_version, before.version)?;
        if let Some(name) = &self.name {
            checks::text("/name", name, NAME_MAX)?;
        }
        if let Some(quantity) = self.quantity {
            check_quantity(quantity)?;
        }
        if let Some(valid_until) = self.valid_until {
            check_validity(before.valid_from, valid_until)?;
        }
        checks::reason(self.reason.as_deref())?;
        if self.quantity.is_some_and(|quantity| quantity < before.issued) {
            let detail = format!("{} are given out already", before.issued);
            return Err(Refused::conflict("QUANTITY_BELOW_ISSUED", detail).into());
        }

        let patched = Coupon {
            name: self.name.clone().unwrap_or_else(|| before.name.clone()),
            quantity: self.quantity.unwrap_or(before.quantity),
            status: self.status.unwrap_or(before.status),
            valid_until: self.valid_until.unwrap_or(before.valid_until),
            ..before.clone()
        };
        if patched == before {
            return Ok(before);
        }
        let after = Coupon { version: checks::one_more(before.version)?, ..patched };
        state.put(&after);
        say("coupon.changed", &after, self.by, self.reason.as_deref(), cx);
        Ok(after)
    }
}

fn check_quantity(quantity: i64) -> Result<(), Refused> {
    match quantity {
        1..=QUANTITY_MAX => Ok(()),
        _ => Err(checks::invalid("/quantity", format!("must be 1 to {QUANTITY_MAX}"))),
    }
}

fn check_validity(from: Timestamp, until: Timestamp) -> Result<(), Refused> {
    if from < until { Ok(()) } else { Err(checks::invalid("/valid_until", "must be after valid_from")) }
}

fn say(kind: &'static str, coupon: &Coupon, by: UserId, reason: Option<&str>, cx: &mut Cx<'_>) {
    let body = json!({
        "name": coupon.name,
        "discount": coupon.discount.0,
        "quantity": coupon.quantity,
        "min_order_amount": coupon.min_order_amount,
        "valid_from": coupon.valid_from,
        "valid_until": coupon.valid_until,
        "status": coupon.status,
        "version": coupon.version,
        "by": by,
        "reason": reason,
    });
    cx.state_fact(NAME, coupon.id.0, kind, body);
}
