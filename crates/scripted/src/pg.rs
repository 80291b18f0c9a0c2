//! A payment gateway by script, with a book of its own.

use crate::clock::VirtualClock;
use parking_lot::Mutex;
use payment::gateway::{PgAnswer, PgCharge, PgChargeStatus, PgRequest};
use payment::{PgAnswered, PgCall};
use runtime::Door;
use runtime::ports::clock::Clock;
use runtime::ports::outside::Outside;
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What one charge comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnCharge {
    /// Charged, and answered.
    Takes,
    /// Not charged: the card is refused.
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

impl OnCharge {
    /// Whether money is taken, now or later.
    fn charges(self) -> bool {
        match self {
            Self::Takes | Self::TimesOutCharged | Self::GoesSilent | Self::Waits | Self::TakesLate => true,
            Self::Declines | Self::TimesOut | Self::Breaks => false,
        }
    }
}

/// What one cancel comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnCancel {
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
pub struct Pg {
    clock: Arc<VirtualClock>,
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
    /// A gateway on its own machine.
    #[must_use]
    pub fn new(clock: Arc<VirtualClock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// The next charges come to this, one each; those after them are taken.
    pub fn charges(&self, script: impl IntoIterator<Item = OnCharge>) {
        self.state.lock().charges = script.into_iter().collect();
    }

    /// The next cancels come to this, one each; those after them work.
    pub fn cancels(&self, script: impl IntoIterator<Item = OnCancel>) {
        self.state.lock().cancels = script.into_iter().collect();
    }

    /// Every cancel without a script comes to this.
    pub fn every_cancel(&self, then: OnCancel) {
        self.state.lock().then_cancel = Some(then);
    }

    /// Nothing reaches it.
    pub fn down(&self, down: bool) {
        self.state.lock().down = down;
    }

    /// From now on charges wait to be released.
    pub fn stuck(&self, stuck: bool) {
        self.state.lock().stuck = stuck;
    }

    /// Every answer is delivered twice.
    pub fn repeats(&self) {
        self.state.lock().repeats = true;
    }

    /// What was held back happens, and is answered at the next step.
    pub fn release(&self) {
        let mut state = self.state.lock();
        for charge in std::mem::take(&mut state.late) {
            state.enter(charge);
        }
        for (call, door) in std::mem::take(&mut state.held) {
            if let PgRequest::Charge { key, amount, currency, .. } = &call.request
                && !state.book.contains_key(key)
            {
                let charge = self.charge(key, *amount, currency);
                state.enter(charge);
            }
            state.charges.clear();
            state.waiting.push_front((call, door));
        }
    }

    /// The caller's process is gone: nobody hears what was not answered.
    pub fn hang_up(&self) {
        let mut state = self.state.lock();
        state.waiting.clear();
        state.held.clear();
    }

    /// What the book holds under each key, given-back and declined charges left out.
    #[must_use]
    pub fn holds(&self) -> BTreeMap<String, i64> {
        let state = self.state.lock();
        let held = state.book.values().filter(|charge| charge.status == PgChargeStatus::Approved);
        held.map(|charge| (charge.key.clone(), charge.amount)).collect()
    }

    /// No key was charged or given back twice.
    #[must_use]
    pub fn did_nothing_twice(&self) -> bool {
        let state = self.state.lock();
        state.taken.values().chain(state.given_back.values()).all(|count| *count == 1)
    }

    /// How often money was taken in all.
    #[must_use]
    pub fn charged(&self) -> usize {
        self.state.lock().taken.len()
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

    /// The whole book, declined and given-back charges too.
    #[must_use]
    pub fn book(&self) -> Vec<PgCharge> {
        self.state.lock().book.values().cloned().collect()
    }

    fn serve(&self, (call, door): (PgCall, Arc<Door>)) {
        let answer = self.answer(&call);
        let mut state = self.state.lock();
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

    /// `None`: held back, or never answered.
    fn answer(&self, call: &PgCall) -> Option<PgAnswer> {
        let mut state = self.state.lock();
        if state.down || self.clock.now() > call.start_by && !state.book.contains_key(key_of(&call.request)) {
            return Some(PgAnswer::NotSent { detail: "connection refused".to_owned() });
        }
        match &call.request {
            PgRequest::Charge { key, amount, currency, card_token, .. } => match state.book.get(key) {
                Some(known) => Some(PgAnswer::Found(known.clone())),
                None => {
                    let charge = self.charge(key, *amount, currency);
                    state.answer_charge(charge, card_token)
                }
            },
            PgRequest::Query { key } => {
                Some(state.book.get(key).cloned().map_or(PgAnswer::NotFound, PgAnswer::Found))
            }
            PgRequest::Cancel { key, .. } => Some(answer_cancel(&mut state, key)),
            PgRequest::List { after, limit } => {
                let from: usize = after.as_ref().and_then(|after| after.parse().ok()).unwrap_or(0);
                let all: Vec<PgCharge> = state.book.values().cloned().collect();
                let to = all.len().min(from.saturating_add(usize::try_from(*limit).unwrap_or(usize::MAX)));
                let next = (to < all.len()).then(|| to.to_string());
                Some(PgAnswer::Page { charges: all[from.min(to)..to].to_vec(), next })
            }
        }
    }

    /// An approved charge, as the book is to have it.
    fn charge(&self, key: &str, amount: i64, currency: &str) -> PgCharge {
        PgCharge {
            key: key.to_owned(),
            transaction: format!("tx-{key}"),
            amount,
            currency: currency.to_owned(),
            status: PgChargeStatus::Approved,
            created_at_ms: self.clock.now().0,
        }
    }
}

/// What the charge of this card comes to, by the tokens of the PG simulator.
fn by_card(card_token: &str) -> OnCharge {
    match card_token {
        "tok_decline" => OnCharge::Declines,
        "tok_slow" => OnCharge::Waits,
        "tok_error" => OnCharge::Breaks,
        "tok_timeout_charged" => OnCharge::TimesOutCharged,
        "tok_timeout_uncharged" => OnCharge::TimesOut,
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
        OnCancel::Cancels => PgAnswer::Found(state.give_back(key, known)),
        OnCancel::Breaks => PgAnswer::Unknown { detail: "status 500".to_owned() },
        OnCancel::TimesOutCancelled => {
            state.give_back(key, known);
            PgAnswer::Unknown { detail: "timeout".to_owned() }
        }
        OnCancel::Refuses => PgAnswer::CancelRefused { code: "SETTLED_ALREADY".to_owned() },
    }
}

impl State {
    /// `None`: held back, or never answered.
    fn answer_charge(&mut self, charge: PgCharge, card_token: &str) -> Option<PgAnswer> {
        let timeout = || Some(PgAnswer::Unknown { detail: "timeout".to_owned() });
        let card = by_card(card_token);
        let script = match self.charges.pop_front() {
            // No script takes money from a card that cannot be charged.
            Some(script) if script.charges() && !card.charges() => card,
            Some(script) => script,
            None if self.stuck => OnCharge::Waits,
            None => card,
        };
        match script {
            OnCharge::Takes => {
                self.enter(charge.clone());
                Some(PgAnswer::Found(charge))
            }
            OnCharge::Declines => {
                let declined = PgCharge { status: PgChargeStatus::Declined, ..charge };
                self.book.insert(declined.key.clone(), declined.clone());
                Some(PgAnswer::Found(declined))
            }
            OnCharge::TimesOutCharged => {
                self.enter(charge);
                timeout()
            }
            OnCharge::TimesOut => timeout(),
            OnCharge::Breaks => Some(PgAnswer::Unknown { detail: "status 503".to_owned() }),
            OnCharge::GoesSilent => {
                self.enter(charge);
                None
            }
            OnCharge::Waits => None,
            OnCharge::TakesLate => {
                self.late.push(charge);
                timeout()
            }
        }
    }

    fn enter(&mut self, charge: PgCharge) {
        *self.taken.entry(charge.key.clone()).or_default() += 1;
        self.book.insert(charge.key.clone(), charge);
    }

    fn give_back(&mut self, key: &str, mut known: PgCharge) -> PgCharge {
        *self.given_back.entry(key.to_owned()).or_default() += 1;
        known.status = PgChargeStatus::Cancelled;
        self.book.insert(key.to_owned(), known.clone());
        known
    }
}

impl Outside for Pg {
    fn start(&self, request: Arc<dyn Any + Send + Sync>, door: Arc<Door>) {
        if let Some(call) = request.downcast_ref::<PgCall>() {
            self.state.lock().waiting.push_back((call.clone(), door));
        }
    }
}
