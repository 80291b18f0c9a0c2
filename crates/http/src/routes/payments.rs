//! Payments, and what payment gateways tell of them.

use crate::app::AppState;
use crate::describe::{Anyone, GatewayEvent, SignedIn};
use crate::extract::{Caller, Id, RawBody, Tracing};
use crate::problem::{MEDIA_TYPE, Problem, ProblemDocument};
use crate::render::PaymentBody;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use kernel::ids::PaymentId;
use payment::{PaymentRow, Webhook};
use pg::webhook::{WebhookError, verify};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_payment)).routes(routes!(pg_webhook))
}

/// One payment: of an order of the caller's, or any for an administrator.
#[utoipa::path(
    get, path = "/v1/payments/{id}", tag = "payments", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The payment", body = PaymentBody),
        (status = 404, description = "No such payment of the caller's", body = ProblemDocument, content_type = MEDIA_TYPE),
        SignedIn
    )
)]
async fn get_payment(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<PaymentId>,
) -> Result<Json<PaymentBody>, Problem> {
    let payment: Option<PaymentRow> = state.shop().find("payment", (id,)).await?;
    let seen = payment.filter(|payment| caller.owns(payment.user_id));
    seen.map(|payment| Json(payment.into())).ok_or_else(|| Problem::not_found("payment"))
}

/// A payment gateway says that something became of a charge. Nothing of it is believed: the gateway is asked.
#[utoipa::path(
    post, path = "/v1/webhooks/pg/{name}", tag = "payments", security(()),
    params(
        ("name" = String, Path, description = "The gateway, as configured"),
        ("webhook-id" = String, Header), ("webhook-timestamp" = String, Header), ("webhook-signature" = String, Header)
    ),
    request_body(content = GatewayEvent, description = "As the gateway sends it (Standard Webhooks 1.0.0)"),
    responses(
        (status = 200, description = "Heard"),
        (status = 401, description = "`WEBHOOK_SIGNATURE`: missing, wrong or too old", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 404, description = "No such gateway", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 413, description = "The body is too large", body = ProblemDocument, content_type = MEDIA_TYPE),
        Anyone
    )
)]
async fn pg_webhook(
    State(state): State<AppState>,
    Tracing(trace): Tracing,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<RawBody, Problem>,
) -> Result<StatusCode, Problem> {
    let secret = name.ok().and_then(|Path(name)| state.webhook_secret(&name).map(str::to_owned));
    let secret = secret.ok_or_else(|| Problem::not_found("payment gateway"))?;
    let RawBody(body) = body?;
    let event = verify(&secret, &headers, &body, state.now().0.div_euclid(1_000)).map_err(refused)?;
    state.shop().ask(Webhook { key: event.key }, trace).await?;
    Ok(StatusCode::OK)
}

fn refused(error: WebhookError) -> Problem {
    match error {
        WebhookError::BadSecret => {
            tracing::error!("a configured webhook secret is not usable");
            Problem::internal()
        }
        WebhookError::BadBody => Problem::malformed("MALFORMED_BODY", error.to_string()),
        WebhookError::BadId
        | WebhookError::MissingHeader(_)
        | WebhookError::BadTimestamp
        | WebhookError::OutsideTolerance
        | WebhookError::BadSignature => {
            Problem::new(StatusCode::UNAUTHORIZED, "WEBHOOK_SIGNATURE", error.to_string())
        }
    }
}
