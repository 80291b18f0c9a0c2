//! What a domain is: tables, decisions, and (for participants of the saga) an action beside its compensation.
//!
//! A decider gets the rows it named, a message, the time and a source of ids; it changes the rows in memory and returns
//! effects. The runtime does everything else.

use crate::error::{DecideError, Refused, Stop};
use crate::ids::{Ids, SagaId};
use crate::ledger::Movement;
use crate::names::{DomainName, Reason, Step};
use crate::plan::Plan;
use crate::said::Said;
use crate::state::WorkingSet;
use crate::table::{Key, Record, Row, Table};
use crate::time::Timestamp;
use crate::trace::Trace;
use smol_str::SmolStr;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A request to one domain, with a typed answer.
pub trait Command: Any + Send + Sync {
    /// What comes back after commit.
    type Reply: Any + Send;
    /// Who decides it.
    const DOMAIN: DomainName;
}

/// What a domain is asked to decide.
pub enum Input<'a> {
    /// A [`Command`]: downcast it to the domain's own type.
    Command(&'a (dyn Any + Send + Sync)),
    /// Something said that the domain listens to.
    Heard(Heard<'a>),
    /// A row whose [`Due`] column has passed.
    Due {
        /// The table.
        table: &'static Table,
        /// The row's key.
        key: &'a Key,
    },
    /// A dead letter that this domain raised is to be tried again.
    Redriven(&'a crate::judge::letters::DeadLetter),
    /// A dead letter that this domain raised was ended by an operator's note.
    Resolved(&'a crate::judge::letters::DeadLetter),
}

impl<'a> Input<'a> {
    /// What was heard, for a domain called `by` that only listens: it takes no command, sets no timer and raises no dead letter.
    ///
    /// # Errors
    /// [`DecideError::Impossible`] for anything else.
    pub fn only_heard(&self, by: &DomainName) -> Result<&Heard<'a>, DecideError> {
        match self {
            Self::Heard(heard) => Ok(heard),
            Self::Command(_) | Self::Due { .. } | Self::Redriven(_) | Self::Resolved(_) => {
                Err(self.unexpected(by))
            }
        }
    }

    /// The fault of whoever asked this of the domain called `by`.
    #[must_use]
    pub fn unexpected(&self, by: &DomainName) -> DecideError {
        let what = match self {
            Self::Command(_) => "a command".to_owned(),
            Self::Heard(heard) => heard.said.name().to_string(),
            Self::Due { table, .. } => format!("a due row of {}", table.name),
            Self::Redriven(letter) | Self::Resolved(letter) => format!("dead letter {}", letter.id),
        };
        DecideError::Impossible(format!("{by} was asked to decide {what}"))
    }
}

/// A message as its hearer sees it.
#[derive(Clone, Copy)]
pub struct Heard<'a> {
    /// The order, top-up or thing it is about.
    pub key: Uuid,
    /// When it was said.
    pub at: Timestamp,
    /// Who said it.
    pub by: &'a DomainName,
    /// What was said.
    pub said: &'a Said,
    /// The saga's plan, if it is part of one.
    pub plan: Option<&'a Arc<Plan>>,
}

impl<'a> Heard<'a> {
    /// The plan, which a message of a saga always carries.
    ///
    /// # Errors
    /// [`DecideError::Impossible`] if it does not.
    pub fn need_plan(&self) -> Result<&'a Arc<Plan>, DecideError> {
        self.plan.ok_or_else(|| DecideError::Impossible(format!("{} without a plan", self.said.name())))
    }
}

/// Rows that fall due by themselves: when `column` (a nullable, indexed time) passes, the row comes back as
/// [`Input::Due`]. The column is the timer; there is no other.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// The table.
    pub table: &'static Table,
    /// The column: milliseconds since the epoch, NULL for "not waiting".
    pub column: &'static str,
    /// A deadline rather than a date: how long it may be waited for is bounded ([`Domain::longest_wait`]).
    pub bounded: bool,
}

impl Due {
    /// A date: rows wait as long as it takes (an expiry that was given from outside).
    #[must_use]
    pub const fn date(table: &'static Table, column: &'static str) -> Self {
        Self { table, column, bounded: false }
    }

    /// A deadline: rows wait at most as long as [`Domain::longest_wait`] says.
    #[must_use]
    pub const fn deadline(table: &'static Table, column: &'static str) -> Self {
        Self { table, column, bounded: true }
    }
}

/// The sagas that a domain owns: what the horizon is computed from.
#[derive(Clone, Copy, Debug)]
pub struct SagaBook {
    /// The table; its key begins with the saga's id (UUIDv7).
    pub table: &'static Table,
    /// A nullable, indexed column that is NULL only while nothing of the saga waits in this table.
    pub open: &'static str,
    /// How long after its birth a saga can still be touched: deadlines, expiry, cancellation.
    pub window: Duration,
}

/// A domain: one crate, written once, placed by a topology.
pub trait Domain: Send + Sync {
    /// Its name in topologies.
    fn name(&self) -> DomainName;

    /// Everything it keeps.
    fn tables(&self) -> Vec<&'static Table>;

