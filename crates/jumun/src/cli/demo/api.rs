//! Jumun's HTTP interface as its clients see it, and the PG's book beside it.

use anyhow::{Context, bail};
use kernel::Timestamp;
use pg::simulator::DEFAULT_SECRET_KEY;
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// Longer than anything that is waited for here.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long the server may keep an order's answer until the order is settled.
const PREFER: &str = "wait=30";

/// A running server, and the PG simulator inside it.
#[derive(Clone)]
pub(super) struct Api {
    http: reqwest::Client,
    pub(super) url: String,
    pg_url: String,
}

/// Somebody who is logged in.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) id: Uuid,
    token: String,
}

/// A refusal.
#[derive(Debug, Deserialize)]
pub(super) struct Problem {
    pub(super) status: u16,
    pub(super) code: String,
    #[serde(default)]
    detail: String,
}

/// Anything that has an id.
#[derive(Deserialize)]
pub(super) struct Made {
    pub(super) id: Uuid,
}

/// An order, as far as it is looked at here.
#[derive(Clone, Deserialize)]
pub(super) struct Order {
    pub(super) id: Uuid,
    pub(super) status: String,
    #[serde(default)]
    pub(super) reason: Option<String>,
    pub(super) lines: Vec<Line>,
    pub(super) total: i64,
    pub(super) discount: i64,
    pub(super) points_used: i64,
    pub(super) card_amount: i64,
    pub(super) steps: Vec<StepState>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Line {
    pub(super) sku: String,
    pub(super) quantity: i64,
}

#[derive(Clone, Deserialize)]
pub(super) struct StepState {
    pub(super) name: String,
    pub(super) status: String,
}

impl Order {
    /// `CONFIRMED`, or `FAILED OUT_OF_STOCK`.
    pub(super) fn outcome(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{} {reason}", self.status),
            None => self.status.clone(),
        }
    }
}

/// An answer to an order.
pub(super) struct Answer {
    pub(super) order: Order,
    /// Whether the key had made this order before.
    pub(super) replayed: bool,
}

/// One event of a timeline.
#[derive(Deserialize)]
pub(super) struct Event {
    pub(super) at: Timestamp,
    pub(super) domain: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    detail: Value,
}

impl Event {
    /// Why, where something was refused, failed or compensated.
    pub(super) fn reason(&self) -> Option<&str> {
        self.detail.get("reason").or_else(|| self.detail.get("cause")).and_then(Value::as_str)
    }

    /// Whether a step said no.
    pub(super) fn is_refusal(&self) -> bool {
        self.kind.ends_with(".refused")
    }

    /// Its place among events of the same millisecond, in which several databases may have spoken: causes before effects.
    fn place(&self, steps: &[StepState]) -> usize {
        let (subject, verb) = self.kind.split_once('.').unwrap_or_default();
        let step = steps.iter().position(|step| step.name == subject);
        match (step, verb) {
            (None, "created" | "placed") => 0,
            (Some(step), "asked") => 3 * step + 1,
            (Some(step), "pending") => 3 * step + 2,
            (Some(step), "done") => 3 * step + 3,
            (_, verb) => {
                let later = match verb {
                    "refused" | "confirmed" => 1,
                    "failing" | "cancelling" => 2,
                    "undo_asked" => 3,
                    "compensated" if step.is_some() => 4,
                    "failed" | "cancelled" => 5,
                    _ => 6,
                };
                3 * steps.len() + later
            }
        }
    }
}

#[derive(Deserialize)]
struct Timeline {
    events: Vec<Event>,
}

/// A charge in the PG's book.
#[derive(Clone, Deserialize)]
pub(super) struct Charge {
    /// The order's id.
    pub(super) reference: String,
    pub(super) amount: i64,
    pub(super) status: String,
}

#[derive(Deserialize)]
struct BookPage {
    charges: Vec<Charge>,
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Listed<T> {
    items: Vec<T>,
    #[serde(default)]
    next_cursor: Option<String>,
}

impl Api {
    pub(super) fn new(url: String, pg_url: String) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()?;
        Ok(Self { http, url, pg_url })
    }

