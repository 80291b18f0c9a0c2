//! Top-ups: points bought through the payment gateway.

use crate::app::AppState;
use crate::describe::{PositiveAmount, SignedIn, WithBody};
use crate::extract::{Body, Caller, Id, Tracing, parse};
use crate::fields::Card;
use crate::idempotency::IdempotencyKey;
use crate::prefer::{Prefer, Waited};
use crate::problem::{MEDIA_TYPE, Problem, ProblemDocument};
use crate::render::ChargeBody;
use crate::requests::{BodyReader, hashed};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::Money;
use kernel::ids::ChargeId;
use payment::{Charge, ChargeStatus, TopUp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How each body is read that is taken here.
pub(super) const BODIES: &[(&str, BodyReader)] = &[("POST /v1/points/charges", read_charge)];

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create_charge)).routes(routes!(get_charge))
}

/// A top-up to make.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCharge {
    /// How much to charge and credit, in minor units.
    #[schema(value_type = PositiveAmount)]
    amount: Money,
    /// The payment gateway's token for a card.
    card_token: Card,
}

fn read_charge(bytes: &[u8]) -> Result<(), Problem> {
    let new: NewCharge = parse(bytes)?;
    new.card_token.token()?;
    hashed(&new)
}

/// Buys points through the payment gateway.
#[utoipa::path(
    post, path = "/v1/points/charges", tag = "points", security(("bearer" = [])),
    params(
        IdempotencyKey,
        Prefer
    ),
    request_body = NewCharge,
    responses(
        (status = 201, description = "The settled top-up, completed or not", body = ChargeBody,
            headers(("Location" = String), ("Preference-Applied" = String), ("Idempotent-Replayed" = String))),
        (status = 202, description = "The top-up, still under way", body = ChargeBody,
            headers(("Location" = String), ("Preference-Applied" = String), ("Idempotent-Replayed" = String))),
        (status = 409, description = "The first request with this key is still under way",
            body = ProblemDocument, content_type = MEDIA_TYPE),
        SignedIn, WithBody
    )
)]
async fn create_charge(
    State(state): State<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    prefer: Prefer,
    Tracing(trace): Tracing,
    Body(new): Body<NewCharge>,
) -> Result<Waited<ChargeBody>, Problem> {
    let card_token = new.card_token.token()?;
    let hashes = key.hashes(caller.id(), "POST", "/v1/points/charges", &new)?;
    let command = TopUp {
        user: caller.id(),
        amount: new.amount,
        currency: state.shop().currency(),
        card_token,
        key_hash: hashes.key,
        body_hash: hashes.body,
    };
    let born = state.shop().ask(command, trace).await?;
    let patience = prefer.at(&state);
    let charge = tokio::select! {
        charge = state.shop().charge_settled(born.charge, patience.limit) => charge?,
        () = state.draining().ended() => state.shop().charge_settled(born.charge, Duration::ZERO).await?,
    };
    let status = match charge.status {
        ChargeStatus::Pending => StatusCode::ACCEPTED,
        ChargeStatus::Completed | ChargeStatus::Declined | ChargeStatus::Cancelled => StatusCode::CREATED,
    };
    let location = format!("/v1/points/charges/{}", charge.id);
    Ok(Waited { status, location, patience, replayed: born.replayed, body: (&charge).into() })
}

/// One top-up of the caller's.
#[utoipa::path(
    get, path = "/v1/points/charges/{id}", tag = "points", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The top-up", body = ChargeBody),
        (status = 404, description = "No such top-up of the caller's", body = ProblemDocument, content_type = MEDIA_TYPE),
        SignedIn
    )
)]
async fn get_charge(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ChargeId>,
) -> Result<Json<ChargeBody>, Problem> {
    let charge: Option<Charge> = state.shop().find("payment", (id,)).await?;
    let own = charge.filter(|charge| charge.user_id == caller.id());
    own.map(|charge| Json((&charge).into())).ok_or_else(|| Problem::not_found("top-up"))
}
