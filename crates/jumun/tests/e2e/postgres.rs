//! A shop whose databases are on PostgreSQL: backups that are restored, and two servers over the same databases.

use crate::support::figures::{codes, found_by, note_restored};
use crate::support::shop::lines;
use crate::support::{Home, Shop};
use serde_json::json;
use services::Postgres;

/// A system whose databases' names begin with `name`.
fn home(topology: &str, name: &str) -> Home {
    Home::new(topology).with("JUMUN_DATABASE", &Postgres::shared().unwrap().url(name))
}

/// Places an order for one mug by card; it is confirmed.
async fn buy(shop: &Shop, who: &str, mug: &str) {
    let person = shop.person(who, 0).await;
    let body = json!({"lines": lines(mug, 1), "card_token": "tok_ok"});
    assert_eq!(shop.order(&person, who, &body).await.str("status"), "CONFIRMED");
}

fn run(statement: &str) {
    Postgres::shared().unwrap().run("postgres", statement).unwrap();
}

/// A stopped system that sold a mug after its database `of` was as it is now again.
async fn restored(home: &Home, database: &str) {
    let shop = Shop::open(home).await;
    let mug = shop.product("MUG", 1_000, 5).await;
    buy(&shop, "kim", &mug).await;
    shop.serving.stop();
    home.audit_is_clean();
    run(&format!("CREATE DATABASE {database}_saved TEMPLATE {database}"));
    let shop = Shop::open(home).await;
    buy(&shop, "lee", &mug).await;
    shop.serving.stop();
    home.audit_is_clean();
    run(&format!("DROP DATABASE {database}"));
    run(&format!("CREATE DATABASE {database} TEMPLATE {database}_saved"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_unit_is_restored_from_an_older_backup_the_audit_says_so_and_nothing_starts() {
    for unit in ["order", "product"] {
        let home = home("seven-services", &format!("restored_{unit}"));
        restored(&home, &format!("restored_{unit}_{unit}")).await;
        let (exit, report) = home.audit();
        assert!(exit == Some(1) && codes(&report).contains("CURSOR_AHEAD"), "{unit}: {report:#}");
        assert!(
            report.to_string().contains(&format!("{unit} was restored from an older backup")),
            "{report:#}"
        );
        let (exit, said) = home.refusal(&[]);
        assert_eq!(exit, Some(2), "{unit}: {said}");
        assert!(said.contains(&format!("{unit} was restored from an older backup")), "{said}");
        home.start_with(&["--new-epoch", unit]).stop();
        let found = found_by(&report) + "; nothing starts until its new epoch";
        note_restored(&home, unit, &found);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_serve_one_shop_and_one_goes_on_when_the_other_is_killed() {
    for topology in ["monolith", "seven-services"] {
        let name = format!("both_{}", topology.replace('-', "_"));
        let homes = [home(topology, &name), home(topology, &name)];
        let [one, other] = [Shop::open(&homes[0]).await, Shop::open(&homes[1]).await];
        let (mug, kim) = (one.product("MUG", 1_000, 60).await, one.person("kim", 100_000).await);
        let body = json!({"lines": lines(&mug, 1), "points": 1_000});
        for (number, shop) in [&one, &other].into_iter().cycle().take(20).enumerate() {
            let key = format!("order {number}");
            let order = shop.order(&kim, &key, &body).await;
            assert_eq!(order.str("status"), "CONFIRMED", "{topology}: {}", order.text);
            // The same request at the other one is the same order.
            let elsewhere = if number % 2 == 0 { &other } else { &one };
            assert_eq!(elsewhere.order(&kim, &key, &body).await.str("id"), order.str("id"));
        }
        other.serving.kill();
        for number in 20..30 {
            let order = one.order(&kim, &format!("order {number}"), &body).await;
            assert_eq!(order.str("status"), "CONFIRMED", "{topology}: {}", order.text);
        }
        one.serving.stop();
        homes[0].audit_is_clean();
    }
}
