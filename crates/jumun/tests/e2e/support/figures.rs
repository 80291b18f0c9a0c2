//! What a fault did, noted for whoever keeps a table of it: a line each in the file that `JUMUN_FAULTS` names (`cargo xtask faults`).

use super::Home;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::time::Instant;

/// The time from which a figure is taken.
#[expect(
    clippy::disallowed_methods,
    reason = "how long an outage lasts, and how long it takes until all has settled"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The codes of what an audit found.
pub(crate) fn codes(report: &Value) -> BTreeSet<&str> {
    let found = report["discrepancies"]["first"].as_array().unwrap();
    found.iter().map(|one| one["code"].as_str().unwrap()).collect()
}

/// That an audit found it, and what.
pub(crate) fn found_by(report: &Value) -> String {
    let codes = codes(report).into_iter().map(|code| format!("`{code}`")).collect::<Vec<_>>();
    format!("the audit ({})", codes.join(", "))
}

/// `database` was restored from an older backup, and this is who said so.
pub(crate) fn note_restored(home: &Home, database: &str, found: &str) {
    let fault = format!("{database} is restored from an older backup");
    note(&json!({"fault": fault, "system": home.parts(), "found": found}));
}

/// Adds one line to the file, where one is named.
pub(crate) fn note(line: &Value) {
    if let Some(file) = std::env::var_os("JUMUN_FAULTS") {
        let mut file = File::options().create(true).append(true).open(file).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}
