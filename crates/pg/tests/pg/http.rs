//! The HTTP surface itself: who gets in, and how errors look.

use crate::stand::Stand;
use jumun_pg::simulator::DEFAULT_SECRET_KEY;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

fn request(stand: &Stand, method: Method, path: &str) -> RequestBuilder {
    let http = Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", stand.simulator.base_url());
    http.request(method, url).basic_auth(DEFAULT_SECRET_KEY, Some(""))
}

fn order() -> Value {
    json!({"amount": 100, "currency": "KRW", "card_token": "tok_ok", "reference": "order-1"})
}

async fn check(request: RequestBuilder, status: u16, code: &str) {
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let got = response.status().as_u16();
    let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!((got, problem["code"].as_str()), (status, Some(code)), "{problem}");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["type"], "about:blank");
    assert!(problem["title"].is_string() && problem["detail"].is_string());
}

#[tokio::test]
async fn only_the_secret_key_gets_in() {
    let stand = Stand::new().await;
    let open = |key: &str| {
        let http = Client::builder().no_proxy().build().unwrap();
        http.get(format!("{}/v1/charges", stand.simulator.base_url())).basic_auth(key, Some(""))
    };
    check(open("sk_sim_other"), 401, "UNAUTHORIZED").await;
    check(open(""), 401, "UNAUTHORIZED").await;
    let bare = Client::builder().no_proxy().build().unwrap();
    for path in ["/v1/charges", "/v1/faults", "/anything"] {
        check(bare.get(format!("{}{path}", stand.simulator.base_url())), 401, "UNAUTHORIZED").await;
    }
    assert_eq!(open(DEFAULT_SECRET_KEY).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_charge_needs_a_key_of_at_most_300_characters() {
    let stand = Stand::new().await;
    let post = || request(&stand, Method::POST, "/v1/charges").json(&order());
    check(post(), 400, "INVALID_IDEMPOTENCY_KEY").await;
    check(post().header("idempotency-key", ""), 400, "INVALID_IDEMPOTENCY_KEY").await;
    check(post().header("idempotency-key", "k".repeat(301)), 400, "INVALID_IDEMPOTENCY_KEY").await;
    assert_eq!(post().header("idempotency-key", "k".repeat(300)).send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn a_body_is_checked_field_by_field() {
    let stand = Stand::new().await;
    let post = || request(&stand, Method::POST, "/v1/charges").header("idempotency-key", "k");
    check(post().body("{"), 400, "MALFORMED_REQUEST").await;
    check(post().json(&json!({"amount": 1})), 400, "MALFORMED_REQUEST").await;
    let fields = [
        ("amount", json!(0)),
        ("amount", json!(-1)),
        ("amount", json!(9_007_199_254_740_992_i64)),
        ("currency", json!("krw")),
        ("currency", json!("KRWW")),
        ("card_token", json!("t".repeat(256))),
        ("reference", json!("r".repeat(256))),
    ];
    for (field, value) in fields {
        let mut body = order();
        body[field] = value;
        check(post().json(&body), 422, "INVALID_REQUEST").await;
    }
    let cancel = request(&stand, Method::POST, "/v1/charges/k/cancel");
    check(cancel.json(&json!({"reason": "r".repeat(201)})), 422, "INVALID_REQUEST").await;
    assert_eq!(stand.book(), []);
}

#[tokio::test]
async fn a_decline_is_a_problem_that_carries_its_charge() {
    let stand = Stand::new().await;
    let mut body = order();
    body["card_token"] = json!("4242");
    let post = || request(&stand, Method::POST, "/v1/charges").header("idempotency-key", "k").json(&body);
    check(post(), 402, "INVALID_CARD").await;
    let answer: Value = serde_json::from_slice(&post().send().await.unwrap().bytes().await.unwrap()).unwrap();
    assert_eq!(answer["charge"]["status"], "DECLINED");
    assert_eq!(answer["charge"]["decline_code"], "INVALID_CARD");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let stand = Stand::new().await;
    check(request(&stand, Method::GET, "/v1/charges/k"), 404, "CHARGE_NOT_FOUND").await;
    check(request(&stand, Method::GET, "/v1/refunds"), 404, "ROUTE_NOT_FOUND").await;
    check(request(&stand, Method::DELETE, "/v1/charges"), 405, "METHOD_NOT_ALLOWED").await;
    check(request(&stand, Method::GET, "/v1/charges?limit=0"), 400, "MALFORMED_REQUEST").await;
    check(request(&stand, Method::GET, "/v1/charges?limit=1001"), 400, "MALFORMED_REQUEST").await;
    check(request(&stand, Method::GET, "/v1/charges?after=x"), 400, "MALFORMED_REQUEST").await;
}

#[tokio::test]
async fn faults_are_set_over_http() {
    let stand = Stand::new().await;
    let put = |body: Value| request(&stand, Method::PUT, "/v1/faults").json(&body);
    assert_eq!(put(json!({"outage": true, "slow_ms": 1})).send().await.unwrap().status(), 200);
    let faults = stand.simulator.faults().get();
    assert_eq!((faults.outage, faults.slow_ms, faults.fail_percent), (true, 1, 0));
    check(request(&stand, Method::GET, "/v1/charges/k"), 503, "OUTAGE").await;
    check(put(json!({"fail_percent": 101})), 422, "INVALID_REQUEST").await;
    check(put(json!({"outrage": true})), 400, "MALFORMED_REQUEST").await;
    assert_eq!(put(json!({})).send().await.unwrap().status(), 200);
    assert!(!stand.simulator.faults().get().outage);
}
