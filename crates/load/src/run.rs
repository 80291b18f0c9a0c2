//! One run: the warm-up, the orders that count, and what came of them.
#![expect(clippy::float_arithmetic, reason = "rates and shares; no money here")]

use crate::cost::{Cost, Costs, Snapshot};
use crate::drive::{Pace, drive};
use crate::latency::Spans;
use crate::machine;
use crate::meter::{Meter, Stalled, Tally};
use crate::result::{Errors, Measured, Memory, MixShown, Moment, PerOrder, Timing, Uncorrected};
use crate::target::{Door, Target};
use crate::timeline::{FIRST_INTERVAL, Timeline, float, growth, rate};
use crate::workload::Workload;
use parking_lot::{Condvar, Mutex};
use runtime::ports::store::StoreError;
use shop::ShopError;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What is run.
pub struct Run<'a> {
    /// The door.
    pub target: &'a dyn Target,
    /// Which one it is.
    pub door: Door,
    /// The orders.
    pub workload: &'a Workload,
    /// When they are sent.
    pub pace: Pace,
    /// What watches them.
    pub meter: &'a Arc<Meter>,
    /// The system behind the door, if it is in this process.
    pub system: Option<System<'a>>,
    /// Told from time to time how many orders are over, the warm-up's included.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// A system of this process.
