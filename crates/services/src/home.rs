//! Where the services of this checkout live.

use std::path::{Path, PathBuf};

/// The folder of everything that is kept between runs: `services` in the folder of builds.
#[must_use]
pub fn home() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    root.join(target).join("services")
}
