//! The server as a process of its own: started, killed, and never left behind.

use super::api::Api;
use anyhow::{Context, bail};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a server may take to say where it listens.
const START: Duration = Duration::from_secs(20);
/// How much of the server's log is shown when something goes wrong.
const LOG_LINES: usize = 8;

/// The administrator of the throwaway system.
pub(super) struct Credentials {
    pub(super) email: String,
    pub(super) password: String,
}

impl Credentials {
    /// A new password each time: the server can be reached by whoever shares this machine.
    pub(super) fn made_up() -> Self {
        let random: u64 = rand::random();
        Self { email: "admin@demo.test".to_owned(), password: format!("demo-{random:016x}") }
    }
}

/// Where the throwaway system lives, and as what: the same before and after a crash.
pub(super) struct Home {
    pub(super) data: PathBuf,
    log: PathBuf,
    pub(super) topology: String,
    pub(super) admin: Credentials,
}

impl Home {
    pub(super) fn new(folder: &Path, topology: &str, admin: Credentials) -> Self {
        let (data, log) = (folder.join("data"), folder.join("server.log"));
        Self { data, log, topology: topology.to_owned(), admin }
    }

    /// This binary with `arguments` about this system, free of what the caller's environment configures.
    pub(super) fn command(&self, subcommand: &str) -> std::io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JUMUN_") {
                command.env_remove(name);
            }
        }
        command.arg(subcommand).arg("--topology").arg(&self.topology).arg("--data").arg(&self.data);
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// The end of the server's log.
    pub(super) fn last_log_lines(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n")
    }
}

/// A server that runs, killed when this is dropped.
pub(super) struct Serving {
    child: Child,
    pub(super) api: Api,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself, which is what is wanted.
        let _ = self.kill();
    }
}

impl Serving {
    /// Starts `jumun serve` and waits until it says where it listens.
    pub(super) async fn start(home: &Home) -> anyhow::Result<Self> {
        let log = File::options().create(true).append(true).open(&home.log)?;
        let child = home
            .command("serve")?
            .args(["--listen", "127.0.0.1:0", "--rate-limit", "off", "--currency", "KRW"])
            .env("JUMUN_ADMIN_EMAIL", &home.admin.email)
            .env("JUMUN_ADMIN_PASSWORD", &home.admin.password)
            // A PG that never answers is given up on sooner than a shop would.
            .env("JUMUN_PG__CALL_TIMEOUT_S", "1")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("the server cannot be started")?;
        // Owned from here on: whatever goes wrong below, it is killed.
        let mut serving = Self { child, api: Api::new(String::new(), String::new())? };
        let mut lines = serving.lines()?;
        let said = tokio::time::timeout(START, addresses(&mut lines)).await;
        match said.ok().flatten() {
            Some((url, pg_url)) => {
                serving.api = Api::new(url, pg_url)?;
                Ok(serving)
            }
            None => bail!("the server did not start:\n{}", home.last_log_lines()),
        }
    }

    /// SIGKILL: no signal handler, no goodbye.
    pub(super) fn kill(&mut self) -> std::io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }

    /// What it prints. Read to the end by a thread, so that a server that prints more never writes into a closed pipe.
    fn lines(&mut self) -> anyhow::Result<mpsc::UnboundedReceiver<String>> {
        let stdout = self.child.stdout.take().context("the server's output is not piped")?;
        let (sender, receiver) = mpsc::unbounded_channel();
        std::thread::Builder::new().name("server-output".to_owned()).spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody listens once the addresses are known.
                let _ = sender.send(line);
            }
        })?;
        Ok(receiver)
    }
}

/// The addresses that the server and the PG simulator say they listen on; `None` if it ended before it said them.
async fn addresses(lines: &mut mpsc::UnboundedReceiver<String>) -> Option<(String, String)> {
    let mut url = None;
    while let Some(line) = lines.recv().await {
        let found = line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned);
        if line.starts_with("jumun serves") {
            url = found;
        } else if line.trim_start().starts_with("PG simulator") {
            return url.zip(found);
        }
    }
    None
}
