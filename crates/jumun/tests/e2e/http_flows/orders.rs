//! Orders after their birth: paid later, cancelled, fulfilled, followed.

use super::buying::is_an_order;
use crate::support::shop::lines;
use crate::support::{Answer, Home, Person, Shop};
use reqwest::Method;
use serde_json::{Value, json};

in_every_topology!(
    an_order_made_without_payment_is_paid_once_at_its_frozen_price,
    an_order_is_cancelled_before_its_payment_while_it_is_made_and_after,
    a_fulfilled_order_cannot_be_cancelled_by_its_customer,
    an_order_is_followed_event_by_event,
);
in_the_most_processes!(
    an_order_made_without_payment_is_paid_once_at_its_frozen_price,
    an_order_is_cancelled_before_its_payment_while_it_is_made_and_after,
    an_order_is_followed_event_by_event,
);

async fn pay(shop: &Shop, person: &Person, order: &str, key: &str, body: &Value) -> Answer {
    let ask = shop.client.ask(Method::POST, &format!("/v1/orders/{order}/payments")).by(&person.token);
    ask.key(key).prefer("wait=60").json(body).send().await
}

async fn an_order_made_without_payment_is_paid_once_at_its_frozen_price(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let (kim, lee) = (shop.person("kim", 10_000).await, shop.person("lee", 10_000).await);
    let mug = shop.product("MUG", 1_000, 5).await;
    let coupon = shop.coupon(&kim, &shop.campaign(1).await).await;
    let made = shop.order(&kim, "k", &json!({"lines": lines(&mug, 2), "pay": false})).await;
    is_an_order(&made.body);
    assert_eq!((made.status, made.str("status"), made.header("preference-applied")), (201, "CREATED", None));
    assert_eq!(
        (&made.body["steps"], &made.body["total"], shop.stock(&mug).await),
        (&json!([]), &json!(2_000), 5)
    );
    let dearer =
        shop.client.patch(&shop.admin, &format!("/v1/products/{mug}"), &json!({"price": 9_000})).await;
    assert_eq!(dearer.status, 200);

    let id = made.id();
    let points = json!({"points": "all", "user_coupon_id": coupon});
    assert_eq!(pay(&shop, &lee, &id, "k", &points).await.problem(), (404, "NOT_FOUND"));
    let keyless = shop.client.post(&kim.token, &format!("/v1/orders/{id}/payments"), &points).await;
    assert_eq!(keyless.problem(), (400, "IDEMPOTENCY_KEY_REQUIRED"));
    assert_eq!(pay(&shop, &kim, &id, "k", &json!({})).await.problem(), (422, "CARD_REQUIRED"));
    let paid = pay(&shop, &kim, &id, "k", &points).await;
    is_an_order(&paid.body);
    let again = pay(&shop, &kim, &id, "k", &points).await;
    assert_eq!(
        (again.status, again.header("idempotent-replayed"), &again.body),
        (201, Some("true"), &paid.body)
    );
    let reused = pay(&shop, &kim, &id, "k", &json!({"points": "all"})).await;
    assert_eq!(reused.problem(), (422, "IDEMPOTENCY_KEY_REUSED"));
    assert_eq!(pay(&shop, &kim, &id, "other", &points).await.problem(), (409, "ORDER_NOT_PAYABLE"));
    assert_eq!(paid.status, 201);
    match paid.str("status") {
        "CONFIRMED" => assert_eq!((&paid.body["total"], shop.balance(&kim).await), (&json!(2_000), 8_500)),
        // A price that changed since is never mis-sold: the product's owner may refuse it.
        _ => assert_eq!((paid.str("reason"), shop.balance(&kim).await), ("PRICE_CHANGED", 10_000)),
    }
    drop(shop);
    home.audit_is_clean();
}

