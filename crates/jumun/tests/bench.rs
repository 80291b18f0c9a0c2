//! `jumun bench`, as scripts use it: small runs through every door, in every topology that ships.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers, too")]

mod support;

use jumun::Server;
use jumun::config::{Config, File, Secret};
use jumun::shop::Domains;
use jumun::topologies::SHIPPED;
use serde_json::Value;
use std::collections::BTreeSet;
use support::{Ran, check, command, jumun};

/// Runs a small bench that must end well, and reads its document.
#[track_caller]
fn bench(args: &[&str]) -> Value {
    let small = ["bench", "--json", "--warm-up", "20", "--users", "20", "--products", "5", "--clients", "16"];
    let ran = jumun(&[&small, args].concat());
    ran.check(0, &[]);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The names of a document's fields; those that settings and outcomes make are left out.
fn names(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    const OPEN: [&str; 3] = ["fail", "outcomes", "reasons"];
    match value {
        Value::Object(fields) if !OPEN.contains(&path) => {
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                into.insert(path.clone());
                names(field, &path, into);
            }
        }
        Value::Array(items) => items.iter().take(1).for_each(|item| names(item, &format!("{path}[]"), into)),
        _ => {}
    }
}

#[test]
fn every_door_ends_with_a_clean_audit_and_says_the_same_names() {
    let mix = ["--orders", "100", "--card", "20", "--coupon", "30", "--fail", "payment=5"];
    for (door, flags) in [("direct", vec!["--direct"]), ("http", vec![])] {
        let result = bench(&[&mix, flags.as_slice()].concat());
        assert_eq!(result["door"], door);
        assert_eq!(result["loop"], "closed");
        assert_eq!(
            (&result["outcomes"]["CONFIRMED"], &result["outcomes"]["FAILED"]),
            (&95.into(), &5.into())
        );
        assert_eq!(result["reasons"], serde_json::json!({ "PAYMENT_DECLINED": 5 }));
        assert_eq!(result["audit"], serde_json::json!({ "clean": true, "discrepancies": 0 }));
        // Half-told stretches of time are left out: a run this short may have none.
        let mut found = BTreeSet::new();
        names(&result, "", &mut found);
        found.retain(|name| !name.starts_with("over_time["));
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, NAMES);
    }
}

/// `jumun compare` and scripts read these.
const NAMES: &[&str] = &[
    "answer_us",
    "answer_us.buckets",
    "answer_us.max",
    "answer_us.mean",
    "answer_us.p50",
    "answer_us.p90",
    "answer_us.p99",
    "answer_us.p999",
    "audit",
    "audit.clean",
    "audit.discrepancies",
    "batch_cap",
    "clients",
    "compensations",
    "databases",
    "databases[].busy_ms",
    "databases[].bytes",
    "databases[].commits",
    "databases[].messages",
    "databases[].name",
    "door",
    "errors",
    "errors.count",
    "errors.first",
    "fail",
    "failed_at_quote",
    "growth",
    "hot_sku",
    "input",
    "loop",
    "machine",
    "machine.arch",
    "machine.cores",
    "machine.os",
    "measured_us",
    "measured_us.answer",
    "measured_us.answer.buckets",
    "measured_us.answer.max",
    "measured_us.answer.mean",
    "measured_us.answer.p50",
    "measured_us.answer.p90",
    "measured_us.answer.p99",
    "measured_us.answer.p999",
    "measured_us.settled",
    "measured_us.settled.buckets",
    "measured_us.settled.max",
    "measured_us.settled.mean",
    "measured_us.settled.p50",
    "measured_us.settled.p90",
    "measured_us.settled.p99",
    "measured_us.settled.p999",
    "mix",
    "mix.card_percent",
    "mix.coupon_percent",
    "orders",
    "orders_per_second",
    "outcomes",
    "over_time",
    "per_order",
    "per_order.bytes_written",
    "per_order.commits",
    "per_order.log_rows",
    "per_order.messages",
    "per_order.rows",
    "rate",
    "reasons",
    "refused_share",
    "rss_mb",
    "rss_mb.end",
    "rss_mb.peak",
    "rss_mb.start",
    "seconds",
    "seed",
    "settled_us",
    "settled_us.buckets",
    "settled_us.max",
    "settled_us.mean",
    "settled_us.p50",
    "settled_us.p90",
    "settled_us.p99",
    "settled_us.p999",
    "timing",
    "timing.expected_interval_us",
    "timing.from",
    "topology",
    "warm_up",
];

#[test]
fn a_stale_coupon_or_balance_is_refused_at_its_step_and_what_was_taken_is_given_back() {
    for (topology, _) in SHIPPED {
        let fail = ["--orders", "100", "--fail", "coupon=10", "--fail", "point=10", "--fail", "stock=10"];
        let result = bench(&[&fail[..], &["--direct", "--topology", topology]].concat());
        assert_eq!(result["topology"], *topology);
        let reasons = serde_json::json!({ "COUPON_INVALID": 10, "POINTS_SHORT": 10, "OUT_OF_STOCK": 10 });
        assert_eq!(result["reasons"], reasons, "{topology}");
        assert_eq!(result["failed_at_quote"], 0, "{topology}");
        // Steps that are decided as one have nothing to give back: if any refuses, none applies.
        let gives_back = *topology != "monolith";
        assert_eq!(result["compensations"].as_u64().unwrap() > 0, gives_back, "{topology}: {result}");
        assert_eq!(result["audit"]["clean"], true, "{topology}");
    }
}

