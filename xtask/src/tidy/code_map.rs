//! ARCHITECTURE.md says of every crate what it is for.

use std::collections::BTreeSet;

use super::tree::Tree;
use super::{ARCHITECTURE, Finding};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.get(ARCHITECTURE) else {
        // The edge table's check reports a page that is not there.
        return Vec::new();
    };
    let crates =
        tree.iter().filter_map(|(path, _)| path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"));
    let directories: BTreeSet<&str> = crates.filter(|directory| !directory.contains('/')).collect();
    let unnamed = directories.into_iter().filter(|directory| !names(page, directory));
    unnamed
        .map(|directory| Finding::new(ARCHITECTURE, 1, format!("does not name crates/{directory}")))
        .collect()
}

/// Whether the page has the crate's directory, as `crates/order`, as `order/` in a drawn tree, or in backticks. The edge
/// table does not count: it says what a crate uses, not what it is.
fn names(page: &str, directory: &str) -> bool {
    let prose = page.lines().filter(|line| !line.starts_with('|'));
    let forms = [format!("crates/{directory}"), format!("{directory}/"), format!("`{directory}`")];
    prose.into_iter().any(|line| forms.iter().any(|form| stands_alone(line, form)))
}

/// Whether the form occurs with no letter, digit, `-` or `_` going on at either end.
fn stands_alone(line: &str, form: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let mut places = line.match_indices(form);
    places.any(|(at, _)| {
        let after = &line[at + form.len()..];
        // Past a `/`, whatever follows is inside the directory.
        !line[..at].ends_with(goes_on) && (form.ends_with('/') || !after.starts_with(goes_on))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(page: &str, expected: &[&str]) {
        let tree =
            Tree::of(&[(ARCHITECTURE, page), ("crates/order/Cargo.toml", ""), ("crates/pg/Cargo.toml", "")]);
        let found = super::check(&tree);
        assert_eq!(found.iter().map(|found| found.message.as_str()).collect::<Vec<_>>(), expected, "{page}");
    }

    #[test]
    fn a_crate_may_be_named_in_prose_or_in_a_drawn_tree() {
        check("`crates/order` decides.\n```\n  pg/   gateways\n```", &[]);
        check("### crates/order\n\nAsk `pg`.", &[]);
    }

    #[test]
    fn a_crate_that_is_not_named_is_missing() {
        check(
            "crates/order-book and the pg crate",
            &["does not name crates/order", "does not name crates/pg"],
        );
    }

    #[test]
    fn a_row_of_the_edge_table_is_not_enough() {
        check("crates/pg\n| `order` | `kernel` |", &["does not name crates/order"]);
    }
}
