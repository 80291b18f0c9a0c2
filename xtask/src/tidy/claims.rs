//! The pages that say what is shown where keep their word: every file that they name is there, every name that they give
//! with a file is declared in it, and whatever a column "Shown by" cites is a test.

use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::Finding;
use super::tree::Tree;

/// The pages that are held to it.
const PAGES: &[&str] = &["docs/seeds.md"];
/// The heading of the column that cites tests.
const SHOWN_BY: &str = "Shown by";
/// What begins the one row form that may cite no test: what is not there yet, or is nothing that a test can show.
const WITHOUT_TEST: &[&str] = &["comes with", "—"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let pages = PAGES.iter().filter_map(|page| Some((*page, tree.get(page)?)));
    pages.flat_map(|(page, text)| check_page(tree, page, text)).collect()
}

fn check_page(tree: &Tree, page: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Which cell of the table that the page is in cites tests, if one does.
    let mut tests = None;
    for (line, number) in text.lines().zip(1..) {
        let cells: Vec<&str> = cells(line);
        if cells.is_empty() {
            tests = None;
        } else if let Some(column) = cells.iter().position(|cell| *cell == SHOWN_BY) {
            tests = Some(column);
            continue;
        }
        let cited = tests.and_then(|column| cells.get(column)).filter(|cell| !cell.starts_with("---"));
        let tests: Vec<Reference<'_>> = cited.map(|cell| references(cell)).into_iter().flatten().collect();
        for reference in references(line) {
            if let Err(complaint) = reference.check(tree, tests.contains(&reference)) {
                findings.push(Finding::new(page, number, complaint));
            }
        }
        let silent = |cell: &&str| !WITHOUT_TEST.iter().any(|word| cell.starts_with(word));
        if cited.is_some_and(silent) && !tests.iter().any(|cited| cited.name.is_some()) {
            findings.push(Finding::new(page, number, "this row cites no test and does not say why"));
        }
    }
    findings
}

/// A table row's cells; none for any other line.
fn cells(line: &str) -> Vec<&str> {
    let row = line.trim().strip_prefix('|').and_then(|row| row.strip_suffix('|'));
    row.map(|row| row.split('|').map(str::trim).collect()).unwrap_or_default()
}

/// A file, or a name in a file: `shop/src/poll.rs`, `shop/src/poll.rs::polled`. The path may begin anywhere, as long as only
/// one file of the project ends so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reference<'p> {
    path: &'p str,
    name: Option<&'p str>,
}

/// Every reference in a line: what stands in backticks, has no blank and is either a path or `path::name`.
fn references(line: &str) -> impl Iterator<Item = Reference<'_>> {
    let spans = line.split('`').skip(1).step_by(2).filter(|span| !span.contains(char::is_whitespace));
    spans.filter_map(|span| {
        let (path, name) = match span.split_once("::") {
            Some((path, name)) => (path, Some(name)),
            None => (span, None),
        };
        let is_file =
            [".rs", ".toml", ".md", ".csv", ".json", ".txt", ".snap"].iter().any(|end| path.ends_with(end));
        // `/v1/orders` is a place of the API, not a file.
        let is_folder = path.ends_with('/') && !path.starts_with('/');
        (is_file || is_folder).then_some(Reference { path, name })
    })
}

