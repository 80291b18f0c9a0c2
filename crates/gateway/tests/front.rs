//! A gateway before a unit that is scripted, byte by byte: what it is sent, and what becomes of what it answers.
#![expect(clippy::unwrap_used, reason = "a test's helpers, too")]

use http_api::auth::Claims;
use http_api::{Draining, Edge, RateLimits};
use jsonwebtoken::{EncodingKey, Header};
use jumun_gateway::{Gateway, GatewayParts, PATIENCE, Unit};
use kernel::DomainName;
use kernel::ids::UserId;
use reqwest::{Client, RequestBuilder, Response};
use runtime::adapters::SystemClock;
use runtime::ports::clock::Clock;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use units::ServiceKey;
use user::Role;

const SIGNING_KEY: &[u8] = b"a signing key of thirty-two bytes or more";
const SERVICE_KEY: &[u8] = b"a service key of thirty-two bytes or more";
const MADE: &str = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";

/// A unit that does what it is told with one connection after the other, and what it was sent.
struct Scripted {
    address: SocketAddr,
    heard: UnboundedReceiver<String>,
}

impl Scripted {
    /// Answers each request with one of `answers`; with none, it hangs up.
    async fn new(answers: Vec<Option<&'static str>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, heard) = unbounded_channel();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                sender.send(request(&mut stream).await).unwrap();
                stream.write_all(answer.unwrap_or_default().as_bytes()).await.unwrap();
            }
            // Nobody is there any more before that is known.
            drop(listener);
            drop(sender);
        });
        Self { address, heard }
    }

    /// How many requests it was sent: all of them, once every answer is used up.
    async fn count(mut self) -> usize {
        let mut count = 0;
        while self.heard.recv().await.is_some() {
            count += 1;
        }
        count
    }
}

/// The head of a request, in small letters. (No test sends a body that matters.)
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
    }
    String::from_utf8(bytes).unwrap().to_ascii_lowercase()
}

/// Nobody listens there.
fn nowhere() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The address of a gateway before one unit, which has all domains.
async fn gateway(unit: SocketAddr, patience: Duration, draining: &Draining) -> String {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let domains = ["user", "product", "order"];
    let gateway = Gateway::new(GatewayParts {
        edge: Edge::new(SIGNING_KEY, RateLimits::Off, Arc::clone(&clock)).unwrap(),
        units: vec![Unit::new("all", &format!("http://{unit}"))],
        homes: domains.into_iter().map(|domain| (DomainName::of(domain), "all".to_owned())).collect(),
        key: ServiceKey::new(SERVICE_KEY).unwrap(),
        clock,
        patience,
        draining: draining.clone(),
    });
    let service = gateway.unwrap().app().into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, service).await });
    url
}

async fn before(unit: SocketAddr) -> String {
    gateway(unit, PATIENCE, &Draining::default()).await
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

fn token(role: Role) -> String {
    let now = SystemClock::default().now().0 / 1_000;
    let claims = Claims { sub: UserId(uuid::Uuid::from_u128(7)), role, iat: now, exp: now + 600 };
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SIGNING_KEY)).unwrap()
}

fn order(url: &str) -> RequestBuilder {
    client().post(format!("{url}/v1/orders")).bearer_auth(token(Role::Customer)).body("{}")
}

