//! What operators look at, read from the shop when they look. Every query is bounded: a look costs the same on a full shop.

use kernel::judge::SagaStatus;
use kernel::judge::letters::{DeadLetter, LetterStatus};
use kernel::table::Field;
use kernel::topology::Database;
use kernel::{Record, Timestamp, Value};
use payment::leg::{Leg, LegState};
use read_model::OrderView;
use runtime::neighbour::{CallCounts, ToldAlert, UnitStatus};
use runtime::ports::store::{Compare, Query, Reader, StoreError};
use runtime::system::Counts;
use shop::facts::read;
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
    pub(crate) alerts: BTreeMap<String, u64>,
    /// The latest alerts, oldest first by unit.
    pub(crate) recent_alerts: Vec<ToldAlert>,
    /// How long the oldest payment of unknown outcome has been unknown; zero without one.
    pub(crate) unknown_payment: Duration,
    /// Products below zero; there must be none.
    pub(crate) negative_stock: usize,
    /// Campaigns that issued more than they have; there must be none.
    pub(crate) over_issued: usize,
    /// By database.
    pub(crate) databases: BTreeMap<String, DatabaseFigures>,
    /// Databases of other units that could not be looked at.
    pub(crate) unreachable: Vec<String>,
    /// How this process's calls to other units went.
    pub(crate) calls: BTreeMap<String, CallCounts>,
    /// Of what helps this process.
    pub(crate) aids: Vec<shop::aids::Figure>,
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

/// Whose figures are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// This process's databases: each process is scraped for its own.
    Own,
    /// Those of all units.
    All,
}

impl Figures {
    /// Reads them. A database of another unit that does not answer is named and left out; one of this process is an error.
    ///
    /// # Errors
    /// If a database of this process cannot be read.
    pub(crate) fn read(shop: &Shop, now: Timestamp, scope: Scope) -> Result<Self, ShopError> {
        let known = statuses(shop, scope);
        let mut figures = Self { databases: databases(shop, &known), ..Self::default() };
        (figures.alerts, figures.recent_alerts) = (known.alerts, known.recent);
        figures.aids = shop.aid_figures();
        figures.calls =
            shop.system().neighbours().iter().map(|one| (one.unit().to_owned(), one.calls())).collect();
        for (database, reader) in shop.system().books() {
            let is_here = shop.system().databases().iter().any(|own| own.database.name == database.name);
            if scope == Scope::Own && !is_here {
                continue;
            }
            match figures.look(database, reader.as_ref(), now) {
                Ok(()) => {}
                Err(StoreError::Retry(error)) if !is_here => {
                    tracing::warn!(database = database.name, error, "a database cannot be looked at");
                    figures.unreachable.push(database.name.clone());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(figures)
    }

    /// Looks into one database.
    fn look(&mut self, database: &Database, reader: &dyn Reader, now: Timestamp) -> Result<(), StoreError> {
        for domain in &database.domains {
            match domain.as_str() {
                "read-model" => self.unsettled = unsettled(reader, now)?,
                "payment" => self.unknown_payment = unknown_payment(reader, now)?,
                "product" => self.negative_stock = negative_stock(reader)?,
                "coupon" => self.over_issued = over_issued(reader)?,
                _ => {}
            }
        }
        self.dead_letters_open += open_letters(reader)?;
        Ok(())
    }
}

fn negative_stock(products: &dyn Reader) -> Result<usize, StoreError> {
    let query = Query::of(product::Product::TABLE, MOST).filter("stock", Compare::Below, Value::Int(0));
    Ok(products.query(&query)?.len())
}

fn over_issued(coupons: &dyn Reader) -> Result<usize, StoreError> {
    let campaigns = coupons.query(&Query::of(coupon::Coupon::TABLE, MOST_CAMPAIGNS))?;
    let campaigns = campaigns.iter().map(read::<coupon::Coupon>).collect::<Result<Vec<_>, _>>()?;
    Ok(campaigns.iter().filter(|campaign| campaign.issued > campaign.quantity).count())
}

fn open_letters(reader: &dyn Reader) -> Result<usize, StoreError> {
    let open = LetterStatus::Open.to_value();
    let query = Query::of(DeadLetter::TABLE, MOST).filter("status", Compare::Is, open);
    Ok(reader.query(&query)?.len())
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
fn unknown_payment(payments: &dyn Reader, now: Timestamp) -> Result<Duration, StoreError> {
    let query = Query::of(Leg::TABLE, 1)
        .filter("state", Compare::Is, LegState::Asking.to_value())
        .filter("next_at", Compare::Present, Value::Null)
        .sort("first_sent_at", false);
    let oldest = payments.query(&query)?.first().map(read::<Leg>).transpose()?;
    Ok(oldest.map_or(Duration::ZERO, |leg| now.since(leg.first_sent_at)))
}

/// How the databases of all units are: this process's own, and those of every neighbour that answers.
fn statuses(shop: &Shop, scope: Scope) -> UnitStatus {
    let mut known = shop.system().status();
    if scope == Scope::Own {
        return known;
    }
    for neighbour in shop.system().neighbours() {
        match neighbour.status() {
            Ok(status) => known = known.and(status),
            // What is missing from a look at all is seen there by its absence.
            Err(error) => tracing::warn!(unit = neighbour.unit(), %error, "a unit cannot be looked at"),
        }
    }
    known
}

fn databases(shop: &Shop, known: &UnitStatus) -> BTreeMap<String, DatabaseFigures> {
    let head = |log: &str| known.databases.get(log).map_or(0, |database| database.log_head);
    let of = |database: &Database| {
        let status = known.databases.get(&database.name)?;
        let lag = status.followed.iter().map(|(log, at)| (log.clone(), head(log).saturating_sub(*at)));
        let figures = DatabaseFigures {
            domains: database.domains.iter().map(ToString::to_string).collect(),
            counts: status.counts,
            door_depth: status.door_depth,
            log_head: status.log_head,
            lag: lag.collect(),
        };
        Some((database.name.clone(), figures))
    };
    shop.system().books().into_iter().filter_map(|(database, _)| of(database)).collect()
}
