//! The topologies that ship.

/// `(name, text)` of every file in `topologies/`: a new file is one line here.
macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../../../topologies/", $name, ".toml")))),*]
    };
}

/// Every shipped topology by its file's name, everything in one transaction first.
pub(crate) const SHIPPED: [(&str, &str); 6] = shipped![
    "monolith",
    "orchestrated-calls",
    "choreographed-parallel",
    "validated-async",
    "seven-services",
    "orchestrated-messages"
];

/// Everything in one transaction.
pub(crate) const MONOLITH: &str = SHIPPED[0].1;
/// A database per domain, and a chain: the only one in which the steps hear each other.
pub(crate) const SEVEN: &str = include_str!("../../../../../topologies/seven-services.toml");

#[test]
fn every_topology_that_ships_is_tried() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../topologies");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut names: Vec<String> =
        files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let mut tried = SHIPPED.map(|(name, _)| name);
    names.sort_unstable();
    tried.sort_unstable();
    assert_eq!(names, tried);
}
