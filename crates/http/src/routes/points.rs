//! Balances and their history. (Top-ups: `charges`.)

use crate::app::AppState;
use crate::chain;
use crate::describe::SignedIn;
use crate::extract::{Caller, Page, Paging};
use crate::problem::Problem;
use crate::render::{PointEntryBody, PointsBody};
use axum::Json;
use axum::extract::State;
use kernel::Money;
use point::{PointEntry, Points};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_points))
        .routes(routes!(list_point_history))
        .merge(super::charges::routes())
}

/// The caller's balance.
#[utoipa::path(
    get, path = "/v1/points", tag = "points", security(("bearer" = [])),
    responses((status = 200, description = "The balance", body = PointsBody), SignedIn)
)]
async fn get_points(State(state): State<AppState>, caller: Caller) -> Result<Json<PointsBody>, Problem> {
    let points: Option<Points> = state.shop().find("point", (caller.id(),)).await?;
    // A user without a row has nothing.
    let balance = points.map_or(Money::ZERO, |points| points.balance).minor();
    Ok(Json(PointsBody { balance, currency: state.shop().currency() }))
}

/// Every change of the caller's balance, newest first.
#[utoipa::path(
    get, path = "/v1/points/history", tag = "points", security(("bearer" = [])),
    params(Paging),
    responses((status = 200, description = "A page of changes", body = Page<PointEntryBody>), SignedIn)
)]
async fn list_point_history(
    State(state): State<AppState>,
    caller: Caller,
    paging: Paging,
) -> Result<Json<Page<PointEntryBody>>, Problem> {
    let page = chain::page::<PointEntry>(state.shop(), caller.id(), &paging, |_| true)?;
    Ok(Json(Page { items: page.items.into_iter().map(Into::into).collect(), next_cursor: page.next_cursor }))
}
