//! The topologies that ship, compiled in by name.

use std::path::Path;

/// Name and file of each.
pub const SHIPPED: &[(&str, &str)] = &[
    ("monolith", include_str!("../../../topologies/monolith.toml")),
    ("orchestrated-calls", include_str!("../../../topologies/orchestrated-calls.toml")),
    ("choreographed-parallel", include_str!("../../../topologies/choreographed-parallel.toml")),
    ("validated-async", include_str!("../../../topologies/validated-async.toml")),
    ("seven-services", include_str!("../../../topologies/seven-services.toml")),
    ("orchestrated-messages", include_str!("../../../topologies/orchestrated-messages.toml")),
];

/// The text of the topology `name`: a shipped one, or a file.
///
/// # Errors
/// If there is neither.
pub fn text(name: &str) -> Result<String, String> {
    if let Some((_, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
        return Ok((*text).to_owned());
    }
    if name.contains(['/', '.']) {
        return std::fs::read_to_string(Path::new(name))
            .map_err(|error| format!("topology file {name}: {error}"));
    }
    let names: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
    Err(format!("no topology is called `{name}`; there are {} (or give a file)", names.join(", ")))
}
