//! `cargo xtask tidy`: the checks that are this project's own, each in one file, each a function from data to
//! [`Finding`]s. It reads the files git knows or would add, and the crate graph that cargo resolved.

mod banned;
mod claims;
mod code_map;
mod dead_files;
mod edges;
mod graph;
mod length;
mod machine_paths;
mod mentions;
mod modules;
mod purity;
mod sources;
mod test_code;
mod tree;

use std::collections::BTreeSet;
use std::fmt;
use std::process::ExitCode;

use anyhow::Result;

use crate::run;
use graph::Graph;
use sources::Sources;
use tree::Tree;

/// The page that says what may depend on what, and where everything is.
const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// Something that a review would ask to change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// Path from the workspace root, with `/` between its parts.
    file: String,
    /// Counted from 1.
    line: usize,
    message: String,
}

impl Finding {
    fn new(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// Prints every finding as `file:line: message`; fails if there is one.
pub(crate) fn run() -> Result<ExitCode> {
    let root = run::root()?;
    let tree = Tree::load(root)?;
    let graph = Graph::load(root)?;
    let findings = check(&tree, &graph);
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("tidy: {} to fix", findings.len());
    Ok(ExitCode::FAILURE)
}

fn check(tree: &Tree, graph: &Graph) -> BTreeSet<Finding> {
    let (sources, mut findings) = Sources::parse(tree);
    let reached = modules::reached(&graph.roots(), &sources);
    findings.extend(edges::check(tree, graph));
    findings.extend(purity::check_closures(graph));
    findings.extend(dead_files::check_rust(tree, graph, &reached));
    findings.extend(dead_files::check_docs(tree));
    findings.extend(machine_paths::check(tree));
    findings.extend(code_map::check(tree));
    findings.extend(claims::check(tree));
    for source in sources.iter() {
        let tests = test_code::TestLines::of(source, reached.is_test(&source.path));
        findings.extend(length::check(source, &tests));
        findings.extend(banned::check(source, &tests));
        if graph.is_pure_source(&source.path) {
            findings.extend(purity::check_source(source));
        }
    }
    findings.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use graph::{DOMAINS, KERNEL};

    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let pure = std::iter::once(&KERNEL).chain(DOMAINS);
        let crates: Vec<(&str, &[&str])> = pure.map(|name| (*name, &[] as &[&str])).collect();
        let mut graph = Graph::of(&crates);
        for member in graph.members.values_mut() {
            let path = format!("{}/src/lib.rs", member.directory);
            member.roots.push(modules::Root { path, test: false });
        }
        let rows: String = crates.iter().map(|(name, _)| format!("| {name} | — |\n")).collect();
        let page =
            format!("<!-- edges:begin -->\n| crate | may use |\n|---|---|\n{rows}<!-- edges:end -->\n");
        let tree = Tree::of(&[files, &[(ARCHITECTURE, page.as_str())]].concat());
        let found: Vec<String> = super::check(&tree, &graph).iter().map(Finding::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_clean_tree_has_nothing_to_fix() {
        check(
            &[("crates/order/src/lib.rs", "//! Orders.\nmod decide;"), ("crates/order/src/decide.rs", "")],
            &[],
        );
    }

    #[test]
    fn findings_of_every_check_come_sorted_by_place() {
        check(
            &[
                ("crates/order/src/decide.rs", "fn f() {\n  std::time::Instant::now();\n  todo!() }"),
                ("crates/order/src/lib.rs", "mod decide;\n#[cfg(test)]\nmod tests;"),
                ("crates/order/src/old.rs", ""),
                ("crates/order/src/tests.rs", "#[test]\n#[ignore]\nfn f() { tokio::time::sleep(x); }"),
            ],
            &[
                "crates/order/src/decide.rs:2: a pure crate mentions std::time::Instant::now",
                "crates/order/src/decide.rs:3: todo! is unfinished code",
                "crates/order/src/old.rs:1: no `mod` declaration leads to this file",
                "crates/order/src/tests.rs:2: a test is switched off: mend it or delete it",
                "crates/order/src/tests.rs:3: a test calls tokio::time::sleep: wait on the condition, or pause the clock",
            ],
        );
    }
}