    /// Its steps of the saga, if it has any.
    fn participants(&self) -> Vec<&dyn Participant> {
        Vec::new()
    }

    /// Whether a topology may leave it out.
    fn optional(&self) -> bool {
        false
    }

    /// Names of what it listens to besides its steps (`order.confirmed`, `product.changed`).
    fn hears(&self) -> &'static [&'static str] {
        &[]
    }

    /// Rows that fall due: at most one column of each table, since a row has one timer.
    fn due(&self) -> Vec<Due> {
        Vec::new()
    }

    /// The longest that a row of a bounded [`Due`] can be meant to wait: a deadline that is set again at start is capped at it, should
    /// the wall clock have gone back meanwhile.
    fn longest_wait(&self, _table: &Table, _row: &Row) -> Duration {
        Duration::MAX
    }

    /// The sagas that it owns, if it owns any.
    fn sagas(&self) -> Vec<SagaBook> {
        Vec::new()
    }

    /// Names every row that [`Domain::decide`] may read for `input`. A row not named cannot be read.
    ///
    /// # Errors
    /// If the message itself does not read.
    fn keys(&self, input: &Input<'_>, keys: &mut Keys) -> Result<(), DecideError>;

    /// Whether an outside call that this batch asked for is not wanted any more, now that all of the batch is decided: then it
    /// is not started, and the command given back (of this domain's) takes the place of its answer.
    ///
    /// # Errors
    /// If a row does not read; the call is started then.
    fn withdraw(&self, _call: &OutsideCall, _state: &WorkingSet) -> Result<Option<Withdrawn>, DecideError> {
        Ok(None)
    }

    /// Decides.
    ///
    /// # Errors
    /// A fault (never a business refusal): the message's changes are discarded and it becomes a dead letter.
    fn decide(&self, input: &Input<'_>, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError>;
}

/// Which orders have a step in their plan.
#[derive(Clone, Copy, Debug)]
pub enum Planned {
    /// Every one.
    Always,
    /// Those whose contents need it.
    When(fn(&Plan) -> bool),
}

impl Planned {
    /// Whether a plan with these contents needs the step.
    #[must_use]
    pub fn needed(self, plan: &Plan) -> bool {
        match self {
            Self::Always => true,
            Self::When(needed) => needed(plan),
        }
    }
}

/// One step of the saga: its action beside its compensation. When each runs is the kernel's business
/// ([`crate::participation`]); what they do is this domain's.
pub trait Participant: Send + Sync {
    /// The step's name.
    fn step(&self) -> Step;

    /// Which orders have this step.
    fn planned(&self) -> Planned;

    /// Words that make it act in every topology: the steps of a saga that no topology varies (a top-up's credit).
    fn acts_always_on(&self) -> &'static [&'static str] {
        &[]
    }

    /// Names the rows that the action or the compensation touches.
    fn keys(&self, plan: &Plan, keys: &mut Keys);

    /// Names the rows that depend on what was heard as well (a sale's day), besides those of [`Participant::keys`].
    fn keys_heard(&self, _heard: &Heard<'_>, _plan: &Plan, _keys: &mut Keys) {}

    /// The action: guards in a fixed order, each one refusal, then the change.
    ///
    /// # Errors
    /// A fault, never a business refusal.
    fn act(
        &self,
        heard: &Heard<'_>,
        plan: &Arc<Plan>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Acted, DecideError>;

    /// The compensation: gives back what `receipt` says was taken. It has no business refusal.
    ///
    /// # Errors
    /// A fault.
    fn undo(
        &self,
        heard: &Heard<'_>,
        plan: &Arc<Plan>,
        receipt: &str,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Undone, DecideError>;

    /// What `receipt` did to which accounts, for audit and pruning.
    ///
    /// # Errors
    /// If the receipt does not read.
    fn movements(&self, receipt: &str) -> Result<Vec<Movement>, DecideError>;
}

/// What an action came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acted {
    /// It took effect; the receipt says what was taken (JSON).
    Done(SmolStr),
    /// It refuses, and changed nothing that stays (the kernel discards what it did).
    Refused(Reason),
    /// An outside call was asked for; [`crate::participation::settle`] ends it. The receipt so far, if any.
    Pending(Option<SmolStr>),
}

/// What a compensation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// It is undone.
    Now,
    /// An outside call was asked for; [`crate::participation::settle`] ends it.
    Pending,
}

/// The rows that a batch needs, collected before one load per table.
#[derive(Default)]
pub struct Keys {
    wanted: Vec<(&'static Table, Key)>,
    claimed: std::collections::BTreeSet<&'static str>,
}

impl Keys {
    /// The row of `R` under `key`.
    pub fn want<R: Record>(&mut self, key: impl Into<Key>) {
        self.wanted.push((R::TABLE, key.into()));
    }

    /// The row of `R` under `key`, which is inserted if it is absent before anybody decides on its absence: a dedupe row, that two
    /// instances must not both find missing.
    pub fn claim<R: Record>(&mut self, key: impl Into<Key>) {
        self.claimed.insert(R::TABLE.name);
        self.want::<R>(key);
    }

    /// Whether rows of this table are claimed.
    #[must_use]
    pub fn claims(&self, table: &Table) -> bool {
        self.claimed.contains(table.name)
    }

    /// A row of any table.
    pub fn want_row(&mut self, table: &'static Table, key: Key) {
        self.wanted.push((table, key));
    }

    /// Everything named so far; leaves none.
    pub fn take(&mut self) -> Vec<(&'static Table, Key)> {
        std::mem::take(&mut self.wanted)
    }
}

/// What a decider may use besides rows, and where its effects go.
pub struct Cx<'a> {
    /// The time of this batch.
    pub now: Timestamp,
    /// The trace that caused this decision.
    pub trace: Trace,
    /// Fresh ids.
    pub ids: &'a mut dyn Ids,
    /// Effects so far.
    pub effects: Effects,
}

/// Effects as values: performed by the runtime, after commit where they leave the database.
#[derive(Default)]
pub struct Effects {
    /// What is said: written to the event log with the rows.
    pub says: Vec<Speech>,
    /// Outside calls to start after commit.
    pub calls: Vec<OutsideCall>,
    /// The answer to a command, sent after commit.
    pub reply: Option<Box<dyn Any + Send>>,
    /// Alerts for operators (also logged and counted).
    pub alerts: Vec<Alert>,
}

/// Something said.
pub struct Speech {
    /// Who says it.
    pub by: DomainName,
    /// What it is about.
    pub key: Uuid,
    /// Its trace.
    pub trace: Trace,
    /// The saga's plan, if it is part of one.
    pub plan: Option<Arc<Plan>>,
    /// What.
    pub said: Said,
}

/// A call that leaves the database: to a PG, to the data platform. Its answer comes back as a command.
pub struct OutsideCall {
    /// Whose call.
    pub by: DomainName,
    /// The domain's own request type.
    pub request: Arc<dyn Any + Send + Sync>,
}

/// A command of the domain whose call was withdrawn: what it is told instead of an answer.
pub type Withdrawn = Arc<dyn Any + Send + Sync>;

/// Something an operator must see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// A stable kind, the metric's label.
    pub kind: &'static str,
    /// One sentence.
    pub detail: String,
    /// The order or top-up, if it is about one.
    pub saga: Option<SagaId>,
}

