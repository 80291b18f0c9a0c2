//! Bugs to plant: between the batch loop and its store, or around a domain.

use jumun_model::seam::Seam;
use kernel::domain::{Acted, OutsideCall, Undone, Withdrawn};
use kernel::judge::{SagaStatus, StepStatus};
use kernel::ledger::Movement;
use kernel::participation::{Inbox, InboxState};
use kernel::state::Write;
use kernel::table::{Row, Table};
use kernel::{
    Cx, DecideError, Domain, DomainName, Due, Heard, Input, Keys, Participant, Plan, Planned, Record,
    SagaBook, Said, Step, WorkingSet,
};
use order::Order;
use std::sync::Arc;
use std::time::Duration;

fn inbox(table: &Table, row: Option<&Row>) -> Option<Inbox> {
    row.filter(|_| table.name == Inbox::TABLE.name).map(|row| Inbox::from_row(row).unwrap())
}

/// A compensation without an inbox row stores nothing.
pub(crate) struct NoTombstone;

impl Seam for NoTombstone {
    fn keeps(&self, write: &Write, before: Option<&Row>) -> bool {
        let row = inbox(write.table, write.row.as_ref());
        before.is_some() || row.is_none_or(|row| row.state != InboxState::Compensated)
    }
}

/// An action does not see that it was done before.
pub(crate) struct NoDedupe;

impl Seam for NoDedupe {
    fn shows(&self, table: &Table, row: &Row, acting: bool) -> bool {
        !acting || inbox(table, Some(row)).is_none_or(|row| row.state != InboxState::Done)
    }
}

/// An action does not see the tombstone.
pub(crate) struct BlindToTombstones;

impl Seam for BlindToTombstones {
    fn shows(&self, table: &Table, row: &Row, acting: bool) -> bool {
        !acting || inbox(table, Some(row)).is_none_or(|row| row.state != InboxState::Compensated)
    }
}

/// What a compensation gives back is forgotten: the row stays done, to be given back again.
pub(crate) struct CompensatesTwice;

impl Seam for CompensatesTwice {
    fn keeps(&self, write: &Write, before: Option<&Row>) -> bool {
        let (old, new) = (inbox(write.table, before), inbox(write.table, write.row.as_ref()));
        let was_done = old.is_some_and(|row| row.state == InboxState::Done);
        !(was_done && new.is_some_and(|row| row.state == InboxState::Compensated))
    }
}

/// What stands in place of a domain's decisions.
trait Bug: Send + Sync {
    fn decide(
        &self,
        real: &dyn Domain,
        input: &Input<'_>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<(), DecideError>;
}

/// A domain that is the real one but for its decisions, or its step.
struct Around {
    real: Arc<dyn Domain>,
    bug: Arc<dyn Bug>,
    /// Instead of its own participants.
    sham: Option<Keeper>,
}

impl Domain for Around {
    fn name(&self) -> DomainName {
        self.real.name()
    }

    fn tables(&self) -> Vec<&'static Table> {
        self.real.tables()
    }

    fn participants(&self) -> Vec<&dyn Participant> {
        match &self.sham {
            Some(sham) => vec![sham],
            None => self.real.participants(),
        }
    }

    fn hears(&self) -> &'static [&'static str] {
        self.real.hears()
    }

    fn due(&self) -> Vec<Due> {
        self.real.due()
    }

    fn longest_wait(&self, table: &Table, row: &Row) -> Duration {
        self.real.longest_wait(table, row)
    }

    fn sagas(&self) -> Vec<SagaBook> {
        self.real.sagas()
    }

    fn keys(&self, input: &Input<'_>, keys: &mut Keys) -> Result<(), DecideError> {
        self.real.keys(input, keys)
    }

    fn withdraw(&self, call: &OutsideCall, state: &WorkingSet) -> Result<Option<Withdrawn>, DecideError> {
        self.real.withdraw(call, state)
    }

    fn decide(&self, input: &Input<'_>, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
        self.bug.decide(self.real.as_ref(), input, state, cx)
    }
}

/// What is wrong with the judge.
#[derive(Clone, Copy)]
pub(crate) enum Judge {
    /// One success stands for all.
    ConfirmsEarly,
    /// Once an order is failing, a step that has not answered is taken for one that did nothing.
    ForgetsLateSuccess,
    /// It asks once, and never again.
    NeverAsksAgain,
    /// A repeated word takes a confirmed order back.
    GivesUpConfirmed,
    /// It asks for a compensation whenever it hears of one.
    AsksForEver,
    /// It forgets who has answered when somebody refuses.
    ForgetsAnswers,
    /// It cannot decide on a refusal.
    Stumbles,
}

