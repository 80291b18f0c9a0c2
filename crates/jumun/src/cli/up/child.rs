//! One unit as a process, or the PG simulator: started, watched, ended.

use crate::cli::SystemArgs;
use crate::cli::serve::READY;
use anyhow::{Context, bail};
use jumun::Config;
use jumun::config::PG_NAME;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};

/// How long a process may take to say where it listens.
const START: Duration = Duration::from_secs(30);
/// How long it may take to end before it is killed.
const END: Duration = Duration::from_secs(25);
/// The name of the PG simulator, where it is a process of its own.
pub(super) const SIMULATOR: &str = "pg-simulator";
/// How much of its log is shown if it does not start.
const LOG_LINES: usize = 8;

/// How a process is started, the first time and each time again.
pub(super) struct Plan {
    name: String,
    arguments: Vec<OsString>,
    environment: BTreeMap<String, String>,
    log: PathBuf,
}

impl Plan {
    /// A unit, or an instance of one, called `name`, that listens on `listen`.
    pub(super) fn unit(
        config: &Config,
        system: &SystemArgs,
        (unit, name): (&str, &str),
        listen: SocketAddr,
        whereabouts: &BTreeMap<String, String>,
    ) -> Self {
        let mut arguments: Vec<OsString> =
            ["serve", "--with-parent", "--unit", unit, "--listen"].map(Into::into).into();
        arguments.push(listen.to_string().into());
        arguments.extend(["--rate-limit".into(), config.file.rate_limit.clone().into()]);
        arguments.extend(["--topology".into(), config.file.topology.clone().into()]);
        arguments.extend(["--currency".into(), config.file.currency.clone().into()]);
        arguments.extend(["--data".into(), config.file.data.clone().into()]);
        if let Some(file) = &system.config {
            arguments.extend(["--config".into(), file.into()]);
        }
        let mut environment = whereabouts.clone();
        if let Some(database) = &config.file.database {
            // Not among the arguments, where others could read its password.
            environment.insert("JUMUN_DATABASE".to_owned(), database.0.clone());
        }
        if let Some(brokers) = &config.file.kafka.brokers {
            environment.insert("JUMUN_KAFKA".to_owned(), brokers.clone());
        }
        Self::new(config, name, arguments, environment)
    }

    /// The PG simulator on `listen`, which tells the gateway at `front` of changes.
    pub(super) fn simulator(config: &Config, listen: SocketAddr, front: SocketAddr, secret: String) -> Self {
        let mut arguments: Vec<OsString> =
            ["pg-simulator", "--with-parent", "--listen"].map(Into::into).into();
        arguments.push(listen.to_string().into());
        arguments.extend(["--data".into(), config.file.data.clone().into()]);
        let webhooks = format!("http://{front}/v1/webhooks/pg/{PG_NAME}");
        arguments.extend(["--webhook-url".into(), webhooks.into()]);
        arguments.extend(["--duplicate-percent=10", "--reorder-percent=10"].map(Into::into));
        let environment = [("JUMUN_PG__WEBHOOK_SECRET".to_owned(), secret)];
        Self::new(config, SIMULATOR, arguments, environment.into())
    }

    fn new(
        config: &Config,
        name: &str,
        arguments: Vec<OsString>,
        environment: BTreeMap<String, String>,
    ) -> Self {
        let log = config.file.data.join(format!("{name}.log"));
        Self { name: name.to_owned(), arguments, environment, log }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// What it tells of itself beside its address, up to the word that it is ready. (The documentation is the gateway's, and Kafka is
/// everybody's.)
async fn told(lines: &mut Lines<BufReader<ChildStdout>>) -> Vec<String> {
    let mut told = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if line == READY {
            break;
        }
        if !["documentation", "Kafka"].iter().any(|said| line.trim_start().starts_with(said)) {
            told.push(line);
        }
    }
    told
}

/// A process that runs. Dropped, it is killed.
pub(super) struct Child {
    name: String,
    process: tokio::process::Child,
    id: u32,
    /// Held open: it ends with this process, and the other one with it.
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
            .with_context(|| format!("{} cannot be started", plan.name))?;
        let lines = process.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        Ok(Self {
            name: plan.name.clone(),
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
            bail!("{} did not start:\n{}", self.name, self.last_log_lines());
        };
        self.url = url;
        let told = tokio::time::timeout(START, told(&mut lines)).await;
        self.told = told.with_context(|| format!("{} did not start", self.name))?;
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
            tracing::warn!(name = self.name, ?asked, ?ended, "a process did not end well");
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
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
