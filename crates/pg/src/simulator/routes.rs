//! The simulator's HTTP: reads requests, hands them to the desk, writes answers.

use super::desk::{Charged, Desk};
use super::faults::Faults;
use super::refusal::{self, Refusal};
use crate::wire::{CancelOrder, Charge, ChargeOrder, PAGE_LIMIT, Page, REASON_LIMIT};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use payment::gateway::PgChargeStatus;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

const BODY_LIMIT: usize = 64 * 1024;
const KEY_LIMIT: usize = 300;
const TEXT_LIMIT: usize = 255;
const DEFAULT_PAGE: u32 = 100;
/// The largest amount that JSON holds exactly in every reader: 2^53 − 1.
const AMOUNT_LIMIT: i64 = (1 << 53) - 1;

pub(super) fn router(desk: Arc<Desk>, secret_key: &str) -> Router {
    let charges = Router::new()
        .route("/v1/charges", post(charge).get(book))
        .route("/v1/charges/{key}", get(query))
        .route("/v1/charges/{key}/cancel", post(cancel))
        .layer(middleware::from_fn_with_state(Arc::clone(&desk), outage));
    let expected = Expected(Sha256::digest(secret_key).into());
    charges
        .route("/v1/faults", get(faults).put(set_faults))
        .fallback(|| async { Refusal::NoRoute })
        .method_not_allowed_fallback(|| async { Refusal::NoMethod })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(expected, authenticate))
        .with_state(desk)
}

/// Digest of the secret key. Digests are what is compared, so that the time it takes tells nothing of the key.
#[derive(Clone, Copy)]
struct Expected([u8; 32]);

async fn authenticate(State(expected): State<Expected>, request: Request, next: Next) -> Response {
    match secret_key(request.headers()) {
        Some(given) if Sha256::digest(&given)[..] == expected.0 => next.run(request).await,
        Some(_) | None => Refusal::Unauthorized.into_response(),
    }
}

/// The user name of HTTP Basic; the password after the colon is not looked at.
fn secret_key(headers: &HeaderMap) -> Option<Vec<u8>> {
    let encoded = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let mut credentials = BASE64.decode(encoded).ok()?;
    let colon = credentials.iter().position(|byte| *byte == b':')?;
    credentials.truncate(colon);
    Some(credentials)
}

async fn outage(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    if desk.faults().get().outage { Refusal::Outage.into_response() } else { next.run(request).await }
}

async fn charge(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let key = idempotency_key(&headers)?;
    let order: ChargeOrder = read(body)?;
    check_order(&order)?;
    let at_desk = Arc::clone(&desk);
    match to_its_end(async move { at_desk.charge(key, order).await }).await? {
        Charged::Answered(charge) if charge.status == PgChargeStatus::Declined => {
            Ok(refusal::declined(charge))
        }
        Charged::Answered(charge) => Ok((StatusCode::CREATED, Json(charge)).into_response()),
        Charged::Silent => Err(desk.hold().await),
    }
}

async fn query(
    State(desk): State<Arc<Desk>>,
    key: Result<Path<String>, PathRejection>,
) -> Result<Json<Charge>, Refusal> {
    desk.query(path_key(key)?).await.map(Json)
}

async fn cancel(
    State(desk): State<Arc<Desk>>,
    key: Result<Path<String>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Charge>, Refusal> {
    let key = path_key(key)?;
    let order: CancelOrder = read(body)?;
    if order.reason.chars().count() > REASON_LIMIT {
        return Err(Refusal::Invalid(format!("`reason` has at most {REASON_LIMIT} characters.")));
    }
    to_its_end(async move { desk.cancel(key, order).await }).await.map(Json)
}

#[derive(Deserialize)]
struct PageQuery {
    after: Option<String>,
    limit: Option<u32>,
}

async fn book(
    State(desk): State<Arc<Desk>>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<Page>, Refusal> {
    let Query(PageQuery { after, limit }) =
        query.map_err(|rejection| Refusal::Malformed(rejection.body_text()))?;
    let limit = limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=PAGE_LIMIT).contains(&limit) {
        return Err(Refusal::Malformed(format!("`limit` is 1 to {PAGE_LIMIT}.")));
    }
    let after = after.map_or(Ok(0), |cursor| cursor.parse());
    let after = after.map_err(|_| Refusal::Malformed("`after` is no cursor of this book.".to_owned()))?;
    desk.page(after, limit).await.map(Json)
}

async fn faults(State(desk): State<Arc<Desk>>) -> Json<Faults> {
    Json(desk.faults().get())
}

async fn set_faults(
    State(desk): State<Arc<Desk>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Faults>, Refusal> {
    let faults: Faults = read(body)?;
    if !faults.is_valid() {
        return Err(Refusal::Invalid("A percentage is 0 to 100.".to_owned()));
    }
    desk.faults().set(faults);
    Ok(Json(faults))
}

/// Runs what changes the book to its end, also when the caller hangs up.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    // A task only fails to join if it panicked or the runtime is going down.
    tokio::spawn(work).await.unwrap_or(Err(Refusal::Stopping))
}

fn idempotency_key(headers: &HeaderMap) -> Result<String, Refusal> {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).ok_or(Refusal::BadKey)?;
    let usable = (1..=KEY_LIMIT).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if usable { Ok(key.to_owned()) } else { Err(Refusal::BadKey) }
}

fn path_key(key: Result<Path<String>, PathRejection>) -> Result<String, Refusal> {
    key.map(|Path(key)| key).map_err(|rejection| Refusal::Malformed(rejection.body_text()))
}

fn read<T: for<'a> Deserialize<'a>>(body: Result<Bytes, BytesRejection>) -> Result<T, Refusal> {
    let body = body.map_err(|rejection| Refusal::Malformed(rejection.body_text()))?;
    // Only where it went wrong is said: serde's own words may quote a value, and one of them is a card token.
    serde_json::from_slice(&body).map_err(|error| {
        Refusal::Malformed(format!(
            "The body is unreadable at line {}, column {}.",
            error.line(),
            error.column()
        ))
    })
}

fn check_order(order: &ChargeOrder) -> Result<(), Refusal> {
    let invalid = |detail: String| Err(Refusal::Invalid(detail));
    if !(1..=AMOUNT_LIMIT).contains(&order.amount) {
        return invalid(format!("`amount` is 1 to {AMOUNT_LIMIT} minor units."));
    }
    if order.currency.len() != 3 || !order.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return invalid("`currency` is an ISO 4217 code.".to_owned());
    }
    if order.card_token.chars().count() > TEXT_LIMIT {
        return invalid(format!("`card_token` has at most {TEXT_LIMIT} characters."));
    }
    if order.reference.chars().count() > TEXT_LIMIT {
        return invalid(format!("`reference` has at most {TEXT_LIMIT} characters."));
    }
    Ok(())
}
