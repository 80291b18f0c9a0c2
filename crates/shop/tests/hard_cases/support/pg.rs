//! A payment gateway by script, with a book of its own.

use super::clock::TestClock;
use payment::gateway::{PgAnswer, PgCharge, PgChargeStatus, PgRequest};
use payment::{PgAnswered, PgCall};
use runtime::Door;
use runtime::ports::clock::Clock;
use runtime::ports::outside::Outside;
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

/// What one charge comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnCharge {
    Takes,
    Declines,
    /// Charged; the caller sees a timeout.
    TimesOutCharged,
    /// Not charged; the caller sees a timeout.
    TimesOut,
    /// Not charged; a server error.
    Breaks,
    /// Charged, and never answered at all.
    GoesSilent,
    /// Charged and answered when released.
    Waits,
    /// A timeout; the charge appears in the book only when released.
    TakesLate,
}

/// What one cancel comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnCancel {
    /// Given back.
    Cancels,
    /// Not given back; a server error.
    Breaks,
    /// Given back; the caller sees a timeout.
    TimesOutCancelled,
    /// The PG understands and refuses.
    Refuses,
}

/// The gateway.
pub(crate) struct Pg {
    clock: Arc<TestClock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    book: BTreeMap<String, PgCharge>,
    waiting: VecDeque<(PgCall, Arc<Door>)>,
    held: Vec<(PgCall, Arc<Door>)>,
    late: Vec<PgCharge>,
    charges: VecDeque<OnCharge>,
    cancels: VecDeque<OnCancel>,
    /// What cancels come to when their script is over.
    then_cancel: Option<OnCancel>,
    down: bool,
    /// Charges without a script wait to be released.
    stuck: bool,
    repeats: bool,
    /// Charges that took money, and cancels that gave it back, by key.
    taken: BTreeMap<String, u32>,
    given_back: BTreeMap<String, u32>,
}

