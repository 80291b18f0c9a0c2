//! The shop at a glance.

use crate::app::AppState;
use crate::describe::AdminsOnly;
use crate::extract::Admin;
use crate::figures::{DatabaseFigures, Figures, Scope};
use crate::problem::Problem;
use crate::routes::ops::read_figures;
use axum::Json;
use axum::extract::State;
use runtime::neighbour::ToldAlert;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_overview))
}

/// The shop at a glance.
#[derive(Debug, Serialize, ToSchema)]
struct Overview {
    topology: String,
    currency: String,
    /// Orders that are not settled, by status.
    unsettled: BTreeMap<&'static str, UnsettledBody>,
    dead_letters_open: usize,
    /// Age of the oldest payment whose outcome is unknown; 0 without one.
    oldest_unknown_payment_seconds: u64,
    /// Products with negative stock: always 0.
    negative_stock: usize,
    /// Campaigns that issued more coupons than they have: always 0.
    over_issued_coupons: usize,
    /// Alerts since start, by kind.
    alerts: BTreeMap<String, u64>,
    /// The latest alerts, newest first.
    recent_alerts: Vec<AlertBody>,
    databases: Vec<DatabaseBody>,
    /// Databases of other units that could not be looked at now; what is said above leaves them out.
    unreachable: Vec<String>,
}

/// Orders of one unsettled status.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Unsettled)]
struct UnsettledBody {
    /// How many; counting stops at 1000.
    count: usize,
    oldest_seconds: u64,
}

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Alert)]
struct AlertBody {
    database: String,
    kind: String,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<Uuid>,
}

/// One database.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Database)]
struct DatabaseBody {
    name: String,
    domains: Vec<String>,
    batches: u64,
    messages: u64,
    rounds: u64,
    busy_ms: u64,
    /// Commands that wait.
    door_depth: usize,
    log_head: u64,
    /// Rows of other databases' logs that it has not followed yet.
    lag: BTreeMap<String, u64>,
    /// Wall and monotonic clock disagree: expiry and pruning wait.
    clock_suspect: bool,
}

/// How the shop is.
#[utoipa::path(get, path = "/v1/admin/overview", tag = "admin", responses((status = 200, body = Overview), AdminsOnly))]
async fn get_overview(State(state): State<AppState>, _: Admin) -> Result<Json<Overview>, Problem> {
    let figures = read_figures(&state, Scope::All).await?;
    Ok(Json(Overview {
        topology: state.shop().topology().name.to_string(),
        currency: state.shop().currency().to_string(),
        unsettled: unsettled(&figures),
        dead_letters_open: figures.dead_letters_open,
        oldest_unknown_payment_seconds: figures.unknown_payment.as_secs(),
        negative_stock: figures.negative_stock,
        over_issued_coupons: figures.over_issued,
        recent_alerts: figures.recent_alerts.into_iter().rev().map(alert).collect(),
        databases: figures.databases.into_iter().map(database).collect(),
        unreachable: figures.unreachable,
        alerts: figures.alerts,
    }))
}

fn unsettled(figures: &Figures) -> BTreeMap<&'static str, UnsettledBody> {
    let body = |count, oldest_seconds| UnsettledBody { count, oldest_seconds };
    figures
        .unsettled
        .iter()
        .map(|(status, of)| (status.word(), body(of.count, of.oldest.as_secs())))
        .collect()
}

fn alert(alert: ToldAlert) -> AlertBody {
    let ToldAlert { database, kind, detail, saga } = alert;
    AlertBody { database, kind, detail, order_id: saga }
}

fn database((name, figures): (String, DatabaseFigures)) -> DatabaseBody {
    DatabaseBody {
        name,
        domains: figures.domains,
        batches: figures.counts.batches,
        messages: figures.counts.messages,
        rounds: figures.counts.rounds,
        busy_ms: u64::try_from(figures.counts.busy.as_millis()).unwrap_or(u64::MAX),
        door_depth: figures.door_depth,
        log_head: figures.log_head,
        lag: figures.lag,
        clock_suspect: figures.counts.clock_suspect,
    }
}
