//! Crowds on one thing: exactly as many get it as there are.

use crate::support::shop::lines;
use crate::support::{Answer, Home, Person, Shop};
use futures::StreamExt;
use futures::stream;
use reqwest::Method;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

in_every_topology!(
    two_hundred_on_fifty_and_a_thousand_asks_for_a_hundred_coupons,
    one_key_from_twenty_connections_at_once_is_one_order,
);

/// How many sign up at once: each costs the server a password's hash.
const SIGN_UPS: usize = 4;

async fn crowd(shop: &Shop, size: usize) -> Vec<Person> {
    let names: Vec<String> = (0..size).map(|number| format!("crowd{number}")).collect();
    let sign_up = |name: String| async move { shop.person(&name, 0).await };
    stream::iter(names).map(sign_up).buffered(SIGN_UPS).collect().await
}

async fn two_hundred_on_fifty_and_a_thousand_asks_for_a_hundred_coupons(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let crowd = crowd(&shop, 200).await;
    buy(&shop, &crowd).await;
    issue(&shop, &crowd).await;
    drop(shop);
    home.audit_is_clean();
}

async fn buy(shop: &Shop, crowd: &[Person]) {
    let mug = shop.product("MUG", 1_000, 50).await;
    let body = json!({"lines": lines(&mug, 1), "card_token": "tok_ok"});
    let answers =
        futures::future::join_all(crowd.iter().map(|person| shop.order(person, "rush", &body))).await;
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for answer in &answers {
        let reason = answer.body["reason"].as_str().unwrap_or_default();
        *ends.entry(format!("{} {} {reason}", answer.status, answer.str("status"))).or_default() += 1;
    }
    let expected = [("201 CONFIRMED ".to_owned(), 50), ("201 FAILED OUT_OF_STOCK".to_owned(), 150)];
    assert_eq!(ends, BTreeMap::from(expected));
    assert_eq!(shop.stock(&mug).await, 0);
    let best = shop.client.get("", "/v1/bestsellers?days=1").await;
    assert_eq!(
        (&best.body["items"][0]["product_id"], &best.body["items"][0]["sold"]),
        (&json!(mug), &json!(50))
    );
}

async fn issue(shop: &Shop, crowd: &[Person]) {
    let path = format!("/v1/coupons/{}/issue", shop.campaign(100).await);
    // Everybody asks five times, in five rounds through the whole crowd.
    let asks = (0..5).flat_map(|_| crowd.iter()).map(|person| {
        let (client, path) = (&shop.client, &path);
        async move { (person.id.clone(), client.post(&person.token, path, &json!({})).await) }
    });
    let answers: Vec<(String, Answer)> = futures::future::join_all(asks).await;
    let winners: Vec<&String> =
        answers.iter().filter(|(_, answer)| answer.status == 201).map(|(id, _)| id).collect();
    assert_eq!((winners.len(), winners.iter().collect::<BTreeSet<_>>().len()), (100, 100), "one each");
    for (id, answer) in answers.iter().filter(|(_, answer)| answer.status != 201) {
        let (status, code) = answer.problem();
        let known = if winners.contains(&id) { "COUPON_ALREADY_ISSUED" } else { "COUPON_SOLD_OUT" };
        let is_told = code == known || code == "COUPON_SOLD_OUT";
        assert!(status == 409 && is_told, "{status} {code}, not {known}");
    }
    let campaigns = shop.client.get("", "/v1/coupons").await;
    assert_eq!(
        (&campaigns.items()[0]["issued"], &campaigns.items()[0]["quantity"]),
        (&json!(100), &json!(100))
    );
}

async fn one_key_from_twenty_connections_at_once_is_one_order(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let kim = shop.person("kim", 50_000).await;
    let mug = shop.product("MUG", 1_000, 50).await;
    for (key, body) in [
        ("points", json!({"lines": lines(&mug, 1), "points": "all"})),
        ("card", json!({"lines": lines(&mug, 1), "card_token": "tok_ok"})),
        ("later", json!({"lines": lines(&mug, 1), "pay": false})),
    ] {
        let answers = futures::future::join_all((0..20).map(|_| shop.order(&kim, key, &body))).await;
        let (made, early): (Vec<&Answer>, Vec<&Answer>) =
            answers.iter().partition(|answer| answer.status == 201);
        early.iter().for_each(|answer| assert_eq!(answer.problem(), (409, "IDEMPOTENCY_KEY_IN_FLIGHT")));
        let ids: BTreeSet<String> = made.iter().map(|answer| answer.id()).collect();
        let first = made.iter().filter(|answer| answer.header("idempotent-replayed").is_none()).count();
        assert_eq!((ids.len(), first), (1, 1), "{key}");
    }
    let top_up = || {
        let ask =
            shop.client.ask(Method::POST, "/v1/points/charges").by(&kim.token).key("k").prefer("wait=60");
        ask.json(&json!({"amount": 500, "card_token": "tok_ok"})).send()
    };
    let charges = futures::future::join_all((0..20).map(|_| top_up())).await;
    let ids: BTreeSet<String> =
        charges.iter().filter(|answer| answer.status == 201).map(Answer::id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!((shop.stock(&mug).await, shop.balance(&kim).await), (48, 49_500));
    assert_eq!(shop.client.get(&kim.token, "/v1/orders").await.items().len(), 3);
    drop(shop);
    home.audit_is_clean();
}
