//! The data-platform domain: final words about orders, delivered to a webhook at least once and in order per order.
//!
//! A delivery is a row with a stable id. It is sent after the commit that wrote it, and again until the receiver takes it or
//! the budget is spent; then it is a dead letter. A final word can fail no order.
//!
//! Where the topology says `payment_delivery = "inline"`, the receiver is told of the payment as well, as a step of the saga: an order
//! that it does not hear of fails ([`step`]).

mod body;
mod delivery;
mod lane;
mod step;

#[cfg(test)]
mod tests;

pub use delivery::{
    Delivered, Delivery, DeliveryCall, DeliveryEvent, DeliveryOutcome, DeliveryPolicy, DeliveryStatus,
    StepPolicy,
};

use kernel::domain::{OutsideCall, Withdrawn};
use kernel::ids::OrderId;
use kernel::judge::letters::DeadLetter;
use kernel::participation;
use kernel::{
    Cx, DecideError, Domain, DomainName, Due, Input, Keys, Participant, Record, Refused, Row, Said, Step,
    Table, WorkingSet,
};
use lane::Lane;
use std::sync::Arc;
use std::time::Duration;
use step::DeliveryStep;

/// The domain's name.
pub const NAME: DomainName = DomainName::of("data-platform");

/// The data-platform domain.
#[derive(Clone, Debug, Default)]
pub struct DataPlatform {
    step: DeliveryStep,
}

impl DataPlatform {
    /// Delivers as patiently as `policy` says.
    #[must_use]
    pub fn new(policy: DeliveryPolicy) -> Self {
        Self { step: DeliveryStep { policy } }
    }
}

/// What the domain is asked, read out of an [`Input`].
enum Asked<'a> {
    /// A final word was said.
    Heard(&'a kernel::Heard<'a>),
    /// The receiver answered, or did not.
    Answered(&'a Delivered),
    /// A delivery's time has come.
    Due,
    /// An operator tries a dead delivery again.
    Redriven,
    /// An operator ended a dead delivery by a note.
    Resolved,
}

/// Reads `input`: which delivery it is about, and what is asked of it.
fn read<'a>(input: &'a Input<'a>) -> Result<(OrderId, DeliveryEvent, Asked<'a>), DecideError> {
    match input {
        Input::Heard(heard) => Ok((OrderId(heard.key), event_of(heard.said)?, Asked::Heard(heard))),
        Input::Command(command) => {
            let delivered: &Delivered = command.downcast_ref().ok_or_else(|| {
                DecideError::Impossible("a command of another domain's at the data platform".to_owned())
            })?;
            Ok((delivered.order_id, delivered.event, Asked::Answered(delivered)))
        }
        Input::Due { table, key } => {
            let (order, event) = delivery::of_key(table, key)?;
            Ok((order, event, Asked::Due))
        }
        Input::Redriven(letter) => {
            let (order, event) = of_letter(letter)?;
            Ok((order, event, Asked::Redriven))
        }
        Input::Resolved(letter) => {
            let (order, event) = of_letter(letter)?;
            Ok((order, event, Asked::Resolved))
        }
    }
}

fn event_of(said: &Said) -> Result<DeliveryEvent, DecideError> {
    match said {
        Said::Confirmed { .. } => Ok(DeliveryEvent::Confirmed),
        Said::Failed { .. } => Ok(DeliveryEvent::Failed),
        Said::Cancelled { .. } => Ok(DeliveryEvent::Cancelled),
        Said::Created
        | Said::Placed
        | Said::Asked { .. }
        | Said::UndoAsked { .. }
        | Said::Failing { .. }
        | Said::Cancelling
        | Said::Done { .. }
        | Said::Refused { .. }
        | Said::Pending { .. }
        | Said::Compensated { .. }
        | Said::Stuck { .. }
        | Said::Fact { .. } => {
            Err(DecideError::Impossible(format!("the data platform heard {}", said.name())))
        }
    }
}

