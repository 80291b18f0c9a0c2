//! Who wants what: drawn, or as a shop's own history has it.

use crate::stage::{PLENTY_OF_POINTS, PLENTY_OF_STOCK, ProductNeed, UserNeed};
use history::{Customer, History, Work};
use kernel::Money;
use kernel::money::OutOfRange;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// What one customer wants at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basket {
    /// Who.
    pub user: usize,
    /// Products and quantities.
    pub lines: Vec<(usize, i64)>,
    /// What it costs, before any discount.
    pub total: Money,
}

/// Where baskets come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// They are drawn.
    Generated { users: usize, products: usize, hot_sku: bool },
    /// A shop's own.
    History(Baskets),
}

/// The orders of a shop's history, each product at the price that it is first sold at: price changes and cancels are the
/// history's own affair (`jumun replay` carries them out), and would only make orders wait for each other here.
#[derive(Clone, Debug)]
pub struct Baskets {
    users: Vec<UserNeed>,
    products: Vec<ProductNeed>,
    orders: Vec<Basket>,
}

/// Generated products cost 1,000 minor units and so many prices more.
pub const PRICE_STEPS: usize = 100;
const CHEAPEST: i64 = 1_000;
/// Pieces that there are of the scarce product, and how many an order wants of it that is to fail at `stock`.
const SCARCE: i64 = 1;
pub(super) const TOO_MANY: i64 = 2;

/// The product of which there is too little.
pub(super) fn scarce() -> ProductNeed {
    ProductNeed { sku: "SCARCE".into(), name: "Scarce".into(), price: price_of(0), stock: SCARCE }
}

/// What an order costs that wants too many of it.
pub(super) fn too_many() -> Money {
    price_of(0).times(TOO_MANY).unwrap_or_default()
}

fn price_of(product: usize) -> Money {
    let step = i64::try_from(product % PRICE_STEPS).unwrap_or(0);
    // Far within range.
    Money::new(CHEAPEST + 100 * step).unwrap_or_default()
}

impl Source {
    pub(super) fn user_count(&self) -> usize {
        match self {
            Self::Generated { users, .. } => *users,
            Self::History(history) => history.users.len(),
        }
    }

    pub(super) fn product_count(&self) -> usize {
        match self {
            Self::Generated { products, .. } => *products,
            Self::History(history) => history.products.len(),
        }
    }

    pub(super) fn users(&self) -> Vec<UserNeed> {
        let user = |at| UserNeed { name: format!("user-{at}"), points: PLENTY_OF_POINTS };
        match self {
            Self::Generated { users, .. } => (0..*users).map(user).collect(),
            Self::History(history) => history.users.clone(),
        }
    }

    pub(super) fn products(&self) -> Vec<ProductNeed> {
        let product = |at| ProductNeed {
            sku: smol_str::format_smolstr!("SKU-{at}"),
            name: smol_str::format_smolstr!("Product {at}"),
            price: price_of(at),
            stock: PLENTY_OF_STOCK,
        };
        match self {
            Self::Generated { products, .. } => (0..*products).map(product).collect(),
            Self::History(history) => history.products.clone(),
        }
    }

    pub(super) fn basket(&self, number: u64, rng: &mut ChaCha8Rng) -> Basket {
        match self {
            Self::Generated { users, products, hot_sku } => {
                // Both are always drawn: a hot product changes nothing of who orders.
                let (user, product) = (rng.random_range(0..*users), rng.random_range(0..*products));
                let product = if *hot_sku { 0 } else { product };
                Basket { user, lines: vec![(product, 1)], total: price_of(product) }
            }
            Self::History(history) => {
                let at = usize::try_from(number).unwrap_or(0) % history.orders.len();
                history.orders[at].clone()
            }
        }
    }
}

impl Baskets {
    /// The orders of `history`; `None` if it holds none.
    ///
    /// # Errors
    /// If at first prices an order costs more than can be counted.
    pub fn of(history: &History) -> Result<Option<Self>, OutOfRange> {
        let places: BTreeMap<&SmolStr, usize> = history.products.keys().zip(0..).collect();
        let buyers: BTreeMap<&Customer, usize> = history.customers.iter().zip(0..).collect();
        let products: Vec<ProductNeed> = history
            .products
            .iter()
            .map(|(sku, product)| ProductNeed {
                sku: sku.clone(),
                name: product.name.chars().take(product::catalogue::NAME_MAX).collect(),
                price: product.first_price,
                stock: PLENTY_OF_STOCK,
            })
            .collect();
        let users =
            (0..buyers.len()).map(|at| UserNeed { name: format!("customer-{at}"), points: PLENTY_OF_POINTS });
        let mut orders = Vec::new();
        for work in &history.work {
            let Work::Order(order) = work else { continue };
            let mut total = Money::ZERO;
            let mut lines = Vec::with_capacity(order.lines.len());
            for line in &order.lines {
                let product = places.get(&line.sku).copied().unwrap_or(0);
                total = total.plus(products[product].price.times(line.quantity)?)?;
                lines.push((product, line.quantity));
            }
            orders.push(Basket { user: buyers.get(&order.customer).copied().unwrap_or(0), lines, total });
        }
        let users = users.collect();
        Ok((!orders.is_empty()).then_some(Self { users, products, orders }))
    }

    /// How many orders there are before they begin again.
    #[must_use]
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Never: a history without orders makes no baskets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }
}
