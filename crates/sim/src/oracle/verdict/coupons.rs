//! Coupons: how many were given out, to whom, and which orders use them.

use super::super::Oracle;
use super::super::breach::{Promise, id, named, or_none};
use super::TIMER;
use super::stock::confirmed;
use crate::clients::{Amount, CouponStatus, Id, Millis};
use std::collections::{BTreeMap, BTreeSet};

impl Oracle {
    pub(super) fn judge_coupons(&mut self, now: Millis, stuck: &BTreeSet<Id>) {
        self.judge_counts();
        let seen = &self.closing.seen;
        let users: BTreeMap<Id, Id> =
            confirmed(&seen.orders).filter_map(|order| Some((order.id, order.coupon?))).collect();
        let used_by: BTreeMap<Id, Id> = users.iter().map(|(order, coupon)| (*coupon, *order)).collect();
        for (order, coupon) in &users {
            let user = used_by.get(coupon).unwrap_or(order);
            self.docket.check(user == order, Promise::ExactlyOneEffect, || {
                let about = format!("coupon {}, used by order {},", id(*coupon), id(*user));
                (about, "used by no other".to_owned(), format!("used by order {} too", id(*order)))
            });
        }
        let listed: BTreeMap<Id, _> =
            seen.coupons.values().flatten().map(|coupon| (coupon.id, coupon)).collect();
        for (coupon, (campaign, _)) in &self.campaigns.coupons {
            let about = || named("coupon", *coupon);
            let Some(shown) = listed.get(coupon) else {
                self.docket.check(false, Promise::AcknowledgedIsDurable, || {
                    (about(), "listed for its user".to_owned(), "not listed".to_owned())
                });
                continue;
            };
            let user = used_by.get(coupon).copied();
            let waits = shown.order.is_some_and(|order| {
                stuck.contains(&order)
                    && seen.orders.get(&order).is_some_and(|order| !order.status.is_settled())
            });
            let fits = shown.order == user && (shown.status == CouponStatus::Used) == user.is_some();
            self.docket.check(fits || waits, Promise::Conservation, || {
                let expected = format!("used by {}", or_none(user.map(id)));
                (about(), expected, format!("{}, used by {}", shown.status, or_none(shown.order.map(id))))
            });
            let Some(offer) = self.campaigns.offers.get(campaign) else { continue };
            let (closes, error) = (offer.terms.closes, self.rules.clock_error);
            let in_time = match shown.status {
                CouponStatus::Issued => now < closes + error + TIMER,
                CouponStatus::Expired => now + error >= closes,
                CouponStatus::Used => true,
            };
            self.docket.check(in_time, Promise::Conservation, || {
                (about(), format!("ISSUED before {closes} ms, EXPIRED after"), shown.status.to_string())
            });
        }
    }

    /// What a campaign says it gave out is what users hold, and not more than it had.
    fn judge_counts(&mut self) {
        let mut held: BTreeMap<Id, Amount> = BTreeMap::new();
        for coupon in self.closing.seen.coupons.values().flatten() {
            *held.entry(coupon.campaign).or_default() += 1;
        }
        for campaign in self.campaigns.offers.keys() {
            let Some(shown) = self.closing.seen.campaigns.get(campaign) else {
                self.docket.check(false, Promise::AcknowledgedIsDurable, || {
                    (named("campaign", *campaign), "listed".to_owned(), "not listed".to_owned())
                });
                continue;
            };
            let held = held.get(campaign).copied().unwrap_or(0);
            self.docket.check(shown.issued == held, Promise::CouponsAreCounted, || {
                let about = named("the count of coupons given out of campaign", *campaign);
                (about, format!("{held}, as users hold"), shown.issued.to_string())
            });
            let most = shown.terms.quantity;
            self.docket.check(shown.issued <= most, Promise::CouponsAreCounted, || {
                let about = named("the count of coupons given out of campaign", *campaign);
                (about, format!("at most {most}"), shown.issued.to_string())
            });
        }
    }
}
