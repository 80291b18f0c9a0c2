//! How a run goes: looked at every so often, and never more to remember than fits a plot.
#![expect(clippy::float_arithmetic, reason = "rates and megabytes; no money here")]

use crate::meter::{Ends, MARK};
use crate::result::{Growth, Memory, Moment, Stretch};
use std::time::Duration;

/// How often it is looked at, to begin with.
pub const FIRST_INTERVAL: Duration = Duration::from_millis(200);
/// When there are so many looks, every other one is forgotten.
const MOST: usize = 400;

/// What was seen at one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    /// Since the first order.
    at: Duration,
    /// Orders that had ended.
    ended: u64,
    /// Resident memory in bytes.
    resident: Option<u64>,
}

/// What was seen so far.
#[derive(Clone, Debug)]
pub struct Timeline {
    looks: Vec<Look>,
    interval: Duration,
    start: Option<u64>,
    peak: Option<u64>,
}

impl Timeline {
    /// Nothing yet, with so much resident memory.
    #[must_use]
    pub fn new(resident: Option<u64>) -> Self {
        Self { looks: Vec::new(), interval: FIRST_INTERVAL, start: resident, peak: resident }
    }

    /// Notes what is seen at `at`, if the last look is long enough ago.
    pub fn look(&mut self, at: Duration, ended: u64, resident: Option<u64>) {
        self.peak = self.peak.max(resident);
        let last = self.looks.last().map_or(Duration::ZERO, |look| look.at);
        if at < last + self.interval {
            return;
        }
        self.looks.push(Look { at, ended, resident });
        if self.looks.len() >= MOST {
            let mut number = 0;
            self.looks.retain(|_| {
                number += 1;
                number % 2 == 0
            });
            self.interval *= 2;
        }
    }

    /// What was seen, look by look.
    #[must_use]
    pub fn moments(&self) -> Vec<Moment> {
        let mut before = Look { at: Duration::ZERO, ended: 0, resident: None };
        let mut moments = Vec::with_capacity(self.looks.len());
        for look in &self.looks {
            let orders_per_second =
                rate(look.ended.saturating_sub(before.ended), look.at.saturating_sub(before.at));
            moments.push(Moment {
                at_s: rounded(look.at.as_secs_f64()),
                orders_per_second: rounded(orders_per_second),
                rss_mb: look.resident.map(megabytes),
            });
            before = *look;
        }
        moments
    }

    /// Memory over the run that ended with so much.
    #[must_use]
    pub fn memory(&self, end: Option<u64>) -> Memory {
        Memory {
            start: self.start.map(megabytes),
            end: end.map(megabytes),
            peak: self.peak.max(end).map(megabytes),
        }
    }
}

/// So many a second.
#[must_use]
pub fn rate(count: u64, span: Duration) -> f64 {
    if span.is_zero() { 0.0 } else { float(count) / span.as_secs_f64() }
}

/// To three digits: more would be noise.
fn rounded(figure: f64) -> f64 {
    (figure * 1_000.0).round() / 1_000.0
}

/// A count as a float: exact up to 2^53.
#[must_use]
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub fn float(count: u64) -> f64 {
    count as f64
}

fn megabytes(bytes: u64) -> f64 {
    float(bytes / 1_000) / 1_000.0
}

/// Shorter runs have no early and late.
const LONG: usize = 10;

/// How fast a run was just after its first ten thousand orders, and at its end: over a twentieth of its orders each, and at
/// least ten thousand.
#[must_use]
pub fn growth(ends: &Ends) -> Option<Growth> {
    let marks = &ends.marks;
    if marks.len() < LONG {
        return None;
    }
    let long = (marks.len() / 20).max(1);
    // Marks stand after 10,000, 20,000, … orders.
    let stretch = |from: usize| {
        let (from_orders, to_orders) = ((from as u64 + 1) * MARK, ((from + long) as u64 + 1) * MARK);
        let span = marks[from + long].saturating_sub(marks[from]);
        Stretch { from: from_orders, to: to_orders, orders_per_second: rate(to_orders - from_orders, span) }
    };
    let (early, late) = (stretch(0), stretch(marks.len() - 1 - long));
    let ratio =
        if early.orders_per_second > 0.0 { late.orders_per_second / early.orders_per_second } else { 0.0 };
    Some(Growth { early, late, ratio })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_no_more_than_fits_a_plot_and_loses_no_order() {
        let mut timeline = Timeline::new(None);
        for tick in 1..=10_000_u32 {
            timeline.look(FIRST_INTERVAL * tick, u64::from(tick) * 10, Some(5_000_000));
        }
        let moments = timeline.moments();
        assert!(moments.len() < MOST, "{}", moments.len());
        assert!(moments.iter().all(|moment| (moment.orders_per_second - 50.0).abs() < 1e-6), "{moments:?}");
        assert_eq!(timeline.memory(Some(6_000_000)).peak, Some(6.0));
    }

    #[test]
    fn growth_compares_the_orders_after_the_first_ten_thousand_with_the_last_ones() {
        // A hundred marks: the first ten a second apart, the others two.
        let mut at = Duration::ZERO;
        let marks = (0..100_u64).map(|number| {
            at += Duration::from_secs(if number < 10 { 1 } else { 2 });
            at
        });
        let ends = Ends { marks: marks.collect(), ..Ends::default() };
        let growth = growth(&ends).unwrap();
        assert_eq!((growth.early.from, growth.early.to), (10_000, 60_000));
        assert_eq!((growth.late.from, growth.late.to), (950_000, 1_000_000));
        assert!((growth.ratio - 0.5).abs() < 1e-9, "{growth:?}");
        let short = Ends { marks: ends.marks[..9].to_vec(), ..Ends::default() };
        assert_eq!(super::growth(&short), None);
    }
}
