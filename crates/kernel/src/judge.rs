//! The judge: the one who ends every saga. Pure: a saga's state, a signal, and rulings as values.
//!
//! Shortcuts in a topology (a refusal that others hear directly) only hasten; this is what guarantees.

pub mod letters;

use crate::names::{Reason, Step};
use crate::said::Said;
use crate::text_enum;
use crate::time::Backoff;
use serde::{Deserialize, Serialize};
use std::time::Duration;

text_enum! {
    /// Where an order stands.
    pub enum SagaStatus {
        /// Made, not yet to be paid; expires.
        Created = "CREATED",
        /// Under way.
        Pending = "PENDING",
        /// Every planned step is done.
        Confirmed = "CONFIRMED",
        /// Being compensated after a refusal, a deadline or a cancel.
        Failing = "FAILING",
        /// Every planned step is refused or compensated.
        Failed = "FAILED",
        /// A confirmed order being taken back.
        Cancelling = "CANCELLING",
        /// A confirmed order taken back.
        Cancelled = "CANCELLED",
    }
}

impl SagaStatus {
    /// Nothing more will happen by itself.
    #[must_use]
    pub fn is_settled(self) -> bool {
        match self {
            Self::Confirmed | Self::Failed | Self::Cancelled => true,
            Self::Created | Self::Pending | Self::Failing | Self::Cancelling => false,
        }
    }
}

text_enum! {
    /// What the judge knows of a step. It only moves unknown → done or refused → compensated.
    pub enum StepStatus {
        /// No answer yet.
        Unknown = "UNKNOWN",
        /// It took effect.
        Done = "DONE",
        /// It refused.
        Refused = "REFUSED",
        /// Nothing of it is in effect.
        Compensated = "COMPENSATED",
    }
}

/// A planned step as the judge sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepState {
    /// The step.
    pub name: Step,
    /// What is known of it.
    pub status: StepStatus,
    /// Why it refused or what made it compensate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How often its compensation was asked for.
    #[serde(default)]
    pub attempts: u32,
    /// A dead letter stands for it: it is not asked again until redriven or resolved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parked: bool,
}

/// A saga as its owner keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Saga {
    /// Where it stands.
    pub status: SagaStatus,
    /// The first cause, once it is failing.
    pub reason: Option<Reason>,
    /// The planned steps, in the topology's order.
    pub steps: Vec<StepState>,
    /// Its deadline has passed and the participants were asked what they did: with their answers, or without, it ends.
    pub inquired: bool,
}

/// What the judge is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal<'a> {
    /// Carry it out.
    Start,
    /// A participant said something.
    Heard(&'a Said),
    /// Its deadline passed (CREATED: its expiry).
    Deadline,
    /// The customer cancels.
    Cancel,
    /// It is time to ask the unanswered again.
    Resend,
    /// What was found in the participants' own books: a poll, or the inquiry at the deadline. Steps that say nothing yet are
    /// left out; that means "not yet", never "no".
    Found(&'a [Said]),
    /// An operator lets a parked step be asked again.
    Unpark(&'a Step),
    /// An operator declares a step compensated.
    Resolve(&'a Step),
}

/// What the judge itself must say because no step hears it from anyone else. It follows from a topology's routes
/// ([`crate::topology::Topology::coordination`]): empty in a pure choreography, everything in a pure orchestration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Coordination {
    /// Steps that hear nobody, one by one or by the group that decides as one: each is asked for once every planned step before
    /// it is done.
    pub asked: Vec<Vec<Step>>,
    /// Steps that do not hear `order.failing`: each is told to compensate by name.
    pub undone_when_failing: Vec<Step>,
    /// Steps that do not hear `order.cancelling`: likewise.
    pub undone_when_cancelling: Vec<Step>,
    /// At the deadline the participants are asked what they did before the order is given up.
    pub inquires: bool,
}

/// How patient the judge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Waits between asking for compensation again.
    pub resend: Backoff,
    /// After how many asks a step becomes a dead letter.
    pub budget: u32,
    /// How long the inquiry at the deadline may take.
    pub inquiry: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            resend: Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(15) },
            budget: 10,
            inquiry: Duration::from_secs(1),
        }
    }
}

/// What the judge rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ruling {
    /// Say this to everyone.
    Announce(Announcement),
    /// Ask for a step's action.
    Ask(Step),
    /// Ask for a step's compensation; how often it was asked before.
    Undo(Step, u32),
    /// Ask the participants' books what these steps did.
    Inquire(Vec<Step>),
    /// Ask again after this long.
    WakeAfter(Duration),
    /// No more waking: it is settled, or waits for an operator.
    Sleep,
    /// The step's compensation budget is spent: dead letter and alert.
    Park(Step),
    /// Something an operator must know; nothing changes.
    Alert(String),
}

