//! The demo is a promise: it tells only what it has checked, in every topology that ships.
#![expect(clippy::unwrap_used, reason = "a test's helpers, too")]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn demo(topology: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jumun"));
    command.args(["demo", "--topology", topology]);
    command
}

/// The whole story, told to a pipe.
fn check_story(topology: &str) {
    let output = demo(topology).arg("--exit").output().unwrap();
    let (told, log) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}\n{log}");
    for line in [
        "steps done: stock, coupon, points, payment 4",
        "the order is FAILED OUT_OF_STOCK",
        "the other is FAILED POINTS_SHORT",
        "the other is FAILED COUPON_INVALID",
        "the order is FAILED PAYMENT_DECLINED",
        "after the cancel the order is CANCELLED",
        "FAILED OUT_OF_STOCK 40",
        "lost: orders that answer a key and are not listed 0",
        "doubled: orders listed that answer no key 0",
        "exit code of the audit 0",
    ] {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.lines().any(|told| words(told) == format!("✓ {line}")), "no `{line}` in\n{told}");
    }
    assert!(told.contains(" claims held, in "), "{told}");
    assert!(!told.contains('\u{1b}'), "colours in a pipe: {told}");
    // The audit's own words are quoted as they are.
    let ours = told.lines().filter(|line| !line.starts_with("    audit:"));
    let widest = ours.max_by_key(|line| line.chars().count()).unwrap();
    assert!(widest.chars().count() <= 80, "wider than 80 columns: {widest}");
}

#[test]
fn the_story_holds_in_the_monolith() {
    check_story("monolith");
}

#[test]
fn the_story_holds_over_seven_services() {
    check_story("seven-services");
}

#[test]
fn the_story_holds_where_the_order_calls_each_step() {
    check_story("orchestrated-calls");
}

#[test]
fn the_story_holds_where_all_steps_hear_at_once() {
    check_story("choreographed-parallel");
}

#[test]
fn the_story_holds_where_two_halves_work_side_by_side() {
    check_story("validated-async");
}

#[test]
fn the_story_holds_where_the_order_commands_by_message() {
    check_story("orchestrated-messages");
}

/// Killed if the test fails before it has ended.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn ctrl_c_leaves_neither_a_server_nor_data_behind() {
    let mut running = Running(demo("monolith").stdout(Stdio::piped()).spawn().unwrap());
    let mut told = BufReader::new(running.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut last_word_of = |label: &str| {
        let line = told.find(|line| line.starts_with(&format!("    {label} "))).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    let url = last_word_of("best sellers");
    let data = last_word_of("data");
    let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    assert!(TcpStream::connect(address).is_ok() && Path::new(&data).is_dir());
    let interrupt = Command::new("kill").args(["-INT", &running.0.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let rest: Vec<String> = told.collect();
    assert_eq!(running.0.wait().unwrap().code(), Some(0), "{rest:?}");
    assert!(TcpStream::connect(address).is_err(), "the server is still up");
    assert!(!Path::new(&data).exists(), "the data are still there");
}

#[test]
fn an_unknown_topology_is_a_usage_error() {
    let output = demo("octolith").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("octolith"));
}
