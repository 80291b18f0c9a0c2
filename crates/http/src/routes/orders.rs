//! Orders: placed, paid, cancelled, looked at. (Their events: `order_events`.)

use crate::app::AppState;
use crate::chain;
use crate::describe::{SignedIn, WithBody};
use crate::extract::{Body, Caller, Id, Page, Paging, Tracing, parse};
use crate::fields::{self, Card, Quantity, UsePoints};
use crate::idempotency::IdempotencyKey;
use crate::prefer::{Patience, Prefer, Waited, catch_up};
use crate::problem::{MEDIA_TYPE, Problem, ProblemDocument};
use crate::render::OrderBody;
use crate::requests::{BodyReader, hashed};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::Refused;
use kernel::ids::{OrderId, ProductId, UserId};
use kernel::judge::SagaStatus;
use order::quote::Payment;
use order::{CancelOrder, Order};
use read_model::OrderView;
use serde::{Deserialize, Serialize};
use shop::ShopError;
use shop::quoter::Ask;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// How each body is read that is taken here.
pub(super) const BODIES: &[(&str, BodyReader)] =
    &[("POST /v1/orders", read_order), ("POST /v1/orders/{id}/payments", read_payment)];

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(place_order, list_orders))
        .routes(routes!(get_order))
        .routes(routes!(pay_order))
        .routes(routes!(cancel_order))
        .merge(super::order_events::routes())
}

/// The most bytes of `extras`, as JSON.
const EXTRAS_MAX: usize = 4_096;

/// An order to place.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    /// What to buy, 1 to 2000 lines; the same product in two lines is summed.
    #[schema(min_items = 1, max_items = 2000)]
    lines: Vec<NewLine>,
    /// The coupon to use.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_coupon_id: Option<Uuid>,
    /// The points to use; none unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<UsePoints>,
    /// The payment gateway's token for a card; needed if something is left to pay.
    #[serde(skip_serializing_if = "Option::is_none")]
    card_token: Option<Card>,
    /// `false`: make the order now, pay it later (`POST /v1/orders/{id}/payments`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pay: Option<bool>,
    /// What participants that an application adds want to know, at most 4096 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    extras: Option<BTreeMap<SmolStr, serde_json::Value>>,
}

/// One line of an order to place.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewLine {
    /// The product.
    product_id: Uuid,
    /// How many.
    quantity: Quantity,
}

impl NewOrder {
    /// What the quoter is asked; every field is looked at, used or not.
    fn ask(&self, user: UserId) -> Result<Ask, Problem> {
        let payment = fields::payment(self.user_coupon_id, self.points, self.card_token.as_ref())?;
        let payment = if self.pay.unwrap_or(true) {
            Some(payment)
        } else {
            self.refuse_payment_fields()?;
            None
        };
        let extras = self.extras.clone().unwrap_or_default();
        if serde_json::to_string(&extras).map_or(true, |text| text.len() > EXTRAS_MAX) {
            return Err(Problem::field(
                "/extras",
                "INVALID_FIELD",
                format!("must have at most {EXTRAS_MAX} bytes"),
            ));
        }
        let lines = self.lines.iter().map(|line| (ProductId(line.product_id), line.quantity.get())).collect();
        Ok(Ask::Place { user, lines, payment, extras })
    }

