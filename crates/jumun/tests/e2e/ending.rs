//! A server that is asked to end: nobody is kept, and nothing is cut off.

use crate::support::shop::lines;
use crate::support::{Home, Shop};
use reqwest::Method;
use serde_json::json;

in_the_smallest_and_the_largest!(who_waits_where_a_process_ends_is_told_how_it_stands);
in_the_most_processes!(who_waits_where_a_process_ends_is_told_how_it_stands);

async fn who_waits_where_a_process_ends_is_told_how_it_stands(topology: &str) {
    let home = Home::new(topology).with("JUMUN_PG__BUDGET_S", "60");
    let shop = Shop::open(&home).await;
    let kim = shop.person("kim", 0).await;
    let mug = shop.product("MUG", 1_000, 9).await;
    let body = json!({"lines": lines(&mug, 1), "card_token": "tok_timeout_uncharged"});
    let ask = || shop.client.ask(Method::POST, "/v1/orders").by(&kim.token);
    let begun = ask().key("followed").prefer("respond-async").json(&body).send().await;
    let events = shop.client.ask(Method::GET, &format!("/v1/orders/{}/events", begun.id())).by(&kim.token);
    let mut events = events.stream().await;
    assert!(events.chunk().await.unwrap().is_some(), "the order as it stands");
    let waiter = tokio::spawn(ask().key("awaited").prefer("wait=60").json(&body).send());
    // It is waited for once it is there.
    while shop.client.get(&kim.token, "/v1/orders").await.items().len() < 2 {
        tokio::task::yield_now().await;
    }
    let stopped = tokio::task::spawn_blocking(move || shop.serving.stop());
    let answer = waiter.await.unwrap();
    assert_eq!((answer.status, answer.str("status")), (202, "PENDING"), "{}", answer.text);
    while events.chunk().await.unwrap().is_some() {}
    stopped.await.unwrap();
    home.audit_is_clean();
}
