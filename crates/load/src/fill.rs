//! Puts a [`Stage`] into a shop of this process, by its domains' own commands.

use crate::stage::{Cast, Holder, ProductNeed, Stage, UserNeed};
use crate::workload::DISCOUNT;
use anyhow::{Context, bail};
use coupon::IssueCoupon;
use coupon::campaign::CreateCoupon;
use coupon::terms::Discount;
use futures::stream::{self, StreamExt, TryStreamExt};
use kernel::ids::{CouponId, ProductId, UserCouponId, UserId};
use kernel::judge::SagaStatus;
use kernel::{Command, Money, Refused, Trace};
use order::KeyHash;
use order::quote::{Payment, Points};
use point::AdjustPoints;
use product::CreateProduct;
use shop::Shop;
use shop::quoter::Ask;
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use user::{PasswordHash, SignUp};
use uuid::Uuid;

/// Commands that wait at once.
const AT_ONCE: usize = 256;
/// How long an order of the preparations may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long coupons are good: longer than any run.
const VALID: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Who fills a shop, and under which names.
#[derive(Clone)]
pub struct Filler {
    /// The shop.
    pub shop: Arc<Shop>,
    /// The administrator in whose name it is done.
    pub admin: UserId,
    /// What every user's password hashes to: nobody logs in as them.
    pub password_hash: PasswordHash,
    /// The run: its users and products have names of their own, so that one shop can take several runs.
    pub run: Uuid,
}

impl Filler {
    /// Makes everything that the stage names.
    ///
    /// # Errors
    /// If the shop does not take it.
    pub async fn fill(&self, stage: &Stage) -> anyhow::Result<Cast> {
        let users = self.each(&stage.users, |need| self.user(need)).await?;
        let products = self.each(&stage.products, |need| self.product(need)).await?;
        let mut cast = Cast { users, products, ..Cast::default() };
        if !stage.coupons.is_empty() || !stage.used.is_empty() {
            let numbers: Vec<usize> = (0..stage.campaigns).collect();
            let campaigns = self.each(&numbers, |number| self.campaign(*number)).await?;
            cast.used = self.each(&stage.used, |user| self.use_up(&cast, campaigns[0], *user)).await?;
            cast.coupons = self.each(&stage.coupons, |holder| self.issue(&cast, &campaigns, *holder)).await?;
        }
        Ok(cast)
    }

    /// Makes one thing of each, in their order.
    async fn each<'a, N, T, F>(
        &'a self,
        needs: &'a [N],
        make: impl FnMut(&'a N) -> F,
    ) -> anyhow::Result<Vec<T>>
    where
        F: Future<Output = anyhow::Result<T>>,
    {
        stream::iter(needs).map(make).buffered(AT_ONCE).try_collect().await
    }

    async fn ask<T, C>(&self, what: &str, command: C) -> anyhow::Result<T>
    where
        C: Command<Reply = Result<T, Refused>>,
        T: Send + 'static,
    {
        self.shop.ask(command, Trace::default()).await.with_context(|| what.to_owned())
    }

    async fn user(&self, need: &UserNeed) -> anyhow::Result<UserId> {
        let sign_up = SignUp {
            email: format_smolstr!("{}.{}@bench.invalid", need.name, self.run.simple()),
            name: SmolStr::new(&need.name),
            password_hash: self.password_hash.clone(),
        };
        let user = self.ask(&need.name, sign_up).await?.id;
        if need.points > Money::ZERO {
            let reason = "opening balance of a bench".to_owned();
            let grant = AdjustPoints { user, adjust: need.points, reason, by: self.admin };
            self.ask(&need.name, grant).await?;
        }
        Ok(user)
    }

    async fn product(&self, need: &ProductNeed) -> anyhow::Result<ProductId> {
        let product = CreateProduct {
            sku: sku(&need.sku, self.run),
            name: need.name.clone(),
            price: need.price,
            stock: need.stock,
            by: self.admin,
        };
        Ok(self.ask(&need.sku, product).await?.id)
    }

    async fn campaign(&self, number: usize) -> anyhow::Result<CouponId> {
        let now = self.shop.system().clock().now();
        let campaign = CreateCoupon {
            name: format_smolstr!("Bench {number}"),
            discount: Discount::Fixed { amount: Money::new(DISCOUNT)? },
            quantity: coupon::campaign::QUANTITY_MAX,
            min_order_amount: None,
            valid_from: now,
            valid_until: now.after(VALID),
            by: self.admin,
        };
        Ok(self.ask("campaign", campaign).await?.id)
    }

    async fn issue(
        &self,
        cast: &Cast,
        campaigns: &[CouponId],
        holder: Holder,
    ) -> anyhow::Result<UserCouponId> {
        let issue = IssueCoupon { coupon: campaigns[holder.campaign], user: cast.users[holder.user] };
        Ok(self.ask("coupon", issue).await?.id)
    }

    /// Gives the user a coupon and lets an order use it.
    async fn use_up(&self, cast: &Cast, campaign: CouponId, user: usize) -> anyhow::Result<UserCouponId> {
        let user = cast.users[user];
        let issue = IssueCoupon { coupon: campaign, user };
        let id = self.ask("coupon", issue).await?.id;
        let ask = Ask::Place {
            user,
            lines: vec![(cast.products[0], 1)],
            payment: Some(Payment { user_coupon_id: Some(id), points: Points::All, card: None }),
            extras: BTreeMap::new(),
        };
        let key: Arc<[u8]> = Arc::from(id.0.as_bytes().as_slice());
        let key = KeyHash { key: Arc::clone(&key), body: key };
        let born = self.shop.place(ask, key, Trace::default()).await.context("a coupon's first order")?;
        let order = self.shop.settled(born.order, PATIENCE).await?.order();
        if order.status != SagaStatus::Confirmed {
            bail!("an order of the preparations is {}, not CONFIRMED", order.status);
        }
        Ok(id)
    }
}

/// A product's code in one run: the codes of a shop are unique, and a history's may be long already.
#[must_use]
pub fn sku(sku: &str, run: Uuid) -> SmolStr {
    let run = run.simple().to_string();
    let own: String = sku.chars().take(product::catalogue::SKU_MAX - 9).collect();
    format_smolstr!("{own}-{}", &run[run.len() - 8..])
}
