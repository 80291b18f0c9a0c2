//! Checks small worlds of every topology, and prints what was explored.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

use anyhow::{Context, bail};
use clap::Parser;
use jumun_model::check::{Report, is_about, is_small};
use jumun_model::deployment::SHIPPED;
use jumun_model::world::{BIG, SMALL, named};
use jumun_model::{ShopModel, World, check};
use runtime::adapters::SystemClock;
use runtime::ports::clock::Clock;
use std::process::ExitCode;

/// Explores every state that a small world of a topology can reach, with the real domains in it, and holds the promises against each.
///
/// Exit codes: 0, 1 (a promise is broken, and here is how), 2 (usage).
#[derive(Debug, Parser)]
#[command(name = "jumun-model")]
struct Cli {
    /// Only this topology [default: all that ship, and `choreographed-parallel, inline`]
    #[arg(long, value_name = "NAME")]
    topology: Option<String>,
    /// Only this world, a small or a big one [default: all small ones]
    #[arg(long, value_name = "NAME")]
    world: Option<String>,
    /// The big worlds, too
    #[arg(long)]
    big: bool,
    /// The worlds that there are
    #[arg(long)]
    list: bool,
    /// How many threads explore
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether everything holds; ends at the first that does not.
fn run(cli: &Cli) -> anyhow::Result<bool> {
    if cli.list {
        SMALL.iter().chain(BIG).for_each(|world| println!("{:15}  {}", world.name, world.about));
        return Ok(true);
    }
    let (topologies, worlds) = (topologies(cli)?, worlds(cli)?);
    let clock = SystemClock::default();
    let mut states = 0;
    heading();
    for topology in topologies {
        for world in &worlds {
            let model = ShopModel::new(topology, world)?;
            let deployed = model.deployment().topology();
            let wanted = is_small(world, deployed) || cli.big || cli.world.is_some();
            if !wanted || !is_about(world, deployed) {
                continue;
            }
            let began = clock.elapsed();
            let report = check(&model, cli.threads);
            row(&report, (clock.elapsed() - began).as_secs_f64());
            if !report.faults.is_empty() {
                report.faults.iter().for_each(|fault| println!("\n{fault}"));
                return Ok(false);
            }
            states += report.states;
        }
    }
    println!("\n{} states, every promise holds in each", grouped(states));
    Ok(true)
}

fn topologies(cli: &Cli) -> anyhow::Result<Vec<&str>> {
    let names = SHIPPED.iter().map(|(name, _)| *name);
    let Some(wanted) = &cli.topology else { return Ok(names.collect()) };
    let found: Vec<&str> = names.clone().filter(|name| name == wanted).collect();
    if found.is_empty() {
        bail!("no topology is called `{wanted}`; there are {}", names.collect::<Vec<_>>().join(", "));
    }
    Ok(found)
}

fn worlds(cli: &Cli) -> anyhow::Result<Vec<&'static World>> {
    if let Some(wanted) = &cli.world {
        let names = || SMALL.iter().chain(BIG).map(|world| world.name).collect::<Vec<_>>().join(", ");
        let world =
            named(wanted).with_context(|| format!("no world is called `{wanted}`; there are {}", names()))?;
        return Ok(vec![world]);
    }
    Ok(SMALL.iter().chain(BIG.iter().filter(|_| cli.big)).collect())
}

const WIDTHS: [usize; 8] = [30, 14, 11, 11, 5, 12, 8, 7];

fn heading() {
    let titles = ["topology", "world", "generated", "states", "depth", "transactions", "promises", "seconds"];
    println!("{}", line(&titles.map(str::to_owned)));
    println!("{}", line(&WIDTHS.map(|width| "─".repeat(width))));
}

fn row(report: &Report, seconds: f64) {
    let numbers =
        [report.generated, report.states, report.depth, report.transactions, report.promises].map(grouped);
    let [generated, states, depth, transactions, promises] = numbers;
    let (topology, world) = (report.topology.clone(), report.world.to_owned());
    println!(
        "{}",
        line(&[topology, world, generated, states, depth, transactions, promises, format!("{seconds:.1}")])
    );
}

/// Names stand left, numbers right.
fn line(cells: &[String; 8]) -> String {
    let aligned = cells.iter().zip(WIDTHS).zip(0..).map(|((cell, width), column)| match column {
        0 | 1 => format!("{cell:<width$}"),
        _ => format!("{cell:>width$}"),
    });
    aligned.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// `1,234,567`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
