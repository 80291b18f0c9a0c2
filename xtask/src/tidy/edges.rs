//! Every edge between the workspace's crates stands in the table of ARCHITECTURE.md, and the table holds no other:
//! a new edge is a visible decision.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, Member};
use super::tree::Tree;
use super::{ARCHITECTURE, Finding};

const BEGIN: &str = "<!-- edges:begin -->";
const END: &str = "<!-- edges:end -->";

pub(super) fn check(tree: &Tree, graph: &Graph) -> Vec<Finding> {
    let mut findings = cycles(graph);
    let Some(page) = tree.get(ARCHITECTURE) else {
        findings.push(Finding::new(ARCHITECTURE, 1, "is missing; it holds the table of crate edges"));
        return findings;
    };
    match Table::parse(page) {
        Ok(table) => findings.extend(table.compare(tree, graph)),
        Err(finding) => findings.push(finding),
    }
    findings
}

/// The table: each crate's row, by its name without the project's prefix.
struct Table {
    rows: BTreeMap<String, Row>,
    end: usize,
}

struct Row {
    line: usize,
    may_use: BTreeSet<String>,
}

impl Table {
    fn parse(page: &str) -> Result<Self, Finding> {
        let lines: Vec<&str> = page.lines().map(str::trim).collect();
        let position = |marker: &str| lines.iter().position(|line| *line == marker);
        let (Some(begin), Some(end)) = (position(BEGIN), position(END)) else {
            return Err(Finding::new(
                ARCHITECTURE,
                1,
                format!("has no crate table between {BEGIN} and {END}"),
            ));
        };
        let mut table = Self { rows: BTreeMap::new(), end: end + 1 };
        let numbered = lines.iter().zip(1..).take(end).skip(begin + 1);
        // The first two rows are the heading and the rule under it.
        for (row, line) in numbered.filter(|(line, _)| line.starts_with('|')).skip(2) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [name, may_use] = cells.as_slice() else {
                return Err(Finding::new(
                    ARCHITECTURE,
                    line,
                    "a row of the crate table is `| crate | may use |`",
                ));
            };
            let row = Row { line, may_use: may_use.split(',').filter_map(named).collect() };
            let Some(name) = named(name) else {
                return Err(Finding::new(ARCHITECTURE, line, "this row of the crate table names no crate"));
            };
            if table.rows.insert(name.clone(), row).is_some() {
                return Err(Finding::new(
                    ARCHITECTURE,
                    line,
                    format!("{name} has two rows in the crate table"),
                ));
            }
        }
        Ok(table)
    }

    fn compare(&self, tree: &Tree, graph: &Graph) -> Vec<Finding> {
        let mut findings = Vec::new();
        let short_names: BTreeSet<&str> = graph.members.keys().map(|name| short(name)).collect();
        for (name, member) in &graph.members {
            let Some(row) = self.rows.get(short(name)) else {
                findings.push(Finding::new(
                    ARCHITECTURE,
                    self.end,
                    format!("{name} has no row in the crate table"),
                ));
                continue;
            };
            let real: BTreeSet<&str> = member.uses.iter().map(|used| short(used)).collect();
            for used in real.iter().filter(|used| !row.may_use.contains(**used)) {
                let line = declaration(tree, member, used);
                let message = format!("edge {} -> {used} is not in the table of {ARCHITECTURE}", short(name));
                findings.push(Finding::new(&member.manifest(), line, message));
            }
            for listed in row.may_use.iter().filter(|listed| !real.contains(listed.as_str())) {
                let message = format!("edge {} -> {listed} is listed but does not exist", short(name));
                findings.push(Finding::new(ARCHITECTURE, row.line, message));
            }
        }
        for (name, row) in self.rows.iter().filter(|(name, _)| !short_names.contains(name.as_str())) {
            findings.push(Finding::new(ARCHITECTURE, row.line, format!("there is no crate {name}")));
        }
        findings
    }
}

/// The crate that a cell's text names; none for an empty cell or a dash.
fn named(text: &str) -> Option<String> {
    let name = text.trim().trim_matches('`');
    (!matches!(name, "" | "-" | "–" | "—" | "none" | "nothing")).then(|| short(name).to_owned())
}

