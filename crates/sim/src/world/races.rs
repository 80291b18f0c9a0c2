//! Two instances at once, in one thread: in the middle of one's transaction another one works.

use super::faults::Fault;
use super::stage::{Life, Stage};
use crate::rows::{Disturbance, Moment, SessionId};
use parking_lot::Mutex;
use runtime::Worker;
use runtime::worker::Stepped;
use scripted::lock::Locks;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

/// How deep transactions nest: one in the middle of another in the middle of another.
const DEEPEST: u32 = 2;

/// A worker of a process, while both live.
type Seat = (Arc<Life>, Weak<Mutex<Worker>>);

/// All workers that may work in between.
pub(crate) struct Races {
    stage: Arc<Stage>,
    locks: Option<Arc<Locks>>,
    seats: Mutex<Vec<Seat>>,
    depth: AtomicU32,
}

impl Races {
    /// Nobody yet.
    #[must_use]
    pub(crate) fn new(stage: &Arc<Stage>, locks: Option<Arc<Locks>>) -> Arc<Self> {
        Arc::new(Self {
            stage: Arc::clone(stage),
            locks,
            seats: Mutex::default(),
            depth: AtomicU32::default(),
        })
    }

    /// A worker that may work while others are in the middle of theirs.
    pub(crate) fn enter(&self, life: &Arc<Life>, worker: &Arc<Mutex<Worker>>) {
        let mut seats = self.seats.lock();
        seats.retain(|(life, worker)| !life.is_over() && worker.strong_count() > 0);
        seats.push((Arc::clone(life), Arc::downgrade(worker)));
    }

    /// Somebody else takes a step. True if they worked.
    fn other_works(&self) -> bool {
        let other = {
            let seats = self.seats.lock();
            let at = self.stage.faults.dice().below(seats.len());
            seats.get(at).filter(|(life, _)| !life.is_over()).and_then(|(_, worker)| worker.upgrade())
        };
        // Whoever is in the middle of a step already does not answer.
        other.is_some_and(|worker| {
            worker.try_lock().is_some_and(|mut worker| worker.step() == Stepped::Worked)
        })
    }
}

impl Disturbance for Races {
    fn between(&self, _session: SessionId, moment: &Moment) {
        let fault = match moment {
            Moment::Begun | Moment::Loaded { .. } => Fault::SecondInstance,
            Moment::Committing { .. } => Fault::LateCommit,
            Moment::Committed => return,
        };
        if let (Moment::Loaded { .. }, Some(locks)) = (moment, &self.locks)
            && self.stage.faults.strikes(Fault::LockExpiry)
        {
            locks.expire();
        }
        if self.depth.load(Ordering::Relaxed) >= DEEPEST || !self.stage.faults.threatens(fault) {
            return;
        }
        self.depth.fetch_add(1, Ordering::Relaxed);
        if self.other_works() {
            self.stage.faults.count(fault);
        }
        self.depth.fetch_sub(1, Ordering::Relaxed);
    }
}
