//! One unit as a process: started, watched, ended.

use crate::cli::SystemArgs;
use crate::cli::serve::READY;
use anyhow::{Context, bail};
use jumun::Config;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};

/// How long a unit may take to say where it listens.
const START: Duration = Duration::from_secs(30);
/// How long it may take to end before it is killed.
const END: Duration = Duration::from_secs(25);
/// How much of its log is shown if it does not start.
const LOG_LINES: usize = 8;

/// How a unit is started, the first time and each time again.
pub(super) struct Plan {
    unit: String,
    arguments: Vec<std::ffi::OsString>,
    environment: BTreeMap<String, String>,
    log: PathBuf,
}

impl Plan {
    /// The unit called `unit` at `listen`, with the others at `ports`.
    pub(super) fn new(
        config: &Config,
        system: &SystemArgs,
        unit: &str,
        listen: SocketAddr,
        ports: &BTreeMap<String, SocketAddr>,
    ) -> Self {
        let mut arguments: Vec<std::ffi::OsString> =
            ["serve", "--with-parent", "--unit", unit, "--listen"].map(Into::into).into();
        arguments.push(listen.to_string().into());
        arguments.extend(["--rate-limit".into(), config.file.rate_limit.clone().into()]);
        arguments.extend(["--topology".into(), config.file.topology.clone().into()]);
        arguments.extend(["--currency".into(), config.file.currency.clone().into()]);
        arguments.extend(["--data".into(), config.file.data.clone().into()]);
        if let Some(file) = &system.config {
            arguments.extend(["--config".into(), file.into()]);
        }
        let address = |(unit, at): (&String, &SocketAddr)| {
            (format!("JUMUN_UNITS__{}", unit.to_ascii_uppercase()), format!("http://{at}"))
        };
        let mut environment: BTreeMap<String, String> = ports.iter().map(address).collect();
        if let Some(database) = &config.file.database {
            // Not among the arguments, where others could read its password.
            environment.insert("JUMUN_DATABASE".to_owned(), database.0.clone());
        }
        Self {
            unit: unit.to_owned(),
            arguments,
            environment,
            log: config.file.data.join(format!("{unit}.log")),
        }
    }

    pub(super) fn unit(&self) -> &str {
        &self.unit
    }
}

/// What it tells of itself beside its address, up to the word that it is ready. (The documentation is the gateway's.)
async fn told(lines: &mut Lines<BufReader<ChildStdout>>) -> Vec<String> {
    let mut told = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if line == READY {
            break;
        }
        if !line.trim_start().starts_with("documentation") {
            told.push(line);
        }
    }
    told
}

/// A unit that runs. Dropped, it is killed.
pub(super) struct Child {
    unit: String,
    process: tokio::process::Child,
    id: u32,
    /// Held open: it ends with this process, and the unit with it.
    _stdin: Option<ChildStdin>,
    lines: Option<Lines<BufReader<ChildStdout>>>,
    log: PathBuf,
    url: String,
    told: Vec<String>,
}

impl Child {
    /// Starts it.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(super) fn start(plan: &Plan) -> anyhow::Result<Self> {
        let log = File::options().create(true).append(true).open(&plan.log);
        let log = log.with_context(|| format!("{} cannot be opened", plan.log.display()))?;
        let program = std::env::current_exe().context("this program's own file is gone")?;
        let mut process = Command::new(program)
            .args(&plan.arguments)
            .envs(&plan.environment)
            // Said by the flags, and not to be heard twice.
            .env_remove("JUMUN_ADMIN_LISTEN")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // A Ctrl-C is for this process, which ends the others in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("the unit {} cannot be started", plan.unit))?;
        let lines = process.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        Ok(Self {
            unit: plan.unit.clone(),
            id: process.id().unwrap_or_default(),
            _stdin: process.stdin.take(),
            process,
            lines,
            log: plan.log.clone(),
            url: String::new(),
            told: Vec::new(),
        })
    }

    /// Waits until it says where it listens.
    ///
    /// # Errors
    /// If it ends before, or takes too long.
    pub(super) async fn listens(&mut self) -> anyhow::Result<()> {
        let Some(mut lines) = self.lines.take() else { return Ok(()) };
        let first = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(url) = line.split_whitespace().find(|word| word.starts_with("http://")) {
                    return Some(url.to_owned());
                }
            }
            None
        };
        let Ok(Some(url)) = tokio::time::timeout(START, first).await else {
            bail!("the unit {} did not start:\n{}", self.unit, self.last_log_lines());
        };
        self.url = url;
        let told = tokio::time::timeout(START, told(&mut lines)).await;
        self.told = told.with_context(|| format!("the unit {} did not start", self.unit))?;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(())
    }

    fn last_log_lines(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n")
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(&mut self) -> String {
        match self.process.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// Asks it to end, and waits until it has.
    pub(super) async fn stop(mut self) {
        let asked = i32::try_from(self.id).map(|id| kill(Pid::from_raw(id), Signal::SIGTERM));
        let ended = tokio::time::timeout(END, self.process.wait()).await;
        let well = matches!(&ended, Ok(Ok(status)) if ExitStatus::success(status));
        if !well {
            tracing::warn!(unit = self.unit, ?asked, ?ended, "a unit did not end well");
        }
    }

    pub(super) fn unit(&self) -> &str {
        &self.unit
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// What it said about itself beside its address.
    pub(super) fn told(&self) -> Vec<String> {
        self.told.clone()
    }
}
