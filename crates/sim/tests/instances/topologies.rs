//! The topologies that ship.

pub(crate) const MONOLITH: &str = include_str!("../../../../topologies/monolith.toml");

/// Those whose databases hear each other through logs. Each instance follows all of them: every word is heard twice.
pub(crate) const SPLIT: [&str; 5] = [
    include_str!("../../../../topologies/orchestrated-calls.toml"),
    include_str!("../../../../topologies/choreographed-parallel.toml"),
    include_str!("../../../../topologies/validated-async.toml"),
    include_str!("../../../../topologies/seven-services.toml"),
    include_str!("../../../../topologies/orchestrated-messages.toml"),
];
