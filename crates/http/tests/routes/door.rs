//! The door itself over a real shop in memory: what it refuses, who it lets in, and what operators see.

use crate::world::{SEVEN_SERVICES, World};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use jumun_http::{AppState, HttpConfig, RateLimit, RateLimits};
use kernel::Trace;
use serde_json::{Value, json};
use shop::aids::Aid;
use std::num::NonZeroU32;
use std::sync::Arc;
use tower::ServiceExt;

/// A running shop behind a door of its own.
struct Door {
    door: Router,
    world: World,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code.
    fn problem(&self) -> (u16, &str) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.body);
        (self.status, self.body["code"].as_str().unwrap())
    }

    fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap()
    }
}

impl Door {
    fn new(rate_limits: RateLimits) -> Self {
        let world = World::new(SEVEN_SERVICES);
        let shop = Arc::clone(&world.shop);
        let config = HttpConfig { rate_limits, max_body: 4_096, ..HttpConfig::new(shop, vec![7; 32]) };
        Self { door: jumun_http::app(AppState::new(config).unwrap()), world }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.door.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or_else(|_| text()) }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    async fn get(&self, token: &str, path: &str) -> Answer {
        self.ask(Method::GET, path, &[("authorization", &format!("Bearer {token}"))], None).await
    }

