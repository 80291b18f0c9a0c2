//! People and things in a running shop.

use super::client::{Answer, Client};
use super::process::{ADMIN, Home, PASSWORD, Serving};
use super::tokens;
use reqwest::Method;
use serde_json::{Value, json};

/// What the PG simulator knows its caller by: `sk_sim_local:`, its default key.
pub(crate) const PG_KEY: &str = "Basic c2tfc2ltX2xvY2FsOg==";

/// A running shop with its administrator.
pub(crate) struct Shop {
    pub(crate) serving: Serving,
    pub(crate) client: Client,
    pub(crate) admin: String,
}

/// Somebody who signed up.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Shop {
    pub(crate) async fn open(home: &Home) -> Self {
        Self::of(home.start()).await
    }

    pub(crate) async fn of(serving: Serving) -> Self {
        let client = Client::new(&serving.told.url);
        let log_in = client.post("", "/v1/auth/token", &json!({"email": ADMIN, "password": PASSWORD})).await;
        let admin = log_in.str("access_token").to_owned();
        Self { serving, client, admin }
    }

    /// Asks until the system says that every unit is ready.
    pub(crate) async fn until_ready(&self) {
        let ready = || self.client.ask(Method::GET, "/readyz").try_send();
        while ready().await.map(|answer| answer.status).ok() != Some(200) {
            tokio::task::yield_now().await;
        }
    }

    /// Signs somebody up and grants them points.
    pub(crate) async fn person(&self, name: &str, points: i64) -> Person {
        let body = json!({"email": format!("{name}@example.com"), "password": PASSWORD, "name": name});
        let made = self.client.post("", "/v1/users", &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let person = Person { id: made.id(), token: tokens::good(&made.id()) };
        if points > 0 {
            let grant = json!({"adjust": points, "reason": "welcome"});
            let granted =
                self.client.post(&self.admin, &format!("/v1/users/{}/points", person.id), &grant).await;
            assert_eq!(granted.status, 200, "{}", granted.text);
        }
        person
    }

    /// A product's id.
    pub(crate) async fn product(&self, sku: &str, price: i64, stock: i64) -> String {
        let body = json!({"sku": sku, "name": format!("The {sku}"), "price": price, "stock": stock});
        let made = self.client.post(&self.admin, "/v1/products", &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.id()
    }

    /// A campaign's id: 500 off, open for long.
    pub(crate) async fn campaign(&self, quantity: i64) -> String {
        self.campaign_of(quantity, 500).await
    }

    /// A campaign's id: `off` off.
    pub(crate) async fn campaign_of(&self, quantity: i64, off: i64) -> String {
        let mut body = campaign(quantity);
        body["discount"]["amount"] = off.into();
        let made = self.client.post(&self.admin, "/v1/coupons", &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.id()
    }

    /// The id of a coupon given to `person`.
    pub(crate) async fn coupon(&self, person: &Person, campaign: &str) -> String {
        let issued =
            self.client.post(&person.token, &format!("/v1/coupons/{campaign}/issue"), &json!({})).await;
        assert_eq!(issued.status, 201, "{}", issued.text);
        issued.id()
    }

    /// Places an order and waits until it is settled.
    pub(crate) async fn order(&self, person: &Person, key: &str, body: &Value) -> Answer {
        let ask = self.client.ask(Method::POST, "/v1/orders").by(&person.token).key(key);
        let answer = ask.prefer("wait=60").json(body).send().await;
        assert!(
            answer.status == 201 || answer.status >= 400,
            "not settled: {} {}",
            answer.status,
            answer.text
        );
        answer
    }

    /// Cancels an order and waits until that is done.
    pub(crate) async fn cancel(&self, token: &str, order: &str) -> Answer {
        let ask = self.client.ask(Method::POST, &format!("/v1/orders/{order}/cancel")).by(token);
        ask.prefer("wait=60").send().await
    }

    pub(crate) async fn stock(&self, product: &str) -> i64 {
        self.client.get("", &format!("/v1/products/{product}")).await.body["stock"].as_i64().unwrap()
    }

    pub(crate) async fn balance(&self, person: &Person) -> i64 {
        self.client.get(&person.token, "/v1/points").await.body["balance"].as_i64().unwrap()
    }

    /// What goes wrong at the PG from now on.
    pub(crate) async fn pg_faults(&self, faults: &Value) {
        let ask = Client::new(&self.serving.told.pg_url).ask(Method::PUT, "/v1/faults");
        let answer = ask.header("authorization", PG_KEY).json(faults).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

pub(crate) fn campaign(quantity: i64) -> Value {
    json!({
        "name": "Spring", "discount": {"type": "fixed", "amount": 500}, "quantity": quantity,
        "valid_from": "2020-01-01T00:00:00Z", "valid_until": "2099-01-01T00:00:00Z",
    })
}

/// An order's line.
pub(crate) fn lines(product: &str, quantity: i64) -> Value {
    json!([{"product_id": product, "quantity": quantity}])
}
