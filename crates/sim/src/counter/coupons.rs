//! Campaigns, and the coupons that users hold.

use super::caller::{admin, signed_in};
use super::lists::{ROWS, newest_first, page};
use super::orders::money;
use super::refusals::No;
use super::wait::{Turn, ask};
use super::{Sight, render};
use crate::clients::{self, Amount, Answer, Caller, Id, Page, Terms};
use coupon::{Coupon, CouponStatus, CreateCoupon, Discount, IssueCoupon, PatchCoupon, UserCoupon};
use kernel::ids::CouponId;
use kernel::{Record, Timestamp, Value};
use runtime::ports::store::{Compare, Query};
use uuid::Uuid;

/// Makes a campaign, active at once.
pub(super) fn create(sight: &Sight<'_>, from: Caller, terms: &Terms) -> Result<Turn, No> {
    let by = admin(sight, from)?.id;
    let discount = match terms.discount {
        clients::Discount::Fixed(amount) => Discount::Fixed { amount: money(amount)? },
        clients::Discount::Percent(percent, most) => {
            Discount::Percent { percent, max_amount: most.map(money).transpose()? }
        }
    };
    let command = CreateCoupon {
        name: terms.name.as_str().into(),
        discount,
        quantity: money(terms.quantity)?.minor(),
        min_order_amount: terms.least_total.map(money).transpose()?,
        valid_from: Timestamp(terms.opens),
        valid_until: Timestamp(terms.closes),
        by,
    };
    Ok(ask(sight, &*sight.system("coupon")?, command, |campaign, _| Ok(told(&campaign))))
}

/// Changes a campaign; what is not given stays.
pub(super) fn patch(
    sight: &Sight<'_>,
    from: Caller,
    campaign: Id,
    quantity: Option<Amount>,
    stopped: Option<bool>,
) -> Result<Turn, No> {
    let by = admin(sight, from)?.id;
    let command = PatchCoupon {
        id: campaign_id(campaign),
        name: None,
        quantity: quantity.map(|quantity| money(quantity).map(|quantity| quantity.minor())).transpose()?,
        status: stopped.map(|stopped| if stopped { CouponStatus::Stopped } else { CouponStatus::Active }),
        valid_until: None,
        expected_version: None,
        by,
        reason: None,
    };
    Ok(ask(sight, &*sight.system("coupon")?, command, |campaign, _| Ok(told(&campaign))))
}

/// Gives the caller a coupon of a campaign.
pub(super) fn take(sight: &Sight<'_>, from: Caller, campaign: Id) -> Result<Turn, No> {
    let user = signed_in(sight, from)?.id;
    let command = IssueCoupon { coupon: campaign_id(campaign), user };
    let told = |coupon: UserCoupon, _: &Sight<'_>| Ok(Turn::Told(Answer::Coupon(render::coupon(&coupon))));
    Ok(ask(sight, &*sight.system("coupon")?, command, told))
}

/// The campaigns.
pub(super) fn campaigns(sight: &Sight<'_>, of: Page) -> Result<Turn, No> {
    let rows = sight.list("coupon", &newest_first(Query::of(Coupon::TABLE, ROWS), "id", of))?;
    let listed = page(rows, |campaign: &Coupon| campaign.id.0, |campaign| Ok(render::campaign(campaign)))?;
    Ok(Turn::Told(Answer::Campaigns(listed)))
}

/// The caller's coupons.
pub(super) fn coupons(sight: &Sight<'_>, from: Caller, of: Page) -> Result<Turn, No> {
    let user = signed_in(sight, from)?.id;
    let query = Query::of(UserCoupon::TABLE, ROWS).filter("user_id", Compare::Is, Value::Id(user.0));
    let rows = sight.list("coupon", &newest_first(query, "id", of))?;
    let listed = page(rows, |coupon: &UserCoupon| coupon.id.0, |coupon| Ok(render::coupon(coupon)))?;
    Ok(Turn::Told(Answer::Coupons(listed)))
}

fn told(campaign: &Coupon) -> Turn {
    Turn::Told(Answer::Campaign(render::campaign(campaign)))
}

fn campaign_id(id: Id) -> CouponId {
    CouponId(Uuid::from_u128(id))
}
