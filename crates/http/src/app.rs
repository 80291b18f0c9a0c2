//! The door put together: what it is made of, and the layers a request passes through.

use crate::auth::{Passwords, SHORTEST_KEY, Tokens};
use crate::limits::{Limits, RateLimits};
use crate::metrics::Metrics;
use crate::problem::{Problem, ProblemDocument};
use crate::query::Known;
use crate::{describe, limits, owners, query, routes, trace};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use kernel::Timestamp;
use shop::Shop;
use std::any::Any;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use units::ServiceKey;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

/// What a door is made of.
pub struct HttpConfig {
    /// The shop behind it.
    pub shop: Arc<Shop>,
    /// What access tokens are signed with: at least 32 bytes, kept secret.
    pub signing_key: Vec<u8>,
    /// The rate limits.
    pub rate_limits: RateLimits,
    /// The longest that a client can ask to wait for an order to settle.
    pub longest_wait: Duration,
    /// How long a request waits for an order to settle, unless it says otherwise.
    pub default_wait: Duration,
    /// The webhook secrets of payment gateways, by the gateway's name.
    pub webhook_secrets: BTreeMap<String, String>,
    /// Whether `/metrics` is only on [`metrics_app`], because the main address is public.
    pub admin_metrics_only: bool,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// Whether the process is about to end.
    pub draining: Draining,
    /// The gateway in front of it, whose word about a client's address is believed.
    pub behind: Option<Behind>,
}

/// How a process ends: it says that it is not ready before it stops taking requests, and then nobody is kept waiting.
#[derive(Clone, Debug, Default)]
pub struct Draining(watch::Sender<Stage>);

/// How far a process is with ending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// It serves.
    #[default]
    Serving,
    /// It serves, and says that it is not ready for more.
    NotReady,
    /// It ends.
    Ending,
}

impl Draining {
    /// From now on it is not ready.
    pub fn begin(&self) {
        self.0.send_replace(Stage::NotReady);
    }

    /// From now on whoever waits for something to happen is told how it stands.
    pub fn end(&self) {
        self.0.send_replace(Stage::Ending);
    }

    /// Whether it has begun.
    #[must_use]
    pub fn is_on(&self) -> bool {
        *self.0.borrow() > Stage::Serving
    }

    /// Waits until the process ends.
    pub async fn ended(&self) {
        // The sender is kept by this.
        let _ = self.0.subscribe().wait_for(|stage| *stage == Stage::Ending).await;
    }
}

/// What a unit believes its gateway by.
#[derive(Clone, Debug)]
pub struct Behind {
    /// The key that all units share.
    pub key: ServiceKey,
    /// The names that this process answers to.
    pub units: Vec<String>,
}

impl Behind {
    /// The client's address, as a gateway that shows a service token says it.
    pub(crate) fn client(&self, headers: &HeaderMap, now: Timestamp) -> Option<IpAddr> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let (token, client) = (text(SERVICE_HEADER)?, text(CLIENT_HEADER)?);
        let is_believed = self.units.iter().any(|unit| self.key.check(token, unit, now).is_ok());
        client.parse().ok().filter(|_| is_believed)
    }
}

/// The header in which a gateway shows a service token beside its client's own.
pub const SERVICE_HEADER: &str = "jumun-service-token";
/// The header in which it says its client's address.
pub const CLIENT_HEADER: &str = "jumun-client";

impl HttpConfig {
    /// The defaults.
    #[must_use]
    pub fn new(shop: Arc<Shop>, signing_key: Vec<u8>) -> Self {
        Self {
            shop,
            signing_key,
            rate_limits: RateLimits::default(),
            longest_wait: Duration::from_secs(60),
            default_wait: Duration::from_secs(10),
            webhook_secrets: BTreeMap::new(),
            admin_metrics_only: false,
            max_body: 256 * 1024,
            draining: Draining::default(),
            behind: None,
        }
    }
}

/// Why a door cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A short key can be guessed.
    #[error("the signing key has {0} bytes; it needs at least {SHORTEST_KEY}")]
    SigningKey(usize),
    /// No password can be hashed.
    #[error("passwords cannot be hashed: {0}")]
    Passwords(argon2::password_hash::Error),
}

/// What every handler shares.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    shop: Arc<Shop>,
    tokens: Tokens,
    passwords: Passwords,
    limits: Option<Limits>,
    metrics: Metrics,
    longest_wait: Duration,
    default_wait: Duration,
    webhook_secrets: BTreeMap<String, String>,
    admin_metrics_only: bool,
    max_body: usize,
    draining: Draining,
    behind: Option<Behind>,
}