    /// An order that is not yet to be paid says nothing of how.
    fn refuse_payment_fields(&self) -> Result<(), Problem> {
        let given = [
            ("/user_coupon_id", self.user_coupon_id.is_some()),
            ("/points", self.points.is_some()),
            ("/card_token", self.card_token.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((pointer, _)) => {
                let detail = "belongs to the payment request, not to an order with `pay: false`";
                Err(Problem::field(pointer, "FIELD_WITHOUT_PAYMENT", detail))
            }
            None => Ok(()),
        }
    }

    /// The refusal of an order, with the line at fault where the quote named a product: it knows products, not lines.
    fn refused(&self, error: ShopError) -> Problem {
        let Problem { status, code, detail, errors, retry_after } = Problem::from(error);
        let named = |line: &NewLine| detail.contains(&line.product_id.to_string());
        let at_fault = self.lines.iter().position(named).filter(|_| code == "PRODUCT_UNKNOWN");
        let problem = Problem { status, code, detail: detail.clone(), errors, retry_after };
        match at_fault {
            Some(line) => {
                Problem { errors: Vec::new(), ..problem }.at(format!("/lines/{line}/product_id"), detail)
            }
            None => problem,
        }
    }
}

/// Places an order. A refused order is a settled order (`FAILED` and its `reason`), not an HTTP error.
#[utoipa::path(
    post, path = "/v1/orders", tag = "orders", security(("bearer" = [])),
    params(
        IdempotencyKey,
        Prefer
    ),
    request_body = NewOrder,
    responses(
        (status = 201, description = "The settled order; with `pay: false` the created one", body = OrderBody,
            headers(("Location" = String), ("Preference-Applied" = String), ("Idempotent-Replayed" = String))),
        (status = 202, description = "The order, still under way", body = OrderBody,
            headers(("Location" = String), ("Preference-Applied" = String), ("Idempotent-Replayed" = String))),
        (status = 409, description = "`IDEMPOTENCY_KEY_IN_FLIGHT`", body = ProblemDocument, content_type = MEDIA_TYPE),
        SignedIn, WithBody
    )
)]
async fn place_order(
    State(state): State<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    prefer: Prefer,
    Tracing(trace): Tracing,
    Body(new): Body<NewOrder>,
) -> Result<Waited<OrderBody>, Problem> {
    let ask = new.ask(caller.id())?;
    let hashes = key.hashes(caller.id(), "POST", "/v1/orders", &new)?;
    let born = state.shop().place(ask, hashes.into(), trace).await.map_err(|error| new.refused(error))?;
    answer(&state, born.order, prefer, Asked::ToMake { replayed: born.replayed }).await
}

/// How an order that was made with `pay: false` is to be paid.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPayment {
    /// The coupon to use.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_coupon_id: Option<Uuid>,
    /// The points to use; none unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<UsePoints>,
    /// The payment gateway's token for a card; needed if something is left to pay.
    #[serde(skip_serializing_if = "Option::is_none")]
    card_token: Option<Card>,
}

impl NewPayment {
    fn payment(&self) -> Result<Payment, Refused> {
        fields::payment(self.user_coupon_id, self.points, self.card_token.as_ref())
    }
}

fn read_order(bytes: &[u8]) -> Result<(), Problem> {
    let new: NewOrder = parse(bytes)?;
    new.ask(UserId(Uuid::nil()))?;
    hashed(&new)
}

fn read_payment(bytes: &[u8]) -> Result<(), Problem> {
    let new: NewPayment = parse(bytes)?;
    new.payment()?;
    hashed(&new)
}

/// Pays an order that was made with `pay: false`, at the prices it was made at.
#[utoipa::path(
    post, path = "/v1/orders/{id}/payments", tag = "orders", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path),
        IdempotencyKey,
        Prefer
    ),
    request_body = NewPayment,
    responses(
        (status = 201, description = "The settled order", body = OrderBody,
            headers(("Location" = String), ("Preference-Applied" = String), ("Idempotent-Replayed" = String))),
        (status = 202, description = "The order, still under way", body = OrderBody,
            headers(("Location" = String), ("Preference-Applied" = String), ("Idempotent-Replayed" = String))),
        (status = 404, description = "No such order of the caller's", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 409, description = "`ORDER_NOT_PAYABLE` (paid already, failed, expired) or `IDEMPOTENCY_KEY_IN_FLIGHT`",
            body = ProblemDocument, content_type = MEDIA_TYPE),
        SignedIn, WithBody
    )
)]
async fn pay_order(
    State(state): State<AppState>,
    caller: Caller,
    Id(order): Id<OrderId>,
    key: IdempotencyKey,
    prefer: Prefer,
    Tracing(trace): Tracing,
    Body(new): Body<NewPayment>,
) -> Result<Waited<OrderBody>, Problem> {
    let payment = new.payment()?;
    let hashes = key.hashes(caller.id(), "POST", &format!("/v1/orders/{order}/payments"), &new)?;
    let ask = Ask::Pay { user: caller.id(), order, payment };
    let born = state.shop().place(ask, hashes.into(), trace).await?;
    answer(&state, born.order, prefer, Asked::ToMake { replayed: born.replayed }).await
}