async fn an_order_is_cancelled_before_its_payment_while_it_is_made_and_after(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let (kim, lee) = (shop.person("kim", 400).await, shop.person("lee", 0).await);
    let mug = shop.product("MUG", 1_000, 5).await;
    let coupon = shop.coupon(&kim, &shop.campaign(1).await).await;

    let unpaid = shop.order(&kim, "unpaid", &json!({"lines": lines(&mug, 1), "pay": false})).await.id();
    let cancelled = shop.cancel(&kim.token, &unpaid).await;
    is_an_order(&cancelled.body);
    assert_eq!(
        (cancelled.status, cancelled.str("status"), cancelled.str("reason")),
        (200, "FAILED", "CANCELLED_BY_CUSTOMER")
    );
    assert_eq!(shop.cancel(&kim.token, &unpaid).await.problem(), (409, "ORDER_NOT_CANCELLABLE"));

    let slow = json!({"lines": lines(&mug, 1), "card_token": "tok_slow", "points": 100});
    let pending =
        shop.client.ask(Method::POST, "/v1/orders").by(&kim.token).key("slow").prefer("respond-async");
    let pending = pending.json(&slow).send().await;
    assert_eq!((pending.status, pending.str("status")), (202, "PENDING"));
    let at = format!("/v1/orders/{}/cancel", pending.str("id"));
    let early = shop.client.ask(Method::POST, &at).by(&kim.token).prefer("respond-async").send().await;
    assert_eq!(early.header("preference-applied"), Some("respond-async"), "{}", early.text);
    // Before its payment has begun there is nothing to wait for: it has ended at once.
    let told: &[&str] = if early.status == 202 { &["FAILING", "CANCELLING"] } else { &["FAILED"] };
    assert!([200, 202].contains(&early.status) && told.contains(&early.str("status")), "{}", early.text);
    let ended = shop.cancel(&kim.token, pending.str("id")).await;
    let is_failed = (ended.status, ended.body["code"].as_str()) == (409, Some("ORDER_NOT_CANCELLABLE"));
    assert!(is_failed || ended.status == 200, "{}", ended.text);
    let ended = shop.client.get(&kim.token, &format!("/v1/orders/{}", pending.str("id"))).await;
    assert!(["FAILED", "CANCELLED"].contains(&ended.str("status")), "{}", ended.text);

    let body =
        json!({"lines": lines(&mug, 2), "card_token": "tok_ok", "points": "all", "user_coupon_id": coupon});
    let order = shop.order(&kim, "paid", &body).await;
    assert_eq!(order.str("status"), "CONFIRMED");
    assert_eq!(shop.cancel(&lee.token, order.str("id")).await.problem(), (404, "NOT_FOUND"));
    for who in [&kim.token, &kim.token, &shop.admin] {
        let cancelled = shop.cancel(who, order.str("id")).await;
        is_an_order(&cancelled.body);
        assert_eq!((cancelled.status, cancelled.str("status")), (200, "CANCELLED"), "again is the same");
        assert_eq!(cancelled.header("location"), order.header("location"));
    }
    assert_eq!((shop.stock(&mug).await, shop.balance(&kim).await), (5, 400));
    let mine = shop.client.get(&kim.token, "/v1/users/me/coupons").await;
    assert_eq!(mine.items()[0]["status"], "ISSUED");
    let payment = shop.client.get(&kim.token, &format!("/v1/payments/{}", order.str("payment_id"))).await;
    assert_eq!(payment.str("status"), "CANCELLED");
    drop(shop);
    home.audit_is_clean();
}

async fn a_fulfilled_order_cannot_be_cancelled_by_its_customer(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let kim = shop.person("kim", 5_000).await;
    let mug = shop.product("MUG", 1_000, 5).await;
    let order = shop.order(&kim, "k", &json!({"lines": lines(&mug, 1), "points": "all"})).await.id();
    let fulfil = format!("/v1/admin/orders/{order}/fulfil");
    assert_eq!(shop.client.post(&kim.token, &fulfil, &json!({})).await.problem(), (403, "FORBIDDEN"));
    let fulfilled = shop.client.post(&shop.admin, &fulfil, &json!({})).await;
    is_an_order(&fulfilled.body);
    assert_eq!((fulfilled.status, fulfilled.str("status")), (200, "CONFIRMED"));
    assert_eq!(shop.cancel(&kim.token, &order).await.problem(), (409, "CANCEL_WINDOW_CLOSED"));
    let refused = shop
        .order(&kim, "no", &json!({"lines": lines(&mug, 9), "points": 100, "card_token": "tok_ok"}))
        .await;
    let fulfil = format!("/v1/admin/orders/{}/fulfil", refused.str("id"));
    assert_eq!(
        shop.client.post(&shop.admin, &fulfil, &json!({})).await.problem(),
        (409, "ORDER_NOT_CONFIRMED")
    );
    drop(shop);

    let home = home.with("JUMUN_CANCEL_WINDOW_S", "0");
    let shop = Shop::open(&home).await;
    let late = shop.order(&kim, "late", &json!({"lines": lines(&mug, 1), "points": "all"})).await;
    assert_eq!((late.status, late.str("status")), (201, "CONFIRMED"), "{}", late.text);
    assert_eq!(shop.cancel(&kim.token, late.str("id")).await.problem(), (409, "CANCEL_WINDOW_CLOSED"));
    drop(shop);
    home.audit_is_clean();
}

async fn an_order_is_followed_event_by_event(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let (kim, lee) = (shop.person("kim", 0).await, shop.person("lee", 0).await);
    let mug = shop.product("MUG", 1_000, 5).await;
    let slow = json!({"lines": lines(&mug, 1), "card_token": "tok_slow"});
    let placed = shop.client.ask(Method::POST, "/v1/orders").by(&kim.token).key("k").prefer("respond-async");
    let placed = placed.json(&slow).send().await;
    let at = format!("/v1/orders/{}/events", placed.str("id"));
    assert_eq!(shop.client.get(&lee.token, &at).await.problem(), (404, "NOT_FOUND"));
    let stream = shop.client.ask(Method::GET, &at).by(&kim.token).stream().await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    // It ends by itself once the order is settled.
    let told = events(&stream.text().await.unwrap());
    let statuses: Vec<&str> = told.iter().map(|order| order["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["PENDING", "CONFIRMED"]);
    told.iter().for_each(is_an_order);
    let now = shop.client.get(&kim.token, &format!("/v1/orders/{}", placed.str("id"))).await;
    assert_eq!(told.last(), Some(&now.body));
    let after = shop.client.get(&kim.token, &at).await;
    assert_eq!(events(&after.text), [now.body], "of a settled order: how it stands, and the end");
}

/// The orders that a stream of events told of.
fn events(text: &str) -> Vec<Value> {
    let data = |event: &str| {
        let line =
            |name| event.lines().find_map(move |line: &str| line.strip_prefix(name).map(str::to_owned));
        assert_eq!(line("event: ").as_deref(), Some("order"), "{event}");
        serde_json::from_str(&line("data: ").unwrap()).unwrap()
    };
    text.split("\n\n").filter(|event| event.contains("data: ")).map(data).collect()
}