impl AppState {
    /// The state of a door as configured.
    ///
    /// # Errors
    /// If the signing key is too short.
    pub fn new(config: HttpConfig) -> Result<Self, ConfigError> {
        if config.signing_key.len() < SHORTEST_KEY {
            return Err(ConfigError::SigningKey(config.signing_key.len()));
        }
        Ok(Self(Arc::new(Inner {
            tokens: Tokens::new(&config.signing_key),
            passwords: Passwords::new().map_err(ConfigError::Passwords)?,
            limits: Limits::new(config.rate_limits),
            metrics: Metrics::of(&config.shop),
            shop: config.shop,
            longest_wait: config.longest_wait,
            default_wait: config.default_wait,
            webhook_secrets: config.webhook_secrets,
            admin_metrics_only: config.admin_metrics_only,
            max_body: config.max_body,
            draining: config.draining,
            behind: config.behind,
        })))
    }

    /// The shop.
    #[must_use]
    pub fn shop(&self) -> &Arc<Shop> {
        &self.0.shop
    }

    /// What makes and checks access tokens.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// What hashes and compares passwords.
    #[must_use]
    pub fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// The wall-clock time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.shop.system().clock().now()
    }

    /// How long the process runs.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.shop.system().clock().elapsed()
    }

    /// The longest that a client can ask to wait.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        self.0.longest_wait
    }

    /// How long a request waits unless it says otherwise.
    #[must_use]
    pub fn default_wait(&self) -> Duration {
        self.0.default_wait
    }

    /// The webhook secret of a payment gateway.
    #[must_use]
    pub fn webhook_secret(&self, pg: &str) -> Option<&str> {
        self.0.webhook_secrets.get(pg).map(String::as_str)
    }

    /// The largest body, in bytes.
    pub(crate) fn max_body(&self) -> usize {
        self.0.max_body
    }

    /// Whether and how the process is about to end.
    pub(crate) fn draining(&self) -> &Draining {
        &self.0.draining
    }

    /// The client's address, where a gateway in front says it.
    pub(crate) fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        self.0.behind.as_ref()?.client(headers, self.now())
    }

    pub(crate) fn limits(&self) -> Option<&Limits> {
        self.0.limits.as_ref()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Jumun", description = "An order-and-payment backend. Errors are problem documents (RFC 9457)."),
    components(schemas(ProblemDocument<'static>)),
    security(("bearer" = []))
)]
struct Described;

fn described(routes: OpenApiRouter<AppState>) -> (Router<AppState>, utoipa::openapi::OpenApi) {
    let mut api = Described::openapi();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    api.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let (router, mut api) = OpenApiRouter::with_openapi(api).merge(routes).split_for_parts();
    describe::link(&mut api);
    (router, api)
}

/// The description of every route, as `/openapi.json` shows it.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    described(routes::all().merge(routes::metrics())).1
}

/// The whole door. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`: limits are per client address.
pub fn app(state: AppState) -> Router {
    let routes =
        if state.0.admin_metrics_only { routes::all() } else { routes::all().merge(routes::metrics()) };
    let (router, api) = described(routes);
    let known = Known::of(&api);
    let router = router.merge(SwaggerUi::new("/docs").url("/openapi.json", api));
    let router = router.layer(from_fn_with_state(known, query::refuse_unknown));
    layered(router.layer(from_fn_with_state(state.clone(), owners::only_own)), state)
}

/// `/metrics` alone, for an address that the public cannot reach.
pub fn metrics_app(state: AppState) -> Router {
    layered(described(routes::metrics()).0, state)
}

/// What lies around every route; the last layer is the outermost.
fn layered(router: Router<AppState>, state: AppState) -> Router {
    router
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(state.0.max_body))
        .layer(from_fn_with_state(state.clone(), limits::limit))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(map_response(secure))
        .layer(from_fn_with_state(state.clone(), trace::around))
        .with_state(state)
}

pub(crate) async fn nowhere() -> Problem {
    Problem::not_found("route")
}

pub(crate) async fn not_so() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "this route does not take that method")
}

/// What a handler's panic becomes. The message went to the panic hook, not to the client.
pub(crate) fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    Problem::internal().into_response()
}

/// Answers are for their caller alone, and are what their content type says.
pub(crate) async fn secure(mut response: Response) -> Response {
    use axum::http::{HeaderValue, header};
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
