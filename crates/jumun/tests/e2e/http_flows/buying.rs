//! Orders placed: how they are answered, how they look, and why they are refused.

use crate::support::client::fields;
use crate::support::shop::lines;
use crate::support::{Answer, Home, Shop};
use reqwest::Method;
use serde_json::{Value, json};

in_every_topology!(
    an_order_uses_coupon_points_and_card_and_shows_all_of_it,
    an_order_is_answered_settled_or_pending_as_the_client_prefers,
    the_same_key_is_the_same_order,
    an_order_just_after_a_change_of_price_has_the_new_price,
    a_refused_order_is_a_settled_order_and_costs_nothing,
    what_cannot_be_ordered_makes_no_order,
);
in_the_most_processes!(an_order_uses_coupon_points_and_card_and_shows_all_of_it);

const ORDER: &str = "id user_id status lines total discount points_used card_amount currency trace_id topology steps created_at updated_at";
const SOMETIMES: &str = "reason user_coupon_id payment_id settled_at";

/// An order's own fields, and those of its lines and steps.
pub(super) fn is_an_order(order: &Value) {
    fields(order, ORDER, SOMETIMES);
    for line in order["lines"].as_array().unwrap() {
        fields(line, "product_id sku name quantity unit_price amount", "");
    }
    for step in order["steps"].as_array().unwrap() {
        fields(step, "name status attempts", "reason");
    }
    let amount = |field: &str| order[field].as_i64().unwrap();
    assert!(amount("total") - amount("discount") == amount("points_used") + amount("card_amount"), "{order}");
}

