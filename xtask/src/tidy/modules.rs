//! Which files the compiler reaches from the crates' roots by `mod` declarations.

use std::collections::BTreeMap;

use syn::{Expr, ExprLit, Item, ItemMod, Lit, Meta};

use super::sources::Sources;
use super::test_code;

/// The file a target starts at.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub(super) path: String,
    /// Whether the target is a test or a benchmark.
    pub(super) test: bool,
}

/// The files reached, each with whether only tests reach it.
#[derive(Default)]
pub(super) struct Reached {
    files: BTreeMap<String, bool>,
}

impl Reached {
    pub(super) fn contains(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    pub(super) fn is_test(&self, path: &str) -> bool {
        self.files.get(path).copied().unwrap_or(false)
    }
}

/// Follows `mod` declarations from the roots, `#[path]` included. Those that a macro writes are not seen.
pub(super) fn reached(roots: &[Root], sources: &Sources) -> Reached {
    let mut reached = Reached::default();
    let mut waiting: Vec<Visit> = roots.iter().map(Visit::root).collect();
    while let Some(visit) = waiting.pop() {
        let Some(source) = sources.get(&visit.path) else {
            continue;
        };
        // A file first reached from a test is visited again when other code turns out to reach it too.
        let known = reached.files.get(&visit.path);
        if known.is_some_and(|test_only| !test_only || visit.test) {
            continue;
        }
        reached.files.insert(visit.path.clone(), visit.test);
        let scope =
            Scope { directory: visit.directory, beside: parent(&visit.path).to_owned(), test: visit.test };
        declared(&source.ast.items, &scope, sources, &mut waiting);
    }
    reached
}

struct Visit {
    path: String,
    /// Where the modules that the file declares are looked for.
    directory: String,
    test: bool,
}

impl Visit {
    fn root(root: &Root) -> Self {
        Self { path: root.path.clone(), directory: parent(&root.path).to_owned(), test: root.test }
    }

    fn module(path: String, test: bool) -> Self {
        let directory = match path.strip_suffix("/mod.rs") {
            Some(directory) => directory.to_owned(),
            None => path.trim_end_matches(".rs").to_owned(),
        };
        Self { path, directory, test }
    }
}

struct Scope {
    directory: String,
    /// What a `#[path]` in this scope starts from.
    beside: String,
    test: bool,
}

fn declared(items: &[Item], scope: &Scope, sources: &Sources, waiting: &mut Vec<Visit>) {
    for item in items {
        let Item::Mod(module) = item else {
            continue;
        };
        let test = scope.test || test_code::is_test_only(&module.attrs);
        if let Some((_, inner)) = &module.content {
            let directory = join(&scope.directory, &module.ident.to_string());
            declared(inner, &Scope { beside: directory.clone(), directory, test }, sources, waiting);
        } else {
            let found = candidates(module, scope).into_iter().find(|path| sources.get(path).is_some());
            waiting.extend(found.map(|path| Visit::module(path, test)));
        }
    }
}

fn candidates(module: &ItemMod, scope: &Scope) -> Vec<String> {
    let explicit = module.attrs.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) => Some(path.value()),
            _ => None,
        },
        _ => None,
    });
    if let Some(path) = explicit {
        return vec![join(&scope.beside, &path)];
    }
    let name = module.ident.to_string();
    let name = name.trim_start_matches("r#");
    let directory = &scope.directory;
    vec![join(directory, &format!("{name}.rs")), join(directory, &format!("{name}/mod.rs"))]
}

/// The directory part of a path; empty at the root.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// A path relative to a directory, with `.` and `..` worked out.
pub(super) fn join(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::Tree;

    fn check(files: &[(&str, &str)], expected: &[(&str, bool)]) {
        let (sources, _) = Sources::parse(&Tree::of(files));
        let roots = [
            Root { path: "a/src/lib.rs".to_owned(), test: false },
            Root { path: "a/tests/flow.rs".to_owned(), test: true },
        ];
        let reached = reached(&roots, &sources);
        let found: Vec<(&str, bool)> =
            reached.files.iter().map(|(path, test)| (path.as_str(), *test)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn both_layouts_and_inline_modules_are_followed() {
        check(
            &[
                ("a/src/lib.rs", "mod b; mod c; mod inline { mod d; }"),
                ("a/src/b.rs", "mod e;"),
                ("a/src/b/e.rs", ""),
                ("a/src/c/mod.rs", "mod f;"),
                ("a/src/c/f.rs", ""),
                ("a/src/inline/d.rs", ""),
                ("a/src/dead.rs", ""),
            ],
            &[
                ("a/src/b.rs", false),
                ("a/src/b/e.rs", false),
                ("a/src/c/f.rs", false),
                ("a/src/c/mod.rs", false),
                ("a/src/inline/d.rs", false),
                ("a/src/lib.rs", false),
            ],
        );
    }

    #[test]
    fn an_explicit_path_is_followed() {
        check(
            &[("a/src/lib.rs", "#[path = \"../else/x.rs\"] mod b;"), ("a/else/x.rs", "")],
            &[("a/else/x.rs", false), ("a/src/lib.rs", false)],
        );
    }

    #[test]
    fn what_only_tests_reach_is_test_code() {
        check(
            &[
                ("a/src/lib.rs", "#[cfg(test)] mod tests; mod shared;"),
                ("a/src/tests.rs", "mod deep;"),
                ("a/src/tests/deep.rs", ""),
                ("a/src/shared.rs", ""),
                ("a/tests/flow.rs", "#[path = \"../src/shared.rs\"] mod shared;"),
            ],
            &[
                ("a/src/lib.rs", false),
                ("a/src/shared.rs", false),
                ("a/src/tests.rs", true),
                ("a/src/tests/deep.rs", true),
                ("a/tests/flow.rs", true),
            ],
        );
    }
}
