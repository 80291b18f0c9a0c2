//! Finding programs, and running them to their end.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program called `name` on the search path.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Runs a program to its end, and returns what it printed.
///
/// # Errors
/// If it cannot be started, or fails: then with what it said.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = || command_name(command);
    let started = name();
    let output = command.output().with_context(|| format!("cannot start {started}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{started} failed: {}{}",
        said,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(said)
}

fn command_name(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The first number in what a program says of its version: `postgres (PostgreSQL) 15.18 …` is 15.
pub(crate) fn major_version(said: &str) -> Option<u32> {
    let from = &said[said.find(|letter: char| letter.is_ascii_digit())?..];
    from[..from.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(from.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_first_number_that_is_said() {
        let said = [
            "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
            "Redis server v=7.0.15 sha=00000000:0",
            "openjdk version \"17.0.15\" 2025-04-15",
            "openjdk 21 2023-09-19",
            "no version",
        ];
        assert_eq!(said.map(major_version), [Some(15), Some(7), Some(17), Some(21), None]);
    }
}
