//! The shop of this process, asked without HTTP.

use super::front::{Front, Placed, Sold, address, name, product_name};
use crate::cli::stopped;
use anyhow::Context;
use futures::stream::{self, StreamExt, TryStreamExt};
use history::{Customer, History};
use kernel::ids::{OrderId, ProductId, UserId};
use kernel::plan::CardToken;
use kernel::table::Field;
use kernel::{Money, Record, Trace};
use order::quote::{Payment, Points};
use order::{CancelOrder, KeyHash};
use product::{AdjustStock, CreateProduct, PatchProduct, Product, ProductSku, ProductStatus};
use ranking::{BEST_SELLERS_GROUP, BEST_SELLERS_SUM, Sale};
use runtime::ports::store::Top;
use shop::Shop;
use shop::quoter::Ask;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use user::SignUp;
use uuid::Uuid;

/// A shop with the history's customers and catalogue in it.
pub(super) struct Direct {
    shop: Arc<Shop>,
    admin: UserId,
    run: Uuid,
    users: BTreeMap<Customer, UserId>,
    products: BTreeMap<SmolStr, ProductId>,
}

/// Commands that wait at once while the shop is filled.
const FILLING: usize = 256;
/// Longer than any saga's deadline and budget: an order that is not settled by then is reported.
const PATIENCE: Duration = Duration::from_secs(300);
const CARD: &str = "tok_ok";

impl Direct {
    /// Fills the shop with everybody and everything that the history needs.
    ///
    /// # Errors
    /// If it does not take them.
    pub(super) async fn open(shop: Arc<Shop>, history: &History, run: Uuid) -> anyhow::Result<Self> {
        let admin = stopped::administrator(&shop)?;
        let mut front = Self { shop, admin, run, users: BTreeMap::new(), products: BTreeMap::new() };
        // Nobody logs in as these customers: one password, which nobody knows, will do for all.
        let password = Uuid::from_u128(rand::random()).to_string();
        let hash = tokio::task::spawn_blocking(move || http_api::auth::hash(&password))
            .await?
            .map_err(|error| anyhow::anyhow!("the customers' password cannot be hashed: {error}"))?;
        let sign_up = |customer: &Customer| SignUp {
            email: address(customer, run).into(),
            name: name(customer).into(),
            password_hash: hash.clone(),
        };
        let users = stream::iter(history.customers.iter().map(|customer| (customer, sign_up(customer))));
        let users = users.map(|(customer, sign_up)| {
            let shop = Arc::clone(&front.shop);
            async move {
                let user = shop.ask(sign_up, Trace::default()).await;
                let user = user.with_context(|| name(customer))?;
                anyhow::Ok((customer.clone(), user.id))
            }
        });
        let users = users.buffer_unordered(FILLING).try_collect().await?;
        let stocked = stream::iter(history.opening_stock.iter())
            .map(|(sku, stock)| front.stock(history, sku, *stock))
            .buffer_unordered(FILLING)
            .try_collect()
            .await?;
        front.users = users;
        front.products = stocked;
        Ok(front)
    }

    /// Adds a product with its opening stock, or tops one up that is there.
    async fn stock(
        &self,
        history: &History,
        sku: &SmolStr,
        stock: i64,
    ) -> anyhow::Result<(SmolStr, ProductId)> {
        let price = history.products.get(sku).context("a product without a price")?.first_price;
        let by = self.admin;
        let known: Option<ProductSku> = self.shop.get("product", (sku.clone(),))?;
        let id = match known {
            None => {
                let name = product_name(history, sku).into();
                let product = CreateProduct { sku: sku.clone(), name, price, stock, by };
                self.ask(sku, product).await?.id
            }
            Some(ProductSku { product_id: id, .. }) => {
                let reason = Some("opening stock of a replay".to_owned());
                self.ask(sku, AdjustStock { id, adjust: stock, reason, by }).await?;
                self.ask(sku, self.patch(id, price)).await?;
                id
            }
        };
        Ok((sku.clone(), id))
    }

    fn patch(&self, id: ProductId, price: Money) -> PatchProduct {
        PatchProduct {
            id,
            name: None,
            price: Some(price),
            status: Some(ProductStatus::Active),
            expected_version: None,
            by: self.admin,
            reason: Some("replay".to_owned()),
        }
    }

    async fn ask<C>(&self, sku: &SmolStr, command: C) -> anyhow::Result<Product>
    where
        C: kernel::Command<Reply = Result<Product, kernel::Refused>>,
    {
        let product = self.shop.ask(command, Trace::default()).await;
        let product = product.with_context(|| format!("product {sku}"))?;
        self.shop.quotes_know("product").await?;
        Ok(product)
    }

    async fn settled(&self, id: OrderId) -> anyhow::Result<Placed> {
        let order = self.shop.settled(id, PATIENCE).await?.order();
        Ok(Placed {
            id: id.0,
            status: order.status,
            reason: order.reason.map(|reason| reason.to_string()),
            total: order.total,
        })
    }

    fn customer(&self, customer: &Customer) -> anyhow::Result<UserId> {
        self.users.get(customer).copied().context("a customer who did not sign up")
    }
}

impl Front for Direct {
    async fn price(&self, sku: &SmolStr, price: Money) -> anyhow::Result<()> {
        let id = *self.products.get(sku).context("a product that is not in the catalogue")?;
        self.ask(sku, self.patch(id, price)).await?;
        Ok(())
    }

    async fn order(&self, place: usize, order: &history::Order) -> anyhow::Result<Placed> {
        let id = |sku| self.products.get(sku).copied().context("a product that is not in the catalogue");
        let lines = order.lines.iter().map(|line| Ok((id(&line.sku)?, line.quantity)));
        let card = Some(CardToken(CARD.into()));
        let ask = Ask::Place {
            user: self.customer(&order.customer)?,
            lines: lines.collect::<anyhow::Result<_>>()?,
            payment: Some(Payment { user_coupon_id: None, points: Points::Amount(Money::ZERO), card }),
            extras: BTreeMap::new(),
        };
        let key: Arc<[u8]> = [self.run.as_bytes().as_slice(), &place.to_be_bytes()].concat().into();
        let born =
            self.shop.place(ask, KeyHash { key: Arc::clone(&key), body: key }, Trace::default()).await?;
        self.settled(born.order).await
    }

    async fn cancel(&self, id: Uuid, customer: &Customer) -> anyhow::Result<Placed> {
        let (order, customer) = (OrderId(id), Some(self.customer(customer)?));
        self.shop.ask(CancelOrder { order, customer }, Trace::default()).await?;
        self.settled(order).await
    }

    async fn sold(&self) -> anyhow::Result<Sold> {
        self.shop.caught_up("ranking").await?;
        let top = Top {
            table: Sale::TABLE,
            group: BEST_SELLERS_GROUP.to_vec(),
            sum: BEST_SELLERS_SUM,
            filters: Vec::new(),
            limit: u32::MAX,
        };
        let mut units = BTreeMap::new();
        for row in self.shop.reader("ranking")?.top(&top)? {
            // The group is (product, SKU); the sum comes last.
            let [_, sku, sum] = row.as_ref() else { anyhow::bail!("best sellers of another shape") };
            let read = SmolStr::from_value(sku).and_then(|sku| Ok((sku, i64::from_value(sum)?)));
            let (sku, sum) = read.map_err(|corrupt| anyhow::anyhow!("best sellers: {corrupt}"))?;
            units.insert(sku, sum);
        }
        Ok(Sold { units, is_whole: true })
    }
}
