//! One request on its way to a unit, and the answer on its way back.

use crate::headers::{going_on, to_unit};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::stream::unfold;
use http_api::Problem;
use http_api::app::{CLIENT_HEADER, SERVICE_HEADER};
use parking_lot::Mutex;
use runtime::neighbour::CallCounts;
use runtime::ports::clock::Clock;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use units::ServiceKey;
use units::instances::{Instance, Instances};

/// The first pause between two tries, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(250));
/// How long a unit may take to begin its answer; and where the client asks it to wait, longer than it can ask for.
const HEAD: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(75));

/// A request, read to its end.
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// Path and query, as they were sent.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) client: IpAddr,
}

impl Asked {
    /// Whether it has no other effect if it is heard twice: it changes nothing, or its key says that it is the same.
    fn may_be_sent_again(&self) -> bool {
        self.method.is_safe() || self.headers.contains_key("idempotency-key")
    }

    /// How long its answer may take to begin.
    fn head_within(&self) -> Duration {
        if self.headers.contains_key("prefer") { HEAD.1 } else { HEAD.0 }
    }
}

/// A unit, as the gateway reaches it.
pub struct Unit {
    name: String,
    instances: Arc<Instances>,
    counts: Mutex<CallCounts>,
}

/// Why a try gave no answer.
enum Lost {
    /// Nobody was there: nothing was heard.
    Unheard,
    /// It may have been heard.
    Perhaps,
}

impl Unit {
    /// The unit called `name`, at `addresses` (`http://host:port`, with commas between those of several instances).
    #[must_use]
    pub fn new(name: &str, addresses: &str) -> Self {
        Self { name: name.to_owned(), instances: Instances::at(addresses), counts: Mutex::default() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn instances(&self) -> &Arc<Instances> {
        &self.instances
    }

    pub(crate) fn counts(&self) -> CallCounts {
        CallCounts { is_spared: self.instances.are_spared(), ..*self.counts.lock() }
    }
}

/// What requests are sent with.
pub(crate) struct Road {
    pub(crate) http: reqwest::Client,
    pub(crate) key: ServiceKey,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long a request that may be sent again is tried.
    pub(crate) patience: Duration,
}

impl Road {
    /// Sends a request to `unit`, again where that does no harm and nothing came back yet.
    pub(crate) async fn forward(&self, unit: &Unit, asked: &Asked) -> Response {
        let end =
            self.clock.elapsed() + if asked.may_be_sent_again() { self.patience } else { Duration::ZERO };
        let mut pause = PAUSES.0;
        loop {
            let lost = if let Some(instance) = unit.instances.next(self.clock.elapsed()) {
                match self.once(unit, instance, asked).await {
                    Ok(answer) => {
                        instance.answered();
                        unit.counts.lock().answered += 1;
                        return handed_on(answer);
                    }
                    Err(lost) => {
                        instance.failed(self.clock.elapsed());
                        lost
                    }
                }
            } else {
                unit.counts.lock().spared += 1;
                Lost::Unheard
            };
            let rest = jittered(pause);
            if self.clock.elapsed() + rest >= end {
                unit.counts.lock().failed += 1;
                tracing::warn!(unit = unit.name, "a unit does not answer");
                return given_up(&lost, asked);
            }
            unit.counts.lock().retried += 1;
            tokio::time::sleep(rest).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    async fn once(&self, unit: &Unit, instance: &Instance, asked: &Asked) -> Result<reqwest::Response, Lost> {
        let mut headers = to_unit(&asked.headers);
        let token = self.key.make("gateway", &unit.name, self.clock.now()).ok();
        if let Some(token) = token.and_then(|token| HeaderValue::from_str(&token).ok()) {
            headers.insert(SERVICE_HEADER, token);
        }
        if let Ok(client) = HeaderValue::from_str(&asked.client.to_string()) {
            headers.insert(CLIENT_HEADER, client);
        }
        let sent = self
            .http
            .request(asked.method.clone(), format!("{}{}", instance.address(), asked.target))
            .headers(headers)
            .body(asked.body.clone())
            .send();
        tokio::select! {
            answer = tokio::time::timeout(asked.head_within(), sent) => match answer {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(error)) if error.is_connect() => Err(Lost::Unheard),
                Ok(Err(_)) | Err(_) => Err(Lost::Perhaps),
            },
            () = instance.has_gone() => Err(Lost::Perhaps),
        }
    }
}

/// Between half of `pause` and all of it, so that those who failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let half = u64::try_from(pause.as_micros() / 2).unwrap_or(u64::MAX);
    Duration::from_micros(half.saturating_add(rand::random_range(0..=half)))
}

/// What the client is told of a request that got no answer.
fn given_up(lost: &Lost, asked: &Asked) -> Response {
    match lost {
        Lost::Unheard => Problem::unavailable("the unit that this belongs to cannot be reached; nothing was changed"),
        Lost::Perhaps if asked.method.is_safe() => Problem::unavailable("the unit that this belongs to did not answer"),
        Lost::Perhaps => Problem::new(
            StatusCode::BAD_GATEWAY,
            "ANSWER_LOST",
            "the unit that this belongs to did not answer: it may have happened or not; look, or ask again with the same Idempotency-Key",
        ),
    }
    .into_response()
}

/// The answer as it comes, byte by byte: events are seen when they happen.
fn handed_on(answer: reqwest::Response) -> Response {
    let (status, headers) = (answer.status(), going_on(answer.headers()));
    let chunks = unfold(answer, |mut answer| async move {
        let chunk = answer.chunk().await.transpose()?;
        Some((chunk, answer))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