/// Puts a broken judge before the orders.
pub(crate) struct BrokenJudge(pub(crate) Judge);

impl Seam for BrokenJudge {
    fn domain(&self, real: Arc<dyn Domain>) -> Arc<dyn Domain> {
        if real.name() == order::NAME {
            Arc::new(Around { real, bug: Arc::new(self.0), sham: None })
        } else {
            real
        }
    }
}

impl Bug for Judge {
    fn decide(
        &self,
        real: &dyn Domain,
        input: &Input<'_>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<(), DecideError> {
        let Input::Heard(heard) = input else { return real.decide(input, state, cx) };
        let before = state.get::<Order>((heard.key,))?.map(|order| order.status);
        match (self, heard.said) {
            (Self::ConfirmsEarly, Said::Done { step, .. }) => {
                let said = Said::Done { step: step.clone(), prior: heard.need_plan()?.steps.clone() };
                real.decide(&Input::Heard(Heard { said: &said, ..*heard }), state, cx)?;
            }
            (Self::Stumbles, Said::Refused { .. }) => {
                return Err(DecideError::Impossible("a refusal".to_owned()));
            }
            _ => real.decide(input, state, cx)?,
        }
        self.spoil(heard, before, state, cx)
    }
}

impl Judge {
    /// Does what is wrong after the real judge has decided; `before` is how the order stood then.
    fn spoil(
        self,
        heard: &Heard<'_>,
        before: Option<SagaStatus>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<(), DecideError> {
        let mut order: Order = state.need((heard.key,))?;
        let is_failing = order.status == SagaStatus::Failing;
        match (self, heard.said) {
            (Self::ForgetsLateSuccess, _) if is_failing => {
                let unheard = order.steps.0.iter_mut().filter(|step| step.status == StepStatus::Unknown);
                unheard.for_each(|step| step.status = StepStatus::Compensated);
                if order.steps.0.iter().all(|step| step.status != StepStatus::Done) {
                    order.status = SagaStatus::Failed;
                    order.wake_at = None;
                }
            }
            (Self::NeverAsksAgain, _) if is_failing => order.wake_at = None,
            (Self::GivesUpConfirmed, _) if before == Some(SagaStatus::Confirmed) => {
                order.status = SagaStatus::Failing;
            }
            (Self::AsksForEver, Said::Compensated { step, .. }) if is_failing => {
                cx.say(order::NAME, heard.need_plan()?, Said::UndoAsked { step: step.clone(), attempt: 9 });
            }
            (Self::ForgetsAnswers, Said::Refused { .. }) => {
                order.steps.0.iter_mut().for_each(|step| step.status = StepStatus::Unknown);
            }
            _ => {}
        }
        state.put(&order);
        Ok(())
    }
}

/// A payment's compensation says that it is done, and leaves the money where it is.
pub(crate) struct KeepsTheMoney;

impl Seam for KeepsTheMoney {
    fn domain(&self, real: Arc<dyn Domain>) -> Arc<dyn Domain> {
        if real.name() != payment::PAYMENT {
            return real;
        }
        let sham = Keeper { real: Arc::clone(&real) };
        Arc::new(Around { real, bug: Arc::new(Faithful), sham: Some(sham) })
    }
}

/// Decides as the real one.
struct Faithful;

impl Bug for Faithful {
    fn decide(
        &self,
        real: &dyn Domain,
        input: &Input<'_>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<(), DecideError> {
        real.decide(input, state, cx)
    }
}

/// The payment step of a real domain, but for what it gives back.
struct Keeper {
    real: Arc<dyn Domain>,
}

impl Keeper {
    fn real_step(&self) -> &dyn Participant {
        self.real.participants().into_iter().find(|known| known.step() == Step::PAYMENT).unwrap()
    }
}

impl Participant for Keeper {
    fn step(&self) -> Step {
        Step::PAYMENT
    }

    fn planned(&self) -> Planned {
        self.real_step().planned()
    }

    fn keys(&self, plan: &Plan, keys: &mut Keys) {
        self.real_step().keys(plan, keys);
    }

    fn act(
        &self,
        heard: &Heard<'_>,
        plan: &Arc<Plan>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Acted, DecideError> {
        self.real_step().act(heard, plan, state, cx)
    }

    fn undo(
        &self,
        _: &Heard<'_>,
        _: &Arc<Plan>,
        _: &str,
        _: &mut WorkingSet,
        _: &mut Cx<'_>,
    ) -> Result<Undone, DecideError> {
        Ok(Undone::Now)
    }

    fn movements(&self, receipt: &str) -> Result<Vec<Movement>, DecideError> {
        self.real_step().movements(receipt)
    }
}
