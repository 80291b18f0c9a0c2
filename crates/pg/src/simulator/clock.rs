//! The PG's own clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "the simulator stands in for somebody else's server: it is outside, and its clock is its own"
)]
pub(super) fn now_ms() -> i64 {
    // A clock before 1970 or far past it is a broken machine; its charges are dated 0.
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or_default()
}
