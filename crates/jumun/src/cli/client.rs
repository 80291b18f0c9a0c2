//! The HTTP API as commands with `--url` drive it: one person's log-in, and patience with limits.

use anyhow::{Context, bail};
use jumun::Config;
use jumun::config::Secret;
use load::http::retry_after;
use parking_lot::Mutex;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// A server's address and a client for it.
#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
}

/// An address and its password.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) email: String,
    pub(crate) password: Secret,
}

/// Somebody who is logged in; again, once their token is over.
pub(crate) struct Person {
    api: Api,
    credentials: Credentials,
    token: Mutex<String>,
}

/// An answer that was not a problem.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

/// What a problem document says.
#[derive(Debug, Deserialize, thiserror::Error)]
#[error("{status} {code}: {detail}")]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    #[serde(default)]
    detail: String,
}

/// Longer than the longest that a server is asked to wait.
const REQUEST: Duration = Duration::from_secs(90);
/// How often a connection is tried.
const CONNECTS: u32 = 5;
const RECONNECT: Duration = Duration::from_millis(200);

impl Credentials {
    /// The administrator's, as configured.
    ///
    /// # Errors
    /// If they are not.
    pub(crate) fn of_admin(config: &Config) -> anyhow::Result<Self> {
        match (&config.file.admin_email, &config.file.admin_password) {
            (Some(email), Some(password)) => Ok(Self { email: email.clone(), password: password.clone() }),
            _ => bail!(
                "--url needs the server's administrator: set JUMUN_ADMIN_EMAIL and JUMUN_ADMIN_PASSWORD"
            ),
        }
    }
}

impl Api {
    /// The server at `url`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// If this is no such address.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let parsed = reqwest::Url::parse(url).with_context(|| format!("--url {url}"))?;
        if parsed.scheme() != "http" {
            bail!("--url {url}: an address such as http://127.0.0.1:8080 is needed");
        }
        let http = reqwest::Client::builder().timeout(REQUEST).build()?;
        Ok(Self { http, base: url.trim_end_matches('/').to_owned() })
    }

    /// Logs in.
    ///
    /// # Errors
    /// If the server cannot be reached, or does not let them in.
    pub(crate) async fn log_in(&self, credentials: Credentials) -> anyhow::Result<Person> {
        let token = self.token(&credentials).await?;
        Ok(Person { api: self.clone(), credentials, token: Mutex::new(token) })
    }

    /// Signs somebody up, and logs them in.
    ///
    /// # Errors
    /// If the server cannot be reached, or does not take them.
    pub(crate) async fn sign_up(&self, credentials: Credentials, name: &str) -> anyhow::Result<Person> {
        let body = json!({ "email": credentials.email, "password": credentials.password.0, "name": name });
        self.send("/v1/users", || self.request(Method::POST, "/v1/users").json(&body))
            .await
            .with_context(|| name.to_owned())?;
        self.log_in(credentials).await
    }

    async fn token(&self, credentials: &Credentials) -> anyhow::Result<String> {
        let body = json!({ "email": credentials.email, "password": credentials.password.0 });
        let post = || self.request(Method::POST, "/v1/auth/token").json(&body);
        let answer = self.send("/v1/auth/token", post).await?;
        let token = answer.body.get("access_token").and_then(Value::as_str);
        Ok(token.context("/v1/auth/token answered without a token")?.to_owned())
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends what `build` builds, again where a limit or a closed door says to: neither has done anything.
    ///
    /// # Errors
    /// [`Refusal`], or that the server cannot be reached.
    pub(crate) async fn send(
        &self,
        path: &str,
        build: impl Fn() -> RequestBuilder,
    ) -> anyhow::Result<Answer> {
        let mut connects = 0;
        loop {
            match build().send().await {
                Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => {
                    tokio::time::sleep(retry_after(&response)).await;
                }
                Ok(response) => return read(response).await.with_context(|| path.to_owned()),
                Err(error) if error.is_connect() && connects + 1 < CONNECTS => {
                    connects += 1;
                    tokio::time::sleep(RECONNECT).await;
                }
                Err(error) => {
                    return Err(error).with_context(|| format!("{path}: the server cannot be asked"));
                }
            }
        }
    }
}

impl Person {
    /// Sends a request in this person's name.
    ///
    /// # Errors
    /// [`Refusal`], or that the server cannot be reached.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        adorn: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> anyhow::Result<Answer> {
        let attempt = async || {
            let token = self.token.lock().clone();
            let build = || adorn(self.api.request(method.clone(), path)).bearer_auth(&token);
            self.api.send(path, build).await
        };
        match attempt().await {
            Err(error) if is_expired(&error) => {
                self.log_in_again().await?;
                attempt().await
            }
            other => other,
        }
    }

    /// An access token of theirs: another one than `refused`.
    ///
    /// # Errors
    /// If they cannot log in any more.
    pub(crate) async fn bearer(&self, refused: Option<&str>) -> anyhow::Result<String> {
        if refused.is_some_and(|refused| *self.token.lock() == refused) {
            self.log_in_again().await?;
        }
        Ok(self.token.lock().clone())
    }

    async fn log_in_again(&self) -> anyhow::Result<()> {
        let token = self.api.token(&self.credentials).await?;
        *self.token.lock() = token;
        Ok(())
    }

    /// Reads every page of a list.
    ///
    /// # Errors
    /// [`Refusal`], or items of another shape.
    pub(crate) async fn list<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let query: Vec<(&str, &str)> =
                [("limit", "100")].into_iter().chain(cursor.as_deref().map(|c| ("cursor", c))).collect();
            let mut answer = self.send(Method::GET, path, |request| request.query(&query)).await?;
            let page: Vec<T> = serde_json::from_value(answer.body["items"].take())
                .with_context(|| format!("{path}: items of another shape"))?;
            items.extend(page);
            match answer.body["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(items),
            }
        }
    }
}

fn is_expired(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.status == StatusCode::UNAUTHORIZED.as_u16())
}

async fn read(response: Response) -> anyhow::Result<Answer> {
    let status = response.status();
    let text = response.text().await?;
    if status.is_success() {
        let body = serde_json::from_str(&text).context("an answer that is no JSON")?;
        return Ok(Answer { status, body });
    }
    let fallback = || Refusal { status: status.as_u16(), code: "HTTP".to_owned(), detail: text.clone() };
    Err(serde_json::from_str::<Refusal>(&text).unwrap_or_else(|_| fallback()).into())
}
