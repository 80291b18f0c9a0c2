//! A function fits a screen, and a file holds one idea.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, Signature};

use super::Finding;
use super::sources::Source;
use super::test_code::TestLines;

const FUNCTION_LINES: usize = 70;
/// A test may spell a whole dialogue out.
const TEST_FUNCTION_LINES: usize = 120;
const FILE_LINES: usize = 600;

pub(super) fn check(source: &Source, tests: &TestLines) -> Vec<Finding> {
    let mut functions = Functions { source, tests, findings: Vec::new() };
    functions.visit_file(&source.ast);
    let lines = source.text.lines().count() - tests.in_modules();
    if !tests.is_whole_file() && lines > FILE_LINES {
        let message =
            format!("{lines} lines besides the tests; a file holds one idea, in {FILE_LINES} at most");
        functions.findings.push(Finding::new(&source.path, 1, message));
    }
    functions.findings
}

struct Functions<'a> {
    source: &'a Source,
    tests: &'a TestLines,
    findings: Vec<Finding>,
}

impl Functions<'_> {
    /// Counts from the signature's first line to the closing brace's.
    fn measure(&mut self, signature: &Signature, body: &Block) {
        let line = signature.span().start().line;
        let lines = body.span().end().line - line + 1;
        let limit = if self.tests.contains(line) { TEST_FUNCTION_LINES } else { FUNCTION_LINES };
        if lines > limit {
            let message = format!("fn {} is {lines} lines long; {limit} fit a screen", signature.ident);
            self.findings.push(Finding::new(&self.source.path, line, message));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.measure(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, expected: &[&str]) {
        let source = Source::parse("a.rs", code).unwrap();
        let found = super::check(&source, &TestLines::of(&source, false));
        assert_eq!(found.iter().map(Finding::to_string).collect::<Vec<_>>(), expected);
    }

    /// A function of so many lines, braces included.
    fn function(lines: usize) -> String {
        format!("fn long() {{{}}}\n", "\n".repeat(lines - 1))
    }

    #[test]
    fn a_function_may_fill_a_screen_and_no_more() {
        check(&function(FUNCTION_LINES), &[]);
        check(&function(71), &["a.rs:1: fn long is 71 lines long; 70 fit a screen"]);
    }

    #[test]
    fn comments_and_attributes_above_do_not_count() {
        check(&format!("/// Why.\n#[inline]\n{}", function(FUNCTION_LINES)), &[]);
    }

    #[test]
    fn methods_and_trait_defaults_are_measured() {
        check(
            &format!("impl A {{\n{}}}", function(71)),
            &["a.rs:2: fn long is 71 lines long; 70 fit a screen"],
        );
        check(
            &format!("trait A {{\n{}}}", function(71)),
            &["a.rs:2: fn long is 71 lines long; 70 fit a screen"],
        );
    }

    #[test]
    fn tests_may_be_longer() {
        check(&format!("#[test]\n{}", function(TEST_FUNCTION_LINES)), &[]);
        check(
            &format!("#[cfg(test)]\nmod tests {{\n{}}}", function(121)),
            &["a.rs:3: fn long is 121 lines long; 120 fit a screen"],
        );
    }

    #[test]
    fn a_files_test_module_does_not_count() {
        let tests = format!("#[cfg(test)]\nmod tests {{{}}}\n", "\n".repeat(FILE_LINES));
        check(&format!("{}{tests}", "//\n".repeat(FILE_LINES)), &[]);
        check(
            &format!("{}{tests}", "//\n".repeat(601)),
            &["a.rs:1: 601 lines besides the tests; a file holds one idea, in 600 at most"],
        );
    }
}
