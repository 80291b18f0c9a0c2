//! A domain on a bench: its rows in a map, one message at a time, exactly the rows it named and no others.
//!
//! For the tests of domains, those of applications too. Steps go through the real participation rule.

use crate::domain::{Alert, Command, Cx, Domain, Heard, Input, Keys, OutsideCall, Participant};
use crate::error::DecideError;
use crate::ids::{CountingIds, PaymentId, SagaId, UserId};
use crate::judge::letters::{DeadLetter, LetterStatus};
use crate::money::{Currency, Money};
use crate::names::{DomainName, Step};
use crate::participation::{self, Inbox, InboxState};
use crate::plan::Plan;
use crate::said::Said;
use crate::state::WorkingSet;
use crate::table::{Key, Record, Row, Table};
use crate::time::Timestamp;
use crate::trace::Trace;
use smol_str::SmolStr;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// A domain, its rows and a clock that stands still until it is set.
pub struct Testbed<D> {
    domain: D,
    rows: BTreeMap<(&'static str, Key), Row>,
    ids: CountingIds,
    /// The time of the next message.
    pub now: Timestamp,
    /// What the last message made the domain say.
    pub said: Vec<Said>,
    /// What the last message made the domain alert operators to.
    pub alerts: Vec<Alert>,
    /// The outside calls that the last message asked for.
    pub calls: Vec<OutsideCall>,
}

type Answer = Option<Box<dyn Any + Send>>;
type StepRule =
    fn(&DomainName, &dyn Participant, &Heard<'_>, &mut WorkingSet, &mut Cx<'_>) -> Result<(), DecideError>;
type Decision<'a, D> = Box<dyn Fn(&D, &mut WorkingSet, &mut Cx<'_>) -> Result<(), DecideError> + 'a>;

