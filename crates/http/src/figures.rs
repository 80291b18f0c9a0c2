//! What operators look at, read from the shop when they look. Every query is bounded: a look costs the same on a full shop.

use kernel::judge::SagaStatus;
use kernel::judge::letters::{DeadLetter, LetterStatus};
use kernel::table::Field;
use kernel::{Record, Timestamp, Value};
use payment::leg::{Leg, LegState};
use read_model::OrderView;
use runtime::ports::store::{Compare, Query, Reader, StoreError};
use runtime::system::{Counts, Handle};
use shop::{Shop, ShopError};
use std::collections::BTreeMap;
use std::time::Duration;

/// Counting stops here.
const MOST: u32 = 1_000;
/// The most campaigns looked at.
const MOST_CAMPAIGNS: u32 = 10_000;

/// The figures of one moment (each database at a moment of its own).
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Orders by the states that something is still to happen in.
    pub(crate) unsettled: BTreeMap<SagaStatus, Unsettled>,
    /// Dead letters that wait for an operator.
    pub(crate) dead_letters_open: usize,
    /// Alerts by kind since start.
    pub(crate) alerts: BTreeMap<&'static str, u64>,
    /// How long the oldest payment of unknown outcome has been unknown; zero without one.
    pub(crate) unknown_payment: Duration,
    /// Products below zero; there must be none.
    pub(crate) negative_stock: usize,
    /// Campaigns that issued more than they have; there must be none.
    pub(crate) over_issued: usize,
    /// By database.
    pub(crate) databases: BTreeMap<String, DatabaseFigures>,
}

/// Orders of one unsettled state.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unsettled {
    /// How many, at most [`MOST`].
    pub(crate) count: usize,
    /// The age of the oldest.
    pub(crate) oldest: Duration,
}

/// One database.
#[derive(Clone, Debug, Default)]
pub(crate) struct DatabaseFigures {
    /// The domains in it.
    pub(crate) domains: Vec<String>,
    /// Counts since start.
    pub(crate) counts: Counts,
    /// Commands that wait.
    pub(crate) door_depth: usize,
    /// Where its log stands.
    pub(crate) log_head: u64,
    /// Rows of other logs that it has not followed yet.
    pub(crate) lag: BTreeMap<String, u64>,
}

impl Figures {
    /// Reads them. What is not in this process is left out.
    ///
    /// # Errors
    /// If a database cannot be read.
    pub(crate) fn read(shop: &Shop, now: Timestamp) -> Result<Self, ShopError> {
        let reader = |domain| shop.reader(domain).ok();
        let mut figures = Self {
            alerts: shop.system().signals().alert_counts(),
            databases: databases(shop),
            ..Self::default()
        };
        if let Some(views) = reader("read-model") {
            figures.unsettled = unsettled(views, now)?;
        }
        if let Some(payments) = reader("payment") {
            figures.unknown_payment = unknown_payment(payments, now)?;
        }
        if let Some(products) = reader("product") {
            let query =
                Query::of(product::Product::TABLE, MOST).filter("stock", Compare::Below, Value::Int(0));
            figures.negative_stock = products.query(&query)?.len();
        }
        if reader("coupon").is_some() {
            let campaigns =
                shop.list::<coupon::Coupon>("coupon", &Query::of(coupon::Coupon::TABLE, MOST_CAMPAIGNS))?;
            figures.over_issued =
                campaigns.iter().filter(|campaign| campaign.issued > campaign.quantity).count();
        }
        for handle in shop.system().databases() {
            let open = LetterStatus::Open.to_value();
            let query = Query::of(DeadLetter::TABLE, MOST).filter("status", Compare::Is, open);
            figures.dead_letters_open += handle.reader.query(&query)?.len();
        }
        Ok(figures)
    }
}

fn unsettled(views: &dyn Reader, now: Timestamp) -> Result<BTreeMap<SagaStatus, Unsettled>, StoreError> {
    let created_at = OrderView::TABLE.column("created_at").unwrap_or_default();
    let states = SagaStatus::ALL.iter().filter(|status| !status.is_settled());
    states
        .map(|status| {
            // Ids grow with time: the first row is the oldest.
            let query = Query::of(OrderView::TABLE, MOST).filter("status", Compare::Is, status.to_value());
            let rows = views.query(&query.sort("order_id", false))?;
            let oldest = match rows.first().and_then(|row| row.get(created_at)) {
                Some(Value::Int(at)) => now.since(Timestamp(*at)),
                _ => Duration::ZERO,
            };
            Ok((*status, Unsettled { count: rows.len(), oldest }))
        })
        .collect()
}

/// Only legs that something is still to happen to have a timer: the index on it leaves out all that are at rest.
fn unknown_payment(payments: &dyn Reader, now: Timestamp) -> Result<Duration, ShopError> {
    let query = Query::of(Leg::TABLE, 1)
        .filter("state", Compare::Is, LegState::Asking.to_value())
        .filter("next_at", Compare::Present, Value::Null)
        .sort("first_sent_at", false);
    let oldest = payments.query(&query)?.first().map(shop::facts::read::<Leg>).transpose()?;
    Ok(oldest.map_or(Duration::ZERO, |leg| now.since(leg.first_sent_at)))
}

fn databases(shop: &Shop) -> BTreeMap<String, DatabaseFigures> {
    let counts = shop.system().signals().counts();
    let handles = shop.system().databases();
    let head = |handle: &Handle| handle.tail.head().1.0;
    let heads: BTreeMap<&str, u64> =
        handles.iter().map(|handle| (handle.tail.name(), head(handle))).collect();
    let of = |handle: &Handle| {
        let positions = handle.progress.positions();
        let lag = positions.into_iter().map(|(source, reached)| {
            let behind = heads.get(source.as_str()).map_or(0, |head| head.saturating_sub(reached.0));
            (source, behind)
        });
        DatabaseFigures {
            domains: handle.database.domains.iter().map(ToString::to_string).collect(),
            counts: counts.get(handle.tail.name()).copied().unwrap_or_default(),
            door_depth: handle.door.depth(),
            log_head: head(handle),
            lag: lag.collect(),
        }
    };
    handles.iter().map(|handle| (handle.tail.name().to_owned(), of(handle))).collect()
}
