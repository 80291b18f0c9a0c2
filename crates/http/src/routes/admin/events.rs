//! The timeline: what every domain said about an order, however its log rows are packed and wherever they lie.

use crate::app::AppState;
use crate::describe::AdminsOnly;
use crate::extract::{Admin, Id, Page, Paging, Params};
use crate::prefer::catch_up;
use crate::problem::{MEDIA_TYPE, Problem, ProblemDocument};
use crate::requests::{QueryReader, reads_query};
use axum::Json;
use axum::extract::State;
use kernel::ids::OrderId;
use kernel::{Entry, Record, Said, SaidEvent, Timestamp, Value};
use read_model::OrderTrace;
use runtime::ports::store::{Compare, Query};
use runtime::tail::read_row;
use serde::{Deserialize, Serialize};
use shop::Shop;
use smol_str::SmolStr;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// How the parameters are read that are taken here.
pub(super) const QUERIES: &[(&str, QueryReader)] = &[("GET /v1/admin/events", reads_query::<EventFilters>)];

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(order_timeline)).routes(routes!(list_events))
}

/// Something that a domain said about an order (or a top-up).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Event)]
struct EventBody {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who said it.
    domain: String,
    /// What, such as `stock.done`.
    #[serde(rename = "type")]
    kind: String,
    order_id: Uuid,
    trace_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    /// What else it said.
    #[schema(value_type = Object)]
    detail: serde_json::Value,
}

impl EventBody {
    /// One event of a log row. The row's plan is not shown: it holds the card's token.
    fn of(entry: &Entry, event: &SaidEvent) -> Self {
        Self {
            at: entry.at,
            domain: event.by.to_string(),
            kind: event.said.name().to_string(),
            order_id: entry.key,
            trace_id: entry.trace.trace_id(),
            step: event.said.step().map(ToString::to_string),
            detail: detail(event),
        }
    }
}

fn detail(event: &SaidEvent) -> serde_json::Value {
    if let Said::Fact { body, .. } = &event.said {
        return body.clone();
    }
    let mut detail = serde_json::to_value(&event.said).unwrap_or_default();
    if let Some(fields) = detail.as_object_mut() {
        fields.remove("said");
        fields.remove("step");
    }
    detail
}

/// Everything said about one order, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct Timeline {
    order_id: Uuid,
    trace_id: String,
    events: Vec<EventBody>,
}

/// An event, and where it stands among all: by time, then database, then place in its log.
struct Placed {
    key: Uuid,
    event: EventBody,
}

/// Everything said about the things called `key`, oldest first.
fn said_of(shop: &Shop, key: Uuid) -> Result<Vec<Placed>, Problem> {
    let mut said = Vec::new();
    // What orders said comes first among equals: it is where the others' words come from.
    let order = kernel::DomainName::of("order");
    let mut databases = shop.system().books();
    databases.sort_by_key(|(database, _)| !database.domains.contains(&order));
    for (database, (_, reader)) in databases.into_iter().enumerate() {
        for row in reader.log_of(key)? {
            let (position, entry) = read_row(&row)?;
            for (index, event) in entry.events.iter().enumerate() {
                let key = place(entry.at.0, database, position.0, index);
                said.push(Placed { key, event: EventBody::of(&entry, event) });
            }
        }
    }
    said.sort_by_key(|placed| placed.key);
    Ok(said)
}

/// 48 bits of milliseconds, 8 of database, 56 of position, 16 of index: sorts like the four, and is what a cursor holds.
fn place(at_ms: i64, database: usize, position: u64, index: usize) -> Uuid {
    let bits = |value: u128, width: u32| value & ((1 << width) - 1);
    let at = bits(u128::try_from(at_ms).unwrap_or(0), 48);
    let (database, index) = (bits(database as u128, 8), bits(index as u128, 16));
    Uuid::from_u128(at << 80 | database << 72 | bits(u128::from(position), 56) << 16 | index)
}

/// The timeline of an order.
#[utoipa::path(
    get, path = "/v1/admin/orders/{id}/timeline", tag = "admin", params(("id" = Uuid, Path)),
    responses((status = 200, body = Timeline), (status = 404, description = "No such thing", body = ProblemDocument, content_type = MEDIA_TYPE), AdminsOnly)
)]
async fn order_timeline(
    State(state): State<AppState>,
    _: Admin,
    Id(id): Id<OrderId>,
) -> Result<Json<Timeline>, Problem> {
    let order = state.shop().find_order(id).await?;
    let events = said_of(state.shop(), id.0)?.into_iter().map(|placed| placed.event).collect();
    Ok(Json(Timeline { order_id: id.0, trace_id: order.trace.trace_id(), events }))
}

#[derive(Debug, Deserialize)]
struct EventFilters {
    order_id: Option<Uuid>,
    trace_id: Option<String>,
}

/// The most orders of one trace that are looked at.
const MOST_ORDERS: u32 = 100;

/// Events of an order or of a trace, newest first.
#[utoipa::path(
    get, path = "/v1/admin/events", tag = "admin",
    params(
        ("order_id" = Option<Uuid>, Query, description = "events of this order (or top-up)"),
        ("trace_id" = Option<String>, Query, pattern = "^[0-9a-f]{32}$", description = "events of the orders that this trace made (32 hex digits)"),
        Paging,
    ),
    responses((status = 200, body = Page<EventBody>), AdminsOnly)
)]
async fn list_events(
    State(state): State<AppState>,
    _: Admin,
    Params(filters): Params<EventFilters>,
    paging: Paging,
) -> Result<Json<Page<EventBody>>, Problem> {
    let keys = match (filters.order_id, filters.trace_id) {
        (Some(order), None) => vec![order],
        (None, Some(trace)) => traced(&state, &trace).await?,
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::malformed("BAD_PARAMETER", "give either `order_id` or `trace_id`"));
        }
    };
    let mut said = Vec::new();
    for key in keys {
        said.extend(said_of(state.shop(), key)?);
    }
    said.retain(|placed| paging.before.is_none_or(|before| placed.key < before));
    said.sort_by_key(|placed| std::cmp::Reverse(placed.key));
    said.truncate(paging.rows() as usize);
    Ok(Json(Page::of(said, &paging, |placed| placed.key, |placed| placed.event.clone())))
}

/// The orders that a trace made.
async fn traced(state: &AppState, trace: &str) -> Result<Vec<Uuid>, Problem> {
    let is_hex = trace.len() == 32 && trace.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !is_hex {
        return Err(Problem::parameter("trace_id", "must be 32 hex digits in lower case"));
    }
    catch_up(state, "read-model").await?;
    // Traces are kept as `00-<id>-<span>-<flags>`: all of one id lie between `-` and the character after it.
    let text = |end: char| Value::Text(SmolStr::from(format!("00-{trace}{end}")));
    let query = Query::of(OrderTrace::TABLE, MOST_ORDERS)
        .filter("trace", Compare::AtLeast, text('-'))
        .filter("trace", Compare::Below, text('.'));
    let traces: Vec<OrderTrace> = state.shop().list("read-model", &query)?;
    Ok(traces.into_iter().map(|one| one.order_id.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_sort_by_time_then_database_then_place_in_the_log() {
        let places =
            [place(1, 0, 9, 0), place(2, 0, 1, 0), place(2, 1, 0, 3), place(2, 1, 1, 0), place(2, 1, 1, 1)];
        assert!(places.is_sorted());
        assert!(places.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
