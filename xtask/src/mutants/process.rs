//! A program that is given so much time, and whose words are read as they come.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// All is well, says its exit code.
    Well,
    /// It failed; the first line that said so, if one did.
    Badly(Option<String>),
    /// It was still running when its time was up.
    Hung,
}

#[expect(clippy::disallowed_methods, reason = "a real program is waited for, in real time")]
fn clock() -> Instant {
    Instant::now()
}

/// Runs `command` for at most `limit`. The first line of its output that `fails` makes something of ends it.
///
/// # Errors
/// If it cannot be started.
pub(super) fn run(command: &mut Command, limit: Duration, fails: fn(&str) -> Option<&str>) -> Result<Ended> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    let output = child.stdout.take().context("its output was not piped")?;
    let (send, lines) = channel();
    // Ends with the program, whose end closes its output.
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    let begun = clock();
    let ended = loop {
        match lines.recv_timeout(limit.saturating_sub(begun.elapsed())) {
            Ok(line) => {
                if let Some(what) = fails(&line) {
                    child.kill()?;
                    break Ended::Badly(Some(what.to_owned()));
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                child.kill()?;
                break Ended::Hung;
            }
            Err(RecvTimeoutError::Disconnected) if child.wait()?.success() => break Ended::Well,
            Err(RecvTimeoutError::Disconnected) => break Ended::Badly(None),
        }
    };
    child.wait()?;
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &str, limit: Duration, expected: &Ended) {
        let mut shell = Command::new("sh");
        let ended = run(shell.args(["-c", script]), limit, |line| line.strip_suffix(" FAILED")).unwrap();
        assert_eq!(ended, *expected);
    }

    #[test]
    fn a_program_ends_well_badly_or_never() {
        const LONG: Duration = Duration::from_secs(600);
        check("echo fine", LONG, &Ended::Well);
        check("exit 1", LONG, &Ended::Badly(None));
        check("echo it FAILED; exec cat /dev/zero", LONG, &Ended::Badly(Some("it".to_owned())));
        check("exec cat /dev/zero", Duration::ZERO, &Ended::Hung);
    }
}
