//! Orders per second through the direct door (no HTTP), to settled, beside the plain transaction per order on the same file
//! system: how fast the line is, so that no later step loses it unseen.
//!
//! `cargo bench -p jumun-shop --bench direct_door -- [orders] [in flight …] [--rounds N]` alternates the plain transaction with each
//! topology and prints ratios of medians; this is what `docs/benchmarks.md` shows. `-- growth [orders]` fills one shop with a
//! million orders and prints how the rate and the memory go. Points pay, so no gateway is asked.
//!
//! Rows per order: the plain transaction writes those of `plain.rs`. Jumun writes the same and, besides, inbox rows (stock, point,
//! payment, sale), log rows, a view, a delivery (written when sent and when taken), cursors.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "a bench prints ratios"
)]

mod account;
mod growth;
mod jumun;
mod plain;

use account::Measured;
use clap::{Parser, Subcommand};
use std::collections::BTreeMap;
use tempfile::TempDir;

const TOPOLOGIES: [(&str, &str); 2] = [
    ("monolith", include_str!("../../../../topologies/monolith.toml")),
    ("seven-services", include_str!("../../../../topologies/seven-services.toml")),
];

/// Products in a uniform run; a hot one has a single SKU.
const PRODUCTS: usize = 1_000;
const USERS: usize = 500;

#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Orders per run.
    #[arg(default_value_t = 20_000)]
    orders: u64,
    /// Orders in flight, each a series of its own.
    #[arg(default_values_t = [1_000, 64])]
    in_flight: Vec<u64>,
    /// How often everything is run.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only topologies with this in their name.
    #[arg(long, default_value = "", global = true)]
    only: String,
    /// Only this shape of load (`uniform` or `hot`).
    #[arg(long, default_value = "")]
    shape: String,
    /// Without the plain transaction: for a profiler.
    #[arg(long)]
    alone: bool,
    /// What `cargo bench` adds.
    #[arg(long, hide = true, global = true)]
    bench: bool,
    #[command(subcommand)]
    command: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Fills one shop per topology and watches rate and memory.
    Growth {
        /// Orders stored in the end.
        #[arg(default_value_t = 1_000_000)]
        orders: u64,
    },
}

/// One run's load.
struct Run {
    orders: u64,
    in_flight: u64,
    users: usize,
    products: usize,
}

fn main() {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(What::Growth { orders }) => growth::watch(orders, &arguments.only),
        None => compare(&arguments),
    }
}

/// Every run of one name, over all rounds.
type Runs = BTreeMap<(u64, String, &'static str), Vec<Measured>>;

fn compare(arguments: &Arguments) {
    let Arguments { orders, rounds, .. } = *arguments;
    println!(
        "{orders} orders a run, {rounds} rounds, batch cap {}, direct door, synchronous=FULL",
        runtime::WorkerConfig::default().batch_cap
    );
    let mut runs = Runs::new();
    for round in 1..=rounds {
        eprint!("\rround {round} of {rounds} ");
        for &in_flight in &arguments.in_flight {
            for (shape, products) in [("uniform", PRODUCTS), ("hot", 1)] {
                let run = Run { orders, in_flight, users: USERS, products };
                for (name, topology) in TOPOLOGIES {
                    if !name.contains(&arguments.only) || !shape.contains(&arguments.shape) {
                        continue;
                    }
                    let mut note = |name: &str, measured| {
                        runs.entry((in_flight, name.to_owned(), shape)).or_default().push(measured);
                    };
                    if !arguments.alone {
                        note("plain", plain::run(folder().path(), &run));
                    }
                    note(name, jumun::run(topology, folder().path(), &run));
                }
            }
        }
    }
    eprintln!();
    report(&runs);
}

fn report(runs: &Runs) {
    println!(
        "in flight                 load    orders/s  x plain  x uniform  cpu us  KB written  orders/commit"
    );
    for ((in_flight, name, shape), measured) in runs {
        let each = |value: &dyn Fn(&Measured) -> f64| {
            median(measured.iter().map(|run| value(run) / run.orders as f64))
        };
        let rate =
            |runs: &Vec<Measured>| median(runs.iter().map(|run| run.orders as f64 / run.took.as_secs_f64()));
        let ratio = |name: &str, shape: &'static str| {
            let other = runs.get(&(*in_flight, name.to_owned(), shape));
            other.map_or_else(|| "-".to_owned(), |other| format!("{:.2}", rate(measured) / rate(other)))
        };
        println!(
            "{in_flight:>9} {name:15} {shape:8} {:8.0} {:>8} {:>10} {:>7.0} {:>11.2} {:>14.1}",
            rate(measured),
            ratio("plain", shape),
            ratio(name, "uniform"),
            each(&|run| run.spent.ticks as f64 * 10_000.0),
            each(&|run| run.spent.written as f64 / 1_000.0),
            1.0 / each(&|run| run.commits as f64),
        );
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

/// A throwaway folder where the build is: on a real file system, whose fsync counts.
fn folder() -> TempDir {
    let base = std::env::var_os("BENCH_DIR").or_else(|| std::env::var_os("CARGO_TARGET_TMPDIR"));
    tempfile::tempdir_in(base.unwrap_or_else(|| option_env!("CARGO_TARGET_TMPDIR").unwrap_or(".").into()))
        .unwrap()
}

/// An idempotency key, spread like the hash that it stands for.
fn key_of(number: u64) -> [u8; 32] {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    key
}
