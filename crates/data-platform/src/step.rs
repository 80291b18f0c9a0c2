//! Delivery as a step of the saga: the receiver is told of the payment while the order waits, and an order that it does not hear
//! of fails. No dead letter stands for it; the saga ends it.
//!
//! | row \ message | taken | not taken | time is up |
//! |---|---|---|---|
//! | PENDING | done, or taken back if it is to be undone | sent again; not wanted any more or budget spent: refused | the same, and in doubt |
//! | DELIVERED | nothing | nothing | cannot be |
//! | REFUSED | a stray: taken back | nothing | cannot be |
//!
//! What the receiver took, or may have taken, is taken back by a delivery of its own in the patient lane ([`crate::lane`]).

use crate::NAME;
use crate::body;
use crate::delivery::{
    Delivered, Delivery, DeliveryEvent, DeliveryOutcome, DeliveryPolicy, DeliveryStatus, short,
};
use crate::lane::Lane;
use kernel::domain::{Acted, Undone};
use kernel::ids::{OrderId, SagaId};
use kernel::ledger::Movement;
use kernel::participation::{self, Inbox, OnOutcome, Outcome};
use kernel::{
    Cx, DecideError, Heard, Keys, Participant, Plan, Planned, Reason, Refused, Step, Timestamp, WorkingSet,
};
use smol_str::SmolStr;
use std::sync::Arc;

/// Names every row that a message about the step's delivery may read.
pub(crate) fn keys(order: OrderId, keys: &mut Keys) {
    keys.want::<Delivery>((order, DeliveryEvent::PaymentApproved));
    keys.want::<Delivery>((order, DeliveryEvent::PaymentCancelled));
    keys.want::<Inbox>((SagaId(order.0), Step::DELIVERY));
}

/// The step: its action beside its compensation.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeliveryStep {
    pub(crate) policy: DeliveryPolicy,
}

impl Participant for DeliveryStep {
    fn step(&self) -> Step {
        Step::DELIVERY
    }

    /// Whether delivery is a step at all, the topology says.
    fn planned(&self) -> Planned {
        Planned::Always
    }

    fn keys(&self, plan: &Plan, keys: &mut Keys) {
        self::keys(OrderId(plan.saga.0), keys);
    }