pub struct System<'a> {
    /// What it does.
    pub costs: &'a Costs,
    /// Waits until everybody who follows orders has caught up.
    pub catch_up: &'a dyn Fn() -> Result<(), ShopError>,
    /// The most messages in one batch.
    pub batch_cap: usize,
    /// The topology's name.
    pub topology: String,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Orders no longer come to an end.
    #[error(transparent)]
    Stalled(#[from] Stalled),
    /// The followers of orders cannot be waited for.
    #[error(transparent)]
    Shop(#[from] ShopError),
    /// What was done cannot be looked at.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The orders of the warm-up made none: what follows would be no better.
    #[error("the warm-up failed: {0}")]
    WarmUp(String),
}

/// What was seen of the orders that count.
struct Seen {
    tally: Tally,
    timeline: Timeline,
    resident: Option<u64>,
    took: Duration,
    cost: Option<Cost>,
}

impl Run<'_> {
    /// Sends all orders and measures those that count.
    ///
    /// # Errors
    /// If it cannot be finished.
    pub fn measure(&self) -> Result<Measured, RunError> {
        let mut orders = self.workload.orders();
        let mut timeline = Timeline::new(None);
        let warm_up = usize::try_from(self.workload.warm_up()).unwrap_or(usize::MAX);
        self.watched(&mut timeline, 0, || {
            drive(self.target, orders.by_ref().take(warm_up), self.pace, self.meter)
        })?;
        if let Some(error) = self.meter.take().ends.first_errors.first() {
            return Err(RunError::WarmUp(error.clone()));
        }
        let before = self.snapshot()?;
        let mut timeline = Timeline::new(machine::resident());
        let begun = self.meter.now();
        self.watched(&mut timeline, self.workload.warm_up(), || {
            drive(self.target, orders, self.pace, self.meter)
        })?;
        let resident = machine::resident();
        let tally = self.meter.take();
        let took = tally.ends.last.saturating_sub(begun);
        timeline.look(took, tally.ends.orders(), resident);
        let after = self.snapshot()?;
        let cost = after.zip(before).map(|(after, before)| after.since(&before, tally.ends.orders()));
        Ok(self.measured(&Seen { tally, timeline, resident, took, cost }))
    }

    /// What has been done up to now; nobody is still at it.
    fn snapshot(&self) -> Result<Option<Snapshot>, RunError> {
        let Some(system) = &self.system else { return Ok(None) };
        (system.catch_up)()?;
        Ok(Some(system.costs.snapshot()?))
    }

    /// Does `work` while somebody looks at it from time to time.
    fn watched<T>(&self, timeline: &mut Timeline, before: u64, work: impl FnOnce() -> T) -> T {
        let (done, changed) = (Mutex::new(false), Condvar::new());
        let begun = self.meter.now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut done = done.lock();
                while !*done {
                    changed.wait_for(&mut done, FIRST_INTERVAL);
                    let over = self.meter.over();
                    if !*done {
                        let at = self.meter.now().saturating_sub(begun);
                        timeline.look(at, over, machine::resident());
                    }
                    (self.progress)(before + over);
                }
            });
            let worked = work();
            *done.lock() = true;
            changed.notify_all();
            worked
        })
    }

    fn measured(&self, seen: &Seen) -> Measured {
        let Seen { tally, timeline, resident, took, cost } = seen;
        let (workload, ends) = (self.workload, &tally.ends);
        let clients = self.pace.clients().get();
        let (rate_asked, interval) = match self.pace {
            Pace::Open { rate, .. } => (Some(rate.get()), None),
            Pace::Closed { .. } => (None, expected_interval(*took, clients, ends.orders())),
        };
        let spans = |spans: &Spans| match interval {
            Some(interval) => spans.corrected(interval).latency(),
            None => spans.latency(),
        };
        let uncorrected = || Uncorrected { answer: tally.answer.latency(), settled: tally.settled.latency() };
        let names = |counts: &BTreeMap<SmolStr, u64>| {
            counts.iter().map(|(name, count)| (name.to_string(), *count)).collect()
        };
        let outcomes = [("CONFIRMED", ends.confirmed), ("FAILED", ends.failed)];
        let outcomes = outcomes.into_iter().filter(|(_, count)| *count > 0);
        let memory: Memory = timeline.memory(*resident);
        let over_time: Vec<Moment> = timeline.moments();
        Measured {
            topology: self.system.as_ref().map(|system| system.topology.clone()).unwrap_or_default(),
            door: self.door.to_string(),
            kind: if rate_asked.is_some() { "open" } else { "closed" }.to_owned(),
            clients,
            rate: rate_asked,
            batch_cap: self.system.as_ref().map(|system| system.batch_cap as u64),
            seed: workload.seed(),
            orders: workload.counted(),
            warm_up: workload.warm_up(),
            hot_sku: workload.is_hot(),
            input: None,
            mix: MixShown {
                card_percent: workload.mix().card_percent,
                coupon_percent: workload.mix().coupon_percent,
            },
            fail: workload.mix().fail.iter().map(|(step, percent)| (step.to_string(), *percent)).collect(),
            seconds: took.as_secs_f64(),
            orders_per_second: rate(ends.orders(), *took),
            timing: Timing {
                from: if rate_asked.is_some() { "intended" } else { "sent" }.to_owned(),
                expected_interval_us: interval
                    .map(|interval| u64::try_from(interval.as_micros()).unwrap_or(u64::MAX)),
            },
            answer_us: spans(&tally.answer),
            settled_us: spans(&tally.settled),
            measured_us: interval.map(|_| uncorrected()),
            outcomes: outcomes.map(|(status, count)| (status.to_owned(), count)).collect(),
            reasons: names(&ends.reasons),
            failed_at_quote: ends.failed_at_quote,
            errors: Errors { count: ends.errors, first: ends.first_errors.clone() },
            refused_share: if ends.orders() == 0 { 0.0 } else { float(ends.failed) / float(ends.orders()) },
            compensations: cost.as_ref().map(|cost| cost.compensations),
            per_order: cost.as_ref().map_or_else(PerOrder::default, |cost| cost.per_order),
            databases: cost.as_ref().map(|cost| cost.databases.clone()).unwrap_or_default(),
            rss_mb: memory,
            over_time,
            growth: growth(ends),
            audit: None,
            machine: machine::machine(),
        }
    }
}

/// How often one of `clients` sends an order when `orders` take so long.
fn expected_interval(took: Duration, clients: u64, orders: u64) -> Option<Duration> {
    let nanos = took.as_nanos() * u128::from(clients);
    let each = nanos.checked_div(u128::from(orders))?;
    Some(Duration::from_nanos(u64::try_from(each).unwrap_or(u64::MAX)))
}