async fn an_order_uses_coupon_points_and_card_and_shows_all_of_it(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let (kim, lee) = (shop.person("kim", 700).await, shop.person("lee", 0).await);
    let (mug, tea) = (shop.product("MUG", 1_000, 5).await, shop.product("TEA", 250, 9).await);
    let coupon = shop.coupon(&kim, &shop.campaign(3).await).await;
    let body = json!({
        "lines": [
            {"product_id": mug, "quantity": 1}, {"product_id": tea, "quantity": 2}, {"product_id": mug, "quantity": 1},
        ],
        "user_coupon_id": coupon, "points": "all", "card_token": "tok_ok",
    });
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let ask = shop.client.ask(Method::POST, "/v1/orders").by(&kim.token).key("k").prefer("wait=60");
    let placed =
        ask.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01")).json(&body).send().await;
    let order = &placed.body;
    is_an_order(order);
    assert_eq!((placed.status, placed.str("status")), (201, "CONFIRMED"), "{order}");
    assert_eq!(placed.header("location"), Some(format!("/v1/orders/{}", placed.str("id")).as_str()));
    assert_eq!(placed.header("preference-applied"), Some("wait=60"));
    assert!(placed.header("traceparent").unwrap().starts_with(&format!("00-{trace}-")));
    assert_eq!(
        (placed.str("trace_id"), placed.str("topology"), placed.str("currency")),
        (trace, home.topology.as_str(), "KRW")
    );
    let line = |product: &str, sku: &str, quantity: i64, price: i64| {
        let name = format!("The {sku}");
        json!({"product_id": product, "sku": sku, "name": name, "quantity": quantity, "unit_price": price, "amount": quantity * price})
    };
    assert_eq!(
        order["lines"],
        json!([line(&mug, "MUG", 2, 1_000), line(&tea, "TEA", 2, 250)]),
        "one line a product"
    );
    let amounts =
        ["total", "discount", "points_used", "card_amount"].map(|field| order[field].as_i64().unwrap());
    assert_eq!(amounts, [2_500, 500, 700, 1_300]);
    let mut steps: Vec<&str> =
        order["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    // Each topology has an order of its own.
    steps.sort_unstable();
    assert_eq!(steps, ["coupon", "payment", "point", "stock"]);
    assert_eq!((&order["user_coupon_id"], &order["user_id"]), (&json!(coupon), &json!(kim.id)));

    let at = format!("/v1/orders/{}", placed.str("id"));
    assert_eq!(shop.client.get(&kim.token, &at).await.body, *order);
    assert_eq!(
        shop.client.get(&kim.token, "/v1/orders").await.items(),
        std::slice::from_ref(order),
        "the view is the order"
    );
    assert_eq!((shop.stock(&mug).await, shop.stock(&tea).await, shop.balance(&kim).await), (3, 7, 0));
    let mine = shop.client.get(&kim.token, "/v1/users/me/coupons").await;
    assert_eq!((&mine.items()[0]["status"], &mine.items()[0]["order_id"]), (&json!("USED"), &order["id"]));
    let payment = format!("/v1/payments/{}", placed.str("payment_id"));
    let paid = shop.client.get(&kim.token, &payment).await;
    fields(&paid.body, "id order_id status amount points discount currency pg created_at", "");
    let said = ["amount", "points", "discount", "status"].map(|field| paid.body[field].clone());
    assert_eq!(said, [json!(1_300), json!(700), json!(500), json!("APPROVED")]);
    for path in [at, payment] {
        assert_eq!(shop.client.get(&lee.token, &path).await.problem(), (404, "NOT_FOUND"), "{path}");
        assert_eq!(shop.client.get(&shop.admin, &path).await.status, 200, "{path}");
        assert_eq!(shop.client.get("", &path).await.problem(), (401, "TOKEN_REQUIRED"), "{path}");
    }
    drop(shop);
    home.audit_is_clean();
}

async fn an_order_is_answered_settled_or_pending_as_the_client_prefers(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let kim = shop.person("kim", 0).await;
    let mug = shop.product("MUG", 1_000, 99).await;
    let body = json!({"lines": lines(&mug, 1), "card_token": "tok_slow"});
    let place = |key: &'static str, prefer: Option<&'static str>| {
        let ask = shop.client.ask(Method::POST, "/v1/orders").by(&kim.token).key(key).json(&body);
        let ask = match prefer {
            Some(prefer) => ask.prefer(prefer),
            None => ask,
        };
        ask.send()
    };
    let check = |answer: &Answer, status: u16, applied: Option<&str>| {
        is_an_order(&answer.body);
        assert_eq!(
            (answer.status, answer.header("preference-applied")),
            (status, applied),
            "{}",
            answer.text
        );
        assert_eq!(answer.str("status"), if status == 201 { "CONFIRMED" } else { "PENDING" });
        assert_eq!(answer.header("location"), Some(format!("/v1/orders/{}", answer.str("id")).as_str()));
    };
    // The topology picks: it waits for the settled order, or answers with the pending one.
    check(&place("1", None).await, if answered_settled(topology) { 201 } else { 202 }, None);
    check(&place("2", Some("respond-async")).await, 202, Some("respond-async"));
    check(&place("3", Some("wait=0")).await, 202, Some("wait=0"));
    check(&place("4", Some("wait=30")).await, 201, Some("wait=30"));
    check(&place("5", Some("wait=99999999999999999999999")).await, 201, Some("wait=60"));
    drop(shop);
    home.audit_is_clean();
}

async fn an_order_just_after_a_change_of_price_has_the_new_price(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let kim = shop.person("kim", 90_000).await;
    let mug = shop.product("MUG", 1_000, 99).await;
    for price in 1..=25 {
        let changed =
            shop.client.patch(&shop.admin, &format!("/v1/products/{mug}"), &json!({ "price": price })).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        let body = json!({"lines": lines(&mug, 1), "points": "all"});
        let placed = shop.order(&kim, &price.to_string(), &body).await;
        assert_eq!((placed.str("status"), placed.body["total"].as_i64()), ("CONFIRMED", Some(price)));
    }
    drop(shop);
    home.audit_is_clean();
}

async fn the_same_key_is_the_same_order(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let (kim, lee) = (shop.person("kim", 9_000).await, shop.person("lee", 9_000).await);
    let mug = shop.product("MUG", 1_000, 99).await;
    let body = json!({"lines": lines(&mug, 1), "points": 1_000});
    let first = shop.order(&kim, "k", &body).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, None));
    let again = shop.order(&kim, "\"k\"", &json!({"points": 1_000, "lines": lines(&mug, 1)})).await;
    assert_eq!(
        (again.status, again.header("idempotent-replayed"), &again.body),
        (201, Some("true"), &first.body)
    );
    let other = shop.order(&kim, "k", &json!({"lines": lines(&mug, 2), "points": 2_000})).await;
    assert_eq!(other.problem(), (422, "IDEMPOTENCY_KEY_REUSED"));
    let hers = shop.order(&lee, "k", &body).await;
    assert_ne!(hers.id(), first.id(), "a key is its user's own");
    assert_eq!(shop.stock(&mug).await, 97);
    let longest = "k".repeat(255);
    assert_eq!(shop.order(&kim, &longest, &body).await.status, 201);
}

