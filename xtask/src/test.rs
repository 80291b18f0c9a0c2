//! `cargo xtask test`: the one command that runs every test.

use std::process::ExitCode;

use anyhow::Result;

use crate::mutants;
use crate::phases::{self, PHASES};
use crate::run;

/// Checks that every deliberate bug's patch still fits, makes ready what the tests need, runs them with their output streamed, and passes cargo's exit code on.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    mutants::check()?;
    phases::within(PHASES, || {
        let status = run::stream(run::cargo(&["test", "--workspace", "--locked"])?.args(args))?;
        Ok(run::exit_code(status))
    })
}
