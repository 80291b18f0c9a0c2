//! `jumun topology`: what the shipped topologies are, and whether a file is one.

mod mermaid;
mod sequence;

use super::table::Table;
use super::{Ended, say};
use anyhow::Context;
use clap::{Args, Subcommand};
use jumun::config::File;
use jumun::{Config, topologies};
use kernel::topology::Topology;
use sequence::Wanted;
use shop::Domains;
use std::path::PathBuf;

/// List, show and check topologies: who is deployed together, who hears whom, when clients are answered
#[derive(Debug, Args)]
pub(crate) struct TopologyCommand {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// List the shipped topologies
    List,
    /// Show one: its units with their domains and databases, what makes each step act and compensate, and what is said in an
    /// order's life
    Show(Show),
    /// Check a topology file: OK, or its first fault with the line (exit code 1)
    Check(Check),
}

#[derive(Debug, Args)]
struct Show {
    /// A shipped topology's name, or a file
    #[arg(value_name = "NAME|FILE")]
    name: String,
    /// Print Mermaid: a flowchart (solid arrows make a step act, dotted ones make it compensate), or with --flow a sequence diagram
    #[arg(long)]
    mermaid: bool,
    /// Only what is said in this life of an order: success, refuse:STEP (that step refuses) or cancel
    #[arg(long, value_name = "FLOW")]
    flow: Option<Wanted>,
}

#[derive(Debug, Args)]
struct Check {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl TopologyCommand {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        let domains = Domains::new(Config::parse(File::default())?.policies);
        match self.command {
            Subcommands::List => list(&domains),
            Subcommands::Show(show) => show.run(&domains),
            Subcommands::Check(check) => check.run(&domains),
        }
    }
}

fn list(domains: &Domains) -> anyhow::Result<Ended> {
    let mut table = Table::default();
    for (name, text) in topologies::SHIPPED {
        let (topology, _) = domains.place(text).with_context(|| format!("topology {name}"))?;
        table.row(&[name, &topology.summary]);
    }
    say(&table)?;
    Ok(Ended::Well)
}

impl Show {
    fn run(&self, domains: &Domains) -> anyhow::Result<Ended> {
        let text = topologies::text(&self.name).map_err(anyhow::Error::msg)?;
        let (topology, registry) = domains.place(&text).with_context(|| format!("topology {}", self.name))?;
        let routing = registry.routing(&topology);
        let homes = Homes { topology: &topology, known: registry.known(), routing };
        match (&self.flow, self.mermaid) {
            (None, true) => say(mermaid::flowchart(&homes))?,
            (Some(wanted), true) => say(sequence::diagram(&homes, &wanted.told(&homes)?))?,
            (Some(wanted), false) => say(sequence::lines(&homes, wanted, &wanted.told(&homes)?))?,
            (None, false) => {
                let success = Wanted::success();
                let told = success.told(&homes)?;
                say(format_args!("{}\n{}", described(&homes), sequence::lines(&homes, &success, &told)))?;
            }
        }
        Ok(Ended::Well)
    }
}

impl Check {
    fn run(&self, domains: &Domains) -> anyhow::Result<Ended> {
        let file = self.file.display();
        let text = std::fs::read_to_string(&self.file).with_context(|| format!("topology file {file}"))?;
        match domains.place(&text) {
            Ok(_) => say(format_args!("{file}: OK"))?,
            Err(fault) => {
                say(format_args!("{file}: {fault}"))?;
                return Ok(Ended::Wanting);
            }
        }
        Ok(Ended::Well)
    }
}

/// A topology in words.
pub(super) struct Sketch {
    pub(super) name: String,
    pub(super) summary: String,
    /// How it is set, and what is said in the lives of an order that succeeds and of one that its last step refuses.
    pub(super) flow: String,
}

/// Sketches a shipped topology by its name, or one in a file.
///
/// # Errors
/// If there is none, or it is none.
pub(super) fn sketch(asked: &str) -> anyhow::Result<Sketch> {
    let domains = Domains::new(Config::parse(File::default())?.policies);
    let text = topologies::text(asked).map_err(anyhow::Error::msg)?;
    let (topology, registry) = domains.place(&text).with_context(|| format!("topology {asked}"))?;
    let routing = registry.routing(&topology);
    let homes = Homes { topology: &topology, known: registry.known(), routing };
    let mut flow = settings(&topology);
    for life in [Some(Wanted::success()), topology.order.last().map(Wanted::refused)].into_iter().flatten() {
        flow += "\n";
        flow += &sequence::lines(&homes, &life, &life.told(&homes)?);
    }
    Ok(Sketch { name: topology.name, summary: topology.summary, flow })
}

