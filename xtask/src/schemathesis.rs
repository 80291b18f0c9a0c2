//! `cargo xtask schemathesis`: a server that runs, held against its own description by a tool that knows neither.
//!
//! The tool is a program in Python. It gets an environment of its own under the target folder, at the versions of
//! `schemathesis/requirements.txt`; what it asks, and which refusals are right, stands in `schemathesis/schemathesis.toml`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::channel;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::run;

/// How much is asked.
#[derive(Args)]
pub(crate) struct Schemathesis {
    /// A shipped topology, or a file.
    #[arg(long, default_value = "seven-services")]
    topology: String,
    /// At most so many generated requests an operation and phase.
    #[arg(long, default_value_t = 50)]
    examples: u32,
    /// What the requests are generated from.
    #[arg(long, default_value_t = 1)]
    seed: u32,
}

/// An administrator who is known, and a gateway that is not waited for long. (Nothing of it is a secret: the server listens on the
/// loopback address, over a folder that is thrown away.)
const ENVIRONMENT: &[(&str, &str)] = &[
    ("JUMUN_ADMIN_EMAIL", "admin@example.com"),
    ("JUMUN_ADMIN_PASSWORD", "correct horse battery"),
    ("JUMUN_RATE_LIMIT", "off"),
    ("JUMUN_PG__CALL_TIMEOUT_S", "1"),
    ("JUMUN_PG__SETTLING_S", "1"),
    ("JUMUN_PG__BUDGET_S", "2"),
    ("JUMUN_PG__WEBHOOK_SECRET", "whsec_c2NoZW1hdGhlc2lzIHdlYmhvb2sgc2VjcmV0IDEyMzQ="),
];

/// Builds and fills a shop, asks it everything, and looks through its books. Fails if any answer is not as described, if the
/// server does not end well, or if the books do not agree.
pub(crate) fn run(asked: &Schemathesis) -> Result<ExitCode> {
    let python = python()?;
    let built = run::stream(&mut run::cargo(&["build", "--package", "jumun", "--locked"])?)?;
    ensure!(built.success(), "the server does not build");
    let data = run::target_dir()?.join("schemathesis-data");
    if data.exists() {
        fs::remove_dir_all(&data).context("the last run's data cannot be removed")?;
    }

    let mut server = Server::start(&asked.topology, &data)?;
    let mut tool = Command::new(python);
    tool.arg(folder()?.join("run.py")).arg(&server.url).envs(ENVIRONMENT.iter().copied());
    tool.arg(format!("--max-examples={}", asked.examples)).arg(format!("--seed={}", asked.seed));
    let judged = run::stream(&mut tool)?;
    server.stop()?;

    let audited = run::stream(&mut jumun("audit", &asked.topology, &data)?)?;
    ensure!(audited.success(), "the books do not agree");
    Ok(run::exit_code(judged))
}

fn folder() -> Result<PathBuf> {
    Ok(run::root()?.join("xtask").join("schemathesis"))
}

/// The interpreter of the tool's own environment, which is made unless it holds just what is asked for.
fn python() -> Result<PathBuf> {
    let home = run::target_dir()?.join("schemathesis");
    let (python, installed) = (home.join("bin").join("python"), home.join("installed.txt"));
    let wanted = folder()?.join("requirements.txt");
    let text = fs::read_to_string(&wanted).context("requirements.txt cannot be read")?;
    if fs::read_to_string(&installed).is_ok_and(|present| present == text) {
        return Ok(python);
    }
    let made = run::stream(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
    ensure!(made.success(), "install Python 3 with its module `venv`");
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    let ended = run::stream(Command::new(&python).args(install).arg(&wanted))?;
    ensure!(ended.success(), "Schemathesis cannot be installed");
    fs::write(&installed, text)?;
    Ok(python)
}

/// A command of `jumun` about the shop in `data`, configured by nothing but [`ENVIRONMENT`].
fn jumun(name: &str, topology: &str, data: &Path) -> Result<Command> {
    let mut command = Command::new(run::target_dir()?.join("debug").join("jumun"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("JUMUN_") {
            command.env_remove(name);
        }
    }
    command.envs(ENVIRONMENT.iter().copied());
    command.arg(name).arg("--topology").arg(topology).arg("--data").arg(data);
    Ok(command)
}

/// A server that runs, killed when this is dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Starts a server, and waits until it says where it listens.
    fn start(topology: &str, data: &Path) -> Result<Self> {
        let mut command = jumun("serve", topology, data)?;
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let mut child = command.spawn().context("the server does not start")?;
        let said = child.stdout.take().context("the server has no output")?;
        let (sender, urls) = channel();
        // Heard to its end: a server that nobody listens to would fail at its next word.
        std::thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(std::result::Result::ok) {
                if let Some(url) = line.split_whitespace().find(|word| word.starts_with("http://")) {
                    let _ = sender.send(url.to_owned());
                }
            }
        });
        let mut server = Self { child, url: String::new() };
        server.url = urls.recv().context("the server ended before it listened")?;
        Ok(server)
    }

    /// Stops it as an operator does.
    fn stop(&mut self) -> Result<()> {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        ensure!(asked.success(), "the server had ended before it was stopped");
        let ended = self.child.wait()?;
        ensure!(ended.success(), "the server did not end well: {ended}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
