//! What helps a shop while it is there: Redis, for best sellers and for the lock of units of which several instances run.

use crate::config::Config;
use anyhow::{Context, bail};
use kernel::topology::Topology;
use kernel::{DomainName, Step};
use redis_adapters::Target;
use redis_adapters::guard::RedisGuard;
use redis_adapters::ranking::{Follower, Following, Source, View};
use runtime::ports::clock::Clock;
use runtime::system::Opened;
use shop::Shop;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Where locks of batches are kept.
#[derive(Clone, Debug)]
pub struct Locks {
    /// The Redis.
    pub redis: Target,
    /// How long a lock outlives its holder.
    pub ttl: Duration,
}

/// The lock of each database of `opened` whose unit the topology guards, by its name.
///
/// # Errors
/// If a log cannot be read, or a thread cannot be made. That Redis is away is none.
pub fn guards(
    locks: Option<&Locks>,
    topology: &Topology,
    opened: &[Opened],
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<BTreeMap<String, Arc<RedisGuard>>> {
    let Some(Locks { redis, ttl }) = locks else { return Ok(BTreeMap::new()) };
    let mut guards = BTreeMap::new();
    for Opened { database, reader, .. } in opened.iter().filter(|one| topology.is_guarded(&one.database)) {
        // Instances share a database, and so its epoch: other shops on the same Redis have other locks.
        let name = format!("{}:{}", database.name, reader.log_state()?.epoch.0);
        let guard = RedisGuard::new(redis.clone(), &name, *ttl, Arc::clone(clock)).context("a lock")?;
        guards.insert(database.name.clone(), Arc::new(guard));
    }
    Ok(guards)
}

/// Has best sellers answered from Redis, if one is configured and this process answers them, for as long as what is returned is kept.
///
/// # Errors
/// If the topology counts sales otherwise than from confirmed orders. That Redis is away is none.
pub fn best_sellers(
    config: &Config,
    shop: &Shop,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Option<Following>> {
    let is_here = shop.system().home(&DomainName::of("ranking")).is_some();
    let Some(target) = config.best_sellers.as_ref().filter(|_| is_here) else { return Ok(None) };
    let source = Source::of(shop.system())?;
    let (follower, view) = keeper(target, source, shop.topology(), clock)?;
    shop.show_best_sellers_by(Arc::new(view));
    Ok(Some(follower.start().context("best sellers")?))
}

/// Who keeps the copy at `target` of what `source` says, and who looks at it.
///
/// # Errors
/// If the topology counts sales otherwise than from confirmed orders.
pub fn keeper(
    target: &Target,
    source: Source,
    topology: &Topology,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<(Follower, View)> {
    if topology.route(&Step::SALES).is_some_and(|route| !route.follower) {
        bail!(
            "ranking.redis: in topology {} sales are a step of the saga, not a follower: a copy of them cannot be kept from confirmed orders",
            topology.name
        );
    }
    let follower = Follower::new(target.clone(), source, Arc::clone(clock));
    let view = View::new(target.clone(), &follower);
    Ok((follower, view))
}
