//! Which lines of a file are only ever compiled for tests.

use std::ops::RangeInclusive;

use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Meta, Token};

use super::sources::Source;

/// The test code of one file.
#[derive(Default)]
pub(super) struct TestLines {
    whole_file: bool,
    modules: Vec<RangeInclusive<usize>>,
    functions: Vec<RangeInclusive<usize>>,
}

impl TestLines {
    /// Finds the test modules and functions; `whole_file` says that the file itself is one.
    pub(super) fn of(source: &Source, whole_file: bool) -> Self {
        let mut lines = Self { whole_file, ..Self::default() };
        lines.visit_file(&source.ast);
        lines
    }

    pub(super) fn is_whole_file(&self) -> bool {
        self.whole_file
    }

    pub(super) fn contains(&self, line: usize) -> bool {
        self.whole_file || self.modules.iter().chain(&self.functions).any(|range| range.contains(&line))
    }

    /// How many lines the file's test modules take up.
    pub(super) fn in_modules(&self) -> usize {
        self.modules.iter().map(|range| range.end() - range.start() + 1).sum()
    }
}

impl<'ast> Visit<'ast> for TestLines {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if is_test_only(&module.attrs) {
            self.modules.push(lines_of(module));
        } else {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if is_test_only(&function.attrs) || function.attrs.iter().any(is_test_attribute) {
            self.functions.push(lines_of(function));
        }
        visit::visit_item_fn(self, function);
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        if is_test_only(&block.attrs) {
            self.functions.push(lines_of(block));
        }
        visit::visit_item_impl(self, block);
    }
}

/// Whether a `#[cfg(…)]` among these keeps the item out of every build but a test's.
pub(super) fn is_test_only(attributes: &[Attribute]) -> bool {
    let configured = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    configured.filter_map(|attribute| attribute.parse_args::<Meta>().ok()).any(|meta| requires_test(&meta))
}

fn requires_test(meta: &Meta) -> bool {
    match meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => {
            let parts =
                list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).unwrap_or_default();
            if list.path.is_ident("all") {
                parts.iter().any(requires_test)
            } else {
                list.path.is_ident("any") && !parts.is_empty() && parts.iter().all(requires_test)
            }
        }
        Meta::NameValue(_) => false,
    }
}

/// `#[test]`, and its kin such as `#[tokio::test]`.
fn is_test_attribute(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == "test")
}

fn lines_of(item: &impl Spanned) -> RangeInclusive<usize> {
    let span = item.span();
    span.start().line..=span.end().line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, expected: &[usize]) {
        let source = Source::parse("a.rs", code).unwrap();
        let lines = TestLines::of(&source, false);
        let found: Vec<usize> = (1..=code.lines().count()).filter(|line| lines.contains(*line)).collect();
        assert_eq!(found, expected, "{code}");
    }

    #[test]
    fn test_modules_are_test_code() {
        check("fn f() {}\n#[cfg(test)]\nmod tests {\n}", &[2, 3, 4]);
        check("fn f() {}\n#[cfg(all(test, unix))]\nmod tests {}", &[2, 3]);
    }

    #[test]
    fn test_functions_are_test_code() {
        check("#[tokio::test]\nasync fn f() {}\nfn g() {}", &[1, 2]);
    }

    #[test]
    fn modules_that_other_builds_may_hold_are_not() {
        check("#[cfg(any(test, feature = \"x\"))]\nmod a {}", &[]);
        check("#[cfg(not(test))]\nmod a {}", &[]);
    }
}
