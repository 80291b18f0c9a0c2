//! One request, one answer.

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// Longer than anything that a server may wait for.
const PATIENCE: Duration = Duration::from_secs(90);

/// Asks one server.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) url: String,
}

impl Client {
    pub(crate) fn new(url: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { http, url: url.to_owned() }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask {
        Ask(self.http.request(method, format!("{}{path}", self.url)))
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.ask(Method::GET, path).by(token).send().await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path).by(token).json(body).send().await
    }

    pub(crate) async fn patch(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.ask(Method::PATCH, path).by(token).json(body).send().await
    }
}

/// A request under construction.
pub(crate) struct Ask(RequestBuilder);

impl Ask {
    /// As the bearer of `token`; nobody, where it is empty.
    pub(crate) fn by(self, token: &str) -> Self {
        if token.is_empty() { self } else { self.header("authorization", format!("Bearer {token}")) }
    }

    pub(crate) fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        Self(self.0.header(name, value.as_ref()))
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub(crate) fn prefer(self, preference: &str) -> Self {
        self.header("prefer", preference)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self(self.0.header("content-type", content_type).body(body.into()))
    }

    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.unwrap()
    }

    /// The answer, if one came: a server that is killed gives none.
    pub(crate) async fn try_send(self) -> reqwest::Result<Answer> {
        let response = self.0.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, headers, text, body })
    }

    /// The answer as it comes, for what does not end by itself.
    pub(crate) async fn stream(self) -> reqwest::Response {
        self.0.send().await.unwrap()
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Null if it is no JSON.
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn str(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_else(|| panic!("no {field} in {} {}", self.status, self.text))
    }

    pub(crate) fn id(&self) -> String {
        self.str("id").to_owned()
    }

    /// Status and code of a problem document.
    pub(crate) fn problem(&self) -> (u16, &str) {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{} {}",
            self.status,
            self.text
        );
        assert_eq!((&self.body["type"], &self.body["status"]), (&"about:blank".into(), &self.status.into()));
        assert!(self.str("title").len() + self.str("detail").len() > 2);
        assert_eq!(self.str("trace_id").len(), 32);
        (self.status, self.str("code"))
    }

    /// The items of a page.
    pub(crate) fn items(&self) -> &[Value] {
        fields(&self.body, "items next_cursor", "");
        self.body["items"].as_array().unwrap()
    }
}

/// `value` is an object with all fields of `needed`, perhaps some of `optional`, and no other.
pub(crate) fn fields(value: &Value, needed: &str, optional: &str) {
    let names: BTreeSet<&str> = match value.as_object() {
        Some(object) => object.keys().map(String::as_str).collect(),
        None => panic!("no object: {value}"),
    };
    let needed: BTreeSet<&str> = needed.split_whitespace().collect();
    let allowed: BTreeSet<&str> = needed.iter().copied().chain(optional.split_whitespace()).collect();
    assert!(needed.is_subset(&names) && names.is_subset(&allowed), "{names:?} in {value}");
}
