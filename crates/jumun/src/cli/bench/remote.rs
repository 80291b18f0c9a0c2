//! A running server, loaded over HTTP as its customers would.

use super::{Bench, Ran, progress};
use crate::cli::audit;
use crate::cli::client::{Api, Credentials, Person};
use anyhow::{Context, bail};
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, StreamExt, TryStreamExt};
use jumun::Config;
use jumun::config::Secret;
use kernel::ids::{ProductId, UserCouponId, UserId};
use load::http::{Bearers, Follow, Http};
use load::run::Run;
use load::stage::{Cast, Holder, ProductNeed, Stage, UserNeed};
use load::target::Door;
use load::workload::DISCOUNT;
use load::{Meter, Workload, fill};
use reqwest::Method;
use runtime::adapters::SystemClock;
use runtime::ports::clock::Clock;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use uuid::Uuid;

/// Requests under way while the server is filled: passwords are hashed there, which takes it long enough.
const FILLING: usize = 16;
/// How long coupons are good: longer than any run.
const VALID: Duration = Duration::from_secs(365 * 24 * 3_600);

/// More coupons than any run gives out.
const COUPONS: u64 = 1_000_000_000;

/// A server being filled.
struct Filler {
    api: Api,
    admin: Person,
    run: Uuid,
}

#[derive(Deserialize)]
struct Made {
    id: Uuid,
}

impl Bench {
    pub(super) async fn over_http(
        &self,
        url: &str,
        config: &Config,
        workload: &Workload,
    ) -> anyhow::Result<Ran> {
        let api = Api::new(url)?;
        let admin = api.log_in(Credentials::of_admin(config)?).await.context("the administrator")?;
        let points = admin.send(Method::GET, "/v1/points", |request| request).await?;
        if points.body["currency"] != config.currency.code() {
            bail!("the server's currency is {}: give --currency", points.body["currency"]);
        }
        let filler = Filler { api, admin, run: Uuid::from_u128(rand::random()) };
        let (cast, people) = filler.fill(&workload.stage()).await?;
        let people = Arc::new(people);
        let bearers = Arc::new(Customers(Arc::clone(&people)));
        let follow = self.wait.map_or(Follow::Events, Follow::Answer);
        let target = Http::new(url, (cast, filler.run), bearers, follow, Handle::current())?;
        let (workload, pace) = (workload.clone(), self.pace());
        let measured = tokio::task::spawn_blocking(move || {
            let meter = Meter::new(Arc::new(SystemClock::default()) as Arc<dyn Clock>)?;
            let bar = progress(workload.warm_up() + workload.counted());
            let run = Run {
                target: &target,
                door: Door::Http,
                workload: &workload,
                pace,
                meter: &meter,
                system: None,
                progress: &|over| bar.set_position(over),
            };
            let measured = run.measure();
            bar.finish_and_clear();
            anyhow::Ok(measured?)
        });
        let mut measured = measured.await??;
        measured.topology = topology(&people).await?;
        let report = self.data.as_ref().map(|_| audit::of_folder(config, None)).transpose()?;
        Ok(Ran { measured, report })
    }
}

/// What the server calls its topology, by an order that it took.
async fn topology(people: &[Person]) -> anyhow::Result<String> {
    for person in people {
        let orders = person.send(Method::GET, "/v1/orders?limit=1", |request| request).await?;
        if let Some(name) = orders.body["items"][0]["topology"].as_str() {
            return Ok(name.to_owned());
        }
    }
    Ok(String::new())
}

impl Filler {
    /// Makes everything that the stage names.
    async fn fill(&self, stage: &Stage) -> anyhow::Result<(Cast, Vec<Person>)> {
        let customers = each(&stage.users, |need| self.user(need)).await?;
        let (users, people): (Vec<_>, Vec<_>) = customers.into_iter().unzip();
        let products = each(&stage.products, |need| self.product(need)).await?;
        let mut cast = Cast { users, products, ..Cast::default() };
        if !stage.coupons.is_empty() || !stage.used.is_empty() {
            let numbers: Vec<usize> = (0..stage.campaigns).collect();
            let campaigns = each(&numbers, |number| self.campaign(*number)).await?;
            let product = cast.products[0];
            cast.used = each(&stage.used, |user| use_up(&people[*user], campaigns[0], product)).await?;
            let issue = |holder: &Holder| issue(&people[holder.user], campaigns[holder.campaign]);
            cast.coupons = each(&stage.coupons, issue).await?;
        }
        Ok((cast, people))
    }

