//! What a replay asks of a shop: implemented in this process (`direct`) and over HTTP (`remote`).

use history::{Customer, History, Order};
use kernel::Money;
use kernel::judge::SagaStatus;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A shop that a history can be replayed on.
pub(super) trait Front: Send + Sync + Sized + 'static {
    /// The SKU costs this from now on.
    fn price(&self, sku: &SmolStr, price: Money) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Places an order and waits until it is settled. `place` is its place in the history: its idempotency key.
    fn order(&self, place: usize, order: &Order) -> impl Future<Output = anyhow::Result<Placed>> + Send;

    /// Takes a settled order back and waits until that is done.
    fn cancel(&self, id: Uuid, customer: &Customer) -> impl Future<Output = anyhow::Result<Placed>> + Send;

    /// What has been sold, once ranking has heard of everything.
    fn sold(&self) -> impl Future<Output = anyhow::Result<Sold>> + Send;
}

/// An order, as far as it got.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) id: Uuid,
    pub(super) status: SagaStatus,
    pub(super) reason: Option<String>,
    pub(super) total: Money,
}

/// What best sellers say.
#[derive(Clone, Debug, Default)]
pub(super) struct Sold {
    /// Units by SKU.
    pub(super) units: BTreeMap<SmolStr, i64>,
    /// Whether a SKU that is not there has sold nothing: a server shows only the best hundred.
    pub(super) is_whole: bool,
}

impl Sold {
    /// Units of `sku`, if they can be known.
    pub(super) fn of(&self, sku: &str) -> Option<i64> {
        self.units.get(sku).copied().or(self.is_whole.then_some(0))
    }
}

/// How one item of work ended.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// The price is patched.
    Priced,
    /// An order, placed or taken back.
    Order(Placed),
    /// It could not be done.
    Failed(String),
}

/// How one replay names its customers: a run's own, so that a history can be replayed twice on one shop.
pub(super) fn address(customer: &Customer, run: Uuid) -> String {
    let run = run.simple();
    match customer {
        Customer::Known(id) => {
            let id: String = id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            format!("customer-{id}.{run}@replay.invalid")
        }
        Customer::Guest => format!("guest.{run}@replay.invalid"),
    }
}

/// What a customer is called.
pub(super) fn name(customer: &Customer) -> String {
    match customer {
        Customer::Known(id) => format!("Customer {id}"),
        Customer::Guest => "Guest".to_owned(),
    }
}

/// A product's name, cut to what a catalogue takes.
pub(super) fn product_name(history: &History, sku: &SmolStr) -> String {
    let name = history.products.get(sku).map_or(sku, |product| &product.name);
    name.chars().take(product::catalogue::NAME_MAX).collect()
}