/// Words of the judge to everyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Announcement {
    /// Carry it out.
    Placed,
    /// Everyone compensate.
    Failing,
    /// Everyone compensate: a confirmed order is taken back.
    Cancelling,
    /// Final.
    Confirmed,
    /// Final.
    Failed,
    /// Final.
    Cancelled,
}

/// Why a cancel was turned down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotCancellable {
    /// It failed.
    Failed,
}

/// Decides what follows from `signal`. Changes `saga`, returns rulings in the order in which they take effect.
#[must_use]
pub fn judge(saga: &mut Saga, signal: &Signal<'_>, how: &Coordination, patience: &Patience) -> Vec<Ruling> {
    let mut rulings = Vec::new();
    let court = Court { how, patience };
    match signal {
        Signal::Start => court.start(saga, &mut rulings),
        Signal::Heard(said) => court.heard(saga, said, &mut rulings),
        Signal::Found(found) => court.found(saga, found, &mut rulings),
        Signal::Deadline => court.deadline(saga, &mut rulings),
        Signal::Cancel => match saga.status {
            SagaStatus::Created => fail_unstarted(saga, Reason::CANCELLED_BY_CUSTOMER, &mut rulings),
            SagaStatus::Pending => court.fail(saga, Reason::CANCELLED_BY_CUSTOMER, &mut rulings),
            SagaStatus::Confirmed => court.cancel(saga, &mut rulings),
            SagaStatus::Failing | SagaStatus::Failed | SagaStatus::Cancelling | SagaStatus::Cancelled => {}
        },
        Signal::Resend => resend(saga, patience, &mut rulings),
        Signal::Unpark(step) => {
            if let Some(state) = saga.steps.iter_mut().find(|state| state.name == **step && state.parked) {
                state.parked = false;
                state.attempts = 0;
                resend(saga, patience, &mut rulings);
            }
        }
        Signal::Resolve(step) => {
            // Only a compensation can be declared: what was never to be compensated stays as it is.
            if matches!(saga.status, SagaStatus::Failing | SagaStatus::Cancelling) {
                advance(saga, step, StepStatus::Compensated, None);
                end_if_compensated(saga, &mut rulings);
            }
        }
    }
    rulings
}

/// The judge's standing orders.
#[derive(Clone, Copy)]
struct Court<'a> {
    how: &'a Coordination,
    patience: &'a Patience,
}

