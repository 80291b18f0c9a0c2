//! The binary on a data folder of its own: started, stopped, killed, and never left behind.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use tempfile::TempDir;

pub(crate) const ADMIN: &str = "admin@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery";
/// Known to the tests, so that they can make access tokens of their own.
pub(crate) const SIGNING_KEY: &str = "a signing key that only these tests know";

/// Where a system lives, and how it is configured: the same before and after a crash.
pub(crate) struct Home {
    folder: TempDir,
    pub(crate) topology: String,
    /// The command that starts it: all in one process, or a process per unit.
    starts: &'static str,
    environment: Vec<(&'static str, String)>,
}

impl Home {
    /// A system that asks its PG impatiently and knows its administrator.
    pub(crate) fn new(topology: &str) -> Self {
        Self::bare(topology)
            .with("JUMUN_ADMIN_EMAIL", ADMIN)
            .with("JUMUN_ADMIN_PASSWORD", PASSWORD)
            .with("JUMUN_SIGNING_KEY", SIGNING_KEY)
            .with("JUMUN_RATE_LIMIT", "off")
            .with("JUMUN_PG__CALL_TIMEOUT_S", "1")
            .with("JUMUN_PG__SETTLING_S", "1")
            .with("JUMUN_PG__BUDGET_S", "4")
    }

    /// One whose orders have time: however long an outage takes on this machine, none is given up for it.
    pub(crate) fn patient(topology: &str) -> Self {
        Self::new(topology).with("JUMUN_DEADLINE_S", "600").with("JUMUN_PG__BUDGET_S", "600")
    }

    /// A system as it comes, with nothing configured. `spread:NAME` is a topology with a process per unit, and a gateway before them.
    pub(crate) fn bare(topology: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let (starts, topology) = match topology.strip_prefix("spread:") {
            Some(spread) => ("up", spread),
            None => ("serve", topology),
        };
        Self { folder, topology: topology.to_owned(), starts, environment: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// What its server has said on stderr so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap()
    }

    /// What it is made of, in a few words.
    pub(crate) fn parts(&self) -> String {
        let has = |name: &str| self.environment.iter().any(|(given, _)| *given == name);
        let parts = [
            (self.starts == "up", "a process a unit"),
            (has("JUMUN_DATABASE"), "PostgreSQL"),
            (has("JUMUN_KAFKA"), "Kafka"),
            (has("JUMUN_RANKING__REDIS"), "Redis"),
        ];
        let parts = parts.into_iter().filter(|(is_there, _)| *is_there).map(|(_, part)| part);
        std::iter::once(self.topology.as_str()).chain(parts).collect::<Vec<_>>().join(", ")
    }

    /// `jumun <arguments>` about this system, free of what the caller's environment configures.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jumun"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JUMUN_") {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.args(arguments).arg("--topology").arg(&self.topology).arg("--data").arg(self.data());
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a server that must not start says, and its exit code.
    pub(crate) fn refusal(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    /// Starts a server, and waits until it says where it listens.
    pub(crate) fn start(&self) -> Serving {
        self.start_with(&[])
    }

    pub(crate) fn start_with(&self, arguments: &[&str]) -> Serving {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.command(&[&[self.starts, "--listen", "127.0.0.1:0"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        let reader = std::thread::spawn(move || {
            let mut said = String::new();
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                said.push_str(&line);
                said.push('\n');
                // Nobody listens once the addresses are known.
                let _ = sender.send(line);
            }
            said
        });
        // Owned from here on: whatever goes wrong below, it is killed.
        let mut serving = Serving { child, told: Told::default(), reader: Some(reader) };
        match told(&lines) {
            Some(told) => serving.told = told,
            None => panic!("the server did not start:\n{}", std::fs::read_to_string(self.log()).unwrap()),
        }
        serving
    }

    /// `jumun audit --json`: its exit code and its report.
    pub(crate) fn audit(&self) -> (Option<i32>, Value) {
        let output = self.run(&["audit", "--json"]);
        let report = serde_json::from_slice(&output.stdout);
        let report = report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code(), report)
    }

    /// The books agree, the PG's among them. (A follower that was killed may still be behind; it is told, not judged.)
    /// Its report.
    pub(crate) fn audit_is_clean(&self) -> Value {
        let (code, report) = self.audit();
        assert_eq!((code, &report["discrepancies"]["count"]), (Some(0), &serde_json::json!(0)), "{report:#}");
        assert!(!report["notes"].to_string().contains("not checked"), "{report:#}");
        report
    }
}

impl Drop for Home {
    /// Of a test that fails, what its server said last is worth more than the folder that goes.
    #[expect(clippy::print_stderr, reason = "heard by whoever runs the tests")]
    fn drop(&mut self) {
        const LINES: usize = 40;
        if std::thread::panicking() {
            let said = std::fs::read_to_string(self.log()).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            let last = &lines[lines.len().saturating_sub(LINES)..];
            eprintln!("the log of {} ends:\n{}", self.topology, last.join("\n"));
        }
    }
}

/// Sends a process a signal, `-KILL` or the like.
pub(crate) fn signal(signal: &str, process: u32) {
    let sent = Command::new("kill").arg(signal).arg(process.to_string()).status().unwrap();
    assert!(sent.success());
}

/// Whether a process has not ended.
pub(crate) fn is_there(process: u32) -> bool {
    let asked = Command::new("kill").arg("-0").arg(process.to_string()).stderr(Stdio::null()).status();
    asked.unwrap().success()
}

/// What a server says of itself at its start.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) url: String,
    pub(crate) pg_url: String,
    /// Where its units are, and as which processes, where each is one of its own.
    pub(crate) units: BTreeMap<String, (String, u32)>,
}

/// What it says, up to the PG simulator's address; `None` if it ended before.
fn told(lines: &Receiver<String>) -> Option<Told> {
    let mut told = Told::default();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let found =
            words.iter().find(|word| word.starts_with("http://")).map(|url| url.trim_end_matches(','));
        match (words.as_slice(), found) {
            (["jumun", "serves", ..], Some(url)) => url.clone_into(&mut told.url),
            (["unit", unit, url, "process", id], _) => {
                told.units.insert((*unit).to_owned(), ((*url).to_owned(), id.parse().unwrap()));
            }
            (["PG", "simulator", ..], Some(url)) => {
                url.clone_into(&mut told.pg_url);
                return Some(told);
            }
            _ => {}
        }
    }
    None
}

/// A server that runs, killed when this is dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) told: Told,
    /// Hears to the end what it prints.
    reader: Option<JoinHandle<String>>,
}

impl Serving {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: no signal handler, no goodbye.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, as an operator stops it: everything it printed.
    pub(crate) fn stop(mut self) -> String {
        signal("-TERM", self.id());
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}");
        self.reader.take().unwrap().join().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
