//! `/metrics`: counts kept while requests and orders pass, and figures read when somebody looks.

use crate::figures::Figures;
use axum::http::{Method, StatusCode};
use kernel::{Entry, Said};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use runtime::Feed;
use runtime::neighbour::CallCounts;
use runtime::ports::store::Position;
use runtime::system::Counts;
use runtime::tail::Observer;
use shop::Shop;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The media type of what [`Metrics::text`] writes.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: String,
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Became {
    status: &'static str,
    reason: String,
}

type Durations = Family<Route, Histogram, fn() -> Histogram>;

/// What is counted while the process runs.
pub(crate) struct Metrics {
    requests: Family<Asked, Counter>,
    durations: Durations,
    orders: Arc<Orders>,
}

/// Orders as they become something, read off their log after commit.
#[derive(Default)]
struct Orders {
    became: Family<Became, Counter>,
}

impl Observer for Orders {
    fn committed(&self, rows: &[(Position, Arc<Entry>)]) {
        for event in rows.iter().flat_map(|(_, entry)| &entry.events) {
            let status = match &event.said {
                Said::Created => "CREATED",
                Said::Placed => "PENDING",
                Said::Confirmed { .. } => "CONFIRMED",
                Said::Failing { .. } => "FAILING",
                Said::Failed { .. } => "FAILED",
                Said::Cancelling => "CANCELLING",
                Said::Cancelled { .. } => "CANCELLED",
                _ => continue,
            };
            let reason = event.said.reason().map(ToString::to_string).unwrap_or_default();
            self.became.get_or_create(&Became { status, reason }).inc();
        }
    }
}

