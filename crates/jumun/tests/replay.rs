//! `jumun replay`: every row of a history accounted for, in every topology, in process and over HTTP.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers, too")]

mod support;

use jumun::config::{Config, File, Secret};
use jumun::shop::Domains;
use jumun::{Server, topologies};
use std::path::{Path, PathBuf};
use support::{Ran, SAMPLE, check, command};

const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

/// A history of these rows.
fn history(folder: &Path, rows: &[&str]) -> PathBuf {
    let file = folder.join("history.csv");
    std::fs::write(&file, format!("{HEADER}\n{}\n", rows.join("\n"))).unwrap();
    file
}

/// What every replay of the sample must say, wherever it ran.
const SAMPLE_SAYS: &[&str] = &[
    "rows: 123 = 104 in orders + 6 in cancels + 13 reported",
    "orders: 40 (2 CANCELLED, 38 CONFIRMED)",
    "revenue: 8,834.65 GBP, units sold: 851",
    "1   TEA-BORI     88    88",
    "best sellers agree with the file on 18 SKUs",
    "line 38: in an extra order: invoice 900114 sells FAN-LOTUS at another price before",
];

#[test]
fn the_sample_is_accounted_for_row_by_row_and_audited_clean_in_every_topology() {
    for (topology, _) in topologies::SHIPPED {
        let ran = check(&["replay", SAMPLE, "--topology", topology], 0, SAMPLE_SAYS);
        assert!(ran.stdout.contains("audit: clean — 40 final orders"), "{topology}: {}", ran.stdout);
        assert!(!ran.stdout.contains("WRONG"), "{topology}: {}", ran.stdout);
    }
}

#[test]
fn every_kind_of_odd_row_is_reported_with_its_line_and_changes_no_exit_code() {
    let ran = check(&["replay", SAMPLE, "--topology", "monolith"], 0, &[]);
    let reasons = [
        "missing_field",
        "bad_number",
        "too_many_decimals",
        "bad_date",
        "bad_debt_adjustment",
        "zero_quantity",
        "negative_quantity",
        "negative_quantity",
        "positive_quantity_on_cancel",
        "zero_price",
        "negative_price",
        "too_large",
        "unmatched_cancel",
    ];
    for (line, reason) in (46..).zip(reasons) {
        assert!(ran.stdout.contains(&format!("line {line}: {reason}: ")), "{reason}: {}", ran.stdout);
    }
}

#[test]
fn a_file_that_is_no_history_is_an_error_that_names_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = history(folder.path(), &["1,S,Tea,1,12/1/2010 8:26,1,7,KR", "2,S,Tea"]);
    check(&["replay", file.to_str().unwrap()], 2, &["history.csv: line 3: 3 fields where the header has 8"]);
    let missing = folder.path().join("missing.csv");
    check(&["replay", missing.to_str().unwrap()], 2, &["missing.csv: No such file"]);
}

#[test]
fn prices_with_more_decimals_than_the_currency_has_come_with_a_hint() {
    let says = &["orders: 0 ()", "give the file's --currency"];
    let folder = tempfile::tempdir().unwrap();
    let file = history(folder.path(), &["1,S,Tea,1,12/1/2010 8:26,1.25,7,KR"]);
    check(&["replay", file.to_str().unwrap(), "--currency", "KRW", "--topology", "monolith"], 0, says);
}

#[test]
fn an_order_that_the_shop_does_not_take_is_found_wanting() {
    let folder = tempfile::tempdir().unwrap();
    let rows = ["1,S,Tea,1000001,12/1/2010 8:26,1,7,KR", "2,S,Tea,2,12/1/2010 8:26,1,7,KR"];
    let file = history(folder.path(), &rows);
    let says = &[
        "orders: 2 (1 CONFIRMED, 1 NOT PLACED)",
        "WRONG invoice 1, customer 7: no order was made: QUANTITY_INVALID: at most 1000000 of one product",
        "best sellers agree",
        "audit: clean",
    ];
    check(&["replay", file.to_str().unwrap(), "--topology", "monolith"], 1, says);
}

#[test]
fn a_folder_is_kept_and_can_be_replayed_onto_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let first = check(&["replay", SAMPLE, "--data", data], 0, SAMPLE_SAYS);
    assert!(first.stdout.contains("(shown this once)"), "{}", first.stdout);
    let second = check(&["replay", SAMPLE, "--data", data], 0, SAMPLE_SAYS);
    assert!(second.stdout.contains("audit: clean — 80 final orders"), "{}", second.stdout);
    assert!(!second.stdout.contains("administrator"), "{}", second.stdout);
}

const EMAIL: &str = "admin@example.test";
const PASSWORD: &str = "only-for-this-test";

/// Replays the sample onto the server at `url`, as an administrator with this password.
async fn replay_onto(url: String, password: &'static str, more: &[&str]) -> Ran {
    let args = [&["replay", SAMPLE, "--url", &url], more].concat();
    let mut command = command(&args);
    command.env("JUMUN_ADMIN_EMAIL", EMAIL).env("JUMUN_ADMIN_PASSWORD", password);
    tokio::task::spawn_blocking(move || Ran::from(command.output().unwrap())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_is_replayed_onto_over_http_and_audited_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::parse(File {
        data: folder.path().join("data"),
        listen: ([127, 0, 0, 1], 0).into(),
        currency: "GBP".to_owned(),
        rate_limit: "off".to_owned(),
        admin_email: Some(EMAIL.to_owned()),
        admin_password: Some(Secret(PASSWORD.to_owned())),
        ..File::default()
    })
    .unwrap();
    let server = Server::start(&config, Domains::new(config.policies.clone())).await.unwrap();
    let url = || format!("http://{}", server.address());
    let data = config.file.data.to_str().unwrap();

    let ran = replay_onto(url(), PASSWORD, &[]).await;
    ran.check(0, SAMPLE_SAYS);
    ran.check(0, &["audit: not done here"]);
    let ran = replay_onto(url(), PASSWORD, &["--data", data]).await;
    ran.check(0, &["audit: clean — 80 final orders"]);
    replay_onto(url(), "another", &[]).await.check(2, &["the administrator", "401 INVALID_CREDENTIALS"]);
    replay_onto(url(), PASSWORD, &["--currency", "EUR"]).await.check(2, &["the server's currency is"]);
    server.stop().await;
}

#[test]
fn without_credentials_a_server_is_not_asked() {
    check(&["replay", SAMPLE, "--url", "http://127.0.0.1:9"], 2, &["JUMUN_ADMIN_EMAIL"]);
}