#[test]
fn orders_of_an_open_loop_run_from_when_they_were_due() {
    let result = bench(&["--direct", "--orders", "60", "--rate", "2000", "--hot-sku"]);
    assert_eq!((&result["loop"], &result["rate"]), (&"open".into(), &2_000.into()));
    assert_eq!(result["timing"]["from"], "intended");
    assert_eq!(result["measured_us"], Value::Null, "nothing was corrected");
    assert_eq!(result["hot_sku"], true);
    // The last of sixty orders is due after 29.5 ms.
    assert!(result["seconds"].as_f64().unwrap() >= 0.0295, "{result}");
}

#[test]
fn a_shops_own_orders_are_placed_at_their_first_prices() {
    let ran = jumun(&["bench", "--json", "--direct", "--warm-up", "0", "--input", support::SAMPLE]);
    ran.check(0, &[]);
    let result: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(result["input"], support::SAMPLE);
    assert_eq!(result["outcomes"]["CONFIRMED"], result["orders"]);
}

#[test]
fn a_run_for_people_says_what_was_driven_and_ends_with_the_audit() {
    let args =
        ["bench", "--direct", "--orders", "50", "--warm-up", "0", "--users", "10", "--topology", "monolith"];
    check(
        &args,
        0,
        &["monolith, direct door, closed loop, 64 in flight", "orders/s", "until settled", "audit: clean"],
    );
}

const EMAIL: &str = "admin@example.com";
const PASSWORD: &str = "a long enough password";

/// What a bench says of a server that runs the topology.
async fn bench_of_a_server(topology: &str, args: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::parse(File {
        topology: topology.to_owned(),
        data: folder.path().join("data"),
        listen: ([127, 0, 0, 1], 0).into(),
        rate_limit: "off".to_owned(),
        admin_email: Some(EMAIL.to_owned()),
        admin_password: Some(Secret(PASSWORD.to_owned())),
        ..File::default()
    })
    .unwrap();
    let server = Server::start(&config, Domains::new(config.policies.clone())).await.unwrap();
    let (url, data) = (format!("http://{}", server.address()), config.file.data.to_str().unwrap());
    let small = ["bench", "--json", "--orders", "100", "--warm-up", "5", "--users", "3", "--products", "3"];
    let there = ["--url", &url, "--topology", topology, "--data", data];
    let mut command = command(&[&small[..], args, &there].concat());
    command.env("JUMUN_ADMIN_EMAIL", EMAIL).env("JUMUN_ADMIN_PASSWORD", PASSWORD);
    let ran = tokio::task::spawn_blocking(move || Ran::from(command.output().unwrap())).await.unwrap();
    server.stop().await;
    ran.check(0, &[]);
    let result: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&result["topology"], &result["door"]), (&topology.into(), &"http".into()));
    assert_eq!(result["audit"]["clean"], true);
    result
}

/// What is stale in one process cannot be made so in another: the quote refuses what it knows better.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_is_loaded_over_http_and_audited_beside_it() {
    let fail = ["--coupon", "10", "--fail", "stock=10", "--fail", "point=10", "--fail", "coupon=10"];
    let result = bench_of_a_server("monolith", &fail).await;
    let reasons = serde_json::json!({ "COUPON_INVALID": 10, "POINTS_SHORT": 10, "OUT_OF_STOCK": 10 });
    assert_eq!((&result["reasons"], &result["failed_at_quote"]), (&reasons, &20.into()));
    assert_eq!(result["per_order"]["commits"], Value::Null, "another process's are not known");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_waits_is_the_settled_orders() {
    let result = bench_of_a_server("seven-services", &["--wait", "60"]).await;
    assert_eq!(result["answer_us"], result["settled_us"]);
    assert_eq!(result["outcomes"], serde_json::json!({ "CONFIRMED": 100 }));
}

#[test]
fn a_bad_argument_is_named() {
    for (args, says) in [
        (&["--fail", "coupn=5"][..], "--fail"),
        (&["--fail", "stock"], "--fail"),
        (&["--fail", "stock=101"], "--fail"),
        (&["--fail", "stock=60", "--fail", "point=60"], "--fail"),
        (&["--fail", "stock=1", "--fail", "stock=2"], "--fail"),
        (&["--card", "101"], "--card"),
        (&["--coupon", "many"], "--coupon"),
        (&["--rate", "0"], "--rate"),
        (&["--clients", "0"], "--clients"),
        (&["--batch-cap", "0"], "--batch-cap"),
        (&["--users", "0"], "--users"),
        (&["--products", "0"], "--products"),
        (&["--orders", "0"], "--orders"),
        (&["--direct", "--url", "http://127.0.0.1:1"], "--url"),
        (&["--url", "ftp://127.0.0.1:1"], "--url"),
        (&["--input", "no-such-file.csv"], "--input"),
        (&["--input", support::SAMPLE, "--hot-sku"], "--hot-sku"),
        (&["--admin-email", "a@example.com"], "--url"),
        (&["--wait", "5"], "--url"),
    ] {
        check(&[&["bench"], args].concat(), 2, &[says]);
    }
}
