//! Whatever is sent, it is read, or refused by name and without repeating it.

use super::*;
use anything::values::{json, replaced, text};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A body that each operation takes.
fn good() -> BTreeMap<&'static str, Value> {
    let id = "018bcfe5-6800-7000-8000-000000000001";
    let payment = json!({ "user_coupon_id": id, "points": "all", "card_token": "tok_ok" });
    let order = json!({
        "lines": [{ "product_id": id, "quantity": 2 }],
        "user_coupon_id": id, "points": 500, "card_token": "tok_ok", "pay": true, "extras": { "wrap": { "paper": "red" } },
    });
    let campaign = json!({
        "name": "Spring", "discount": { "type": "percent", "percent": 10, "max_amount": 5_000 }, "quantity": 100,
        "min_order_amount": 1, "valid_from": "2026-03-01T00:00:00Z", "valid_until": "2026-04-01T00:00:00Z",
    });
    let changes = json!({
        "name": "Summer", "quantity": 5, "status": "STOPPED", "valid_until": "2026-04-01T00:00:00Z", "reason": "over",
    });
    BTreeMap::from([
        ("POST /v1/users", json!({ "email": "a@example.com", "password": "correct horse", "name": "A" })),
        ("POST /v1/auth/token", json!({ "email": "a@example.com", "password": "correct horse" })),
        ("POST /v1/auth/refresh", json!({ "refresh_token": "abc" })),
        ("PATCH /v1/users/me", json!({ "name": "B" })),
        ("PATCH /v1/users/{id}", json!({ "status": "SUSPENDED", "role": "admin", "reason": "why" })),
        ("POST /v1/users/{id}/points", json!({ "adjust": -5, "reason": "why" })),
        ("POST /v1/products", json!({ "sku": "MUG-1", "name": "Mug", "price": 12_000, "stock": 3 })),
        (
            "PATCH /v1/products/{id}",
            json!({ "name": "Mug", "price": 1, "status": "INACTIVE", "reason": "why" }),
        ),
        ("POST /v1/products/{id}/stock", json!({ "adjust": 7, "reason": "found" })),
        ("POST /v1/coupons", campaign),
        ("PATCH /v1/coupons/{id}", changes),
        ("POST /v1/orders", order),
        ("POST /v1/orders/{id}/payments", payment),
        ("POST /v1/points/charges", json!({ "amount": 10_000, "card_token": "tok_ok" })),
        ("POST /v1/admin/dead-letters/{id}/resolve", json!({ "note": "seen to" })),
    ])
}

/// What of the API's description takes what is asked for, as method and path.
fn described(takes: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    let api = serde_json::to_value(crate::openapi()).unwrap();
    let paths = api["paths"].as_object().unwrap().iter();
    let methods = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (method, path, operation))
    });
    let taking = methods.filter(|(_, _, operation)| takes(operation));
    taking.map(|(method, path, _)| format!("{} {path}", method.to_uppercase())).collect()
}

#[test]
fn every_operation_with_a_body_is_tried() {
    // A webhook's body is read by the gateway's own rules, once its signature fits.
    const WEBHOOK: &str = "POST /v1/webhooks/pg/{name}";
    let mut described = described(|operation| operation.get("requestBody").is_some());
    assert!(described.remove(WEBHOOK));
    let tried: BTreeSet<String> = bodies().into_iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(tried, described);
}

#[test]
fn every_operation_with_parameters_of_its_own_is_tried() {
    let own = |parameter: &Value| {
        parameter["in"] == "query"
            && !["limit", "cursor"].contains(&parameter["name"].as_str().unwrap_or_default())
    };
    let described =
        described(|operation| operation["parameters"].as_array().is_some_and(|all| all.iter().any(own)));
    let tried = queries().into_iter().map(|(name, _)| name.to_owned());
    assert_eq!(tried.filter(|name| name.contains('/')).collect::<BTreeSet<_>>(), described);
}

#[test]
fn every_good_body_is_taken() {
    let good = good();
    for (name, read) in bodies() {
        assert_eq!(read(good[name].to_string().as_bytes()), Ok(()), "{name}");
    }
}

#[test]
fn a_time_that_is_none_is_not_said_back() {
    let body = br#"{"valid_until":"4242424242424242"}"#;
    let problem = coupon_changes(body).unwrap_err();
    assert_eq!(problem.errors[0].pointer, "/valid_until");
    assert_eq!(problem.detail, "cannot be taken: not an RFC 3339 time such as 2026-03-01T00:00:00Z");
}

fn coupon_changes(body: &[u8]) -> Result<(), Problem> {
    bodies().into_iter().find(|(name, _)| *name == "PATCH /v1/coupons/{id}").unwrap().1(body)
}