/// The table may say `kernel` for `jumun-kernel`.
fn short(name: &str) -> &str {
    name.strip_prefix("jumun-").unwrap_or(name)
}

/// The manifest's line that declares the dependency, as near as its text tells.
fn declaration(tree: &Tree, member: &Member, used: &str) -> usize {
    let manifest = tree.get(&member.manifest()).unwrap_or_default();
    let declares = |line: &str| short(line.trim_start()).starts_with(used);
    manifest.lines().position(declares).map_or(1, |index| index + 1)
}

/// No crate may need itself, not even through what tests need.
fn cycles(graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut done = BTreeSet::new();
    for name in graph.members.keys() {
        follow(graph, name, &mut Vec::new(), &mut done, &mut findings);
    }
    findings
}

fn follow<'g>(
    graph: &'g Graph,
    name: &'g str,
    path: &mut Vec<&'g str>,
    done: &mut BTreeSet<&'g str>,
    findings: &mut Vec<Finding>,
) {
    let Some(member) = graph.members.get(name) else {
        return;
    };
    if let Some(start) = path.iter().position(|visited| *visited == name) {
        let message = format!("crates need each other: {} -> {name}", path[start..].join(" -> "));
        findings.push(Finding::new(&member.manifest(), 1, message));
        return;
    }
    if done.contains(name) {
        return;
    }
    path.push(name);
    for used in member.uses.iter().chain(&member.dev_uses) {
        follow(graph, used, path, done, findings);
    }
    path.pop();
    done.insert(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# Map\n<!-- edges:begin -->\n| crate | may use |\n|---|---|\n| `kernel` | — |\n\
                         | `jumun-order` | `kernel` |\n<!-- edges:end -->\n";

    fn check(page: &str, graph: &Graph, expected: &[&str]) {
        let manifest = "[dependencies]\nserde.workspace = true\nkernel.workspace = true\n";
        let tree = Tree::of(&[(ARCHITECTURE, page), ("crates/order/Cargo.toml", manifest)]);
        let found: Vec<String> = super::check(&tree, graph).iter().map(Finding::to_string).collect();
        assert_eq!(found, expected);
    }

    fn graph() -> Graph {
        Graph::of(&[("jumun-kernel", &["serde"]), ("jumun-order", &["jumun-kernel"])])
    }

    #[test]
    fn a_table_that_is_the_graph_passes() {
        check(TABLE, &graph(), &[]);
    }

    #[test]
    fn an_unlisted_edge_is_named_where_it_is_declared() {
        let page = TABLE.replace("| `kernel` |\n", "| |\n");
        check(
            &page,
            &graph(),
            &["crates/order/Cargo.toml:3: edge order -> kernel is not in the table of ARCHITECTURE.md"],
        );
    }

    #[test]
    fn a_listed_edge_must_exist() {
        let page = TABLE.replace("| — |", "| order |");
        check(&page, &graph(), &["ARCHITECTURE.md:5: edge kernel -> order is listed but does not exist"]);
    }

    #[test]
    fn every_crate_has_a_row_and_every_row_a_crate() {
        let page = TABLE.replace("| `kernel` | — |", "| kernal | — |");
        check(
            &page,
            &graph(),
            &[
                "ARCHITECTURE.md:7: jumun-kernel has no row in the crate table",
                "ARCHITECTURE.md:5: there is no crate kernal",
            ],
        );
    }

    #[test]
    fn the_table_must_be_there() {
        check(
            "# Map\n",
            &graph(),
            &["ARCHITECTURE.md:1: has no crate table between <!-- edges:begin --> and <!-- edges:end -->"],
        );
        let found = super::check(&Tree::of(&[]), &graph());
        assert_eq!(found[0].to_string(), "ARCHITECTURE.md:1: is missing; it holds the table of crate edges");
    }

    #[test]
    fn a_cycle_through_tests_is_named() {
        let mut graph = graph();
        graph.members.get_mut("jumun-kernel").unwrap().dev_uses.insert("jumun-order".to_owned());
        check(
            TABLE,
            &graph,
            &[
                "crates/kernel/Cargo.toml:1: crates need each other: jumun-kernel -> jumun-order -> jumun-kernel",
            ],
        );
    }
}
