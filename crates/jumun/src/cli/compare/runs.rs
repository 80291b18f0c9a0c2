//! One run: `jumun bench` of this same program, as a process of its own.
//!
//! A process starts with clean memory and counters of its own, and what one topology leaves behind cannot slow the next one.

use crate::cli::work::WorkArgs;
use anyhow::{Context, bail};
use report::Measured;
use std::process::{Command, Stdio};

/// Whose turn it is.
pub(super) struct Turn {
    /// The topology's place among those that take part.
    pub(super) contender: usize,
    /// Counted from 1.
    pub(super) round: u32,
}

/// What a bench answers if it was told nonsense, or could not begin: it would the next time, too.
const USAGE: i32 = 2;

/// Runs the work once over `topology`; progress and complaints go where this process's own go. `None` if it came to no result.
///
/// # Errors
/// If it cannot begin, or its result cannot be read.
pub(super) fn measure(topology: &str, work: &WorkArgs) -> anyhow::Result<Option<Measured>> {
    let mut command = Command::new(std::env::current_exe().context("this program's own file is gone")?);
    command.args(["bench", "--json", "--topology", topology]).args(work.arguments());
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    if let Some(database) = &work.database {
        // Not as a flag: it may hold a password.
        command.env("JUMUN_DATABASE", database);
    }
    // What every start tells would hide what a run tells.
    if std::env::var_os("JUMUN_LOG").is_none() {
        command.env("JUMUN_LOG", "warn");
    }
    let output = command.output().context("jumun bench cannot be started")?;
    if output.status.code() == Some(USAGE) {
        bail!("jumun bench could not do this work over {topology}; it says above why");
    }
    if output.stdout.trim_ascii().is_empty() {
        eprintln!("  no result: jumun bench ended with {}", output.status);
        return Ok(None);
    }
    let measured = serde_json::from_slice(&output.stdout).context("jumun bench's result cannot be read")?;
    Ok(Some(measured))
}