/// A number of a card, which somebody sends in any field but a right one.
const SECRET: u64 = 4_242_424_242_424_242;

/// Any of the readers, with a body that it takes.
fn reader() -> impl Strategy<Value = (&'static str, BodyReader, Value)> {
    let good = good();
    select(bodies()).prop_map(move |(name, read)| (name, read, good[name].clone()))
}

fn check(answer: &Result<(), Problem>) -> Result<(), TestCaseError> {
    let Err(problem) = answer else { return Ok(()) };
    match problem.status {
        StatusCode::BAD_REQUEST => {}
        StatusCode::UNPROCESSABLE_ENTITY => {
            prop_assert!(!problem.errors.is_empty(), "no field is named: {:?}", problem);
            let pointers = problem.errors.iter().map(|error| error.pointer.as_str());
            prop_assert!(pointers.clone().all(|at| at.is_empty() || at.starts_with('/')), "{:?}", problem);
        }
        status => prop_assert!(false, "{}: {:?}", status, problem),
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_bytes_are_more_than_a_bad_body(bytes in vec(any::<u8>(), 0..200), (_, read, _) in reader()) {
        let answer = read(&bytes);
        prop_assert!(answer.is_err());
        check(&answer)?;
    }

    #[test]
    fn a_body_with_anything_anywhere_is_taken_or_refused_by_field(
        (_, read, body) in reader(), at in any::<Index>(), other in json(),
    ) {
        check(&read(replaced(&body, at, other).to_string().as_bytes()))?;
    }

    #[test]
    fn what_is_sent_in_the_wrong_place_is_not_said_back(
        (name, read, body) in reader(), at in any::<Index>(), as_text in any::<bool>(),
    ) {
        let secret = if as_text { Value::from(SECRET.to_string()) } else { Value::from(SECRET) };
        if let Err(problem) = read(replaced(&body, at, secret).to_string().as_bytes()) {
            prop_assert!(!format!("{problem:?}").contains(&SECRET.to_string()), "{}: {:?}", name, problem);
        }
    }

    #[test]
    fn a_body_cut_off_or_mistyped_is_taken_or_refused(
        (_, read, body) in reader(), at in any::<Index>(), typed in text(), cut in any::<bool>(),
    ) {
        let mut body = body.to_string();
        let at = at.index(body.len());
        if cut {
            body.truncate(at);
        } else {
            body.insert_str(at, &typed);
        }
        check(&read(body.as_bytes()))?;
    }

    #[test]
    fn no_query_is_more_than_a_bad_parameter(query in query(), (name, read) in select(queries())) {
        let Ok(uri) = format!("/?{query}").parse::<Uri>() else { return Ok(()) };
        if let Err(problem) = read(&uri) {
            prop_assert_eq!(problem.status, StatusCode::BAD_REQUEST, "{}: {:?}", name, problem);
        }
    }

    #[test]
    fn no_header_is_more_than_a_refusal(
        given in vec((select(HEADERS), vec(any::<u8>(), 0..40)), 0..4),
        likely in vec((select(HEADERS), select(LIKELY)), 0..4),
        now in any::<i64>(),
    ) {
        let likely = likely.into_iter().map(|(name, value)| (name, value.as_bytes().to_vec()));
        let given = given.into_iter().chain(likely).filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_bytes(&value).ok()?))
        });
        for problem in refused_headers(&given.collect(), Timestamp(now)) {
            prop_assert!(problem.status.is_client_error(), "{:?}", problem);
        }
    }
}

const HEADERS: &[&str] =
    &["content-type", "if-match", "idempotency-key", "authorization", "prefer", "traceparent"];
const LIKELY: &[&str] = &[
    "application/json; charset=",
    "\"9223372036854775808\"",
    "\"a\\",
    "Bearer e30.e30.",
    "wait=99999999999999999999, wait",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
];

/// Parameters: known ones, with likely values and with any.
fn query() -> impl Strategy<Value = String> {
    const NAMES: &[&str] =
        &["limit", "cursor", "days", "status", "user_id", "from", "to", "order_id", "trace_id", "%", "x%zz"];
    const VALUES: &[&str] = &[
        "1",
        "0",
        "-1",
        "99999999999999999999",
        "%",
        "%ff",
        "+",
        "OPEN",
        "CONFIRMED",
        "AAAAAAAAAAAAAAAAAAAAAA",
        "2026-01-01T00:00:00Z",
        "-009999-01-02T01:59:59Z",
        "018bcfe5-6800-7000-8000-000000000001",
    ];
    let value = prop_oneof![4 => select(VALUES).prop_map(str::to_owned), 1 => "[!-~]{0,12}", 1 => text()];
    vec((select(NAMES), value), 0..4).prop_map(|pairs| {
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    })
}
