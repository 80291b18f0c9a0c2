//! What the tests noted, as tables in Markdown.

use std::fmt;

use anyhow::{Context, Result};
use serde::Deserialize;

/// One line that a test noted.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Survived(Survived),
    Found(Found),
}

/// A fault under load, and what became of the orders.
#[derive(Deserialize)]
struct Survived {
    fault: String,
    system: String,
    /// Asked for from shortly before it until everything that it touched had settled.
    orders: u64,
    /// Of these, those that had not settled when the part was back, or was taken away where others took over.
    under_way: u64,
    /// For which a client had to ask again.
    asked_again: u64,
    failed: u64,
    lost: u64,
    /// Effects without an order, less orders without their effects.
    doubled: i64,
    settled_ms: u64,
}

/// A state of before that was put back, and by what that shows.
#[derive(Deserialize)]
struct Found {
    fault: String,
    system: String,
    found: String,
}

/// Everything that was noted.
#[derive(Default)]
pub(super) struct Noted {
    /// The same fault in the same system, in the order in which they came.
    survived: Vec<Vec<Survived>>,
    found: Vec<Found>,
}

impl Noted {
    /// Adds one test's lines.
    pub(super) fn read(&mut self, lines: &str) -> Result<()> {
        for text in lines.lines() {
            let line = serde_json::from_str(text).with_context(|| format!("no figures: {text}"))?;
            match line {
                Line::Found(found) => self.found.push(found),
                Line::Survived(one) => {
                    let same = self.survived.iter_mut().find(|ones| {
                        ones.first()
                            .is_some_and(|first| (&first.fault, &first.system) == (&one.fault, &one.system))
                    });
                    match same {
                        Some(ones) => ones.push(one),
                        None => self.survived.push(vec![one]),
                    }
                }
            }
        }
        Ok(())
    }
}

/// Milliseconds as seconds, to a tenth.
fn seconds(ms: u64) -> String {
    let tenths = (ms + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn write_row(f: &mut fmt::Formatter<'_>, ones: &[Survived]) -> fmt::Result {
    let Some(Survived { fault, system, .. }) = ones.first() else { return Ok(()) };
    let sum = |figure: fn(&Survived) -> u64| ones.iter().map(figure).sum::<u64>();
    let mut settled: Vec<u64> = ones.iter().map(|one| one.settled_ms).collect();
    settled.sort_unstable();
    let (median, longest) = (settled[settled.len() / 2], settled[settled.len() - 1]);
    let times = ones.len();
    let (orders, under_way, again) =
        (sum(|one| one.orders), sum(|one| one.under_way), sum(|one| one.asked_again));
    let (failed, lost) = (sum(|one| one.failed), sum(|one| one.lost));
    let doubled: i64 = ones.iter().map(|one| one.doubled).sum();
    let (median, longest) = (seconds(median), seconds(longest));
    writeln!(
        f,
        "| {fault} | {system} | {times} | {orders} | {under_way} | {again} | {failed} | {lost} | {doubled} | {median} | {longest} |"
    )
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.survived.is_empty() {
            writeln!(
                f,
                "| fault | system | times | orders | under way | asked again | failed | lost | doubled | settled after (s) | at most (s) |"
            )?;
            writeln!(f, "|---|---|---|---|---|---|---|---|---|---|---|")?;
        }
        for ones in &self.survived {
            write_row(f, ones)?;
        }
        if !self.found.is_empty() {
            writeln!(f, "\n| fault | system | found by |\n|---|---|---|")?;
        }
        for Found { fault, system, found } in &self.found {
            writeln!(f, "| {fault} | {system} | {found} |")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(lines: &str) -> String {
        let mut noted = Noted::default();
        noted.read(lines).unwrap();
        noted.to_string()
    }

    fn survived(fault: &str, lost: u64, settled_ms: u64) -> String {
        format!(
            r#"{{"fault": "{fault}", "system": "a shop", "orders": 30, "under_way": 8, "asked_again": 1, "failed": 0,
                "lost": {lost}, "doubled": -1, "settled_ms": {settled_ms}}}"#
        )
        .replace('\n', " ")
            + "\n"
    }

    #[test]
    fn the_same_fault_in_the_same_system_is_one_row() {
        let lines = [survived("kill", 0, 949), survived("stop", 0, 60_050), survived("kill", 2, 1_950)];
        let text = noted(&lines.concat());
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| kill | a shop | 2 | 60 | 16 | 2 | 0 | 2 | -2 | 2.0 | 2.0 |",
                "| stop | a shop | 1 | 30 | 8 | 1 | 0 | 0 | -1 | 60.1 | 60.1 |",
            ]
        );
    }

    #[test]
    fn what_was_found_has_a_table_of_its_own() {
        let text = noted(r#"{"fault": "order put back", "system": "a shop", "found": "the audit"}"#);
        assert!(text.ends_with("| order put back | a shop | the audit |\n"), "{text}");
    }

    #[test]
    fn a_line_without_figures_is_refused() {
        assert!(Noted::default().read(r#"{"fault": "kill", "system": "a shop"}"#).is_err());
    }
}
