//! Every way in which the simulator does not do what was asked, and its problem document (RFC 9457).

use super::ledger::LedgerError;
use crate::wire::{Charge, Problem, code};
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// Why not.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The secret key is missing or wrong.
    Unauthorized,
    /// No such route.
    NoRoute,
    /// The route has no such method.
    NoMethod,
    /// The request cannot be read.
    Malformed(String),
    /// `Idempotency-Key` is missing or unusable.
    BadKey,
    /// A field's value is not one.
    Invalid(String),
    /// The key was used with another body.
    KeyReused,
    /// A request with this key is under way.
    InProgress,
    /// No charge under this key.
    ChargeNotFound,
    /// The charge is not given back.
    NotCancelable,
    /// A fault, with nothing said about what happened.
    Fault,
    /// Nothing works.
    Outage,
    /// The simulator is being stopped.
    Stopping,
    /// The caller waited as long as the simulator holds a connection without an answer.
    NoAnswer,
    /// The book failed.
    Ledger(LedgerError),
}

impl From<LedgerError> for Refusal {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl Refusal {
    fn explain(self) -> (StatusCode, &'static str, String) {
        let said = |status, code, detail: &str| (status, code, detail.to_owned());
        match self {
            Self::Unauthorized => {
                said(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "HTTP Basic: the secret key, then `:`.")
            }
            Self::NoRoute => said(StatusCode::NOT_FOUND, "ROUTE_NOT_FOUND", "There is nothing here."),
            Self::NoMethod => {
                said(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "Not with this method.")
            }
            Self::Malformed(detail) => (StatusCode::BAD_REQUEST, "MALFORMED_REQUEST", detail),
            Self::BadKey => said(
                StatusCode::BAD_REQUEST,
                "INVALID_IDEMPOTENCY_KEY",
                "Idempotency-Key: 1 to 300 visible ASCII characters.",
            ),
            Self::Invalid(detail) => (StatusCode::UNPROCESSABLE_ENTITY, "INVALID_REQUEST", detail),
            Self::KeyReused => said(
                StatusCode::UNPROCESSABLE_ENTITY,
                "IDEMPOTENCY_KEY_REUSED",
                "The key was used with another body.",
            ),
            Self::InProgress => said(
                StatusCode::CONFLICT,
                "IDEMPOTENT_REQUEST_PROCESSING",
                "A request with this key is under way.",
            ),
            Self::ChargeNotFound => {
                said(StatusCode::NOT_FOUND, code::CHARGE_NOT_FOUND, "No charge under this key.")
            }
            Self::NotCancelable => {
                said(StatusCode::FORBIDDEN, code::NOT_CANCELABLE, "This charge is not given back.")
            }
            Self::Fault => said(
                StatusCode::INTERNAL_SERVER_ERROR,
                "PROVIDER_ERROR",
                "Something failed; what happened is not said.",
            ),
            Self::Outage => said(StatusCode::SERVICE_UNAVAILABLE, "OUTAGE", "The gateway is down."),
            Self::Stopping => said(StatusCode::SERVICE_UNAVAILABLE, "STOPPING", "The gateway is stopping."),
            Self::NoAnswer => said(StatusCode::GATEWAY_TIMEOUT, "NO_ANSWER", "There will be no answer."),
            Self::Ledger(error) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "LEDGER_UNAVAILABLE", error.to_string())
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let challenge = matches!(self, Self::Unauthorized);
        let (status, code, detail) = self.explain();
        let mut response = problem(status, code, detail, None);
        if challenge {
            let basic = HeaderValue::from_static("Basic realm=\"pg-simulator\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, basic);
        }
        response
    }
}

/// The answer to a charge whose card was declined. The charge stands in it: the book has it, for good.
pub(super) fn declined(charge: Charge) -> Response {
    let code = charge.decline_code.clone().unwrap_or_default();
    problem(StatusCode::PAYMENT_REQUIRED, &code, "The card was declined.".to_owned(), Some(charge))
}

fn problem(status: StatusCode, code: &str, detail: String, charge: Option<Charge>) -> Response {
    let problem = Problem {
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or_default().to_owned(),
        status: status.as_u16(),
        detail,
        code: code.to_owned(),
        charge,
    };
    let mut response = (status, axum::Json(problem)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