impl Court<'_> {
    fn start(self, saga: &mut Saga, rulings: &mut Vec<Ruling>) {
        if saga.status != SagaStatus::Created {
            return;
        }
        saga.status = SagaStatus::Pending;
        rulings.push(Ruling::Announce(Announcement::Placed));
        self.ask_for_next(saga, &[], rulings);
    }

    fn heard(self, saga: &mut Saga, said: &Said, rulings: &mut Vec<Ruling>) {
        // What has failed or was cancelled is at rest: it is told no news, not even of a step that closes once more.
        if matches!(saga.status, SagaStatus::Failed | SagaStatus::Cancelled) {
            return;
        }
        let Some(news) = note(saga, said) else { return };
        match saga.status {
            SagaStatus::Pending => match news {
                News::Done { moved, .. } => self.confirm_or_go_on(saga, &moved, rulings),
                News::Refused(reason) | News::Compensated(Some(reason)) => self.fail(saga, reason, rulings),
                News::Compensated(None) => self.fail(saga, Reason::TIMED_OUT, rulings),
                // Nothing is to be compensated by the judge's word yet; once it is, the step is parked already.
                News::Stuck => {}
            },
            SagaStatus::Failing | SagaStatus::Cancelling => match news {
                // A late success is given back: the compensation that was sent may have come before it.
                News::Done { itself, .. } => rulings.extend(itself.map(|step| Ruling::Undo(step, 0))),
                News::Refused(_) | News::Compensated(_) => end_if_compensated(saga, rulings),
                News::Stuck => {
                    if all_waiting_are_parked(saga) {
                        rulings.push(Ruling::Sleep);
                    }
                }
            },
            SagaStatus::Confirmed => match news {
                News::Done { .. } => {}
                News::Refused(_) | News::Compensated(_) | News::Stuck => {
                    rulings.push(Ruling::Alert(format!("{} after the order was confirmed", said.name())));
                }
            },
            SagaStatus::Created | SagaStatus::Failed | SagaStatus::Cancelled => {}
        }
    }

    /// What the books say counts as if it had been heard. Past the deadline it is also the last that is waited for, unless
    /// it brings the saga on: the step that is asked for now has what is left of the inquiry's time.
    fn found(self, saga: &mut Saga, found: &[Said], rulings: &mut Vec<Ruling>) {
        for said in found {
            self.heard(saga, said, rulings);
        }
        let goes_on = rulings.iter().any(|ruling| matches!(ruling, Ruling::Ask(_)));
        if saga.inquired && saga.status == SagaStatus::Pending && !goes_on {
            self.fail(saga, Reason::TIMED_OUT, rulings);
        }
    }

    fn deadline(self, saga: &mut Saga, rulings: &mut Vec<Ruling>) {
        match saga.status {
            SagaStatus::Created => fail_unstarted(saga, Reason::TIMED_OUT, rulings),
            SagaStatus::Pending if self.how.inquires && !saga.inquired => {
                saga.inquired = true;
                let open = saga.steps.iter().filter(|state| state.status == StepStatus::Unknown);
                rulings.push(Ruling::Inquire(open.map(|state| state.name.clone()).collect()));
                rulings.push(Ruling::WakeAfter(self.patience.inquiry));
            }
            SagaStatus::Pending => self.fail(saga, Reason::TIMED_OUT, rulings),
            SagaStatus::Failing | SagaStatus::Cancelling => resend(saga, self.patience, rulings),
            SagaStatus::Confirmed | SagaStatus::Failed | SagaStatus::Cancelled => rulings.push(Ruling::Sleep),
        }
    }

    fn confirm_or_go_on(self, saga: &mut Saga, moved: &[Step], rulings: &mut Vec<Ruling>) {
        if saga.steps.iter().all(|state| state.status == StepStatus::Done) {
            saga.status = SagaStatus::Confirmed;
            // A later cancel asks every step.
            saga.steps.iter_mut().for_each(|state| state.parked = false);
            rulings.push(Ruling::Announce(Announcement::Confirmed));
            rulings.push(Ruling::Sleep);
            return;
        }
        self.ask_for_next(saga, moved, rulings);
    }

    /// Asks for each step that hears nobody and whose turn has come by what has just `moved` (at the start: by nothing). A
    /// repeated answer moves nothing, so nothing is asked for twice.
    fn ask_for_next(self, saga: &Saga, moved: &[Step], rulings: &mut Vec<Ruling>) {
        for group in &self.how.asked {
            let Some(at) = saga.steps.iter().position(|state| group.contains(&state.name)) else { continue };
            let (before, first) = (&saga.steps[..at], &saga.steps[at]);
            let its_turn = before.iter().all(|state| state.status == StepStatus::Done);
            let just_now = match moved {
                [] => before.is_empty(),
                moved => before.iter().any(|state| moved.contains(&state.name)),
            };
            if its_turn && just_now && first.status == StepStatus::Unknown {
                rulings.push(Ruling::Ask(first.name.clone()));
            }
        }
    }

    fn fail(self, saga: &mut Saga, reason: Reason, rulings: &mut Vec<Ruling>) {
        saga.status = SagaStatus::Failing;
        saga.reason = Some(reason);
        rulings.push(Ruling::Announce(Announcement::Failing));
        undo_by_name(saga, &self.how.undone_when_failing, rulings);
        rulings.push(Ruling::WakeAfter(self.patience.resend.wait(0)));
        end_if_compensated(saga, rulings);
    }

    fn cancel(self, saga: &mut Saga, rulings: &mut Vec<Ruling>) {
        saga.status = SagaStatus::Cancelling;
        rulings.push(Ruling::Announce(Announcement::Cancelling));
        undo_by_name(saga, &self.how.undone_when_cancelling, rulings);
        rulings.push(Ruling::WakeAfter(self.patience.resend.wait(0)));
    }
}

/// Tells the waiting ones of `steps` to compensate: they do not hear the announcement.
fn undo_by_name(saga: &Saga, steps: &[Step], rulings: &mut Vec<Ruling>) {
    let told = saga.steps.iter().filter(|state| waits(state) && !state.parked && steps.contains(&state.name));
    rulings.extend(told.map(|state| Ruling::Undo(state.name.clone(), 0)));
}