impl Pg {
    pub(crate) fn new(clock: Arc<TestClock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// The next charges come to this, one each; those after them are taken.
    pub(crate) fn charges(&self, script: impl IntoIterator<Item = OnCharge>) {
        self.state.lock().unwrap().charges = script.into_iter().collect();
    }

    /// The next cancels come to this, one each; those after them work.
    pub(crate) fn cancels(&self, script: impl IntoIterator<Item = OnCancel>) {
        self.state.lock().unwrap().cancels = script.into_iter().collect();
    }

    /// Every cancel without a script comes to this.
    pub(crate) fn every_cancel(&self, then: OnCancel) {
        self.state.lock().unwrap().then_cancel = Some(then);
    }

    /// Nothing reaches it.
    pub(crate) fn down(&self, down: bool) {
        self.state.lock().unwrap().down = down;
    }

    /// From now on charges wait to be released.
    pub(crate) fn stuck(&self, stuck: bool) {
        self.state.lock().unwrap().stuck = stuck;
    }

    /// Every answer is delivered twice.
    pub(crate) fn repeats(&self) {
        self.state.lock().unwrap().repeats = true;
    }

    /// What was held back happens, and is answered at the next step.
    pub(crate) fn release(&self) {
        let mut state = self.state.lock().unwrap();
        for charge in std::mem::take(&mut state.late) {
            state.enter(charge);
        }
        for (call, door) in std::mem::take(&mut state.held) {
            if !state.book.contains_key(key_of(&call.request)) {
                let charge = self.charge(&call, PgChargeStatus::Approved);
                state.enter(charge);
            }
            state.charges.clear();
            state.waiting.push_front((call, door));
        }
    }

    /// The caller's process is gone: nobody hears what was not answered.
    pub(crate) fn hang_up(&self) {
        let mut state = self.state.lock().unwrap();
        state.waiting.clear();
        state.held.clear();
    }

    /// What the book holds under each key, given-back and declined charges left out.
    pub(crate) fn holds(&self) -> BTreeMap<String, i64> {
        let state = self.state.lock().unwrap();
        let held = state.book.values().filter(|charge| charge.status == PgChargeStatus::Approved);
        held.map(|charge| (charge.key.clone(), charge.amount)).collect()
    }

    /// No key was charged or given back twice.
    pub(crate) fn did_nothing_twice(&self) -> bool {
        let state = self.state.lock().unwrap();
        state.taken.values().chain(state.given_back.values()).all(|count| *count == 1)
    }

    /// How often money was taken in all.
    pub(crate) fn charged(&self) -> usize {
        self.state.lock().unwrap().taken.len()
    }

    /// Answers what waits; returns how much it was.
    pub(crate) fn step(&self) -> usize {
        let waiting = std::mem::take(&mut self.state.lock().unwrap().waiting);
        let count = waiting.len();
        for (call, door) in waiting {
            let answer = self.answer(&call);
            let mut state = self.state.lock().unwrap();
            match answer {
                Some(answer) => {
                    let trace = call.trace;
                    if state.repeats {
                        door.tell(PgAnswered { call: call.clone(), answer: answer.clone() }, trace);
                    }
                    door.tell(call.answered(answer), trace);
                }
                None => state.held.push((call, door)),
            }
        }
        count
    }

    /// `None`: held back, or never answered.
    fn answer(&self, call: &PgCall) -> Option<PgAnswer> {
        let mut state = self.state.lock().unwrap();
        if state.down || self.clock.now() > call.start_by && !state.book.contains_key(key_of(&call.request)) {
            return Some(PgAnswer::NotSent { detail: "connection refused".to_owned() });
        }
        match &call.request {
            PgRequest::Charge { key, .. } => match state.book.get(key) {
                Some(known) => Some(PgAnswer::Found(known.clone())),
                None => self.answer_charge(&mut state, call),
            },
            PgRequest::Query { key } => {
                Some(state.book.get(key).cloned().map_or(PgAnswer::NotFound, PgAnswer::Found))
            }
            PgRequest::Cancel { key, .. } => Some(answer_cancel(&mut state, key)),
            PgRequest::List { after, limit } => {
                let from = after.as_ref().map_or(0, |after| after.parse().unwrap());
                let all: Vec<PgCharge> = state.book.values().cloned().collect();
                let to = all.len().min(from + usize::try_from(*limit).unwrap());
                let next = (to < all.len()).then(|| to.to_string());
                Some(PgAnswer::Page { charges: all[from.min(to)..to].to_vec(), next })
            }
        }
    }

    fn answer_charge(&self, state: &mut State, call: &PgCall) -> Option<PgAnswer> {
        let timeout = || Some(PgAnswer::Unknown { detail: "timeout".to_owned() });
        let script = match state.charges.pop_front() {
            Some(script) => script,
            None if state.stuck => OnCharge::Waits,
            None => by_card(call),
        };
        let charge = self.charge(call, PgChargeStatus::Approved);
        match script {
            OnCharge::Takes => {
                state.enter(charge.clone());
                Some(PgAnswer::Found(charge))
            }
            OnCharge::Declines => {
                let declined = self.charge(call, PgChargeStatus::Declined);
                state.book.insert(declined.key.clone(), declined.clone());
                Some(PgAnswer::Found(declined))
            }
            OnCharge::TimesOutCharged => {
                state.enter(charge);
                timeout()
            }
            OnCharge::TimesOut => timeout(),
            OnCharge::Breaks => Some(PgAnswer::Unknown { detail: "status 503".to_owned() }),
            OnCharge::GoesSilent => {
                state.enter(charge);
                None
            }
            OnCharge::Waits => None,
            OnCharge::TakesLate => {
                state.late.push(charge);
                timeout()
            }
        }
    }

    fn charge(&self, call: &PgCall, status: PgChargeStatus) -> PgCharge {
        let PgRequest::Charge { key, amount, currency, .. } = &call.request else { panic!("not a charge") };
        PgCharge {
            key: key.clone(),
            transaction: format!("tx-{key}"),
            amount: *amount,
            currency: currency.clone(),
            status,
            created_at_ms: self.clock.now().0,
        }
    }
}

/// What the charge of this card comes to, by the tokens of the PG simulator.
fn by_card(call: &PgCall) -> OnCharge {
    match &call.request {
        PgRequest::Charge { card_token, .. } if card_token == "tok_decline" => OnCharge::Declines,
        PgRequest::Charge { card_token, .. } if card_token == "tok_timeout_uncharged" => OnCharge::TimesOut,
        _ => OnCharge::Takes,
    }
}

fn key_of(request: &PgRequest) -> &str {
    match request {
        PgRequest::Charge { key, .. } | PgRequest::Query { key } | PgRequest::Cancel { key, .. } => key,
        PgRequest::List { .. } => "",
    }
}

fn answer_cancel(state: &mut State, key: &str) -> PgAnswer {
    let Some(known) = state.book.get(key).cloned() else { return PgAnswer::NotFound };
    if known.status != PgChargeStatus::Approved {
        return PgAnswer::Found(known);
    }
    let script = state.cancels.pop_front().or(state.then_cancel).unwrap_or(OnCancel::Cancels);
    match script {
        OnCancel::Cancels => PgAnswer::Found(state.give_back(key)),
        OnCancel::Breaks => PgAnswer::Unknown { detail: "status 500".to_owned() },
        OnCancel::TimesOutCancelled => {
            state.give_back(key);
            PgAnswer::Unknown { detail: "timeout".to_owned() }
        }
        OnCancel::Refuses => PgAnswer::CancelRefused { code: "SETTLED_ALREADY".to_owned() },
    }
}

impl State {
    fn enter(&mut self, charge: PgCharge) {
        *self.taken.entry(charge.key.clone()).or_default() += 1;
        self.book.insert(charge.key.clone(), charge);
    }

    fn give_back(&mut self, key: &str) -> PgCharge {
        *self.given_back.entry(key.to_owned()).or_default() += 1;
        let charge = self.book.get_mut(key).unwrap();
        charge.status = PgChargeStatus::Cancelled;
        charge.clone()
    }
}

impl Outside for Pg {
    fn start(&self, request: Arc<dyn Any + Send + Sync>, door: Arc<Door>) {
        let call: &PgCall = request.downcast_ref().unwrap();
        self.state.lock().unwrap().waiting.push_back((call.clone(), door));
    }
}
