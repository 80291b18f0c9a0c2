//! What comes of orders: when they were answered and settled, and how they ended.

use crate::latency::Spans;
use hdrhistogram::CreationError;
use kernel::{Entry, Said};
use parking_lot::{Condvar, Mutex};
use runtime::ports::clock::Clock;
use runtime::ports::store::Position;
use runtime::tail::Observer;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How an order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every planned step is done.
    Confirmed,
    /// Nothing of it is in effect.
    Failed {
        /// The first cause.
        reason: SmolStr,
        /// It never got as far as a step.
        at_quote: bool,
    },
}

/// Watches the orders of one run.
pub struct Meter {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
    changed: Condvar,
}

/// What was measured since the meter began anew.
pub struct Tally {
    /// From the intended start to the answer.
    pub answer: Spans,
    /// From the intended start until the order was settled.
    pub settled: Spans,
    /// How orders ended.
    pub ends: Ends,
}

/// How orders ended.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// Orders confirmed.
    pub confirmed: u64,
    /// Orders failed.
    pub failed: u64,
    /// Failed orders by reason.
    pub reasons: BTreeMap<SmolStr, u64>,
    /// Failed orders that never got as far as a step.
    pub failed_at_quote: u64,
    /// Asks that made no order.
    pub errors: u64,
    /// The first few of what was said instead.
    pub first_errors: Vec<String>,
    /// When each ten thousandth order was settled.
    pub marks: Vec<Duration>,
    /// When the last order was settled.
    pub last: Duration,
}

impl Ends {
    /// Orders that came to an end.
    #[must_use]
    pub fn orders(&self) -> u64 {
        self.confirmed + self.failed
    }

    fn count(&mut self, at: Duration, end: End) {
        match end {
            End::Confirmed => self.confirmed += 1,
            End::Failed { reason, at_quote } => {
                self.failed += 1;
                self.failed_at_quote += u64::from(at_quote);
                *self.reasons.entry(reason).or_default() += 1;
            }
        }
        self.last = self.last.max(at);
        if self.orders().is_multiple_of(MARK) {
            self.marks.push(at);
        }
    }
}

struct Inner {
    /// Orders of which one half is known: their answer, or their end.
    halves: FxHashMap<Uuid, Half>,
    in_flight: u64,
    tally: Tally,
}

/// The log of orders and the answer to the client reach us in either order.
enum Half {
    Answered { intended: Duration },
    Ended { at: Duration, end: End },
}

/// Orders between two marks.
pub const MARK: u64 = 10_000;
/// Errors that are kept.
const FIRST: usize = 5;

/// Orders no longer come to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{in_flight} orders are under way, and none of them has moved for {} s", patience.as_secs())]
pub struct Stalled {
    /// How many are under way.
    pub in_flight: u64,
    /// For how long none has moved.
    pub patience: Duration,
}

impl Meter {
    /// A meter that reads this clock.
    ///
    /// # Errors
    /// If there are no such histograms: a fault of ours.
    pub fn new(clock: Arc<dyn Clock>) -> Result<Arc<Self>, CreationError> {
        let tally = Tally { answer: Spans::new()?, settled: Spans::new()?, ends: Ends::default() };
        let inner = Inner { halves: FxHashMap::default(), in_flight: 0, tally };
        Ok(Arc::new(Self { clock, inner: Mutex::new(inner), changed: Condvar::new() }))
    }

    /// The time on its clock.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    /// What was measured; from here on it begins anew. Between two phases nothing is under way.
    #[must_use]
    pub fn take(&self) -> Tally {
        let mut inner = self.inner.lock();
        inner.halves.clear();
        let Tally { answer, settled, .. } = &inner.tally;
        let anew = Tally { answer: answer.anew(), settled: settled.anew(), ends: Ends::default() };
        std::mem::replace(&mut inner.tally, anew)
    }

    /// Orders that came to an end, and asks that made none.
    #[must_use]
    pub fn over(&self) -> u64 {
        let inner = self.inner.lock();
        inner.tally.ends.orders() + inner.tally.ends.errors
    }

    /// Waits until fewer than `most` orders are under way, and takes a place among them.
    ///
    /// # Errors
    /// If nothing moves for as long as `patience`.
    pub(crate) fn enter(&self, most: u64, patience: Duration) -> Result<(), Stalled> {
        let mut inner = self.inner.lock();
        self.wait_below(&mut inner, most, patience)?;
        inner.in_flight += 1;
        Ok(())
    }

    /// Waits until nothing is under way.
    ///
    /// # Errors
    /// If nothing moves for as long as `patience`.
    pub(crate) fn drain(&self, patience: Duration) -> Result<(), Stalled> {
        self.wait_below(&mut self.inner.lock(), 1, patience)
    }

    /// Waits until the clock shows `at`.
    pub(crate) fn wait_until(&self, at: Duration) {
        let mut inner = self.inner.lock();
        while let Some(left) = at.checked_sub(self.now()).filter(|left| !left.is_zero()) {
            self.changed.wait_for(&mut inner, left);
        }
    }

    fn wait_below(
        &self,
        inner: &mut parking_lot::MutexGuard<'_, Inner>,
        most: u64,
        patience: Duration,
    ) -> Result<(), Stalled> {
        let mut seen = inner.in_flight;
        let mut since = self.now();
        while inner.in_flight >= most {
            self.changed.wait_for(inner, patience);
            let now = self.now();
            if inner.in_flight != seen {
                (seen, since) = (inner.in_flight, now);
            } else if now.saturating_sub(since) >= patience {
                return Err(Stalled { in_flight: seen, patience });
            }
        }
        Ok(())
    }

