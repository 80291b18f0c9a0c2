//! No text names a place that only its author's machine has: an absolute path, or the address of a registry or mirror
//! that packages were fetched from.

use super::Finding;
use super::tree::Tree;

/// The top directories people keep clones in.
const MACHINE_DIRECTORIES: &[&str] = &["home", "root", "work"];

/// How the names of hosts that serve packages begin. Cargo.lock names crates.io by its index, which is no host of these.
const REGISTRY_HOSTS: &[&str] = &[
    "artifactory.",
    "index.crates.",
    "mirror.",
    "mirrors.",
    "nexus.",
    "proxy.",
    "registry.",
    "static.crates.",
];

/// How cargo writes a source; the one that is meant to be there is crates.io's.
const SOURCE_SCHEMES: &[&str] = &["registry+", "sparse+"];
const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let lines = tree
        .iter()
        .flat_map(|(path, text)| text.lines().zip(1..).map(move |(line, number)| (path, line, number)));
    let suspect = lines.filter_map(|(path, line, number)| Some(Finding::new(path, number, complaint(line)?)));
    suspect.collect()
}

fn complaint(line: &str) -> Option<String> {
    let directory = MACHINE_DIRECTORIES.iter().find(|directory| names_directory(line, directory));
    let path = directory.map(|directory| format!("an absolute path of one machine, under {directory}"));
    let host = || registry_host(line).map(|host| format!("the address of a package registry: {host}"));
    let source = || other_source(line).then(|| "a package source other than crates.io".to_owned());
    path.or_else(host).or_else(source)
}

/// Whether the directory stands at the root of a path, rather than inside a relative path or an address.
fn names_directory(line: &str, directory: &str) -> bool {
    let pattern = format!("/{directory}/");
    let starts_a_path = |before: &str| {
        before.ends_with("file://")
            || !before.ends_with(|end: char| end.is_alphanumeric() || "_-./~}".contains(end))
    };
    line.match_indices(&pattern).any(|(at, _)| starts_a_path(&line[..at]))
}

fn registry_host(line: &str) -> Option<&str> {
    let hosts = line.split("://").skip(1).filter_map(|rest| {
        rest.split(|end: char| !(end.is_ascii_alphanumeric() || ".-@:".contains(end))).next()
    });
    let mut hosts = hosts.map(|authority| authority.rsplit('@').next().unwrap_or(authority));
    hosts.find(|host| REGISTRY_HOSTS.iter().any(|start| host.starts_with(start)))
}

fn other_source(line: &str) -> bool {
    let sources = SOURCE_SCHEMES.iter().flat_map(|scheme| line.split(scheme).skip(1));
    let mut addresses = sources.filter(|rest| rest.starts_with("http"));
    addresses.any(|address| !address.starts_with(CRATES_IO))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The samples are put together here, so that this file does not hold what it forbids.
    fn check(line: &str, expected: Option<&str>) {
        let line = line.replace('§', "/").replace("PACKAGES", "registry");
        let found = super::check(&Tree::of(&[("a.md", &format!("first\n{line}\n"))]));
        let found: Vec<String> = found.iter().map(Finding::to_string).collect();
        let expected: Vec<String> = expected.iter().map(|message| format!("a.md:2: {message}")).collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn absolute_paths_of_a_machine_are_found() {
        check("open(\"§home§me/x\")", Some("an absolute path of one machine, under home"));
        check("cd §work§main", Some("an absolute path of one machine, under work"));
        check("file://§root§.cargo", Some("an absolute path of one machine, under root"));
    }

    #[test]
    fn relative_paths_and_addresses_are_not() {
        check("docs§home§page.md, https:§§example.org§work§1, ~§work§x, $HOME§work§x, §homework§", None);
    }

    #[test]
    fn registries_are_found() {
        check(
            "https:§§PACKAGES.npmjs.org§left-pad",
            Some("the address of a package registry: registry.npmjs.org"),
        );
        check(
            "http:§§me@mirror.local:8080§simple",
            Some("the address of a package registry: mirror.local:8080"),
        );
        check(
            "source = \"PACKAGES+https:§§crates.example.org§index\"",
            Some("a package source other than crates.io"),
        );
    }

    #[test]
    fn crates_io_in_the_lock_file_is_meant_to_be_there() {
        check("source = \"PACKAGES+https:§§github.com§rust-lang§crates.io-index\"", None);
        check("[docs](https:§§docs.rs§tokio), [crate](https:§§crates.io§crates§tokio)", None);
    }
}
