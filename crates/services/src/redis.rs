//! Redis: its program, its settings.

use crate::access::{Access, write_secret};
use crate::programs::{major_version, on_path, output};
use crate::service::{Place, Service, owned};
use crate::throwaway::Throwaway;
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The oldest version that is known to do.
const OLDEST: u32 = 7;

/// Redis for a test: it keeps an append-only file, flushed every second, and asks for a password.
pub type Redis = Throwaway<RedisServer>;

/// How Redis is run.
#[derive(Clone, Debug)]
pub struct RedisServer {
    program: PathBuf,
    access: Access,
    settings: Vec<(String, String)>,
}

impl RedisServer {
    fn cli(&self, words: &[&str]) -> Command {
        let mut command = Command::new("redis-cli");
        command.arg("-p").arg(self.port().to_string()).arg("-e").args(words);
        command.env("REDISCLI_AUTH", self.access.password()).stdin(Stdio::null());
        command
    }
}

impl Service for RedisServer {
    const NAME: &'static str = "redis";
    const STOP: Signal = Signal::SIGTERM;

    fn new(access: Access, settings: &[(&str, &str)]) -> Result<Self> {
        Ok(Self { program: program()?, access, settings: owned(settings) })
    }

    fn access(&self) -> &Access {
        &self.access
    }

    fn prepare(&self, place: &Place) -> Result<()> {
        std::fs::create_dir_all(place.data())?;
        let port = self.port().to_string();
        let own = [
            ("port", port.as_str()),
            ("bind", "127.0.0.1"),
            ("requirepass", self.access.password()),
            ("appendonly", "yes"),
            ("save", "\"\""),
        ];
        let given = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let lines = own.into_iter().chain(given).map(|(name, value)| format!("{name} {value}\n"));
        let folder = format!("dir {:?}\n", place.data());
        write_secret(&configuration(place), &lines.chain([folder]).collect::<String>())
    }

    fn command(&self, place: &Place) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.arg(configuration(place));
        if self.settings.iter().any(|(name, _)| name == "sentinel") {
            command.arg("--sentinel");
        }
        Ok(command)
    }

    fn ask(&self) -> Result<()> {
        let answer = output(&mut self.cli(&["PING"]))?;
        ensure!(answer.trim() == "PONG", "it answers: {answer}");
        Ok(())
    }

    fn url(&self) -> String {
        format!("redis://default:{}@127.0.0.1:{}/0", self.access.password(), self.port())
    }
}

fn configuration(place: &Place) -> PathBuf {
    place.folder().join("redis.conf")
}

impl Redis {
    /// The one that all tests of this process share: it ends with the process. Whoever kills, stops, pauses or flushes a server starts
    /// their own.
    ///
    /// # Errors
    /// As [`Throwaway::start`].
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<Redis, String>> = OnceLock::new();
        Self::once(&SHARED, &[])
    }

    /// Starts a sentinel that watches `master` under this name; it asks for a password of its own.
    ///
    /// # Errors
    /// As [`Throwaway::start`].
    pub fn sentinel_of(master: &Self, name: &str) -> Result<Self> {
        let monitor = format!("monitor {name} 127.0.0.1 {} 1", master.port());
        let login = format!("auth-pass {name} {}", master.service().access.password());
        Self::with(&[("sentinel", monitor.as_str()), ("sentinel", login.as_str())])
    }

    /// Its URL, with the password.
    #[must_use]
    pub fn url(&self) -> String {
        self.service().url()
    }

    /// Its password.
    #[must_use]
    pub fn password(&self) -> &str {
        self.service().access.password()
    }

    /// Gives a command, beside whatever the test itself does, and returns what is answered, a line a value.
    ///
    /// # Errors
    /// If it fails.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        output(&mut self.service().cli(words))
    }
}

/// The server's program.
///
/// # Errors
/// If there is none, or only an older one: how to get it.
pub(crate) fn program() -> Result<PathBuf> {
    let how = "`cargo xtask services up` installs it on Debian and Ubuntu; elsewhere put redis-server and redis-cli on the search path";
    let (Some(program), Some(_)) = (on_path("redis-server"), on_path("redis-cli")) else {
        bail!("Redis {OLDEST} or newer is not installed: {how}");
    };
    let said = output(Command::new(&program).arg("--version"))?;
    let version = major_version(&said).with_context(|| format!("no version: {said}"))?;
    ensure!(
        version >= OLDEST,
        "{} is version {version}, but {OLDEST} or newer is needed: {how}",
        program.display()
    );
    Ok(program)
}
