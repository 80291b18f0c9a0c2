//! The facts of a quote, each from its owner. Asked for many orders at once: one load per table and batch.

use coupon::UserCoupon;
use kernel::ids::{ProductId, UserCouponId, UserId};
use kernel::{Key, Money, Record, Said, Timestamp};
use order::quote::ProductFact;
use parking_lot::Mutex;
use point::Points;
use product::Product;
use runtime::ports::store::{Position, Reader, StoreError};
use runtime::tail::Observer;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use user::User;

/// What a coupon is asked at the quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CouponAsk {
    /// Which user coupon.
    pub user_coupon_id: UserCouponId,
    /// Whose it must be.
    pub user: UserId,
    /// The total before discount.
    pub total: Money,
}

/// What became of a question about many things. A thing that is neither found nor missed does not exist.
#[derive(Clone, Debug)]
pub struct Answers<K, V> {
    /// What is known.
    pub found: BTreeMap<K, V>,
    /// What nobody could say anything about.
    pub missed: BTreeSet<K>,
    /// Why, where something was missed.
    pub error: Option<StoreError>,
}

impl<K, V> Default for Answers<K, V> {
    fn default() -> Self {
        Self { found: BTreeMap::new(), missed: BTreeSet::new(), error: None }
    }
}

impl<K: Ord + Clone, V> Answers<K, V> {
    /// What an owner that was asked about `asked` came to.
    #[must_use]
    pub fn of(asked: &BTreeSet<K>, answered: Result<BTreeMap<K, V>, StoreError>) -> Self {
        match answered {
            Ok(found) => Self { found, ..Self::default() },
            Err(error) => Self { missed: asked.clone(), error: Some(error), ..Self::default() },
        }
    }

    /// These, with what was known before the owner was asked.
    #[must_use]
    pub fn and(mut self, known: BTreeMap<K, V>) -> Self {
        self.found.extend(known);
        self
    }

    /// Why nothing is known of one of `wanted`, if so.
    pub fn missing<'k>(&self, wanted: impl IntoIterator<Item = &'k K>) -> Option<&StoreError>
    where
        K: 'k,
    {
        self.error.as_ref().filter(|_| wanted.into_iter().any(|one| self.missed.contains(one)))
    }
}

/// Where the facts of a quote come from: each question is asked once for all orders that wait. An owner that cannot be asked
/// costs only the orders that need it.
pub trait Facts: Send + Sync {
    /// What the catalogue says.
    fn products(&self, ids: &BTreeSet<ProductId>) -> Answers<ProductId, ProductFact>;

    /// Whether users are active.
    fn users(&self, ids: &BTreeSet<UserId>) -> Answers<UserId, bool>;

    /// The discounts of coupons; invalid ones do not exist.
    fn discounts(&self, asks: &BTreeSet<CouponAsk>, now: Timestamp) -> Answers<CouponAsk, Money>;

    /// Point balances; users without one do not exist.
    fn balances(&self, ids: &BTreeSet<UserId>) -> Answers<UserId, Money>;

    /// Whether the balance is asked where an order names the amount of points that it uses. If not, only the step that takes
    /// them finds them short.
    fn checks_amounts(&self) -> bool;
}

/// Facts read from the owners' databases in this process, with the catalogue cached.
pub struct LocalFacts {
    product: Arc<dyn Reader>,
    user: Arc<dyn Reader>,
    coupon: Arc<dyn Reader>,
    point: Arc<dyn Reader>,
    catalogue: Arc<Catalogue>,
}

impl LocalFacts {
    /// Facts from these databases. `catalogue` must observe the log of the products' database.
    #[must_use]
    pub fn new(
        product: Arc<dyn Reader>,
        user: Arc<dyn Reader>,
        coupon: Arc<dyn Reader>,
        point: Arc<dyn Reader>,
        catalogue: Arc<Catalogue>,
    ) -> Self {
        Self { product, user, coupon, point, catalogue }
    }
}

impl Facts for LocalFacts {
    fn products(&self, ids: &BTreeSet<ProductId>) -> Answers<ProductId, ProductFact> {
        let (known, missing, generation) = self.catalogue.get(ids);
        let found = load::<Product>(self.product.as_ref(), missing.iter().map(|id| (*id,))).map(|products| {
            let found: BTreeMap<_, _> =
                products.into_iter().map(|product| (product.id, fact(product))).collect();
            self.catalogue.put(&found, generation);
            found
        });
        Answers::of(&missing, found).and(known)
    }

