//! Rate limits: per client address, per user, and tighter where passwords are tried.

use crate::app::AppState;
use crate::auth::Tokens;
use crate::problem::Problem;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use kernel::Timestamp;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// At most so many requests in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many.
    pub requests: NonZeroU32,
    /// In which time.
    pub per: Duration,
}

/// Which limits hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimits {
    /// None.
    Off,
    /// These.
    On {
        /// Per client address. `X-Forwarded-For` is not believed: anybody can write it.
        client: RateLimit,
        /// Per user with a good token.
        user: RateLimit,
        /// Per client address, for sign-up and log-in.
        sign_in: RateLimit,
    },
}

impl RateLimit {
    /// `requests` a minute.
    #[must_use]
    pub const fn per_minute(requests: NonZeroU32) -> Self {
        Self { requests, per: Duration::from_secs(60) }
    }
}

const fn count(n: u32) -> NonZeroU32 {
    match NonZeroU32::new(n) {
        Some(n) => n,
        None => NonZeroU32::MIN,
    }
}

impl Default for RateLimits {
    fn default() -> Self {
        Self::On {
            client: RateLimit::per_minute(count(600)),
            user: RateLimit::per_minute(count(300)),
            sign_in: RateLimit::per_minute(count(20)),
        }
    }
}

type Keyed<K> = RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// One limit at work.
struct Limiter<K: Hash + Eq + Clone> {
    name: &'static str,
    limit: RateLimit,
    keyed: Keyed<K>,
    asked: AtomicU32,
    clock: DefaultClock,
}

/// What a limit says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    name: &'static str,
    limit: RateLimit,
    left: u32,
    /// How long until one more is let through (refused), or until all are there again (let through).
    wait: Duration,
    refused: bool,
}

/// After so many requests the forgotten clients are swept out.
const SWEEP: u32 = 10_000;

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(name: &'static str, limit: RateLimit) -> Self {
        let period = (limit.per / limit.requests.get()).max(Duration::from_nanos(1));
        // A period is never zero here, which is all that `with_period` could refuse.
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(limit.requests));
        let keyed = RateLimiter::keyed(quota.allow_burst(limit.requests)).with_middleware();
        Self { name, limit, keyed, asked: AtomicU32::new(0), clock: DefaultClock::default() }
    }

    fn ask(&self, key: &K) -> Standing {
        if self.asked.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            self.keyed.retain_recent();
        }
        let (name, limit) = (self.name, self.limit);
        match self.keyed.check_key(key) {
            Ok(state) => {
                let left = state.remaining_burst_capacity();
                let used = limit.requests.get().saturating_sub(left);
                let wait = (limit.per / limit.requests.get()).saturating_mul(used);
                Standing { name, limit, left, wait, refused: false }
            }
            Err(until) => {
                Standing { name, limit, left: 0, wait: until.wait_time_from(self.clock.now()), refused: true }
            }
        }
    }
}

/// All limits of a door.
pub(crate) struct Limits {
    client: Limiter<IpAddr>,
    user: Limiter<Uuid>,
    sign_in: Limiter<IpAddr>,
}

impl Limits {
    pub(crate) fn new(limits: RateLimits) -> Option<Self> {
        match limits {
            RateLimits::Off => None,
            RateLimits::On { client, user, sign_in } => Some(Self {
                client: Limiter::new("client", client),
                user: Limiter::new("user", user),
                sign_in: Limiter::new("sign-in", sign_in),
            }),
        }
    }

    /// The strictest answer of all limits that concern this request.
    fn ask(&self, address: IpAddr, user: Option<Uuid>, signs_in: bool) -> Standing {
        let address = network(address);
        let mut strictest = self.client.ask(&address);
        let mut also = |standing: Standing| {
            if (standing.refused, u32::MAX - standing.left) > (strictest.refused, u32::MAX - strictest.left) {
                strictest = standing;
            }
        };
        if signs_in {
            also(self.sign_in.ask(&address));
        }
        if let Some(user) = user {
            also(self.user.ask(&user));
        }
        strictest
    }
}

/// Who counts as one client: an IPv4 address, or an IPv6 network of 64 bits, of which everybody has all addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
    }
}

/// Lets a request through, or answers 429.
pub(crate) async fn limit(
    State(state): State<AppState>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let Some(limits) = state.limits() else { return next.run(request).await };
    let client = state.client(request.headers());
    limits.through(state.tokens(), state.now(), client, path, request, next).await
}

impl Limits {
    /// Lets a request through, or answers 429. `client` is its address, where that is not the connection's.
    pub(crate) async fn through(
        &self,
        tokens: &Tokens,
        now: Timestamp,
        client: Option<IpAddr>,
        path: Option<MatchedPath>,
        mut request: Request,
        next: Next,
    ) -> Response {
        let path = path.as_ref().map_or("", MatchedPath::as_str);
        // Who runs the process asks for these, and must not be locked out by a crowd.
        if matches!(path, "/healthz" | "/readyz" | "/metrics") {
            return next.run(request).await;
        }
        let address = client.unwrap_or_else(|| peer(&request));
        let claims = request.headers().contains_key(header::AUTHORIZATION);
        let claims = claims.then(|| tokens.claims(request.headers(), now)).and_then(Result::ok);
        let signs_in = *request.method() == Method::POST && matches!(path, "/v1/users" | "/v1/auth/token");
        let standing = self.ask(address, claims.as_ref().map(|claims| claims.sub.0), signs_in);
        if let Some(claims) = claims {
            request.extensions_mut().insert(claims);
        }
        let mut response = if standing.refused {
            let problem = Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                "too many requests; wait a little",
            );
            Problem { retry_after: Some(whole_seconds(standing.wait)), ..problem }.into_response()
        } else {
            next.run(request).await
        };
        show(&standing, &mut response);
        response
    }
}

/// The address at the other end of the connection.
pub(crate) fn peer(request: &Request) -> IpAddr {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    address.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip())
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn show(standing: &Standing, response: &mut Response) {
    let Standing { name, limit, left, wait, .. } = standing;
    let policy = format!("\"{name}\";q={};w={}", limit.requests, whole_seconds(limit.per));
    let now = format!("\"{name}\";r={left};t={}", whole_seconds(*wait));
    for (header, value) in [("ratelimit-policy", policy), ("ratelimit", now)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(header, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        let limit = |n| RateLimit::per_minute(count(n));
        Limits::new(RateLimits::On { client: limit(5), user: limit(3), sign_in: limit(1) }).unwrap()
    }

    #[test]
    fn the_strictest_limit_answers() {
        let (limits, address) = (limits(), IpAddr::from([10, 0, 0, 1]));
        let first = limits.ask(address, None, true);
        assert_eq!((first.name, first.left, first.refused), ("sign-in", 0, false));
        let second = limits.ask(address, None, true);
        assert_eq!((second.name, second.refused), ("sign-in", true));
        assert!(second.wait > Duration::ZERO && second.wait <= Duration::from_secs(60));
        let other = limits.ask(address, None, false);
        assert_eq!((other.name, other.left, other.refused), ("client", 2, false));
    }

    #[test]
    fn one_user_is_one_user_from_every_address() {
        let (limits, user) = (limits(), Some(Uuid::from_u128(1)));
        let refused = (1..=4).map(|host| limits.ask(IpAddr::from([10, 0, 0, host]), user, false).refused);
        assert_eq!(refused.collect::<Vec<_>>(), [false, false, false, true]);
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let address = |text: &str| network(text.parse().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8:0:1::1"), address("2001:db8::1"));
        assert_eq!(address("::ffff:10.0.0.1"), address("10.0.0.1"));
    }
}