    fn request(&self, method: Method, path: &str, who: Option<&Person>) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match who {
            Some(person) => request.bearer_auth(&person.token),
            None => request,
        }
    }

    /// Signs up and logs in.
    pub(super) async fn join(&self, name: &str) -> anyhow::Result<Person> {
        let email = format!("{}@demo.test", name.to_lowercase());
        let password = format!("{name} has a password");
        let body = json!({"email": email, "password": password, "name": name});
        let _: Made = accepted(self.request(Method::POST, "/v1/users", None).json(&body)).await?;
        self.log_in(name, &email, &password).await
    }

    pub(super) async fn log_in(&self, name: &str, email: &str, password: &str) -> anyhow::Result<Person> {
        #[derive(Deserialize)]
        struct Token {
            access_token: String,
        }
        let body = json!({"email": email, "password": password});
        let token: Token = accepted(self.request(Method::POST, "/v1/auth/token", None).json(&body)).await?;
        let person = Person { name: name.to_owned(), id: Uuid::nil(), token: token.access_token };
        let me: Made = self.get(&person, "/v1/users/me").await?;
        Ok(Person { id: me.id, ..person })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, who: &Person, path: &str) -> anyhow::Result<T> {
        accepted(self.request(Method::GET, path, Some(who))).await
    }

    /// Posts what must be accepted.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        who: &Person,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<T> {
        accepted(self.request(Method::POST, path, Some(who)).json(body)).await
    }

    /// Posts what may be refused. An error means that there was no answer.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        who: &Person,
        path: &str,
    ) -> anyhow::Result<Result<T, Problem>> {
        let request = self.request(Method::POST, path, Some(who)).header("prefer", PREFER);
        Ok(answered(request).await?.map(|(body, _)| body))
    }

    /// Places an order under an idempotency key. An error means that there was no answer: it may exist all the same.
    pub(super) async fn order(
        &self,
        who: &Person,
        key: &str,
        body: &Value,
    ) -> anyhow::Result<Result<Answer, Problem>> {
        let request = self.request(Method::POST, "/v1/orders", Some(who)).json(body);
        let request = request.header("idempotency-key", key).header("prefer", PREFER);
        Ok(answered(request).await?.map(|(order, replayed)| Answer { order, replayed }))
    }

    /// Places an order that is settled when this returns.
    pub(super) async fn settled(&self, who: &Person, key: &str, body: &Value) -> anyhow::Result<Order> {
        match self.order(who, key, body).await? {
            Ok(answer) => Ok(answer.order),
            Err(problem) => {
                bail!("an order of {} was refused: {} {}", who.name, problem.code, problem.detail)
            }
        }
    }

    /// What every domain said about an order.
    pub(super) async fn timeline(&self, admin: &Person, order: &Order) -> anyhow::Result<Vec<Event>> {
        let timeline: Timeline = self.get(admin, &format!("/v1/admin/orders/{}/timeline", order.id)).await?;
        let mut events = timeline.events;
        events.sort_by_key(|event| (event.at, event.place(&order.steps)));
        Ok(events)
    }

    /// A whole list, page by page.
    pub(super) async fn all<T: DeserializeOwned>(&self, who: &Person, path: &str) -> anyhow::Result<Vec<T>> {
        let mut all = Vec::new();
        let join = if path.contains('?') { '&' } else { '?' };
        let first = format!("{path}{join}limit=100");
        let mut next = Some(first.clone());
        while let Some(page) = next {
            let page: Listed<T> = self.get(who, &page).await?;
            all.extend(page.items);
            next = page.next_cursor.map(|cursor| format!("{first}&cursor={cursor}"));
        }
        Ok(all)
    }

    /// The PG's book: what it charged, declined and gave back.
    pub(super) async fn pg_book(&self) -> anyhow::Result<Vec<Charge>> {
        let mut book = Vec::new();
        let mut after = String::new();
        loop {
            let url = format!("{}/v1/charges?limit=1000{after}", self.pg_url);
            let request = self.http.get(url).basic_auth(DEFAULT_SECRET_KEY, Some(""));
            let page: BookPage = accepted(request).await.context("the PG's book")?;
            book.extend(page.charges);
            match page.next {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(book),
            }
        }
    }

    /// What the PG's book says of one order.
    pub(super) async fn pg_charges(&self, order: Uuid) -> anyhow::Result<Vec<Charge>> {
        let (book, order) = (self.pg_book().await?, order.to_string());
        Ok(book.into_iter().filter(|charge| charge.reference == order).collect())
    }
}

/// The answer to `request` and whether it is a replay, or its refusal.
async fn answered<T: DeserializeOwned>(
    request: RequestBuilder,
) -> anyhow::Result<Result<(T, bool), Problem>> {
    let response = request.send().await?;
    let status = response.status();
    let replayed = response.headers().contains_key("idempotent-replayed");
    let body = response.bytes().await?;
    if status.is_success() {
        let read = serde_json::from_slice(&body).context("an answer that does not read")?;
        return Ok(Ok((read, replayed)));
    }
    let problem: Problem = serde_json::from_slice(&body).with_context(|| format!("status {status}"))?;
    Ok(Err(problem))
}

/// The answer to a request that nothing speaks against.
async fn accepted<T: DeserializeOwned>(request: RequestBuilder) -> anyhow::Result<T> {
    match answered(request).await? {
        Ok((body, _)) => Ok(body),
        Err(Problem { status, code, detail }) => bail!("{status} {code}: {detail}"),
    }
}
