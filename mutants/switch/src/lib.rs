//! Which deliberate bug is on. Nothing that ships knows this crate: `00-switch.patch` adds it to a copy of the tree.

use std::sync::OnceLock;

/// The environment variable that names the one bug that is on.
const VARIABLE: &str = "JUMUN_MUTANT";

/// Whether the bug called `name` is on in this process. None is unless the environment says so at the first question.
#[must_use]
pub fn on(name: &str) -> bool {
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var(VARIABLE).ok()).as_deref() == Some(name)
}