/// A place in the effects to go back to.
#[derive(Clone, Copy)]
pub struct EffectsMark(usize, usize, usize);

impl<'a> Cx<'a> {
    /// A context for one decision.
    pub fn new(now: Timestamp, trace: Trace, ids: &'a mut dyn Ids) -> Self {
        Self { now, trace, ids, effects: Effects::default() }
    }

    /// Says something about the saga of `plan`.
    pub fn say(&mut self, by: DomainName, plan: &Arc<Plan>, said: Said) {
        let trace = self.trace;
        self.effects.says.push(Speech { by, key: plan.saga.0, trace, plan: Some(Arc::clone(plan)), said });
    }

    /// Says something about a saga that has no plan yet (or needs none).
    pub fn say_of(&mut self, by: DomainName, key: Uuid, said: Said) {
        let trace = self.trace;
        self.effects.says.push(Speech { by, key, trace, plan: None, said });
    }

    /// States a fact about `key`: `kind` is `domain.what`.
    pub fn state_fact(&mut self, by: DomainName, key: Uuid, kind: &'static str, body: serde_json::Value) {
        self.say_of(by, key, Said::Fact { kind: SmolStr::new_static(kind), body });
    }

    /// Asks for an outside call after commit.
    pub fn call<R: Any + Send + Sync>(&mut self, by: DomainName, request: R) {
        self.effects.calls.push(OutsideCall { by, request: Arc::new(request) });
    }

    /// Answers the command being decided.
    pub fn reply<R: Any + Send>(&mut self, reply: R) {
        self.effects.reply = Some(Box::new(reply));
    }

    /// Answers `command` with how its decision ended.
    ///
    /// # Errors
    /// The fault, if it ended in one: a fault is no answer.
    pub fn answer<C, T>(&mut self, _command: &C, decided: Result<T, Stop>) -> Result<(), DecideError>
    where
        C: Command<Reply = Result<T, Refused>>,
        T: Any + Send,
    {
        let reply: C::Reply = match decided {
            Ok(made) => Ok(made),
            Err(Stop::Refused(refused)) => Err(refused),
            Err(Stop::Fault(fault)) => return Err(fault),
        };
        self.reply(reply);
        Ok(())
    }

    /// Raises an alert.
    pub fn alert(&mut self, kind: &'static str, saga: Option<SagaId>, detail: impl Into<String>) {
        self.effects.alerts.push(Alert { kind, detail: detail.into(), saga });
    }

    /// Where the effects stand.
    #[must_use]
    pub fn mark(&self) -> EffectsMark {
        EffectsMark(self.effects.says.len(), self.effects.calls.len(), self.effects.alerts.len())
    }

    /// Discards the effects since `mark`.
    pub fn rewind(&mut self, mark: EffectsMark) {
        self.effects.says.truncate(mark.0);
        self.effects.calls.truncate(mark.1);
        self.effects.alerts.truncate(mark.2);
    }
}