async fn a_refused_order_is_a_settled_order_and_costs_nothing(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let (kim, lee) = (shop.person("kim", 1_000).await, shop.person("lee", 0).await);
    let mug = shop.product("MUG", 1_000, 2).await;
    let coupon = shop.coupon(&kim, &shop.campaign(3).await).await;
    let checks = [
        ("OUT_OF_STOCK", json!({"lines": lines(&mug, 3), "card_token": "tok_ok"})),
        ("POINTS_SHORT", json!({"lines": lines(&mug, 2), "points": 1_500, "card_token": "tok_ok"})),
        (
            "COUPON_INVALID",
            json!({"lines": lines(&mug, 1), "user_coupon_id": shop.campaign(1).await, "card_token": "tok_ok"}),
        ),
        (
            "PAYMENT_DECLINED",
            json!({"lines": lines(&mug, 1), "user_coupon_id": coupon, "points": 200, "card_token": "tok_decline"}),
        ),
        ("PAYMENT_UNAVAILABLE", json!({"lines": lines(&mug, 1), "points": 200, "card_token": "tok_error"})),
    ];
    for (reason, body) in checks {
        let refused = shop.order(&kim, reason, &body).await;
        is_an_order(&refused.body);
        assert_eq!(
            (refused.status, refused.str("status"), refused.str("reason")),
            (201, "FAILED", reason),
            "{}",
            refused.text
        );
        assert!(refused.body["settled_at"].is_string());
        assert_eq!((shop.stock(&mug).await, shop.balance(&kim).await), (2, 1_000), "{reason}");
    }
    let stolen = json!({"lines": lines(&mug, 1), "user_coupon_id": coupon, "card_token": "tok_ok"});
    assert_eq!(shop.order(&lee, "stolen", &stolen).await.str("reason"), "COUPON_INVALID");
    let mine = shop.client.get(&kim.token, "/v1/users/me/coupons").await;
    assert_eq!((&mine.items()[0]["status"], mine.items()[0].get("order_id")), (&json!("ISSUED"), None));
    let off =
        shop.client.patch(&shop.admin, &format!("/v1/products/{mug}"), &json!({"status": "INACTIVE"})).await;
    assert_eq!(off.status, 200);
    let gone = shop.order(&kim, "gone", &json!({"lines": lines(&mug, 1), "card_token": "tok_ok"})).await;
    assert!(gone.status == 422 || gone.body["status"] == "FAILED", "{}", gone.text);
    drop(shop);
    home.audit_is_clean();
}

async fn what_cannot_be_ordered_makes_no_order(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let kim = shop.person("kim", 10_000).await;
    let mug = shop.product("MUG", 1_000, 5).await;
    let unknown = "0190163d-8694-739b-aea5-966c26f8ad91";
    let many: Vec<Value> = (0..2_001).map(|_| json!({"product_id": mug, "quantity": 1})).collect();
    let checks = [
        (
            "PRODUCT_UNKNOWN",
            "/lines/0/product_id",
            json!({"lines": lines(unknown, 1), "card_token": "tok_ok"}),
        ),
        ("LINES_EMPTY", "/lines", json!({"lines": [], "card_token": "tok_ok"})),
        ("TOO_MANY_LINES", "/lines", json!({"lines": many, "card_token": "tok_ok"})),
        ("INVALID_FIELD", "/lines/0/quantity", json!({"lines": lines(&mug, 0), "card_token": "tok_ok"})),
        ("CARD_REQUIRED", "/card_token", json!({"lines": lines(&mug, 1), "points": 999})),
        ("POINTS_EXCEED_TOTAL", "/points", json!({"lines": lines(&mug, 1), "points": 1_001})),
        (
            "INVALID_FIELD",
            "/card_token",
            json!({"lines": lines(&mug, 1), "points": "all", "card_token": "t".repeat(256)}),
        ),
    ];
    for (code, pointer, body) in checks {
        let refused = shop.order(&kim, "k", &body).await;
        assert_eq!(refused.problem(), (422, code), "{body}: {}", refused.text);
        assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{}", refused.text);
    }
    assert_eq!(shop.client.get(&kim.token, "/v1/orders").await.items(), [] as [Value; 0]);
    let unused = json!({"lines": lines(&mug, 1), "points": "all", "card_token": "tok_decline"});
    let placed = shop.order(&kim, "k", &unused).await;
    assert_eq!(placed.str("status"), "CONFIRMED", "a card that is not needed is not asked");
}

/// Whether `topology` answers its clients with the settled order unless they prefer otherwise.
fn answered_settled(topology: &str) -> bool {
    ["monolith", "orchestrated-calls"].contains(&topology)
}
