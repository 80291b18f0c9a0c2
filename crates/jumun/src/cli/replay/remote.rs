//! A running server, asked over HTTP as its customers and its administrator would.

use super::front::{Front, Placed, Sold, address, name, product_name};
use crate::cli::client::{Api, Credentials, Person, Refusal};
use anyhow::{Context, bail};
use futures::stream::{self, StreamExt, TryStreamExt};
use history::{Customer, History};
use jumun::config::Secret;
use kernel::judge::SagaStatus;
use kernel::{Currency, Money};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// A server with the history's customers and catalogue in it.
pub(super) struct Remote {
    admin: Person,
    run: Uuid,
    users: BTreeMap<Customer, Person>,
    products: BTreeMap<SmolStr, Uuid>,
}

#[derive(Deserialize)]
struct ProductBody {
    id: Uuid,
    sku: SmolStr,
}

#[derive(Deserialize)]
struct OrderBody {
    id: Uuid,
    status: SagaStatus,
    reason: Option<String>,
    total: Money,
}

/// Requests under way while the shop is filled: passwords are hashed on the server, which takes it long enough.
const FILLING: usize = 16;
/// The longest that a server lets one request wait.
const WAIT: &str = "wait=60";
/// How often an order is asked for again until it is settled: five minutes in all.
const ASKED: u32 = 5;
/// How long the first request with an idempotency key may take before it is asked again.
const AGAIN: Duration = Duration::from_millis(100);
/// The most best sellers that a server shows, and the longest window.
const BEST: usize = 100;
const DAYS: usize = 365;

impl Remote {
    /// Fills the server with everybody and everything that the history needs.
    ///
    /// # Errors
    /// If it cannot be reached, does not take them, or has another currency.
    pub(super) async fn open(
        url: &str,
        admin: Credentials,
        history: &History,
        currency: Currency,
        run: Uuid,
    ) -> anyhow::Result<Self> {
        let api = Api::new(url)?;
        let admin = api.log_in(admin).await.context("the administrator")?;
        let points = admin.send(Method::GET, "/v1/points", |request| request).await?;
        if points.body["currency"] != currency.code() {
            bail!("the server's currency is {}, not {currency}: give --currency", points.body["currency"]);
        }
        let listed: Vec<ProductBody> = admin.list("/v1/products").await?;
        let known = listed.into_iter().map(|product| (product.sku, product.id)).collect();
        let mut front = Self { admin, run, users: BTreeMap::new(), products: known };
        let users = stream::iter(&history.customers)
            .map(|customer| sign_up(&api, customer, run))
            .buffer_unordered(FILLING)
            .try_collect()
            .await?;
        let stocked = stream::iter(&history.opening_stock)
            .map(|(sku, stock)| front.stock(history, sku, *stock))
            .buffer_unordered(FILLING)
            .try_collect()
            .await?;
        front.users = users;
        front.products = stocked;
        Ok(front)
    }

    /// Adds a product with its opening stock, or tops one up that is there.
    async fn stock(&self, history: &History, sku: &SmolStr, stock: i64) -> anyhow::Result<(SmolStr, Uuid)> {
        let price = history.products.get(sku).context("a product without a price")?.first_price;
        let admin = &self.admin;
        let id = match self.products.get(sku) {
            None => {
                let name = product_name(history, sku);
                let body = json!({ "sku": sku, "name": name, "price": price, "stock": stock });
                let made = admin.send(Method::POST, "/v1/products", |request| request.json(&body)).await;
                let made = made.with_context(|| format!("product {sku}"))?;
                serde_json::from_value::<ProductBody>(made.body)?.id
            }
            Some(id) => {
                let body = json!({ "adjust": stock, "reason": "opening stock of a replay" });
                let path = format!("/v1/products/{id}/stock");
                admin.send(Method::POST, &path, |request| request.json(&body)).await?;
                self.patch(*id, price).await?;
                *id
            }
        };
        Ok((sku.clone(), id))
    }

    async fn patch(&self, id: Uuid, price: Money) -> anyhow::Result<()> {
        let body = json!({ "price": price, "status": "ACTIVE", "reason": "replay" });
        let path = format!("/v1/products/{id}");
        self.admin.send(Method::PATCH, &path, |request| request.json(&body)).await?;
        Ok(())
    }

    fn customer(&self, customer: &Customer) -> anyhow::Result<&Person> {
        self.users.get(customer).context("a customer who did not sign up")
    }
}

async fn sign_up(api: &Api, customer: &Customer, run: Uuid) -> anyhow::Result<(Customer, Person)> {
    let credentials = Credentials {
        email: address(customer, run),
        password: Secret(Uuid::from_u128(rand::random()).to_string()),
    };
    Ok((customer.clone(), api.sign_up(credentials, &name(customer)).await?))
}

impl Front for Remote {
    async fn price(&self, sku: &SmolStr, price: Money) -> anyhow::Result<()> {
        let id = self.products.get(sku).context("a product that is not in the catalogue")?;
        self.patch(*id, price).await
    }

    async fn order(&self, place: usize, order: &history::Order) -> anyhow::Result<Placed> {
        let id = |sku| self.products.get(sku).context("a product that is not in the catalogue");
        let lines = order
            .lines
            .iter()
            .map(|line| Ok(json!({ "product_id": id(&line.sku)?, "quantity": line.quantity })));
        let lines = lines.collect::<anyhow::Result<Vec<_>>>()?;
        let body = json!({ "lines": lines, "card_token": "tok_ok" });
        let key = format!("replay-{}-{place}", self.run);
        let customer = self.customer(&order.customer)?;
        settle(customer, "/v1/orders", |request| request.header("Idempotency-Key", &key).json(&body)).await
    }

    async fn cancel(&self, id: Uuid, customer: &Customer) -> anyhow::Result<Placed> {
        settle(self.customer(customer)?, &format!("/v1/orders/{id}/cancel"), |request| request).await
    }

    async fn sold(&self) -> anyhow::Result<Sold> {
        #[derive(Deserialize)]
        struct Best {
            sku: SmolStr,
            sold: i64,
        }
        let path = format!("/v1/bestsellers?days={DAYS}&limit={BEST}");
        let answer = self.admin.send(Method::GET, &path, |request| request).await?;
        let items: Vec<Best> = serde_json::from_value(answer.body["items"].clone())?;
        let is_whole = items.len() < BEST;
        Ok(Sold { units: items.into_iter().map(|best| (best.sku, best.sold)).collect(), is_whole })
    }
}

/// Asks, and asks the same again while it is under way: the same key is the same order, a second cancel the same cancel.
async fn settle(
    customer: &Person,
    path: &str,
    adorn: impl Fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
) -> anyhow::Result<Placed> {
    let mut asked = 0;
    loop {
        asked += 1;
        match customer.send(Method::POST, path, |request| adorn(request).header("Prefer", WAIT)).await {
            Ok(answer) if answer.status == StatusCode::ACCEPTED && asked < ASKED => {}
            Ok(answer) => {
                let OrderBody { id, status, reason, total } = serde_json::from_value(answer.body)?;
                return Ok(Placed { id, status, reason, total });
            }
            Err(error) if asked < ASKED && is_in_flight(&error) => tokio::time::sleep(AGAIN).await,
            Err(error) => return Err(error),
        }
    }
}

/// A request whose answer was lost may still be on its way to its commit.
fn is_in_flight(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.code == "IDEMPOTENCY_KEY_IN_FLIGHT")
}
