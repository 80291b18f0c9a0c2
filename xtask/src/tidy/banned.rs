//! Code that reviews would send back: tests that sleep or are switched off, code that is not there yet, and a lint
//! silenced without saying why.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{Attribute, Meta};

use super::Finding;
use super::mentions;
use super::sources::Source;
use super::test_code::TestLines;

const SLEEPS: &[&str] = &["std::thread::sleep", "tokio::time::sleep"];
const UNFINISHED: &[&str] = &["todo!", "unimplemented!"];
/// A test about sleeping itself says so in a comment above the call, with a reason.
const SLEEP_IS_THE_SUBJECT: &str = "// tidy: sleep is the subject:";

pub(super) fn check(source: &Source, tests: &TestLines) -> Vec<Finding> {
    let mut findings = Vec::new();
    for mention in mentions::of(&source.ast).into_iter().filter(|mention| !mention.import) {
        let called = |names: &[&str]| names.iter().any(|name| mention.ends_with(name));
        if called(UNFINISHED) {
            findings.push(Finding::new(
                &source.path,
                mention.line,
                format!("{} is unfinished code", mention.path),
            ));
        }
        if called(SLEEPS) && tests.contains(mention.line) && !sleep_is_the_subject(source, mention.line) {
            let message = format!("a test calls {}: wait on the condition, or pause the clock", mention.path);
            findings.push(Finding::new(&source.path, mention.line, message));
        }
    }
    let mut attributes = Attributes { source, findings };
    attributes.visit_file(&source.ast);
    attributes.findings
}

fn sleep_is_the_subject(source: &Source, line: usize) -> bool {
    let comments =
        (1..line).rev().map(|above| source.line(above).trim()).take_while(|text| text.starts_with("//"));
    let mut reasons = comments.filter_map(|text| text.strip_prefix(SLEEP_IS_THE_SUBJECT));
    reasons.any(|reason| !reason.trim().is_empty())
}

struct Attributes<'a> {
    source: &'a Source,
    findings: Vec<Finding>,
}

impl<'ast> Visit<'ast> for Attributes<'_> {
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let line = attribute.span().start().line;
        if applied(attribute).iter().any(|name| name == "ignore") {
            let message = "a test is switched off: mend it or delete it";
            self.findings.push(Finding::new(&self.source.path, line, message));
        }
        let silences = applied(attribute).into_iter().find(|name| name == "allow" || name == "expect");
        if let Some(name) = silences.filter(|_| !gives_reason(self.source, attribute)) {
            let message = format!("{name}(…) without a reason: add `reason = \"…\"`");
            self.findings.push(Finding::new(&self.source.path, line, message));
        }
    }
}

/// What the attribute comes down to: itself, or what a `cfg_attr` applies.
fn applied(attribute: &Attribute) -> Vec<String> {
    let names = |path: &syn::Path| path.get_ident().map(ToString::to_string);
    match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg_attr") => {
            list.tokens.clone().into_iter().filter_map(ident).collect()
        }
        meta => names(meta.path()).into_iter().collect(),
    }
}

fn ident(token: TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(name) => Some(name.to_string()),
        TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    }
}

/// Whether the reason stands in the attribute, in a comment after it, or in a comment right above.
fn gives_reason(source: &Source, attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else {
        return false;
    };
    let span = attribute.span();
    let above = source.line(span.start().line - 1).trim();
    let is_comment = above.starts_with("//") && !above.starts_with("///") && !above.starts_with("//!");
    let behind: String = source.line(span.end().line).chars().skip(span.end().column).collect();
    mentions_reason(list.tokens.clone()) || is_comment || behind.contains("//")
}

fn mentions_reason(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(name) => name == "reason",
        TokenTree::Group(group) => mentions_reason(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, expected: &[&str]) {
        let source = Source::parse("a.rs", code).unwrap();
        let found = super::check(&source, &TestLines::of(&source, false));
        let found: Vec<String> =
            found.iter().map(|found| format!("{}: {}", found.line, found.message)).collect();
        assert_eq!(found, expected, "{code}");
    }

    #[test]
    fn a_test_does_not_sleep() {
        check(
            "use tokio::time;\n#[test]\nfn f() {\n time::sleep(x); }",
            &["4: a test calls tokio::time::sleep: wait on the condition, or pause the clock"],
        );
        check("use std::thread::sleep;\nfn timer() { sleep(x); }", &[]);
    }

    #[test]
    fn a_test_about_sleeping_may_sleep_and_says_why() {
        let test = |comment: &str| format!("#[test]\nfn f() {{\n{comment}\nstd::thread::sleep(x); }}");
        check(&test("// tidy: sleep is the subject: the lease must outlive a real pause"), &[]);
        check(
            &test("// tidy: sleep is the subject:"),
            &["4: a test calls std::thread::sleep: wait on the condition, or pause the clock"],
        );
    }

    #[test]
    fn a_test_is_not_switched_off() {
        check("#[test]\n#[ignore]\nfn f() {}", &["2: a test is switched off: mend it or delete it"]);
        check(
            "#[test]\n#[cfg_attr(unix, ignore)]\nfn f() {}",
            &["2: a test is switched off: mend it or delete it"],
        );
        check(
            "#[test]\n#[ignore = \"slow\"]\nfn f() {}",
            &["2: a test is switched off: mend it or delete it"],
        );
    }

    #[test]
    fn code_is_finished() {
        check("fn f() { todo!() }", &["1: todo! is unfinished code"]);
        check("fn f() { assert!(unimplemented!()) }", &["1: unimplemented! is unfinished code"]);
        check("fn todo() { todo() }", &[]);
    }

    #[test]
    fn a_silenced_lint_has_its_reason() {
        check("#[allow(dead_code)]\nfn f() {}", &["1: allow(…) without a reason: add `reason = \"…\"`"]);
        check(
            "/// Does it.\n#[expect(dead_code)]\nfn f() {}",
            &["2: expect(…) without a reason: add `reason = \"…\"`"],
        );
        check(
            "#![cfg_attr(test, allow(dead_code))]",
            &["1: allow(…) without a reason: add `reason = \"…\"`"],
        );
    }

    #[test]
    fn the_reason_may_stand_in_the_attribute_behind_it_or_above() {
        check("#[allow(dead_code, reason = \"the macro writes it\")]\nfn f() {}", &[]);
        check("#[allow(dead_code)] // the macro writes it\nfn f() {}", &[]);
        check("// The macro writes it.\n#[allow(dead_code)]\nfn f() {}", &[]);
    }
}
