//! The adapter that speaks to the PG simulator over HTTP.

mod classify;

use crate::gateway::{PaymentGateway, PgFuture};
use crate::wire::{CancelOrder, ChargeOrder, PAGE_LIMIT, REASON_LIMIT};
use payment::gateway::{PgAnswer, PgRequest};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};
use std::time::Duration;

/// How long one call may take unless configured otherwise (design §3.4).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where the simulator is and how to speak to it.
#[derive(Clone)]
pub struct SimulatorClientConfig {
    /// The simulator's address, e.g. `http://127.0.0.1:9090`; plain HTTP.
    pub base_url: String,
    /// The secret key of HTTP Basic authentication.
    pub secret_key: String,
    /// From the first attempt to connect to the last byte of the answer.
    pub timeout: Duration,
}

impl std::fmt::Debug for SimulatorClientConfig {
    /// Leaves the secret key out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatorClientConfig")
            .field("base_url", &self.base_url)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The base URL is not an `http` address.
    #[error("the PG's base URL `{url}` is not an http address")]
    BadBaseUrl {
        /// As configured.
        url: String,
    },
    /// The HTTP client did not start.
    #[error("the HTTP client of the PG adapter did not start")]
    Http(#[source] reqwest::Error),
}

/// A client of one simulator. Clones share one pool of connections.
#[derive(Clone)]
pub struct SimulatorClient {
    http: Client,
    charges: Url,
    secret_key: String,
}

impl std::fmt::Debug for SimulatorClient {
    /// Leaves the secret key out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatorClient").field("charges", &self.charges.as_str()).finish_non_exhaustive()
    }
}

impl SimulatorClient {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    /// A base URL that is not an `http` address, or an HTTP client that does not start.
    pub fn new(config: SimulatorClientConfig) -> Result<Self, ClientError> {
        let base = config.base_url.trim_end_matches('/');
        let charges = Url::parse(&format!("{base}/v1/charges"))
            .ok()
            .filter(|url| url.scheme() == "http" && url.has_host())
            .ok_or_else(|| ClientError::BadBaseUrl { url: config.base_url.clone() })?;
        let http = Client::builder()
            .timeout(config.timeout)
            // An address that never answers is then known not to have been reached, rather than unknown.
            .connect_timeout(config.timeout / 2)
            // A redirect would send a charge to somebody who was not configured, and perhaps twice.
            .redirect(Policy::none())
            // The simulator stands on this machine or beside it; no proxy of the environment is meant for it.
            .no_proxy()
            .tcp_nodelay(true)
            .build()
            .map_err(ClientError::Http)?;
        Ok(Self { http, charges, secret_key: config.secret_key })
    }

    /// Makes one call and says what became of it, within the configured timeout.
    pub async fn call(&self, request: PgRequest) -> PgAnswer {
        let response = match self.prepare(&request).send().await {
            Ok(response) => response,
            Err(error) => return classify::not_answered(error),
        };
        let status = response.status().as_u16();
        match response.bytes().await {
            Ok(body) => classify::answered(&request, status, &body),
            Err(error) => classify::cut(error),
        }
    }

    fn prepare(&self, request: &PgRequest) -> RequestBuilder {
        let built = match request {
            PgRequest::Charge { key, amount, currency, card_token, reference } => {
                let order = ChargeOrder {
                    amount: *amount,
                    currency: currency.clone(),
                    card_token: card_token.clone(),
                    reference: reference.clone(),
                };
                self.http.post(self.charges.clone()).header("idempotency-key", key).json(&order)
            }
            PgRequest::Query { key } => self.http.get(self.at(&[key])),
            PgRequest::Cancel { key, reason } => {
                let reason = reason.chars().take(REASON_LIMIT).collect();
                self.http.post(self.at(&[key, "cancel"])).json(&CancelOrder { reason })
            }
            PgRequest::List { after, limit } => {
                let limit = (*limit).clamp(1, PAGE_LIMIT).to_string();
                let mut url = self.charges.clone();
                url.query_pairs_mut()
                    .append_pair("limit", &limit)
                    .extend_pairs(after.iter().map(|cursor| ("after", cursor)));
                self.http.get(url)
            }
        };
        built.basic_auth(&self.secret_key, Some(""))
    }

    /// A path below the charges. Keys are escaped here, so that no key can name another path.
    fn at(&self, segments: &[&str]) -> Url {
        let mut url = self.charges.clone();
        // An http address can always take more segments; `new` accepts no other.
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        url
    }
}

impl PaymentGateway for SimulatorClient {
    fn call(&self, request: PgRequest) -> PgFuture {
        let client = self.clone();
        Box::pin(async move { Self::call(&client, request).await })
    }
}
