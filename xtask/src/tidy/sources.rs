//! The Rust files, parsed.

use std::collections::BTreeMap;

use super::Finding;
use super::tree::Tree;

/// One parsed Rust file.
pub(super) struct Source {
    pub(super) path: String,
    /// Kept beside the syntax tree because the tree holds no comments.
    pub(super) text: String,
    pub(super) ast: syn::File,
}

impl Source {
    pub(super) fn parse(path: &str, text: &str) -> Result<Self, Finding> {
        let ast = syn::parse_file(text).map_err(|error| {
            Finding::new(path, error.span().start().line, format!("does not parse as Rust: {error}"))
        })?;
        Ok(Self { path: path.to_owned(), text: text.to_owned(), ast })
    }

    /// A line of the text, counted from 1; nothing outside the file.
    pub(super) fn line(&self, number: usize) -> &str {
        number.checked_sub(1).and_then(|index| self.text.lines().nth(index)).unwrap_or_default()
    }
}

/// Every Rust file that parses, by path.
#[derive(Default)]
pub(super) struct Sources {
    by_path: BTreeMap<String, Source>,
}

impl Sources {
    /// Parses the tree's Rust files; one that does not parse is a finding.
    pub(super) fn parse(tree: &Tree) -> (Self, Vec<Finding>) {
        let mut sources = Self::default();
        let mut findings = Vec::new();
        for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".rs")) {
            match Source::parse(path, text) {
                Ok(source) => drop(sources.by_path.insert(path.to_owned(), source)),
                Err(finding) => findings.push(finding),
            }
        }
        (sources, findings)
    }

    pub(super) fn get(&self, path: &str) -> Option<&Source> {
        self.by_path.get(path)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Source> {
        self.by_path.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_parse_is_reported_with_its_line() {
        let tree = Tree::of(&[("a.rs", "fn good() {}"), ("b.rs", "fn good() {}\nfn {}"), ("c.md", "fn {")]);
        let (sources, findings) = Sources::parse(&tree);
        assert_eq!(sources.iter().map(|source| source.path.as_str()).collect::<Vec<_>>(), ["a.rs"]);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].file.as_str(), findings[0].line), ("b.rs", 2));
    }
}
