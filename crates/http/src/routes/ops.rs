//! Whether the process lives, whether it can serve, and its metrics.

use crate::app::AppState;
use crate::figures::{Figures, Scope};
use crate::metrics::MEDIA_TYPE;
use crate::problem::{MEDIA_TYPE as PROBLEM, Problem, ProblemDocument};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_health)).routes(routes!(get_readiness))
}

pub(crate) fn metrics() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_metrics))
}

/// How the process is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Health {
    /// `ok`; or `degraded`: it serves, but without something that helps it.
    pub status: &'static str,
    /// What is missing then, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

impl Health {
    /// It serves, though without these.
    #[must_use]
    pub fn lacking(missing: Vec<String>) -> Self {
        Self { status: if missing.is_empty() { "ok" } else { "degraded" }, missing }
    }
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "operations", security(()), responses((status = 200, body = Health)))]
async fn get_health() -> Json<Health> {
    Json(Health::lacking(Vec::new()))
}

/// How long a database may take to answer before it counts as not ready.
const ANSWER: Duration = Duration::from_secs(2);

/// Every database answers, and takes commands. What only helps (Redis) may be missing.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", security(()),
    responses((status = 200, body = Health), (status = 503, description = "not yet, or no more", body = ProblemDocument, content_type = PROBLEM))
)]
async fn get_readiness(State(state): State<AppState>) -> Result<Json<Health>, Problem> {
    if state.draining().is_on() {
        return Err(not_ready("it is about to end".to_owned()));
    }
    let shop = Arc::clone(state.shop());
    let asked = tokio::task::spawn_blocking(move || {
        shop.system()
            .databases()
            .iter()
            .filter(|handle| handle.door.is_closed() || handle.reader.log_state().is_err())
            .map(|handle| handle.tail.name().to_owned())
            .collect::<Vec<_>>()
    });
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(Ok(away)) if away.is_empty() => Ok(Json(Health::lacking(state.shop().missing_aids()))),
        Ok(Ok(away)) => Err(not_ready(format!("not serving: {}", away.join(", ")))),
        Ok(Err(_)) | Err(_) => Err(not_ready("a database does not answer".to_owned())),
    }
}

/// 503: it does not serve now.
#[must_use]
pub fn not_ready(detail: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "NOT_READY", detail)
}

/// Metrics, for a scraper.
#[utoipa::path(
    get, path = "/metrics", tag = "operations", security(()),
    responses((status = 200, description = "OpenMetrics text", content_type = MEDIA_TYPE, body = String))
)]
async fn get_metrics(
    State(state): State<AppState>,
) -> Result<([(HeaderName, &'static str); 1], String), Problem> {
    let figures = read_figures(&state, Scope::Own).await?;
    let text = state.metrics().text(&figures).map_err(|_| Problem::internal())?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], text))
}

/// The figures, read on a thread that may block.
pub(super) async fn read_figures(state: &AppState, scope: Scope) -> Result<Figures, Problem> {
    let (shop, now) = (Arc::clone(state.shop()), state.now());
    let read = tokio::task::spawn_blocking(move || Figures::read(&shop, now, scope)).await;
    Ok(read.map_err(|_| Problem::internal())??)
}
