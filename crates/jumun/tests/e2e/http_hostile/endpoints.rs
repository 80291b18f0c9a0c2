//! The write endpoints: who may use them, on what, and with which body.

use crate::support::shop::{campaign, lines};
use crate::support::{Person, Shop};
use serde_json::{Value, json};

/// Who is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    Everybody,
    Customers,
    Admins,
}

/// What a field of a body holds, and so what it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// At most so many characters.
    Text(usize),
    Email,
    Password,
    /// Whatever the caller knows; nothing else is right.
    Credential,
    /// A whole number of at least this.
    Amount(i64),
    /// A whole number that may be negative.
    Signed,
    Id,
    Word,
    Time,
    Points,
    Card,
    Discount,
    Lines,
    Flag,
}

/// One write endpoint.
pub(super) struct Endpoint {
    pub(super) method: &'static str,
    pub(super) path: String,
    /// The id in the path, if there is one.
    pub(super) id: Option<String>,
    /// Ids of the same kind that are somebody else's.
    pub(super) strange: Vec<String>,
    pub(super) who: For,
    /// A body that would be taken; null where there is none.
    pub(super) body: Value,
    pub(super) fields: Vec<(&'static str, Kind)>,
    /// Fields that a body cannot lack.
    pub(super) required: bool,
    pub(super) keyed: bool,
    pub(super) versioned: bool,
}

/// People and things to attack.
pub(super) struct World {
    pub(super) admin: String,
    pub(super) kim: Person,
    pub(super) suspended: Person,
    pub(super) product: String,
    campaign: String,
    unpaid: String,
    confirmed: String,
    theirs: Vec<String>,
}

impl World {
    pub(super) async fn new(shop: &Shop) -> Self {
        let (kim, lee) = (shop.person("kim", 50_000).await, shop.person("lee", 50_000).await);
        let suspended = shop.person("park", 1_000).await;
        let at = format!("/v1/users/{}", suspended.id);
        shop.client.patch(&shop.admin, &at, &json!({"status": "SUSPENDED"})).await;
        let product = shop.product("MUG", 1_000, 50).await;
        let campaign = shop.campaign(5).await;
        let unpaid = json!({"lines": lines(&product, 1), "pay": false});
        let paid = json!({"lines": lines(&product, 1), "card_token": "tok_ok"});
        let mut theirs = Vec::new();
        for (key, body) in [("u", &unpaid), ("p", &paid)] {
            theirs.push(shop.order(&lee, key, body).await.id());
        }
        let (unpaid, confirmed) =
            (shop.order(&kim, "u", &unpaid).await.id(), shop.order(&kim, "p", &paid).await.id());
        // Views and rankings have heard of all this before anything is compared.
        shop.client.get(&kim.token, "/v1/orders").await;
        shop.client.get("", "/v1/bestsellers").await;
        Self { admin: shop.admin.clone(), kim, suspended, product, campaign, unpaid, confirmed, theirs }
    }

    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        let mut all = self.accounts();
        all.extend(self.catalogue());
        all.extend(self.campaigns());
        all.extend(self.buying());
        all.extend(self.operating());
        all
    }

    fn accounts(&self) -> Vec<Endpoint> {
        let grant = json!({"adjust": 5, "reason": "welcome"});
        vec![
            Endpoint {
                fields: vec![("email", Kind::Email), ("password", Kind::Password), ("name", Kind::Text(100))],
                required: true,
                ..to(
                    "POST",
                    "/v1/users",
                    For::Everybody,
                    json!({"email": "new@example.com", "password": "long enough", "name": "New"}),
                )
            },
            Endpoint {
                fields: vec![("email", Kind::Credential), ("password", Kind::Credential)],
                required: true,
                ..to(
                    "POST",
                    "/v1/auth/token",
                    For::Everybody,
                    json!({"email": "kim@example.com", "password": "no, no"}),
                )
            },
            Endpoint {
                fields: vec![("refresh_token", Kind::Credential)],
                required: true,
                ..to("POST", "/v1/auth/refresh", For::Everybody, json!({"refresh_token": "none"}))
            },
            Endpoint {
                fields: vec![("name", Kind::Text(100))],
                versioned: true,
                ..to("PATCH", "/v1/users/me", For::Customers, json!({"name": "Kim"}))
            },
            Endpoint {
                fields: vec![("status", Kind::Word), ("role", Kind::Word), ("reason", Kind::Text(500))],
                versioned: true,
                ..on(
                    "PATCH",
                    "/v1/users/{}",
                    &self.kim.id,
                    For::Admins,
                    json!({"status": "ACTIVE", "reason": "x", "role": "admin"}),
                )
            },
            Endpoint {
                fields: vec![("adjust", Kind::Signed), ("reason", Kind::Text(500))],
                required: true,
                ..on("POST", "/v1/users/{}/points", &self.kim.id, For::Admins, grant)
            },
        ]
    }

