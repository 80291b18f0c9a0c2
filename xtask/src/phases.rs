//! What has to stand before the tests run, brought up in order and taken down in reverse.

use std::process::Command;

use anyhow::{Context, Result};

use crate::{run, services};

/// One thing that the tests need. A later entry may rely on the earlier ones.
pub(crate) struct Phase {
    /// What is being made ready, as shown to whoever waits.
    pub(crate) title: &'static str,
    /// Makes it ready, or says what is missing and how to get it.
    pub(crate) up: fn() -> Result<()>,
    /// Gives back what `up` took; called whether or not the tests passed.
    pub(crate) down: fn() -> Result<()>,
}

/// The project's phases, in order.
pub(crate) const PHASES: &[Phase] = &[
    Phase { title: "Rust toolchain", up: toolchain, down: nothing },
    Phase { title: "C compiler", up: c_compiler, down: nothing },
    Phase { title: "PostgreSQL, Redis and Kafka", up: services::install, down: nothing },
];

/// Brings every phase up, runs the body, and takes down again what came up.
///
/// # Errors
/// The first phase that fails to come up, else the body's error, else the first that fails to go down.
pub(crate) fn within<T>(phases: &[Phase], body: impl FnOnce() -> Result<T>) -> Result<T> {
    let Some((first, rest)) = phases.split_first() else {
        return body();
    };
    (first.up)().with_context(|| format!("the tests need: {}", first.title))?;
    let outcome = within(rest, body);
    let down = (first.down)().with_context(|| format!("cannot take down: {}", first.title));
    let value = outcome?;
    down?;
    Ok(value)
}

fn toolchain() -> Result<()> {
    let version = run::capture(&mut run::cargo(&["--version"])?)?;
    println!("{}", version.trim());
    Ok(())
}

/// SQLite is compiled from its C source, so that no test depends on the system's version of it.
fn c_compiler() -> Result<()> {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    run::capture(Command::new(compiler).arg("--version")).context("install gcc or clang, or set CC")?;
    Ok(())
}

fn nothing() -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use anyhow::bail;

    use super::*;

    thread_local! {
        static SEEN: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    }

    fn see(step: &'static str) -> Result<()> {
        SEEN.with_borrow_mut(|seen| seen.push(step));
        Ok(())
    }

    const DATABASE: Phase =
        Phase { title: "database", up: || see("database up"), down: || see("database down") };
    const BROKER: Phase = Phase { title: "broker", up: || see("broker up"), down: || see("broker down") };
    const BROKEN: Phase =
        Phase { title: "broken", up: || bail!("no such service"), down: || see("broken down") };

    fn check(phases: &[Phase], body: fn() -> Result<()>, expected: &[&str]) -> Result<()> {
        SEEN.take();
        let outcome = within(phases, body);
        assert_eq!(SEEN.take(), expected);
        outcome
    }

    #[test]
    fn phases_go_down_in_reverse_order() {
        let seen = ["database up", "broker up", "tests", "broker down", "database down"];
        check(&[DATABASE, BROKER], || see("tests"), &seen).unwrap();
    }

    #[test]
    fn failing_tests_still_take_the_phases_down() {
        let error =
            check(&[DATABASE], || bail!("a test failed"), &["database up", "database down"]).unwrap_err();
        assert_eq!(error.to_string(), "a test failed");
    }

    #[test]
    fn a_phase_that_fails_to_come_up_is_named_and_stops_the_tests() {
        let seen = ["database up", "database down"];
        let error = check(&[DATABASE, BROKEN], || see("tests"), &seen).unwrap_err();
        assert_eq!(format!("{error:#}"), "the tests need: broken: no such service");
    }
}
