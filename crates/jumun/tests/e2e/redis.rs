//! A shop that Redis helps: the customers see the same whatever becomes of it.

use crate::support::shop::{Person, lines};
use crate::support::{Home, Shop};
use serde_json::{Value, json};
use services::Redis;

in_topologies!(
    [monolith = "monolith", validated_async = "validated-async", seven_services = "seven-services"],
    [best_sellers_are_right_whatever_becomes_of_redis, a_lock_helps_and_is_not_needed]
);

/// A shop with one customer, who buys one thing.
struct Stall<'r> {
    redis: &'r Redis,
    shop: Shop,
    person: Person,
    mug: String,
    bought: i64,
}

impl<'r> Stall<'r> {
    async fn open(home: &Home, redis: &'r Redis) -> Self {
        let shop = Shop::open(home).await;
        let (person, mug) = (shop.person("minji", 0).await, shop.product("MUG", 1_000, 1_000).await);
        Self { redis, shop, person, mug, bought: 0 }
    }

    /// Buys some, which best sellers must show at once.
    async fn buy(&mut self, quantity: i64) {
        let body = json!({"lines": lines(&self.mug, quantity), "card_token": "tok_ok"});
        let key = format!("order {}", self.bought);
        let order = self.shop.order(&self.person, &key, &body).await;
        assert_eq!(order.str("status"), "CONFIRMED", "{}", order.text);
        self.bought += quantity;
        assert_eq!(self.sold().await, self.bought);
    }

    async fn sold(&self) -> i64 {
        let best = self.shop.client.get("", "/v1/bestsellers?days=2").await;
        assert_eq!(best.status, 200, "{}", best.text);
        best.body["items"][0]["sold"].as_i64().unwrap()
    }

    /// Waits until the server says so of itself; it is ready all the while.
    async fn until(&self, status: &str) -> Value {
        loop {
            let ready = self.shop.client.get("", "/readyz").await;
            assert_eq!(ready.status, 200, "{}", ready.text);
            if ready.str("status") == status {
                return ready.body;
            }
        }
    }

    /// Waits until Redis itself says that all of it was sold today.
    fn until_copied(&self) {
        while copied(self.redis) != self.bought {}
    }
}

/// The key of the generation that answers.
fn generation(redis: &Redis) -> String {
    let current = redis.run(&["GET", "{jumun-ranking}:current"]).unwrap();
    format!("{{jumun-ranking}}:g:{}", current.trim())
}

/// The key of the only day that a copy holds.
fn day_key(redis: &Redis) -> String {
    let generation = generation(redis);
    let days = redis.run(&["SMEMBERS", &format!("{generation}:days")]).unwrap();
    format!("{generation}:{}", days.trim())
}

/// What a copy says was sold; 0, if there is none.
fn copied(redis: &Redis) -> i64 {
    let best = redis.run(&["ZRANGE", &day_key(redis), "0", "0", "WITHSCORES"]).unwrap();
    best.lines().nth(1).and_then(|score| score.parse().ok()).map_or(0, |score: i64| -score)
}

fn falsify(redis: &Redis) {
    let key = day_key(redis);
    let member = redis.run(&["ZRANGE", &key, "0", "0"]).unwrap();
    redis.run(&["ZINCRBY", &key, "-1000", member.trim()]).unwrap();
    // Unions of days are kept until something changes.
    redis.run(&["HINCRBY", &generation(redis), "changes", "1"]).unwrap();
}

async fn best_sellers_are_right_whatever_becomes_of_redis(topology: &str) {
    // What is falsified below must not come back after a kill.
    let redis = Redis::with(&[("appendfsync", "always")]).unwrap();
    let home = Home::new(topology).with("JUMUN_RANKING__REDIS", &redis.url());
    let mut stall = Stall::open(&home, &redis).await;
    stall.until("ok").await;
    stall.buy(2).await;
    stall.until_copied();
    // It is Redis that answers: what only it says is shown, once it is asked while nothing new is heard.
    falsify(&redis);
    let mut tries = 0;
    while stall.sold().await != 1_002 {
        tries += 1;
        assert!(tries < 1_000, "Redis is never asked");
    }

    redis.run(&["FLUSHALL"]).unwrap();
    assert_eq!(stall.sold().await, 2, "the book answers, or what was built from it");
    stall.buy(3).await;

    redis.kill_9().unwrap();
    stall.buy(4).await;
    let degraded = stall.until("degraded").await;
    assert!(degraded["missing"][0].as_str().unwrap().starts_with("best sellers in Redis: "), "{degraded}");
    redis.restart().unwrap();
    stall.until("ok").await;
    stall.buy(5).await;
    stall.until_copied();

    drop(stall.shop.serving.stop());
    falsify(&redis);
    let rebuilt = home.run(&["ranking", "rebuild"]);
    let said = String::from_utf8(rebuilt.stdout).unwrap();
    assert!(rebuilt.status.success() && said.contains("in Redis: built from the book"), "{said}");
    assert_eq!(copied(&redis), 14);
    home.audit_is_clean();
}

async fn a_lock_helps_and_is_not_needed(topology: &str) {
    let redis = Redis::start().unwrap();
    let home = Home::new(topology).with("JUMUN_GUARD__REDIS", &redis.url());
    let mut stall = Stall::open(&home, &redis).await;
    stall.buy(2).await;
    // What takes a lock sets its key, whoever has released it since.
    let stats = redis.run(&["INFO", "commandstats"]).unwrap();
    assert_eq!(stats.contains("cmdstat_set:"), topology != "monolith", "{stats}");
    redis.kill_9().unwrap();
    stall.buy(3).await;
    if topology != "monolith" {
        let degraded = stall.until("degraded").await;
        assert!(degraded["missing"][0].as_str().unwrap().starts_with("lock in Redis: "), "{degraded}");
    }
    redis.restart().unwrap();
    stall.until("ok").await;
    stall.buy(4).await;
    drop(stall.shop.serving.stop());
    home.audit_is_clean();
}
