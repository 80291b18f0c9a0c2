//! The commands that look at a system or mend it: what each says, and how it ends.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers, too")]

mod support;

use jumun::Server;
use jumun::config::{Config, File};
use jumun::folder::Folder;
use jumun::kernel::{DomainName, Entry, Step};
use jumun::shop::Domains;
use runtime::message::{Message, SetAside, StoredRole};
use rusqlite::Connection;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use support::{Ran, SAMPLE, check, command, jumun};
use uuid::Uuid;

const EMAIL: &str = "admin@example.test";
const PASSWORD: &str = "only-for-this-test";

fn as_admin(command: &mut Command) -> &mut Command {
    command.env("JUMUN_ADMIN_EMAIL", EMAIL).env("JUMUN_ADMIN_PASSWORD", PASSWORD)
}

/// The data folder of a stopped system that has replayed the sample.
struct Stopped {
    folder: tempfile::TempDir,
}

impl Stopped {
    fn new() -> Self {
        let stopped = Self { folder: tempfile::tempdir().unwrap() };
        let mut replay = command(&["replay", SAMPLE, "--data", &stopped.data()]);
        Ran::from(as_admin(&mut replay).output().unwrap()).check(0, &["audit: clean"]);
        stopped
    }

    fn data(&self) -> String {
        self.path().to_str().unwrap().to_owned()
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Damage done by hand.
    fn edit(&self, database: &str, sql: &str) {
        let connection = Connection::open(self.path().join(format!("{database}.db"))).unwrap();
        assert_eq!(connection.execute(sql, []).unwrap(), 1, "{sql}");
    }

    /// Sets the first confirmation of an order aside at ranking, as if it had failed there. `role` is what it was to do.
    fn set_aside(&self, role: StoredRole) -> Uuid {
        let orders = Connection::open(self.path().join("order.db")).unwrap();
        let mut bodies = orders.prepare("SELECT body FROM event_log ORDER BY position").unwrap();
        let bodies = bodies.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let entries = bodies.map(|body| serde_json::from_str::<Entry>(&body.unwrap()).unwrap());
        let of_entry = |entry: Entry| {
            let Entry { key, at, trace, plan, events, .. } = entry;
            events.into_iter().map(move |event| Message::of_event(&event, key, at, trace, plan.as_ref()))
        };
        let messages: Vec<_> = entries.flat_map(of_entry).collect();
        // Orders run at once, so which of them is confirmed first varies: one that the history cancels later will not do.
        let said = |message: &Message, word: &str| message.said.name() == word;
        let cancelled =
            |key| messages.iter().any(|message| message.key == key && said(message, "order.cancelled"));
        let stays = |message: &&Message| said(message, "order.confirmed") && !cancelled(message.key);
        let message = messages.iter().find(stays).unwrap().clone();
        let (id, order) = (Uuid::from_u128(rand::random()), message.key);
        let aside = serde_json::to_string(&SetAside { message, role }).unwrap();
        let letters = Connection::open(self.path().join("ranking.db")).unwrap();
        let sql = "INSERT INTO dead_letters (id, domain, order_id, kind, error, attempts, first_at, last_at, status, message)
                   VALUES (?1, 'ranking', ?2, 'POISON', 'for this test', 1, 1, 1, 'OPEN', ?3)";
        letters.execute(sql, (id.as_bytes(), order.as_bytes(), aside)).unwrap();
        id
    }

    fn letters(&self, args: &[&str]) -> Ran {
        jumun(&[&["dead-letters"], args, &["--data", &self.data()]].concat())
    }
}

#[test]
fn every_command_explains_itself() {
    for command in [
        &["replay"][..],
        &["compare"],
        &["audit"],
        &["pg-simulator"],
        &["topology", "list"],
        &["topology", "show"],
        &["topology", "check"],
        &["dead-letters", "list"],
        &["dead-letters", "redrive"],
        &["dead-letters", "resolve"],
        &["ranking", "rebuild"],
        &["config", "check"],
        &["openapi"],
    ] {
        let ran = check(&[command, &["--help"]].concat(), 0, &["Usage: jumun"]);
        assert!(ran.stdout.lines().count() > 5, "{command:?}: {}", ran.stdout);
    }
}

#[test]
fn help_says_what_the_exit_codes_mean() {
    let means = |command: &[&str], says: &str| {
        let help = check(&[command, &["--help"]].concat(), 0, &[]).stdout;
        let words: Vec<&str> = help.split_whitespace().collect();
        assert!(words.join(" ").contains(says), "{help}");
    };
    means(&["replay"], "Exit code 1 if an order did not end as the file says");
    means(&["audit"], "Exit code 1 if there is any discrepancy");
    means(&["config", "check"], "Exit code 1 with the setting's name");
    means(&["topology", "check"], "exit code 1");
    means(&["dead-letters", "redrive"], "Exit code 1 if it is not done in time");
}

#[test]
fn the_effective_configuration_is_shown_without_its_secrets() {
    let mut run = command(&["config", "check", "--listen", "127.0.0.1:9999", "--currency", "GBP"]);
    run.env("JUMUN_SIGNING_KEY", "0123456789012345678901234567890123456789").env("JUMUN_BATCH_CAP", "77");
    let ran = Ran::from(run.output().unwrap());
    let says =
        ["http://127.0.0.1:9999", "currency = \"GBP\"", "batch_cap = 77", "signing_key = \"(secret)\""];
    ran.check(0, &says);
    assert!(!ran.stdout.contains("0123456789"), "{}", ran.stdout);
    let shown: toml::Table =
        toml::from_str(&ran.stdout).expect("what is shown is itself a configuration file");
    assert!(shown.contains_key("pg"));
}

#[test]
fn a_fault_of_the_configuration_names_its_setting() {
    let fault = |name: &str, value: &str, says: &str| {
        let mut run = command(&["config", "check"]);
        Ran::from(run.env(name, value).output().unwrap()).check(1, &[says]);
    };
    fault("JUMUN_BATCH_CAP", "0", "batch_cap: 0 is not between 1 and 10000");
    fault("JUMUN_LISTEN", "0.0.0.0:80", "pg.secret_key");
    fault("JUMUN_SIGNING_KEY", "short", "signing_key");
    fault("JUMUN_NO_SUCH", "1", "NO_SUCH");
    check(&["config", "check", "--topology", "nowhere"], 1, &["topology: no topology is called `nowhere`"]);
    check(&["config", "check", "--config", "/no/such.toml"], 1, &["/no/such.toml"]);
}

#[test]
fn the_openapi_document_is_json_with_every_route() {
    let ran = check(&["openapi"], 0, &[]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(document["paths"]["/v1/orders"]["post"].is_object(), "{}", document["paths"]);
}

#[test]
fn a_reader_who_has_read_enough_is_no_fault() {
    let mut child = command(&["openapi"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    Ran::from(child.wait_with_output().unwrap()).check(0, &[]);
}

#[test]
fn topologies_are_listed_and_shown() {
    check(
        &["topology", "list"],
        0,
        &["monolith  ", "seven-services          A service and a database per domain"],
    );
    let says = ["order-read-model.db", "stock → coupon → point → payment", "coupon.refused, point.refused"];
    check(&["topology", "show", "seven-services"], 0, &says);
    check(&["topology", "show", "monolith"], 0, &["decided as one", "shop.db"]);
    let says = ["flowchart LR", "step_stock -->|done| step_coupon", "step_payment -.->|refused| step_stock"];
    check(&["topology", "show", "seven-services", "--mermaid"], 0, &says);
    let messages = ["topology", "show", "orchestrated-messages", "--flow"];
    let flow = |flow: &'static str| [&messages[..], &[flow]].concat();
    check(&flow("success"), 0, &["point.asked", "point: point + coupon", "order.confirmed"]);
    check(
        &flow("refuse:stock"),
        0,
        &["stock.refused OUT_OF_STOCK", "point: compensate point", "order.failed"],
    );
    check(
        &[&flow("cancel")[..], &["--mermaid"]].concat(),
        0,
        &["sequenceDiagram", "unit_order-->>unit_point"],
    );
    check(&flow("refuse:gift"), 2, &["plans no step `gift`"]);
    check(&flow("sideways"), 2, &["--flow", "success, refuse:STEP or cancel"]);
    check(&["topology", "show", "nowhere"], 2, &["no topology is called `nowhere`"]);
}

#[test]
fn a_topology_file_is_checked_to_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let (_, text) = jumun::topologies::SHIPPED[0];
    let file = folder.path().join("shop.toml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, text).unwrap();
    check(&["topology", "check", path], 0, &["shop.toml: OK"]);
    std::fs::write(&file, text.replace("\"coupon\", \"order\"", "\"voucher\", \"order\"")).unwrap();
    let line = text.lines().position(|line| line.starts_with("domains")).unwrap() + 1;
    check(&["topology", "check", path], 1, &[&format!("shop.toml: line {line}: unknown domain `voucher`")]);
    check(&["topology", "check", "/no/such.toml"], 2, &["/no/such.toml: No such file"]);
}

#[test]
fn an_audit_without_a_data_folder_says_so() {
    check(&["audit", "--data", "/no/such/folder"], 2, &["there is no data folder /no/such/folder"]);
    let empty = tempfile::tempdir().unwrap();
    check(
        &["audit", "--data", empty.path().to_str().unwrap()],
        2,
        &["under topology seven-services: database"],
    );
}

#[test]
fn an_audit_finds_one_unit_of_stock_taken_by_hand() {
    let stopped = Stopped::new();
    check(&["audit", "--data", &stopped.data()], 0, &["audit: clean — 40 final orders", "PG_MISSING: "]);
    check(&["audit", "--data", &stopped.data(), "--topology", "monolith"], 2, &["another topology"]);
    let pg_data = ["audit", "--data", &stopped.data(), "--pg-data", "/no/such/folder"];
    check(&pg_data, 2, &["there is no PG ledger at /no/such/folder"]);

    stopped.edit("product", "UPDATE products SET stock = stock + 1 WHERE sku = 'CUP-MOON'");
    check(
        &["audit", "--data", &stopped.data()],
        1,
        &["STOCK_LEDGER  product.products", "audit: 1 discrepancy"],
    );
    let ran = check(&["audit", "--json", "--data", &stopped.data()], 1, &[]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["discrepancies"]["first"][0]["code"], "STOCK_LEDGER");
}

#[test]
fn best_sellers_are_rebuilt_from_the_orders() {
    let stopped = Stopped::new();
    let rebuild = ["ranking", "rebuild", "--data", &stopped.data()];
    check(&rebuild, 0, &["right as they were, nothing changed"]);
    stopped.edit("ranking", "UPDATE sales SET sold = sold + 7 WHERE sku = 'TEA-BORI'");
    stopped.edit("ranking", "DELETE FROM sales WHERE sku = 'POST'");
    check(&["audit", "--data", &stopped.data()], 1, &["audit: 2 discrepancies"]);
    check(&rebuild, 0, &["TEA-BORI: 95 → 88", "POST: 0 → 1", "rebuilt, 2 rows changed"]);
    check(&["audit", "--data", &stopped.data()], 0, &["audit: clean"]);
    let _served = Folder::take(&stopped.path()).unwrap();
    check(&rebuild, 2, &["on a stopped system", "another jumun serves the data folder"]);
}

#[test]
fn orders_that_ranking_has_yet_to_hear_of_are_not_counted_twice() {
    let stopped = Stopped::new();
    // As after a crash: ranking has heard of nothing, and hears all of it again once it runs.
    stopped.edit("ranking", "UPDATE cursors SET position = 0 WHERE source = 'order'");
    let rebuild = ["ranking", "rebuild", "--data", &stopped.data()];
    check(&rebuild, 0, &["it is let catch up first", "right as they were, nothing changed"]);
    check(&["audit", "--data", &stopped.data()], 0, &["audit: clean"]);
}

#[test]
fn a_log_that_is_heard_again_has_no_second_effect() {
    let stopped = Stopped::new();
    let data = stopped.data();
    let replay =
        |more: &[&'static str]| [&["replay-log", "--data", &data, "--log", "order"][..], more].concat();
    check(&replay(&["--from-time", "2999-01-01T00:00:00Z"]), 0, &["nothing is set back"]);
    check(
        &replay(&["--consumer", "product", "--from-position", "3"]),
        0,
        &["product hears order again", "→ 2"],
    );
    check(
        &replay(&["--from-position", "1"]),
        0,
        &["product hears order again: 2 → 0", "ranking hears order again"],
    );
    // Everybody catches up.
    check(&["ranking", "rebuild", "--data", &data], 0, &["catch up first", "nothing changed"]);
    check(&["audit", "--data", &data], 0, &["audit: clean"]);
    check(&replay(&["--from-position", "0"]), 2, &["positions begin at 1"]);
    check(&replay(&[]), 2, &["--from-position"]);
    check(
        &["replay-log", "--data", &data, "--log", "shoes", "--from-position", "1"],
        2,
        &["no database `shoes`"],
    );
    let _served = Folder::take(&stopped.path()).unwrap();
    check(
        &replay(&["--from-position", "1"]),
        2,
        &["by a stopped system", "another jumun serves the data folder"],
    );
}

#[test]
fn a_dead_letter_is_listed_redriven_and_then_not_open_any_more() {
    let stopped = Stopped::new();
    stopped.letters(&["list"]).check(0, &["no such dead letters"]);
    // Ranking has counted this order: through the inbox, a second time changes nothing.
    let letter = stopped.set_aside(StoredRole::Act(vec![Step::SALES])).to_string();
    stopped.letters(&["list"]).check(0, &[&letter, "POISON", "for this test"]);
    stopped
        .letters(&["redrive", &letter])
        .check(0, &[&format!("dead letter {letter}: REDRIVEN"), "CONFIRMED"]);
    stopped.letters(&["redrive", &letter]).check(2, &["is not open: it is REDRIVEN"]);
    stopped.letters(&["list", "--status", "redriven", "--json"]).check(0, &[&letter]);
    check(&["audit", "--data", &stopped.data()], 0, &["audit: clean"]);
}

#[test]
fn a_letter_that_fails_again_is_found_wanting_and_can_be_resolved_by_a_note() {
    let stopped = Stopped::new();
    // Ranking subscribes to nothing: it cannot decide what it is made to hear.
    let by_hand = stopped.set_aside(StoredRole::Hear(DomainName::of("ranking"))).to_string();
    stopped.letters(&["redrive", &by_hand]).check(1, &["REDRIVEN", "is open about the same"]);
    let listed = stopped.letters(&["list", "--json"]).stdout;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let letter = listed[0]["id"].as_str().unwrap();
    assert_eq!(listed[0]["attempts"], 1, "{listed}");
    stopped
        .letters(&["redrive", letter])
        .check(1, &["OPEN still or again (cannot happen: ranking was asked"]);
    stopped.letters(&["resolve", letter, "--note", ""]).check(2, &["--note"]);
    stopped.letters(&["resolve", letter, "--note", "by hand"]).check(0, &["RESOLVED"]);
    check(&["audit", "--data", &stopped.data()], 0, &["(note: by hand)", "audit: clean"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_servers_dead_letters_are_handled_through_its_admin_api() {
    let stopped = Stopped::new();
    let letter = stopped.set_aside(StoredRole::Act(vec![Step::SALES])).to_string();
    let noted = stopped.set_aside(StoredRole::Act(vec![Step::SALES])).to_string();
    let listen = ([127, 0, 0, 1], 0).into();
    let config = Config::parse(File { data: stopped.path(), listen, ..File::default() }).unwrap();
    let server = Server::start(&config, Domains::new(config.policies.clone())).await.unwrap();
    let url = format!("http://{}", server.address());
    let letters = async |args: &[&str]| {
        let mut command = command(&[&["dead-letters"], args, &["--url", &url]].concat());
        as_admin(&mut command);
        tokio::task::spawn_blocking(move || Ran::from(command.output().unwrap())).await.unwrap()
    };
    letters(&["list"]).await.check(0, &[&letter, &noted]);
    letters(&["redrive", &letter]).await.check(0, &["REDRIVEN"]);
    letters(&["redrive", &letter]).await.check(2, &["409 DEAD_LETTER_NOT_OPEN"]);
    letters(&["resolve", &noted, "--note", "by hand"]).await.check(0, &["RESOLVED"]);
    letters(&["list"]).await.check(0, &["no such dead letters"]);
    letters(&["redrive", &Uuid::nil().to_string()]).await.check(2, &["404"]);
    server.stop().await;
}

#[test]
fn dead_letters_of_a_folder_in_use_are_handled_by_its_server() {
    let stopped = Stopped::new();
    let nobody = Uuid::nil().to_string();
    stopped.letters(&["redrive", &nobody]).check(2, &["there is no dead letter"]);
    let _served = Folder::take(&stopped.path()).unwrap();
    stopped.letters(&["redrive", &nobody]).check(2, &["a server runs on this data folder", "--url"]);
    stopped.letters(&["list"]).check(0, &["no such dead letters"]);
    check(&["dead-letters", "list", "--data", "/no/such/folder"], 2, &["there is no data folder"]);
    check(&["dead-letters", "list", "--url", "http://127.0.0.1:9"], 2, &["JUMUN_ADMIN_EMAIL"]);
}

#[test]
fn the_pg_simulator_stands_alone_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let args = ["pg-simulator", "--data", data, "--listen", "127.0.0.1:0"];
    let mut child = command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.starts_with("the PG simulator listens on http://127.0.0.1:"), "{said}");
    check(&args, 2, &["another PG simulator is running on"]);
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    Ran::from(child.wait_with_output().unwrap()).check(0, &["stopping"]);
    assert!(folder.path().join("pg-simulator.db").is_file());
}

#[test]
fn the_pg_simulator_refuses_what_would_be_unsafe_or_make_no_sense() {
    let folder = tempfile::tempdir().unwrap();
    let base = ["pg-simulator", "--data", folder.path().to_str().unwrap()];
    let with = |more: &[&'static str]| [&base[..], more].concat();
    check(&with(&["--listen", "0.0.0.0:0"]), 2, &["default secret key"]);
    check(
        &with(&["--listen", "127.0.0.1:0", "--webhook-url", "http://127.0.0.1:9"]),
        2,
        &["--webhook-secret"],
    );
    check(&with(&["--duplicate-percent", "101"]), 2, &["101"]);
}
