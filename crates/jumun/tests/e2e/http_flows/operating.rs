//! What operators look at and do.

use super::buying::is_an_order;
use crate::support::client::fields;
use crate::support::process::{ADMIN, PASSWORD};
use crate::support::shop::lines;
use crate::support::{Client, Home, Shop};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

in_every_topology!(
    operators_see_health_metrics_and_a_description_that_asks_no_other_host,
    operators_see_orders_their_events_and_what_sold_best,
    a_cancel_that_the_pg_refuses_waits_for_an_operator,
    who_asks_too_often_is_told_when_to_come_back,
);
in_the_most_processes!(
    operators_see_orders_their_events_and_what_sold_best,
    a_cancel_that_the_pg_refuses_waits_for_an_operator,
    who_asks_too_often_is_told_when_to_come_back,
);

const LETTER: &str = "id domain kind error attempts first_at last_at status";

async fn operators_see_health_metrics_and_a_description_that_asks_no_other_host(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    for path in ["/healthz", "/readyz"] {
        let answer = shop.client.get("", path).await;
        assert_eq!((answer.status, &answer.body), (200, &json!({"status": "ok"})));
    }
    let metrics = shop.client.get("", "/metrics").await;
    assert!(metrics.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(
        metrics.text.contains("jumun_dead_letters_open 0") && metrics.text.ends_with("# EOF\n"),
        "{}",
        metrics.text
    );
    let api = shop.client.get("", "/openapi.json").await;
    assert!(api.str("openapi").starts_with("3."));
    let docs = shop.client.get("", "/docs/").await;
    assert!(docs.status == 200 && docs.text.contains("<html"), "{}", docs.text);
    for file in ["swagger-initializer.js", "index.css", "swagger-ui.css"] {
        let part = shop.client.get("", &format!("/docs/{file}")).await;
        assert_eq!(part.status, 200, "{file}");
        refers_to_nobody_else(file, &part.text);
    }
    refers_to_nobody_else("/docs/", &docs.text);

    let overview = shop.client.get(&shop.admin, "/v1/admin/overview").await;
    assert_eq!((overview.status, overview.str("topology"), overview.str("currency")), (200, topology, "KRW"));
    assert_eq!(overview.body["dead_letters_open"], 0);
    let databases = overview.body["databases"].as_array().unwrap().len();
    assert!(if topology == "monolith" { databases == 1 } else { databases > 4 }, "{}", overview.text);
    let nowhere = shop.client.get("", "/v1/nowhere").await;
    assert_eq!((nowhere.problem(), nowhere.str("instance")), ((404, "NOT_FOUND"), "/v1/nowhere"));
    assert_eq!(
        shop.client.ask(Method::DELETE, "/v1/orders").send().await.problem(),
        (405, "METHOD_NOT_ALLOWED")
    );
}

/// No script, style, picture or font comes from elsewhere. (Names of XML and JSON dialects are no addresses to ask.)
fn refers_to_nobody_else(file: &str, text: &str) {
    for mark in [
        "src=\"http",
        "src=\"//",
        "href=\"http",
        "href=\"//",
        "url(http",
        "url(\"http",
        "url(//",
        "@import",
        "url: \"http",
    ] {
        assert!(!text.contains(mark), "{file} holds {mark}");
    }
}

async fn operators_see_orders_their_events_and_what_sold_best(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let (client, admin) = (&shop.client, &shop.admin);
    let (kim, lee) = (shop.person("kim", 0).await, shop.person("lee", 9_000).await);
    let (mug, tea) = (shop.product("MUG", 1_000, 9).await, shop.product("TEA", 100, 9).await);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let ask = client.ask(Method::POST, "/v1/orders").by(&kim.token).key("k").prefer("wait=60");
    let body = json!({"lines": [{"product_id": mug, "quantity": 2}, {"product_id": tea, "quantity": 5}], "card_token": "tok_ok"});
    let order = ask.header("traceparent", format!("00-{trace}-b7ad6b7169203331-00")).json(&body).send().await;
    assert_eq!(order.str("status"), "CONFIRMED");
    let refused = shop.order(&lee, "k", &json!({"lines": lines(&mug, 8), "points": 8_000})).await;
    assert_eq!(refused.str("reason"), "OUT_OF_STOCK");
    let cancelled = shop.order(&lee, "k2", &json!({"lines": lines(&mug, 7), "points": 7_000})).await;
    assert_eq!(shop.cancel(admin, cancelled.str("id")).await.str("status"), "CANCELLED");

    for (filter, expected) in [
        ("status=CONFIRMED".to_owned(), vec![order.id()]),
        ("status=FAILED".to_owned(), vec![refused.id()]),
        (format!("user_id={}", lee.id), vec![cancelled.id(), refused.id()]),
        ("from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z".to_owned(), vec![]),
        ("from=2020-01-01T00:00:00Z".to_owned(), vec![cancelled.id(), refused.id(), order.id()]),
    ] {
        let page = client.get(admin, &format!("/v1/admin/orders?{filter}")).await;
        page.items().iter().for_each(is_an_order);
        let ids: Vec<&str> = page.items().iter().map(|order| order["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{filter}");
    }
    let timeline = client.get(admin, &format!("/v1/admin/orders/{}/timeline", order.str("id"))).await;
    fields(&timeline.body, "order_id trace_id events", "");
    assert_eq!((timeline.str("trace_id"), timeline.str("order_id")), (trace, order.str("id")));
    let events = timeline.body["events"].as_array().unwrap();
    events.iter().for_each(|event| fields(event, "at domain type order_id trace_id detail", "step"));
    assert!(events.iter().all(|event| event["trace_id"] == trace), "the trace reaches every participant");
    let types: BTreeSet<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    for expected in ["order.placed", "stock.done", "payment.done", "order.confirmed"] {
        assert!(types.contains(expected), "{expected} in {types:?}");
    }
    for by in [format!("order_id={}", order.str("id")), format!("trace_id={trace}")] {
        let listed = client.get(admin, &format!("/v1/admin/events?{by}&limit=100")).await;
        assert!(listed.items().len() >= events.len(), "{by}");
        assert!(events.iter().all(|event| listed.items().contains(event)), "{by}");
    }
    let best = client.get("", "/v1/bestsellers?days=1&limit=5").await;
    let item = |rank: i64, id: &str, sku: &str, sold: i64| json!({"rank": rank, "product_id": id, "sku": sku, "name": format!("The {sku}"), "sold": sold});
    assert_eq!(best.body, json!({"items": [item(1, &tea, "TEA", 5), item(2, &mug, "MUG", 2)]}));
    for path in
        ["/v1/admin/orders", "/v1/admin/overview", "/v1/admin/dead-letters", "/v1/admin/events?trace_id=0"]
    {
        assert_eq!(client.get(&kim.token, path).await.problem(), (403, "FORBIDDEN"), "{path}");
        assert_eq!(client.get("", path).await.problem(), (401, "TOKEN_REQUIRED"), "{path}");
    }
    drop(shop);
    home.audit_is_clean();
}

async fn a_cancel_that_the_pg_refuses_waits_for_an_operator(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let (client, admin) = (&shop.client, &shop.admin);
    let kim = shop.person("kim", 0).await;
    let mug = shop.product("MUG", 1_000, 9).await;
    shop.pg_faults(&json!({"cancel_refused": true})).await;
    let stuck = ["redriven", "resolved"].map(|key| {
        let (shop, kim, mug) = (&shop, &kim, &mug);
        async move {
            let order =
                shop.order(kim, key, &json!({"lines": lines(mug, 1), "card_token": "tok_ok"})).await.id();
            let letter = raised(shop, &order).await;
            fields(&letter, LETTER, "order_id step");
            assert_eq!((&letter["status"], &letter["order_id"]), (&json!("OPEN"), &json!(order)));
            (order, format!("/v1/admin/dead-letters/{}", letter["id"].as_str().unwrap()))
        }
    });
    let orders = futures::future::join_all(stuck).await;
    assert_eq!(client.get(admin, "/v1/admin/overview").await.body["dead_letters_open"], 2);
    shop.pg_faults(&json!({})).await;

    let (order, letter) = &orders[0];
    let redriven = client.post(admin, &format!("{letter}/redrive"), &json!({})).await;
    fields(&redriven.body, LETTER, "order_id step");
    assert_eq!(redriven.status, 200);
    assert_eq!(shop.cancel(&kim.token, order).await.str("status"), "CANCELLED");
    let closed = client.get(admin, "/v1/admin/dead-letters?status=REDRIVEN").await;
    assert_eq!(closed.items()[0]["order_id"], *order, "a letter closes when what it stood for went through");
    let again = client.post(admin, &format!("{letter}/redrive"), &json!({})).await;
    assert_eq!(again.problem(), (409, "DEAD_LETTER_NOT_OPEN"));

    let (order, letter) = &orders[1];
    let noteless = client.post(admin, &format!("{letter}/resolve"), &json!({"note": " "})).await;
    assert_eq!(noteless.problem(), (422, "INVALID_FIELD"));
    let resolved =
        client.post(admin, &format!("{letter}/resolve"), &json!({"note": "paid back in cash"})).await;
    fields(&resolved.body, LETTER, "order_id step");
    assert_eq!((resolved.status, resolved.str("status")), (200, "RESOLVED"));
    assert_eq!(shop.cancel(&kim.token, order).await.str("status"), "CANCELLED", "a note lets the order end");
    let open = client.get(admin, "/v1/admin/dead-letters?status=OPEN").await;
    assert_eq!(open.items(), [] as [Value; 0]);
    assert_eq!(shop.stock(&mug).await, 9);
    drop(shop);
    home.audit_is_clean();
}

/// Asks for `order` to be cancelled until that has ended in a dead letter. Each ask waits for a second itself.
async fn raised(shop: &Shop, order: &str) -> Value {
    for _ in 0..60 {
        let ask = shop.client.ask(Method::POST, &format!("/v1/orders/{order}/cancel")).by(&shop.admin);
        let asked = ask.prefer("wait=1").send().await;
        assert_eq!(asked.status, 202, "{}", asked.text);
        let letters = shop.client.get(&shop.admin, "/v1/admin/dead-letters?status=OPEN").await;
        if let Some(letter) = letters.items().iter().find(|letter| letter["order_id"] == order) {
            return letter.clone();
        }
    }
    panic!("order {order} raised no dead letter");
}

async fn who_asks_too_often_is_told_when_to_come_back(topology: &str) {
    let home = Home::new(topology).with("JUMUN_RATE_LIMIT", "60");
    let serving = home.start();
    let client = Client::new(&serving.told.url);
    let log_in = json!({"email": ADMIN, "password": PASSWORD});
    for _ in 0..6 {
        let answer = client.post("", "/v1/auth/token", &log_in).await;
        assert_eq!((answer.status, answer.header("ratelimit-policy")), (200, Some("\"sign-in\";q=6;w=60")));
        assert!(answer.header("ratelimit").unwrap().starts_with("\"sign-in\";r="));
    }
    let refused = client.post("", "/v1/auth/token", &log_in).await;
    assert_eq!(refused.problem(), (429, "RATE_LIMITED"));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    let listed = client.get("", "/v1/products").await;
    assert_eq!((listed.status, listed.header("ratelimit-policy")), (200, Some("\"client\";q=60;w=60")));
    for _ in 0..80 {
        assert_eq!(client.get("", "/healthz").await.status, 200, "who runs the process is never locked out");
    }
}