/// A topology, and which unit runs which step.
struct Homes<'a> {
    topology: &'a Topology,
    known: kernel::topology::Known,
    routing: kernel::routing::Routing,
}

impl Homes<'_> {
    /// The unit that runs `step`.
    fn unit_of(&self, step: &str) -> &str {
        let runner = self.known.domains.iter().find(|(_, steps)| steps.iter().any(|s| s.as_str() == step));
        let unit = runner
            .and_then(|(domain, _)| self.topology.units.iter().find(|unit| unit.domains.contains(domain)));
        unit.map_or("", |unit| unit.name.as_str())
    }
}

fn described(homes: &Homes<'_>) -> String {
    let topology = homes.topology;
    let mut units = Table::headed(&["unit", "domains", "databases"]);
    for unit in &topology.units {
        let databases: Vec<String> = topology
            .databases()
            .into_iter()
            .filter(|database| database.unit == unit.name)
            .map(|database| format!("{}.db", database.name))
            .collect();
        let domains: Vec<&str> = unit.domains.iter().map(kernel::DomainName::as_str).collect();
        units.row(&[&unit.name, &domains.join(", "), &databases.join(", ")]);
    }
    let mut steps = Table::headed(&["step", "unit", "acts on", "compensates on", ""]);
    let planned = topology.order.iter();
    let followers = topology.routes.iter().filter(|route| route.follower).map(|route| &route.step);
    for route in planned.chain(followers).filter_map(|step| topology.route(step)) {
        let step = route.step.as_str();
        let kind = if route.follower { "follows; cannot fail the order" } else { "" };
        let coordination = topology.coordination();
        let heard = |words: &[String]| {
            if words.is_empty() { "the order's command".to_owned() } else { words.join(", ") }
        };
        let (acts, mut undoes) = (heard(&route.acts_on), route.compensates_on.join(", "));
        if coordination.undone_when_failing.contains(&route.step) {
            undoes = if undoes.is_empty() { heard(&[]) } else { format!("{undoes}, {}", heard(&[])) };
        }
        steps.row(&[step, homes.unit_of(step), &acts, &undoes, kind]);
    }
    format!("{} — {}\n\n{}\n{units}\n{steps}", topology.name, topology.summary, settings(topology))
}

fn line(text: &mut String, one: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = std::fmt::Write::write_fmt(text, format_args!("{one}\n"));
}

fn settings(topology: &Topology) -> String {
    use kernel::topology::{Answer, Inquiry, PaymentDelivery, QuoteFrom};
    let answer = match topology.answer {
        Answer::Settled => "once the order is settled",
        Answer::Accepted => "once the order is accepted",
    };
    let quote = match topology.quote {
        QuoteFrom::Local => "from the unit's own database",
        QuoteFrom::Calls => "by asking the owners; the catalogue is cached",
        QuoteFrom::Replica => "from replicas fed by events",
    };
    let asked = topology.coordination().asked;
    let coordination =
        match (asked.is_empty(), topology.routes.iter().any(|r| !r.follower && !r.acts_on.is_empty())) {
            (true, _) => "steps hear events (choreography)",
            (false, false) => "the order asks each step (orchestration)",
            (false, true) => "steps hear events; the order asks those that hear nobody",
        };
    let inquiry = match topology.inquiry {
        Inquiry::Never => "never: the deadline fails what has not answered",
        Inquiry::Deadline => "at the deadline, before an order is given up",
        Inquiry::Poll => "at the deadline, and when a client polls",
    };
    let delivery = match topology.payment_delivery {
        PaymentDelivery::Deferred => "after the fact",
        PaymentDelivery::Inline => {
            "of the payment, as a step that can fail the order; of the rest after the fact"
        }
    };
    let names = |steps: &[kernel::Step], between: &str| {
        steps.iter().map(kernel::Step::as_str).collect::<Vec<_>>().join(between)
    };
    let mut table = Table::default();
    table.row(&["clients are answered", answer]);
    table.row(&["orders are quoted", quote]);
    table.row(&["coordination", coordination]);
    table.row(&["the data platform is told", delivery]);
    table.row(&["a plan's steps", &names(&topology.order, " → ")]);
    for group in &topology.groups {
        table.row(&["decided as one", &names(group, ", ")]);
    }
    table.row(&["the judge listens to", &names(&topology.judged_on, ", ")]);
    let unheard: Vec<_> =
        topology.order.iter().filter(|step| !topology.refusals_judged_on.contains(step)).cloned().collect();
    if !unheard.is_empty() {
        table.row(&["but not to refusals of", &names(&unheard, ", ")]);
    }
    table.row(&["participants are asked", inquiry]);
    if let Some(step) = &topology.listed_after {
        table.row(&["an order is listed", &format!("once {step} is done, or it is settled")]);
    }
    table.to_string()
}
