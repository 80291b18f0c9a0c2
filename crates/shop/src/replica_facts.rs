//! The facts of a quote from the copies beside the orders. A copy is believed where it says yes; what is missing, and what
//! would refuse, is confirmed with its owner, in one question per kind and batch.

use crate::facts::{Answers, CouponAsk, Facts, load};
use coupon::Terms;
use kernel::ids::{ProductId, UserCouponId, UserId};
use kernel::{Key, Money, Record, Timestamp};
use order::quote::ProductFact;
use replica::{CouponCopy, ProductCopy, UserCopy};
use runtime::ports::store::Reader;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Facts read from the replica domain's copies, confirmed where they would refuse. Balances have no copy: they are asked, and
/// only for "all points"; an amount that turns out not to be there is found by the step that takes it.
pub struct ReplicaFacts {
    copies: Arc<dyn Reader>,
    owners: Box<dyn Facts>,
}

impl ReplicaFacts {
    /// Facts from the copies in this database, confirmed with `owners`.
    #[must_use]
    pub fn new(copies: Arc<dyn Reader>, owners: Box<dyn Facts>) -> Self {
        Self { copies, owners }
    }

    /// The copies under `keys`. That they cannot be read is a reason to ask the owners, not to refuse.
    fn copies<R: Record>(&self, keys: impl IntoIterator<Item = impl Into<Key>>) -> Vec<R> {
        load::<R>(self.copies.as_ref(), keys).unwrap_or_else(|error| {
            tracing::warn!(%error, table = R::TABLE.name, "copies cannot be read; their owner is asked");
            Vec::new()
        })
    }
}

impl Facts for ReplicaFacts {
    fn products(&self, ids: &BTreeSet<ProductId>) -> Answers<ProductId, ProductFact> {
        let copies = self.copies::<ProductCopy>(ids.iter().map(|id| (*id,))).into_iter();
        let known = copies.filter(|copy| copy.active).map(|copy| {
            let ProductCopy { id, sku, name, price, active, .. } = copy;
            (id, ProductFact { sku, name, price, active })
        });
        confirmed(ids, known.collect(), |open| self.owners.products(open))
    }

    fn users(&self, ids: &BTreeSet<UserId>) -> Answers<UserId, bool> {
        let copies = self.copies::<UserCopy>(ids.iter().map(|id| (*id,))).into_iter();
        let known = copies.filter(|copy| copy.active).map(|copy| (copy.id, true));
        confirmed(ids, known.collect(), |open| self.owners.users(open))
    }

    fn discounts(&self, asks: &BTreeSet<CouponAsk>, now: Timestamp) -> Answers<CouponAsk, Money> {
        let copies = self.copies::<CouponCopy>(asks.iter().map(|ask| (ask.user_coupon_id,))).into_iter();
        let copies: BTreeMap<UserCouponId, CouponCopy> = copies.map(|copy| (copy.id, copy)).collect();
        let discount = |ask: &CouponAsk| {
            let copy = copies.get(&ask.user_coupon_id).filter(|copy| copy.user_id == ask.user)?;
            // Terms that do not read are no terms.
            Terms::deserialize(&copy.terms.0).ok()?.off(ask.total, now)
        };
        let known = asks.iter().filter_map(|ask| Some((*ask, discount(ask)?)));
        confirmed(asks, known.collect(), |open| self.owners.discounts(open, now))
    }

    fn balances(&self, ids: &BTreeSet<UserId>) -> Answers<UserId, Money> {
        self.owners.balances(ids)
    }

    fn checks_amounts(&self) -> bool {
        false
    }
}

/// What is `known` of the `asked`, and what the owner says about the rest.
fn confirmed<K: Ord + Clone, V>(
    asked: &BTreeSet<K>,
    known: BTreeMap<K, V>,
    ask: impl FnOnce(&BTreeSet<K>) -> Answers<K, V>,
) -> Answers<K, V> {
    let open: BTreeSet<K> = asked.iter().filter(|one| !known.contains_key(*one)).cloned().collect();
    if open.is_empty() { Answers { found: known, ..Answers::default() } } else { ask(&open).and(known) }
}