    async fn user(&self, need: &UserNeed) -> anyhow::Result<(UserId, Person)> {
        let credentials = Credentials {
            email: format!("{}.{}@bench.invalid", need.name, self.run.simple()),
            password: Secret(Uuid::from_u128(rand::random()).to_string()),
        };
        let person = self.api.sign_up(credentials, &need.name).await?;
        let me = person.send(Method::GET, "/v1/users/me", |request| request).await?;
        let Made { id } = serde_json::from_value(me.body)?;
        if !need.points.is_zero() {
            let body = json!({ "adjust": need.points, "reason": "opening balance of a bench" });
            post(&self.admin, &format!("/v1/users/{id}/points"), &body).await?;
        }
        Ok((UserId(id), person))
    }

    async fn product(&self, need: &ProductNeed) -> anyhow::Result<ProductId> {
        let sku = fill::sku(&need.sku, self.run);
        let body = json!({ "sku": sku, "name": need.name, "price": need.price, "stock": need.stock });
        Ok(ProductId(made(post(&self.admin, "/v1/products", &body).await?)?))
    }

    async fn campaign(&self, number: usize) -> anyhow::Result<Uuid> {
        let now = SystemClock::default().now();
        let body = json!({
            "name": format!("Bench {number}"),
            "discount": { "type": "fixed", "amount": DISCOUNT },
            "quantity": COUPONS,
            "valid_from": now,
            "valid_until": now.after(VALID),
        });
        made(post(&self.admin, "/v1/coupons", &body).await?)
    }
}

async fn issue(person: &Person, campaign: Uuid) -> anyhow::Result<UserCouponId> {
    Ok(UserCouponId(made(post(person, &format!("/v1/coupons/{campaign}/issue"), &json!({})).await?)?))
}

/// Gives somebody a coupon and lets an order use it.
async fn use_up(person: &Person, campaign: Uuid, product: ProductId) -> anyhow::Result<UserCouponId> {
    let coupon = issue(person, campaign).await?;
    let lines = json!([{ "product_id": product, "quantity": 1 }]);
    let body = json!({ "lines": lines, "points": "all", "user_coupon_id": coupon });
    let key = format!("bench-{}", coupon.0);
    let adorn = |request: reqwest::RequestBuilder| {
        request.header("Idempotency-Key", &key).header("Prefer", "wait=60").json(&body)
    };
    let order = person.send(Method::POST, "/v1/orders", adorn).await?;
    if order.body["status"] != "CONFIRMED" {
        bail!("an order of the preparations is {}, not CONFIRMED", order.body["status"]);
    }
    Ok(coupon)
}

async fn post(person: &Person, path: &str, body: &Value) -> anyhow::Result<Value> {
    Ok(person.send(Method::POST, path, |request| request.json(body)).await?.body)
}

fn made(body: Value) -> anyhow::Result<Uuid> {
    Ok(serde_json::from_value::<Made>(body)?.id)
}

/// Makes one thing of each, in their order.
async fn each<'a, N, T, F>(needs: &'a [N], make: impl FnMut(&'a N) -> F) -> anyhow::Result<Vec<T>>
where
    F: Future<Output = anyhow::Result<T>>,
{
    stream::iter(needs).map(make).buffered(FILLING).try_collect().await
}

/// Customers who log in again when their token is over.
struct Customers(Arc<Vec<Person>>);

impl Bearers for Customers {
    fn token(&self, user: usize, refused: Option<Arc<str>>) -> BoxFuture<'_, anyhow::Result<Arc<str>>> {
        let person = &self.0[user];
        async move { Ok(person.bearer(refused.as_deref()).await?.into()) }.boxed()
    }
}