/// Cancels an order: the caller's own, or any for an administrator.
#[utoipa::path(
    post, path = "/v1/orders/{id}/cancel", tag = "orders", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path),
        Prefer
    ),
    responses(
        (status = 200, description = "The settled order", body = OrderBody,
            headers(("Location" = String), ("Preference-Applied" = String))),
        (status = 202, description = "The order, its cancellation under way", body = OrderBody,
            headers(("Location" = String), ("Preference-Applied" = String))),
        (status = 404, description = "No such order of the caller's", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 409, description = "`ORDER_NOT_CANCELLABLE` or `CANCEL_WINDOW_CLOSED`",
            body = ProblemDocument, content_type = MEDIA_TYPE),
        SignedIn
    )
)]
async fn cancel_order(
    State(state): State<AppState>,
    caller: Caller,
    Id(order): Id<OrderId>,
    prefer: Prefer,
    Tracing(trace): Tracing,
) -> Result<Waited<OrderBody>, Problem> {
    let customer = (!caller.is_admin()).then(|| caller.id());
    state.shop().ask(CancelOrder { order, customer }, trace).await?;
    answer(&state, order, prefer, Asked::ToCancel).await
}

/// What the client asked for.
enum Asked {
    /// Something new.
    ToMake {
        /// It had been made before.
        replayed: bool,
    },
    /// An end to it.
    ToCancel,
}

/// The order once it is settled, or as it is when the client's patience ends.
async fn answer(
    state: &AppState,
    id: OrderId,
    prefer: Prefer,
    asked: Asked,
) -> Result<Waited<OrderBody>, Problem> {
    let mut order = state.shop().find_order(id).await?;
    // Made and not to be paid yet: that is all that was asked for.
    let awaited = order.status != SagaStatus::Created;
    let patience = if awaited { prefer.at(state) } else { Patience::NONE };
    if awaited && !order.status.is_settled() && !patience.limit.is_zero() {
        order = tokio::select! {
            settled = state.shop().settled(id, patience.limit) => settled?.order(),
            // A process that ends keeps nobody: the order goes on without it, or when it is back.
            () = state.draining().ended() => state.shop().find_order(id).await?,
        };
    }
    let (done, replayed) = match asked {
        Asked::ToMake { replayed } => (StatusCode::CREATED, replayed),
        Asked::ToCancel => (StatusCode::OK, false),
    };
    let status = if order.status.is_settled() || !awaited { done } else { StatusCode::ACCEPTED };
    let (location, body) = (format!("/v1/orders/{id}"), OrderBody::of(&order)?);
    Ok(Waited { status, location, patience, replayed, body })
}

/// The order, if the caller may see it.
pub(super) async fn visible(state: &AppState, caller: &Caller, id: OrderId) -> Result<Order, Problem> {
    let order: Option<Order> = state.shop().find("order", (id,)).await?;
    let order = order.filter(|order| caller.owns(order.user_id));
    Ok(order.ok_or_else(|| Refused::not_found("order"))?)
}

/// The caller's orders, newest first.
#[utoipa::path(
    get, path = "/v1/orders", tag = "orders", security(("bearer" = [])),
    params(Paging),
    responses((status = 200, description = "A page of orders", body = Page<OrderBody>), SignedIn)
)]
async fn list_orders(
    State(state): State<AppState>,
    caller: Caller,
    paging: Paging,
) -> Result<Json<Page<OrderBody>>, Problem> {
    catch_up(&state, "read-model").await?;
    // Where the topology saves an order provisionally, its customer's list shows it from then on.
    let listed = |view: &OrderView| view.unlisted.is_none();
    let page = chain::page(state.shop(), caller.id(), &paging, listed)?;
    Ok(Json(page.try_map(OrderBody::of_view)?))
}

/// One order.
#[utoipa::path(
    get, path = "/v1/orders/{id}", tag = "orders", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The order", body = OrderBody),
        (status = 404, description = "No such order of the caller's", body = ProblemDocument, content_type = MEDIA_TYPE),
        SignedIn
    )
)]
async fn get_order(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<OrderId>,
) -> Result<Json<OrderBody>, Problem> {
    let order = visible(&state, &caller, id).await?;
    Ok(Json(OrderBody::of(&state.shop().polled(order).await?)?))
}
