//! What everything in a run shares.

use super::dice::{Dice, Purpose};
use super::faults::{Fault, Faults};
use super::net::Net;
use super::trace::Trace;
use parking_lot::Mutex;
use runtime::ports::store::Position;
use scripted::clock::Time;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What everything in a run shares.
pub(crate) struct Stage {
    /// How time passes.
    pub(crate) time: Arc<Time>,
    /// What goes wrong.
    pub(crate) faults: Arc<Faults>,
    /// What happened.
    pub(crate) trace: Arc<Trace>,
    /// What lies between units.
    pub(crate) net: Net,
    /// How long messages travel.
    pub(crate) network: Dice,
    /// The furthest row of each log that each unit was handed.
    handed: Mutex<BTreeMap<(String, String), Position>>,
}

impl Stage {
    /// The stage of `seed`; with `tells`, the story is kept.
    #[must_use]
    pub(crate) fn new(seed: u64, tells: bool) -> Arc<Self> {
        let time = Arc::new(Time::default());
        let faults = Arc::new(Faults::of(seed));
        let trace = Arc::new(Trace::new(&time, tells));
        let net = Net::new(&time, &faults, &trace);
        let network = Dice::new(seed, Purpose::Network);
        Arc::new(Self { time, faults, trace, net, network, handed: Mutex::default() })
    }

    /// `to` is handed rows `first` to `last` of `log`: one that was overtaken by a later one was reordered.
    pub(crate) fn passes(&self, log: &str, to: &str, first: Position, last: Position) {
        let mut handed = self.handed.lock();
        let furthest = handed.entry((log.to_owned(), to.to_owned())).or_default();
        if first < *furthest {
            self.faults.count(Fault::MessageReordered);
        }
        *furthest = (*furthest).max(last);
    }
}

/// One life of a process: from its start until it is killed.
pub(crate) struct Life {
    /// The unit, and which instance of it.
    pub(crate) name: String,
    killed: AtomicBool,
}

impl Life {
    /// A new one.
    #[must_use]
    pub(crate) fn new(name: String) -> Arc<Self> {
        Arc::new(Self { name, killed: AtomicBool::new(false) })
    }

    /// Nothing of it goes on.
    pub(crate) fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
    }

    /// Whether it is over.
    #[must_use]
    pub(crate) fn is_over(&self) -> bool {
        self.killed.load(Ordering::Relaxed)
    }
}
