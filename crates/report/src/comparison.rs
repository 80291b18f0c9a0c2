//! Topologies beside each other: what was measured in every round, and its medians.

use load::result::{Latency, Measured, PerOrder};
use serde::Serialize;
use std::collections::BTreeMap;

/// Topologies that did the same work in turn.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The command that made it.
    pub command: String,
    /// How many rounds were asked for.
    pub rounds: u32,
    /// Each topology, in the order asked for.
    #[serde(rename = "topologies")]
    pub entries: Vec<Entry>,
}

/// One topology.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its name.
    pub topology: String,
    /// What it is, in a sentence.
    pub summary: String,
    /// Who tells whom, as `jumun topology show` draws it.
    #[serde(skip)]
    pub flow: String,
    /// Medians over the rounds.
    pub median: Figures,
    /// What was measured, a document a round. A round that gave none is missing.
    pub rounds: Vec<Measured>,
}

/// A figure over all rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; between the two middle ones of an even number.
    pub median: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

/// What is compared. `None` was not measured. Times are in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Settled orders a second.
    pub orders_per_second: Option<Spread>,
    /// Half of the clients were answered by then.
    pub answer_p50_us: Option<Spread>,
    /// 99 % of the clients were answered by then.
    pub answer_p99_us: Option<Spread>,
    /// Half of the orders were settled by then.
    pub settled_p50_us: Option<Spread>,
    /// 99 % of the orders were settled by then.
    pub settled_p99_us: Option<Spread>,
    /// Participants' events an order.
    pub messages: Option<Spread>,
    /// Commits an order.
    pub commits: Option<Spread>,
    /// Bytes handed to storage an order.
    pub bytes_written: Option<Spread>,
    /// Steps undone in a round.
    pub compensations: Option<Spread>,
    /// Share of orders refused, 0 to 1.
    pub refused_share: Option<Spread>,
    /// The most resident memory, in MB.
    pub peak_mb: Option<Spread>,
    /// Discrepancies that the audits found, in all rounds together; `None` if a round was not audited.
    pub discrepancies: Option<u64>,
    /// Asks that made no order, in all rounds together.
    pub errors: Option<u64>,
}

impl Spread {
    /// Of all rounds' values, if there is one.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let (below, above) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
        Some(Self { median: f64::midpoint(*below, *above), low, high })
    }

    /// How far the rounds lie apart, as a share of the median.
    pub(crate) fn width(&self) -> f64 {
        if self.median > 0.0 { (self.high - self.low) / self.median } else { 0.0 }
    }
}

impl Figures {
    /// Of all rounds.
    #[must_use]
    pub fn of(rounds: &[Measured]) -> Self {
        let spread = |get: &dyn Fn(&Measured) -> Option<f64>| Spread::of(rounds.iter().filter_map(get));
        // Of nothing that was counted there are no percentiles.
        let counted = |latency: &Latency, us: u64| (!latency.buckets.is_empty()).then(|| count(us));
        let answer =
            |get: fn(&Latency) -> u64| spread(&|round| counted(&round.answer_us, get(&round.answer_us)));
        let settled =
            |get: fn(&Latency) -> u64| spread(&|round| counted(&round.settled_us, get(&round.settled_us)));
        let cost = |get: fn(&PerOrder) -> Option<f64>| spread(&|round| get(&round.per_order));
        let audits = rounds.iter().map(|round| round.audit);
        let found = audits
            .map(|audit| audit.map(|audit| audit.discrepancies.max(u64::from(!audit.clean))))
            .sum::<Option<u64>>();
        Self {
            orders_per_second: spread(&|round| Some(round.orders_per_second)),
            answer_p50_us: answer(|latency| latency.p50),
            answer_p99_us: answer(|latency| latency.p99),
            settled_p50_us: settled(|latency| latency.p50),
            settled_p99_us: settled(|latency| latency.p99),
            messages: cost(|order| order.messages),
            commits: cost(|order| order.commits),
            bytes_written: cost(|order| order.bytes_written),
            compensations: spread(&|round| round.compensations.map(count)),
            refused_share: spread(&|round| Some(round.refused_share)),
            peak_mb: spread(&|round| round.rss_mb.peak),
            discrepancies: found.filter(|_| !rounds.is_empty()),
            errors: (!rounds.is_empty()).then(|| rounds.iter().map(|round| round.errors.count).sum()),
        }
    }
}

impl Entry {
    /// A topology and what was measured of it.
    #[must_use]
    pub fn new(topology: String, summary: String, flow: String, rounds: Vec<Measured>) -> Self {
        Self { topology, summary, flow, median: Figures::of(&rounds), rounds }
    }

    /// The round whose orders a second lie in the middle (below it, if there are two).
    pub(crate) fn middle_round(&self) -> Option<&Measured> {
        let mut rounds: Vec<&Measured> = self.rounds.iter().collect();
        rounds.sort_by(|a, b| a.orders_per_second.total_cmp(&b.orders_per_second));
        rounds.get(rounds.len().checked_sub(1)? / 2).copied()
    }

    /// How many orders took up to so long, all rounds together: `(upper bound in µs, count)`, rising.
    pub(crate) fn buckets(&self, get: fn(&Measured) -> &Latency) -> Vec<(u64, u64)> {
        let mut all: BTreeMap<u64, u64> = BTreeMap::new();
        for (upper, orders) in self.rounds.iter().flat_map(|round| &get(round).buckets) {
            *all.entry(*upper).or_default() += orders;
        }
        all.into_iter().filter(|(_, orders)| *orders > 0).collect()
    }
}

impl Comparison {
    /// Whether every round of every topology was measured, took all orders, and was audited clean.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.entries
            .iter()
            .all(|entry| entry.rounds.len() >= self.rounds as usize && entry.median.discrepancies == Some(0))
    }

    /// Any round, for what all of them share.
    pub(crate) fn any_round(&self) -> Option<&Measured> {
        self.entries.iter().find_map(|entry| entry.rounds.first())
    }
}

/// A count as a figure. Counts are far below 2^53, where this would round.
#[expect(clippy::cast_precision_loss, reason = "counts of orders are far below 2^53")]
pub(crate) fn count(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], expected: Option<(f64, f64, f64)>) {
        let found = Spread::of(values.iter().copied());
        assert_eq!(found, expected.map(|(low, median, high)| Spread { median, low, high }));
    }

    #[test]
    fn the_median_is_the_middle_round_or_between_the_two_middle_ones() {
        check(&[], None);
        check(&[5.0], Some((5.0, 5.0, 5.0)));
        check(&[9.0, 1.0, 2.0], Some((1.0, 2.0, 9.0)));
        check(&[4.0, 1.0, 2.0, 9.0], Some((1.0, 3.0, 9.0)));
        check(&[f64::NAN], None);
    }
}
