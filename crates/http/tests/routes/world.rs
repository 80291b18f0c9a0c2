//! A running shop in memory, behind its door.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response};
use jumun_http::{AppState, HttpConfig, RateLimits};
use kernel::ids::Ids;
use kernel::{Currency, Money, Trace};
use runtime::adapters::{SystemClock, V7Ids};
use runtime::ports::clock::Clock;
use runtime::ports::store::Epoch;
use runtime::system::Opened;
use runtime::{SystemParts, WorkerConfig};
use serde_json::{Value, json};
use shop::{Domains, Policies, Shop};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::sqlite::SqliteStore;
use tower::ServiceExt;
use user::{PasswordHash, User};
use uuid::Uuid;

pub(crate) const MONOLITH: &str = include_str!("../../../../topologies/monolith.toml");
pub(crate) const SEVEN_SERVICES: &str = include_str!("../../../../topologies/seven-services.toml");
pub(crate) const ORCHESTRATED_CALLS: &str = include_str!("../../../../topologies/orchestrated-calls.toml");
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A running shop behind its door; no payment gateway answers.
pub(crate) struct World {
    pub(crate) door: Router,
    pub(crate) state: AppState,
    pub(crate) shop: Arc<Shop>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.shop.stop();
    }
}

/// Somebody's access token.
pub(crate) struct Someone {
    pub(crate) token: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status, code and the pointer of the first field at fault.
    pub(crate) fn problem(&self) -> (u16, &str, Option<&str>) {
        (self.status, self.body["code"].as_str().unwrap_or("?"), self.body["errors"][0]["pointer"].as_str())
    }
}

impl World {
    pub(crate) fn new(topology: &str) -> Self {
        let domains = Domains::new(Policies::new(Currency::KRW, "simulator"));
        let (topology, registry) = domains.place(topology).unwrap();
        let open = |database| {
            let tables = registry.tables(&database);
            let store = SqliteStore::open_in_memory(&tables, Epoch(Uuid::from_u128(1))).unwrap();
            let reader = store.reader();
            Opened { database, store: Box::new(store), reader }
        };
        let opened = topology.databases().into_iter().map(open).collect();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let for_ids = Arc::clone(&clock);
        let ids = move || Box::new(V7Ids::new(Arc::clone(&for_ids), 0)) as Box<dyn Ids + Send>;
        let parts = SystemParts {
            registry: registry.clone(),
            topology,
            opened,
            elsewhere: Vec::new(),
            guards: BTreeMap::new(),
            clock,
            ids: Box::new(ids),
            outside: BTreeMap::new(),
            config: WorkerConfig::default(),
            door_capacity: 1_000,
        };
        let (system, workers) = parts.assemble().unwrap();
        let shop = Shop::new(system, registry, &domains).unwrap();
        shop.start(workers, 250).unwrap();
        let config = HttpConfig {
            rate_limits: RateLimits::Off,
            webhook_secrets: BTreeMap::from([("simulator".to_owned(), SECRET.to_owned())]),
            ..HttpConfig::new(Arc::clone(&shop), vec![7; 32])
        };
        let state = AppState::new(config).unwrap();
        Self { door: jumun_http::app(state.clone()), state, shop }
    }

    pub(crate) fn someone(&self, user: &User) -> Someone {
        Someone { token: self.state.tokens().make(user, self.state.now()).unwrap() }
    }

    /// The database of products does nothing more until the returned sender is dropped: its worker waits in an answer.
    pub(crate) async fn hold_products(&self, product: &str) -> std::sync::mpsc::Sender<()> {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let (waits, waiting) = tokio::sync::oneshot::channel();
        let nothing = product::PatchProduct {
            id: kernel::ids::ProductId(product.parse().unwrap()),
            name: None,
            price: None,
            status: None,
            expected_version: None,
            by: kernel::ids::UserId(Uuid::nil()),
            reason: None,
        };
        self.shop.system().send(nothing, Trace::default(), move |_| {
            waits.send(()).unwrap();
            // Ends with an error when the sender is dropped, which is what it waits for.
            let _ = receiver.recv();
        });
        waiting.await.unwrap();
        sender
    }

    pub(crate) async fn customer(&self, name: &str, points: i64) -> Someone {
        let (email, password_hash) = (format!("{name}@example.com").into(), PasswordHash::new("$x"));
        let command = user::SignUp { email, name: name.into(), password_hash };
        let user = self.shop.ask(command, Trace::default()).await.unwrap();
        if points > 0 {
            let (adjust, reason) = (Money::new(points).unwrap(), "welcome".to_owned());
            let command = point::AdjustPoints { user: user.id, adjust, reason, by: user.id };
            self.shop.ask(command, Trace::default()).await.unwrap();
        }
        self.someone(&user)
    }

    pub(crate) async fn admin(&self) -> Someone {
        let (email, password_hash) = ("admin@example.com".into(), PasswordHash::new("$x"));
        let command = user::EnsureAdmin { email, name: "Admin".into(), password_hash };
        match self.shop.ask(command, Trace::default()).await.unwrap() {
            user::Ensured::Made(user) => self.someone(&user),
            user::Ensured::Exists(id) => panic!("{id} has the administrator's address"),
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.door.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn call(
        &self,
        who: Option<&Someone>,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(who) = who {
            request = request.header("authorization", format!("Bearer {}", who.token));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response =
            self.send(request.body(Body::from(body.unwrap_or_default().to_owned())).unwrap()).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body =
            serde_json::from_slice(&bytes).unwrap_or(Value::String(String::from_utf8(bytes.into()).unwrap()));
        Answer { status, headers, body }
    }

    pub(crate) async fn get(&self, who: &Someone, path: &str) -> Answer {
        self.call(Some(who), Method::GET, path, &[], None).await
    }

    /// The ids of a whole list, page by page; `path` has a query already.
    pub(crate) async fn walk(&self, who: &Someone, path: &str) -> Vec<String> {
        let (mut ids, mut next) = (Vec::new(), path.to_owned());
        loop {
            let page = self.get(who, &next).await;
            let items = page.body["items"].as_array().unwrap_or_else(|| panic!("{next}: {}", page.body));
            ids.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
            match page.body["next_cursor"].as_str() {
                Some(cursor) => next = format!("{path}&cursor={cursor}"),
                None => return ids,
            }
        }
    }

    pub(crate) async fn post(
        &self,
        who: &Someone,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        self.call(Some(who), Method::POST, path, headers, Some(&body.to_string())).await
    }

    pub(crate) async fn place(&self, who: &Someone, key: &str, body: &Value) -> Answer {
        self.post(who, "/v1/orders", &[("idempotency-key", key), ("prefer", "wait=10")], body).await
    }

    pub(crate) async fn product(&self, admin: &Someone, sku: &str, price: i64, stock: i64) -> String {
        let body = json!({"sku": sku, "name": format!("The {sku}"), "price": price, "stock": stock});
        let made = self.post(admin, "/v1/products", &[], &body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.body["id"].as_str().unwrap().to_owned()
    }
}
