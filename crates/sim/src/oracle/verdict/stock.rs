//! Stock and sales: what confirmed orders took, and nothing else.

use super::super::breach::{Promise, id, named};
use super::super::catalogue::Item;
use super::super::people::Outcome;
use super::super::{Oracle, words};
use crate::clients::{Amount, Id, Order, Status};
use std::collections::{BTreeMap, BTreeSet};

/// The most best sellers that are listed.
const LISTED: usize = 100;

/// Pieces that orders took of one product.
#[derive(Clone, Copy, Default)]
struct Taken {
    /// By orders that are confirmed.
    surely: Amount,
    /// By orders that are stuck: some of it, or none.
    perhaps: Amount,
}

impl Oracle {
    /// What orders took, by product.
    fn taken(&self, stuck: &BTreeSet<Id>) -> BTreeMap<Id, Taken> {
        let mut taken: BTreeMap<Id, Taken> = BTreeMap::new();
        for order in self.closing.seen.orders.values() {
            let unsettled = !order.status.is_settled() && stuck.contains(&order.id);
            for line in &order.lines {
                let taken = taken.entry(line.product).or_default();
                if order.status == Status::Confirmed {
                    taken.surely += line.quantity;
                } else if unsettled {
                    taken.perhaps += line.quantity;
                }
            }
        }
        taken
    }

    /// Opening + adjustments - confirmed orders = the stock that is shown.
    pub(super) fn judge_stock(&mut self, stuck: &BTreeSet<Id>) {
        let taken = self.taken(stuck);
        for (product, item) in &self.catalogue.items {
            let Some(shown) = self.closing.seen.products.get(product) else { continue };
            let taken = taken.get(product).copied().unwrap_or_default();
            let bases = bases(item);
            let fits = |base: &Amount| {
                let most = base - taken.surely;
                (most - taken.perhaps..=most).contains(&shown.stock)
            };
            self.docket.check(bases.iter().any(fits), Promise::Conservation, || {
                let left: BTreeSet<Amount> = bases.iter().map(|base| base - taken.surely).collect();
                let expected = format!("one of {left:?}, less up to {} that is stuck", taken.perhaps);
                (format!("the stock of {}", item.name()), expected, shown.stock.to_string())
            });
        }
    }

    /// Best sellers are the confirmed orders, less the cancelled ones.
    pub(super) fn judge_best_sellers(&mut self, stuck: &BTreeSet<Id>) {
        let taken = self.taken(stuck);
        let shown: BTreeMap<Id, Amount> = self.closing.seen.best_sellers.iter().copied().collect();
        // Where the list is full, those that sold least may be missing.
        let full = shown.len() >= LISTED;
        let least = self.closing.seen.best_sellers.iter().map(|(_, sold)| *sold).min().unwrap_or(0);
        let products: BTreeSet<Id> = taken.keys().chain(shown.keys()).copied().collect();
        for product in products {
            let Taken { surely, perhaps } = taken.get(&product).copied().unwrap_or_default();
            let sold = shown.get(&product).copied();
            let fits = match sold {
                Some(sold) => (surely..=surely + perhaps).contains(&sold) && sold > 0,
                None => surely == 0 || full && surely <= least,
            };
            self.docket.check(fits, Promise::ReadModelsFollow, || {
                let about = named("the sales count of product", product);
                (about, surely.to_string(), sold.unwrap_or(0).to_string())
            });
        }
        let ranked = self.closing.seen.best_sellers.windows(2).all(|pair| pair[0].1 >= pair[1].1);
        self.docket.check(
            ranked && shown.len() == self.closing.seen.best_sellers.len(),
            Promise::ReadModelsFollow,
            || {
                let sold = self.closing.seen.best_sellers.iter();
                let saw = words::list(sold.map(|(product, sold)| format!("{sold} of {}", id(*product))));
                ("the best sellers".to_owned(), "best first, each once".to_owned(), saw)
            },
        );
    }
}

/// What there can have been before orders: an adjustment of which nothing is known was made, or was not.
fn bases(item: &Item) -> BTreeSet<Amount> {
    let mut bases = BTreeSet::from([item.opening]);
    for (adjust, outcome) in item.adjustments.values() {
        let with = bases.iter().map(|base| base + adjust);
        bases = match outcome {
            Outcome::Refused => continue,
            Outcome::Done => with.collect(),
            Outcome::Unknown => with.chain(bases.iter().copied()).collect(),
        };
    }
    bases
}

/// Orders that took points, coupons and stock for good.
pub(super) fn confirmed(orders: &BTreeMap<Id, Order>) -> impl Iterator<Item = &Order> {
    orders.values().filter(|order| order.status == Status::Confirmed)
}
