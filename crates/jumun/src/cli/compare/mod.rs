//! `jumun compare`: the same work over several topologies in turn.
//!
//! Reading order: `runs` (a process a run) → `show` (the table). Medians, words and the page are crate `report`.

mod runs;
mod show;

use super::work::WorkArgs;
use super::{Ended, say, topology};
use anyhow::{Context, bail};
use clap::Args;
use jumun::topologies::SHIPPED;
use report::{Comparison, Entry};
use runs::Turn;
use std::path::{Path, PathBuf};

/// Compare topologies: the same seeded orders and faults over each in turn, as a table and an HTML report with plots
///
/// Each run is a process of its own (`jumun bench`) with data of its own, one at a time, and ends with the audit. Machines are
/// noisy: with --rounds the topologies take turns, and medians are shown. The report is one file that needs no network and no
/// script. With --input, a shop's own order history is the work.
///
/// With 5 % of orders failing at every step:
/// jumun compare --fail stock=5 --fail coupon=5 --fail point=5 --fail payment=5
///
/// Exit code 1 if an audit finds anything, an order was not taken, or a run gave no result.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// The topologies: shipped ones by name (see `jumun topology list`), or files [default: all that ship]
    #[arg(long, value_name = "NAME|FILE,…", value_delimiter = ',')]
    topologies: Vec<String>,
    /// How many times each runs, in turn
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Where the report is written
    #[arg(long, value_name = "FILE", default_value = "./jumun-compare.html")]
    report: PathBuf,
    /// Print all results as one JSON document instead of the table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    work: WorkArgs,
}

/// A topology that takes part.
struct Contender {
    /// As it was asked for: a shipped one's name, or a file.
    asked: String,
    name: String,
    summary: String,
    flow: String,
}

impl Compare {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        check_place(&self.report)?;
        self.work.shares()?;
        let contenders = self.contenders()?;
        let turns = turns(contenders.len(), self.rounds);
        let mut measured = vec![Vec::new(); contenders.len()];
        for (number, turn) in turns.iter().enumerate() {
            let contender = &contenders[turn.contender];
            eprintln!("[{}/{}] {}, round {}", number + 1, turns.len(), contender.name, turn.round);
            if let Some(run) = runs::measure(&contender.asked, &self.work)? {
                eprintln!("{}", show::run(&run));
                measured[turn.contender].push(run);
            }
        }
        if measured.iter().all(Vec::is_empty) {
            bail!("no run gave a result");
        }
        let entries = contenders.into_iter().zip(measured);
        let comparison = Comparison {
            command: command(std::env::args().skip(1)),
            rounds: self.rounds,
            entries: entries
                .map(|(contender, rounds)| {
                    Entry::new(contender.name, contender.summary, contender.flow, rounds)
                })
                .collect(),
        };
        self.tell(&comparison)
    }

    fn contenders(&self) -> anyhow::Result<Vec<Contender>> {
        let shipped = || SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
        let asked = if self.topologies.is_empty() { shipped() } else { self.topologies.clone() };
        let mut contenders: Vec<Contender> = Vec::new();
        for asked in asked {
            let sketch = topology::sketch(&asked).context("--topologies")?;
            if contenders.iter().any(|contender| contender.name == sketch.name) {
                bail!("--topologies: {} is named twice", sketch.name);
            }
            let topology::Sketch { name, summary, flow } = sketch;
            contenders.push(Contender { asked, name, summary, flow });
        }
        Ok(contenders)
    }

    fn tell(&self, comparison: &Comparison) -> anyhow::Result<Ended> {
        let page = report::html(comparison)?;
        let shown = self.report.display();
        std::fs::write(&self.report, page).with_context(|| format!("--report {shown}"))?;
        if self.json {
            say(serde_json::to_string(comparison)?)?;
            eprintln!("report: {shown}");
        } else {
            say(format_args!("{}\nreport: {shown}", show::Shown(comparison)))?;
        }
        Ok(Ended::of(comparison.is_clean()))
    }
}

/// Every topology in every round, there and back again: what slows a machine down over time meets all of them alike.
fn turns(contenders: usize, rounds: u32) -> Vec<Turn> {
    let round = |round: u32| {
        let mut turns: Vec<Turn> = (0..contenders).map(|contender| Turn { contender, round }).collect();
        if round.is_multiple_of(2) {
            turns.reverse();
        }
        turns
    };
    (1..=rounds).flat_map(round).collect()
}

/// That the report cannot be written is said before the work, not after it.
fn check_place(report: &Path) -> anyhow::Result<()> {
    let folder = report.parent().filter(|folder| !folder.as_os_str().is_empty());
    if report.is_dir() || report.file_name().is_none() {
        bail!("--report {}: a folder; name the file to write", report.display());
    }
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        bail!("--report {}: there is no folder {}", report.display(), folder.display());
    }
    Ok(())
}

/// The command as it can be given to a shell again.
fn command(arguments: impl Iterator<Item = String>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:@%+".contains(c);
    let quoted = arguments.map(|argument| {
        if !argument.is_empty() && argument.chars().all(plain) {
            return argument;
        }
        format!("'{}'", argument.replace('\'', "'\\''"))
    });
    std::iter::once("jumun".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topologies_take_turns_there_and_back() {
        let order: Vec<(usize, u32)> = turns(3, 3).iter().map(|turn| (turn.contender, turn.round)).collect();
        assert_eq!(order, [(0, 1), (1, 1), (2, 1), (2, 2), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3)]);
    }

    #[test]
    fn the_command_can_be_given_to_a_shell_again() {
        let shown = command(["compare", "--input", "my shop's.csv", ""].map(str::to_owned).into_iter());
        assert_eq!(shown, r"jumun compare --input 'my shop'\''s.csv' ''");
    }
}
