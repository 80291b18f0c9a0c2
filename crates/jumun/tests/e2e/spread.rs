//! A process per unit and a gateway before them: units that are killed, away, or asked by strangers.
//!
//! (That everything a client can do works there as in one process is said beside those promises: `in_every_topology_spread_out`, `in_the_most_processes`.)

use crate::support::figures::now;
use crate::support::process::signal;
use crate::support::regulars::{KILLED, RESTARTED, Regulars};
use crate::support::shop::lines;
use crate::support::{Client, Home, Shop, tokens};
use reqwest::Method;
use serde_json::{Value, json};
use services::{Postgres, Redis};

in_every_topology_spread_out!(what_was_acknowledged_outlives_every_unit_killed_in_turn);

/// What all units share in these tests.
const SERVICE_KEY: &str = "a service key that only these tests know";

/// The units' processes, the gateway's left out.
fn processes(shop: &Shop) -> Vec<(String, u32)> {
    let units = shop.serving.told.units.iter().filter(|(unit, _)| *unit != "gateway");
    units.map(|(unit, (_, process))| (unit.clone(), *process)).collect()
}

async fn what_was_acknowledged_outlives_every_unit_killed_in_turn(topology: &str) {
    let home = Home::patient(topology);
    let shop = Shop::open(&home).await;
    let regulars = Regulars::of(&home, &shop, KILLED).await;
    let units = processes(&shop);
    assert!(!units.is_empty() && shop.serving.told.units.contains_key("gateway"), "{units:?}");
    for (_, process) in units {
        regulars.survive("kill -9 of each unit", &shop, "-KILL", process).await;
    }
    let gateway = shop.serving.told.units["gateway"].1;
    regulars.survive("kill -9 of the gateway", &shop, "-KILL", gateway).await;
    regulars.nothing_is_lost(&home, shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_of_every_unit_share_its_work_and_outlive_each_other_and_their_postgresql() {
    let postgres = Postgres::start().unwrap();
    let home = Home::patient("spread:validated-async");
    let home = home.with("JUMUN_DATABASE", &postgres.url("twins"));
    let shop = Shop::of(home.start_with(&["--instances", "2"])).await;
    let regulars = Regulars::of(&home, &shop, KILLED).await;
    let units = processes(&shop);
    assert_eq!(units.len(), 6, "{units:?}");
    regulars.buying("nothing").await.settles(now()).await;
    for (unit, _) in &units {
        let metrics = Client::new(&shop.serving.told.units[unit].0).get("", "/metrics").await;
        let commits = metrics.text.lines().filter(|line| line.starts_with("jumun_batch_commits"));
        let commits: f64 = commits.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum();
        assert!(commits > 0.0, "{unit} has done nothing: {}", metrics.text);
    }
    for (_, process) in units.iter().filter(|(unit, _)| unit.ends_with("-2")) {
        regulars.survive("kill -9 of an instance of each unit", &shop, "-KILL", *process).await;
    }
    let trial = regulars.buying("kill -9 of PostgreSQL").await;
    postgres.kill_9().unwrap();
    postgres.restart().unwrap();
    trial.settles(now()).await;
    shop.until_ready().await;
    // As in a new version's rollout: each instance is asked to end, and comes back.
    for (_, process) in units.iter().filter(|(unit, _)| !unit.ends_with("-2")) {
        regulars.survive("rolling restart, an instance of each unit", &shop, "-TERM", *process).await;
    }
    regulars.nothing_is_lost(&home, shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_dies_while_its_postgresql_is_away_comes_back_with_it() {
    let postgres = Postgres::start().unwrap();
    let home = Home::patient("spread:validated-async");
    let home = home.with("JUMUN_DATABASE", &postgres.url("both"));
    let shop = Shop::open(&home).await;
    let regulars = Regulars::of(&home, &shop, KILLED).await;
    let trial = regulars.buying("kill -9 of PostgreSQL, and of a unit while it is away").await;
    postgres.kill_9().unwrap();
    signal("-KILL", shop.serving.told.units["product"].1);
    // It cannot come up: that is no reason to end the others, or to give it up.
    while !home.said().contains("product is started again until it comes up") {
        shop.client.get("", "/readyz").await;
    }
    postgres.restart().unwrap();
    let since = now();
    // Whoever has ended answers nothing, and customers would ask for ever.
    shop.until_ready().await;
    trial.settles(since).await;
    regulars.nothing_is_lost(&home, shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_holder_of_a_lock_a_slow_database_and_a_lost_redis_delay_orders_and_lose_none() {
    let (postgres, redis) = (Postgres::start().unwrap(), Redis::start().unwrap());
    let home = Home::patient("spread:validated-async");
    let home =
        home.with("JUMUN_DATABASE", &postgres.url("guarded")).with("JUMUN_RANKING__REDIS", &redis.url());
    let home = home.with("JUMUN_GUARD__REDIS", &redis.url()).with("JUMUN_GUARD__TTL_S", "1");
    let shop = Shop::of(home.start_with(&["--instances", "2"])).await;
    let regulars = Regulars::of(&home, &shop, KILLED).await;
    regulars.buying("nothing").await.settles(now()).await;
    for (_, process) in
        processes(&shop).iter().filter(|(unit, _)| ["product", "user"].contains(&unit.as_str()))
    {
        // It goes on where it stopped, long after its lock ran out and others did its work.
        regulars.survive("a holder of a lock is paused (SIGSTOP)", &shop, "-STOP", *process).await;
        regulars.survive("the holder goes on (SIGCONT)", &shop, "-CONT", *process).await;
    }
    let trial = regulars.buying("PostgreSQL does not answer (SIGSTOP), until that is noticed").await;
    postgres.pause().unwrap();
    while shop.client.get("", "/readyz").await.status == 200 {}
    postgres.resume().unwrap();
    trial.settles(now()).await;
    shop.until_ready().await;
    survives_a_slow_disk(&regulars, &postgres).await;
    let trial = regulars.buying("FLUSHALL of Redis").await;
    redis.run(&["FLUSHALL"]).unwrap();
    trial.settles(now()).await;
    let trial = regulars.buying("kill -9 of Redis, which stays away").await;
    redis.kill_9().unwrap();
    trial.settles(now()).await;
    let trial = regulars.buying("Redis is back").await;
    redis.restart().unwrap();
    trial.settles(now()).await;
    let best = shop.client.get("", "/v1/bestsellers?days=2").await;
    assert_eq!(best.body["items"][0]["sold"], regulars.orders().len(), "{}", best.text);
    regulars.nothing_is_lost(&home, shop).await;
}

/// Each commit takes a tenth of a second longer: everything is slower, and nothing else.
async fn survives_a_slow_disk(regulars: &Regulars, postgres: &Postgres) {
    let set = |setting: &str| {
        postgres.run("postgres", &format!("ALTER SYSTEM {setting}")).unwrap();
        postgres.run("postgres", "SELECT pg_reload_conf()").unwrap();
    };
    let trial = regulars.buying("PostgreSQL takes 0.1 s longer for each commit").await;
    set("SET commit_siblings = 0");
    set("SET commit_delay = 100000");
    trial.settles(now()).await;
    set("RESET commit_delay");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_unit_does_not_answer_nothing_is_guessed() {
    let home = Home::new("spread:seven-services");
    let shop = Shop::open(&home).await;
    let kim = shop.person("kim", 5_000).await;
    let mug = shop.product("MUG", 1_000, 9).await;
    let order = |key: &'static str| {
        let ask = shop.client.ask(Method::POST, "/v1/orders").by(&kim.token).key(key).prefer("wait=60");
        ask.json(&json!({"lines": lines(&mug, 1), "points": "all"})).send()
    };
    assert_eq!(order("before").await.str("status"), "CONFIRMED");

    let process = |unit: &str| shop.serving.told.units[unit].1;
    for unit in ["user", "point"] {
        signal("-STOP", process(unit));
        let refused = order(unit).await;
        signal("-CONT", process(unit));
        assert_eq!(
            refused.problem(),
            (503, "UNAVAILABLE"),
            "{unit}: who asks, and what they have, is not guessed"
        );
        assert!(refused.header("retry-after").is_some());
        shop.until_ready().await;
    }
    signal("-STOP", process("ranking"));
    let overview = shop.client.get(&shop.admin, "/v1/admin/overview").await;
    signal("-CONT", process("ranking"));
    let unreachable = (overview.status, &overview.body["unreachable"]);
    assert_eq!(unreachable, (200, &json!(["ranking"])), "{}", overview.text);
    signal("-STOP", process("product"));
    // The catalogue is known to the orders' unit: the order is taken, and waits for its stock.
    let taken =
        shop.client.ask(Method::POST, "/v1/orders").by(&kim.token).key("product").prefer("respond-async");
    let taken = taken.json(&json!({"lines": lines(&mug, 1), "points": "all"})).send().await;
    signal("-CONT", process("product"));
    assert_eq!((taken.status, taken.str("status")), (202, "PENDING"), "{}", taken.text);
    assert_eq!(order("product").await.str("status"), "CONFIRMED");
    assert_eq!((shop.stock(&mug).await, shop.balance(&kim).await), (7, 3_000));
    shop.serving.stop();
    home.audit_is_clean();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_answer_each_other_and_nobody_else() {
    let home = Home::new("spread:seven-services").with("JUMUN_SERVICE_KEY", SERVICE_KEY);
    let shop = Shop::open(&home).await;
    let order = Client::new(&shop.serving.told.units["order"].0);
    let ask = async |token: &str, path: &str, body: Value| {
        order.ask(Method::POST, path).by(token).json(&body).send().await
    };
    let late = 4_102_444_800_i64;
    let good = token(SERVICE_KEY, "order", late);
    let (read, users) =
        ("/internal/v1/order/read", json!({"ask": "load", "table": "meta", "keys": [["topology"]]}));
    let answer = ask(&good, read, users.clone()).await;
    assert_eq!(
        (answer.status, &answer.body["rows"][0][1]),
        (200, &json!("seven-services")),
        "{}",
        answer.text
    );
    for (bad, why) in [
        (String::new(), "none"),
        (token("another key, just as long as the real one", "order", late), "another key"),
        (token(SERVICE_KEY, "product", late), "for another unit"),
        (token(SERVICE_KEY, "order", 1_700_000_000), "expired"),
        (shop.admin.clone(), "an administrator's"),
    ] {
        for path in [read, "/internal/v1/order/log", "/internal/v1/order/letter", "/internal/v1/status"] {
            assert_eq!(ask(&bad, path, users.clone()).await.status, 401, "{why}: {path}");
        }
    }
    // Nothing of it can be reached through the gateway, or is described there.
    let outside = shop.client.ask(Method::POST, read).by(&good).json(&users).send().await;
    assert_eq!(outside.problem(), (404, "NOT_FOUND"));
    assert!(!shop.client.get("", "/openapi.json").await.text.contains("internal"));
    // A unit serves its own routes only.
    assert_eq!(order.get(&shop.admin, "/v1/products").await.problem(), (421, "OTHER_UNIT"));
    // Questions about something else are turned away.
    let odd =
        json!({"ask": "query", "table": "users", "filters": [], "after": null, "order": [], "limit": 1});
    assert_eq!(ask(&good, read, odd).await.status, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_are_started_anew_one_by_one_and_no_order_fails() {
    let home = Home::patient("spread:seven-services");
    let shop = Shop::open(&home).await;
    let regulars = Regulars::of(&home, &shop, RESTARTED).await;
    for (_, process) in processes(&shop) {
        regulars.survive("rolling restart, each unit", &shop, "-TERM", process).await;
    }
    regulars.nothing_is_lost(&home, shop).await;
}

/// A service token made by hand.
fn token(key: &str, unit: &str, expires: i64) -> String {
    let claims = json!({"iss": "test", "aud": unit, "exp": expires});
    tokens::signed(&json!({"alg": "HS256", "typ": "JWT"}), &claims, key)
}
