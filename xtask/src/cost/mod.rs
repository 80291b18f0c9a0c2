//! `cargo xtask cost`: orders on PostgreSQL, Jumun's beside a plain transaction's, on one server in one run.
//!
//! The plain side is pgbench with `order.sql`: what a shop does without Jumun. Both get the same server, started here as it comes
//! (`fsync` and `synchronous_commit` on) with [`SETTINGS`]. Machines differ and are noisy, so that only ratios mean much.

#![expect(clippy::float_arithmetic, reason = "rates and ratios, no money")]

mod ours;
mod plain;
mod processes;
mod spent;
mod spread;
mod table;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use services::{JVM_OPTIONS, Kafka, Part, Postgres};

use crate::run;
use ours::{Door, Ours};
use plain::Plain;
use spread::Spread;
use table::Measured;

/// How much is measured.
#[derive(Args)]
pub(crate) struct Cost {
    /// Times that everything is measured, one after the other; medians are shown.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How long pgbench runs with each number of clients, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Orders of each of Jumun's runs that count.
    #[arg(long, default_value_t = 20_000)]
    orders: u32,
    /// Numbers of clients that pgbench is given.
    #[arg(long, value_delimiter = ',', default_value = "16,32,64,128")]
    clients: Vec<u32>,
    /// Only these topologies.
    #[arg(long, value_delimiter = ',', default_value = "monolith,seven-services")]
    topologies: Vec<String>,
    /// This topology with a process a unit, too, and Kafka between them.
    #[arg(long, value_name = "TOPOLOGY")]
    spread: Option<String>,
    /// More arguments of `jumun bench`, after `--`.
    #[arg(last = true)]
    bench: Vec<String>,
}

/// What a server for orders is given: both sides the same.
const SETTINGS: &[(&str, &str)] = &[
    ("shared_buffers", "1GB"),
    ("max_wal_size", "8GB"),
    ("checkpoint_timeout", "15min"),
    ("wal_compression", "on"),
    ("max_connections", "300"),
];

/// A broker that runs for long, not one that starts fast.
const KAFKA: &[(&str, &str)] = &[(JVM_OPTIONS, "-XX:+UseSerialGC")];

/// Which products are ordered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Load {
    /// A thousand, all as likely.
    Uniform,
    /// One.
    Hot,
}

/// Builds Jumun, measures both sides, and prints a table in Markdown.
pub(crate) fn run(asked: &Cost) -> Result<ExitCode> {
    ensure!(asked.rounds > 0 && asked.orders > 0 && !asked.clients.is_empty(), "there is nothing to measure");
    services::install(Part::Postgres)?;
    let built = run::stream(&mut run::cargo(&["build", "--release", "--package", "jumun", "--locked"])?)?;
    ensure!(built.success(), "jumun does not build");
    let server = Postgres::with(SETTINGS)?;
    let kafka = asked
        .spread
        .as_ref()
        .map(|_| services::install(Part::Kafka).and_then(|()| Kafka::with(KAFKA)))
        .transpose()?;
    let plain = Plain::new(&server)?;
    let mut measured = Measured::default();
    for round in 1..=asked.rounds {
        for load in [Load::Uniform, Load::Hot] {
            for &clients in &asked.clients {
                let one = plain.run(load, clients, asked.seconds)?;
                println!("round {round}: pgbench, {load}, {clients} clients: {one}");
                measured.plain(load, clients, one);
            }
            for topology in &asked.topologies {
                for (door, in_flight) in [(Door::Direct, 1_000), (Door::Direct, 64), (Door::Http, 256)] {
                    let ours = Ours { topology, load, door, in_flight, more: &asked.bench };
                    let one = ours.run(&server, asked.orders)?;
                    println!("round {round}: {ours}: {one}");
                    measured.ours(topology, load, door, in_flight, one);
                }
            }
            if let Some((kafka, topology)) = kafka.as_ref().zip(asked.spread.as_deref()) {
                for in_flight in [1_000, 256] {
                    let spread = Spread { topology, load, in_flight };
                    let (one, each) = spread.run(&server, kafka, asked.orders)?;
                    println!("round {round}: {spread}: {one}\n  of each process: {each}");
                    measured.ours(topology, load, Door::Spread, in_flight, one);
                }
            }
        }
    }
    println!("\n{measured}");
    Ok(ExitCode::SUCCESS)
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Uniform => "uniform",
            Self::Hot => "hot",
        })
    }
}
