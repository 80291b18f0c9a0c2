//! A system started in this process, loaded through one of its doors.

use super::{Bench, Ran, progress};
use crate::cli::{audit, stopped};
use anyhow::Context;
use futures::future::{BoxFuture, FutureExt};
use http_api::auth::Tokens;
use jumun::config::Secret;
use jumun::{Config, Server};
use kernel::ids::UserId;
use load::cost::Costs;
use load::direct::Direct;
use load::fill::Filler;
use load::http::{Bearers, Follow, Http};
use load::result::Measured;
use load::run::{Run, System};
use load::stage::Cast;
use load::stale::Beliefs;
use load::target::Door;
use load::{Meter, Target, Workload};
use parking_lot::Mutex;
use runtime::Feed;
use runtime::tail::Observer;
use shop::{Domains, Shop};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::runtime::Handle;
use user::User;
use uuid::Uuid;

/// Who follows orders.
const FOLLOWERS: [&str; 3] = ["ranking", "read-model", "data-platform"];

impl Bench {
    pub(super) async fn in_process(&self, config: &Config, workload: &Workload) -> anyhow::Result<Ran> {
        let mut config = config.clone();
        config.rate_limits = http_api::RateLimits::Off;
        // Tokens are made here for everyone who orders, under a key of this run's own.
        let key = Uuid::from_u128(rand::random()).to_string();
        config.file.signing_key = Some(Secret(key.clone()));
        let beliefs = Arc::new(Beliefs::default());
        let domains = Domains::new(config.policies.clone()).with_facts_through(beliefs.through());
        let server = stopped::start_with(&config, domains).await?;
        if let Some((admin, password)) = server
            .first_admin()
            .filter(|_| self.data.is_some())
            .and_then(|admin| admin.made_up.as_ref().map(|password| (admin, password)))
        {
            eprintln!("administrator {} with password {password} (shown this once)", admin.email);
        }
        let shop = Arc::clone(server.shop());
        let ran = async {
            let run = Uuid::from_u128(rand::random());
            let cast = fill(&shop, workload, &beliefs, run).await?;
            let meter = Meter::new(Arc::clone(shop.system().clock()))?;
            let orders = shop.system().home(&kernel::DomainName::of("order")).context("no orders here")?;
            orders.tail.observe(Arc::clone(&meter) as Arc<dyn Observer>);
            let target = self.target(&server, cast, run, &key)?;
            let measured = self.measure(&config, workload, (Arc::clone(&shop), meter), target).await?;
            let (settling, data) = (config.policies.payment.settling, config.file.data.clone());
            let audited = Arc::clone(&shop);
            let report =
                tokio::task::spawn_blocking(move || audit::of_shop(&audited, settling, &data)).await??;
            anyhow::Ok(Ran { measured, report: Some(report) })
        };
        let ran = ran.await;
        server.stop().await;
        ran
    }

    fn target(&self, server: &Server, cast: Cast, run: Uuid, key: &str) -> anyhow::Result<Box<dyn Target>> {
        let shop = Arc::clone(server.shop());
        if self.work.direct {
            return Ok(Box::new(Direct::new(shop, cast, run)));
        }
        let tokens = Tokens::new(key.as_bytes());
        let bearers = OwnTokens { tokens, shop, users: cast.users.clone(), made: Mutex::new(HashMap::new()) };
        let base = format!("http://{}", server.address());
        Ok(Box::new(Http::new(&base, (cast, run), Arc::new(bearers), Follow::Log, Handle::current())?))
    }

    /// Runs the load on a thread of its own: it waits on conditions, not on tasks.
    async fn measure(
        &self,
        config: &Config,
        workload: &Workload,
        (shop, meter): (Arc<Shop>, Arc<Meter>),
        target: Box<dyn Target>,
    ) -> anyhow::Result<Measured> {
        let (workload, pace, runtime) = (workload.clone(), self.pace(), Handle::current());
        let door = if self.work.direct { Door::Direct } else { Door::Http };
        let (folder, batch_cap) = (config.file.data.clone(), config.file.batch_cap);
        let measured = tokio::task::spawn_blocking(move || {
            let costs = Costs::of(Arc::clone(&shop), &folder);
            let catch_up = || {
                runtime.block_on(async {
                    for follower in FOLLOWERS {
                        shop.caught_up(follower).await?;
                    }
                    Ok(())
                })
            };
            let bar = progress(workload.warm_up() + workload.counted());
            let run = Run {
                target: target.as_ref(),
                door,
                workload: &workload,
                pace,
                meter: &meter,
                system: Some(System {
                    costs: &costs,
                    catch_up: &catch_up,
                    batch_cap,
                    topology: shop.topology().name.clone(),
                }),
                progress: &|over| bar.set_position(over),
            };
            let measured = run.measure();
            bar.finish_and_clear();
            measured
        });
        Ok(measured.await??)
    }
}

/// Puts everything into the shop that the orders need.
async fn fill(shop: &Arc<Shop>, workload: &Workload, beliefs: &Beliefs, run: Uuid) -> anyhow::Result<Cast> {
    // Nobody logs in as these users: one password, which nobody knows, will do for all.
    let password = Uuid::from_u128(rand::random()).to_string();
    let password_hash = tokio::task::spawn_blocking(move || http_api::auth::hash(&password))
        .await?
        .map_err(|error| anyhow::anyhow!("the users' password cannot be hashed: {error}"))?;
    let admin = stopped::administrator(shop)?;
    let filler = Filler { shop: Arc::clone(shop), admin, password_hash, run };
    let stage = workload.stage();
    let cast = filler.fill(&stage).await?;
    beliefs.take_in(&stage, &cast);
    Ok(cast)
}

/// Tokens made here, under the server's own key: a log-in would cost a password's hash.
struct OwnTokens {
    tokens: Tokens,
    shop: Arc<Shop>,
    users: Vec<UserId>,
    made: Mutex<HashMap<usize, Arc<str>>>,
}

impl Bearers for OwnTokens {
    fn token(&self, user: usize, refused: Option<Arc<str>>) -> BoxFuture<'_, anyhow::Result<Arc<str>>> {
        let known = self.made.lock().get(&user).cloned().filter(|known| Some(known) != refused.as_ref());
        let token = known.map_or_else(|| self.make(user), Ok);
        std::future::ready(token).boxed()
    }
}

impl OwnTokens {
    fn make(&self, user: usize) -> anyhow::Result<Arc<str>> {
        let row: Option<User> = self.shop.get("user", (self.users[user],))?;
        let row = row.context("a user who is not in the shop")?;
        let token = self.tokens.make(&row, self.shop.system().clock().now());
        let token: Arc<str> = token.map_err(|_| anyhow::anyhow!("an access token cannot be signed"))?.into();
        self.made.lock().insert(user, Arc::clone(&token));
        Ok(token)
    }
}