    fn act(
        &self,
        heard: &Heard<'_>,
        plan: &Arc<Plan>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Acted, DecideError> {
        let mut telling = self.telling(OrderId(plan.saga.0), state, cx);
        if telling.get()?.is_some() {
            return Err(DecideError::Impossible(format!("{} was told of its payment already", plan.saga)));
        }
        let (now, trace) = (telling.cx.now, telling.cx.trace);
        let body = body::of_payment(heard, plan)?;
        telling.send(Delivery::new(telling.order, DeliveryEvent::PaymentApproved, body, now, trace));
        Ok(Acted::Pending(None))
    }

    fn undo(
        &self,
        _heard: &Heard<'_>,
        plan: &Arc<Plan>,
        _receipt: &str,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Undone, DecideError> {
        let mut telling = self.telling(OrderId(plan.saga.0), state, cx);
        let approval = telling.need()?;
        telling.take_back(&approval)?;
        Ok(Undone::Now)
    }

    /// Nothing that an account would count.
    fn movements(&self, _receipt: &str) -> Result<Vec<Movement>, DecideError> {
        Ok(Vec::new())
    }
}

impl DeliveryStep {
    /// What is told about the payment of `order`, in one decision.
    pub(crate) fn telling<'a, 'c>(
        &'a self,
        order: OrderId,
        state: &'a mut WorkingSet,
        cx: &'a mut Cx<'c>,
    ) -> Telling<'a, 'c> {
        Telling { order, policy: &self.policy, state, cx }
    }
}

/// What the receiver is told about one order's payment, in one decision.
pub(crate) struct Telling<'a, 'c> {
    order: OrderId,
    policy: &'a DeliveryPolicy,
    state: &'a mut WorkingSet,
    cx: &'a mut Cx<'c>,
}

impl Telling<'_, '_> {
    /// The answer to a sending: taken is taken, whichever it was; a failure counts if nothing was sent since.
    pub(crate) fn answered(&mut self, answer: &Delivered) -> Result<Result<(), Refused>, DecideError> {
        let Some(delivery) = self.get()? else {
            return Ok(Err(Refused::not_found("delivery")));
        };
        self.cx.trace = delivery.trace;
        match (delivery.status, &answer.outcome) {
            (DeliveryStatus::Pending | DeliveryStatus::Refused, DeliveryOutcome::Taken) => {
                self.take(delivery)?;
            }
            (DeliveryStatus::Pending, _) if answer.sending != delivery.attempts => {}
            (DeliveryStatus::Pending, DeliveryOutcome::Failed { detail, retry: true }) => {
                self.fail(delivery, short(detail))?;
            }
            (DeliveryStatus::Pending, DeliveryOutcome::Unknown { detail }) => {
                let delivery = in_doubt(delivery, self.cx.now);
                self.fail(delivery, short(detail))?;
            }
            (DeliveryStatus::Pending, DeliveryOutcome::Failed { detail, retry: false }) => {
                self.refuse(delivery, short(detail))?;
            }
            (DeliveryStatus::Pending, DeliveryOutcome::Disabled) => {
                self.refuse(delivery, "the receiver wants no more deliveries (410)".into())?;
            }
            // It was taken once; or what was given up was not taken after all.
            (DeliveryStatus::Delivered, _)
            | (
                DeliveryStatus::Refused,
                DeliveryOutcome::Failed { .. } | DeliveryOutcome::Unknown { .. } | DeliveryOutcome::Disabled,
            ) => {}
            (DeliveryStatus::Waiting | DeliveryStatus::Dead | DeliveryStatus::Resolved, _) => {
                return Err(impossible(&delivery, "was answered"));
            }
        }
        Ok(Ok(()))
    }

    /// An answer is lost, or the wait between two sendings is over.
    pub(crate) fn due(&mut self) -> Result<(), DecideError> {
        let delivery = self.need()?;
        self.cx.trace = delivery.trace;
        match (delivery.status, delivery.error.clone()) {
            (DeliveryStatus::Pending, Some(error)) => self.send_or_refuse(delivery, error),
            (DeliveryStatus::Pending, None) => {
                let delivery = in_doubt(delivery, self.cx.now);
                self.send_or_refuse(delivery, "no answer".into())
            }
            (
                DeliveryStatus::Delivered
                | DeliveryStatus::Refused
                | DeliveryStatus::Waiting
                | DeliveryStatus::Dead
                | DeliveryStatus::Resolved,
                _,
            ) => Err(impossible(&delivery, "fell due")),
        }
    }

    fn take(&mut self, delivery: Delivery) -> Result<(), DecideError> {
        let delivery = Delivery { error: None, ..delivery };
        self.close(&delivery, DeliveryStatus::Delivered);
        let receipt = serde_json::json!({ "webhook_id": delivery.webhook_id }).to_string();
        match self.settle(Outcome::TookEffect(receipt.into()))? {
            OnOutcome::BecomeDone | OnOutcome::Nothing => Ok(()),
            OnOutcome::StartUndo => {
                self.take_back(&delivery)?;
                self.settle(Outcome::Undone).map(|_| ())
            }
            // Taken after it was given up: the order has failed, or is failing.
            OnOutcome::Stray => self.take_back(&delivery),
            verdict @ (OnOutcome::BecomeRefused | OnOutcome::BecomeCompensated) => {
                Err(DecideError::Impossible(format!("{verdict:?} after a delivery was taken")))
            }
        }
    }

    fn fail(&mut self, delivery: Delivery, error: SmolStr) -> Result<(), DecideError> {
        if !self.may_send_again(&delivery)? {
            return self.refuse(delivery, error);
        }
        let now = self.cx.now;
        let next_at = Some(now.after(delivery.pace(&self.policy.step.backoff)));
        self.state.put(&Delivery { next_at, error: Some(error), updated_at: now, ..delivery });
        Ok(())
    }

    fn send_or_refuse(&mut self, delivery: Delivery, error: SmolStr) -> Result<(), DecideError> {
        if self.may_send_again(&delivery)? {
            self.send(delivery);
            return Ok(());
        }
        self.refuse(delivery, error)
    }

    /// The step certainly does not take effect: what is in doubt is taken back, and so is what turns out to be taken.
    fn refuse(&mut self, delivery: Delivery, error: SmolStr) -> Result<(), DecideError> {
        let delivery = Delivery { error: Some(error), ..delivery };
        self.close(&delivery, DeliveryStatus::Refused);
        self.settle(Outcome::NoEffect(Reason::DELIVERY_FAILED))?;
        match delivery.in_doubt_at {
            Some(_) => self.take_back(&delivery),
            None => Ok(()),
        }
    }

    /// Tells the receiver that the approval does not hold; told before, nothing more is to be said.
    fn take_back(&mut self, approval: &Delivery) -> Result<(), DecideError> {
        let body = body::taken_back(&approval.body, self.cx.now)?;
        let event = DeliveryEvent::PaymentCancelled;
        let Self { order, policy, state, cx } = self;
        Lane { order: *order, event, policy, state, cx }.keep(body)
    }

    fn send(&mut self, delivery: Delivery) {
        let step = self.policy.step;
        let unanswered = Delivery { error: None, ..delivery };
        unanswered.send(step.call_timeout, step.answer_timeout, self.state, self.cx);
    }

    /// The order still waits for it, and there is budget left.
    fn may_send_again(&self, delivery: &Delivery) -> Result<bool, DecideError> {
        let is_wanted = participation::still_asks(SagaId(self.order.0), Step::DELIVERY, self.state)?;
        Ok(is_wanted && delivery.attempts < i64::from(self.policy.step.budget))
    }

    fn close(&mut self, delivery: &Delivery, status: DeliveryStatus) {
        self.state.put(&Delivery { status, next_at: None, updated_at: self.cx.now, ..delivery.clone() });
    }

    fn settle(&mut self, outcome: Outcome) -> Result<OnOutcome, DecideError> {
        participation::settle(&NAME, SagaId(self.order.0), Step::DELIVERY, outcome, self.state, self.cx)
    }

    fn get(&self) -> Result<Option<Delivery>, DecideError> {
        self.state.get((self.order, DeliveryEvent::PaymentApproved))
    }

    fn need(&self) -> Result<Delivery, DecideError> {
        self.state.need((self.order, DeliveryEvent::PaymentApproved))
    }
}

/// Since when the receiver may have taken it without our knowing.
fn in_doubt(delivery: Delivery, now: Timestamp) -> Delivery {
    Delivery { in_doubt_at: delivery.in_doubt_at.or(Some(now)), ..delivery }
}

fn impossible(delivery: &Delivery, what: &str) -> DecideError {
    DecideError::Impossible(format!("a {} delivery of a step {what}", delivery.status))
}
