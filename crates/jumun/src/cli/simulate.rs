//! `jumun simulate`: whole systems in one thread each, with virtual time, faults and an oracle, by seed.

use super::table::Table;
use super::{Ended, say};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jumun::topologies::{SHIPPED, text};
use runtime::adapters::SystemClock;
use runtime::ports::clock::Clock;
use sim::{Fault, Line, Outcome, Setup, Sweep, Swept, Totals};
use std::fmt::Write as _;
use std::num::NonZero;
use std::time::Duration;

/// Run whole systems in virtual time, with faults drawn from a seed, and check every promise
///
/// Every unit of a topology runs, with the code that serves: its loops, deadlines, participants and judge. Around it everything is
/// simulated and goes wrong: the network, crashes, databases, clocks, the payment gateway, the clients. An oracle keeps books of its
/// own from what clients were told. The same seed gives the same run, to the last message.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The first seed; alone, it is the only one
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many seeds, each over each topology [default: 100; 1 with --seed]
    #[arg(long, value_name = "N")]
    runs: Option<NonZero<u64>>,
    /// Only this topology: a shipped one by name, or a file [default: all that ship]
    #[arg(long, value_name = "NAME|FILE")]
    topology: Option<String>,
    /// About how many orders each run places
    #[arg(long, value_name = "N", default_value = "60")]
    orders: NonZero<u32>,
    /// Runs at once [default: as many as there are processors]
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// Tell the whole story, of one seed over one topology, whatever comes of it
    #[arg(long, requires = "seed", requires = "topology", conflicts_with = "runs")]
    story: bool,
}

impl Simulate {
    pub(crate) fn run(&self) -> anyhow::Result<Ended> {
        let topologies = match &self.topology {
            Some(name) => vec![(name.clone(), text(name).map_err(anyhow::Error::msg)?)],
            None => SHIPPED.iter().map(|(name, file)| ((*name).to_owned(), (*file).to_owned())).collect(),
        };
        if let (true, Some(seed), Some((name, file))) = (self.story, self.seed, topologies.first()) {
            return self.tell(seed, name, file);
        }
        let runs = self.runs.map_or(if self.seed.is_some() { 1 } else { 100 }, NonZero::get);
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let sweep = Sweep {
            seeds: (self.seed.unwrap_or(1), runs),
            orders: self.orders.get(),
            threads: self.threads.map_or(processors, NonZero::get),
            topologies,
        };
        let bar = ProgressBar::new(runs.saturating_mul(sweep.topologies.len() as u64));
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} runs {per_sec} {eta}") {
            bar.set_style(style);
        }
        let clock = SystemClock::default();
        let begun = clock.elapsed();
        let swept = sweep.run(&|done| bar.set_position(bar.position().max(done)))?;
        bar.finish_and_clear();
        say(totals(&swept, clock.elapsed().saturating_sub(begun))?)?;
        say(faults(&swept)?)?;
        for broken in swept.broken.iter().take(MOST_TOLD) {
            let (_, file) = sweep
                .topologies
                .iter()
                .find(|(name, _)| *name == broken.topology)
                .ok_or_else(|| anyhow::anyhow!("a run over an unknown topology"))?;
            let outcome = sim::run(&Setup {
                seed: broken.seed,
                topology: file,
                orders: self.orders.get(),
                tells: true,
            })?;
            say(complaint(broken.seed, &broken.topology, self.orders.get(), &outcome)?)?;
        }
        Ok(Ended::of(swept.broken.is_empty()))
    }

    /// The story of one run.
    fn tell(&self, seed: u64, name: &str, file: &str) -> anyhow::Result<Ended> {
        let orders = self.orders.get();
        let outcome = sim::run(&Setup { seed, topology: file, orders, tells: true })?;
        let mut text = String::new();
        outcome.whole_story.iter().try_for_each(|line| tell_line(&mut text, line))?;
        writeln!(text, "\n{name}, seed {seed}: trace hash {}", outcome.hash)?;
        say(text)?;
        if !outcome.breaches.is_empty() {
            say(complaint(seed, name, orders, &outcome)?)?;
        }
        Ok(Ended::of(outcome.breaches.is_empty()))
    }
}

