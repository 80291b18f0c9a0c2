//! Starting other programs, always from the workspace root.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result, anyhow, ensure};

/// The directory that holds the workspace's Cargo.toml.
pub(crate) fn root() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or_else(|| anyhow!("xtask is not inside a workspace"))
}

/// Where every build of this workspace goes: one folder, so nothing is compiled twice.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let shared = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    Ok(root()?.join(shared))
}

/// The cargo that started this process, building into [`target_dir`].
pub(crate) fn cargo(args: &[&str]) -> Result<Command> {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(root()?).env("CARGO_TARGET_DIR", target_dir()?);
    Ok(command)
}

/// Runs with this terminal's input and output, and returns how it ended.
pub(crate) fn stream(command: &mut Command) -> Result<ExitStatus> {
    println!("+ {}", shown(command));
    command.status().with_context(|| format!("cannot start `{}`", shown(command)))
}

/// Runs quietly and returns what it printed; fails if the program does.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", shown(command)))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{}` failed: {}", shown(command), complaint.trim());
    Ok(String::from_utf8(output.stdout)?)
}

/// Passes a program's exit code on as ours; one that a signal ended counts as a plain failure.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