/// Status and code of a problem.
async fn problem(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!((&body["status"], body["trace_id"].as_str().unwrap().len()), (&status.into(), 32));
    (status, body["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn what_may_be_heard_twice_is_sent_until_somebody_answers() {
    let unit = Scripted::new(vec![None, None, Some(MADE)]).await;
    let answer = order(&before(unit.address).await).header("idempotency-key", "k").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (201, "{}"));
    assert_eq!(unit.count().await, 3);
}

#[tokio::test]
async fn what_may_not_be_heard_twice_is_sent_once() {
    let unit = Scripted::new(vec![None]).await;
    let url = before(unit.address).await;
    let answer = order(&url).send().await.unwrap();
    assert_eq!(problem(answer).await, (502, "ANSWER_LOST".to_owned()));
    assert_eq!(unit.count().await, 1);
    // Now nobody is there: nothing was heard, whatever it was.
    let answer = order(&url).send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(problem(answer).await, (503, "UNAVAILABLE".to_owned()));
}

#[tokio::test]
async fn patience_with_a_unit_that_is_away_ends() {
    let url = gateway(nowhere(), Duration::from_millis(100), &Draining::default()).await;
    let answer = client().get(format!("{url}/v1/products")).send().await.unwrap();
    assert_eq!(problem(answer).await, (503, "UNAVAILABLE".to_owned()));
    let figures = client().get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
    let retried = figures.lines().find(|line| line.contains("ended=\"retried\"")).unwrap();
    assert!(!retried.ends_with(" 0") && figures.contains("ended=\"failed\"} 1"), "{figures}");
}

#[tokio::test]
async fn who_may_not_is_refused_before_a_unit_is_asked() {
    let url = gateway(nowhere(), Duration::ZERO, &Draining::default()).await;
    let ask = |path: &str| client().get(format!("{url}{path}"));
    let overview = |role| ask("/v1/admin/overview").bearer_auth(token(role));
    let late = Header::default();
    let expired = Claims { sub: UserId(uuid::Uuid::nil()), role: Role::Admin, iat: 0, exp: 1 };
    let expired = jsonwebtoken::encode(&late, &expired, &EncodingKey::from_secret(SIGNING_KEY)).unwrap();
    for (asked, refused) in [
        (ask("/v1/users/me"), (401, "TOKEN_REQUIRED")),
        (ask("/v1/users/me").bearer_auth("no.such.token"), (401, "TOKEN_INVALID")),
        (ask("/v1/users/me").bearer_auth(expired), (401, "TOKEN_EXPIRED")),
        (overview(Role::Customer), (403, "FORBIDDEN")),
        (ask("/v1/nowhere"), (404, "NOT_FOUND")),
        (ask("/internal/v1/status"), (404, "NOT_FOUND")),
        (client().delete(format!("{url}/v1/orders")), (405, "METHOD_NOT_ALLOWED")),
        // These may, and only then is the unit missed.
        (overview(Role::Admin), (503, "UNAVAILABLE")),
        (ask("/v1/products"), (503, "UNAVAILABLE")),
    ] {
        let (status, code) = problem(asked.send().await.unwrap()).await;
        assert_eq!((status, code.as_str()), refused);
    }
    let large = order(&url).body(vec![b' '; 256 * 1024 + 1]).send().await.unwrap();
    assert_eq!(problem(large).await, (413, "BODY_TOO_LARGE".to_owned()));
}

#[tokio::test]
async fn a_unit_is_told_who_asks_and_by_whom() {
    let mut unit = Scripted::new(vec![Some(MADE)]).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let asked = order(&before(unit.address).await).header("traceparent", trace).header("te", "trailers");
    let answer = asked.header("jumun-client", "1.2.3.4").header("jumun-service-token", "mine").send().await;
    assert_eq!(answer.unwrap().status(), 201);
    let heard = unit.heard.recv().await.unwrap();
    let said = |name: &str| {
        let mut lines = heard.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        lines.next().filter(|_| lines.next().is_none())
    };
    assert!(heard.starts_with("post /v1/orders http/1.1\r\n"), "{heard}");
    assert_eq!(
        (said("jumun-client"), said("te"), said("host")),
        (Some("127.0.0.1"), None, Some(&*unit.address.to_string()))
    );
    let (given, ours) = (said("traceparent").unwrap(), &trace[..36]);
    assert!(given.starts_with(ours) && given != trace, "one trace, a span of the gateway's own: {given}");
    assert!(said("jumun-service-token").is_some_and(|token| token.len() > 40), "{heard}");
    assert!(said("authorization").unwrap().starts_with("bearer "));
}

#[tokio::test]
async fn events_go_on_as_they_come() {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, was_seen) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        stream.write_all(HEAD).await.unwrap();
        // The second event happens only once the first has arrived.
        was_seen.await.unwrap();
        stream.write_all(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n").await.unwrap();
    });
    let path = format!("{}/v1/orders/{}/events", before(address).await, uuid::Uuid::nil());
    let mut answer = client().get(path).bearer_auth(token(Role::Customer)).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "data: 1\n\n");
    seen.send(()).unwrap();
    assert_eq!(answer.text().await.unwrap(), "data: 2\n\n");
}

#[tokio::test]
async fn it_is_as_ready_as_its_units_are() {
    let unit = Scripted::new(vec![
        Some("HTTP/1.1 200 OK\r\ncontent-length: 15\r\nconnection: close\r\n\r\n{\"status\":\"ok\"}"),
        Some("HTTP/1.1 200 OK\r\ncontent-length: 42\r\nconnection: close\r\n\r\n{\"status\":\"degraded\",\"missing\":[\"Redis\"]}\n"),
        Some("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        None,
    ])
    .await;
    let draining = Draining::default();
    let url = gateway(unit.address, PATIENCE, &draining).await;
    let ready = async || client().get(format!("{url}/readyz")).send().await.unwrap();
    assert_eq!(ready().await.text().await.unwrap(), "{\"status\":\"ok\"}");
    assert_eq!(ready().await.text().await.unwrap(), "{\"status\":\"degraded\",\"missing\":[\"all: Redis\"]}");
    assert_eq!(problem(ready().await).await, (503, "NOT_READY".to_owned()));
    assert_eq!(problem(ready().await).await, (503, "NOT_READY".to_owned()));
    assert_eq!(unit.count().await, 4);
    draining.begin();
    assert!(ready().await.text().await.unwrap().contains("about to end"));
}