    async fn post(&self, token: &str, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, &[("authorization", &format!("Bearer {token}"))], Some(body)).await
    }

    async fn patch(&self, token: &str, path: &str, body: Value) -> Answer {
        self.ask(Method::PATCH, path, &[("authorization", &format!("Bearer {token}"))], Some(body)).await
    }

    async fn sign_up(&self, name: &str) -> Answer {
        let body = json!({"email": format!("{name}@example.com"), "name": name, "password": "correct horse"});
        self.ask(Method::POST, "/v1/users", &[], Some(body)).await
    }

    async fn log_in(&self, name: &str, password: &str) -> Answer {
        let body = json!({"email": format!("{name}@example.com"), "password": password});
        self.ask(Method::POST, "/v1/auth/token", &[], Some(body)).await
    }

    async fn token(&self, name: &str) -> String {
        self.log_in(name, "correct horse").await.text("access_token").to_owned()
    }

    async fn admin(&self) -> String {
        let password_hash = jumun_http::auth::hash("correct horse").unwrap();
        let command =
            user::EnsureAdmin { email: "admin@example.com".into(), name: "Admin".into(), password_hash };
        self.world.shop.ask(command, Trace::default()).await.unwrap();
        self.token("admin").await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_door_does_not_know_is_a_problem_document_under_the_callers_trace() {
    let door = Door::new(RateLimits::Off);
    let trace = [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")];
    let nowhere = door.ask(Method::GET, "/v1/nowhere?a=b", &trace, None).await;
    assert_eq!(nowhere.problem(), (404, "NOT_FOUND"));
    assert_eq!((nowhere.text("instance"), nowhere.text("title")), ("/v1/nowhere", "Not Found"));
    assert_eq!(nowhere.text("trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(nowhere.header("traceparent").starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));

    let not_so = door.ask(Method::DELETE, "/v1/users", &[], None).await;
    assert_eq!(not_so.problem(), (405, "METHOD_NOT_ALLOWED"));
    assert!(not_so.header("allow").contains("POST"), "{:?}", not_so.headers);
    let odd = door.ask(Method::GET, "/v1/users?limit=1&colour=red", &[], None).await;
    assert_eq!(
        (odd.problem(), odd.body["errors"][0]["pointer"].as_str()),
        ((400, "BAD_PARAMETER"), Some("colour"))
    );
    let twice = door.ask(Method::GET, "/v1/users?limit=1&limit=2", &[], None).await;
    assert_eq!(twice.problem(), (400, "BAD_PARAMETER"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_taken_is_refused_and_makes_nothing() {
    let door = Door::new(RateLimits::Off);
    let send = |kind: Option<&'static str>, body: String| {
        let mut request = Request::builder().method(Method::POST).uri("/v1/users");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        door.send(request.body(Body::from(body)).unwrap())
    };
    let json = Some("application/json");
    let good = json!({"email": "kim@example.com", "name": "Kim", "password": "correct horse"}).to_string();
    assert_eq!(send(None, good.clone()).await.problem(), (415, "UNSUPPORTED_MEDIA_TYPE"));
    assert_eq!(send(Some("text/plain"), good.clone()).await.problem(), (415, "UNSUPPORTED_MEDIA_TYPE"));
    assert_eq!(send(json, "{".to_owned()).await.problem(), (400, "MALFORMED_JSON"));
    assert_eq!(send(json, " ".repeat(5_000)).await.problem(), (413, "BODY_TOO_LARGE"));
    for (field, value) in [
        ("email", json!("no address")),
        ("email", json!("a\u{0}@example.com")),
        ("email", json!(7)),
        ("name", json!("x".repeat(101))),
        ("name", json!("a\u{7}")),
        ("password", json!("short")),
        ("password", json!(4_111_111_111_111_111_u64)),
        ("role", json!("admin")),
    ] {
        let mut body: Value = serde_json::from_str(&good).unwrap();
        body[field] = value;
        let answer = send(json, body.to_string()).await;
        assert_eq!(answer.problem().0, 422, "{field}");
        assert_eq!(answer.body["errors"][0]["pointer"], json!(format!("/{field}")));
        assert!(!answer.body.to_string().contains("4111"));
    }
    assert_eq!(send(json, good.clone()).await.status, 201);
    assert_eq!(send(json, good).await.problem(), (409, "EMAIL_TAKEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_logs_in_can_act_until_they_are_suspended() {
    let door = Door::new(RateLimits::Off);
    let made = door.sign_up("kim").await;
    assert_eq!((made.status, made.text("role"), made.text("status")), (201, "customer", "ACTIVE"));
    assert!(made.body.get("password_hash").is_none());
    let (wrong, unknown) = (door.log_in("kim", "wrong").await, door.log_in("nobody", "wrong").await);
    assert_eq!(wrong.problem(), (401, "INVALID_CREDENTIALS"));
    assert_eq!((wrong.text("detail"), wrong.problem()), (unknown.text("detail"), unknown.problem()));

    let token = door.token("kim").await;
    let me = door.get(&token, "/v1/users/me").await;
    assert_eq!((me.status, me.header("etag"), me.text("name")), (200, "\"1\"", "kim"));
    let bearer = format!("Bearer {token}");
    let stale = [("authorization", bearer.as_str()), ("if-match", "\"9\"")];
    let body = json!({"name": "Kim Lee"});
    let refused = door.ask(Method::PATCH, "/v1/users/me", &stale, Some(body.clone())).await;
    assert_eq!(refused.problem(), (412, "VERSION_MISMATCH"));
    let current = [("authorization", bearer.as_str()), ("if-match", "\"1\"")];
    let patched = door.ask(Method::PATCH, "/v1/users/me", &current, Some(body)).await;
    assert_eq!((patched.status, patched.header("etag"), patched.text("name")), (200, "\"2\"", "Kim Lee"));
    assert_eq!(door.get("no.such.token", "/v1/users/me").await.problem(), (401, "TOKEN_INVALID"));
    assert_eq!(door.get(&token, "/v1/users").await.problem(), (403, "FORBIDDEN"));

    let admin = door.admin().await;
    let at = format!("/v1/users/{}", made.text("id"));
    assert_eq!(door.patch(&admin, &at, json!({"role": "admin", "reason": "helps"})).await.status, 200);
    assert_eq!(
        door.get(&token, "/v1/users").await.status,
        200,
        "a new role works at once, with the old token"
    );
    let suspended = door.patch(&admin, &at, json!({"status": "SUSPENDED"})).await;
    assert_eq!(suspended.text("status"), "SUSPENDED");
    assert_eq!(door.get(&token, "/v1/users/me").await.problem(), (401, "USER_SUSPENDED"));
    assert_eq!(door.log_in("kim", "correct horse").await.problem(), (401, "USER_SUSPENDED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_comes_twice_ends_its_whole_family() {
    let door = Door::new(RateLimits::Off);
    door.sign_up("kim").await;
    let refresh = async |token: &str| {
        door.ask(Method::POST, "/v1/auth/refresh", &[], Some(json!({"refresh_token": token}))).await
    };
    let first = door.log_in("kim", "correct horse").await;
    assert_eq!((first.text("token_type"), &first.body["expires_in"]), ("Bearer", &json!(900)));
    let second = refresh(first.text("refresh_token")).await;
    assert_eq!(second.status, 200);
    assert_eq!(refresh(first.text("refresh_token")).await.problem(), (401, "REFRESH_TOKEN_INVALID"));
    assert_eq!(refresh(second.text("refresh_token")).await.problem(), (401, "REFRESH_TOKEN_INVALID"));
    assert_eq!(refresh("nonsense").await.problem(), (401, "REFRESH_TOKEN_INVALID"));
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_see_users_and_grant_them_points() {
    let door = Door::new(RateLimits::Off);
    let admin = door.admin().await;
    let kim = door.sign_up("kim").await.text("id").to_owned();
    let page = door.get(&admin, "/v1/users?limit=1").await;
    assert_eq!(page.body["items"][0]["id"], json!(kim));
    let next = format!("/v1/users?limit=1&cursor={}", page.text("next_cursor"));
    let last = door.get(&admin, &next).await;
    assert_eq!(
        (last.body["items"][0]["role"].as_str(), &last.body["next_cursor"]),
        (Some("admin"), &Value::Null)
    );
    for nobody in ["/v1/users/not-an-id", "/v1/users/0190163d-8694-739b-aea5-966c26f8ad91"] {
        assert_eq!(door.get(&admin, nobody).await.problem(), (404, "NOT_FOUND"), "{nobody}");
    }
    let points = format!("/v1/users/{kim}/points");
    let granted = door.post(&admin, &points, json!({"adjust": 5_000, "reason": "welcome"})).await;
    assert_eq!(granted.body, json!({"balance": 5_000, "currency": "KRW"}));
    let taken = door.post(&admin, &points, json!({"adjust": -6_000, "reason": "oops"})).await;
    assert_eq!(taken.problem(), (409, "POINTS_WOULD_BE_NEGATIVE"));
    let huge = door.post(&admin, &points, json!({"adjust": 9_007_199_254_740_992_i64, "reason": "x"})).await;
    assert_eq!((huge.problem().0, huge.body["errors"][0]["pointer"].as_str()), (422, Some("/adjust")));
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_see_orders_and_what_was_said_about_them() {
    let door = Door::new(RateLimits::Off);
    let admin = door.admin().await;
    let kim = door.sign_up("kim").await.text("id").to_owned();
    let points = format!("/v1/users/{kim}/points");
    door.post(&admin, &points, json!({"adjust": 5_000, "reason": "welcome"})).await;
    let mug = json!({"sku": "MUG", "name": "Mug", "price": 1_000, "stock": 5});
    let mug = door.post(&admin, "/v1/products", mug).await.text("id").to_owned();
    let bearer = format!("Bearer {}", door.token("kim").await);
    let headers = [
        ("authorization", bearer.as_str()),
        ("idempotency-key", "k"),
        ("prefer", "wait=10"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    let body = json!({"lines": [{"product_id": mug, "quantity": 1}], "points": "all"});
    let order = door.ask(Method::POST, "/v1/orders", &headers, Some(body)).await;
    assert_eq!((order.status, order.text("status")), (201, "CONFIRMED"), "{}", order.body);
    let id = order.text("id").to_owned();

    for (filter, found) in [
        ("status=CONFIRMED", 1),
        ("status=FAILED", 0),
        ("from=2020-01-01T00:00:00Z&to=2999-01-01T00:00:00Z", 1),
        ("to=2020-01-01T00:00:00Z", 0),
    ] {
        let orders = door.get(&admin, &format!("/v1/admin/orders?user_id={kim}&{filter}")).await;
        assert_eq!(orders.body["items"].as_array().map(Vec::len), Some(found), "{filter}: {}", orders.body);
    }
    for bad in ["status=SHINY", "from=yesterday", "user_id=7"] {
        let answer = door.get(&admin, &format!("/v1/admin/orders?{bad}")).await;
        assert_eq!(answer.problem(), (400, "BAD_PARAMETER"), "{bad}");
        assert_eq!(answer.body["errors"][0]["pointer"].as_str(), bad.split('=').next());
    }

    let timeline = door.get(&admin, &format!("/v1/admin/orders/{id}/timeline")).await;
    assert_eq!(timeline.text("trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    let events = timeline.body["events"].as_array().unwrap().clone();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[0], "order.placed", "{kinds:?}");
    assert!(kinds.contains(&"stock.done") && kinds.contains(&"order.confirmed"), "{kinds:?}");
    for by in [format!("order_id={id}"), "trace_id=4bf92f3577b34da6a3ce929d0e0e4736".to_owned()] {
        let listed = door.get(&admin, &format!("/v1/admin/events?{by}&limit=100")).await;
        let mut listed = listed.body["items"].as_array().unwrap().clone();
        listed.reverse();
        // What follows the order (its sale is counted) may have come since.
        assert!(listed.starts_with(&events), "{by}: {listed:?}");
    }
    assert_eq!(door.get(&admin, "/v1/admin/events").await.problem(), (400, "BAD_PARAMETER"));

    let fulfil = format!("/v1/admin/orders/{id}/fulfil");
    assert_eq!(door.post(&admin, &fulfil, json!({})).await.text("status"), "CONFIRMED");
    let letters = door.get(&admin, "/v1/admin/dead-letters?status=OPEN").await;
    assert_eq!(letters.body, json!({"items": [], "next_cursor": null}));
    let nothing = format!("/v1/admin/dead-letters/{id}/resolve");
    assert_eq!(door.post(&admin, &nothing, json!({"note": "lost"})).await.problem(), (404, "NOT_FOUND"));
    assert_eq!(door.post(&admin, &nothing, json!({"note": ""})).await.problem().0, 422);
    let overview = door.get(&admin, "/v1/admin/overview").await;
    assert_eq!(
        (overview.text("topology"), &overview.body["dead_letters_open"]),
        ("seven-services", &json!(0))
    );
}

/// An aid that does not help.
struct Lost;

impl Aid for Lost {
    fn name(&self) -> &'static str {
        "a crutch"
    }

    fn trouble(&self) -> Option<String> {
        Some("it was lent".to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_health_metrics_and_the_description() {
    let door = Door::new(RateLimits::default());
    for path in ["/healthz", "/readyz"] {
        assert_eq!(door.ask(Method::GET, path, &[], None).await.body, json!({"status": "ok"}));
    }
    let metrics = door.ask(Method::GET, "/metrics", &[], None).await;
    let text = metrics.body.as_str().unwrap().to_owned();
    for line in [
        "jumun_http_requests_total{method=\"GET\",route=\"/readyz\",status=\"200\"} 1",
        "jumun_stock_negative 0",
        "jumun_dead_letters_open 0",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let docs = door.ask(Method::GET, "/docs/", &[], None).await;
    assert!(docs.status == 200 && docs.body.as_str().unwrap().contains("swagger-ui"), "{}", docs.body);
    let api = door.ask(Method::GET, "/openapi.json", &[], None).await;
    assert_eq!(api.body, serde_json::to_value(jumun_http::openapi()).unwrap());
    for path in ["/v1/users", "/v1/admin/dead-letters/{id}/redrive", "/v1/orders/{id}/events", "/metrics"] {
        assert!(api.body["paths"].get(path).is_some(), "{path}");
    }
    door.world.shop.show_aid(Arc::new(Lost));
    assert_eq!(
        door.ask(Method::GET, "/readyz", &[], None).await.body,
        json!({"status": "degraded", "missing": ["a crutch: it was lent"]})
    );
    door.world.shop.stop();
    assert_eq!(door.ask(Method::GET, "/readyz", &[], None).await.problem(), (503, "NOT_READY"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_tries_too_often_waits() {
    let limit = |requests| RateLimit::per_minute(NonZeroU32::new(requests).unwrap());
    let door = Door::new(RateLimits::On { client: limit(100), user: limit(100), sign_in: limit(2) });
    for (left, forwarded) in [("1", "10.0.0.1"), ("0", "10.0.0.2")] {
        let headers = [("x-forwarded-for", forwarded)];
        let body = json!({"email": "a@b", "password": "x"});
        let answer = door.ask(Method::POST, "/v1/auth/token", &headers, Some(body)).await;
        assert_eq!(answer.problem(), (401, "INVALID_CREDENTIALS"));
        assert_eq!(answer.header("ratelimit-policy"), "\"sign-in\";q=2;w=60");
        assert!(answer.header("ratelimit").starts_with(&format!("\"sign-in\";r={left};t=")));
    }
    let refused = door.log_in("a", "x").await;
    assert_eq!(refused.problem(), (429, "RATE_LIMITED"));
    assert!((1..=60).contains(&refused.header("retry-after").parse().unwrap()), "{:?}", refused.headers);
    assert_eq!(door.ask(Method::GET, "/v1/products", &[], None).await.status, 200, "other routes go on");
}