    pub(crate) fn answered(&self, id: Uuid, intended: Duration) {
        self.answered_at(self.now(), id, intended);
    }

    /// The answer was the settled order: one moment, one time.
    pub(crate) fn answered_settled(&self, id: Uuid, intended: Duration, end: End) {
        let now = self.now();
        self.answered_at(now, id, intended);
        self.ended(&mut self.inner.lock(), id, now, end);
    }

    fn answered_at(&self, now: Duration, id: Uuid, intended: Duration) {
        let mut inner = self.inner.lock();
        inner.tally.answer.record(now.saturating_sub(intended));
        match inner.halves.remove(&id) {
            Some(Half::Ended { at, end }) => self.over_with(&mut inner, intended, at, end),
            Some(Half::Answered { .. }) | None => {
                inner.halves.insert(id, Half::Answered { intended });
            }
        }
    }

    /// The order `id` has ended.
    pub fn settled(&self, id: Uuid, end: End) {
        let now = self.now();
        self.ended(&mut self.inner.lock(), id, now, end);
    }

    /// Nobody can tell any more how the order `id` ended.
    pub(crate) fn lost(&self, id: Uuid, why: String) {
        self.inner.lock().halves.remove(&id);
        self.failed(why);
    }

    pub(crate) fn failed(&self, why: String) {
        let mut inner = self.inner.lock();
        let ends = &mut inner.tally.ends;
        ends.errors += 1;
        if ends.first_errors.len() < FIRST {
            ends.first_errors.push(why);
        }
        inner.in_flight -= 1;
        self.changed.notify_all();
    }

    fn ended(&self, inner: &mut Inner, id: Uuid, at: Duration, end: End) {
        match inner.halves.remove(&id) {
            Some(Half::Answered { intended }) => self.over_with(inner, intended, at, end),
            Some(Half::Ended { .. }) | None => {
                inner.halves.insert(id, Half::Ended { at, end });
            }
        }
    }

    fn over_with(&self, inner: &mut Inner, intended: Duration, at: Duration, end: End) {
        inner.tally.settled.record(at.saturating_sub(intended));
        inner.tally.ends.count(at, end);
        inner.in_flight -= 1;
        self.changed.notify_all();
    }
}

impl Observer for Meter {
    fn committed(&self, rows: &[(Position, Arc<Entry>)]) {
        let now = self.now();
        let mut inner = self.inner.lock();
        for (_, entry) in rows {
            for event in &entry.events {
                if let Some(end) = end_of(&event.said) {
                    self.ended(&mut inner, entry.key, now, end);
                }
            }
        }
    }
}

fn end_of(said: &Said) -> Option<End> {
    match said {
        Said::Confirmed { .. } => Some(End::Confirmed),
        Said::Failed { reason, steps } => {
            Some(End::Failed { reason: SmolStr::new(reason.as_str()), at_quote: steps.is_empty() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Timestamp;

    /// A clock that stands where it is put.
    #[derive(Default)]
    struct Stands(Mutex<Duration>);

    impl Clock for Stands {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }

        fn elapsed(&self) -> Duration {
            *self.0.lock()
        }
    }

    const PATIENCE: Duration = Duration::from_millis(1);

    fn failed(at_quote: bool) -> End {
        End::Failed { reason: "OUT_OF_STOCK".into(), at_quote }
    }

    #[test]
    fn an_order_is_over_once_it_is_answered_and_settled_whichever_comes_first() {
        let clock = Arc::new(Stands::default());
        let meter = Meter::new(Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let set = |ms| *clock.0.lock() = Duration::from_millis(ms);
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        meter.enter(2, PATIENCE).unwrap();
        meter.enter(2, PATIENCE).unwrap();
        set(10);
        meter.answered(one, Duration::ZERO);
        meter.settled(two, End::Confirmed);
        assert_eq!(meter.over(), 0);
        set(30);
        meter.settled(one, failed(false));
        meter.answered(two, Duration::from_millis(5));
        assert_eq!(meter.over(), 2);
        meter.drain(PATIENCE).unwrap();
        let tally = meter.take();
        assert_eq!((tally.ends.confirmed, tally.ends.failed, tally.ends.failed_at_quote), (1, 1, 0));
        // One was answered after 10 ms and settled after 30; two, due at 5 ms, answered after 25 and settled after 5.
        let (answer, settled) = (tally.answer.latency(), tally.settled.latency());
        assert!(
            (10_000..10_010).contains(&answer.p50) && (25_000..25_020).contains(&answer.max),
            "{answer:?}"
        );
        assert!(
            (5_000..5_010).contains(&settled.p50) && (30_000..30_020).contains(&settled.max),
            "{settled:?}"
        );
    }

    #[test]
    fn an_ask_that_makes_no_order_is_over_and_kept() {
        let meter = Meter::new(Arc::new(Stands::default())).unwrap();
        meter.enter(1, PATIENCE).unwrap();
        meter.failed("too many wait".to_owned());
        meter.drain(PATIENCE).unwrap();
        let ends = meter.take().ends;
        assert_eq!((ends.errors, ends.orders(), ends.first_errors), (1, 0, vec!["too many wait".to_owned()]));
        assert_eq!(meter.over(), 0, "it begins anew");
    }
}
