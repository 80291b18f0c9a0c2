//! What was compared, in a terminal.

use crate::cli::table::Table;
use report::text::{NONE, bytes, duration, number, percent, thousands};
use report::{Comparison, Entry, Figures, Measured, Spread, findings};
use std::fmt;

/// Two narrow tables, and what they say.
pub(super) struct Shown<'a>(pub(super) &'a Comparison);

/// A heading and what stands below it.
type Column = (&'static str, fn(&Figures) -> Option<Spread>, fn(f64) -> String);

const SPEED: [Column; 5] = [
    ("orders/s", |figures| figures.orders_per_second, thousands),
    ("answer p50", |figures| figures.answer_p50_us, duration),
    ("p99", |figures| figures.answer_p99_us, duration),
    ("settled p50", |figures| figures.settled_p50_us, duration),
    ("p99", |figures| figures.settled_p99_us, duration),
];

const COST: [Column; 5] = [
    ("messages", |figures| figures.messages, number),
    ("commits", |figures| figures.commits, number),
    ("written", |figures| figures.bytes_written, bytes),
    ("undone", |figures| figures.compensations, thousands),
    ("refused", |figures| figures.refused_share, percent),
];

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(comparison) = self;
        writeln!(f, "{}", table("to answer and to settled", &comparison.entries, &SPEED, None))?;
        writeln!(f, "{}", table("per order; undone in a round", &comparison.entries, &COST, Some("audit")))?;
        for finding in findings(comparison) {
            writeln!(f, "{}: {}", finding.about, finding.says)?;
        }
        Ok(())
    }
}

fn table(title: &str, entries: &[Entry], columns: &[Column], audit: Option<&str>) -> Table {
    let headings: Vec<&str> =
        std::iter::once(title).chain(columns.iter().map(|(heading, ..)| *heading)).chain(audit).collect();
    let mut table = Table::headed(&headings).with_numbers();
    for entry in entries {
        let figures = &entry.median;
        let cells = columns
            .iter()
            .map(|(_, get, show)| get(figures).map_or_else(|| NONE.to_owned(), |figure| show(figure.median)));
        let audited = audit.map(|_| audited(figures.discrepancies));
        let cells: Vec<String> =
            std::iter::once(entry.topology.clone()).chain(cells).chain(audited).collect();
        table.row(&cells.iter().map(String::as_str).collect::<Vec<_>>());
    }
    table
}

fn audited(discrepancies: Option<u64>) -> String {
    match discrepancies {
        None => NONE.to_owned(),
        Some(0) => "clean".to_owned(),
        Some(found) => format!("{found} wrong"),
    }
}

/// One run in a line.
pub(super) fn run(measured: &Measured) -> String {
    let figures = Figures::of(std::slice::from_ref(measured));
    let shown = |get: fn(&Figures) -> Option<Spread>, show: fn(f64) -> String| {
        get(&figures).map_or_else(|| NONE.to_owned(), |figure| show(figure.median))
    };
    format!(
        "  {} orders/s; p99 to the answer {}, to settled {}; audit {}",
        shown(|figures| figures.orders_per_second, thousands),
        shown(|figures| figures.answer_p99_us, duration),
        shown(|figures| figures.settled_p99_us, duration),
        audited(figures.discrepancies)
    )
}
