//! Orders: what is answered, when, and how it looks.

use crate::world::{MONOLITH, ORCHESTRATED_CALLS, SEVEN_SERVICES, World};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

fn lines(product: &str, quantity: i64) -> Value {
    json!([{"product_id": product, "quantity": quantity}])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_replayed_listed_and_cancelled() {
    for topology in [MONOLITH, SEVEN_SERVICES] {
        let world = World::new(topology);
        let (admin, kim) = (world.admin().await, world.customer("kim", 10_000).await);
        let mug = world.product(&admin, "MUG", 1_000, 5).await;
        let body = json!({"lines": lines(&mug, 2), "points": "all"});

        let placed = world.place(&kim, "k1", &body).await;
        assert_eq!(
            (placed.status, placed.body["status"].as_str()),
            (201, Some("CONFIRMED")),
            "{}",
            placed.body
        );
        assert_eq!(placed.header("preference-applied"), Some("wait=10"));
        assert_eq!(placed.header("idempotent-replayed"), None);
        let id = placed.body["id"].as_str().unwrap().to_owned();
        let at = format!("/v1/orders/{id}");
        assert_eq!(placed.header("location"), Some(at.as_str()));
        assert_eq!(placed.body["points_used"], 2_000);

        let reordered = format!(r#"{{ "points": "all", "lines": {} }}"#, lines(&mug, 2));
        let headers = [("idempotency-key", "\"k1\""), ("prefer", "respond-async")];
        let again = world.call(Some(&kim), Method::POST, "/v1/orders", &headers, Some(&reordered)).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
        assert_eq!(
            (again.header("preference-applied"), &again.body["id"]),
            (Some("respond-async"), &placed.body["id"])
        );
        let other = world.place(&kim, "k1", &json!({"lines": lines(&mug, 1), "points": "all"})).await;
        assert_eq!(other.problem(), (422, "IDEMPOTENCY_KEY_REUSED", None));

        let listed = world.get(&kim, "/v1/orders?limit=1").await;
        assert_eq!(listed.body["items"][0]["id"], placed.body["id"]);
        assert_eq!(world.get(&kim, &at).await.body["status"], "CONFIRMED");
        let best = world.call(None, Method::GET, "/v1/bestsellers", &[], None).await;
        let expected =
            json!({"items": [{"rank": 1, "product_id": mug, "sku": "MUG", "name": "The MUG", "sold": 2}]});
        assert_eq!(best.body, expected);

        let lee = world.customer("lee", 0).await;
        for path in [at.clone(), format!("{at}/events")] {
            assert_eq!(world.get(&lee, &path).await.problem(), (404, "NOT_FOUND", None), "{path}");
        }
        let cancel = format!("{at}/cancel");
        assert_eq!(world.post(&lee, &cancel, &[], &json!({})).await.status, 404);
        let cancelled = world.post(&kim, &cancel, &[("prefer", "wait=10")], &json!({})).await;
        assert_eq!((cancelled.status, cancelled.body["status"].as_str()), (200, Some("CANCELLED")));
        assert_eq!(world.post(&admin, &cancel, &[], &json!({})).await.status, 200);
        assert_eq!(world.get(&kim, "/v1/points").await.body, json!({"balance": 10_000, "currency": "KRW"}));
        let history = world.get(&kim, "/v1/points/history").await.body;
        let kinds: Vec<_> =
            history["items"].as_array().unwrap().iter().map(|item| item["kind"].clone()).collect();
        assert_eq!(kinds, ["REFUND", "USE", "GRANT"]);
        let best = world.call(None, Method::GET, "/v1/bestsellers?days=1&limit=100", &[], None).await;
        assert_eq!(best.body, json!({"items": []}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_lists_are_their_own_newest_first_and_go_on_where_their_cursor_says() {
    for topology in [MONOLITH, SEVEN_SERVICES] {
        let world = World::new(topology);
        let (admin, kim, lee) =
            (world.admin().await, world.customer("kim", 3_000).await, world.customer("lee", 9_000).await);
        let mug = world.product(&admin, "MUG", 1_000, 50).await;
        let body = json!({"lines": lines(&mug, 1), "points": 1_000});
        let (mut kims, mut lees) = (Vec::new(), Vec::new());
        // Kim's points are enough for three orders of five.
        for number in 0..5 {
            for (who, ids) in [(&kim, &mut kims), (&lee, &mut lees)] {
                let placed = world.place(who, &number.to_string(), &body).await;
                ids.insert(0, placed.body["id"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(world.walk(&kim, "/v1/orders?limit=2").await, kims);
        assert_eq!(world.walk(&lee, "/v1/orders?limit=3").await, lees);
        assert_eq!(world.walk(&kim, "/v1/points/history?limit=1").await.len(), 4);
        assert_eq!(world.walk(&lee, "/v1/points/history?limit=2").await.len(), 6);
        let whose = world.get(&kim, &format!("/v1/orders/{}", kims[0])).await.body["user_id"].clone();
        let of_kim = format!("/v1/admin/orders?user_id={}", whose.as_str().unwrap());
        assert_eq!(world.walk(&admin, &format!("{of_kim}&limit=2")).await, kims);
        assert_eq!(world.walk(&admin, &format!("{of_kim}&limit=2&status=CONFIRMED")).await, kims[2..]);
        assert_eq!(world.walk(&admin, &format!("{of_kim}&limit=1&status=FAILED")).await, kims[..2]);
        assert!(world.walk(&admin, &format!("{of_kim}&to=2020-01-01T00:00:00Z")).await.is_empty());
        assert_eq!(world.walk(&admin, "/v1/admin/orders?limit=4").await.len(), 10);

        for list in ["/v1/orders", "/v1/points/history"] {
            let page = world.get(&lee, &format!("{list}?limit=1")).await;
            let lees_cursor = format!("{list}?cursor={}", page.body["next_cursor"].as_str().unwrap());
            assert_eq!(world.get(&lee, &lees_cursor).await.status, 200);
            assert_eq!(
                world.get(&kim, &lees_cursor).await.problem(),
                (400, "BAD_PARAMETER", Some("cursor")),
                "{list}"
            );
            let nobodys = format!("{list}?cursor=AAAAAAAAAAAAAAAAAAAAAA");
            assert_eq!(world.get(&kim, &nobodys).await.problem().0, 400, "{list}");
        }
    }
}

/// Where the order is saved provisionally once its stock is taken, lists wait for that; whoever has its id need not.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_listed_from_its_provisional_save_and_found_before_it() {
    for (topology, listed_at_once) in [(ORCHESTRATED_CALLS, 0), (SEVEN_SERVICES, 1)] {
        let world = World::new(topology);
        let (admin, kim) = (world.admin().await, world.customer("kim", 10_000).await);
        let mug = world.product(&admin, "MUG", 1_000, 5).await;
        let held = world.hold_products(&mug).await;
        let body = json!({"lines": lines(&mug, 2), "points": 2_000});
        let headers = [("idempotency-key", "k"), ("prefer", "respond-async")];
        let placed = world.post(&kim, "/v1/orders", &headers, &body).await;
        assert_eq!(
            (placed.status, placed.body["status"].as_str()),
            (202, Some("PENDING")),
            "{}",
            placed.body
        );
        let found = world.get(&kim, placed.header("location").unwrap()).await;
        assert_eq!((found.status, &found.body["id"]), (200, &placed.body["id"]));
        let listed = async || world.get(&kim, "/v1/orders").await.body["items"].as_array().unwrap().len();
        assert_eq!(listed().await, listed_at_once);
        drop(held);
        let settled = world.place(&kim, "k", &body).await;
        assert_eq!(settled.body["status"], "CONFIRMED", "{}", settled.body);
        assert_eq!(listed().await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_order_is_a_settled_order() {
    let world = World::new(SEVEN_SERVICES);
    let (admin, kim) = (world.admin().await, world.customer("kim", 10_000).await);
    let mug = world.product(&admin, "MUG", 1_000, 1).await;
    let placed = world.place(&kim, "k", &json!({"lines": lines(&mug, 2), "points": 2_000})).await;
    assert_eq!(
        (placed.status, placed.body["reason"].as_str()),
        (201, Some("OUT_OF_STOCK")),
        "{}",
        placed.body
    );
    let events = world.get(&kim, &format!("/v1/orders/{}/events", placed.body["id"].as_str().unwrap())).await;
    let text = events.body.as_str().unwrap();
    assert!(text.starts_with("event: order\ndata: {") && text.contains(r#""status":"FAILED""#), "{text}");
    let cancel = format!("/v1/orders/{}/cancel", placed.body["id"].as_str().unwrap());
    assert_eq!(
        world.post(&kim, &cancel, &[], &json!({})).await.problem(),
        (409, "ORDER_NOT_CANCELLABLE", None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_made_without_payment_is_paid_once() {
    let world = World::new(SEVEN_SERVICES);
    let (admin, kim) = (world.admin().await, world.customer("kim", 10_000).await);
    let mug = world.product(&admin, "MUG", 1_000, 5).await;
    let body = json!({"lines": lines(&mug, 1), "pay": false});
    for replayed in [None, Some("true")] {
        let made = world.place(&kim, "k", &body).await;
        assert_eq!((made.status, made.body["status"].as_str()), (201, Some("CREATED")), "{}", made.body);
        assert_eq!((made.header("preference-applied"), made.header("idempotent-replayed")), (None, replayed));
    }
    let id = world.place(&kim, "k", &body).await.body["id"].as_str().unwrap().to_owned();
    let pay = format!("/v1/orders/{id}/payments");
    let headers = [("idempotency-key", "k"), ("prefer", "wait=10")];
    let unpaid = world.post(&kim, &pay, &headers, &json!({})).await;
    assert_eq!(unpaid.problem(), (422, "CARD_REQUIRED", Some("/card_token")));
    let paid = world.post(&kim, &pay, &headers, &json!({"points": "all"})).await;
    assert_eq!((paid.status, paid.body["status"].as_str()), (201, Some("CONFIRMED")), "{}", paid.body);
    let headers = [("idempotency-key", "other")];
    let twice = world.post(&kim, &pay, &headers, &json!({"points": "all"})).await;
    assert_eq!(twice.problem(), (409, "ORDER_NOT_PAYABLE", None));
    let payment = format!("/v1/payments/{}", paid.body["payment_id"].as_str().unwrap());
    let shown = world.get(&kim, &payment).await.body;
    assert_eq!(
        (shown["status"].as_str(), shown["points"].as_i64()),
        (Some("APPROVED"), Some(1_000)),
        "{shown}"
    );
    let lee = world.customer("lee", 0).await;
    assert_eq!(world.get(&lee, &payment).await.status, 404);
    assert_eq!(world.get(&admin, &payment).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_ordered_makes_no_order_and_names_its_field() {
    let world = World::new(MONOLITH);
    let (admin, kim) = (world.admin().await, world.customer("kim", 100).await);
    let mug = world.product(&admin, "MUG", 1_000, 5).await;
    let unknown = Uuid::from_u128(9).to_string();
    let two = json!([{"product_id": mug, "quantity": 1}, {"product_id": unknown, "quantity": 1}]);
    let one = || lines(&mug, 1);
    let checks = [
        (json!({"lines": []}), "LINES_EMPTY", "/lines"),
        (json!({"lines": lines(&mug, 0)}), "INVALID_FIELD", "/lines/0/quantity"),
        (json!({"lines": lines(&mug, i64::MAX)}), "INVALID_FIELD", "/lines/0/quantity"),
        (json!({"lines": two, "card_token": "t"}), "PRODUCT_UNKNOWN", "/lines/1/product_id"),
        (json!({"lines": lines("x", 1)}), "INVALID_FIELD", "/lines/0/product_id"),
        (json!({"lines": one()}), "CARD_REQUIRED", "/card_token"),
        (json!({"lines": one(), "points": 1_001}), "POINTS_EXCEED_TOTAL", "/points"),
        (json!({"lines": one(), "points": -1}), "INVALID_FIELD", "/points"),
        (json!({"lines": one(), "points": 1.5}), "INVALID_FIELD", "/points"),
        (json!({"lines": one(), "card_token": "4242 4242 4242 4242"}), "CARD_NUMBER_REFUSED", "/card_token"),
        (json!({"lines": one(), "card_token": 4_242_424_242_424_242_i64}), "INVALID_FIELD", "/card_token"),
        (json!({"lines": one(), "card_token": "t".repeat(256)}), "INVALID_FIELD", "/card_token"),
        (json!({"lines": one(), "card_token": "t", "pay": false}), "FIELD_WITHOUT_PAYMENT", "/card_token"),
        (json!({"lines": one(), "points": 0, "pay": false}), "FIELD_WITHOUT_PAYMENT", "/points"),
        (json!({"lines": one(), "extras": {"gift": "w".repeat(5_000)}}), "INVALID_FIELD", "/extras"),
        (json!({"lines": one(), "colour": "red"}), "INVALID_FIELD", "/colour"),
        (json!({"points": 0}), "INVALID_FIELD", "/lines"),
    ];
    for (body, code, pointer) in checks {
        let answer = world.place(&kim, "k", &body).await;
        assert_eq!(answer.problem(), (422, code, Some(pointer)), "{body}: {}", answer.body);
        assert!(!answer.body.to_string().contains("4242"), "{}", answer.body);
    }
    let body = json!({"lines": one(), "points": 100, "card_token": "t"});
    let keyless = world.post(&kim, "/v1/orders", &[], &body).await;
    assert_eq!(keyless.problem(), (400, "IDEMPOTENCY_KEY_REQUIRED", None));
    assert_eq!(world.get(&kim, "/v1/orders").await.body, json!({"items": [], "next_cursor": null}));
    for bad in ["/v1/orders?limit=0", "/v1/orders?limit=101", "/v1/orders?cursor=x", "/v1/orders?page=2"] {
        assert_eq!(world.get(&kim, bad).await.problem().0, 400, "{bad}");
    }
    for bad in ["days=0", "days=366", "days=x", "limit=0", "limit=101", "limit=-1", "week=1"] {
        let answer = world.call(None, Method::GET, &format!("/v1/bestsellers?{bad}"), &[], None).await;
        assert_eq!(answer.problem().0, 400, "{bad}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_waits_for_its_card_is_followed_to_its_end() {
    let world = World::new(SEVEN_SERVICES);
    let (admin, kim) = (world.admin().await, world.customer("kim", 0).await);
    let mug = world.product(&admin, "MUG", 1_000, 5).await;
    let body = json!({"lines": lines(&mug, 1), "card_token": "tok_slow"});
    let headers = [("idempotency-key", "k")];
    let placed = world.post(&kim, "/v1/orders", &headers, &body).await;
    assert_eq!((placed.status, placed.body["status"].as_str()), (202, Some("PENDING")), "{}", placed.body);
    let at = format!("/v1/orders/{}", placed.body["id"].as_str().unwrap());
    let request =
        Request::get(format!("{at}/events")).header("authorization", format!("Bearer {}", kim.token));
    let stream = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(stream.status(), StatusCode::OK);
    let mut data = stream.into_body().into_data_stream();
    let mut next =
        async || String::from_utf8(futures::StreamExt::next(&mut data).await.unwrap().unwrap().into());
    assert!(next().await.unwrap().contains(r#""status":"PENDING""#));
    // A charge that is not out yet would be taken back at once.
    let id = placed.body["id"].as_str().unwrap();
    let timeline = format!("/v1/admin/orders/{id}/timeline");
    while !world.get(&admin, &timeline).await.body.to_string().contains("payment.pending") {}
    let cancelled =
        world.post(&kim, &format!("{at}/cancel"), &[("prefer", "respond-async")], &json!({})).await;
    assert_eq!((cancelled.status, cancelled.header("preference-applied")), (202, Some("respond-async")));
    let failing = next().await.unwrap();
    assert!(
        failing.contains(r#""status":"FAILING""#) && failing.contains("CANCELLED_BY_CUSTOMER"),
        "{failing}"
    );
}