impl<D: Domain> Testbed<D> {
    /// `domain` without any rows, at `now`.
    pub fn new(domain: D, now: Timestamp) -> Self {
        let at_ms = u64::try_from(now.0).unwrap_or(0);
        Self {
            domain,
            rows: BTreeMap::new(),
            ids: CountingIds::new(at_ms),
            now,
            said: Vec::new(),
            alerts: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// The domain.
    #[must_use]
    pub fn domain(&self) -> &D {
        &self.domain
    }

    /// Puts a row as it stands.
    pub fn put<R: Record>(&mut self, record: &R) {
        let row = record.to_row();
        self.rows.insert((R::TABLE.name, Key::of_row(R::TABLE, &row)), row);
    }

    /// The record under `key`.
    #[must_use]
    pub fn get<R: Record>(&self, key: impl Into<Key>) -> Option<R> {
        self.rows.get(&(R::TABLE.name, key.into())).and_then(|row| R::from_row(row).ok())
    }

    /// Every record of a table, by key.
    #[must_use]
    pub fn all<R: Record>(&self) -> Vec<R> {
        let rows = self.rows.iter().filter(|((table, _), _)| *table == R::TABLE.name);
        rows.filter_map(|(_, row)| R::from_row(row).ok()).collect()
    }

    /// Every row there is: two equal snapshots mean that nothing changed.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<(&'static str, Key), Row> {
        self.rows.clone()
    }

    /// Back to the rows of a snapshot: what was decided since never happened.
    pub fn restore(&mut self, rows: BTreeMap<(&'static str, Key), Row>) {
        self.rows = rows;
    }

    /// Sends one command.
    ///
    /// # Errors
    /// The decider's fault.
    pub fn ask<C: Command>(&mut self, command: C) -> Result<C::Reply, DecideError> {
        let replies = self.ask_all(&[command])?;
        replies.into_iter().next().ok_or_else(|| DecideError::Impossible("no reply".to_owned()))
    }

    /// Sends several commands in one batch: each sees what the ones before it changed.
    ///
    /// # Errors
    /// The first fault; nothing is kept then.
    pub fn ask_all<C: Command>(&mut self, commands: &[C]) -> Result<Vec<C::Reply>, DecideError> {
        let mut wanted = Keys::default();
        for command in commands {
            self.domain.keys(&Input::Command(command), &mut wanted)?;
        }
        let decisions = commands.iter().map(|command| -> Decision<'_, D> {
            Box::new(move |domain, state, cx| domain.decide(&Input::Command(command), state, cx))
        });
        let answers = self.batch(wanted, decisions.collect())?;
        let typed = answers.into_iter().map(|answer| answer?.downcast().ok().map(|reply| *reply));
        typed
            .collect::<Option<_>>()
            .ok_or_else(|| DecideError::Impossible("a reply is missing or of another type".to_owned()))
    }

    /// Lets the row of `R` under `key` fall due.
    ///
    /// # Errors
    /// The decider's fault.
    pub fn due<R: Record>(&mut self, key: impl Into<Key>) -> Result<(), DecideError> {
        self.due_row(R::TABLE, &key.into())
    }

    /// Lets the row of `table` under `key` fall due.
    ///
    /// # Errors
    /// The decider's fault.
    pub fn due_row(&mut self, table: &'static Table, key: &Key) -> Result<(), DecideError> {
        self.put_to(&Input::Due { table, key })
    }

    /// Lets the domain hear what `by` said in the saga of `plan`.
    ///
    /// # Errors
    /// The decider's fault.
    pub fn hear(&mut self, by: &DomainName, said: &Said, plan: &Arc<Plan>) -> Result<(), DecideError> {
        let at = self.now;
        self.put_to(&Input::Heard(Heard { key: plan.saga.0, at, by, said, plan: Some(plan) }))
    }

    /// Lets the domain hear what `by` said about `key`, without a plan.
    ///
    /// # Errors
    /// The decider's fault.
    pub fn hear_bare(&mut self, by: &DomainName, key: Uuid, said: &Said) -> Result<(), DecideError> {
        let at = self.now;
        self.put_to(&Input::Heard(Heard { key, at, by, said, plan: None }))
    }

    /// Lets the domain hear a fact that `by` states about `key`.
    ///
    /// # Errors
    /// The decider's fault.
    pub fn hear_fact(
        &mut self,
        by: &DomainName,
        key: Uuid,
        kind: &str,
        body: serde_json::Value,
    ) -> Result<(), DecideError> {
        self.hear_bare(by, key, &Said::Fact { kind: SmolStr::new(kind), body })
    }

    /// An operator lets a dead letter of this domain be tried again.
    ///
    /// # Errors
    /// The decider's fault.
    pub fn redrive(&mut self, letter: &DeadLetter) -> Result<(), DecideError> {
        self.put(letter);
        self.put_to(&Input::Redriven(letter))
    }

    /// An operator ends a dead letter of this domain by a note.
    ///
    /// # Errors
    /// The decider's fault.
    pub fn resolve(&mut self, letter: &DeadLetter) -> Result<(), DecideError> {
        let resolved = DeadLetter { status: LetterStatus::Resolved, ..letter.clone() };
        self.put(&resolved);
        self.put_to(&Input::Resolved(&resolved))
    }

    fn put_to(&mut self, input: &Input<'_>) -> Result<(), DecideError> {
        let mut wanted = Keys::default();
        self.domain.keys(input, &mut wanted)?;
        let decision: Decision<'_, D> = Box::new(|domain, state, cx| domain.decide(input, state, cx));
        self.batch(wanted, vec![decision]).map(|_| ())
    }

    /// Asks for a step's action; what was said stands in [`Self::said`].
    ///
    /// # Errors
    /// A fault.
    pub fn act(&mut self, step: &Step, plan: &Arc<Plan>) -> Result<(), DecideError> {
        self.act_on(&Said::Asked { step: step.clone() }, step, plan)
    }

    /// Asks for a step's compensation; what was said stands in [`Self::said`].
    ///
    /// # Errors
    /// A fault.
    pub fn undo(&mut self, step: &Step, plan: &Arc<Plan>) -> Result<(), DecideError> {
        self.undo_on(&Said::UndoAsked { step: step.clone(), attempt: 0 }, step, plan)
    }

    /// A step acts because of a word that a topology may route to it.
    ///
    /// # Errors
    /// A fault.
    pub fn act_on(&mut self, said: &Said, step: &Step, plan: &Arc<Plan>) -> Result<(), DecideError> {
        self.step(step, plan, said, |name, participant, heard, state, cx| {
            participation::act(&[(name, participant)], heard, state, cx)
        })
    }

    /// A step compensates because of a word that a topology may route to it.
    ///
    /// # Errors
    /// A fault.
    pub fn undo_on(&mut self, said: &Said, step: &Step, plan: &Arc<Plan>) -> Result<(), DecideError> {
        self.step(step, plan, said, participation::compensate)
    }

    /// What the receipts of done steps moved, by account: one side of every audit.
    ///
    /// # Errors
    /// A receipt that does not read.
    pub fn books(&self) -> Result<BTreeMap<SmolStr, i64>, DecideError> {
        let mut books = BTreeMap::new();
        for inbox in self.all::<Inbox>().into_iter().filter(|inbox| inbox.state == InboxState::Done) {
            let receipt = inbox.receipt.unwrap_or_default();
            for movement in participant(&self.domain, &inbox.step)?.movements(&receipt)? {
                *books.entry(movement.account).or_insert(0) += movement.amount;
            }
        }
        Ok(books)
    }

    fn step(
        &mut self,
        step: &Step,
        plan: &Arc<Plan>,
        said: &Said,
        rule: StepRule,
    ) -> Result<(), DecideError> {
        let mut wanted = Keys::default();
        let asker = DomainName::of("order");
        let heard = Heard { key: plan.saga.0, at: self.now, by: &asker, said, plan: Some(plan) };
        participation::keys(participant(&self.domain, step)?, &heard, plan, &mut wanted);
        let decision: Decision<'_, D> = Box::new(move |domain, state, cx| {
            rule(&domain.name(), participant(domain, step)?, &heard, state, cx)
        });
        self.batch(wanted, vec![decision]).map(|_| ())
    }

    fn batch(
        &mut self,
        mut wanted: Keys,
        decisions: Vec<Decision<'_, D>>,
    ) -> Result<Vec<Answer>, DecideError> {
        let mut state = WorkingSet::default();
        for (table, key) in wanted.take() {
            let row = self.rows.get(&(table.name, key.clone())).cloned();
            state.offer(table, key, row);
        }
        self.said.clear();
        self.alerts.clear();
        self.calls.clear();
        let mut answers = Vec::new();
        for decide in decisions {
            let mut cx = Cx::new(self.now, Trace::default(), &mut self.ids);
            decide(&self.domain, &mut state, &mut cx)?;
            self.said.extend(cx.effects.says.into_iter().map(|speech| speech.said));
            self.alerts.extend(cx.effects.alerts);
            self.calls.extend(cx.effects.calls);
            answers.push(cx.effects.reply);
        }
        for write in state.into_writes() {
            match write.row {
                Some(row) => self.rows.insert((write.table.name, write.key), row),
                None => self.rows.remove(&(write.table.name, write.key)),
            };
        }
        Ok(answers)
    }
}

fn participant<'a>(domain: &'a dyn Domain, step: &Step) -> Result<&'a dyn Participant, DecideError> {
    let found = domain.participants().into_iter().find(|participant| participant.step() == *step);
    found.ok_or_else(|| DecideError::Impossible(format!("{} has no step {step}", domain.name())))
}

/// A plan of saga number `saga` for `user` that buys nothing: tests fill in what they are about.
#[must_use]
pub fn bare_plan(saga: u128, user: UserId) -> Plan {
    Plan {
        saga: SagaId(Uuid::from_u128(saga)),
        user,
        lines: Vec::new(),
        coupon: None,
        total: Money::ZERO,
        points: Money::ZERO,
        card_amount: Money::ZERO,
        currency: Currency::KRW,
        payment: PaymentId(Uuid::from_u128(saga)),
        card: None,
        steps: Vec::new(),
        extras: BTreeMap::new(),
    }
}
