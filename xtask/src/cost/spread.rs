//! Jumun with a process a unit: `jumun up` on PostgreSQL and Kafka, and `jumun bench` at its gateway.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use services::{Kafka, Postgres};

use super::Load;
use super::ours::read_rate;
use super::processes::{Each, Processes};
use super::spent::{One, Spent};
use crate::run;

/// Who fills the shop. (Nothing of it is a secret: the system listens on the loopback address, and is thrown away.)
const ADMIN: [(&str, &str); 2] =
    [("JUMUN_ADMIN_EMAIL", "admin@example.com"), ("JUMUN_ADMIN_PASSWORD", "correct horse battery")];

/// A topology spread out.
pub(super) struct Spread<'a> {
    pub(super) topology: &'a str,
    pub(super) load: Load,
    pub(super) in_flight: u32,
}

impl Spread<'_> {
    /// So many orders over HTTP, with what a run of a quarter of them costs taken off.
    pub(super) fn run(&self, server: &Postgres, kafka: &Kafka, orders: u32) -> Result<(One, Each)> {
        let fewer = (orders / 4).max(1);
        let small = self.measure(server, kafka, fewer)?;
        let whole = self.measure(server, kafka, orders)?;
        let more = f64::from(orders - fewer);
        let small_each = small.after.taken(&small.idle);
        Ok((
            One::new(whole.rate, more, whole.spent.since(small.spent)),
            whole.after.each(&whole.idle, &small_each, more),
        ))
    }

    fn measure(&self, server: &Postgres, kafka: &Kafka, orders: u32) -> Result<Ran> {
        let name = format!("spread_{:08x}", std::process::id() ^ orders);
        let folder = run::target_dir()?.join("cost").join(&name);
        let ran = self.measure_in(server, kafka, orders, &name, &folder);
        for database in server.run("postgres", "SELECT datname FROM pg_database")?.lines() {
            if database.starts_with(&name) {
                server.run("postgres", &format!("DROP DATABASE \"{database}\""))?;
            }
        }
        std::fs::remove_dir_all(&folder)?;
        ran
    }

    fn measure_in(
        &self,
        server: &Postgres,
        kafka: &Kafka,
        orders: u32,
        name: &str,
        folder: &Path,
    ) -> Result<Ran> {
        server.run("postgres", "CHECKPOINT")?;
        let before = Spent::read(server)?;
        let jumun = |arguments: &[&str]| -> Result<Command> {
            let mut command = Command::new(run::target_dir()?.join("release/jumun"));
            command.args(arguments).args(["--topology", self.topology, "--data"]).arg(folder);
            command.env("JUMUN_DATABASE", server.url(name)).env("JUMUN_LOG", "error").envs(ADMIN);
            Ok(command)
        };
        let mut up = jumun(&["up", "--listen", "127.0.0.1:0", "--rate-limit", "off"])?;
        up.env("JUMUN_KAFKA", kafka.bootstrap()).env("JUMUN_KAFKA__PREFIX", name);
        let up = Up::start(up)?;
        let idle = Processes::read(up.child.id(), kafka)?;
        let mut bench = jumun(&["bench", "--json", "--users", "100", "--warm-up", "1000", "--url", &up.url])?;
        bench.args(["--wait", "60"]);
        bench.arg(format!("--orders={orders}")).arg(format!("--clients={}", self.in_flight));
        if self.load == Load::Hot {
            bench.arg("--hot-sku");
        }
        let said = run::capture(&mut bench)?;
        let after = Processes::read(up.child.id(), kafka)?;
        up.stop()?;
        let spent = Spent::read(server)?.since(before);
        let result: Value = serde_json::from_str(&said).context("jumun bench prints one document")?;
        let rate = read_rate(&result, orders).with_context(|| self.to_string())?;
        Ok(Ran { rate, spent, idle, after })
    }
}

/// One run.
struct Ran {
    /// Orders a second.
    rate: f64,
    spent: Spent,
    /// The processes before the first request.
    idle: Processes,
    /// After the last.
    after: Processes,
}

impl std::fmt::Display for Spread<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { topology, load, in_flight } = self;
        write!(f, "{topology}, a process a unit, HTTP and Kafka, {load}, {in_flight} in flight")
    }
}

/// A system that runs, ended when this is dropped.
struct Up {
    child: Child,
    url: String,
}

impl Up {
    fn start(mut command: Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn().context("jumun up does not start")?;
        let said = child.stdout.take().context("jumun up has no output")?;
        let mut up = Self { child, url: String::new() };
        let mut lines = BufReader::new(said).lines().map_while(std::result::Result::ok);
        let url = lines.find_map(|line| {
            line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
        });
        up.url = url.context("jumun up ended before it listened")?.trim_end_matches(',').to_owned();
        // Heard to its end: who is not listened to would fail at the next word.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(up)
    }

    fn stop(mut self) -> Result<()> {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        ensure!(asked.success() && self.child.wait()?.success(), "jumun up did not end well");
        Ok(())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
