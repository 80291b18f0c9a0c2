//! The population: who asks what when. It sends what scripts ask, waits for answers, and asks again.

use super::answers::{Answer, Heard};
use super::errand::{Asking, Desk, News, Script, Then};
use super::mix::Mix;
use super::opening::Opening;
use super::redriving::Redriving;
use super::requests::{Ask, Millis, Request, RequestId};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

/// The wait before something is asked again for the first time; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Millis = 50;
/// The longest wait before something is asked again.
const LONGEST_WAIT: Millis = 5_000;

/// Every client of a run. Deterministic: the same seed, mix and answers make the same requests.
pub struct Population {
    desk: Desk,
    errands: BTreeMap<u64, Errand>,
    /// Whose time comes when.
    agenda: BTreeSet<(Millis, u64)>,
    waiting: BTreeMap<RequestId, Waiting>,
    next_errand: u64,
    next_request: u64,
}

/// An errand under way.
struct Errand {
    script: Box<dyn Script>,
    /// What it asks; none while it rests.
    asking: Option<Box<Asking>>,
    /// Counts its questions: an answer to an earlier one is no news.
    question: u32,
    /// Copies of its question that are still to be sent now.
    to_send: u32,
    /// Whether its decoy is still to be sent.
    decoy_to_send: bool,
    /// Copies that nothing was heard of.
    out: u32,
    /// How often it was asked for nothing.
    attempts: u32,
    /// Its place in the agenda.
    due: Option<Millis>,
}

/// Who waits for an answer, and to which of their questions; a decoy's answer is waited for by nobody.
#[derive(Clone, Copy)]
struct Waiting {
    errand: u64,
    question: Option<u32>,
}

impl Population {
    /// A population that opens shop at time 0, with `rng` as its only source of chance.
    #[must_use]
    pub fn new(rng: ChaCha8Rng, mix: &Mix) -> Self {
        let mut population = Self {
            desk: Desk::new(rng, mix.clone()),
            errands: BTreeMap::new(),
            agenda: BTreeSet::new(),
            waiting: BTreeMap::new(),
            next_errand: 0,
            next_request: 0,
        };
        population.desk.begin(Millis::MIN, Opening::default());
        population.take_in();
        population
    }

    /// The next request that is due by `now`, if any. Ask until there is none.
    pub fn next(&mut self, now: Millis) -> Option<Request> {
        loop {
            let (at, number) = *self.agenda.first()?;
            if at > now {
                return None;
            }
            let errand = self.errands.get_mut(&number)?;
            if let Some((ask, question)) = errand.send() {
                let from = errand.asking.as_ref()?.from;
                if !errand.has_more_to_send() {
                    self.schedule(number, None);
                }
                let id = RequestId(self.next_request);
                self.next_request += 1;
                self.waiting.insert(id, Waiting { errand: number, question });
                return Some(Request { id, from, ask });
            }
            self.go_on(now, number, News::Time);
        }
    }

