//! The domain: which rows each message needs, and who decides it.

use crate::PAYMENT;
use crate::books::{Charge, ChargeKey, LedgerEntry, PaymentRow, PgBook, UnknownCharge};
use crate::calls::{PgAnswered, PgCall, StartReconciling, Webhook};
use crate::gateway::{PgAnswer, PgRequest};
use crate::leg::{Leg, LegEvent};
use crate::payment_step::PaymentStep;
use crate::policy::PaymentPolicy;
use crate::top_up::{ChargeStep, TopUp};
use crate::{carry, reconcile, top_up};
use kernel::domain::{OutsideCall, Withdrawn};
use kernel::ids::{ChargeId, SagaId};
use kernel::judge::letters::DeadLetter;
use kernel::participation;
use kernel::table::Field;
use kernel::{
    Command, Cx, DecideError, Domain, DomainName, Due, Input, Key, Keys, Participant, Record, Refused, Row,
    SagaBook, Step, Table, Value, WorkingSet,
};
use smol_str::SmolStr;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// What a message may still be late by when every wait is over.
const MARGIN: Duration = Duration::from_secs(3_600);

/// The payment domain.
pub struct Payment {
    policy: Arc<PaymentPolicy>,
    payment: PaymentStep,
    charge: ChargeStep,
}

impl Payment {
    /// Payment under `policy`.
    #[must_use]
    pub fn new(policy: PaymentPolicy) -> Self {
        let policy = Arc::new(policy);
        Self {
            payment: PaymentStep { policy: Arc::clone(&policy) },
            charge: ChargeStep { policy: Arc::clone(&policy) },
            policy,
        }
    }
}

/// Its commands, downcast.
#[derive(Clone, Copy)]
enum Request<'a> {
    TopUp(&'a TopUp),
    Answered(&'a PgAnswered),
    Webhook(&'a Webhook),
    Start,
}

impl<'a> Request<'a> {
    fn of(any: &'a (dyn Any + Send + Sync)) -> Result<Self, DecideError> {
        if let Some(command) = any.downcast_ref() {
            Ok(Self::TopUp(command))
        } else if let Some(command) = any.downcast_ref() {
            Ok(Self::Answered(command))
        } else if let Some(command) = any.downcast_ref() {
            Ok(Self::Webhook(command))
        } else if any.is::<StartReconciling>() {
            Ok(Self::Start)
        } else {
            Err(DecideError::Impossible("a command that is not payment's".to_owned()))
        }
    }
}

/// Its rows that fall due, by key.
enum Woken {
    Leg(SagaId, Step),
    Charge(ChargeId),
    Book(SmolStr),
}

impl Woken {
    fn of(table: &'static Table, key: &Key) -> Result<Self, DecideError> {
        if table == Leg::TABLE {
            Ok(Self::Leg(part(table, key, 0)?, part(table, key, 1)?))
        } else if table == Charge::TABLE {
            Ok(Self::Charge(part(table, key, 0)?))
        } else if table == PgBook::TABLE {
            Ok(Self::Book(part(table, key, 0)?))
        } else {
            Err(DecideError::Impossible(format!("a timer on {}", table.name)))
        }
    }
}

fn part<F: Field>(table: &'static Table, key: &Key, at: usize) -> Result<F, DecideError> {
    F::from_value(key.0.get(at).unwrap_or(&Value::Null))
        .map_err(|corrupt| DecideError::Corrupt { table: table.name, corrupt })
}

impl Domain for Payment {
    fn name(&self) -> DomainName {
        PAYMENT
    }

    fn tables(&self) -> Vec<&'static Table> {
        vec![
            PaymentRow::TABLE,
            Charge::TABLE,
            ChargeKey::TABLE,
            Leg::TABLE,
            LedgerEntry::TABLE,
            UnknownCharge::TABLE,
            PgBook::TABLE,
        ]
    }

    fn participants(&self) -> Vec<&dyn Participant> {
        vec![&self.payment, &self.charge]
    }

    fn hears(&self) -> &'static [&'static str] {
        &["credit.done", "credit.refused", "credit.compensated"]
    }

    fn due(&self) -> Vec<Due> {
        vec![
            Due::deadline(Leg::TABLE, "next_at"),
            Due::deadline(Charge::TABLE, "next_at"),
            Due::date(PgBook::TABLE, "next_at"),
        ]
    }

    fn longest_wait(&self, _table: &Table, _row: &Row) -> Duration {
        let PaymentPolicy { settling, slow, backoff, credit_resend, .. } = self.policy.as_ref();
        *settling.max(slow).max(&backoff.cap).max(&credit_resend.cap)
    }

    /// A charge that has come to be taken back before it was ever sent need not be made.
    fn withdraw(&self, call: &OutsideCall, state: &WorkingSet) -> Result<Option<Withdrawn>, DecideError> {
        let charge = call.request.downcast_ref::<PgCall>();
        let charge = charge.filter(|call| matches!(call.request, PgRequest::Charge { .. }));
        let Some((call, (saga, step))) = charge.and_then(|call| Some((call, call.leg.clone()?))) else {
            return Ok(None);
        };
        if participation::still_asks(saga, step, state)? {
            return Ok(None);
        }
        let answer = PgAnswer::NotSent { detail: "it was taken back before it was sent".to_owned() };
        Ok(Some(Arc::new(call.clone().answered(answer))))
    }

    fn sagas(&self) -> Vec<SagaBook> {
        // A top-up waits in its leg until the PG has answered, then in its own row until it is credited.
        let window = self.policy.budget.saturating_add(MARGIN);
        [Leg::TABLE, Charge::TABLE].map(|table| SagaBook { table, open: "next_at", window }).to_vec()
    }

    fn keys(&self, input: &Input<'_>, keys: &mut Keys) -> Result<(), DecideError> {
        match input {
            Input::Command(any) => match Request::of(*any)? {
                Request::TopUp(command) => top_up::command_keys(command, keys),
                Request::Answered(PgAnswered { call, answer }) => match &call.leg {
                    Some((saga, step)) => {
                        carry::keys(*saga, step, keys);
                        carry::answer_keys(answer, keys);
                    }
                    None => {
                        reconcile::book_keys(&self.policy, keys);
                        reconcile::page_keys(answer, keys);
                    }
                },
                Request::Webhook(command) => reconcile::owner_keys(&command.key, keys),
                Request::Start => reconcile::book_keys(&self.policy, keys),
            },
            Input::Heard(heard) => carry::keys(heard.need_plan()?.saga, &Step::CHARGE, keys),
            Input::Due { table, key } => match Woken::of(table, key)? {
                Woken::Leg(saga, step) => carry::keys(saga, &step, keys),
                Woken::Charge(id) => keys.want::<Charge>((id,)),
                Woken::Book(pg) => keys.want::<PgBook>((pg,)),
            },
            Input::Redriven(letter) | Input::Resolved(letter) => {
                if let Some((saga, step)) = leg_of(letter) {
                    carry::keys(saga, &step, keys);
                }
            }
        }
        Ok(())
    }

    fn decide(&self, input: &Input<'_>, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
        match input {
            Input::Command(any) => self.command(Request::of(*any)?, state, cx),
            Input::Heard(heard) => top_up::credit_answered(&self.charge, heard, state, cx),
            Input::Due { table, key } => match Woken::of(table, key)? {
                Woken::Leg(saga, step) => self.leg_event(saga, step, LegEvent::Due, state, cx),
                Woken::Charge(id) => top_up::credit_due(&self.policy, id, state, cx),
                Woken::Book(pg) => reconcile::due(&self.policy, &pg, state, cx),
            },
            Input::Redriven(letter) => self.letter(letter, true, state, cx),
            Input::Resolved(letter) => self.letter(letter, false, state, cx),
        }
    }
}

