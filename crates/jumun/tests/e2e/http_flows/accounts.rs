//! Sign-up, log-in, profiles, and what administrators do with users.

use crate::support::client::fields;
use crate::support::process::{ADMIN, PASSWORD};
use crate::support::{Home, Shop};
use reqwest::Method;
use serde_json::json;

in_the_smallest_and_the_largest!(
    who_signs_up_logs_in_and_looks_after_themselves,
    a_refresh_token_works_once_and_a_second_use_ends_its_family,
    administrators_look_after_users,
);

const USER: &str = "id email name role status created_at";
const TOKEN: &str = "access_token refresh_token token_type expires_in";

async fn who_signs_up_logs_in_and_looks_after_themselves(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let client = &shop.client;
    let kim = json!({"email": "Kim@Example.com", "password": PASSWORD, "name": "김주문"});
    let made = client.post("", "/v1/users", &kim).await;
    fields(&made.body, USER, "");
    assert_eq!((made.status, made.header("location")), (201, Some("/v1/users/me")));
    assert_eq!((made.str("role"), made.str("status"), made.str("name")), ("customer", "ACTIVE", "김주문"));
    assert!(made.str("created_at").ends_with('Z'), "{}", made.text);
    let twin = json!({"email": "kim@example.COM", "password": PASSWORD, "name": "Kim"});
    assert_eq!(client.post("", "/v1/users", &twin).await.problem(), (409, "EMAIL_TAKEN"));

    let log_in = json!({"email": "kim@example.com", "password": PASSWORD});
    let token = client.post("", "/v1/auth/token", &log_in).await;
    fields(&token.body, TOKEN, "");
    assert_eq!(
        (token.status, token.str("token_type"), token.body["expires_in"].as_i64()),
        (200, "Bearer", Some(900))
    );
    for wrong in
        [json!({"email": "kim@example.com", "password": "x"}), json!({"email": "no one", "password": ""})]
    {
        let answer = client.post("", "/v1/auth/token", &wrong).await;
        assert_eq!(answer.problem(), (401, "INVALID_CREDENTIALS"), "{wrong}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let token = token.str("access_token").to_owned();
    let me = client.get(&token, "/v1/users/me").await;
    assert_eq!((me.status, me.header("etag"), me.id()), (200, Some("\"1\""), made.id()));
    let rename = |version: &'static str| {
        let ask = client.ask(Method::PATCH, "/v1/users/me").by(&token).header("if-match", version);
        ask.json(&json!({"name": "Kim Lee"})).send()
    };
    assert_eq!(rename("\"7\"").await.problem(), (412, "VERSION_MISMATCH"));
    let renamed = rename("\"1\"").await;
    fields(&renamed.body, USER, "");
    assert_eq!(
        (renamed.status, renamed.header("etag"), renamed.str("name")),
        (200, Some("\"2\""), "Kim Lee")
    );
    assert_eq!(client.get("", "/v1/users/me").await.problem(), (401, "TOKEN_REQUIRED"));
}

async fn a_refresh_token_works_once_and_a_second_use_ends_its_family(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let client = &shop.client;
    let log_in = json!({"email": ADMIN, "password": PASSWORD});
    let refresh = |token: String| async move {
        client.post("", "/v1/auth/refresh", &json!({"refresh_token": token})).await
    };
    let first = client.post("", "/v1/auth/token", &log_in).await.str("refresh_token").to_owned();
    let other = client.post("", "/v1/auth/token", &log_in).await.str("refresh_token").to_owned();
    let second = refresh(first.clone()).await;
    fields(&second.body, TOKEN, "");
    assert_eq!(second.status, 200);
    assert_ne!(second.str("refresh_token"), first);
    assert_eq!(client.get(second.str("access_token"), "/v1/users/me").await.status, 200);
    assert_eq!(refresh(first).await.problem(), (401, "REFRESH_TOKEN_INVALID"));
    let heir = second.str("refresh_token").to_owned();
    assert_eq!(refresh(heir).await.problem(), (401, "REFRESH_TOKEN_INVALID"), "whoever stole it is out, too");
    assert_eq!(refresh(other).await.status, 200, "another log-in is another family");
    assert_eq!(refresh("nonsense".to_owned()).await.problem(), (401, "REFRESH_TOKEN_INVALID"));
}

async fn administrators_look_after_users(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let (client, admin) = (&shop.client, &shop.admin);
    let (kim, lee) = (shop.person("kim", 0).await, shop.person("lee", 0).await);
    let first = client.get(admin, "/v1/users?limit=2").await;
    let ids: Vec<&str> = first.items().iter().map(|user| user["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&lee.id, &kim.id], "newest first");
    first.items().iter().for_each(|user| fields(user, USER, ""));
    let last = client.get(admin, &format!("/v1/users?limit=2&cursor={}", first.str("next_cursor"))).await;
    assert_eq!(
        (last.items().len(), &last.items()[0]["email"], &last.body["next_cursor"]),
        (1, &ADMIN.into(), &json!(null))
    );

    let at = format!("/v1/users/{}", kim.id);
    let seen = client.get(admin, &at).await;
    fields(&seen.body, USER, "");
    assert_eq!((seen.status, seen.header("etag")), (200, Some("\"1\"")));
    let suspend = json!({"status": "SUSPENDED", "reason": "fraud"});
    let suspended = client.patch(admin, &at, &suspend).await;
    assert_eq!(
        (suspended.status, suspended.str("status"), suspended.header("etag")),
        (200, "SUSPENDED", Some("\"2\""))
    );
    assert_eq!(client.get(&kim.token, "/v1/points").await.problem(), (401, "USER_SUSPENDED"), "at once");
    let log_in = json!({"email": "kim@example.com", "password": PASSWORD});
    assert_eq!(client.post("", "/v1/auth/token", &log_in).await.problem(), (401, "USER_SUSPENDED"));
    let stale = client.ask(Method::PATCH, &at).by(admin).header("if-match", "\"1\"");
    assert_eq!(stale.json(&json!({"status": "ACTIVE"})).send().await.problem(), (412, "VERSION_MISMATCH"));
    assert_eq!(client.patch(admin, &at, &json!({"status": "ACTIVE"})).await.status, 200);
    assert_eq!(client.get(&kim.token, "/v1/points").await.status, 200);

    assert_eq!(client.get(&lee.token, "/v1/users").await.problem(), (403, "FORBIDDEN"));
    let promoted = client.patch(admin, &format!("/v1/users/{}", lee.id), &json!({"role": "admin"})).await;
    assert_eq!(promoted.str("role"), "admin");
    assert_eq!(client.get(&lee.token, "/v1/users").await.status, 200, "a role works at once");

    let points = format!("{at}/points");
    let granted = client.post(admin, &points, &json!({"adjust": 700, "reason": "welcome"})).await;
    assert_eq!((granted.status, &granted.body), (200, &json!({"balance": 700, "currency": "KRW"})));
    let taken = client.post(admin, &points, &json!({"adjust": -200, "reason": "typo"})).await;
    assert_eq!(taken.body["balance"], 500);
    let short = client.post(admin, &points, &json!({"adjust": -501, "reason": "typo"})).await;
    assert_eq!(short.problem(), (409, "POINTS_WOULD_BE_NEGATIVE"));
    assert_eq!(client.get(&kim.token, "/v1/points").await.body, json!({"balance": 500, "currency": "KRW"}));
    drop(shop);
    home.audit_is_clean();
}
