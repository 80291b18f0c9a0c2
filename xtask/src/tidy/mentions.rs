//! Every path that a file's code mentions, spelled out through its `use` declarations. Comments and strings are no
//! code, so they are never mentioned; the arguments of macros are.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// One path in the code, or one macro call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// Such as `std::time::Instant::now`; a macro ends with `!`.
    pub(super) path: String,
    pub(super) line: usize,
    /// Whether it only brings the name in.
    pub(super) import: bool,
}

impl Mention {
    /// Whether this is the path itself or something inside it: `std::fs` holds for `std::fs::read`.
    pub(super) fn is_within(&self, path: &str) -> bool {
        self.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }

    /// Whether the path ends so, on whole names: `Instant::now` holds for `std::time::Instant::now`.
    pub(super) fn ends_with(&self, path: &str) -> bool {
        self.path.strip_suffix(path).is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
    }
}

/// Every mention in the file, in no particular order. A name that two modules of the file import differently is
/// spelled out both ways.
pub(super) fn of(ast: &syn::File) -> Vec<Mention> {
    let mut imports = Imports::default();
    imports.visit_file(ast);
    let mut code = Code::default();
    code.visit_file(ast);
    let spelled = code.found.into_iter().flat_map(|mention| imports.spell_out(mention));
    let spelled: Vec<Mention> = spelled.collect();
    imports.found.into_iter().chain(spelled).collect()
}

#[derive(Default)]
struct Imports {
    found: Vec<Mention>,
    by_name: BTreeMap<String, Vec<String>>,
}

impl Imports {
    fn flatten(&mut self, prefix: &str, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(part) => self.flatten(&join(prefix, &part.ident), &part.tree),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.flatten(prefix, item)),
            syn::UseTree::Glob(glob) => self.import(prefix.to_owned(), None, glob.span().start().line),
            syn::UseTree::Name(name) if name.ident == "self" => {
                let last = prefix.rsplit("::").next().map(str::to_owned);
                self.import(prefix.to_owned(), last, name.ident.span().start().line);
            }
            syn::UseTree::Name(name) => {
                let path = join(prefix, &name.ident);
                self.import(path, Some(name.ident.to_string()), name.ident.span().start().line);
            }
            syn::UseTree::Rename(rename) => {
                let path =
                    if rename.ident == "self" { prefix.to_owned() } else { join(prefix, &rename.ident) };
                self.import(path, Some(rename.rename.to_string()), rename.ident.span().start().line);
            }
        }
    }

    fn import(&mut self, path: String, name: Option<String>, line: usize) {
        if let Some(name) = name.filter(|name| *name != path) {
            self.by_name.entry(name).or_default().push(path.clone());
        }
        self.found.push(Mention { path, line, import: true });
    }

    fn spell_out(&self, mention: Mention) -> Vec<Mention> {
        let (head, bang) = mention.path.strip_suffix('!').map_or((&*mention.path, ""), |path| (path, "!"));
        let (first, rest) = head.split_once("::").map_or((head, None), |(first, rest)| (first, Some(rest)));
        let Some(paths) = self.by_name.get(first) else {
            return vec![mention];
        };
        let full = |path: &String| match rest {
            Some(rest) => format!("{path}::{rest}{bang}"),
            None => format!("{path}{bang}"),
        };
        paths.iter().map(|path| Mention { path: full(path), ..mention.clone() }).collect()
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.flatten("", &item.tree);
    }
}

#[derive(Default)]
struct Code {
    found: Vec<Mention>,
}

impl Code {
    fn add(&mut self, path: String, line: usize) {
        self.found.push(Mention { path, line, import: false });
    }

    /// Macro arguments are not parsed by the compiler's grammar, so paths are picked out of their tokens.
    fn scan(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.scan(group.stream()),
                TokenTree::Ident(first) => {
                    let line = first.span().start().line;
                    let mut path = first.to_string();
                    while let Some(next) = segment_after_colons(&mut tokens) {
                        path = join(&path, &next);
                    }
                    if matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == '!') {
                        tokens.next();
                        if matches!(tokens.peek(), Some(TokenTree::Group(_))) {
                            path.push('!');
                        }
                    }
                    self.add(path, line);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Code {
    fn visit_item_use(&mut self, _: &'ast syn::ItemUse) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(names.join("::"), path.span().start().line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let names: Vec<String> = call.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(format!("{}!", names.join("::")), call.path.span().start().line);
        self.scan(call.tokens.clone());
    }
}

type Tokens = std::iter::Peekable<proc_macro2::token_stream::IntoIter>;

/// Takes `::name` off the tokens if that is what comes next. A `::` before anything else (a turbofish) ends the path.
fn segment_after_colons(tokens: &mut Tokens) -> Option<Ident> {
    let colon = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':');
    let mut ahead = tokens.clone();
    ahead.next().filter(colon)?;
    ahead.next().filter(colon)?;
    let Some(TokenTree::Ident(name)) = ahead.next() else {
        return None;
    };
    *tokens = ahead;
    Some(name)
}

fn join(prefix: &str, name: &Ident) -> String {
    if prefix.is_empty() { name.to_string() } else { format!("{prefix}::{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code's mentions that start with one of the watched names, sorted.
    fn check(code: &str, expected: &[(&str, usize)]) {
        let ast = syn::parse_file(code).unwrap();
        let watched = |mention: &Mention| mention.path.starts_with("std") || mention.path.ends_with('!');
        let mut found: Vec<(String, usize)> =
            of(&ast).into_iter().filter(watched).map(|mention| (mention.path, mention.line)).collect();
        found.sort();
        let found: Vec<(&str, usize)> = found.iter().map(|(path, line)| (path.as_str(), *line)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_full_path_is_mentioned_with_its_line() {
        check("fn f() {\n  std::fs::read(p);\n}", &[("std::fs::read", 2)]);
    }

    #[test]
    fn an_imported_name_is_spelled_out() {
        check(
            "use std::time::Instant;\nfn f() { Instant::now(); }",
            &[("std::time::Instant", 1), ("std::time::Instant::now", 2)],
        );
    }

    #[test]
    fn a_renamed_group_is_spelled_out() {
        check(
            "use std::{fs as disk, net::{self}};\nfn f() { disk::read(p); net::bind(); }",
            &[("std::fs", 1), ("std::fs::read", 2), ("std::net", 1), ("std::net::bind", 2)],
        );
    }

    #[test]
    fn comments_and_strings_mention_nothing() {
        check("/// std::fs::read\nfn f() -> &'static str { \"std::fs\" /* std::fs */ }", &[]);
    }

    #[test]
    fn macro_arguments_are_searched() {
        check(
            "fn f() {\n  assert!(\n    std::fs::read(p) == 1 && todo!());\n}",
            &[("assert!", 2), ("std::fs::read", 3), ("todo!", 3)],
        );
    }

    #[test]
    fn an_inequality_in_a_macro_is_no_macro_call() {
        check("fn f() { assert!(a != (b)); }", &[("assert!", 1)]);
    }
}
