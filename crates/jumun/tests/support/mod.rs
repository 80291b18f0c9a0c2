//! Runs the binary as a script would: no environment but what a test gives, everything that it says caught.
#![allow(dead_code, reason = "each test binary needs some of it")]

use std::process::{Command, Output};

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary with these arguments.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jumun"));
    command.args(args).env_clear();
    command
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = output.status.code().expect("ended by a signal");
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Runs the binary to its end.
pub(crate) fn jumun(args: &[&str]) -> Ran {
    command(args).output().unwrap().into()
}

/// Runs the binary, which must end with `code` and have said all of `says` on either stream.
#[track_caller]
pub(crate) fn check(args: &[&str], code: i32, says: &[&str]) -> Ran {
    let ran = jumun(args);
    ran.check(code, says);
    ran
}

impl Ran {
    /// It must have ended with `code` and have said all of `says`.
    #[track_caller]
    pub(crate) fn check(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for text in says {
            assert!(self.stdout.contains(text) || self.stderr.contains(text), "no `{text}` in {self:#?}");
        }
    }
}

/// The project's own sample: everything that a history can hold.
pub(crate) const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/small-shop.csv");
