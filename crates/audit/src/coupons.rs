//! Coupons: how many were given out, and that each is used by the one order that says so.

use crate::AuditError;
use crate::findings::Findings;
use crate::letters;
use crate::pages::Moment;
use crate::report::{Code, Discrepancy};
use crate::scene::Scene;
use coupon::{Coupon, CouponHolder, UserCoupon, UserCouponStatus};
use kernel::ids::{CouponId, SagaId, UserCouponId};
use kernel::participation::{Inbox, InboxState};
use kernel::{Record, Step, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

pub(crate) fn check(scene: &Scene<'_>, findings: &mut Findings) -> Result<(), AuditError> {
    let Some(moment) = scene.moment_of(&coupon::NAME) else { return Ok(()) };
    let mut given: BTreeMap<CouponId, Given> = BTreeMap::new();
    let mut coupons = moment.pages::<UserCoupon>();
    loop {
        let page = coupons.page()?;
        if page.is_empty() {
            break;
        }
        for coupon in &page {
            given.entry(coupon.coupon_id).or_default().coupons += 1;
        }
        used_by_their_orders(scene, moment, &page, findings)?;
    }
    let mut holders = moment.pages::<CouponHolder>();
    while let Some(holder) = holders.next_if(|_| true)? {
        given.entry(holder.coupon_id).or_default().holders += 1;
    }
    count(moment, given, findings)?;
    used_by_no_other(scene, moment, findings)
}

/// What there is of a campaign.
#[derive(Clone, Copy, Default)]
struct Given {
    coupons: i64,
    holders: i64,
}

fn count(
    moment: Moment<'_>,
    mut given: BTreeMap<CouponId, Given>,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let report = |id: CouponId, expected: String, found: String| Discrepancy {
        code: Code::CouponCount,
        database: moment.name.to_owned(),
        table: Coupon::TABLE.name,
        key: id.to_string(),
        expected,
        found,
    };
    let mut campaigns = moment.pages::<Coupon>();
    while let Some(campaign) = campaigns.next_if(|_| true)? {
        findings.checked(Code::CouponCount, 1);
        let Given { coupons, holders } = given.remove(&campaign.id).unwrap_or_default();
        if (campaign.issued, campaign.issued) != (coupons, holders) {
            let expected = format!("{coupons} issued, as there are coupons and holders");
            let found = format!("{} issued, {coupons} coupons, {holders} holders", campaign.issued);
            findings.report(report(campaign.id, expected, found));
        } else if campaign.issued > campaign.quantity {
            let found = format!("{} issued", campaign.issued);
            findings.report(report(campaign.id, format!("at most {} issued", campaign.quantity), found));
        }
    }
    for (id, Given { coupons, holders }) in given {
        let found = format!("{coupons} coupons and {holders} holders of none");
        findings.report(report(id, "a campaign".to_owned(), found));
    }
    Ok(())
}

fn used(moment: Moment<'_>, id: UserCouponId, expected: String, found: String) -> Discrepancy {
    Discrepancy {
        code: Code::CouponUsedOnce,
        database: moment.name.to_owned(),
        table: UserCoupon::TABLE.name,
        key: id.to_string(),
        expected,
        found,
    }
}

/// Every used coupon's order has used it.
fn used_by_their_orders(
    scene: &Scene<'_>,
    moment: Moment<'_>,
    coupons: &[UserCoupon],
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let orders = coupons.iter().filter_map(|coupon| coupon.order_id);
    let keys = orders.map(|order| (SagaId(order.0), Step::COUPON).into()).collect();
    let rows = moment.load::<Inbox>(keys)?;
    let rows: BTreeMap<Uuid, Inbox> = rows.into_iter().map(|row| (row.saga.0, row)).collect();
    findings.checked(Code::CouponUsedOnce, coupons.len());
    for coupon in coupons {
        let order = match (coupon.status, coupon.order_id) {
            (UserCouponStatus::Used, Some(order)) => order.0,
            (UserCouponStatus::Used, None) => {
                findings.report(used(
                    moment,
                    coupon.id,
                    "the order that uses it".to_owned(),
                    "none".to_owned(),
                ));
                continue;
            }
            (UserCouponStatus::Issued | UserCouponStatus::Expired, None) => continue,
            (status @ (UserCouponStatus::Issued | UserCouponStatus::Expired), Some(order)) => {
                findings.report(used(
                    moment,
                    coupon.id,
                    "no order".to_owned(),
                    format!("{status} with order {order}"),
                ));
                continue;
            }
        };
        let found = match rows.get(&order) {
            Some(row) if row.state == InboxState::Done && uses(scene, row).contains(&coupon.id) => continue,
            Some(row) if row.state == InboxState::Done => "a receipt of another coupon".to_owned(),
            Some(row) => format!("its step {}", row.state),
            None if scene.is_pruned(order) => continue,
            None => "no inbox row".to_owned(),
        };
        if !letters::excuse(scene, order, &coupon::NAME, Some(&Step::COUPON))? {
            findings.report(used(moment, coupon.id, format!("order {order} to use it"), found));
        }
    }
    Ok(())
}

/// Every order that has used a coupon is the one that the coupon names.
fn used_by_no_other(
    scene: &Scene<'_>,
    moment: Moment<'_>,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let word = |text: &'static str| Value::Text(text.into());
    let done = moment.pages::<Inbox>().only("step", Value::Text(Step::COUPON.as_str().into()));
    let mut done = done.only("state", word(InboxState::Done.word()));
    loop {
        let rows = done.page()?;
        if rows.is_empty() {
            return Ok(());
        }
        let users: Vec<(Uuid, UserCouponId)> =
            rows.iter().flat_map(|row| uses(scene, row).into_iter().map(|id| (row.saga.0, id))).collect();
        let coupons = moment.load::<UserCoupon>(users.iter().map(|(_, id)| (*id,).into()).collect())?;
        let coupons: BTreeMap<UserCouponId, UserCoupon> = coupons.into_iter().map(|c| (c.id, c)).collect();
        for (order, id) in users {
            let found = match coupons.get(&id) {
                // Should the two disagree on more than whose it is, its own row's check has said so.
                Some(coupon) if coupon.order_id.map(|order| order.0) == Some(order) => continue,
                Some(coupon) => match coupon.order_id {
                    Some(other) => format!("{} by order {other}", coupon.status),
                    None => coupon.status.to_string(),
                },
                None => "no such coupon".to_owned(),
            };
            findings.report(used(moment, id, format!("USED by order {order}"), found));
        }
    }
}

/// The coupons that a receipt says were used.
fn uses(scene: &Scene<'_>, row: &Inbox) -> Vec<UserCouponId> {
    let read = || scene.runners.get(&row.step)?.movements(row.receipt.as_deref()?).ok();
    let moved = read().unwrap_or_default();
    let ids = moved.iter().filter_map(|movement| movement.account.strip_prefix("user_coupon:")?.parse().ok());
    ids.collect()
}
