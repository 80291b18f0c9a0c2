//! Products, campaigns, and how lists are paged.

use crate::support::client::fields;
use crate::support::shop::campaign;
use crate::support::{Home, Shop};
use reqwest::Method;
use serde_json::{Value, json};

in_the_smallest_and_the_largest!(
    products_are_listed_changed_and_stocked,
    coupons_are_issued_while_they_last_and_one_each,
    lists_go_on_where_the_cursor_says_and_refuse_bad_pages,
);

const PRODUCT: &str = "id sku name price stock status version";
const COUPON: &str = "id name discount quantity issued valid_from valid_until status";
const USER_COUPON: &str = "id coupon_id status issued_at";

async fn products_are_listed_changed_and_stocked(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let (client, admin) = (&shop.client, &shop.admin);
    let body = json!({"sku": "MUG", "name": "Mug", "price": 1_000, "stock": 5});
    let made = client.post(admin, "/v1/products", &body).await;
    fields(&made.body, PRODUCT, "");
    let at = format!("/v1/products/{}", made.id());
    assert_eq!(
        (made.status, made.header("location"), made.header("etag")),
        (201, Some(at.as_str()), Some("\"1\""))
    );
    assert_eq!(client.post(admin, "/v1/products", &body).await.problem(), (409, "SKU_TAKEN"));
    let seen = client.get("", &at).await;
    assert_eq!((seen.status, &seen.body, seen.header("etag")), (200, &made.body, Some("\"1\"")));

    let patch = |version: &'static str| {
        let ask = client.ask(Method::PATCH, &at).by(admin).header("if-match", version);
        ask.json(&json!({"price": 1_200, "status": "INACTIVE", "reason": "season"})).send()
    };
    assert_eq!(patch("\"2\"").await.problem(), (412, "VERSION_MISMATCH"));
    let patched = patch("\"1\"").await;
    fields(&patched.body, PRODUCT, "");
    assert_eq!((patched.status, patched.header("etag")), (200, Some("\"2\"")));
    assert_eq!((&patched.body["price"], patched.str("status")), (&json!(1_200), "INACTIVE"));
    let stock = format!("{at}/stock");
    let added = client.post(admin, &stock, &json!({"adjust": 3, "reason": "delivery"})).await;
    assert_eq!((added.status, added.body["stock"].as_i64()), (200, Some(8)));
    assert_eq!(client.post(admin, &stock, &json!({"adjust": -8})).await.body["stock"], 0);
    assert_eq!(
        client.post(admin, &stock, &json!({"adjust": -1})).await.problem(),
        (409, "STOCK_WOULD_BE_NEGATIVE")
    );
    let list = client.get("", "/v1/products").await;
    fields(&list.items()[0], PRODUCT, "");
    assert_eq!(list.items()[0]["stock"], 0);
}