/// What a participant's words change in what the judge knows.
enum News {
    /// Every step that has just become done, and the one that says so itself if it is among them: what a message carries was
    /// told by others before.
    Done {
        moved: Vec<Step>,
        itself: Option<Step>,
    },
    Refused(Reason),
    Compensated(Option<Reason>),
    Stuck,
}

/// Writes down what was said; `None` if it is no news. A confirmed order's steps are not rewritten by late words.
fn note(saga: &mut Saga, said: &Said) -> Option<News> {
    let confirmed = saga.status == SagaStatus::Confirmed;
    match said {
        Said::Done { step, prior } => {
            let all = prior.iter().chain([step]);
            let moved: Vec<Step> =
                all.filter(|step| advance(saga, step, StepStatus::Done, None)).cloned().collect();
            let itself = moved.contains(step).then(|| step.clone());
            (!moved.is_empty()).then_some(News::Done { moved, itself })
        }
        Said::Refused { step, reason } => {
            let news = confirmed || advance(saga, step, StepStatus::Refused, Some(reason));
            news.then(|| News::Refused(reason.clone()))
        }
        Said::Compensated { step, cause } => {
            let news = confirmed || advance(saga, step, StepStatus::Compensated, cause.as_ref());
            news.then(|| News::Compensated(cause.clone()))
        }
        Said::Stuck { step, .. } => {
            let state = saga.steps.iter_mut().find(|state| state.name == *step && waits(state))?;
            state.parked = !confirmed;
            Some(News::Stuck)
        }
        _ => None,
    }
}

/// Moves a step forward, never back; true if it moved.
fn advance(saga: &mut Saga, step: &Step, to: StepStatus, reason: Option<&Reason>) -> bool {
    let Some(state) = saga.steps.iter_mut().find(|state| state.name == *step) else { return false };
    let moves = match (state.status, to) {
        (StepStatus::Unknown, StepStatus::Done | StepStatus::Refused | StepStatus::Compensated)
        | (StepStatus::Done | StepStatus::Refused, StepStatus::Compensated) => true,
        (_, StepStatus::Unknown)
        | (StepStatus::Done | StepStatus::Refused, StepStatus::Done | StepStatus::Refused)
        | (StepStatus::Compensated, _) => false,
    };
    if moves {
        state.status = to;
        if let Some(reason) = reason {
            state.reason.get_or_insert_with(|| reason.clone());
        }
        state.parked &= waits(state);
    }
    moves
}

/// Nothing was planned, so nothing is to be compensated.
fn fail_unstarted(saga: &mut Saga, reason: Reason, rulings: &mut Vec<Ruling>) {
    saga.status = SagaStatus::Failed;
    saga.reason = Some(reason);
    rulings.push(Ruling::Announce(Announcement::Failed));
    rulings.push(Ruling::Sleep);
}

fn end_if_compensated(saga: &mut Saga, rulings: &mut Vec<Ruling>) {
    let over =
        saga.steps.iter().all(|state| matches!(state.status, StepStatus::Refused | StepStatus::Compensated));
    let announcement = match saga.status {
        SagaStatus::Failing if over => Announcement::Failed,
        SagaStatus::Cancelling if over => Announcement::Cancelled,
        _ => return,
    };
    saga.status =
        if announcement == Announcement::Failed { SagaStatus::Failed } else { SagaStatus::Cancelled };
    rulings.push(Ruling::Announce(announcement));
    rulings.push(Ruling::Sleep);
}

fn waits(state: &StepState) -> bool {
    matches!(state.status, StepStatus::Unknown | StepStatus::Done)
}

fn all_waiting_are_parked(saga: &Saga) -> bool {
    saga.steps.iter().filter(|state| waits(state)).all(|state| state.parked)
}

/// Asks every unanswered, unparked step again; parks those whose budget is spent.
fn resend(saga: &mut Saga, patience: &Patience, rulings: &mut Vec<Ruling>) {
    if !matches!(saga.status, SagaStatus::Failing | SagaStatus::Cancelling) {
        return;
    }
    let mut longest = 0;
    let mut asked = false;
    for state in saga.steps.iter_mut().filter(|state| waits(state) && !state.parked) {
        if state.attempts >= patience.budget {
            state.parked = true;
            rulings.push(Ruling::Park(state.name.clone()));
        } else {
            state.attempts += 1;
            longest = longest.max(state.attempts);
            asked = true;
            rulings.push(Ruling::Undo(state.name.clone(), state.attempts));
        }
    }
    rulings.push(if asked { Ruling::WakeAfter(patience.resend.wait(longest)) } else { Ruling::Sleep });
}
