//! `cargo xtask test`: the one command that runs every test.

use std::process::ExitCode;

use anyhow::Result;

use crate::phases::{self, PHASES};
use crate::run;

/// Makes ready what the tests need, runs them with their output streamed, and passes cargo's exit code on.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    phases::within(PHASES, || {
        let status = run::stream(run::cargo(&["test", "--workspace", "--locked"])?.args(args))?;
        Ok(run::exit_code(status))
    })
}
