//! `jumun compare`: what it takes, and what it refuses before any work is done.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers, too")]

mod support;

use support::{SAMPLE, check};

/// Refused as a slip of the pen, in words that name the flag.
#[track_caller]
fn refused(args: &[&str], says: &[&str]) {
    let ran = check(&[&["compare"], args].concat(), 2, says);
    assert!(ran.stdout.is_empty(), "{ran:#?}");
}

#[test]
fn compare_explains_itself() {
    let help = check(&["compare", "--help"], 0, &["Usage: jumun compare"]).stdout;
    let words: Vec<&str> = help.split_whitespace().collect();
    assert!(words.join(" ").contains("Exit code 1 if an audit finds anything"), "{help}");
}

#[test]
fn what_cannot_be_compared_is_refused_before_any_work() {
    refused(&["--topologies", "monolith,nowhere"], &["--topologies", "`nowhere`", "seven-services"]);
    refused(&["--topologies", "monolith,monolith"], &["--topologies: monolith is named twice"]);
    refused(&["--report", "no/such/folder/report.html"], &["--report", "there is no folder no/such/folder"]);
    refused(&["--report", "."], &["--report", "name the file"]);
    refused(&["--rounds", "0"], &["--rounds"]);
    refused(&["--fail", "stock"], &["--fail", "STEP=PERCENT"]);
    refused(&["--fail", "stock=101"], &["--fail", "1 to 100"]);
    refused(&["--fail", "stock=5", "--fail", "stock=6"], &["--fail stock: given twice"]);
    refused(&["--fail", "stock=60", "--fail", "point=60"], &["--fail: 120 % of orders cannot fail"]);
    refused(&["--card", "101"], &["--card"]);
    refused(&["--orders", "0"], &["--orders"]);
    refused(&["--hot-sku", "--input", "x.csv"], &["--hot-sku", "--input"]);
}

/// Few orders, compared in a folder of their own: the JSON result, and the report.
fn compared(args: &[&str]) -> (serde_json::Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    let small = ["compare", "--json", "--warm-up", "5", "--clients", "8", "--report", file.to_str().unwrap()];
    let ran = check(&[&small[..], args].concat(), 0, &[]);
    (serde_json::from_str(&ran.stdout).unwrap(), std::fs::read_to_string(file).unwrap())
}

#[test]
fn every_topology_does_the_same_work_in_every_round() {
    let (result, page) = compared(&[
        "--topologies",
        "monolith,choreographed-parallel",
        "--rounds",
        "2",
        "--direct",
        "--orders",
        "50",
        "--users",
        "10",
        "--products",
        "5",
        "--seed",
        "7",
        "--card",
        "40",
        "--fail",
        "stock=10",
        "--fail",
        "payment=10",
    ]);
    let topologies = result["topologies"].as_array().unwrap();
    let names: Vec<&str> = topologies.iter().map(|entry| entry["topology"].as_str().unwrap()).collect();
    assert_eq!(names, ["monolith", "choreographed-parallel"]);
    let rounds: Vec<&serde_json::Value> =
        topologies.iter().flat_map(|entry| entry["rounds"].as_array().unwrap()).collect();
    assert_eq!(rounds.len(), 4);
    for round in &rounds {
        assert_eq!(round["seed"], 7, "{round}");
        assert_eq!(round["outcomes"], rounds[0]["outcomes"], "{round}");
        assert_eq!(round["reasons"], rounds[0]["reasons"], "{round}");
        assert_eq!(round["audit"]["clean"], true, "{round}");
    }
    assert!(rounds[0]["reasons"]["OUT_OF_STOCK"].as_u64().is_some_and(|count| count > 0), "{}", rounds[0]);
    assert!(page.contains("Two topologies, the same 50 orders"), "{page}");
    assert!(page.contains("order.placed"), "no message flow in {page}");
}

#[test]
fn a_shops_own_history_can_be_the_work() {
    let (result, page) = compared(&["--topologies", "seven-services", "--direct", "--input", SAMPLE]);
    assert_eq!(result["topologies"][0]["rounds"][0]["input"], SAMPLE);
    assert!(page.contains(&format!("as in {SAMPLE}")), "{page}");
}