fn of_letter(letter: &DeadLetter) -> Result<(OrderId, DeliveryEvent), DecideError> {
    let order = letter.order_id.map(OrderId);
    let found = order.and_then(|order| {
        let event =
            DeliveryEvent::ALL.iter().find(|event| delivery::letter_id(order, **event) == letter.id)?;
        Some((order, *event))
    });
    found.ok_or_else(|| {
        DecideError::Impossible(format!("dead letter {} is not one of the data platform's", letter.id))
    })
}

impl Domain for DataPlatform {
    fn name(&self) -> DomainName {
        NAME
    }

    fn tables(&self) -> Vec<&'static Table> {
        vec![Delivery::TABLE]
    }

    fn participants(&self) -> Vec<&dyn Participant> {
        vec![&self.step]
    }

    fn hears(&self) -> &'static [&'static str] {
        &["order.confirmed", "order.failed", "order.cancelled"]
    }

    fn due(&self) -> Vec<Due> {
        vec![Due::deadline(Delivery::TABLE, "next_at")]
    }

    fn longest_wait(&self, _table: &Table, _row: &Row) -> Duration {
        let DeliveryPolicy { backoff, answer_timeout, unheard_wait, step, .. } = self.step.policy;
        let waits = [backoff.cap, answer_timeout, unheard_wait, step.backoff.cap, step.answer_timeout];
        waits.into_iter().max().unwrap_or_default()
    }

    /// An approval whose order has come to fail before it was ever sent need not be told.
    fn withdraw(&self, call: &OutsideCall, state: &WorkingSet) -> Result<Option<Withdrawn>, DecideError> {
        let approval = call.request.downcast_ref::<DeliveryCall>();
        let approval = approval.filter(|call| call.event == DeliveryEvent::PaymentApproved);
        let Some(call) = approval else { return Ok(None) };
        if participation::still_asks(call.order_id.into(), Step::DELIVERY, state)? {
            return Ok(None);
        }
        let detail = "it was taken back before it was sent".to_owned();
        Ok(Some(Arc::new(call.answer(DeliveryOutcome::Failed { detail, retry: false }))))
    }

    fn keys(&self, input: &Input<'_>, keys: &mut Keys) -> Result<(), DecideError> {
        match read(input)? {
            (order, DeliveryEvent::PaymentApproved, _) => step::keys(order, keys),
            (order, event, Asked::Heard(_)) => lane::keys_heard(order, event, keys),
            (order, event, _) => lane::keys(order, event, keys),
        }
        Ok(())
    }

    fn decide(&self, input: &Input<'_>, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
        let (order, event, asked) = read(input)?;
        if event == DeliveryEvent::PaymentApproved {
            return self.decide_step(order, &asked, state, cx);
        }
        let mut lane = Lane { order, event, policy: &self.step.policy, state, cx };
        match asked {
            Asked::Heard(heard) => lane.hear(heard),
            Asked::Due => lane.due(),
            Asked::Redriven => lane.redrive(),
            Asked::Resolved => lane.resolve(),
            Asked::Answered(delivered) => {
                let reply = lane.answered(delivered)?;
                cx.reply::<Result<(), Refused>>(reply);
                Ok(())
            }
        }
    }
}

impl DataPlatform {
    /// What is asked about the delivery that is a step.
    fn decide_step(
        &self,
        order: OrderId,
        asked: &Asked<'_>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<(), DecideError> {
        let mut telling = self.step.telling(order, state, cx);
        match asked {
            Asked::Due => telling.due(),
            Asked::Answered(delivered) => {
                let reply = telling.answered(delivered)?;
                cx.reply::<Result<(), Refused>>(reply);
                Ok(())
            }
            Asked::Heard(_) | Asked::Redriven | Asked::Resolved => {
                Err(DecideError::Impossible("a step's delivery has no dead letter".to_owned()))
            }
        }
    }
}
