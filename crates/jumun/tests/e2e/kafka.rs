//! Kafka between units: words wait while it is away, and nothing is lost or done twice, however a shop comes to it and leaves it.

use crate::support::figures::now;
use crate::support::process::{is_there, signal};
use crate::support::regulars::{KILLED_BEHIND, Regulars};
use crate::support::{Client, Home, Shop};
use services::{Kafka, Postgres};
use std::time::Duration;

in_topologies!(
    [
        spread_choreographed_parallel = "spread:choreographed-parallel",
        spread_validated_async = "spread:validated-async",
        spread_seven_services = "spread:seven-services",
    ],
    [orders_wait_while_the_broker_is_away_and_survive_its_death_and_a_units]
);

/// Orders of each part of a test.
const ORDERS: usize = 24;

/// A system that has patience with its broker.
fn patient(topology: &str) -> Home {
    Home::patient(topology).with("JUMUN_KAFKA__PARTITIONS", "3")
}

/// How many messages product's database has decided since its start.
async fn decided_by_product(shop: &Shop) -> usize {
    let (product, _) = &shop.serving.told.units["product"];
    let metrics = Client::new(product).get("", "/metrics").await.text;
    let line =
        metrics.lines().find(|line| line.starts_with("jumun_batch_messages_total{database=\"product\""));
    line.unwrap_or_else(|| panic!("{metrics}")).rsplit(' ').next().unwrap().parse().unwrap()
}

/// The units, without the gateway; the process itself, where there are none.
fn units(shop: &Shop) -> Vec<Client> {
    let told = &shop.serving.told;
    let units = told.units.iter().filter(|(unit, _)| *unit != "gateway");
    let units: Vec<Client> = units.map(|(_, (url, _))| Client::new(url)).collect();
    if units.is_empty() { vec![Client::new(&told.url)] } else { units }
}