async fn coupons_are_issued_while_they_last_and_one_each(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let (client, admin) = (&shop.client, &shop.admin);
    let (kim, lee) = (shop.person("kim", 0).await, shop.person("lee", 0).await);
    let mut body = campaign(1);
    body["min_order_amount"] = json!(2_000);
    let made = client.post(admin, "/v1/coupons", &body).await;
    fields(&made.body, COUPON, "min_order_amount");
    assert_eq!((made.status, &made.body["issued"], made.str("status")), (201, &json!(0), "ACTIVE"));
    assert_eq!(made.body["discount"], json!({"type": "fixed", "amount": 500}));
    let (at, issue) = (format!("/v1/coupons/{}", made.id()), format!("/v1/coupons/{}/issue", made.id()));
    let issued = client.post(&kim.token, &issue, &json!({})).await;
    fields(&issued.body, USER_COUPON, "");
    assert_eq!(
        (issued.status, issued.str("status"), issued.str("coupon_id")),
        (201, "ISSUED", made.str("id"))
    );
    assert_eq!(client.post(&kim.token, &issue, &json!({})).await.problem(), (409, "COUPON_ALREADY_ISSUED"));
    assert_eq!(client.post(&lee.token, &issue, &json!({})).await.problem(), (409, "COUPON_SOLD_OUT"));
    let mine = client.get(&kim.token, "/v1/users/me/coupons").await;
    assert_eq!(mine.items(), [issued.body]);
    let list = client.get("", "/v1/coupons").await;
    fields(&list.items()[0], COUPON, "min_order_amount");
    assert_eq!(list.items()[0]["issued"], 1);
    assert_eq!(client.patch(admin, &at, &json!({"quantity": 2, "name": "Late spring"})).await.status, 200);
    let stopped = client.patch(admin, &at, &json!({"status": "STOPPED"})).await;
    fields(&stopped.body, COUPON, "min_order_amount");
    assert_eq!((stopped.str("name"), &stopped.body["quantity"]), ("Late spring", &json!(2)));
    assert_eq!(client.post(&lee.token, &issue, &json!({})).await.problem(), (409, "COUPON_NOT_OPEN"));

    let mut early = campaign(1);
    early["valid_from"] = "2098-01-01T00:00:00Z".into();
    early["discount"] = json!({"type": "percent", "percent": 10, "max_amount": 300});
    let early = client.post(admin, "/v1/coupons", &early).await;
    assert_eq!(early.body["discount"], json!({"type": "percent", "percent": 10, "max_amount": 300}));
    let issue = format!("/v1/coupons/{}/issue", early.id());
    assert_eq!(client.post(&lee.token, &issue, &json!({})).await.problem(), (409, "COUPON_NOT_OPEN"));
    drop(shop);
    home.audit_is_clean();
}

async fn lists_go_on_where_the_cursor_says_and_refuse_bad_pages(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let kim = shop.person("kim", 10).await;
    let mut made = Vec::new();
    for number in 0..5 {
        made.insert(0, shop.product(&format!("P{number}"), 2, 100).await);
        let body = json!({"lines": [{"product_id": made[0], "quantity": 1}], "points": "all"});
        assert_eq!(shop.order(&kim, &number.to_string(), &body).await.status, 201);
        shop.campaign(1).await;
    }
    assert_eq!(walk(&shop, "", "/v1/products", "id").await, made);
    assert_eq!(walk(&shop, &kim.token, "/v1/orders", "id").await.len(), 5);
    assert_eq!(walk(&shop, &kim.token, "/v1/points/history", "id").await.len(), 6);
    assert_eq!(walk(&shop, &shop.admin, "/v1/admin/orders", "id").await.len(), 5);
    assert_eq!(walk(&shop, "", "/v1/coupons", "id").await.len(), 5);
    assert_eq!(walk(&shop, &shop.admin, "/v1/users", "id").await.len(), 2);
    for path in [
        "/v1/products",
        "/v1/coupons",
        "/v1/orders",
        "/v1/points/history",
        "/v1/users/me/coupons",
        "/v1/users",
        "/v1/admin/orders",
        "/v1/admin/dead-letters",
    ] {
        for bad in [
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=",
            "limit=1e1",
            "limit=%31%00",
            "limit=1&limit=2",
            "cursor=",
            "cursor=x",
            "cursor=..%2F..",
            "page=2",
            "limit=99999999999999999999",
        ] {
            let answer = shop.client.get(&shop.admin, &format!("{path}?{bad}")).await;
            assert_eq!(answer.problem(), (400, "BAD_PARAMETER"), "{path}?{bad}");
        }
        assert_eq!(shop.client.get(&shop.admin, &format!("{path}?limit=100")).await.status, 200, "{path}");
    }
}

/// The ids of a whole list, fetched two by two.
async fn walk(shop: &Shop, token: &str, path: &str, id: &str) -> Vec<String> {
    let (mut found, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = shop.client.get(token, &format!("{path}{query}")).await;
        assert!(page.items().len() <= 2);
        found.extend(page.items().iter().map(|item| item[id].as_str().unwrap().to_owned()));
        match &page.body["next_cursor"] {
            Value::String(cursor) => query = format!("?limit=2&cursor={cursor}"),
            _ => return found,
        }
    }
}
