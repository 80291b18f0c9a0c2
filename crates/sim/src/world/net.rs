//! What lies between units: which reach each other, and which are up.

use super::faults::{Fault, Faults};
use super::trace::Trace;
use parking_lot::Mutex;
use runtime::ports::store::StoreError;
use scripted::clock::Time;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The network.
pub(crate) struct Net {
    time: Arc<Time>,
    faults: Arc<Faults>,
    trace: Arc<Trace>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Pairs that do not reach each other, and until when. Each pair stands in order.
    cut: BTreeMap<(String, String), Duration>,
    /// How many instances of each unit run.
    up: BTreeMap<String, usize>,
}

impl Net {
    /// A network over which everybody reaches everybody.
    #[must_use]
    pub(crate) fn new(time: &Arc<Time>, faults: &Arc<Faults>, trace: &Arc<Trace>) -> Self {
        let (time, faults, trace) = (Arc::clone(time), Arc::clone(faults), Arc::clone(trace));
        Self { time, faults, trace, state: Mutex::default() }
    }

    /// An instance of `unit` has come up.
    pub(crate) fn came_up(&self, unit: &str) {
        *self.state.lock().up.entry(unit.to_owned()).or_default() += 1;
    }

    /// An instance of `unit` is gone.
    pub(crate) fn went_down(&self, unit: &str) {
        if let Some(count) = self.state.lock().up.get_mut(unit) {
            *count = count.saturating_sub(1);
        }
    }

    /// Maybe cuts two of `units` off from each other for a while.
    pub(crate) fn maybe_cut(&self, units: &[String]) {
        if units.len() < 2 || !self.faults.strikes(Fault::Partition) {
            return;
        }
        let dice = self.faults.dice();
        let one = dice.below(units.len());
        let other = (one + 1 + dice.below(units.len() - 1)) % units.len();
        let (one, other) = (&units[one], &units[other]);
        let long = Duration::from_millis(dice.between(100, 20_000));
        self.trace.fault("network", &format!("{one} and {other} are cut off from each other for {long:?}"));
        self.state.lock().cut.insert(pair(one, other), self.time.elapsed() + long);
    }

    /// Everybody reaches everybody again.
    pub(crate) fn heal(&self) {
        self.state.lock().cut.clear();
    }

    /// Whether a message from one unit gets to the other now, up or down.
    #[must_use]
    pub(crate) fn connects(&self, one: &str, other: &str) -> bool {
        let state = self.state.lock();
        state.cut.get(&pair(one, other)).is_none_or(|until| *until <= self.time.elapsed())
    }

    /// Nothing, if `from` can ask `to` now.
    ///
    /// # Errors
    /// [`StoreError::Retry`] if it is down or cut off.
    pub(crate) fn reach(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let up = self.state.lock().up.get(to).is_some_and(|count| *count > 0);
        match up && self.connects(from, to) {
            true => Ok(()),
            false => Err(StoreError::Retry(format!("{to} cannot be reached"))),
        }
    }
}

fn pair(one: &str, other: &str) -> (String, String) {
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    (first.to_owned(), second.to_owned())
}
