//! A process per unit and a gateway before them: units that are killed, away, or asked by strangers.
//!
//! (That everything a client can do works there as in one process is said beside those promises: `in_every_topology_spread_out`, `in_the_most_processes`.)

use crate::support::shop::lines;
use crate::support::{Answer, Client, Home, Person, Shop, tokens};
use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use services::{Postgres, Redis};
use std::process::Command;

in_every_topology_spread_out!(what_was_acknowledged_outlives_every_unit_killed_in_turn);

/// Orders under way at once, and orders in all while one unit is killed.
const AT_ONCE: usize = 8;
const ORDERS: usize = 40;
/// What all units share in these tests.
const SERVICE_KEY: &str = "a service key that only these tests know";

fn signal(signal: &str, process: u32) {
    let sent = Command::new("kill").arg(signal).arg(process.to_string()).status().unwrap();
    assert!(sent.success());
}

/// What may become of an order that is asked for again then.
#[derive(Clone, Copy)]
struct Again {
    statuses: &'static [u16],
    /// Whether there may be no answer.
    none: bool,
}

/// Whatever a process that is killed leaves its callers with.
const KILLED: Again = Again { statuses: &[202, 409, 502, 503], none: true };
/// What one that ends in order may leave them with: it is not settled yet, or the unit is not there for a moment.
const RESTARTED: Again = Again { statuses: &[202, 409, 503], none: false };

/// Places an order, again under the same key until it is settled: what a careful client does.
async fn insist(shop: &Shop, token: &str, key: &str, body: &Value, again: Again) -> Answer {
    loop {
        let ask = shop.client.ask(Method::POST, "/v1/orders").by(token).key(key).prefer("wait=60");
        match ask.json(body).try_send().await {
            Ok(answer) if answer.status == 201 => return answer,
            Ok(answer) => {
                assert!(again.statuses.contains(&answer.status), "{} {}", answer.status, answer.text);
            }
            Err(error) => assert!(again.none, "{error}"),
        }
    }
}

/// Asks until the system says that every unit is ready again.
async fn until_ready(shop: &Shop) {
    let ready = || shop.client.ask(Method::GET, "/readyz").try_send();
    while ready().await.map(|answer| answer.status).ok() != Some(200) {
        tokio::task::yield_now().await;
    }
}

/// An order of kim's that was taken: its key, what was asked, and the answer.
type Taken = (String, Value, Answer);

/// Places orders, and in their midst does harm.
async fn orders_around(shop: &Shop, kim: &Person, mug: &str, name: &str, harm: impl Fn()) -> Vec<Taken> {
    let harm = &harm;
    let orders = stream::iter(0..ORDERS).map(|n| async move {
        if n == ORDERS / 4 {
            tokio::task::block_in_place(harm);
        }
        let body = match n % 2 {
            0 => json!({"lines": lines(mug, 1), "points": "all"}),
            _ => json!({"lines": lines(mug, 1), "card_token": "tok_ok"}),
        };
        let key = format!("{name} {n}");
        let answer = insist(shop, &kim.token, &key, &body, KILLED).await;
        (key, body, answer)
    });
    let taken = orders.buffer_unordered(AT_ONCE).collect().await;
    until_ready(shop).await;
    taken
}

/// What was taken is there as it was, nothing waits for an operator, and the books agree.
async fn nothing_is_lost(home: &Home, shop: Shop, kim: &Person, taken: &[Taken]) {
    for (key, body, answer) in taken {
        let again = insist(&shop, &kim.token, key, body, KILLED).await;
        assert_eq!((again.id(), again.str("status")), (answer.id(), answer.str("status")), "{key}");
    }
    let letters = shop.client.get(&shop.admin, "/v1/admin/dead-letters").await;
    assert!(letters.items().is_empty(), "{}", letters.text);
    shop.serving.stop();
    home.audit_is_clean();
}

/// The units' processes, the gateway's left out.
fn processes(shop: &Shop) -> Vec<(String, u32)> {
    let units = shop.serving.told.units.iter().filter(|(unit, _)| *unit != "gateway");
    units.map(|(unit, (_, process))| (unit.clone(), *process)).collect()
}

