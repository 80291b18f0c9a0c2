//! How one unit hears another's log over the network: late, sometimes not at first, sometimes twice, and in lanes that overtake each
//! other.

use super::disk::Disk;
use super::faults::{Fault, Faults};
use super::net::Net;
use super::stage::Stage;
use kernel::said::Entry;
use parking_lot::Mutex;
use runtime::feed::{lane_for, lane_name};
use runtime::ports::store::{LogState, Position, StoreError};
use runtime::tail::Observer;
use runtime::{Door, Feed};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A row travels at most this long when nothing holds it up.
const USUAL_MS: u64 = 3;
/// How many rows are handed out again at most.
const MOST_AGAIN: u64 = 12;

/// One lane of another unit's log.
pub(crate) struct Wire {
    source: Arc<Disk>,
    /// The unit that holds the log, and the one that hears it.
    ends: (String, String),
    cursor: String,
    lane: u32,
    lanes: u32,
    stage: Arc<Stage>,
    state: Mutex<State>,
    followers: Mutex<Vec<Arc<Door>>>,
    observers: Mutex<Vec<Arc<dyn Observer>>>,
}

#[derive(Default)]
struct State {
    /// What has arrived.
    reach: Position,
    /// What was sent last.
    sent: Position,
    /// What is on its way: when it arrives, in order.
    travels: VecDeque<(Duration, Position)>,
}

impl Wire {
    /// All lanes of the log of `source`, as `to` hears it.
    #[must_use]
    pub(crate) fn lay(stage: &Arc<Stage>, source: &Arc<Disk>, to: &str, lanes: u32) -> Vec<Arc<Self>> {
        let log = source.name();
        let wire = |lane| {
            Arc::new(Self {
                source: Arc::clone(source),
                ends: (source.unit().to_owned(), to.to_owned()),
                cursor: if lanes == 1 { log.to_owned() } else { lane_name(log, lane, lanes) },
                lane,
                lanes,
                stage: Arc::clone(stage),
                state: Mutex::default(),
                followers: Mutex::default(),
                observers: Mutex::default(),
            })
        };
        (0..lanes).map(wire).collect()
    }

    /// Carries what can be carried now. True if something arrived.
    pub(crate) fn carry(&self) -> bool {
        if !self.net().connects(&self.ends.0, &self.ends.1) {
            return false;
        }
        let now = self.stage.time.elapsed();
        let (before, reach) = {
            let mut state = self.state.lock();
            let head = self.source.head();
            if head > state.sent {
                state.sent = head;
                let at = state.travels.back().map_or(now, |(at, _)| *at).max(now) + self.travel_time();
                state.travels.push_back((at, head));
            }
            let before = state.reach;
            while state.travels.front().is_some_and(|(at, _)| *at <= now) {
                state.reach = state.travels.pop_front().map_or(state.reach, |(_, arrived)| arrived);
            }
            (before, state.reach)
        };
        if reach == before {
            return false;
        }
        self.show(before, reach);
        self.followers.lock().iter().for_each(|door| door.wake());
        true
    }

    /// When something that is on its way arrives, if anything is and can.
    pub(crate) fn arrives_at(&self) -> Option<Duration> {
        let first = self.state.lock().travels.front().map(|(at, _)| *at);
        first.filter(|_| self.net().connects(&self.ends.0, &self.ends.1))
    }

    fn travel_time(&self) -> Duration {
        let dice = &self.stage.network;
        match self.faults().strikes(Fault::MessageDelayed) {
            true => Duration::from_millis(dice.between(200, 12_000)),
            false => Duration::from_millis(dice.between(0, USUAL_MS)),
        }
    }

    /// Shows what arrived to those who only look.
    fn show(&self, after: Position, through: Position) {
        let observers = self.observers.lock().clone();
        if observers.is_empty() {
            return;
        }
        // Who looks on is never the only one who is told: what cannot be read now is passed over.
        let rows =
            self.source.entries(after, through, usize::MAX, |key| self.carries(key)).unwrap_or_default();
        observers.iter().for_each(|observer| observer.committed(&rows));
    }

    fn carries(&self, key: Uuid) -> bool {
        lane_for(key, self.lanes) == self.lane
    }

    fn net(&self) -> &Net {
        &self.stage.net
    }

    fn faults(&self) -> &Faults {
        &self.stage.faults
    }
}

impl Feed for Wire {
    fn is_remote(&self) -> bool {
        true
    }

    fn log(&self) -> &str {
        self.source.name()
    }

    fn cursor(&self) -> &str {
        &self.cursor
    }

    fn state(&self) -> Result<LogState, StoreError> {
        self.net().reach(&self.ends.1, &self.ends.0)?;
        let state = self.source.log_state()?;
        let mut known = self.state.lock();
        known.travels.clear();
        (known.reach, known.sent) = (state.head, state.head);
        Ok(state)
    }

    fn reach(&self) -> Position {
        self.state.lock().reach
    }

    fn follow(&self, door: Arc<Door>) {
        self.followers.lock().push(door);
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.observers.lock().push(observer);
    }

    fn after(&self, after: Position, limit: usize) -> Result<Vec<(Position, Arc<Entry>)>, StoreError> {
        let reach = self.reach();
        if after >= reach {
            return Ok(Vec::new());
        }
        if self.faults().strikes(Fault::MessageLost) {
            return Err(StoreError::Retry(format!("what {} said was lost", self.ends.0)));
        }
        let mut rows = self.source.entries(after, reach, limit, |key| self.carries(key))?;
        if let (Some((first, _)), Some((last, _))) = (rows.first(), rows.last()) {
            self.stage.passes(self.source.name(), &self.ends.1, *first, *last);
        }
        if !rows.is_empty() && self.faults().strikes(Fault::MessageDoubled) {
            let from = after.0.saturating_sub(self.stage.network.between(1, MOST_AGAIN));
            let again = self.source.entries(Position(from), after, limit, |key| self.carries(key))?;
            let again = again.into_iter().chain(rows.iter().take(2).cloned());
            rows = again.collect::<Vec<_>>().into_iter().chain(rows).collect();
        }
        Ok(rows)
    }
}