    fn catalogue(&self) -> Vec<Endpoint> {
        vec![
            Endpoint {
                fields: vec![
                    ("sku", Kind::Text(64)),
                    ("name", Kind::Text(200)),
                    ("price", Kind::Amount(0)),
                    ("stock", Kind::Amount(0)),
                ],
                required: true,
                ..to(
                    "POST",
                    "/v1/products",
                    For::Admins,
                    json!({"sku": "NEW", "name": "New", "price": 1, "stock": 1}),
                )
            },
            Endpoint {
                fields: vec![
                    ("name", Kind::Text(200)),
                    ("price", Kind::Amount(0)),
                    ("status", Kind::Word),
                    ("reason", Kind::Text(500)),
                ],
                versioned: true,
                ..on(
                    "PATCH",
                    "/v1/products/{}",
                    &self.product,
                    For::Admins,
                    json!({"name": "Cup", "price": 2, "status": "INACTIVE", "reason": "x"}),
                )
            },
            Endpoint {
                fields: vec![("adjust", Kind::Signed), ("reason", Kind::Text(500))],
                required: true,
                ..on(
                    "POST",
                    "/v1/products/{}/stock",
                    &self.product,
                    For::Admins,
                    json!({"adjust": 5, "reason": "x"}),
                )
            },
        ]
    }

    fn campaigns(&self) -> Vec<Endpoint> {
        let mut new = campaign(5);
        new["min_order_amount"] = json!(1_000);
        let changes = json!({
            "name": "Autumn", "quantity": 9, "status": "STOPPED", "valid_until": "2098-01-01T00:00:00Z", "reason": "x",
        });
        vec![
            Endpoint {
                fields: vec![
                    ("name", Kind::Text(100)),
                    ("discount", Kind::Discount),
                    ("quantity", Kind::Amount(1)),
                    ("min_order_amount", Kind::Amount(1)),
                    ("valid_from", Kind::Time),
                    ("valid_until", Kind::Time),
                ],
                required: true,
                ..to("POST", "/v1/coupons", For::Admins, new)
            },
            Endpoint {
                fields: vec![
                    ("name", Kind::Text(100)),
                    ("quantity", Kind::Amount(1)),
                    ("status", Kind::Word),
                    ("valid_until", Kind::Time),
                    ("reason", Kind::Text(500)),
                ],
                versioned: true,
                ..on("PATCH", "/v1/coupons/{}", &self.campaign, For::Admins, changes)
            },
            on("POST", "/v1/coupons/{}/issue", &self.campaign, For::Customers, Value::Null),
        ]
    }

    fn buying(&self) -> Vec<Endpoint> {
        vec![
            Endpoint {
                fields: vec![("amount", Kind::Amount(1)), ("card_token", Kind::Card)],
                required: true,
                keyed: true,
                ..to(
                    "POST",
                    "/v1/points/charges",
                    For::Customers,
                    json!({"amount": 5, "card_token": "tok_ok"}),
                )
            },
            Endpoint {
                fields: vec![
                    ("lines", Kind::Lines),
                    ("points", Kind::Points),
                    ("card_token", Kind::Card),
                    ("user_coupon_id", Kind::Id),
                    ("pay", Kind::Flag),
                ],
                required: true,
                keyed: true,
                ..to(
                    "POST",
                    "/v1/orders",
                    For::Customers,
                    json!({
                        "lines": lines(&self.product, 1), "points": 0, "card_token": "tok_ok", "pay": true,
                    }),
                )
            },
            Endpoint {
                fields: vec![
                    ("points", Kind::Points),
                    ("card_token", Kind::Card),
                    ("user_coupon_id", Kind::Id),
                ],
                keyed: true,
                strange: self.theirs.clone(),
                ..on(
                    "POST",
                    "/v1/orders/{}/payments",
                    &self.unpaid,
                    For::Customers,
                    json!({
                        "points": 0, "card_token": "tok_ok",
                    }),
                )
            },
            Endpoint {
                strange: self.theirs.clone(),
                ..on("POST", "/v1/orders/{}/cancel", &self.confirmed, For::Customers, Value::Null)
            },
            Endpoint {
                // Nobody here knows the gateway's secret: every body is refused.
                fields: vec![("type", Kind::Credential), ("data", Kind::Credential)],
                required: true,
                ..on(
                    "POST",
                    "/v1/webhooks/pg/{}",
                    "simulator",
                    For::Everybody,
                    json!({"type": "charge.approved", "data": {"key": "x"}}),
                )
            },
        ]
    }

    fn operating(&self) -> Vec<Endpoint> {
        vec![
            on("POST", "/v1/admin/orders/{}/fulfil", &self.confirmed, For::Admins, Value::Null),
            // There is no dead letter: an order's id is none.
            on("POST", "/v1/admin/dead-letters/{}/redrive", &self.confirmed, For::Admins, Value::Null),
            Endpoint {
                fields: vec![("note", Kind::Text(500))],
                required: true,
                ..on(
                    "POST",
                    "/v1/admin/dead-letters/{}/resolve",
                    &self.confirmed,
                    For::Admins,
                    json!({"note": "x"}),
                )
            },
        ]
    }
}

fn to(method: &'static str, path: &str, who: For, body: Value) -> Endpoint {
    let (path, fields, strange) = (path.to_owned(), Vec::new(), Vec::new());
    Endpoint {
        method,
        path,
        id: None,
        strange,
        who,
        body,
        fields,
        required: false,
        keyed: false,
        versioned: false,
    }
}

fn on(method: &'static str, path: &str, id: &str, who: For, body: Value) -> Endpoint {
    Endpoint { id: Some(id.to_owned()), ..to(method, &path.replace("{}", id), who, body) }
}
