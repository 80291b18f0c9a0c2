//! `Prefer` (RFC 7240): how long a client waits for something to settle, and how it is told.

use crate::app::AppState;
use crate::idempotency::REPLAYED;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::LOCATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use kernel::topology::Answer;
use serde::Serialize;
use shop::ShopError;
use std::convert::Infallible;
use std::time::Duration;

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Says which preferences were honoured.
const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// What a client prefers. What cannot be read is passed over: a preference is never an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prefer {
    wait: Option<Duration>,
    respond_async: bool,
}

/// How long to wait, and what to say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// At most this long.
    pub(crate) limit: Duration,
    /// The value of `Preference-Applied`, if one was.
    applied: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Prefer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl Prefer {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        for value in headers.get_all(PREFER) {
            for preference in value.to_str().unwrap_or_default().split(',') {
                prefer.take(preference);
            }
        }
        prefer
    }

    /// Takes one preference; the first of a name counts.
    fn take(&mut self, preference: &str) {
        // Parameters of a preference come after a semicolon; none means anything here.
        let preference = preference.split(';').next().unwrap_or_default();
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "respond-async" => self.respond_async = true,
            "wait"
                if self.wait.is_none()
                    && !value.is_empty()
                    && value.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                // More digits than fit are simply very long.
                self.wait = Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
            }
            _ => {}
        }
    }

    /// What the client gets at this door.
    pub(crate) fn at(self, state: &AppState) -> Patience {
        self.patience(state.shop().topology().answer, state.default_wait(), state.longest_wait())
    }

    /// What the client gets where the topology answers as `answer` says: `default` is how long settled answers are waited for,
    /// `longest` the most that anyone may ask for.
    fn patience(self, answer: Answer, default: Duration, longest: Duration) -> Patience {
        match (self.wait, self.respond_async) {
            (Some(wait), also_async) => {
                let limit = wait.min(longest);
                let suffix = if also_async { ", respond-async" } else { "" };
                Patience { limit, applied: Some(format!("wait={}{suffix}", limit.as_secs())) }
            }
            (None, true) => Patience { limit: Duration::ZERO, applied: Some("respond-async".to_owned()) },
            (None, false) => {
                let limit = match answer {
                    Answer::Settled => default,
                    Answer::Accepted => Duration::ZERO,
                };
                Patience { limit, applied: None }
            }
        }
    }
}

impl Patience {
    /// There is nothing to wait for, so no preference applies.
    pub(crate) const NONE: Self = Self { limit: Duration::ZERO, applied: None };
}

/// Lets the views of `domain` catch up with what orders have said, so that a read just after a write shows it. Views that are
/// far behind are shown as they are: late is better than never.
///
/// # Errors
/// If they are not in this process.
pub(crate) async fn catch_up(state: &AppState, domain: &'static str) -> Result<(), ShopError> {
    tokio::time::timeout(state.default_wait(), state.shop().caught_up(domain)).await.unwrap_or(Ok(()))
}

/// Lets quotes catch up with what `domain` has said, so that an order just after a change is made by it. Copies that are far behind
/// are not waited for: they can refuse an order, and never mis-sell.
///
/// # Errors
/// If it is not in this process.
pub(crate) async fn let_quotes_know(state: &AppState, domain: &'static str) -> Result<(), ShopError> {
    tokio::time::timeout(state.default_wait(), state.shop().quotes_know(domain)).await.unwrap_or(Ok(()))
}

/// An answer about something that may still be under way.
pub(crate) struct Waited<T> {
    /// 200, 201 or 202.
    pub(crate) status: StatusCode,
    /// Where the thing is.
    pub(crate) location: String,
    /// How long was waited for it.
    pub(crate) patience: Patience,
    /// Whether its idempotency key had made it before.
    pub(crate) replayed: bool,
    /// The thing as it is now.
    pub(crate) body: T,
}

impl<T: Serialize> IntoResponse for Waited<T> {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        let applied = self.patience.applied.map(|applied| (APPLIED, applied));
        for (name, value) in applied.into_iter().chain([(LOCATION, self.location)]) {
            // Both are made of ASCII here: nothing of them comes from the client.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Duration = Duration::from_secs(10);
    const LONGEST: Duration = Duration::from_secs(60);

    fn check(values: &[&str], answer: Answer, limit: u64, applied: Option<&str>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, value.parse().unwrap());
        }
        let patience = Prefer::of(&headers).patience(answer, DEFAULT, LONGEST);
        let expected = Patience { limit: Duration::from_secs(limit), applied: applied.map(str::to_owned) };
        assert_eq!(patience, expected, "{values:?}");
    }

    #[test]
    fn without_a_preference_the_topology_decides() {
        check(&[], Answer::Settled, 10, None);
        check(&[], Answer::Accepted, 0, None);
        for unread in
            ["", "return=minimal", "wait", "wait=", "wait=-1", "wait=1.5", "wait=soon", "waiting=3", ",;="]
        {
            check(&[unread], Answer::Settled, 10, None);
        }
    }

    #[test]
    fn a_preference_overrides_the_topology_and_is_echoed() {
        for answer in [Answer::Settled, Answer::Accepted] {
            check(&["wait=3"], answer, 3, Some("wait=3"));
            check(&["respond-async"], answer, 0, Some("respond-async"));
            check(&["wait=0"], answer, 0, Some("wait=0"));
        }
    }

    #[test]
    fn lists_cases_quotes_parameters_and_several_headers_are_read() {
        let answer = Answer::Accepted;
        check(&["return=minimal, Wait=\"7\";x=y"], answer, 7, Some("wait=7"));
        check(&["return=minimal", "wait = 7"], answer, 7, Some("wait=7"));
        check(&["wait=7, wait=8"], answer, 7, Some("wait=7"));
        check(&["RESPOND-ASYNC, wait=7"], answer, 7, Some("wait=7, respond-async"));
    }

    #[test]
    fn nobody_waits_longer_than_the_longest_wait() {
        check(&["wait=61"], Answer::Accepted, 60, Some("wait=60"));
        check(&["wait=99999999999999999999999999"], Answer::Accepted, 60, Some("wait=60"));
    }
}
