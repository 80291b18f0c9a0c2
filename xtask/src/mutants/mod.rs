//! `cargo xtask mutants`: deliberate bugs, each a patch in `mutants/`, and which layer of checks catches it.
//!
//! The source that ships knows nothing of them. A copy of the tree is patched with all of them at once, each behind a switch that
//! the environment turns on, and built once; then every layer runs with no bug, and with each.

mod layer;
mod process;
mod series;
mod table;
mod tree;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;

use crate::run;
use layer::{Built, Layer, Verdict};
use series::Series;
use table::Row;

/// Which bugs, and which layers.
#[derive(Args)]
pub(crate) struct Mutants {
    /// Only this bug; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Only this layer; may be given several times. [default: all but end to end, which is asked about what no other caught]
    #[arg(long, value_name = "LAYER")]
    layer: Vec<Layer>,
    /// Ask a further layer only about what none before it caught.
    #[arg(long)]
    until_caught: bool,
    /// Only list the bugs, after checking that every patch still fits.
    #[arg(long)]
    list: bool,
    /// Put the table into docs/proof.md.
    #[arg(long, conflicts_with_all = ["only", "layer", "until_caught", "list"])]
    write: bool,
}

/// Checks that every patch fits the tree as it stands. Builds nothing.
///
/// # Errors
/// The first patch that does not, and where.
pub(crate) fn check() -> Result<()> {
    let series = Series::read(run::root()?)?;
    tree::patched(run::root()?, &run::target_dir()?.join("mutants/check"), &series, tree::Which::Touched)
}

/// Applies, builds, runs, tells. Fails if a bug is caught by no layer, or by luck alone.
pub(crate) fn run(asked: &Mutants) -> Result<ExitCode> {
    let root = run::root()?;
    let series = Series::read(root)?;
    let chosen = series.chosen(&asked.only)?;
    if asked.list {
        check()?;
        for mutant in &chosen {
            println!(
                "{:<28} {} (breaks: {}; design {})",
                mutant.name, mutant.bug, mutant.breaks, mutant.design
            );
        }
        println!("{} bugs; every patch fits", chosen.len());
        return Ok(ExitCode::SUCCESS);
    }
    let place = run::target_dir()?.join("mutants");
    tree::patched(root, &place.join("fresh"), &series, tree::Which::All)?;
    let tree = place.join("tree");
    tree::sync(&place.join("fresh"), &tree)?;

    let mut layers = Vec::new();
    for layer in wanted(&asked.layer) {
        match layer.build(&tree)? {
            Some(built) => layers.push(built),
            None => println!("{layer}: not in this tree"),
        }
    }
    ensure!(!layers.is_empty(), "there is no layer to ask");
    for built in &layers {
        println!("{} without a bug", built.layer);
        if let Verdict::Caught(by) = built.run(None)? {
            println!("{}: {by} fails without a bug; nothing it says of bugs counts", built.layer);
            return Ok(ExitCode::FAILURE);
        }
    }

    let mut rows = Vec::new();
    let mut last = None;
    for mutant in &chosen {
        let mut row = Row::new(mutant);
        for built in &layers {
            if asked.until_caught && row.is_caught() {
                break;
            }
            row.add(built.layer, built.run(Some(mutant))?);
        }
        if asked.layer.is_empty() && !row.is_caught() {
            let built = end_to_end(&mut last, &tree)?;
            row.add(Layer::EndToEnd, built.run(Some(mutant))?);
        }
        println!("{}", row.told());
        rows.push(row);
    }
    tell(&rows, asked.write)
}

fn wanted(asked: &[Layer]) -> Vec<Layer> {
    if !asked.is_empty() {
        return asked.to_vec();
    }
    Layer::ALL.into_iter().filter(|layer| *layer != Layer::EndToEnd).collect()
}

/// The slow layer, built and held against no bug the first time that it is needed.
fn end_to_end<'a>(last: &'a mut Option<Built>, tree: &std::path::Path) -> Result<&'a Built> {
    if last.is_none() {
        let built = Layer::EndToEnd.build(tree)?;
        let Some(built) = built else { anyhow::bail!("there are no end to end tests") };
        if let Verdict::Caught(by) = built.run(None)? {
            anyhow::bail!("end to end: {by} fails without a bug");
        }
        *last = Some(built);
    }
    last.as_ref().ok_or_else(|| anyhow::anyhow!("unreachable: built above"))
}

fn tell(rows: &[Row], write: bool) -> Result<ExitCode> {
    let table = table::markdown(rows);
    println!("\n{table}");
    std::fs::write(run::target_dir()?.join("mutants/table.md"), &table)?;
    if write {
        table::put(&run::root()?.join("docs/proof.md"), &table)?;
    }
    let lucky: Vec<&str> = rows.iter().filter(|row| !row.is_held()).map(Row::name).collect();
    if lucky.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("not caught, or by luck alone: {}", lucky.join(", "));
    Ok(ExitCode::FAILURE)
}
