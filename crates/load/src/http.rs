//! The HTTP door: a keep-alive client, as a shop's own front end would be.

use crate::meter::End;
use crate::stage::Cast;
use crate::target::{Target, Ticket};
use crate::workload::Order;
use anyhow::{Context, bail};
use futures::future::BoxFuture;
use kernel::judge::SagaStatus;
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use smol_str::SmolStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use uuid::Uuid;

/// Access tokens of the stage's users.
pub trait Bearers: Send + Sync {
    /// A good token of the user; with `refused`, that one was not, and another is needed.
    fn token(&self, user: usize, refused: Option<Arc<str>>) -> BoxFuture<'_, anyhow::Result<Arc<str>>>;
}

/// How it is known that an order has settled after its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// The meter observes the log of orders in this process: nothing more is asked.
    Log,
    /// Its events are read until it is settled: one more request for each order that was not settled with its answer.
    Events,
    /// Its answer is to wait so many seconds until it is settled; of what is not by then, the events are read.
    Answer(u32),
}

/// A server that is reached over HTTP.
pub struct Http {
    inner: Arc<Inner>,
    runtime: Handle,
}

struct Inner {
    client: reqwest::Client,
    base: String,
    bearers: Arc<dyn Bearers>,
    cast: Cast,
    run: Uuid,
    follow: Follow,
}

/// What is read of an order.
#[derive(Deserialize)]
struct OrderBody {
    id: Uuid,
    status: SagaStatus,
    reason: Option<SmolStr>,
    #[serde(default)]
    steps: Vec<IgnoredAny>,
}

/// Longer than a server lets a request wait.
const REQUEST: Duration = Duration::from_secs(90);

impl Http {
    /// The server at `base`, such as `http://127.0.0.1:8080`; requests run on `runtime`.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(
        base: &str,
        (cast, run): (Cast, Uuid),
        bearers: Arc<dyn Bearers>,
        follow: Follow,
        runtime: Handle,
    ) -> anyhow::Result<Self> {
        // Orders are small: waiting for more to send would only show our own delay.
        let client = reqwest::Client::builder().timeout(REQUEST).tcp_nodelay(true).no_proxy().build()?;
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { inner: Arc::new(Inner { client, base, bearers, cast, run, follow }), runtime })
    }
}

impl Target for Http {
    fn send(&self, order: &Order, ticket: Ticket) {
        let (inner, body, user) = (Arc::clone(&self.inner), self.inner.body(order), order.user);
        let key = format!("bench-{}-{}", inner.run.simple(), order.number);
        self.runtime.spawn(async move { inner.place(user, &key, &body, ticket).await });
    }
}

impl Inner {
    fn body(&self, order: &Order) -> Value {
        let lines: Vec<Value> = order
            .lines
            .iter()
            .map(|(product, quantity)| json!({ "product_id": self.cast.products[*product], "quantity": quantity }))
            .collect();
        let mut body = json!({ "lines": lines, "points": order.points });
        if let Some(coupon) = order.coupon {
            body["user_coupon_id"] = json!(self.cast.coupon(coupon));
        }
        if let Some(card) = order.card {
            body["card_token"] = json!(card.token());
        }
        body
    }

    async fn place(&self, user: usize, key: &str, body: &Value, ticket: Ticket) {
        let send = |request: RequestBuilder| {
            let request = request.header("Idempotency-Key", key).json(body);
            match self.follow {
                Follow::Answer(seconds) => request.header("Prefer", format!("wait={seconds}")),
                Follow::Log | Follow::Events => request,
            }
        };
        let order = async {
            let response = self.send(user, Method::POST, "/v1/orders", send).await?;
            anyhow::Ok(response.json::<OrderBody>().await?)
        };
        let order = match order.await {
            Ok(order) => order,
            Err(error) => return ticket.failed(format!("{error:#}")),
        };
        match (self.follow, order.end()) {
            (Follow::Log, _) => ticket.answered(order.id),
            (Follow::Events | Follow::Answer(_), Some(end)) => ticket.answered_settled(order.id, end),
            (Follow::Events | Follow::Answer(_), None) => {
                let meter = ticket.meter();
                ticket.answered(order.id);
                match self.follow(user, order.id).await {
                    Ok(end) => meter.settled(order.id, end),
                    Err(error) => meter.lost(order.id, format!("{error:#}")),
                }
            }
        }
    }

    /// Reads the order's events until it is settled.
    async fn follow(&self, user: usize, id: Uuid) -> anyhow::Result<End> {
        let path = format!("/v1/orders/{id}/events");
        let response = self.send(user, Method::GET, &path, |request| request).await?;
        let events = response.text().await?;
        let last = events.lines().rev().find_map(|line| line.strip_prefix("data:"));
        let order: OrderBody = serde_json::from_str(last.context("an order without events")?.trim())?;
        order.end().context("an order's events ended before it was settled")
    }

    /// Sends a request in the user's name: again with a new token where the old one is over, and after a while where a limit
    /// says so.
    async fn send(
        &self,
        user: usize,
        method: Method,
        path: &str,
        adorn: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> anyhow::Result<Response> {
        let mut token = self.bearers.token(user, None).await?;
        let mut renewed = false;
        loop {
            let request = self.client.request(method.clone(), format!("{}{path}", self.base));
            let response = adorn(request.bearer_auth(&token)).send().await?;
            match response.status() {
                status if status.is_success() => return Ok(response),
                StatusCode::UNAUTHORIZED if !renewed => {
                    token = self.bearers.token(user, Some(token)).await?;
                    renewed = true;
                }
                StatusCode::TOO_MANY_REQUESTS => tokio::time::sleep(retry_after(&response)).await,
                status => bail!("{path}: {status} {}", response.text().await.unwrap_or_default()),
            }
        }
    }
}

impl OrderBody {
    /// How it ended, if it has.
    fn end(&self) -> Option<End> {
        match self.status {
            SagaStatus::Confirmed => Some(End::Confirmed),
            SagaStatus::Failed => Some(End::Failed {
                reason: self.reason.clone().unwrap_or_default(),
                at_quote: self.steps.is_empty(),
            }),
            SagaStatus::Created
            | SagaStatus::Pending
            | SagaStatus::Failing
            | SagaStatus::Cancelling
            | SagaStatus::Cancelled => None,
        }
    }
}

/// How long a server that has had too many requests wants to be left alone: at least a second.
#[must_use]
pub fn retry_after(response: &Response) -> Duration {
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    Duration::from_secs(header.and_then(|seconds| seconds.parse().ok()).unwrap_or(1).max(1))
}