/// Seeds whose story is told at most.
const MOST_TOLD: usize = 3;
/// Breaches of one run that are shown at most.
const MOST_SHOWN: usize = 5;
/// Lines of a shortened story at most.
const MOST_LINES: usize = 120;

/// How many orders each topology saw, and how they ended.
fn totals(swept: &Swept, took: Duration) -> anyhow::Result<String> {
    let mut table =
        Table::headed(&["topology", "runs", "orders", "confirmed", "failed", "cancelled", "broken"])
            .with_numbers();
    let mut all = Totals::default();
    for (name, totals) in &swept.totals {
        all.add(totals);
        let broken = swept.broken.iter().filter(|broken| broken.topology == *name).count();
        table.row(&row(name, totals, broken).each_ref().map(String::as_str));
    }
    if swept.totals.len() > 1 {
        table.row(&row("all", &all, swept.broken.len()).each_ref().map(String::as_str));
    }
    let mut text = table.to_string();
    let refused = all.fates.iter().filter(|(fate, _)| fate.starts_with("FAILED"));
    let refused: Vec<String> =
        refused.map(|(fate, count)| format!("{count} {}", fate.trim_start_matches("FAILED "))).collect();
    writeln!(text, "\nFailed for: {}.", refused.join(", "))?;
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let (hours, rate) = (all.lasted.as_secs() / 3_600, all.orders().saturating_mul(1_000) / ms);
    writeln!(text, "{hours} hours of virtual time, {rate} orders a second.\n")?;
    Ok(text)
}

fn row(name: &str, totals: &Totals, broken: usize) -> [String; 7] {
    let ended = |how: &str| -> u64 {
        totals.fates.iter().filter(|(fate, _)| fate.starts_with(how)).map(|(_, count)| count).sum()
    };
    [
        name.to_owned(),
        totals.runs.to_string(),
        totals.orders().to_string(),
        ended("CONFIRMED").to_string(),
        ended("FAILED").to_string(),
        ended("CANCELLED").to_string(),
        broken.to_string(),
    ]
}

/// How often each kind of fault struck.
fn faults(swept: &Swept) -> anyhow::Result<String> {
    let mut all = Totals::default();
    swept.totals.values().for_each(|totals| all.add(totals));
    let mut table = Table::headed(&["fault", "times"]).with_numbers();
    for (fault, count) in Fault::ALL.iter().zip(&all.faults) {
        table.row(&[fault.words(), &count.to_string()]);
    }
    Ok(table.to_string())
}

/// What was broken, what led to it, and how to see it again.
fn complaint(seed: u64, topology: &str, orders: u32, outcome: &Outcome) -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(text, "\n{topology}, seed {seed}: {} promises broken", outcome.breaches.len())?;
    for breach in outcome.breaches.iter().take(MOST_SHOWN) {
        writeln!(text, "  {breach}")?;
    }
    writeln!(text, "\nWhat happened to what the first is about:")?;
    let skipped = outcome.story.len().saturating_sub(MOST_LINES);
    if skipped > 0 {
        writeln!(text, "  ({skipped} earlier lines left out)")?;
    }
    outcome.story.iter().skip(skipped).try_for_each(|line| tell_line(&mut text, line))?;
    writeln!(text, "\nAgain: jumun simulate --seed {seed} --topology {topology} --orders {orders}")?;
    Ok(text)
}

fn tell_line(text: &mut String, line: &Line) -> anyhow::Result<()> {
    let (seconds, ms) = (line.at_ms / 1_000, line.at_ms % 1_000);
    Ok(writeln!(text, "  {seconds:>6}.{ms:03}  {:<22}  {}", line.who, line.what)?)
}
