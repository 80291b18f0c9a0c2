//! `cargo xtask lint`: every static check. All of them run even after one has failed, so one run shows all there is.

use std::process::{Command, ExitCode, Stdio};

use anyhow::Result;

use crate::{compose, run, tidy};

const FORMAT: &[&str] = &["fmt", "--all", "--check"];
const CLIPPY: &[&str] = &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
const DENY: &[&str] = &["deny", "--locked", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"];
const ADVISORIES: &[&str] = &["deny", "--locked", "check", "advisories"];

pub(crate) fn run() -> Result<ExitCode> {
    let mut failed = Vec::new();
    for (name, args) in [("fmt", FORMAT), ("clippy", CLIPPY)] {
        if !run::stream(&mut run::cargo(args)?)?.success() {
            failed.push(name);
        }
    }
    println!("+ tidy");
    if tidy::run()? != ExitCode::SUCCESS {
        failed.push("tidy");
    }
    println!("+ compose");
    let complaints = compose::check()?;
    for complaint in &complaints {
        println!("{complaint}");
    }
    if !complaints.is_empty() {
        failed.push("compose");
    }
    failed.extend(dependency_policy()?);
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("lint failed: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

/// Judges the dependencies by deny.toml, and returns what failed. What cannot be judged here is said, not failed.
fn dependency_policy() -> Result<Option<&'static str>> {
    if !quiet_success(Command::new("cargo-deny").arg("--version")) {
        println!(
            "NOT CHECKED: the dependency policy in deny.toml, for want of cargo-deny (docs/dependencies.md)"
        );
        return Ok(None);
    }
    let mut passed = run::stream(&mut run::cargo(DENY)?)?.success();
    // The advisory database lives on the network: a machine that cannot reach it can still judge everything else.
    if quiet_success(&mut run::cargo(&["deny", "fetch", "db"])?) {
        passed &= run::stream(&mut run::cargo(ADVISORIES)?)?.success();
    } else {
        println!("NOT CHECKED: security advisories, for want of a way to fetch the advisory database");
    }
    Ok((!passed).then_some("deny"))
}

fn quiet_success(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