impl Reference<'_> {
    fn check(self, tree: &Tree, must_be_a_test: bool) -> Result<(), String> {
        let Self { path, name } = self;
        if path.ends_with('/') {
            let inside = |file: &str| file.starts_with(path) || file.contains(&format!("/{path}"));
            return match tree.iter().any(|(file, _)| inside(file)) {
                true => Ok(()),
                false => Err(format!("names {path}, which is not there")),
            };
        }
        let ending = format!("/{path}");
        let mut files = tree.iter().filter(|(file, _)| *file == path || file.ends_with(&ending));
        let (file, text) = match (files.next(), files.next()) {
            (Some(only), None) => only,
            (None, _) => return Err(format!("names {path}, which is not there")),
            (Some((one, _)), Some((other, _))) => return Err(format!("{path} may be {one} or {other}")),
        };
        match name {
            Some(name) if must_be_a_test && !is_test(text, name) => {
                Err(format!("cites {name}, which is no test of {file}"))
            }
            Some(name) if !declares(file, text, name) => {
                Err(format!("names {name}, which {file} does not have"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Whether a Rust file declares the name, inside a macro's arguments too; any other file need only hold the word.
fn declares(file: &str, text: &str, name: &str) -> bool {
    const DECLARING: &[&str] = &["fn", "struct", "enum", "trait", "const", "static", "type", "mod"];
    if !file.ends_with(".rs") {
        let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        return text.split(|c| !part(c)).any(|word| word == name);
    }
    any_run(tokens(text), &mut |run| {
        matches!(run, [TokenTree::Ident(word), TokenTree::Ident(declared), ..]
            if declared == name && DECLARING.iter().any(|declaring| word == declaring))
    })
}

/// Whether the file has a test of this name: a function under an attribute such as `#[test]`, or one that a macro such as
/// `in_every_topology!(…)` makes tests of.
fn is_test(text: &str, name: &str) -> bool {
    let made_by_macro = |run: &[TokenTree]| match run {
        [TokenTree::Ident(made), TokenTree::Punct(bang), TokenTree::Group(list), ..] => {
            let listed = || {
                list.stream().into_iter().any(|token| matches!(token, TokenTree::Ident(one) if one == name))
            };
            made.to_string().starts_with("in_") && bang.as_char() == '!' && listed()
        }
        _ => false,
    };
    let attributed = |run: &[TokenTree]| match run {
        [TokenTree::Punct(hash), TokenTree::Group(attribute), rest @ ..] => {
            hash.as_char() == '#' && makes_a_test(attribute.stream()) && heads(rest, name)
        }
        _ => false,
    };
    declares("a.rs", text, name) && any_run(tokens(text), &mut |run| made_by_macro(run) || attributed(run))
}

/// `test`, `tokio::test(…)`: the last name before any arguments.
fn makes_a_test(attribute: TokenStream) -> bool {
    let before = attribute.into_iter().take_while(|token| !matches!(token, TokenTree::Group(_)));
    let last = before.filter(|token| matches!(token, TokenTree::Ident(_))).last();
    last.is_some_and(|token| token.to_string() == "test")
}

/// Whether these tokens, past further attributes and `async`, declare the function.
fn heads(mut rest: &[TokenTree], name: &str) -> bool {
    loop {
        rest = match rest {
            [TokenTree::Punct(_), TokenTree::Group(more), rest @ ..]
                if more.delimiter() == Delimiter::Bracket =>
            {
                rest
            }
            [TokenTree::Ident(word), rest @ ..] if word == "async" => rest,
            [TokenTree::Ident(word), TokenTree::Ident(declared), ..] => {
                return word == "fn" && declared == name;
            }
            _ => return false,
        };
    }
}

/// The file as tokens. One that does not parse is reported where the sources are.
fn tokens(text: &str) -> TokenStream {
    TokenStream::from_str(text).unwrap_or_default()
}

/// Whether some run of neighbouring tokens, at any depth, is what is looked for.
fn any_run(tokens: TokenStream, wanted: &mut dyn FnMut(&[TokenTree]) -> bool) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    (0..tokens.len()).any(|at| wanted(&tokens[at..]))
        || tokens.into_iter().any(|token| match token {
            TokenTree::Group(group) => any_run(group.stream(), wanted),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "record! { pub struct Order in \"orders\" {} }\npub async fn polled() {}\n";
    const TESTS: &str = "in_every_topology!(a_rush);\nasync fn a_rush() {}\nfn helper() {}\n\
                         mod tests { #[tokio::test(flavor = \"x\")]\n#[cfg(unix)]\nasync fn a_poll() {} }";

    #[track_caller]
    fn check(page: &str, expected: &[&str]) {
        let tree = Tree::of(&[
            (PAGES[0], page),
            ("crates/shop/src/poll.rs", CODE),
            ("crates/shop/tests/polls.rs", TESTS),
            ("crates/order/src/lib.rs", ""),
            ("crates/shop/src/lib.rs", ""),
            ("topologies/small.toml", "listed_after = \"stock\""),
        ]);
        let found: Vec<String> = super::check(&tree).iter().map(Finding::to_string).collect();
        assert_eq!(found, expected, "{page}");
    }

    #[test]
    fn files_and_what_they_declare_may_be_named_from_any_folder_on() {
        check("`crates/shop/src/poll.rs`, `shop/src/poll.rs::polled`, `poll.rs::Order`, `crates/shop/`", &[]);
        check("`small.toml::listed_after`, `GET /v1/orders`, `/v1/orders`, `a|b`, `order.placed`", &[]);
    }

    #[test]
    fn what_is_not_there_is_found() {
        check(
            "one\n`shop/src/pole.rs`, `crates/till/`\n`poll.rs::asked`",
            &[
                "docs/seeds.md:2: names shop/src/pole.rs, which is not there",
                "docs/seeds.md:2: names crates/till/, which is not there",
                "docs/seeds.md:3: names asked, which crates/shop/src/poll.rs does not have",
            ],
        );
        check(
            "`small.toml::listed`",
            &["docs/seeds.md:1: names listed, which topologies/small.toml does not have"],
        );
    }

    #[test]
    fn a_path_that_could_be_two_files_says_too_little() {
        check(
            "`src/lib.rs`",
            &["docs/seeds.md:1: src/lib.rs may be crates/order/src/lib.rs or crates/shop/src/lib.rs"],
        );
    }

    #[test]
    fn what_shows_something_is_a_test() {
        let table = |cell: &str| format!("| Seed | Shown by |\n|---|---|\n| a | {cell} |");
        check(&table("`polls.rs::a_poll`, `polls.rs::a_rush`"), &[]);
        check(
            &table("`polls.rs::helper`"),
            &["docs/seeds.md:3: cites helper, which is no test of crates/shop/tests/polls.rs"],
        );
    }

    #[test]
    fn a_row_without_a_test_says_why() {
        let table = |cell: &str| format!("| Seed | Shown by | Note |\n|---|---|---|\n| a | {cell} | b |");
        check(&table("comes with 4 of 4"), &[]);
        check(&table("— a reason, not a behaviour"), &[]);
        check(&table(""), &["docs/seeds.md:3: this row cites no test and does not say why"]);
        check("| Seed | Test |\n|---|---|\n| a | |", &[]);
    }
}
