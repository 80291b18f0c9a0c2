//! A served shop as a deployment: what a client over HTTP does and sees.

use crate::support::client::Ask;
use crate::support::shop::PG_KEY;
use crate::support::{Answer, Client, Home, Person, Shop};
use conformance::books::{Books, CouponBook, OrderBook, ProductBook};
use conformance::{Basket, Deployment, Needs, Payment, Points};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::runtime::Handle;

/// Longer than views, deliveries and the ranking are ever behind.
const PATIENCE: Duration = Duration::from_secs(60);

/// A shop behind the real binary, with names. Its methods wait: they are called on a thread that may.
pub(super) struct Served {
    runtime: Handle,
    home: Home,
    /// None once it is stopped.
    shop: Option<Shop>,
    customers: BTreeMap<String, Person>,
    products: BTreeMap<String, String>,
    /// With whose they are.
    coupons: BTreeMap<String, (String, String)>,
    orders: Vec<Asked>,
    queue: Vec<Queued>,
    turned_down: BTreeMap<String, Vec<String>>,
}

/// What was asked for as an order.
struct Asked {
    name: String,
    made: Option<String>,
}

/// A request that is to be sent, and what its refusal is called.
struct Queued {
    order: String,
    refusal: &'static str,
    ask: Ask,
}

impl Served {
    pub(super) fn open(home: Home, runtime: Handle) -> Self {
        let shop = runtime.block_on(Shop::open(&home));
        Self {
            runtime,
            home,
            shop: Some(shop),
            customers: BTreeMap::new(),
            products: BTreeMap::new(),
            coupons: BTreeMap::new(),
            orders: Vec::new(),
            queue: Vec::new(),
            turned_down: BTreeMap::new(),
        }
    }

    fn shop(&self) -> &Shop {
        self.shop.as_ref().unwrap()
    }

    fn order_id(&self, name: &str) -> String {
        let asked = self.orders.iter().find(|asked| asked.name == name);
        asked.and_then(|asked| asked.made.clone()).unwrap_or_else(|| panic!("no order {name}"))
    }

    /// Whose order this is.
    fn customer_of(&self, order: &str) -> &Person {
        let id = self.order_id(order);
        let path = format!("/v1/orders/{id}");
        let shown = self.runtime.block_on(self.shop().client.get(&self.shop().admin, &path));
        let owner = shown.str("user_id");
        self.customers.values().find(|person| person.id == owner).unwrap()
    }

    /// A request that waits until what it starts is over.
    fn ask(&self, person: &Person, path: &str) -> Ask {
        self.shop().client.ask(Method::POST, path).by(&person.token).prefer("wait=60")
    }

    fn queue(&mut self, order: &str, refusal: &'static str, ask: Ask) {
        self.queue.push(Queued { order: order.to_owned(), refusal, ask });
    }

    fn payment(&self, payment: &Payment) -> Value {
        let mut body = json!({});
        if let Some(coupon) = &payment.coupon {
            body["user_coupon_id"] = json!(self.coupons[coupon].1);
        }
        match payment.points {
            Points::Amount(0) => {}
            Points::Amount(amount) => body["points"] = json!(amount),
            Points::All => body["points"] = json!("all"),
        }
        if let Some(card) = payment.card {
            body["card_token"] = json!(card.token());
        }
        body
    }

    fn collect(&mut self, order: &str, refusal: &str, answer: &Answer) {
        if answer.status >= 400 {
            let code = answer.problem().1;
            self.turned_down.entry(order.to_owned()).or_default().push(format!("{refusal}{code}"));
        } else if let Some(asked) = self.orders.iter_mut().find(|asked| asked.name == order) {
            asked.made.get_or_insert_with(|| answer.id());
        }
    }

