//! Points, top-ups with every card, and the PG's webhooks.

use crate::support::client::fields;
use crate::support::{Answer, Home, Person, Shop};
use reqwest::Method;
use serde_json::{Value, json};

in_every_topology!(
    points_are_bought_with_a_card_and_every_change_is_in_the_history,
    a_top_up_is_made_once_whatever_its_key_is_sent_with,
    a_card_that_answers_late_or_never_is_charged_once_or_not_at_all,
);
in_the_most_processes!(points_are_bought_with_a_card_and_every_change_is_in_the_history);

const CHARGE: &str = "id status amount";

async fn top_up(shop: &Shop, person: &Person, key: &str, prefer: &str, body: &Value) -> Answer {
    let ask = shop.client.ask(Method::POST, "/v1/points/charges").by(&person.token).key(key);
    ask.prefer(prefer).json(body).send().await
}

async fn points_are_bought_with_a_card_and_every_change_is_in_the_history(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let (kim, lee) = (shop.person("kim", 100).await, shop.person("lee", 0).await);
    assert_eq!(
        shop.client.get(&lee.token, "/v1/points").await.body,
        json!({"balance": 0, "currency": "KRW"})
    );
    let bought =
        top_up(&shop, &kim, "k1", "wait=30", &json!({"amount": 5_000, "card_token": "tok_ok"})).await;
    fields(&bought.body, CHARGE, "");
    let at = format!("/v1/points/charges/{}", bought.id());
    assert_eq!(
        (bought.status, bought.str("status"), bought.header("location")),
        (201, "COMPLETED", Some(at.as_str()))
    );
    assert_eq!(bought.header("preference-applied"), Some("wait=30"));
    assert_eq!(shop.client.get(&kim.token, &at).await.body, bought.body);
    assert_eq!(shop.client.get(&lee.token, &at).await.problem(), (404, "NOT_FOUND"));
    let declined =
        top_up(&shop, &kim, "k2", "wait=30", &json!({"amount": 7, "card_token": "tok_decline"})).await;
    assert_eq!((declined.status, declined.str("status")), (201, "DECLINED"));

    let mug = shop.product("MUG", 300, 5).await;
    let order =
        shop.order(&kim, "o", &json!({"lines": [{"product_id": mug, "quantity": 1}], "points": "all"})).await;
    assert_eq!(order.str("status"), "CONFIRMED");
    shop.cancel(&kim.token, order.str("id")).await;
    let history = shop.client.get(&kim.token, "/v1/points/history").await;
    let told: Vec<Value> = history
        .items()
        .iter()
        .map(|entry| json!([entry["kind"], entry["amount"], entry["balance"]]))
        .collect();
    let expected =
        json!([["REFUND", 300, 5_100], ["USE", -300, 4_800], ["TOP_UP", 5_000, 5_100], ["GRANT", 100, 100]]);
    assert_eq!(Value::from(told), expected);
    history.items().iter().for_each(|entry| fields(entry, "id kind amount balance at", "order_id reason"));
    assert_eq!(
        (&history.items()[0]["order_id"], &history.items()[3]["reason"]),
        (&order.body["id"], &json!("welcome"))
    );
    drop(shop);
    home.audit_is_clean();
}

async fn a_top_up_is_made_once_whatever_its_key_is_sent_with(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let kim = shop.person("kim", 0).await;
    let body = json!({"amount": 1_000, "card_token": "tok_slow"});
    let early = top_up(&shop, &kim, "k", "respond-async", &body).await;
    fields(&early.body, CHARGE, "");
    assert_eq!(
        (early.status, early.str("status"), early.header("idempotent-replayed")),
        (202, "PENDING", None)
    );
    assert_eq!(early.header("preference-applied"), Some("respond-async"));
    let again =
        top_up(&shop, &kim, "\"k\"", "wait=30", &json!({"card_token": "tok_slow", "amount": 1_000})).await;
    assert_eq!(
        (again.status, again.str("status"), again.header("idempotent-replayed")),
        (201, "COMPLETED", Some("true"))
    );
    assert_eq!(again.id(), early.id());
    let other =
        top_up(&shop, &kim, "k", "wait=30", &json!({"amount": 1_001, "card_token": "tok_slow"})).await;
    assert_eq!(other.problem(), (422, "IDEMPOTENCY_KEY_REUSED"));
    let keyless = shop.client.post(&kim.token, "/v1/points/charges", &body).await;
    assert_eq!(keyless.problem(), (400, "IDEMPOTENCY_KEY_REQUIRED"));
    assert_eq!(shop.balance(&kim).await, 1_000);
    drop(shop);
    home.audit_is_clean();
}

async fn a_card_that_answers_late_or_never_is_charged_once_or_not_at_all(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let cards = [
        ("tok_slow", "COMPLETED"),
        ("tok_timeout_charged", "COMPLETED"),
        ("tok_timeout_uncharged", "DECLINED"),
        ("tok_error", "DECLINED"),
        ("tok_cancel_error", "COMPLETED"),
        ("no such card", "DECLINED"),
    ];
    let kim = shop.person("kim", 0).await;
    let top_ups = cards.map(|(card, status)| {
        let (shop, kim) = (&shop, &kim);
        async move {
            let body = json!({"amount": 1_000, "card_token": card});
            let settled = top_up(shop, kim, card, "wait=60", &body).await;
            assert_eq!((settled.status, settled.str("status")), (201, status), "{card}");
        }
    });
    futures::future::join_all(top_ups).await;
    assert_eq!(shop.balance(&kim).await, 3_000);
    drop(shop);
    home.audit_is_clean();
}
