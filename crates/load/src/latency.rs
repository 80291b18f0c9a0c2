//! Times, kept as high-dynamic-range histograms, and how the histogram of a closed loop is put right.

use crate::result::Latency;
use hdrhistogram::{CreationError, Histogram};
use std::time::Duration;

/// Longer times are counted as this one: no order is waited for so long.
const LONGEST_US: u64 = 3_600_000_000;
/// Significant digits.
const DIGITS: u8 = 3;
/// The first bucket of a result ends here, in microseconds.
const FIRST_BUCKET: u64 = 10;
/// Each bucket of a result reaches this much further than the one before.
const BUCKET_GROWTH: f64 = 1.1;

/// Times in microseconds.
#[derive(Clone)]
pub struct Spans(Histogram<u64>);

impl Spans {
    /// None yet.
    ///
    /// # Errors
    /// If there is no such histogram: a fault of ours.
    pub fn new() -> Result<Self, CreationError> {
        Ok(Self(Histogram::new_with_bounds(1, LONGEST_US, DIGITS)?))
    }

    /// None yet, of the same kind.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self(Histogram::new_from(&self.0))
    }

    /// Counts one.
    pub fn record(&mut self, span: Duration) {
        self.0.saturating_record(u64::try_from(span.as_micros()).unwrap_or(LONGEST_US));
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// As if orders had been sent every `interval`, whether the one before was over or not: a closed loop sends none while
    /// it waits, and so does not measure the orders that a stall would have kept waiting (coordinated omission). Every time
    /// longer than the interval stands for the shorter ones of those that were not sent.
    #[must_use]
    pub fn corrected(&self, interval: Duration) -> Self {
        Self(self.0.clone_correct(u64::try_from(interval.as_micros()).unwrap_or(LONGEST_US).max(1)))
    }

    /// As a result says it.
    #[must_use]
    pub fn latency(&self) -> Latency {
        let at = |quantile| self.0.value_at_quantile(quantile);
        let buckets = self.0.iter_log(FIRST_BUCKET, BUCKET_GROWTH);
        Latency {
            mean: self.0.mean().round(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.0.max(),
            buckets: buckets
                .map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
                .filter(|(_, count)| *count > 0)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(millis: &[u64]) -> Spans {
        let mut spans = Spans::new().unwrap();
        for millis in millis {
            spans.record(Duration::from_millis(*millis));
        }
        spans
    }

    #[test]
    fn buckets_hold_every_time_once() {
        let latency = of(&[1, 2, 3, 50, 50, 4_000]).latency();
        assert_eq!(latency.buckets.iter().map(|(_, count)| count).sum::<u64>(), 6);
        assert!(latency.buckets.is_sorted_by_key(|(upper, _)| *upper));
        assert!(latency.buckets.last().unwrap().0 >= latency.max);
        assert!((49_900..=50_100).contains(&latency.p90.min(50_000)), "{latency:?}");
    }

    /// One client, an order every 10 ms, and a stall of a second: the 99 orders that it did not send would have waited, too.
    #[test]
    fn a_stall_counts_for_the_orders_that_were_not_sent() {
        let measured = of(&[vec![10; 99], vec![1_000]].concat());
        assert!(measured.latency().p90 < 11_000);
        let corrected = measured.corrected(Duration::from_millis(10));
        assert_eq!(corrected.count(), 100 + 99);
        assert!(corrected.latency().p90 > 700_000, "{:?}", corrected.latency());
    }

    #[test]
    fn none_is_all_zeroes() {
        let latency = of(&[]).latency();
        assert_eq!((latency.p50, latency.max, latency.buckets.len()), (0, 0, 0));
    }
}
