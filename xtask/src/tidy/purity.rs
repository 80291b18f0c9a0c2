//! The kernel and the domains decide over values: nothing they are built from, and nothing they call, reads a clock,
//! draws randomness, or touches the world. No domain sees another.

use std::collections::{BTreeMap, VecDeque};

use super::Finding;
use super::graph::{DOMAINS, Graph, KERNEL};
use super::mentions::{self, Mention};
use super::sources::Source;

/// Crates that do I/O, tell the time, draw randomness or share state. `uuid` may be there, for ids as values.
const IMPURE_CRATES: &[&str] = &[
    "axum",
    "hyper",
    "parking_lot",
    "rand",
    "rdkafka",
    "redis",
    "reqwest",
    "rusqlite",
    "sqlx",
    "tokio",
    "tracing",
];

const IMPURE_MODULES: &[&str] = &[
    "rand",
    "std::env",
    "std::fs",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
];

const IMPURE_CALLS: &[&str] =
    &["Instant::now", "SystemTime::now", "Timestamp::now", "Uuid::new_v4", "Uuid::now_v7", "Zoned::now"];

const IMPURE_MACROS: &[&str] = &["dbg!", "eprint!", "eprintln!", "print!", "println!"];

/// Judges what the pure crates are built from, through any number of crates between.
pub(super) fn check_closures(graph: &Graph) -> Vec<Finding> {
    let pure = std::iter::once(&KERNEL).chain(DOMAINS);
    pure.flat_map(|name| check_closure(graph, name)).collect()
}

fn check_closure(graph: &Graph, name: &str) -> Vec<Finding> {
    let Some(member) = graph.members.get(name) else {
        let message = format!("there is no crate {name}; the purity check in xtask expects one");
        return vec![Finding::new("Cargo.toml", 1, message)];
    };
    let manifest = member.manifest();
    let mut findings = Vec::new();
    for (reached, path) in closure(graph, name) {
        if IMPURE_CRATES.contains(&reached) {
            let message = format!("a pure crate is built from {reached}: {}", path.join(" -> "));
            findings.push(Finding::new(&manifest, 1, message));
        }
        if reached != name && DOMAINS.contains(&reached) {
            findings.push(Finding::new(
                &manifest,
                1,
                format!("{name} sees the domain {reached}: {}", path.join(" -> ")),
            ));
        }
    }
    findings
}

/// Everything that a crate is built from, each with a shortest way to it.
fn closure<'g>(graph: &'g Graph, name: &'g str) -> BTreeMap<&'g str, Vec<&'g str>> {
    let mut ways = BTreeMap::from([(name, vec![name])]);
    let mut waiting = VecDeque::from([name]);
    while let Some(current) = waiting.pop_front() {
        let way = ways.get(current).cloned().unwrap_or_default();
        for next in graph.built_from.get(current).into_iter().flatten() {
            if !ways.contains_key(next.as_str()) {
                ways.insert(next, way.iter().copied().chain([next.as_str()]).collect());
                waiting.push_back(next);
            }
        }
    }
    ways
}

/// Judges what a pure crate's code, its unit tests included, mentions.
pub(super) fn check_source(source: &Source) -> Vec<Finding> {
    let impure = mentions::of(&source.ast).into_iter().filter(is_impure);
    let report = |mention: Mention| {
        Finding::new(&source.path, mention.line, format!("a pure crate mentions {}", mention.path))
    };
    impure.map(report).collect()
}

fn is_impure(mention: &Mention) -> bool {
    // A lone `rand` in the code is some local's name; the crate is only meant by a path into it.
    let within = |path: &str| mention.is_within(path) && (mention.import || mention.path != path);
    IMPURE_MODULES.iter().any(|path| within(path))
        || IMPURE_CALLS.iter().any(|call| mention.ends_with(call))
        || IMPURE_MACROS.iter().any(|name| mention.ends_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, expected: &[&str]) {
        let source = Source::parse("crates/order/src/lib.rs", code).unwrap();
        let found: Vec<String> =
            check_source(&source).iter().map(|found| format!("{}: {}", found.line, found.message)).collect();
        assert_eq!(found, expected, "{code}");
    }

    fn check_graph(crates: &[(&str, &[&str])], expected: &[&str]) {
        let mut all: Vec<(&str, &[&str])> =
            std::iter::once(&KERNEL).chain(DOMAINS).map(|name| (*name, &[] as &[&str])).collect();
        all.extend(crates);
        let found: Vec<String> = check_closures(&Graph::of(&all)).iter().map(Finding::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn values_and_passed_in_time_are_pure() {
        check("use std::collections::BTreeMap;\nfn decide(now: Instant, rand: u64) -> u64 { rand }", &[]);
        check(
            "/// Never calls Instant::now().\nfn id(id: uuid::Uuid) -> String { format!(\"println! {id}\") }",
            &[],
        );
    }

    #[test]
    fn clocks_are_impure_however_they_are_named() {
        check(
            "use std::time::Instant as Clock;\nfn f() {\n Clock::now(); }",
            &["3: a pure crate mentions std::time::Instant::now"],
        );
        check("fn f() { jiff::Timestamp::now(); }", &["1: a pure crate mentions jiff::Timestamp::now"]);
    }

    #[test]
    fn random_ids_are_impure_in_unit_tests_too() {
        check(
            "#[cfg(test)]\nmod tests {\n fn f() { assert_ne!(Uuid::new_v4(), Uuid::now_v7()); } }",
            &["3: a pure crate mentions Uuid::new_v4", "3: a pure crate mentions Uuid::now_v7"],
        );
    }

    #[test]
    fn the_world_is_impure() {
        check(
            "use std::{fs, thread::spawn};",
            &["1: a pure crate mentions std::fs", "1: a pure crate mentions std::thread::spawn"],
        );
        check(
            "fn f() {\n println!();\n rand::random() }",
            &["2: a pure crate mentions println!", "3: a pure crate mentions rand::random"],
        );
    }

    #[test]
    fn pure_dependencies_pass_at_any_depth() {
        check_graph(
            &[
                ("jumun-order", &["jumun-kernel", "uuid"]),
                ("uuid", &["getrandom"]),
                ("jumun-store", &["tokio"]),
            ],
            &[],
        );
    }

    #[test]
    fn an_impure_dependency_is_named_with_the_way_to_it() {
        check_graph(
            &[("jumun-order", &["handy"]), ("handy", &["tokio"])],
            &["crates/order/Cargo.toml:1: a pure crate is built from tokio: jumun-order -> handy -> tokio"],
        );
    }

    #[test]
    fn domains_do_not_see_each_other() {
        check_graph(
            &[("jumun-order", &["jumun-payment"])],
            &[
                "crates/order/Cargo.toml:1: jumun-order sees the domain jumun-payment: jumun-order -> jumun-payment",
            ],
        );
    }

    #[test]
    fn a_pure_crate_that_is_gone_is_reported_rather_than_skipped() {
        let found = check_closures(&Graph::default());
        assert_eq!(found.len(), DOMAINS.len() + 1);
    }
}