impl Payment {
    fn command(
        &self,
        request: Request<'_>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<(), DecideError> {
        match request {
            Request::TopUp(command) => {
                let reply = top_up::top_up(&self.policy, command, state, cx)?;
                cx.reply::<<TopUp as Command>::Reply>(reply);
                return Ok(());
            }
            Request::Answered(answered) => self.answered(answered, state, cx)?,
            Request::Webhook(command) => {
                if let Some(owner) = reconcile::owner(&command.key, state)? {
                    reconcile::look(&self.policy, &owner, &command.key, cx);
                }
            }
            Request::Start => reconcile::start(&self.policy, state, cx)?,
        }
        cx.reply::<Result<(), Refused>>(Ok(()));
        Ok(())
    }

    fn answered(
        &self,
        answered: &PgAnswered,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<(), DecideError> {
        let PgAnswered { call, answer } = answered;
        match (&call.leg, call.attempt) {
            (None, attempt) => reconcile::page_read(&self.policy, attempt, answer, state, cx),
            (Some((saga, step)), 0) => {
                let event = LegEvent::Seen { asked_at: call.asked_at, answer: answer.clone() };
                self.leg_event(*saga, step.clone(), event, state, cx)
            }
            (Some((saga, step)), attempt) => {
                let event = LegEvent::Answered { attempt, answer: answer.clone() };
                self.leg_event(*saga, step.clone(), event, state, cx)
            }
        }
    }

    fn leg_event(
        &self,
        saga: SagaId,
        step: Step,
        event: LegEvent,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<(), DecideError> {
        let leg: Leg = state.need((saga, step))?;
        cx.trace = leg.trace;
        carry::advance(&self.policy, leg, event, state, cx)
    }

    /// An operator handled a letter. One about no leg (a charge that nobody knows) is only listed: there is nothing to do.
    fn letter(
        &self,
        letter: &DeadLetter,
        redriven: bool,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<(), DecideError> {
        let Some((saga, step)) = leg_of(letter) else { return Ok(()) };
        if letter.step.as_ref() == Some(&Step::CREDIT) {
            return top_up::credit_letter(&self.policy, letter, redriven, state, cx);
        }
        let boxed = Box::new(letter.clone());
        let event = if redriven { LegEvent::Redriven(boxed) } else { LegEvent::Resolved(boxed) };
        self.leg_event(saga, step, event, state, cx)
    }
}

/// The leg that a letter of this domain is about; a credit's letter is about its top-up's.
fn leg_of(letter: &DeadLetter) -> Option<(SagaId, Step)> {
    let step = letter.step.clone()?;
    let step = if step == Step::CREDIT { Step::CHARGE } else { step };
    letter.order_id.map(|saga| (SagaId(saga), step))
}
