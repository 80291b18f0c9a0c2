//! What administrators look at and do with orders, events and the shop as a whole.

mod events;
mod letters;
mod overview;

use crate::app::AppState;
use crate::chain;
use crate::describe::AdminsOnly;
use crate::extract::{Admin, Id, Page, Paging, Params, Tracing};
use crate::prefer::catch_up;
use crate::problem::{MEDIA_TYPE, Problem, ProblemDocument};
use crate::render::{OrderBody, OrderStatusBody};
use crate::requests::{BodyReader, QueryReader};
use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use kernel::ids::{OrderId, UserId};
use kernel::judge::SagaStatus;
use kernel::table::Field;
use kernel::{Record, Timestamp};
use order::FulfilOrder;
use read_model::OrderView;
use runtime::ports::store::{Compare, Query};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// How the bodies are read that are taken here.
pub(super) fn bodies() -> Vec<(&'static str, BodyReader)> {
    letters::BODIES.to_vec()
}

/// How the parameters are read that are taken here.
pub(super) fn queries() -> Vec<(&'static str, QueryReader)> {
    let own: &[(&str, QueryReader)] = &[("GET /v1/admin/orders", read_filters)];
    [own, letters::QUERIES, events::QUERIES].concat()
}

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_all_orders))
        .routes(routes!(fulfil_order))
        .merge(events::routes())
        .merge(overview::routes())
        .merge(letters::routes())
}

#[derive(Debug, Deserialize)]
struct OrderFilters {
    status: Option<SagaStatus>,
    user_id: Option<Uuid>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// Everybody's orders, newest first. With a `user_id`, a page may be shorter than its `limit` although `next_cursor` says that the list
/// goes on: so many of the user's orders are looked at for one page, and no more.
#[utoipa::path(
    get, path = "/v1/admin/orders", tag = "admin",
    params(
        ("status" = Option<OrderStatusBody>, Query, description = "only orders of this status"),
        ("user_id" = Option<Uuid>, Query, description = "only orders of this user"),
        ("from" = Option<String>, Query, format = DateTime, description = "only orders made then (RFC 3339) or later"),
        ("to" = Option<String>, Query, format = DateTime, description = "only orders made before"),
        Paging,
    ),
    responses((status = 200, body = Page<OrderBody>), AdminsOnly)
)]
async fn list_all_orders(
    State(state): State<AppState>,
    _: Admin,
    Params(filters): Params<OrderFilters>,
    paging: Paging,
) -> Result<Json<Page<OrderBody>>, Problem> {
    catch_up(&state, "read-model").await?;
    let shop = state.shop();
    let page = match filters.user_id {
        Some(user) => chain::page(shop, UserId(user), &paging, |view| filters.fit(view))?,
        None => {
            let views: Vec<OrderView> = shop.list("read-model", &orders_like(&filters, &paging))?;
            Page::of(views, &paging, |view| view.order_id.0, OrderView::clone)
        }
    };
    Ok(Json(page.try_map(OrderBody::of_view)?))
}

impl OrderFilters {
    /// Whether `view` is of the status and the time that are asked for. Ids carry the time they were made at.
    fn fit(&self, view: &OrderView) -> bool {
        let id = view.order_id.0;
        self.status.is_none_or(|status| view.status == status)
            && self.from.is_none_or(|from| id >= first_id_at(from))
            && self.to.is_none_or(|to| id < first_id_at(to))
    }
}

fn read_filters(uri: &Uri) -> Result<(), Problem> {
    let (Params(filters), paging) = (Params::of(uri)?, Paging::of(uri)?);
    orders_like(&filters, &paging);
    Ok(())
}

/// The orders of all customers. Ids carry the time they were made at, so that times are ranges of the index that sorts.
fn orders_like(filters: &OrderFilters, paging: &Paging) -> Query {
    let mut query = Query::of(OrderView::TABLE, paging.rows());
    if let Some(status) = filters.status {
        query = query.filter("status", Compare::Is, status.to_value());
    }
    if let Some(from) = filters.from {
        query = query.filter("order_id", Compare::AtLeast, first_id_at(from).to_value());
    }
    if let Some(to) = filters.to {
        query = query.filter("order_id", Compare::Below, first_id_at(to).to_value());
    }
    if let Some(before) = paging.before {
        query = query.filter("order_id", Compare::Below, before.to_value());
    }
    query.sort("order_id", true)
}

/// The smallest UUID of version 7 that can be made at `at`.
fn first_id_at(at: Timestamp) -> Uuid {
    let ms = u128::try_from(at.0).unwrap_or(0).min((1 << 48) - 1);
    Uuid::from_u128(ms << 80)
}

/// Marks an order as shipped: its customer can no longer cancel it.
#[utoipa::path(
    post, path = "/v1/admin/orders/{id}/fulfil", tag = "admin", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = OrderBody),
        (status = 404, description = "No such thing", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 409, description = "ORDER_NOT_CONFIRMED", body = ProblemDocument, content_type = MEDIA_TYPE),
        AdminsOnly,
    )
)]
async fn fulfil_order(
    State(state): State<AppState>,
    Admin(admin): Admin,
    Id(order): Id<OrderId>,
    Tracing(trace): Tracing,
) -> Result<Json<OrderBody>, Problem> {
    state.shop().ask(FulfilOrder { order, by: admin.id() }, trace).await?;
    Ok(Json(OrderBody::of(&state.shop().find_order(order).await?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_the_first_id_that_can_be_made_then() {
        let at = Timestamp(1_700_000_000_123);
        let first = first_id_at(at);
        let made = uuid::Builder::from_unix_timestamp_millis(1_700_000_000_123, &[0; 10]).into_uuid();
        let earlier = uuid::Builder::from_unix_timestamp_millis(1_700_000_000_122, &[0xff; 10]).into_uuid();
        assert!(earlier < first && first <= made);
        assert_eq!(first_id_at(Timestamp(-5)), Uuid::nil());
    }
}