    fn users(&self, ids: &BTreeSet<UserId>) -> Answers<UserId, bool> {
        let users = load::<User>(self.user.as_ref(), ids.iter().map(|id| (*id,)));
        let active = |user: User| (user.id, user.is_active());
        Answers::of(ids, users.map(|users| users.into_iter().map(active).collect()))
    }

    fn discounts(&self, asks: &BTreeSet<CouponAsk>, now: Timestamp) -> Answers<CouponAsk, Money> {
        let issued = load::<UserCoupon>(self.coupon.as_ref(), asks.iter().map(|ask| (ask.user_coupon_id,)));
        let discounts = issued.map(|issued| {
            let issued: BTreeMap<UserCouponId, UserCoupon> =
                issued.into_iter().map(|one| (one.id, one)).collect();
            let discount = |ask: &CouponAsk| {
                coupon::discount_for(issued.get(&ask.user_coupon_id), ask.user, ask.total, now)
            };
            asks.iter().filter_map(|ask| Some((*ask, discount(ask)?))).collect()
        });
        Answers::of(asks, discounts)
    }

    fn balances(&self, ids: &BTreeSet<UserId>) -> Answers<UserId, Money> {
        let points = load::<Points>(self.point.as_ref(), ids.iter().map(|id| (*id,)));
        let balance = |points: Points| (points.user_id, points.balance);
        Answers::of(ids, points.map(|points| points.into_iter().map(balance).collect()))
    }

    fn checks_amounts(&self) -> bool {
        true
    }
}

fn fact(product: Product) -> ProductFact {
    let active = product.is_for_sale();
    ProductFact { sku: product.sku, name: product.name, price: product.price, active }
}

/// The records of `R` under `keys`; absent ones are left out.
///
/// # Errors
/// If the store cannot be read, or a row does not read.
pub fn load<R: Record>(
    reader: &dyn Reader,
    keys: impl IntoIterator<Item = impl Into<Key>>,
) -> Result<Vec<R>, StoreError> {
    let mut keys: Vec<Key> = keys.into_iter().map(Into::into).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    keys.sort_unstable();
    keys.dedup();
    reader.load(R::TABLE, &keys)?.iter().map(read).collect()
}

/// A typed record of a row.
///
/// # Errors
/// [`StoreError::Unusable`] if it does not read.
pub fn read<R: Record>(row: &kernel::Row) -> Result<R, StoreError> {
    R::from_row(row).map_err(|corrupt| StoreError::Unusable(format!("table {}: {corrupt}", R::TABLE.name)))
}

/// The catalogue in process: filled by misses, emptied by what products say.
#[derive(Default)]
pub struct Catalogue {
    inner: Mutex<CatalogueState>,
}

#[derive(Default)]
struct CatalogueState {
    facts: BTreeMap<ProductId, ProductFact>,
    /// Counts invalidations: what was read before one must not be put after it.
    generation: u64,
}

impl Catalogue {
    /// Most products kept; past this the cache starts anew.
    const CAPACITY: usize = 100_000;

    fn get(&self, ids: &BTreeSet<ProductId>) -> (BTreeMap<ProductId, ProductFact>, BTreeSet<ProductId>, u64) {
        let state = self.inner.lock();
        let mut known = BTreeMap::new();
        let mut missing = BTreeSet::new();
        for id in ids {
            // A cached "not on sale" never refuses alone: its owner is asked.
            match state.facts.get(id).filter(|fact| fact.active) {
                Some(fact) => {
                    known.insert(*id, fact.clone());
                }
                None => {
                    missing.insert(*id);
                }
            }
        }
        (known, missing, state.generation)
    }

    fn put(&self, found: &BTreeMap<ProductId, ProductFact>, generation: u64) {
        let mut state = self.inner.lock();
        if state.generation != generation {
            return;
        }
        if state.facts.len() + found.len() > Self::CAPACITY {
            state.facts.clear();
        }
        state.facts.extend(found.iter().map(|(id, fact)| (*id, fact.clone())));
    }
}

impl Observer for Catalogue {
    fn committed(&self, rows: &[(Position, Arc<kernel::Entry>)]) {
        for (_, entry) in rows {
            let changed = |said: &Said| matches!(said, Said::Fact { kind, .. } if kind == "product.changed");
            if entry.events.iter().any(|event| changed(&event.said)) {
                let mut state = self.inner.lock();
                state.generation += 1;
                state.facts.remove(&ProductId(entry.key));
            }
        }
    }

    fn lost(&self) {
        let mut state = self.inner.lock();
        state.generation += 1;
        state.facts.clear();
    }
}