    /// When somebody has something to ask next; none while everyone waits for answers, or is done.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Millis> {
        self.agenda.first().map(|(at, _)| *at)
    }

    /// What became of a request. Every request must be heard of once, if only that it is lost.
    pub fn heard(&mut self, now: Millis, id: RequestId, heard: &Heard) {
        let Some(Waiting { errand: number, question: Some(question) }) = self.waiting.remove(&id) else {
            return;
        };
        let Some(errand) = self.errands.get_mut(&number) else { return };
        if errand.question != question {
            return;
        }
        let Some(asking) = &errand.asking else { return };
        let again = asking.again;
        errand.out = errand.out.saturating_sub(1);
        match heard {
            Heard::Answer(answer) if !is_not_yet(answer) => self.go_on(now, number, News::Told(answer)),
            Heard::Answer(_) | Heard::Lost | Heard::Unavailable if errand.out + errand.to_send > 0 => {}
            // Turned away for now: that is an answer, so nothing was done, and even what is asked once may be asked again.
            Heard::Answer(_) => self.ask_again(now, number),
            Heard::Lost | Heard::Unavailable if again => self.ask_again(now, number),
            Heard::Lost | Heard::Unavailable => self.go_on(now, number, News::Lost),
        }
    }

    /// All faults are over, and nothing new is begun: everyone finishes what they have begun, and the administrator redrives
    /// what is stuck.
    pub fn calm(&mut self, now: Millis) {
        self.desk.calm = true;
        let resting = self.errands.iter().filter(|(_, errand)| errand.asking.is_none());
        let resting: Vec<u64> = resting.map(|(number, _)| *number).collect();
        for number in resting {
            self.schedule(number, Some(now));
        }
        self.desk.begin(now, Redriving::default());
        self.take_in();
    }

    /// Products, campaigns and customers are there, and orders begin. Before that there is little to go wrong, and the calm would
    /// end a run in which nothing was bought.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.desk.open
    }

    /// Every order of the mix has begun: a good time for the calm, or a little later.
    #[must_use]
    pub fn has_begun_all(&self) -> bool {
        self.desk.all_begun
    }

    /// Nobody has anything left to do or to hear.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.errands.is_empty()
    }

    /// How many errands are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.errands.len()
    }

    fn go_on(&mut self, now: Millis, number: u64, news: News<'_>) {
        let Some(errand) = self.errands.get_mut(&number) else { return };
        errand.asking = None;
        let then = errand.script.go_on(now, news, &mut self.desk);
        match then {
            Then::Ask(asking) => {
                errand.begin_asking(asking);
                self.schedule(number, Some(now));
            }
            // Time must pass, or a script could keep the others from theirs for ever.
            Then::Rest(until) => self.schedule(number, Some(until.max(now + 1))),
            Then::Over => {
                self.schedule(number, None);
                self.errands.remove(&number);
            }
        }
        self.take_in();
    }

    fn ask_again(&mut self, now: Millis, number: u64) {
        let Some(errand) = self.errands.get_mut(&number) else { return };
        errand.to_send = 1;
        let wait = FIRST_WAIT.saturating_mul(1 << errand.attempts.min(16)).min(LONGEST_WAIT);
        errand.attempts += 1;
        let wait = wait / 2 + self.desk.rng.random_range(0..=wait / 2);
        self.schedule(number, Some(now + wait.max(1)));
    }

    fn schedule(&mut self, number: u64, at: Option<Millis>) {
        let Some(errand) = self.errands.get_mut(&number) else { return };
        if let Some(due) = errand.due {
            self.agenda.remove(&(due, number));
        }
        errand.due = at;
        self.agenda.extend(at.map(|at| (at, number)));
    }

    /// Takes in the errands that scripts have set going.
    fn take_in(&mut self) {
        for (at, script) in std::mem::take(&mut self.desk.begun) {
            let number = self.next_errand;
            self.next_errand += 1;
            self.errands.insert(number, Errand::new(script));
            self.schedule(number, Some(at));
        }
    }
}

/// "Not now" is no answer: the key's first request is under way, or its customer is suspended for a while.
fn is_not_yet(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused(refused) if refused.code == "IDEMPOTENCY_KEY_IN_FLIGHT" || refused.code == "USER_SUSPENDED")
}

impl Errand {
    fn new(script: Box<dyn Script>) -> Self {
        Self {
            script,
            asking: None,
            question: 0,
            to_send: 0,
            decoy_to_send: false,
            out: 0,
            attempts: 0,
            due: None,
        }
    }

    fn begin_asking(&mut self, asking: Box<Asking>) {
        self.question += 1;
        (self.to_send, self.out, self.attempts) = (asking.copies, 0, 0);
        self.decoy_to_send = asking.decoy.is_some();
        self.asking = Some(asking);
    }

    fn has_more_to_send(&self) -> bool {
        self.to_send > 0 || self.decoy_to_send
    }

    /// What is to be sent now, and as which question; none if it has asked all.
    fn send(&mut self) -> Option<(Ask, Option<u32>)> {
        let asking = self.asking.as_ref()?;
        if self.to_send > 0 {
            self.to_send -= 1;
            self.out += 1;
            return Some((asking.ask.clone(), Some(self.question)));
        }
        let decoy = asking.decoy.as_ref().filter(|_| self.decoy_to_send)?;
        self.decoy_to_send = false;
        Some((decoy.clone(), None))
    }
}
