//! The plain side: pgbench.

use std::path::PathBuf;

use anyhow::{Context, Result};
use services::Postgres;

use super::Load;
use super::spent::{One, Spent};
use crate::run;

const DATABASE: &str = "plain";

/// A database for plain orders.
pub(super) struct Plain<'s> {
    server: &'s Postgres,
    script: PathBuf,
}

impl<'s> Plain<'s> {
    pub(super) fn new(server: &'s Postgres) -> Result<Self> {
        server.run("postgres", &format!("CREATE DATABASE {DATABASE}"))?;
        server.run(DATABASE, include_str!("plain.sql"))?;
        let script = run::root()?.join("xtask/src/cost/order.sql");
        Ok(Self { server, script })
    }

    /// Orders by so many clients, for so long.
    pub(super) fn run(&self, load: Load, clients: u32, seconds: u32) -> Result<One> {
        let products = match load {
            Load::Uniform => 1_000,
            Load::Hot => 1,
        };
        // What an earlier run left dead is not this one's to clean up, nor the copying of its pages.
        self.server.run(DATABASE, "VACUUM")?;
        self.server.run(DATABASE, "CHECKPOINT")?;
        let mut command = self.server.client("pgbench");
        command.args(["--no-vacuum", "--protocol=prepared", "--jobs=2"]);
        command.arg(format!("--client={clients}")).arg(format!("--time={seconds}"));
        command.arg(format!("--define=products={products}")).arg("--file").arg(&self.script).arg(DATABASE);
        let before = Spent::read(self.server)?;
        let said = run::capture(&mut command)?;
        let spent = Spent::read(self.server)?.since(before);
        let rate = number(&said, "tps = ").context("pgbench does not say how many transactions a second")?;
        let orders = number(&said, "number of transactions actually processed: ").context("nor how many")?;
        Ok(One::new(rate, orders, spent))
    }
}

/// The number after `label`.
fn number(said: &str, label: &str) -> Option<f64> {
    let (_, rest) = said.split_once(label)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pgbench_says_is_read() {
        let said = "number of transactions actually processed: 21345\nnumber of failed transactions: 0 (0.000%)\n\
                    tps = 1066.914234 (without initial connection time)\n";
        assert_eq!(number(said, "tps = "), Some(1_066.914_234));
        assert_eq!(number(said, "number of transactions actually processed: "), Some(21_345.0));
        assert_eq!(number(said, "latency = "), None);
    }
}
