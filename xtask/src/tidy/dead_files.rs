//! Every source file is compiled, and every page can be found by following links.

use std::collections::BTreeSet;

use super::Finding;
use super::graph::Graph;
use super::modules::{self, Reached};
use super::tree::Tree;

/// Judges the Rust files under each crate's `src`.
pub(super) fn check_rust(tree: &Tree, graph: &Graph, reached: &Reached) -> Vec<Finding> {
    let directories: Vec<String> =
        graph.members.values().map(|member| format!("{}/src/", member.directory)).collect();
    let ours =
        |path: &str| path.ends_with(".rs") && directories.iter().any(|directory| path.starts_with(directory));
    let dead = tree.iter().filter(|(path, _)| ours(path) && !reached.contains(path));
    dead.map(|(path, _)| Finding::new(path, 1, "no `mod` declaration leads to this file")).collect()
}

/// Judges the pages under `docs`, once there is a README to start reading from.
pub(super) fn check_docs(tree: &Tree) -> Vec<Finding> {
    if tree.get("README.md").is_none() {
        return Vec::new();
    }
    let is_page = |path: &str| path.starts_with("docs/") && path.ends_with(".md");
    let links_out = |path: &str| is_page(path) || path == "README.md" || path == super::ARCHITECTURE;
    let linking = tree.iter().filter(|(path, _)| links_out(path));
    let linked: BTreeSet<String> = linking.flat_map(|(path, text)| links(path, text)).collect();
    let lost = tree.iter().filter(|(path, _)| is_page(path) && !linked.contains(*path));
    lost.map(|(path, _)| Finding::new(path, 1, "no page links here")).collect()
}

/// The files that a page links to, in the `[text](target)` and the `[name]: target` form; never itself.
fn links(page: &str, text: &str) -> Vec<String> {
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ', '\n']).next());
    let named = text.lines().filter_map(|line| line.trim_start().strip_prefix('[')?.split_once("]: "));
    let named = named.map(|(_, target)| target.trim());
    let targets = inline.chain(named).filter_map(|target| target.split('#').next());
    let files = targets.filter(|target| !target.is_empty() && !target.contains("://"));
    let files = files.map(|target| modules::join(modules::parent(page), target));
    files.filter(|target| target != page).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::modules::Root;
    use crate::tidy::sources::Sources;

    fn check_docs(files: &[(&str, &str)], expected: &[&str]) {
        let found = super::check_docs(&Tree::of(files));
        assert_eq!(found.iter().map(Finding::to_string).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_source_file_that_no_module_declares_is_dead() {
        let tree = Tree::of(&[
            ("crates/order/src/lib.rs", "mod live;"),
            ("crates/order/src/live.rs", ""),
            ("crates/order/src/dead.rs", ""),
            ("crates/order/tests/data/sample.rs", ""),
        ]);
        let roots = [Root { path: "crates/order/src/lib.rs".to_owned(), test: false }];
        let reached = modules::reached(&roots, &Sources::parse(&tree).0);
        let found = check_rust(&tree, &Graph::of(&[("jumun-order", &[])]), &reached);
        let found: Vec<String> = found.iter().map(Finding::to_string).collect();
        assert_eq!(found, ["crates/order/src/dead.rs:1: no `mod` declaration leads to this file"]);
    }

    #[test]
    fn pages_are_found_through_any_form_of_link() {
        check_docs(
            &[
                ("README.md", "[a](docs/a.md#part), [b][b]\n\n[b]: ./docs/b.md\n"),
                ("docs/a.md", "see [c](adr/c.md \"the decision\")"),
                ("docs/adr/c.md", "back to [d](../d.md)"),
                ("docs/b.md", ""),
                ("docs/d.md", ""),
            ],
            &[],
        );
    }

    #[test]
    fn a_page_that_only_itself_links_to_is_lost() {
        check_docs(
            &[("README.md", "docs/a.md"), ("docs/a.md", "[me](a.md)")],
            &["docs/a.md:1: no page links here"],
        );
    }

    #[test]
    fn without_a_readme_there_is_nowhere_to_start() {
        check_docs(&[("docs/a.md", "")], &[]);
    }
}