/// Upper bounds in seconds.
const BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 10.0];

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Metrics {
    /// Metrics of a door to `shop`; from now on its orders are counted.
    pub(crate) fn of(shop: &Shop) -> Self {
        let orders = Arc::new(Orders::default());
        if let Some(home) = shop.system().home(&kernel::DomainName::of("order")) {
            home.tail.observe(Arc::clone(&orders) as Arc<dyn Observer>);
        }
        Self { requests: Family::default(), durations: Family::new_with_constructor(histogram), orders }
    }

    /// Counts a request. Only known methods and routes become labels: a client cannot make new ones.
    pub(crate) fn request(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let known = [
            Method::GET,
            Method::POST,
            Method::PATCH,
            Method::HEAD,
            Method::OPTIONS,
            Method::PUT,
            Method::DELETE,
        ];
        let method = if known.contains(method) { method.to_string() } else { "other".to_owned() };
        let (route, status) = (route.to_owned(), status.as_u16());
        self.requests.get_or_create(&Asked { method: method.clone(), route: route.clone(), status }).inc();
        self.durations.get_or_create(&Route { method, route }).observe(took.as_secs_f64());
    }

    /// Everything as OpenMetrics text.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn text(&self, figures: &Figures) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("jumun");
        registry.register("http_requests", "Requests by route and status", self.requests.clone());
        registry.register(
            "http_request_seconds",
            "Duration of requests until their head was sent",
            self.durations.clone(),
        );
        registry.register(
            "orders_became",
            "Orders by what they became since start",
            self.orders.became.clone(),
        );
        databases(&mut registry, figures);
        business(&mut registry, figures);
        calls(&mut registry, figures);
        aids(&mut registry, figures);
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Database {
    database: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Follower {
    database: String,
    source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: String,
}

fn databases(registry: &mut Registry, figures: &Figures) {
    let mut total = |name, help, read: fn(&Counts) -> u64| {
        let family = Family::<Database, Counter>::default();
        for (database, figure) in &figures.databases {
            family.get_or_create(&Database { database: database.clone() }).inc_by(read(&figure.counts));
        }
        registry.register(name, help, family);
    };
    total("batches", "Batches decided", |counts| counts.batches);
    total("batch_commits", "Transactions committed", |counts| counts.commits);
    total("batch_messages", "Messages in decided batches", |counts| counts.messages);
    total("batch_rounds", "Rounds in decided batches", |counts| counts.rounds);
    total("batch_rows", "Rows written, besides the log's", |counts| counts.rows);
    total("batch_log_rows", "Rows appended to the log", |counts| counts.log_rows);
    let busy = Family::<Database, Counter<f64, std::sync::atomic::AtomicU64>>::default();
    let (depth, suspect) = (Family::<Database, Gauge>::default(), Family::<Database, Gauge>::default());
    let lag = Family::<Follower, Gauge>::default();
    for (database, figure) in &figures.databases {
        let label = Database { database: database.clone() };
        busy.get_or_create(&label).inc_by(figure.counts.busy.as_secs_f64());
        depth.get_or_create(&label).set(whole(figure.door_depth as u64));
        suspect.get_or_create(&label).set(i64::from(figure.counts.clock_suspect));
        for (source, behind) in &figure.lag {
            let label = Follower { database: database.clone(), source: source.clone() };
            lag.get_or_create(&label).set(whole(*behind));
        }
    }
    registry.register("batch_busy_seconds", "Time spent deciding and committing", busy);
    registry.register("door_depth", "Commands that wait at a database", depth);
    registry.register("clock_suspect", "1 while wall and monotonic clock disagree", suspect);
    registry.register("log_lag", "Log rows that a database has not followed yet", lag);
}

fn business(registry: &mut Registry, figures: &Figures) {
    let (waiting, oldest) = (Family::<Status, Gauge>::default(), Family::<Status, Gauge>::default());
    for (status, figure) in &figures.unsettled {
        let label = Status { status: status.word() };
        waiting.get_or_create(&label).set(whole(figure.count as u64));
        oldest.get_or_create(&label).set(whole(figure.oldest.as_secs()));
    }
    registry.register(
        "orders_unsettled",
        "Orders that are not settled (counted up to 1000 a status)",
        waiting,
    );
    registry.register("orders_unsettled_oldest_seconds", "Age of the oldest of them", oldest);
    let alerts = Family::<Kind, Counter>::default();
    for (kind, count) in &figures.alerts {
        alerts.get_or_create(&Kind { kind: kind.clone() }).inc_by(*count);
    }
    registry.register("alerts", "Alerts raised since start", alerts);
    for (name, help, value) in [
        ("dead_letters_open", "Dead letters that wait for an operator", figures.dead_letters_open as u64),
        (
            "payment_unknown_oldest_seconds",
            "Age of the oldest payment of unknown outcome",
            figures.unknown_payment.as_secs(),
        ),
        ("stock_negative", "Products with negative stock: always 0", figures.negative_stock as u64),
        (
            "coupons_over_issued",
            "Campaigns that issued more than they have: always 0",
            figures.over_issued as u64,
        ),
    ] {
        let gauge: Gauge = Gauge::default();
        gauge.set(whole(value));
        registry.register(name, help, gauge);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Callee {
    unit: String,
    ended: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Unit {
    unit: String,
}

/// Calls to other units alone, as OpenMetrics text: what a gateway has to show.
///
/// # Errors
/// If it cannot be written.
pub fn calls_text(counts: BTreeMap<String, CallCounts>) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("jumun");
    calls(&mut registry, &Figures { calls: counts, ..Figures::default() });
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

/// Calls to other units.
fn calls(registry: &mut Registry, figures: &Figures) {
    let (ended, spared) = (Family::<Callee, Counter>::default(), Family::<Unit, Gauge>::default());
    for (unit, calls) in &figures.calls {
        for (how, count) in [
            ("answered", calls.answered),
            ("retried", calls.retried),
            ("failed", calls.failed),
            ("spared", calls.spared),
        ] {
            ended.get_or_create(&Callee { unit: unit.clone(), ended: how }).inc_by(count);
        }
        spared.get_or_create(&Unit { unit: unit.clone() }).set(i64::from(calls.is_spared));
    }
    registry.register("unit_calls", "Calls to other units, by how they ended", ended);
    registry.register("unit_breaker_open", "1 while calls to a unit are spared", spared);
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Helped {
    database: String,
    source: Option<String>,
}

/// What is to be seen of aids.
fn aids(registry: &mut Registry, figures: &Figures) {
    let mut families: BTreeMap<&'static str, (&'static str, Family<Helped, Gauge>)> = BTreeMap::new();
    for aid in &figures.aids {
        let source = Some(aid.source.clone()).filter(|source| !source.is_empty());
        let label = Helped { database: aid.database.clone(), source };
        let (_, family) = families.entry(aid.name).or_insert_with(|| (aid.help, Family::default()));
        family.get_or_create(&label).set(whole(aid.value));
    }
    for (name, (help, family)) in families {
        registry.register(name, help, family);
    }
}

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
