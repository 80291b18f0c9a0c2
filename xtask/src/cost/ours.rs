//! Jumun's side: `jumun bench` in databases that it throws away.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use services::Postgres;

use super::Load;
use super::spent::{One, Spent};
use crate::run;

/// How orders come in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Door {
    /// Through the shop's own door.
    Direct,
    /// Through HTTP, with the client in the same process.
    Http,
    /// Through HTTP and a gateway, with a process a unit and Kafka between them.
    Spread,
}

/// One way to run Jumun.
pub(super) struct Ours<'a> {
    pub(super) topology: &'a str,
    pub(super) load: Load,
    pub(super) door: Door,
    pub(super) in_flight: u32,
    pub(super) more: &'a [String],
}

impl Ours<'_> {
    /// So many orders. What they cost is what they cost beyond a run of a quarter of them: making the databases and filling the shop is
    /// in both.
    pub(super) fn run(&self, server: &Postgres, orders: u32) -> Result<One> {
        let fewer = (orders / 4).max(1);
        let (_, small) = self.measure(server, fewer)?;
        let (rate, spent) = self.measure(server, orders)?;
        Ok(One::new(rate, f64::from(orders - fewer), spent.since(small)))
    }

    fn measure(&self, server: &Postgres, orders: u32) -> Result<(f64, Spent)> {
        server.run("postgres", "CHECKPOINT")?;
        let mut command = Command::new(run::target_dir()?.join("release/jumun"));
        command.args([
            "bench",
            "--json",
            "--topology",
            self.topology,
            "--users",
            "1000",
            "--warm-up",
            "1000",
        ]);
        command.arg(format!("--orders={orders}")).arg(format!("--clients={}", self.in_flight));
        if self.door == Door::Direct {
            command.arg("--direct");
        }
        if self.load == Load::Hot {
            command.arg("--hot-sku");
        }
        command.args(self.more).env("JUMUN_DATABASE", server.url("cost")).env("JUMUN_LOG", "error");
        let before = Spent::read(server)?;
        let said = run::capture(&mut command)?;
        let spent = Spent::read(server)?.since(before);
        let result: Value = serde_json::from_str(&said).context("jumun bench prints one document")?;
        Ok((read_rate(&result, orders).with_context(|| self.to_string())?, spent))
    }
}

/// Orders a second, if all were confirmed and the books agree.
pub(super) fn read_rate(result: &Value, orders: u32) -> Result<f64> {
    ensure!(result["audit"]["clean"] == true, "the books do not agree");
    ensure!(result["outcomes"]["CONFIRMED"] == orders, "not all were confirmed: {}", result["outcomes"]);
    result["orders_per_second"].as_f64().context("jumun bench says how many a second")
}

impl std::fmt::Display for Ours<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}, {}, {} in flight", self.topology, self.door, self.load, self.in_flight)
    }
}

impl std::fmt::Display for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Http => "HTTP",
            Self::Spread => "spread out",
        })
    }
}
