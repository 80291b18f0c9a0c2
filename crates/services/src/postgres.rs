//! PostgreSQL: its programs, its data folder, its settings.

use crate::access::{Access, write_secret};
use crate::account::Account;
use crate::programs::{major_version, on_path, output};
use crate::service::{Place, Service, owned};
use crate::throwaway::Throwaway;
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The oldest version that is known to do.
const OLDEST: u32 = 15;
/// Who may do everything in it.
const SUPERUSER: &str = "jumun";
/// Where its programs may be, before the search path is looked at.
const BINARIES: &str = "JUMUN_PG_BIN";
/// Where Debian and Ubuntu put them, a folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// PostgreSQL for a test: durable as it comes, one superuser with a password.
pub type Postgres = Throwaway<PostgresServer>;

/// How PostgreSQL is run.
#[derive(Clone, Debug)]
pub struct PostgresServer {
    binaries: PathBuf,
    access: Access,
    settings: Vec<(String, String)>,
}

impl PostgresServer {
    /// A client's command about `database`.
    fn psql(&self, database: &str, statement: &str) -> Command {
        let mut command = Command::new(self.binaries.join("psql"));
        command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]);
        command.args(["--host=127.0.0.1", "--username", SUPERUSER, "--dbname", database]);
        command.arg(format!("--port={}", self.port())).arg("--command").arg(statement);
        command.env("PGPASSWORD", self.access.password()).env("PGCONNECT_TIMEOUT", "2").stdin(Stdio::null());
        command
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}:{}@127.0.0.1:{}/{database}", self.access.password(), self.port())
    }
}

impl Service for PostgresServer {
    const NAME: &'static str = "postgres";
    // A fast shutdown: sessions are ended, what they have committed is kept.
    const STOP: Signal = Signal::SIGINT;

    fn new(access: Access, settings: &[(&str, &str)]) -> Result<Self> {
        Ok(Self { binaries: binaries()?, access, settings: owned(settings) })
    }

    fn access(&self) -> &Access {
        &self.access
    }

    fn account(&self) -> Result<Account> {
        Account::unprivileged()
    }

    fn prepare(&self, place: &Place) -> Result<()> {
        if place.data().join("PG_VERSION").is_file() {
            return Ok(());
        }
        let account = self.account()?;
        let password = place.folder().join("superuser");
        write_secret(&password, self.access.password())?;
        account.own_file(&password)?;
        let mut command = Command::new(self.binaries.join("initdb"));
        command.arg("--pgdata").arg(place.data()).arg("--pwfile").arg(&password);
        command.args(["--username", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]);
        account.run_as(command.current_dir(place.folder()));
        output(&mut command)?;
        Ok(std::fs::remove_file(password)?)
    }

    fn command(&self, place: &Place) -> Result<Command> {
        let mut command = Command::new(self.binaries.join("postgres"));
        command.arg("-D").arg(place.data()).arg("-p").arg(self.port().to_string());
        let own = [("listen_addresses", "127.0.0.1"), ("unix_socket_directories", "")];
        let given = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.into_iter().chain(given) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        Ok(command)
    }

    fn ask(&self) -> Result<()> {
        output(&mut self.psql("postgres", "SELECT 1")).map(drop)
    }

    /// A database of the superuser's name, which is where clients look if they are told no other.
    fn furnish(&self) -> Result<()> {
        let look = format!("SELECT datname FROM pg_database WHERE datname = '{SUPERUSER}'");
        if output(&mut self.psql("postgres", &look))?.is_empty() {
            output(&mut self.psql("postgres", &format!("CREATE DATABASE {SUPERUSER}")))?;
        }
        Ok(())
    }

    fn url(&self) -> String {
        self.url_of(SUPERUSER)
    }
}

impl Postgres {
    /// The one that all tests of this process share: it ends with the process. Whoever kills, stops or pauses a server starts their own.
    ///
    /// # Errors
    /// As [`Throwaway::start`].
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<Postgres, String>> = OnceLock::new();
        // Whole systems of several databases use it side by side, and no test of it cuts the power.
        let settings = [("max_connections", "500"), ("fsync", "off"), ("full_page_writes", "off")];
        Self::once(&SHARED, &settings)
    }

    /// The URL of the database called `name`, which need not exist.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        self.service().url_of(name)
    }

    /// Makes a database that no other test has, and returns its name.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn fresh_database(&self) -> Result<String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed));
        self.run("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(name)
    }

    /// One of its client programs (`pgbench`, `pg_dump`), told by its environment where the server is and who asks.
    #[must_use]
    pub fn client(&self, program: &str) -> Command {
        let server = self.service();
        let mut command = Command::new(server.binaries.join(program));
        command.env("PGHOST", "127.0.0.1").env("PGPORT", server.port().to_string());
        command.env("PGUSER", SUPERUSER).env("PGPASSWORD", server.access.password()).stdin(Stdio::null());
        command
    }

    /// Has it speak TLS from now on, by a certificate and its key (PEM each), to those who ask for it. It is started again for that.
    ///
    /// # Errors
    /// If the files cannot be written, or it does not start with them.
    pub fn speak_tls(&self, certificate: &str, key: &str) -> Result<()> {
        let account = self.service().account()?;
        // It looks for them under these names, and refuses a key that others may read.
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let file = self.place().data().join(name);
            write_secret(&file, text)?;
            account.own_file(&file)?;
        }
        self.run("postgres", "ALTER SYSTEM SET ssl = on")?;
        self.restart()
    }

    /// Runs a statement in the database called `name`, beside whatever the test itself does, and returns what it answers: a line a
    /// row, `|` between columns.
    ///
    /// # Errors
    /// If it fails.
    pub fn run(&self, name: &str, statement: &str) -> Result<String> {
        output(&mut self.service().psql(name, statement))
    }
}

/// Where PostgreSQL's programs are.
///
/// # Errors
/// If there are none, or only older ones: how to get them.
pub(crate) fn binaries() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os(BINARIES) {
        return usable(Path::new(&folder)).with_context(|| format!("{BINARIES}={}", folder.display()));
    }
    let mut tried = Vec::new();
    for folder in candidates() {
        match usable(&folder) {
            Ok(folder) => return Ok(folder),
            Err(error) => tried.push(format!("{error:#}")),
        }
    }
    let tried = if tried.is_empty() { String::new() } else { format!(" ({})", tried.join("; ")) };
    bail!(
        "PostgreSQL {OLDEST} or newer is not installed{tried}: `cargo xtask services up` installs it on Debian and Ubuntu; elsewhere \
         install it, and set {BINARIES} to the folder of its programs if they are not on the search path"
    )
}

/// Folders that may hold its programs, the newest version first.
fn candidates() -> Vec<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().filter_map(Result::ok);
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    let mut folders: Vec<PathBuf> = versions.into_iter().rev().map(|(_, folder)| folder).collect();
    folders.extend(on_path("postgres").and_then(|program| program.parent().map(Path::to_owned)));
    folders
}

/// `folder`, if it holds all that is needed, new enough.
fn usable(folder: &Path) -> Result<PathBuf> {
    for program in ["postgres", "initdb", "psql"] {
        ensure!(folder.join(program).is_file(), "{} holds no {program}", folder.display());
    }
    let said = output(Command::new(folder.join("postgres")).arg(OsStr::new("--version")))?;
    let version = major_version(&said).with_context(|| format!("no version: {said}"))?;
    ensure!(version >= OLDEST, "{} holds version {version}", folder.display());
    Ok(folder.to_owned())
}