async fn what_was_acknowledged_outlives_every_unit_killed_in_turn(topology: &str) {
    let home = Home::patient(topology);
    let shop = Shop::open(&home).await;
    let (kim, mug) = (shop.person("kim", 10_000_000).await, shop.product("MUG", 1_000, 1_000_000).await);
    let units = processes(&shop);
    assert!(!units.is_empty() && shop.serving.told.units.contains_key("gateway"), "{units:?}");
    let mut taken = Vec::new();
    let gateway = shop.serving.told.units["gateway"].1;
    for (unit, process) in units.into_iter().chain([("gateway".to_owned(), gateway)]) {
        taken.extend(orders_around(&shop, &kim, &mug, &unit, || signal("-KILL", process)).await);
    }
    nothing_is_lost(&home, shop, &kim, &taken).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_of_every_unit_share_its_work_and_outlive_each_other_and_their_postgresql() {
    let postgres = Postgres::start().unwrap();
    let home = Home::patient("spread:validated-async");
    let home = home.with("JUMUN_DATABASE", &postgres.url("twins"));
    let shop = Shop::of(home.start_with(&["--instances", "2"])).await;
    let (kim, mug) = (shop.person("kim", 10_000_000).await, shop.product("MUG", 1_000, 1_000_000).await);
    let units = processes(&shop);
    assert_eq!(units.len(), 6, "{units:?}");
    let mut taken = orders_around(&shop, &kim, &mug, "together", || {}).await;
    for (unit, _) in &units {
        let metrics = Client::new(&shop.serving.told.units[unit].0).get("", "/metrics").await;
        let commits = metrics.text.lines().filter(|line| line.starts_with("jumun_batch_commits"));
        let commits: f64 = commits.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum();
        assert!(commits > 0.0, "{unit} has done nothing: {}", metrics.text);
    }
    for (unit, process) in units.iter().filter(|(unit, _)| unit.ends_with("-2")) {
        taken.extend(orders_around(&shop, &kim, &mug, unit, || signal("-KILL", *process)).await);
    }
    let away = || {
        postgres.kill_9().unwrap();
        postgres.restart().unwrap();
    };
    taken.extend(orders_around(&shop, &kim, &mug, "postgresql", away).await);
    // As in a new version's rollout: each instance is asked to end, and comes back.
    for (unit, process) in units.iter().filter(|(unit, _)| !unit.ends_with("-2")) {
        let name = format!("rollout {unit}");
        taken.extend(orders_around(&shop, &kim, &mug, &name, || signal("-TERM", *process)).await);
    }
    nothing_is_lost(&home, shop, &kim, &taken).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_holder_of_a_lock_a_slow_database_and_a_lost_redis_delay_orders_and_lose_none() {
    let (postgres, redis) = (Postgres::start().unwrap(), Redis::start().unwrap());
    let home = Home::patient("spread:validated-async");
    let home =
        home.with("JUMUN_DATABASE", &postgres.url("guarded")).with("JUMUN_RANKING__REDIS", &redis.url());
    let home = home.with("JUMUN_GUARD__REDIS", &redis.url()).with("JUMUN_GUARD__TTL_S", "1");
    let shop = Shop::of(home.start_with(&["--instances", "2"])).await;
    let (kim, mug) = (shop.person("kim", 10_000_000).await, shop.product("MUG", 1_000, 1_000_000).await);
    let mut taken = orders_around(&shop, &kim, &mug, "together", || {}).await;
    for (unit, process) in
        processes(&shop).iter().filter(|(unit, _)| ["product", "user"].contains(&unit.as_str()))
    {
        // It goes on where it stopped, long after its lock ran out and others did its work.
        let paused = format!("{unit} is paused");
        taken.extend(orders_around(&shop, &kim, &mug, &paused, || signal("-STOP", *process)).await);
        let again = format!("{unit} goes on");
        taken.extend(orders_around(&shop, &kim, &mug, &again, || signal("-CONT", *process)).await);
    }
    let slow = || {
        postgres.pause().unwrap();
        // Paused for as long as it takes to be noticed.
        tokio::runtime::Handle::current()
            .block_on(async { while shop.client.get("", "/readyz").await.status == 200 {} });
        postgres.resume().unwrap();
    };
    taken.extend(orders_around(&shop, &kim, &mug, "slow", slow).await);
    let flushed = || drop(redis.run(&["FLUSHALL"]).unwrap());
    taken.extend(orders_around(&shop, &kim, &mug, "flushed", flushed).await);
    taken.extend(orders_around(&shop, &kim, &mug, "lost", || redis.kill_9().unwrap()).await);
    taken.extend(orders_around(&shop, &kim, &mug, "back", || redis.restart().unwrap()).await);
    let best = shop.client.get("", "/v1/bestsellers?days=2").await;
    assert_eq!(best.body["items"][0]["sold"], taken.len(), "{}", best.text);
    nothing_is_lost(&home, shop, &kim, &taken).await;
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
        until_ready(&shop).await;
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
    let kim = shop.person("kim", 10_000_000).await;
    let mug = shop.product("MUG", 1_000, 1_000_000).await;
    let units = shop.serving.told.units.clone();
    for (unit, (_, process)) in units.iter().filter(|(unit, _)| *unit != "gateway") {
        let (shop, kim, mug) = (&shop, &kim, &mug);
        let orders = stream::iter(0..ORDERS).map(|n| async move {
            if n == ORDERS / 4 {
                signal("-TERM", *process);
            }
            insist(
                shop,
                &kim.token,
                &format!("{unit} {n}"),
                &json!({"lines": lines(mug, 1), "points": 1_000}),
                RESTARTED,
            )
            .await
        });
        for answer in orders.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await {
            assert_eq!(answer.str("status"), "CONFIRMED", "{unit}: {}", answer.text);
        }
        until_ready(shop).await;
    }
    shop.serving.stop();
    home.audit_is_clean();
}

/// A service token made by hand.
fn token(key: &str, unit: &str, expires: i64) -> String {
    let claims = json!({"iss": "test", "aud": unit, "exp": expires});
    tokens::signed(&json!({"alg": "HS256", "typ": "JWT"}), &claims, key)
}
