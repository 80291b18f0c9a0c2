//! The conformance suite over HTTP: what every topology does in one process, it does with a process per unit, too.

mod served;

use crate::support::Home;
use conformance::{Scene, Terms, check_scenes, scenes};
use jumun::topologies::SHIPPED;
use served::Served;
use services::{Kafka, Postgres, Redis};
use tokio::runtime::Handle;

in_every_topology_spread_out!(scenes_end_in_the_books_that_they_end_in_everywhere);

/// Scenes with so many customers that signing them up takes longest: played where there are the most units.
const CROWDS: &[&str] = &["a rush by card on the last twenty", "a mixed crowd"];

async fn scenes_end_in_the_books_that_they_end_in_everywhere(topology: &str) {
    check(topology, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_kafka_scenes_end_in_the_books_that_they_end_in_everywhere() {
    let brokers = Kafka::shared().unwrap().bootstrap();
    for topology in ["choreographed-parallel", "validated-async"] {
        let kafka = [("JUMUN_KAFKA", brokers.as_str()), ("JUMUN_KAFKA__PREFIX", topology)];
        check(&format!("spread:{topology}"), &kafka).await;
    }
}

/// Every part as it is in production: the databases on PostgreSQL, words over Kafka, best sellers and locks in Redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_real_parts_scenes_end_in_the_books_that_they_end_in_everywhere() {
    let (postgres, brokers) = (Postgres::shared().unwrap(), Kafka::shared().unwrap().bootstrap());
    for (topology, _) in SHIPPED {
        let name = format!("real_{}", topology.replace('-', "_"));
        let started = Redis::start().unwrap();
        let (database, redis) = (postgres.url(&name), started.url());
        let parts = [
            ("JUMUN_DATABASE", database.as_str()),
            ("JUMUN_KAFKA", brokers.as_str()),
            ("JUMUN_KAFKA__PREFIX", name.as_str()),
            ("JUMUN_RANKING__REDIS", redis.as_str()),
            ("JUMUN_GUARD__REDIS", redis.as_str()),
        ];
        check(&format!("spread:{topology}"), &parts).await;
    }
}

async fn check(topology: &str, environment: &[(&'static str, &str)]) {
    let crowds = topology == "spread:seven-services";
    // On the other terms there are only scenes that need time of their own.
    let is_played = |scene: &Scene| scene.terms == Terms::Usual && (crowds || !CROWDS.contains(&scene.name));
    let usual: Vec<Scene> = scenes().into_iter().filter(is_played).collect();
    assert_eq!(scenes().iter().filter(|scene| CROWDS.contains(&scene.name)).count(), CROWDS.len());
    let home = environment.iter().fold(Home::new(topology), |home, (name, value)| home.with(name, value));
    let (mut home, runtime) = (Some(home), Handle::current());
    // There are scenes of one kind of terms only: it is opened once.
    let play = move || check_scenes(&usual, |_| Served::open(home.take().unwrap(), runtime.clone()));
    let report = tokio::task::spawn_blocking(play).await.unwrap();
    assert!(report.played.len() > 20, "{topology}: {report}");
    assert!(report.findings.is_empty(), "{topology}: {report}");
}
