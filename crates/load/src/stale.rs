//! Facts that are stale on purpose: a quote believes in coupons that are used and points that are gone, so that orders fail
//! at the step and not before it.

use crate::stage::{Cast, PLENTY_OF_POINTS, Stage};
use crate::workload::DISCOUNT;
use kernel::ids::{ProductId, UserCouponId, UserId};
use kernel::{Money, Timestamp};
use order::quote::ProductFact;
use parking_lot::RwLock;
use shop::FactsThrough;
use shop::facts::{Answers, CouponAsk, Facts};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is believed against better knowledge. Nothing at first.
#[derive(Debug, Default)]
pub struct Beliefs {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    coupons: BTreeSet<UserCouponId>,
    rich: BTreeSet<UserId>,
}

impl Beliefs {
    /// From now on: the stage's used coupons are good, and those without points have plenty.
    pub fn take_in(&self, stage: &Stage, cast: &Cast) {
        let mut inner = self.inner.write();
        inner.coupons = cast.used.iter().copied().collect();
        inner.rich = stage.spent.iter().map(|user| cast.users[*user]).collect();
    }

    /// Lets the quotes of a shop ask for their facts through these beliefs.
    #[must_use]
    pub fn through(self: &Arc<Self>) -> FactsThrough {
        let beliefs = Arc::clone(self);
        Arc::new(move |owners| Box::new(Stale { owners, beliefs: Arc::clone(&beliefs) }))
    }
}

struct Stale {
    owners: Box<dyn Facts>,
    beliefs: Arc<Beliefs>,
}

impl Facts for Stale {
    fn products(&self, ids: &BTreeSet<ProductId>) -> Answers<ProductId, ProductFact> {
        self.owners.products(ids)
    }

    fn users(&self, ids: &BTreeSet<UserId>) -> Answers<UserId, bool> {
        self.owners.users(ids)
    }

    fn discounts(&self, asks: &BTreeSet<CouponAsk>, now: Timestamp) -> Answers<CouponAsk, Money> {
        let beliefs = self.beliefs.inner.read();
        let believed = asks.iter().filter(|ask| beliefs.coupons.contains(&ask.user_coupon_id));
        let full = Money::new(DISCOUNT).unwrap_or_default();
        let believed = believed.map(|ask| (*ask, full.min(ask.total))).collect();
        self.owners.discounts(asks, now).and(believed)
    }

    fn balances(&self, ids: &BTreeSet<UserId>) -> Answers<UserId, Money> {
        let beliefs = self.beliefs.inner.read();
        let believed = ids.intersection(&beliefs.rich).map(|user| (*user, PLENTY_OF_POINTS)).collect();
        self.owners.balances(ids).and(believed)
    }

    fn checks_amounts(&self) -> bool {
        self.owners.checks_amounts()
    }
}