    /// What the data platform took, by order: each word once.
    fn told(&self) -> BTreeMap<String, Vec<String>> {
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let text = std::fs::read_to_string(self.home.data().join("deliveries.ndjson")).unwrap();
        // A line may be half written.
        for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let Some(word) = line["type"].as_str().unwrap().strip_prefix("order.") else { continue };
            let words = told.entry(line["data"]["order_id"].as_str().unwrap().to_owned()).or_default();
            if !words.iter().any(|known| known == word) {
                words.push(word.to_owned());
            }
        }
        told
    }

    /// Whether everybody has heard everything: the platform of each order's end, and each database of the others' logs.
    async fn is_at_rest(&self) -> bool {
        let (shop, told) = (self.shop(), self.told());
        for id in self.orders.iter().filter_map(|asked| asked.made.as_ref()) {
            let order = shop.client.get(&shop.admin, &format!("/v1/orders/{id}")).await;
            let end = order.str("status").to_ascii_lowercase();
            if told.get(id).and_then(|words| words.last()) != Some(&end) {
                return false;
            }
        }
        let overview = shop.client.get(&shop.admin, "/v1/admin/overview").await;
        let databases = overview.body["databases"].as_array().unwrap();
        databases
            .iter()
            .all(|database| database["lag"].as_object().unwrap().values().all(|lag| *lag == json!(0)))
    }

    async fn until_at_rest(&self) {
        while !self.is_at_rest().await {
            tokio::task::yield_now().await;
        }
    }

    /// What the gateway holds, by payment.
    async fn held(&self) -> BTreeMap<String, i64> {
        let pg = Client::new(&self.shop().serving.told.pg_url);
        let (mut held, mut after) = (BTreeMap::new(), "0".to_owned());
        loop {
            let page = pg.ask(Method::GET, &format!("/v1/charges?limit=100&after={after}"));
            let page = page.header("authorization", PG_KEY).send().await;
            for charge in page.body["charges"].as_array().unwrap() {
                if charge["status"] == "APPROVED" {
                    held.insert(
                        charge["key"].as_str().unwrap().to_owned(),
                        charge["amount"].as_i64().unwrap(),
                    );
                }
            }
            match page.body["next"].as_str() {
                Some(next) => next.clone_into(&mut after),
                None => return held,
            }
        }
    }

    async fn order_book(
        &self,
        asked: &Asked,
        told: &BTreeMap<String, Vec<String>>,
        held: &BTreeMap<String, i64>,
    ) -> OrderBook {
        let turned_down = self.turned_down.get(&asked.name).cloned().unwrap_or_default();
        let Some(id) = &asked.made else { return OrderBook { turned_down, ..OrderBook::default() } };
        let shop = self.shop();
        let order = shop.client.get(&shop.admin, &format!("/v1/orders/{id}")).await;
        let reason = order.body["reason"].as_str().map(|reason| format!(" {reason}")).unwrap_or_default();
        let amount = |field: &str| order.body[field].as_i64().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let steps = order.body["steps"].as_array().unwrap().iter();
        let payment = match order.body["payment_id"].as_str() {
            Some(payment) => {
                let shown = shop.client.get(&shop.admin, &format!("/v1/payments/{payment}")).await;
                (shown.status == 200).then(|| shown.str("status").to_owned())
            }
            None => None,
        };
        OrderBook {
            id: Some(id.clone()),
            status: format!("{}{reason}", order.str("status")),
            steps: steps.map(|step| (text(&step["name"]), text(&step["status"]))).collect(),
            card: amount("card_amount"),
            points: amount("points_used"),
            discount: amount("discount"),
            payment,
            held: order.body["payment_id"].as_str().and_then(|id| held.get(id)).copied().unwrap_or(0),
            told: told.get(id).cloned().unwrap_or_default(),
            turned_down,
        }
    }

    async fn read(&self) -> Books {
        let (shop, told, held) = (self.shop(), self.told(), self.held().await);
        let mut books = Books::default();
        for asked in &self.orders {
            books.orders.push((asked.name.clone(), self.order_book(asked, &told, &held).await));
        }
        let best = shop.client.get("", "/v1/bestsellers?days=2&limit=100").await;
        for (name, id) in &self.products {
            let best = best.body["items"].as_array().unwrap().iter();
            let ranked =
                best.filter(|best| best["product_id"] == **id).map(|best| best["sold"].as_i64().unwrap());
            let ranked = ranked.sum();
            // What the catalogue counts as sold is shown to nobody; the audit holds it against the orders.
            let book = ProductBook { stock: shop.stock(id).await, sold: ranked, ranked };
            books.products.insert(name.clone(), book);
        }
        for (name, person) in &self.customers {
            books.customers.insert(name.clone(), shop.balance(person).await);
        }
        for (name, (owner, id)) in &self.coupons {
            let own = shop.client.get(&self.customers[owner].token, "/v1/users/me/coupons").await;
            let coupon = own.items().iter().find(|coupon| coupon["id"] == **id).unwrap();
            let order = coupon["order_id"].as_str().map(str::to_owned);
            let status = coupon["status"].as_str().unwrap().to_owned();
            books.coupons.insert(name.clone(), CouponBook { status, order });
        }
        let letters = shop.client.get(&shop.admin, "/v1/admin/dead-letters").await;
        books.odd.extend(letters.items().iter().map(|letter| format!("a dead letter: {letter}")));
        books
    }
}

