//! Problem documents (RFC 9457), and the one place that knows which refusal has which HTTP status.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::{Kind, Refused};
use runtime::CommandError;
use runtime::ports::store::StoreError;
use serde::Serialize;
use shop::ShopError;
use std::borrow::Cow;
use utoipa::ToSchema;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal as HTTP says it. `instance` and `trace_id` are filled in on the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable code such as `COUPON_SOLD_OUT`.
    pub code: Cow<'static, str>,
    /// One sentence for people; never a secret, never an inner fault.
    pub detail: String,
    /// The fields at fault.
    pub errors: Vec<FieldError>,
    /// Seconds after which it is worth trying again.
    pub retry_after: Option<u64>,
}

/// One field at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// What is wrong with it.
    pub detail: String,
    /// Where it is in the body (a JSON pointer); for a query parameter its name.
    pub pointer: String,
}

/// A problem document as it is sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemDocument<'a> {
    /// Always `about:blank`: the code says which problem it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// One sentence for people.
    pub detail: &'a str,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<&'a str>,
    /// A stable code.
    pub code: &'a str,
    /// The fields at fault.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub errors: &'a [FieldError],
    /// The trace to name when asking for help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<&'a str>,
}

impl Problem {
    /// A problem without fields.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { status, code: code.into(), detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// 400: the request itself cannot be read.
    pub fn malformed(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 400: the query parameter `name` cannot be taken.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::malformed("BAD_PARAMETER", format!("the parameter `{}` {detail}", shown(name)))
            .at(shown(name), detail)
    }

    /// 422: the field at `pointer` cannot be taken.
    pub fn field(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail.clone()).at(pointer, detail)
    }

    /// 401: who asks is not known.
    pub fn unauthorized(code: &'static str, detail: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    /// 403: who asks is known, and may not.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", "this needs an administrator")
    }

    /// 404: there is no such thing, or it is not the caller's.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("no such {what}"))
    }

    /// 500: a fault of ours. What it was is logged where it happened.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            "something went wrong here; nothing was half done",
        )
    }

    /// 503: it cannot be asked now; nothing was changed.
    #[must_use]
    pub fn unavailable(detail: &'static str) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", detail);
        Self { retry_after: Some(1), ..problem }
    }

    /// And the field at `pointer` is at fault.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { detail: detail.into(), pointer: pointer.into() });
        self
    }

    /// The response, with where and under which trace it happened.
    #[must_use]
    pub fn render(self, instance: Option<&str>, trace_id: Option<&str>) -> Response {
        let document = ProblemDocument {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Problem"),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance,
            code: &self.code,
            errors: &self.errors,
            trace_id,
        };
        // Strings and numbers only: writing it cannot fail.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.render(None, None)
    }
}

/// What a client typed, short enough to be said back.
#[must_use]
pub fn shown(text: &str) -> String {
    text.chars().take(64).map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let status = match refused.kind {
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Stale => StatusCode::PRECONDITION_FAILED,
            Kind::Unauthorized => StatusCode::UNAUTHORIZED,
        };
        let problem = Self::new(status, refused.code, refused.detail.clone());
        match refused.pointer {
            Some(pointer) => problem.at(pointer, refused.detail),
            None => problem,
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Unavailable(..) => {
                tracing::warn!(%error, "a request could not be decided");
                Self::unavailable("this cannot be done right now; nothing was changed")
            }
            CommandError::Full(_) => Self::unavailable("too many requests wait already; nothing was changed"),
            CommandError::Fault(_) => {
                tracing::error!(%error, "a request ended in a fault");
                Self::internal()
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Retry(_) | StoreError::Full(_) => {
                tracing::warn!(%error, "a request could not read the store");
                Self::unavailable("this cannot be read right now")
            }
            StoreError::Rejected(_) | StoreError::Unusable(_) => {
                tracing::error!(%error, "a request could not read the store");
                Self::internal()
            }
        }
    }
}

impl From<ShopError> for Problem {
    fn from(error: ShopError) -> Self {
        match error {
            ShopError::Refused(refused) => refused.into(),
            ShopError::NotFound(what) => Self::not_found(what),
            ShopError::Command(error) => error.into(),
            ShopError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_refusal_has_its_status() {
        let statuses = [Kind::NotFound, Kind::Conflict, Kind::Invalid, Kind::Stale, Kind::Unauthorized]
            .map(|kind| Problem::from(Refused::new(kind, "CODE", "why")).status.as_u16());
        assert_eq!(statuses, [404, 409, 422, 412, 401]);
    }

    #[test]
    fn a_fault_says_nothing_of_what_it_was() {
        for error in [
            ShopError::Command(CommandError::Fault("row of table users was not loaded".to_owned())),
            ShopError::Store(StoreError::Unusable("/data/user.db is not a database".to_owned())),
        ] {
            assert_eq!(Problem::from(error), Problem::internal());
        }
        let full = Problem::from(ShopError::Command(CommandError::Full("order".to_owned())));
        assert_eq!((full.status.as_u16(), full.retry_after), (503, Some(1)));
    }

    #[test]
    fn a_refused_field_is_named_by_its_pointer() {
        let problem = Problem::from(Refused::invalid("/email", "INVALID_FIELD", "must have one @"));
        assert_eq!(
            problem.errors,
            [FieldError { detail: "must have one @".into(), pointer: "/email".into() }]
        );
    }
}
