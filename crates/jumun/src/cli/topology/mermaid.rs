//! A topology as a Mermaid flowchart.

use super::{Homes, line};
use std::collections::BTreeMap;

/// Units as boxes, steps in them; solid arrows make act, dotted ones make compensate.
pub(super) fn flowchart(homes: &Homes<'_>) -> String {
    let topology = homes.topology;
    let mut chart = String::from("flowchart LR\n");
    for unit in &topology.units {
        let steps: Vec<&str> = topology
            .routes
            .iter()
            .map(|route| route.step.as_str())
            .filter(|step| homes.unit_of(step) == unit.name)
            .collect();
        let is_judge = unit.domains.iter().any(|domain| domain.as_str() == "order");
        if steps.is_empty() && !is_judge {
            continue;
        }
        line(&mut chart, format_args!("  subgraph {}[\"{}\"]", id("unit", &unit.name), unit.name));
        if is_judge {
            line(&mut chart, format_args!("    order{{{{\"order (judge)\"}}}}"));
        }
        for step in steps {
            line(&mut chart, format_args!("    {}[\"{step}\"]", id("step", step)));
        }
        line(&mut chart, format_args!("  end"));
    }
    for route in &topology.routes {
        let to = id("step", route.step.as_str());
        arrows(&mut chart, &route.acts_on, &to, "-->");
        arrows(&mut chart, &route.compensates_on, &to, "-.->");
    }
    let coordination = topology.coordination();
    for step in coordination.asked.iter().flatten() {
        line(&mut chart, format_args!("  order -->|asked| {}", id("step", step.as_str())));
    }
    for step in &coordination.undone_when_failing {
        line(&mut chart, format_args!("  order -.->|undo asked| {}", id("step", step.as_str())));
    }
    for step in &topology.judged_on {
        line(&mut chart, format_args!("  {} -->|done| order", id("step", step.as_str())));
    }
    for step in &topology.refusals_judged_on {
        line(&mut chart, format_args!("  {} -.->|refused| order", id("step", step.as_str())));
    }
    chart
}

/// One arrow from each speaker, with all its words on it.
fn arrows(chart: &mut String, words: &[String], to: &str, arrow: &str) {
    let mut said: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for word in words {
        let (who, what) = word.split_once('.').unwrap_or(("order", word));
        let from = if who == "order" { who.to_owned() } else { id("step", who) };
        said.entry(from).or_default().push(what);
    }
    for (from, words) in said {
        line(chart, format_args!("  {from} {arrow}|{}| {to}", words.join(", ")));
    }
}

/// Mermaid's ids hold letters, digits and underscores; and some words, such as `end`, mean something to it.
pub(super) fn id(kind: &str, name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("{kind}_{name}")
}
