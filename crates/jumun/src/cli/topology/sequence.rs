//! What is said in one order's life, as lines for a terminal and as a Mermaid sequence diagram.

use super::{Homes, line};
use crate::cli::table::Table;
use kernel::routing::Role;
use kernel::walk::{Flow, Told, walk};
use kernel::{DomainName, Said, Step};
use std::str::FromStr;

/// Which life, as it is named on the command line.
#[derive(Clone, Debug)]
pub(super) struct Wanted(Flow);

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "success" => Ok(Self(Flow::Success)),
            None if text == "cancel" => Ok(Self(Flow::Cancelled)),
            Some(("refuse", step)) if !step.is_empty() => Ok(Self(Flow::Refused(Step::new(step)))),
            _ => Err("success, refuse:STEP or cancel".to_owned()),
        }
    }
}

impl Wanted {
    /// An order that succeeds.
    pub(super) fn success() -> Self {
        Self(Flow::Success)
    }

    /// An order that `step` refuses.
    pub(super) fn refused(step: &Step) -> Self {
        Self(Flow::Refused(step.clone()))
    }

    /// Its words, one by one.
    ///
    /// # Errors
    /// If the topology plans no such step.
    pub(super) fn told(&self, homes: &Homes<'_>) -> anyhow::Result<Vec<Told>> {
        if let Flow::Refused(step) = &self.0
            && !homes.topology.order.contains(step)
        {
            let steps: Vec<&str> = homes.topology.order.iter().map(Step::as_str).collect();
            anyhow::bail!(
                "--flow: topology {} plans no step `{step}` (it plans {})",
                homes.topology.name,
                steps.join(", ")
            );
        }
        Ok(walk(homes.topology, &homes.routing, &self.0))
    }

    fn title(&self) -> String {
        match &self.0 {
            Flow::Success => "an order that succeeds".to_owned(),
            Flow::Refused(step) => format!("an order that {step} refuses"),
            Flow::Cancelled => "an order that is confirmed and then cancelled".to_owned(),
        }
    }
}

/// A line for each word: the unit that says it, the word, and what it makes which unit do.
pub(super) fn lines(homes: &Homes<'_>, wanted: &Wanted, told: &[Told]) -> String {
    let title = wanted.title();
    let mut table = Table::headed(&["unit", &title, "and then"]);
    for one in told {
        let effects: Vec<String> =
            effects(homes, one).map(|(unit, what)| format!("{unit}: {what}")).collect();
        table.row(&[homes.unit_with(&one.by), &word(&one.said), &effects.join(" · ")]);
    }
    table.to_string()
}

/// An arrow for each word and unit that it sets going; dashed where it makes compensate.
pub(super) fn diagram(homes: &Homes<'_>, told: &[Told]) -> String {
    let mut chart = String::from("sequenceDiagram\n");
    for unit in &homes.topology.units {
        let speaks = told.iter().any(|one| homes.unit_with(&one.by) == unit.name);
        let hears = told.iter().any(|one| effects(homes, one).any(|(to, _)| to == unit.name));
        if speaks || hears {
            line(
                &mut chart,
                format_args!("  participant {0} as {1}", super::mermaid::id("unit", &unit.name), unit.name),
            );
        }
    }
    for one in told {
        let from = super::mermaid::id("unit", homes.unit_with(&one.by));
        for (unit, what) in effects(homes, one) {
            let arrow = if what.starts_with("compensate") { "-->>" } else { "->>" };
            let to = super::mermaid::id("unit", unit);
            line(&mut chart, format_args!("  {from}{arrow}{to}: {} ({what})", word(&one.said)));
        }
    }
    chart
}

/// What a word makes which unit do. Views are not told of: they follow every word about an order.
fn effects<'a>(homes: &'a Homes<'_>, told: &'a Told) -> impl Iterator<Item = (&'a str, String)> {
    told.to.iter().filter(|(domain, _)| domain.as_str() != "read-model").map(|(domain, role)| {
        let what = match role {
            Role::Act(steps) => steps.iter().map(Step::as_str).collect::<Vec<_>>().join(" + "),
            Role::Compensate(step) => format!("compensate {step}"),
            Role::Hear(domain) if domain.as_str() == "order" => "judge".to_owned(),
            Role::Hear(domain) => domain.to_string(),
        };
        (homes.unit_with(domain), what)
    })
}

fn word(said: &Said) -> String {
    match said.reason() {
        Some(reason) => format!("{} {reason}", said.name()),
        None => said.name().to_string(),
    }
}

impl Homes<'_> {
    /// The unit that holds `domain`.
    fn unit_with(&self, domain: &DomainName) -> &str {
        let unit = self.topology.units.iter().find(|unit| unit.domains.contains(domain));
        unit.map_or("", |unit| unit.name.as_str())
    }
}
