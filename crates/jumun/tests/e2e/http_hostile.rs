//! Every write endpoint under attack: each answer is a problem document with a 4xx status and a stable code, and afterwards
//! nothing has moved.

mod attacks;
mod endpoints;
mod values;

use crate::support::shop::lines;
use crate::support::wire::{self, Raw};
use crate::support::{Home, Shop, books, tokens};
use attacks::Attack;
use serde_json::{Value, json};

in_the_smallest_and_the_largest!(
    no_attack_on_a_write_endpoint_moves_anything,
    what_is_no_http_is_refused_and_the_server_lives,
    who_is_suspended_is_out_everywhere_at_once,
);

async fn no_attack_on_a_write_endpoint_moves_anything(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let world = endpoints::World::new(&shop).await;
    let before = books::read(&home.data());
    let (mut count, mut faults) = (0, Vec::new());
    for endpoint in world.endpoints() {
        let attacks = attacks::on(&endpoint, &world);
        assert!(attacks.len() >= 20, "{} {} has {} attacks", endpoint.method, endpoint.path, attacks.len());
        for attack in &attacks {
            let answer = wire::send(&shop.serving.told.url, &attack.bytes()).await;
            faults.extend(fault(attack, &answer));
        }
        count += attacks.len();
        let moved = books::difference(&before, &books::read(&home.data()));
        faults.extend(
            moved.into_iter().map(|row| format!("{} {} moved {row}", endpoint.method, endpoint.path)),
        );
    }
    assert!(faults.is_empty(), "{} of {count}:\n{}", faults.len(), faults.join("\n"));
    assert!(count > 1_000, "{count}");
    assert_eq!(shop.client.get("", "/readyz").await.status, 200);
    drop(shop);
    home.audit_is_clean();
}

/// What is wrong with the answer to an attack, if anything.
fn fault(attack: &Attack, answer: &Raw) -> Option<String> {
    let Raw { status, head, body } = answer;
    let problem: Value = serde_json::from_str(body).unwrap_or_default();
    let code = problem["code"].as_str().unwrap_or_default();
    let is_code = code.len() > 2 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let is_problem =
        head.contains("content-type: application/problem+json") && problem["status"] == *status && is_code;
    let tells = ["42424242", "4242 4242", "rusqlite", ".rs:"].iter().any(|secret| body.contains(secret));
    let is_right = (400..500).contains(status) && is_problem && !tells;
    (!is_right).then(|| format!("{attack:?}\n{status} {head}\n{body}\n"))
}

async fn what_is_no_http_is_refused_and_the_server_lives(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let long = "x".repeat(1_000_000);
    let many = "x: y\r\n".repeat(10_000);
    let cases: Vec<Vec<u8>> = vec![
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20),
        b"nonsense\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /v1/pro\x00ducts HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        b"GET /v1/products HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n".to_vec(),
        b"GET /v1/products HTTP/1.1\r\nhost: x\r\nx: a\x00b\r\n\r\n".to_vec(),
        b"POST /v1/users HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_vec(),
        b"POST /v1/users HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n".to_vec(),
        b"POST /v1/users HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
        b"POST /v1/users HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\nzz\r\n".to_vec(),
        format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes(),
        format!("GET /v1/products HTTP/1.1\r\nhost: x\r\nx: {long}\r\n\r\n").into_bytes(),
        format!("GET /v1/products HTTP/1.1\r\nhost: x\r\n{many}\r\n").into_bytes(),
    ];
    for case in cases {
        let answer = wire::send(&shop.serving.told.url, &case).await;
        let shown = String::from_utf8_lossy(&case[..case.len().min(120)]).into_owned();
        assert!(
            answer.status == 0 || (400..506).contains(&answer.status) && answer.status != 500,
            "{shown}: {answer:?}"
        );
        assert_eq!(shop.client.get("", "/readyz").await.status, 200, "{shown}");
    }
}

async fn who_is_suspended_is_out_everywhere_at_once(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let kim = shop.person("kim", 5_000).await;
    let mug = shop.product("MUG", 1_000, 5).await;
    let unpaid = shop.order(&kim, "u", &json!({"lines": lines(&mug, 1), "pay": false})).await.id();
    let at = format!("/v1/users/{}", kim.id);
    assert_eq!(shop.client.patch(&shop.admin, &at, &json!({"status": "SUSPENDED"})).await.status, 200);
    let before = books::read(&home.data());
    for (path, body) in [
        ("/v1/orders".to_owned(), json!({"lines": lines(&mug, 1), "points": "all"})),
        (format!("/v1/orders/{unpaid}/payments"), json!({"points": "all"})),
        (format!("/v1/orders/{unpaid}/cancel"), json!({})),
        ("/v1/points/charges".to_owned(), json!({"amount": 1, "card_token": "tok_ok"})),
    ] {
        let ask = shop.client.ask(reqwest::Method::POST, &path).by(&tokens::good(&kim.id)).key("k");
        assert_eq!(ask.json(&body).send().await.problem(), (401, "USER_SUSPENDED"), "{path}");
    }
    let moved = books::difference(&before, &books::read(&home.data()));
    assert!(moved.is_empty(), "{moved:#?}");
    drop(shop);
    home.audit_is_clean();
}
