//! A data platform by script, with a book of its own.

use data_platform::{DeliveryCall, DeliveryEvent, DeliveryOutcome};
use kernel::ids::OrderId;
use parking_lot::Mutex;
use runtime::Door;
use runtime::ports::outside::Outside;
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What one telling of a payment's approval comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnApproval {
    /// Taken, and answered.
    Takes,
    /// A server error; not taken.
    Breaks,
    /// It wants no more deliveries (410).
    Gone,
    /// Taken; the caller sees a timeout.
    TimesOutTaken,
    /// Taken, and never answered at all.
    GoesSilent,
    /// It never arrives, and nobody hears of it.
    IsLost,
    /// Taken and answered when released.
    Waits,
}

/// The data platform. Final words it takes, unless it is down.
#[derive(Default)]
pub struct Platform {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(DeliveryCall, Arc<Door>)>,
    held: Vec<(DeliveryCall, Arc<Door>)>,
    approvals: VecDeque<OnApproval>,
    /// What approvals come to when their script is over.
    then_approval: Option<OnApproval>,
    down: bool,
    repeats: bool,
    /// What was taken, by the id that it is known by.
    book: BTreeMap<String, DeliveryCall>,
    /// The same in the order in which it was first taken.
    taken: Vec<(OrderId, DeliveryCall)>,
    /// Ids that came with different bodies.
    two_bodies: Vec<String>,
    /// Every call that came, in order.
    came: Vec<DeliveryEvent>,
}

impl Platform {
    /// The next approvals come to this, one each; those after them are taken.
    pub fn approvals(&self, script: impl IntoIterator<Item = OnApproval>) {
        self.state.lock().approvals = script.into_iter().collect();
    }

    /// Every approval without a script comes to this.
    pub fn every_approval(&self, then: Option<OnApproval>) {
        self.state.lock().then_approval = then;
    }

    /// It answers everything with a server error.
    pub fn down(&self, down: bool) {
        self.state.lock().down = down;
    }

    /// Every answer is delivered twice.
    pub fn repeats(&self) {
        self.state.lock().repeats = true;
    }

    /// What was held back is taken, and answered at the next step.
    pub fn release(&self) {
        let mut state = self.state.lock();
        let held = std::mem::take(&mut state.held);
        for (call, door) in held.into_iter().rev() {
            state.take(&call);
            state.waiting.push_front((call, door));
        }
    }

    /// The caller's process is gone: nobody hears what was not answered.
    pub fn hang_up(&self) {
        let mut state = self.state.lock();
        state.waiting.clear();
        state.held.clear();
    }

    /// What it was told of an order, in the order in which it first took it.
    #[must_use]
    pub fn was_told(&self, order: OrderId) -> Vec<DeliveryEvent> {
        let state = self.state.lock();
        state.taken.iter().filter(|(of, _)| *of == order).map(|(_, call)| call.event).collect()
    }

    /// How often it was called about this word, whatever came of it.
    #[must_use]
    pub fn calls(&self, event: DeliveryEvent) -> usize {
        self.state.lock().came.iter().filter(|came| **came == event).count()
    }

    /// Ids that came with different bodies: there must be none.
    #[must_use]
    pub fn two_bodies(&self) -> Vec<String> {
        self.state.lock().two_bodies.clone()
    }

    /// What was taken, in the order in which it first was.
    #[must_use]
    pub fn book(&self) -> Vec<DeliveryCall> {
        self.state.lock().taken.iter().map(|(_, call)| call.clone()).collect()
    }

    /// Answers what waits; returns how much it was.
    pub fn step(&self) -> usize {
        let waiting = std::mem::take(&mut self.state.lock().waiting);
        waiting.into_iter().map(|waiting| self.serve(waiting)).count()
    }

    /// How many calls wait to be answered.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// Answers the call at `index` of those that wait, if there is one.
    pub fn step_one(&self, index: usize) {
        let waiting = self.state.lock().waiting.remove(index);
        waiting.into_iter().for_each(|waiting| self.serve(waiting));
    }

    fn serve(&self, (call, door): (DeliveryCall, Arc<Door>)) {
        let mut state = self.state.lock();
        if let Some(outcome) = state.answer(&call, &door) {
            let times = if state.repeats { 2 } else { 1 };
            (0..times).for_each(|_| door.tell(call.answer(outcome.clone()), call.trace));
        }
    }
}

impl State {
    /// `None`: held back, or never answered.
    fn answer(&mut self, call: &DeliveryCall, door: &Arc<Door>) -> Option<DeliveryOutcome> {
        let broken = || Some(DeliveryOutcome::Failed { detail: "status 503".to_owned(), retry: true });
        if self.down {
            return broken();
        }
        // What it has it takes again, as any receiver that dedupes.
        let is_new = !self.book.contains_key(call.webhook_id.as_str());
        let script = match call.event {
            DeliveryEvent::PaymentApproved if is_new => self.approvals.pop_front().or(self.then_approval),
            _ => None,
        };
        match script.unwrap_or(OnApproval::Takes) {
            OnApproval::Takes => {
                self.take(call);
                Some(DeliveryOutcome::Taken)
            }
            OnApproval::Breaks => broken(),
            OnApproval::Gone => Some(DeliveryOutcome::Disabled),
            OnApproval::TimesOutTaken => {
                self.take(call);
                Some(DeliveryOutcome::Unknown { detail: "timeout".to_owned() })
            }
            OnApproval::GoesSilent => {
                self.take(call);
                None
            }
            OnApproval::IsLost => None,
            OnApproval::Waits => {
                self.held.push((call.clone(), Arc::clone(door)));
                None
            }
        }
    }

    /// One id, one body.
    fn take(&mut self, call: &DeliveryCall) {
        match self.book.insert(call.webhook_id.to_string(), call.clone()) {
            Some(known) if known.body != call.body => self.two_bodies.push(call.webhook_id.to_string()),
            Some(_) => {}
            None => self.taken.push((call.order_id, call.clone())),
        }
    }
}

impl Outside for Platform {
    fn start(&self, request: Arc<dyn Any + Send + Sync>, door: Arc<Door>) {
        if let Some(call) = request.downcast_ref::<DeliveryCall>() {
            let mut state = self.state.lock();
            state.came.push(call.event);
            state.waiting.push_back((call.clone(), door));
        }
    }
}