/// Waits until every unit says so of itself; each is ready all the while.
async fn until(shop: &Shop, status: &str) {
    for unit in units(shop) {
        loop {
            let ready = unit.get("", "/readyz").await;
            assert_eq!(ready.status, 200, "{}", ready.text);
            if ready.str("status") == status {
                let missing = ready.body["missing"][0].as_str();
                assert!(missing.is_none_or(|missing| missing.starts_with("Kafka: ")), "{}", ready.text);
                break;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Waits until everything that was said is on its topic.
async fn until_published(shop: &Shop) {
    for unit in units(shop) {
        loop {
            let metrics = unit.get("", "/metrics").await.text;
            let mut lags =
                metrics.lines().filter(|line| line.starts_with("jumun_kafka_relay_lag{")).peekable();
            assert!(lags.peek().is_some(), "{metrics}");
            if lags.all(|line| line.ends_with(" 0")) {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
}

async fn orders_wait_while_the_broker_is_away_and_survive_its_death_and_a_units(topology: &str) {
    let kafka = Kafka::start().unwrap();
    let home = patient(topology).with("JUMUN_KAFKA", &kafka.bootstrap());
    let shop = Shop::open(&home).await;
    let regulars = Regulars::of(&home, &shop, KILLED_BEHIND).await;
    until(&shop, "ok").await;

    let mut trial = regulars.buying("kill -9 of Kafka").await;
    kafka.kill_9().unwrap();
    until(&shop, "degraded").await;
    for _ in 0..ORDERS {
        let order = trial.newcomer().await;
        assert_eq!(regulars.status(&order).await, "PENDING", "nobody can have heard of it");
    }
    kafka.restart().unwrap();
    trial.settles(now()).await;
    until(&shop, "ok").await;

    let units = &shop.serving.told.units;
    for (_, (_, process)) in units.iter().filter(|(unit, _)| *unit != "gateway") {
        regulars.survive("kill -9 of each unit", &shop, "-KILL", *process).await;
    }
    until_published(&shop).await;
    regulars.nothing_is_lost(&home, shop).await;
}

/// How long the broker is away: the fault itself, so that it is for the clock to say.
const A_MINUTE: Duration = Duration::from_secs(60);
/// How often an order is placed meanwhile.
const NOW_AND_THEN: Duration = Duration::from_secs(1);
/// Orders that have waited for `deadline_s` (30 by default) before the minute is over, whatever else keeps this machine busy.
const GIVEN_UP: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_outlive_a_minute_without_their_broker_or_give_everything_back() {
    let kafka = Kafka::start().unwrap();
    let patient = patient("spread:seven-services").with("JUMUN_KAFKA", &kafka.bootstrap());
    let hasty = Home::new("spread:seven-services").with("JUMUN_PG__BUDGET_S", "600");
    let hasty = hasty.with("JUMUN_KAFKA", &kafka.bootstrap()).with("JUMUN_KAFKA__PREFIX", "hasty");
    let shops = [Shop::open(&patient).await, Shop::open(&hasty).await];
    let waiting = Regulars::of(&patient, &shops[0], KILLED_BEHIND).await;
    let giving_up = Regulars::of(&hasty, &shops[1], KILLED_BEHIND).await.hasty();
    let fault = "Kafka is away for a minute";
    let (mut to_wait, mut to_fail) = (waiting.buying(fault).await, giving_up.buying(fault).await);
    kafka.kill_9().unwrap();
    let (away, mut seconds) = (now(), tokio::time::interval(NOW_AND_THEN));
    let (mut waits, mut fails) = (Vec::new(), Vec::new());
    while away.elapsed() < A_MINUTE {
        seconds.tick().await;
        waits.push(to_wait.newcomer().await);
        fails.push(to_fail.newcomer().await);
    }
    for order in &waits {
        assert_eq!(waiting.status(order).await, "PENDING", "nobody can have heard of it");
    }
    for order in &fails[..GIVEN_UP] {
        while giving_up.status(order).await == "PENDING" {
            tokio::task::yield_now().await;
        }
        assert_eq!(giving_up.status(order).await, "FAILING", "nobody can have said that it gave back");
    }
    // Who is asked to end does not wait for the broker; it is started again.
    let (_, process) = shops[0].serving.told.units["order"];
    signal("-TERM", process);
    while is_there(process) {
        seconds.tick().await;
    }
    shops[0].until_ready().await;
    kafka.restart().unwrap();
    let back = now();
    to_wait.settles(back).await;
    to_fail.settles(back).await;
    for order in &fails[..GIVEN_UP] {
        assert_eq!(giving_up.status(order).await, "FAILED");
    }
    let [patients, hastys] = shops;
    waiting.nothing_is_lost(&patient, patients).await;
    giving_up.nothing_is_lost(&hasty, hastys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_share_the_partitions_of_their_unit_and_outlive_each_other() {
    let (postgres, kafka) = (Postgres::start().unwrap(), Kafka::shared().unwrap());
    let home = patient("spread:validated-async").with("JUMUN_DATABASE", &postgres.url("twins"));
    let home = home.with("JUMUN_KAFKA", &kafka.bootstrap()).with("JUMUN_KAFKA__PREFIX", "twins");
    let shop = Shop::of(home.start_with(&["--instances", "2"])).await;
    let regulars = Regulars::of(&home, &shop, KILLED_BEHIND).await;
    let units = shop.serving.told.units.clone();
    let twins: Vec<_> = units.iter().filter(|(unit, _)| unit.ends_with("-2")).collect();
    assert_eq!(twins.len(), 3, "{units:?}");
    for (_, (_, process)) in twins {
        let fault = "kill -9 of an instance of each unit, partitions change hands";
        regulars.survive(fault, &shop, "-KILL", *process).await;
    }
    regulars.nothing_is_lost(&home, shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_comes_to_kafka_and_leaves_it_and_hears_nothing_twice() {
    let kafka = Kafka::shared().unwrap();
    let home = patient("spread:seven-services").with("JUMUN_KAFKA__PREFIX", "comes-and-leaves");
    let broker = kafka.bootstrap();
    let over_kafka = ["--kafka", broker.as_str()];
    let mut bought = 0;
    for (part, arguments) in
        [("http", &[][..]), ("kafka", &over_kafka), ("http-again", &[]), ("kafka-again", &over_kafka)]
    {
        let shop = Shop::of(home.start_with(arguments)).await;
        let regulars = Regulars::called(part, &home, &shop, KILLED_BEHIND).await;
        regulars.buy(ORDERS).await;
        let decided = decided_by_product(&shop).await;
        assert!((ORDERS..2 * ORDERS).contains(&decided), "{part}: it heard {decided}, and of others before");
        if !arguments.is_empty() {
            until_published(&shop).await;
        }
        bought += ORDERS;
        regulars.nothing_is_lost_of(bought, &home, shop).await;
    }
    // What was said before there was Kafka was published when there was.
    let replayed =
        home.run(&[&["replay-log", "--log", "order", "--from-offset", "1:0"], &over_kafka[..]].concat());
    let said = String::from_utf8(replayed.stdout).unwrap();
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    // The one cursor of the time before Kafka, and three lanes.
    for follower in ["product", "payment", "ranking"] {
        let line = said.lines().find(|line| line.starts_with(&format!("{follower} hears order again: ")));
        assert!(line.is_some_and(|line| line.ends_with("(4 cursors)")), "{said}");
    }
    let missing =
        home.run(&[&["replay-log", "--log", "order", "--from-offset", "1:999999"], &over_kafka[..]].concat());
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("has no record 999999"));
    let shop = Shop::of(home.start_with(&over_kafka)).await;
    let regulars = Regulars::called("at-last", &home, &shop, KILLED_BEHIND).await;
    regulars.buy(ORDERS).await;
    until_published(&shop).await;
    regulars.nothing_is_lost_of(bought + ORDERS, &home, shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_publishes_for_readers_outside_and_needs_no_broker() {
    let kafka = Kafka::start().unwrap();
    let broker = kafka.bootstrap();
    let home = patient("monolith");
    kafka.kill_9().unwrap();
    let shop = Shop::of(home.start_with(&["--kafka", &broker])).await;
    let regulars = Regulars::of(&home, &shop, KILLED_BEHIND).await;
    regulars.buy(ORDERS).await;
    until(&shop, "degraded").await;
    kafka.restart().unwrap();
    until(&shop, "ok").await;
    regulars.buy(ORDERS).await;
    until_published(&shop).await;
    regulars.nothing_is_lost(&home, shop).await;
    let replayed = home.run(&["replay-log", "--log", "shop", "--from-offset", "0:0", "--kafka", &broker]);
    let said = String::from_utf8(replayed.stdout).unwrap();
    // All its domains share the database: nobody has to hear it.
    assert!(
        said.contains("nobody has heard shop beyond position"),
        "{said}{}",
        String::from_utf8_lossy(&replayed.stderr)
    );
}
