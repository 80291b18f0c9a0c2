//! How the story is told: short headings, aligned columns at 80 characters, and a check behind every claim.

use super::Ended;
use super::api::Event;
use owo_colors::{OwoColorize, Stream, Style};
use std::collections::BTreeSet;
use std::fmt::Display;
use tokio::time::Instant;

/// The width that everything fits.
const WIDTH: usize = 80;
/// The width of a claim, before what was found.
const CLAIM: usize = 50;
/// The width of a table's column.
const COLUMN: usize = 12;

/// What was told so far, and what of it did not hold.
pub(super) struct Story {
    began: Instant,
    chapter: u32,
    held: u32,
    missed: Vec<String>,
}

/// A value as it is printed and compared.
pub(super) struct Shown(String);

impl From<String> for Shown {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Shown {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<usize> for Shown {
    fn from(count: usize) -> Self {
        Self(count.to_string())
    }
}

/// A number written out where it is expected.
impl From<i32> for Shown {
    fn from(number: i32) -> Self {
        Self(amount(number.into()))
    }
}

/// Pieces or minor units, with their thousands apart.
impl From<i64> for Shown {
    fn from(minor: i64) -> Self {
        Self(amount(minor))
    }
}

/// `text` in `style` on a terminal that shows colours, and plain anywhere else.
fn styled(text: impl Display, style: Style) -> String {
    text.if_supports_color(Stream::Stdout, |text| text.style(style)).to_string()
}

fn dim(text: impl Display) -> String {
    styled(text, Style::new().dimmed())
}

fn bold(text: impl Display) -> String {
    styled(text, Style::new().bold())
}

impl Story {
    /// The first lines.
    pub(super) fn begin(topology: &str) -> Self {
        println!("{}", bold(format!("Jumun: one shop's day, topology {topology}")));
        println!("{}", dim("A real server in a process of its own; data that are thrown away at the end."));
        Self { began: Instant::now(), chapter: 0, held: 0, missed: Vec::new() }
    }

    /// A heading.
    pub(super) fn chapter(&mut self, title: &str) {
        self.chapter += 1;
        println!("\n{}", styled(format!("{:>2}  {title}", self.chapter), Style::new().bold().cyan()));
    }

    /// A paragraph.
    pub(super) fn tell(&self, text: &str) {
        for line in wrapped(text.split_whitespace(), WIDTH - 4) {
            println!("    {line}");
        }
    }

    /// A claim, and whether it holds: whether what was found looks like what was expected.
    pub(super) fn expect(&mut self, claim: &str, found: impl Into<Shown>, expected: impl Into<Shown>) {
        let (Shown(found), Shown(expected)) = (found.into(), expected.into());
        if found == expected {
            self.held += 1;
            let tick = styled("✓", Style::new().green().bold());
            println!("  {tick} {claim:<CLAIM$} {found}");
        } else {
            let cross = styled("✗", Style::new().red().bold());
            println!("  {cross} {claim:<CLAIM$} {found}, expected {expected}");
            self.missed.push(format!("{claim}: {found}, expected {expected}"));
        }
    }

    /// A claim that either holds or does not.
    pub(super) fn expect_that(&mut self, claim: &str, holds: bool) {
        self.expect(claim, if holds { "yes" } else { "no" }, "yes");
    }

    /// Something found that is not for this story to judge.
    pub(super) fn note(&self, what: &str, found: impl Into<Shown>) {
        println!("    {what:<CLAIM$} {}", found.into().0);
    }

    /// Named rows under column heads.
    pub(super) fn table(&self, heads: &[&str], rows: &[(&str, Vec<String>)]) {
        let line = |name: &str, cells: &mut dyn Iterator<Item = &str>| {
            cells.fold(format!("    {name:<24}"), |line, cell| format!("{line}{cell:>COLUMN$}"))
        };
        println!("{}", dim(line("", &mut heads.iter().copied())));
        for (name, cells) in rows {
            println!("{}", line(name, &mut cells.iter().map(String::as_str)));
        }
    }

    /// A timeline, an event a line.
    pub(super) fn timeline(&self, events: &[Event]) {
        let start = events.first().map_or(0, |event| event.at.0);
        for event in events {
            let (after, domain) = (event.at.0 - start, &event.domain);
            println!("    {} {domain:<9} {}", dim(format!("{after:>5} ms  ")), event.kind);
        }
    }

    /// A timeline in one sentence: what was said for the first time, with reasons where they are new.
    pub(super) fn flow(&self, events: &[Event]) {
        let (mut kinds, mut reasons) = (BTreeSet::new(), BTreeSet::new());
        let first: Vec<&Event> = events.iter().filter(|event| kinds.insert(&event.kind)).collect();
        let mut said: Vec<String> = Vec::new();
        for event in first {
            if let Some(before) = said.last_mut() {
                before.push_str(" →");
            }
            said.push(match event.reason() {
                Some(reason) if reasons.insert(reason) => format!("{} ({reason})", event.kind),
                Some(_) | None => event.kind.clone(),
            });
        }
        for line in wrapped(said.iter().map(String::as_str), WIDTH - 4) {
            println!("    {}", dim(line));
        }
    }

    /// Lines of somebody else, as they are.
    pub(super) fn quote(&self, lines: &[&str]) {
        for line in lines {
            println!("    {}", dim(line));
        }
    }

    /// The story cannot go on.
    pub(super) fn breaks_off(&mut self, error: &anyhow::Error, log: &str) {
        let cross = styled("✗", Style::new().red().bold());
        println!("  {cross} the story breaks off: {error:#}");
        if !log.is_empty() {
            println!("    The server's last words:");
            self.quote(&log.lines().collect::<Vec<_>>());
        }
        self.missed.push(format!("the story breaks off: {error:#}"));
    }

    /// What of it all held.
    pub(super) fn end(&self) -> Ended {
        let seconds = self.began.elapsed().as_secs();
        println!();
        if self.missed.is_empty() {
            let verdict = format!("All {} claims held, in {seconds} s.", self.held);
            println!("{}", styled(verdict, Style::new().green().bold()));
            return Ended::Well;
        }
        let verdict = format!("{} claims held; {} did not:", self.held, self.missed.len());
        println!("{}", styled(verdict, Style::new().red().bold()));
        for miss in &self.missed {
            println!("  ✗ {miss}");
        }
        Ended::Wanting
    }
}

/// `words` in lines of at most `width` characters; a longer word has a line of its own.
fn wrapped<'a>(words: impl Iterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// An amount with its thousands apart: `12,500`.
pub(super) fn amount(minor: i64) -> String {
    let digits = minor.unsigned_abs().to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if minor < 0 { format!("-{grouped}") } else { grouped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (minor, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567")] {
            assert_eq!(amount(minor), shown);
        }
    }

    #[test]
    fn lines_break_between_words_and_long_words_stay_whole() {
        assert_eq!(wrapped(["one", "two →", "three"].into_iter(), 9), ["one two →", "three"]);
        assert_eq!(wrapped(["a", "incomprehensible", "b"].into_iter(), 5), ["a", "incomprehensible", "b"]);
        assert!(wrapped([].into_iter(), 5).is_empty());
    }
}
