//! The page: a template and what it is filled with.

mod plots;

use crate::comparison::{Comparison, Entry, Figures, Spread, count as count_of};
use crate::svg::colour;
use crate::text::{NONE, bytes, duration, number, or_dash, percent, thousands};
use crate::words::{Finding, findings, is_best};
use askama::Template;
use load::result::Measured;
use plots::Plot;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    title: String,
    command: &'a str,
    findings: Vec<Finding>,
    facts: Vec<(&'static str, String)>,
    rows: Vec<Row<'a>>,
    figures: Vec<Plot>,
    topologies: Vec<Topology<'a>>,
}

/// One topology in the table.
struct Row<'a> {
    name: &'a str,
    colour: String,
    cells: Vec<Cell>,
    audit: String,
    audit_class: &'static str,
}

struct Cell {
    text: String,
    best: bool,
}

/// What one topology is, and what its databases did.
struct Topology<'a> {
    name: &'a str,
    colour: String,
    summary: &'a str,
    flow: &'a str,
    databases: Vec<Database<'a>>,
}

struct Database<'a> {
    name: &'a str,
    cells: [String; 4],
}

/// A page that stands alone: a file to open, keep and print.
///
/// # Errors
/// If it cannot be written, which only a fault of the template could bring about.
pub fn html(comparison: &Comparison) -> Result<String, askama::Error> {
    let page = Page {
        title: title(comparison),
        command: &comparison.command,
        findings: findings(comparison)
            .into_iter()
            .map(|Finding { about, says }| Finding { about, says: unbroken(&says) })
            .collect(),
        facts: facts(comparison),
        rows: rows(comparison),
        figures: plots::all(comparison),
        topologies: topologies(comparison),
    };
    // Markup may hold no control characters; names from elsewhere might.
    Ok(page.render()?.replace(|c: char| c.is_control() && c != '\n', " "))
}

/// A number and its unit stay on one line.
fn unbroken(says: &str) -> String {
    let mut after_digit = false;
    let unbroken = says.chars().map(|c| {
        let joins = after_digit && c == ' ';
        after_digit = c.is_ascii_digit();
        if joins { '\u{a0}' } else { c }
    });
    unbroken.collect()
}

fn title(comparison: &Comparison) -> String {
    let orders = comparison.any_round().map(|round| thousands(count_of(round.orders)));
    match (comparison.entries.as_slice(), orders) {
        ([], _) => "No topologies".to_owned(),
        ([one], Some(orders)) => format!("{}: {orders} orders", one.topology),
        ([one], None) => one.topology.clone(),
        (several, Some(orders)) => format!("{} topologies, the same {orders} orders", numeral(several.len())),
        (several, None) => format!("{} topologies", numeral(several.len())),
    }
}

/// A number at the start of a sentence.
fn numeral(count: usize) -> String {
    let words = ["Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"];
    let word = count.checked_sub(2).and_then(|place| words.get(place));
    word.map_or_else(|| count.to_string(), |word| (*word).to_owned())
}

/// What all runs share.
fn facts(comparison: &Comparison) -> Vec<(&'static str, String)> {
    let Some(round) = comparison.any_round() else { return Vec::new() };
    let count = |count: u64| thousands(count_of(count));
    let load = match round.rate {
        Some(rate) => format!("open loop, {} orders a second", count(rate)),
        None => format!("closed loop, {} orders in flight", count(round.clients)),
    };
    let door = match round.door.as_str() {
        "direct" => "direct: the runtime's, in process".to_owned(),
        "http" => "the HTTP API, over sockets".to_owned(),
        other => other.to_owned(),
    };
    let rounds = match comparison.rounds {
        1 => "1".to_owned(),
        rounds => format!("{rounds}, in turn; medians"),
    };
    let machine = &round.machine;
    vec![
        ("Orders", format!("{} after {} to warm up", count(round.orders), count(round.warm_up))),
        ("Seed", round.seed.to_string()),
        ("Products", wanted(round)),
        ("Paid", paid(round)),
        ("Made to fail", failing(round)),
        ("Door", door),
        ("Load", load),
        ("Times", times(round).to_owned()),
        ("Batch cap", round.batch_cap.map_or_else(|| NONE.to_owned(), count)),
        ("Rounds", rounds),
        ("Machine", format!("{} cores, {} {}", machine.cores, machine.os, machine.arch)),
    ]
}

