//! Catalogue, coupons, top-ups, webhooks, and the description of all routes.

use crate::world::{MONOLITH, SECRET, SEVEN_SERVICES, World};
use axum::http::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_waits_for_its_gateway_and_belongs_to_its_user() {
    let world = World::new(SEVEN_SERVICES);
    let (kim, lee) = (world.customer("kim", 0).await, world.customer("lee", 0).await);
    let charges = "/v1/points/charges";
    let body = json!({"amount": 500, "card_token": "tok_ok"});
    for replayed in [None, Some("true")] {
        let made = world.post(&kim, charges, &[("idempotency-key", "k"), ("prefer", "wait=0")], &body).await;
        assert_eq!((made.status, made.body["status"].as_str()), (202, Some("PENDING")), "{}", made.body);
        assert_eq!(made.header("idempotent-replayed"), replayed);
        let at = made.header("location").unwrap().to_owned();
        assert_eq!(world.get(&kim, &at).await.body, made.body);
        assert_eq!(world.get(&lee, &at).await.status, 404);
    }
    let other = json!({"amount": 501, "card_token": "tok_ok"});
    let reused = world.post(&kim, charges, &[("idempotency-key", "k")], &other).await;
    assert_eq!(reused.problem(), (422, "IDEMPOTENCY_KEY_REUSED", None));
    let checks = [
        (json!({"amount": 0, "card_token": "t"}), "AMOUNT_INVALID", "/amount"),
        (json!({"amount": 1_i64 << 53, "card_token": "t"}), "INVALID_FIELD", "/amount"),
        (json!({"amount": 1}), "INVALID_FIELD", "/card_token"),
        (json!({"amount": 1, "card_token": "4242424242424242"}), "CARD_NUMBER_REFUSED", "/card_token"),
    ];
    for (body, code, pointer) in checks {
        let answer = world.post(&kim, charges, &[("idempotency-key", "x")], &body).await;
        assert_eq!(answer.problem(), (422, code, Some(pointer)), "{body}");
    }
    assert_eq!(world.post(&kim, charges, &[], &body).await.problem().1, "IDEMPOTENCY_KEY_REQUIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_everybodys_to_see_and_administrators_to_change() {
    let world = World::new(MONOLITH);
    let (admin, kim) = (world.admin().await, world.customer("kim", 0).await);
    let (mug, cup) =
        (world.product(&admin, "MUG", 1_000, 5).await, world.product(&admin, "CUP", 500, 0).await);
    let first = world.call(None, Method::GET, "/v1/products?limit=1", &[], None).await;
    assert_eq!(first.body["items"][0]["id"], cup.as_str());
    let next = format!("/v1/products?limit=1&cursor={}", first.body["next_cursor"].as_str().unwrap());
    let second = world.call(None, Method::GET, &next, &[], None).await;
    assert_eq!((&second.body["items"][0]["id"], &second.body["next_cursor"]), (&json!(mug), &Value::Null));
    let at = format!("/v1/products/{mug}");
    assert_eq!(world.call(None, Method::GET, &at, &[], None).await.header("etag"), Some("\"1\""));
    for unknown in ["/v1/products/x", "/v1/products/00000000-0000-0000-0000-000000000009"] {
        assert_eq!(world.call(None, Method::GET, unknown, &[], None).await.status, 404);
    }
    let patch = async |who, headers: &[(&str, &str)], body: &str| {
        world.call(who, Method::PATCH, &at, headers, Some(body)).await
    };
    assert_eq!(patch(None, &[], "{}").await.status, 401);
    assert_eq!(patch(Some(&kim), &[], "{}").await.status, 403);
    let patched =
        patch(Some(&admin), &[("if-match", "\"1\"")], r#"{"price":1200,"status":"INACTIVE"}"#).await;
    assert_eq!(
        (patched.status, patched.header("etag"), patched.body["version"].as_i64()),
        (200, Some("\"2\""), Some(2))
    );
    let stale = patch(Some(&admin), &[("if-match", "\"1\"")], r#"{"price":1300}"#).await;
    assert_eq!(stale.problem(), (412, "VERSION_MISMATCH", None));
    assert_eq!(
        patch(Some(&admin), &[], r#"{"price":-1}"#).await.problem(),
        (422, "INVALID_FIELD", Some("/price"))
    );
    assert_eq!(patch(Some(&admin), &[], r#"{"status":"GONE"}"#).await.problem().2, Some("/status"));
    let stock = format!("{at}/stock");
    let taken = world.post(&admin, &stock, &[], &json!({"adjust": -6})).await;
    assert_eq!(taken.problem(), (409, "STOCK_WOULD_BE_NEGATIVE", None));
    let added = world.post(&admin, &stock, &[], &json!({"adjust": 5, "reason": "delivery"})).await;
    assert_eq!((added.status, added.body["stock"].as_i64()), (200, Some(10)));
    let twin = world.post(&admin, "/v1/products", &[], &json!({"sku": "MUG", "name": "M", "price": 1})).await;
    assert_eq!(twin.problem(), (409, "SKU_TAKEN", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn coupons_go_to_those_who_come_first() {
    let world = World::new(SEVEN_SERVICES);
    let (admin, kim, lee) =
        (world.admin().await, world.customer("kim", 0).await, world.customer("lee", 0).await);
    let mut campaign = json!({
        "name": "Spring", "discount": {"type": "percent", "percent": 10}, "quantity": 1,
        "valid_from": "2020-01-01T00:00:00Z", "valid_until": "2099-01-01T00:00:00+09:00",
    });
    let made = world.post(&admin, "/v1/coupons", &[], &campaign).await;
    assert_eq!((made.status, made.header("etag")), (201, Some("\"1\"")), "{}", made.body);
    assert_eq!(made.body["valid_until"], "2098-12-31T15:00:00.000Z");
    let at = format!("/v1/coupons/{}", made.body["id"].as_str().unwrap());
    let issue = format!("{at}/issue");
    let issued = world.post(&kim, &issue, &[], &json!({})).await;
    assert_eq!((issued.status, issued.body["status"].as_str()), (201, Some("ISSUED")), "{}", issued.body);
    assert_eq!(world.post(&kim, &issue, &[], &json!({})).await.problem().1, "COUPON_ALREADY_ISSUED");
    assert_eq!(world.post(&lee, &issue, &[], &json!({})).await.problem(), (409, "COUPON_SOLD_OUT", None));
    assert_eq!(world.get(&kim, "/v1/users/me/coupons").await.body["items"][0], issued.body);
    assert_eq!(world.call(None, Method::GET, "/v1/coupons", &[], None).await.body["items"][0]["issued"], 1);
    let body = Some(r#"{"status":"STOPPED","quantity":9}"#);
    let stopped = world.call(Some(&admin), Method::PATCH, &at, &[("if-match", "\"1\"")], body).await;
    assert_eq!((stopped.status, stopped.body["status"].as_str()), (200, Some("STOPPED")));
    assert_eq!(world.post(&lee, &issue, &[], &json!({})).await.problem().1, "COUPON_NOT_OPEN");
    campaign["discount"] = json!({"type": "fixed", "amount": 5, "percent": 1});
    assert_eq!(world.post(&admin, "/v1/coupons", &[], &campaign).await.problem().0, 422);
    campaign["discount"] = json!({"type": "percent", "percent": 0});
    let zero = world.post(&admin, "/v1/coupons", &[], &campaign).await;
    assert_eq!(zero.problem(), (422, "INVALID_FIELD", Some("/discount/percent")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_heard_only_if_its_gateway_signed_it() {
    let world = World::new(MONOLITH);
    let body = r#"{"type":"charge.approved","data":{"key":"nobody's"}}"#;
    let now = world.state.now().0 / 1_000;
    let signer = pg::webhook::StandardWebhook::new(&[SECRET]).unwrap();
    let signed = signer.sign("msg_1", now, body.as_bytes()).unwrap();
    let at = "/v1/webhooks/pg/simulator";
    let post = async |path, headers: &[(&str, &str)], body| {
        world.call(None, Method::POST, path, headers, Some(body)).await
    };
    assert_eq!(post(at, &signed.pairs(), body).await.status, 200);
    assert_eq!(post(at, &[], body).await.problem(), (401, "WEBHOOK_SIGNATURE", None));
    assert_eq!(post(at, &signed.pairs(), "{}").await.problem(), (401, "WEBHOOK_SIGNATURE", None));
    assert_eq!(
        post("/v1/webhooks/pg/other", &signed.pairs(), body).await.problem(),
        (404, "NOT_FOUND", None)
    );
    let odd = signer.sign("msg_2", now, b"[]").unwrap();
    assert_eq!(post(at, &odd.pairs(), "[]").await.problem().0, 400);
}

#[test]
fn every_route_of_the_shop_is_described() {
    let api = serde_json::to_value(jumun_http::openapi()).unwrap();
    for (path, methods) in [
        ("/v1/products", vec!["get", "post"]),
        ("/v1/products/{id}", vec!["get", "patch"]),
        ("/v1/products/{id}/stock", vec!["post"]),
        ("/v1/points", vec!["get"]),
        ("/v1/points/history", vec!["get"]),
        ("/v1/points/charges", vec!["post"]),
        ("/v1/points/charges/{id}", vec!["get"]),
        ("/v1/coupons", vec!["get", "post"]),
        ("/v1/coupons/{id}", vec!["patch"]),
        ("/v1/coupons/{id}/issue", vec!["post"]),
        ("/v1/users/me/coupons", vec!["get"]),
        ("/v1/orders", vec!["get", "post"]),
        ("/v1/orders/{id}", vec!["get"]),
        ("/v1/orders/{id}/events", vec!["get"]),
        ("/v1/orders/{id}/payments", vec!["post"]),
        ("/v1/orders/{id}/cancel", vec!["post"]),
        ("/v1/payments/{id}", vec!["get"]),
        ("/v1/webhooks/pg/{name}", vec!["post"]),
        ("/v1/bestsellers", vec!["get"]),
    ] {
        for method in methods {
            let responses = &api["paths"][path][method]["responses"];
            assert!(
                responses["400"].is_object() && responses["503"].is_object(),
                "{method} {path}: {responses}"
            );
        }
    }
    // Every reference leads somewhere.
    let text = api.to_string();
    for reference in text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(api["components"]["schemas"][reference].is_object(), "{reference}");
    }
}