impl Deployment for Served {
    fn meets(&self, needs: Needs) -> bool {
        match needs {
            Needs::Nothing => true,
            Needs::StaleQuote | Needs::InlineDelivery | Needs::OwnTime | Needs::OpenDoor => false,
        }
    }

    fn customer(&mut self, name: &str, points: i64) {
        let address = format!("customer-{}", self.customers.len());
        let person = self.runtime.block_on(self.shop().person(&address, points));
        self.customers.insert(name.to_owned(), person);
    }

    fn suspend(&mut self, customer: &str) {
        panic!("{customer}: who is suspended does not come in");
    }

    fn product(&mut self, name: &str, price: i64, stock: i64) {
        let sku = format!("SKU-{}", self.products.len());
        let id = self.runtime.block_on(self.shop().product(&sku, price, stock));
        self.products.insert(name.to_owned(), id);
    }

    fn reprice(&mut self, product: &str, _: i64) {
        panic!("{product}: nothing comes between a quote and its order here");
    }

    fn coupon(&mut self, name: &str, owner: &str, off: i64) {
        let (shop, person) = (self.shop(), &self.customers[owner]);
        let issue = async { shop.coupon(person, &shop.campaign_of(1, off).await).await };
        let id = self.runtime.block_on(issue);
        self.coupons.insert(name.to_owned(), (owner.to_owned(), id));
    }

    fn order(&mut self, name: &str, key: &str, basket: &Basket) {
        let mut body =
            basket.payment.as_ref().map_or_else(|| json!({"pay": false}), |payment| self.payment(payment));
        let line = |(product, count): &(String, i64)| json!({"product_id": self.products[product], "quantity": count});
        body["lines"] = basket.lines.iter().map(line).collect();
        let ask = self.ask(&self.customers[&basket.customer], "/v1/orders").key(key).json(&body);
        self.queue(name, "", ask);
        self.orders.push(Asked { name: name.to_owned(), made: None });
    }

    fn pay(&mut self, order: &str, payment: &Payment) {
        let path = format!("/v1/orders/{}/payments", self.order_id(order));
        let ask = self.ask(self.customer_of(order), &path).key("payment").json(&self.payment(payment));
        self.queue(order, "pay: ", ask);
    }

    fn cancel(&mut self, order: &str) {
        let path = format!("/v1/orders/{}/cancel", self.order_id(order));
        self.queue(order, "cancel: ", self.ask(self.customer_of(order), &path));
    }

    fn rest(&mut self) {
        let sent =
            std::mem::take(&mut self.queue).into_iter().map(|Queued { order, refusal, ask }| async move {
                let answer = ask.send().await;
                (order, refusal, answer)
            });
        for (order, refusal, answer) in self.runtime.block_on(join_all(sent)) {
            self.collect(&order, refusal, &answer);
        }
    }

    fn pass(&mut self, seconds: u64) {
        panic!("{seconds} seconds do not pass at a word");
    }

    fn gateway_stuck(&mut self, _: bool) {
        panic!("the gateway answers when it does");
    }

    fn platform_refuses(&mut self, _: bool) {
        panic!("the platform is a file, and takes all");
    }

    fn books(&mut self) -> Books {
        let waited =
            self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.until_at_rest()).await });
        let mut books = self.runtime.block_on(self.read());
        if waited.is_err() {
            books.odd.push("not everybody has heard everything".to_owned());
        }
        if let Some(shop) = self.shop.take() {
            shop.serving.stop();
        }
        let (code, report) = self.home.audit();
        if (code, &report["discrepancies"]["count"]) != (Some(0), &json!(0)) {
            books.odd.push(format!("{report:#}"));
        }
        books
    }
}