fn wanted(round: &Measured) -> String {
    match &round.input {
        Some(file) => format!("as in {file}"),
        None if round.hot_sku => "all orders want the same one".to_owned(),
        None => "many, all as likely".to_owned(),
    }
}

fn times(round: &Measured) -> &'static str {
    match (round.timing.from.as_str(), round.timing.expected_interval_us) {
        ("intended", _) => "from when an order was due, sent late or not",
        (_, Some(_)) => "from sending, corrected for the orders that a stall kept back",
        (_, None) => "from sending",
    }
}

fn paid(round: &Measured) -> String {
    let card = round.mix.card_percent;
    format!(
        "{card} % by card, {} % with points; {} % with a coupon",
        100_u8.saturating_sub(card),
        round.mix.coupon_percent
    )
}

fn failing(round: &Measured) -> String {
    let steps: Vec<String> = round.fail.iter().map(|(step, percent)| format!("{step} {percent} %")).collect();
    if steps.is_empty() { "nothing".to_owned() } else { steps.join(", ") }
}

/// What a cell shows, and whether more is better; without an order, none is best.
type Column = (fn(&Figures) -> Option<Spread>, fn(f64) -> String, Option<bool>);

const COLUMNS: [Column; 10] = [
    (|figures| figures.orders_per_second, thousands, Some(true)),
    (|figures| figures.answer_p50_us, duration, Some(false)),
    (|figures| figures.answer_p99_us, duration, Some(false)),
    (|figures| figures.settled_p50_us, duration, Some(false)),
    (|figures| figures.settled_p99_us, duration, Some(false)),
    (|figures| figures.messages, number, Some(false)),
    (|figures| figures.commits, number, Some(false)),
    (|figures| figures.bytes_written, bytes, Some(false)),
    (|figures| figures.compensations, thousands, None),
    (|figures| figures.refused_share, percent, None),
];

fn rows(comparison: &Comparison) -> Vec<Row<'_>> {
    let fastest = comparison
        .entries
        .iter()
        .filter_map(|entry| entry.median.orders_per_second)
        .map(|rate| rate.median)
        .fold(0.0, f64::max);
    comparison
        .entries
        .iter()
        .enumerate()
        .map(|(place, entry)| row(comparison, place, entry, fastest))
        .collect()
}

fn row<'a>(comparison: &Comparison, place: usize, entry: &'a Entry, fastest: f64) -> Row<'a> {
    let mut cells: Vec<Cell> = COLUMNS.iter().map(|column| cell(comparison, entry, column)).collect();
    let of_best = entry.median.orders_per_second.filter(|_| fastest > 0.0);
    let text = or_dash(of_best.map(|rate| rate.median / fastest * 100.0), |share| format!("{share:.0} %"));
    cells.insert(1, Cell { text, best: false });
    let (audit, audit_class) = match entry.median.discrepancies {
        None => (NONE.to_owned(), "none"),
        Some(0) => ("clean".to_owned(), "clean"),
        Some(found) => (format!("{found} wrong"), "unclean"),
    };
    Row { name: &entry.topology, colour: colour(place), cells, audit, audit_class }
}

fn cell(comparison: &Comparison, entry: &Entry, (get, show, most_is_best): &Column) -> Cell {
    let figure = get(&entry.median);
    let is_best = |figure: Spread, most_is_best| is_best(comparison, *get, figure, most_is_best);
    Cell {
        text: or_dash(figure.map(|figure| figure.median), show),
        best: figure.zip(*most_is_best).is_some_and(|(figure, most)| is_best(figure, most)),
    }
}

fn topologies(comparison: &Comparison) -> Vec<Topology<'_>> {
    comparison
        .entries
        .iter()
        .enumerate()
        .map(|(place, entry)| Topology {
            name: &entry.topology,
            colour: colour(place),
            summary: &entry.summary,
            flow: &entry.flow,
            databases: entry.middle_round().map(databases_of).unwrap_or_default(),
        })
        .collect()
}

fn databases_of(round: &Measured) -> Vec<Database<'_>> {
    let count = |count: u64| thousands(count_of(count));
    let databases = round.databases.iter().map(|database| {
        let busy = duration(count_of(database.busy_ms) * 1e3);
        let size = or_dash(database.bytes.map(count_of), bytes);
        Database {
            name: &database.name,
            cells: [count(database.commits), count(database.messages), busy, size],
        }
    });
    databases.collect()
}
