//! One order's deliveries: what each message does to them, and that a cancel is told only after its confirmation.

use crate::NAME;
use crate::body;
use crate::delivery::{
    Delivered, Delivery, DeliveryEvent, DeliveryOutcome, DeliveryPolicy, DeliveryStatus, letter_id, short,
};
use kernel::ids::OrderId;
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use kernel::{Cx, DecideError, Heard, Keys, Refused, WorkingSet};
use smol_str::SmolStr;

/// Names the rows that a final word may read: its own delivery, and the one that must go before it.
pub(crate) fn keys_heard(order: OrderId, event: DeliveryEvent, keys: &mut Keys) {
    keys.want::<Delivery>((order, event));
    if event == DeliveryEvent::Cancelled {
        keys.want::<Delivery>((order, DeliveryEvent::Confirmed));
    }
}

/// Names every row that a message about this delivery may read.
pub(crate) fn keys(order: OrderId, event: DeliveryEvent, keys: &mut Keys) {
    keys.want::<Delivery>((order, event));
    keys.want::<DeadLetter>((letter_id(order, event),));
    match event {
        DeliveryEvent::Confirmed => keys.want::<Delivery>((order, DeliveryEvent::Cancelled)),
        DeliveryEvent::Cancelled => keys.want::<Delivery>((order, DeliveryEvent::Confirmed)),
        DeliveryEvent::Failed | DeliveryEvent::PaymentApproved | DeliveryEvent::PaymentCancelled => {}
    }
}

/// The delivery of `event` about `order`, in one decision.
pub(crate) struct Lane<'a, 'c> {
    pub(crate) order: OrderId,
    pub(crate) event: DeliveryEvent,
    pub(crate) policy: &'a DeliveryPolicy,
    pub(crate) state: &'a mut WorkingSet,
    pub(crate) cx: &'a mut Cx<'c>,
}

/// What the delivery before this one says to it.
enum Before {
    /// Nothing stands in the way.
    Clear,
    /// It is not through yet.
    UnderWay,
    /// It was never heard of.
    Unheard,
}

impl Lane<'_, '_> {
    /// A final word: kept, and sent in its turn. Heard again it does nothing.
    pub(crate) fn hear(&mut self, heard: &Heard<'_>) -> Result<(), DecideError> {
        self.keep(body::of_order(self.event, heard, heard.need_plan()?)?)
    }

    /// `body` is to be delivered, in its turn. Kept already, it is not said again.
    pub(crate) fn keep(&mut self, body: SmolStr) -> Result<(), DecideError> {
        if self.get(self.event)?.is_some() {
            return Ok(());
        }
        let delivery = Delivery::new(self.order, self.event, body, self.cx.now, self.cx.trace);
        self.send_in_turn(delivery)
    }

    /// The row's time has come: an answer is lost, a wait between two sendings is over, or what it waited for stays unheard.
    pub(crate) fn due(&mut self) -> Result<(), DecideError> {
        let delivery: Delivery = self.state.need((self.order, self.event))?;
        match delivery.status {
            DeliveryStatus::Pending if self.is_spent(&delivery) => {
                let error = delivery.error.clone().unwrap_or_else(|| "no answer".into());
                self.die(delivery, error)
            }
            DeliveryStatus::Pending => {
                self.send(delivery);
                Ok(())
            }
            DeliveryStatus::Waiting => match self.before()? {
                // It has waited long enough for what may never come.
                Before::Unheard => {
                    self.send(delivery);
                    Ok(())
                }
                Before::Clear | Before::UnderWay => self.send_in_turn(delivery),
            },
            DeliveryStatus::Delivered
            | DeliveryStatus::Dead
            | DeliveryStatus::Resolved
            | DeliveryStatus::Refused => {
                Err(DecideError::Impossible(format!("a {} delivery fell due", delivery.status)))
            }
        }
    }

    /// The answer to a sending: taken is taken, whichever it was; a failure counts if nothing was sent since.
    pub(crate) fn answered(&mut self, answer: &Delivered) -> Result<Result<(), Refused>, DecideError> {
        let Some(delivery) = self.get(self.event)? else {
            return Ok(Err(Refused::not_found("delivery")));
        };
        match (delivery.status, &answer.outcome) {
            (DeliveryStatus::Waiting, _) => {
                return Ok(Err(Refused::conflict("DELIVERY_NOT_SENT", "it waits for its turn")));
            }
            (DeliveryStatus::Pending | DeliveryStatus::Dead, DeliveryOutcome::Taken) => {
                self.take(delivery)?;
            }
            (DeliveryStatus::Pending, _) if answer.sending != delivery.attempts => {}
            (DeliveryStatus::Pending, DeliveryOutcome::Failed { detail, retry }) => {
                self.fail(delivery, short(detail), *retry)?;
            }
            (DeliveryStatus::Pending, DeliveryOutcome::Unknown { detail }) => {
                self.fail(delivery, short(detail), true)?;
            }
            (DeliveryStatus::Pending, DeliveryOutcome::Disabled) => {
                self.fail(delivery, "the receiver wants no more deliveries (410)".into(), false)?;
            }
            // Once it is through, or in an operator's hands, a late failure is no news.
            (DeliveryStatus::Delivered | DeliveryStatus::Resolved, _)
            | (
                DeliveryStatus::Dead,
                DeliveryOutcome::Failed { .. } | DeliveryOutcome::Unknown { .. } | DeliveryOutcome::Disabled,
            ) => {}
            (DeliveryStatus::Refused, _) => {
                return Err(DecideError::Impossible(format!("a refused delivery of {}", self.event)));
            }
        }
        Ok(Ok(()))
    }

    /// An operator tries it again, with a fresh budget and the same id.
    pub(crate) fn redrive(&mut self) -> Result<(), DecideError> {
        let delivery: Delivery = self.state.need((self.order, self.event))?;
        match delivery.status {
            DeliveryStatus::Dead => {
                self.send(Delivery { attempts: 0, ..delivery });
                Ok(())
            }
            // Redriven twice: it is on its way, or through.
            DeliveryStatus::Pending | DeliveryStatus::Delivered => Ok(()),
            DeliveryStatus::Waiting | DeliveryStatus::Resolved | DeliveryStatus::Refused => {
                Err(DecideError::Impossible(format!("a {} delivery was redriven", delivery.status)))
            }
        }
    }

    /// An operator ended it by a note: what waits for it goes on.
    pub(crate) fn resolve(&mut self) -> Result<(), DecideError> {
        let delivery: Delivery = self.state.need((self.order, self.event))?;
        match delivery.status {
            DeliveryStatus::Dead | DeliveryStatus::Pending => self.close(delivery, DeliveryStatus::Resolved),
            DeliveryStatus::Delivered | DeliveryStatus::Resolved => Ok(()),
            DeliveryStatus::Waiting | DeliveryStatus::Refused => {
                Err(DecideError::Impossible(format!("a {} delivery was resolved", delivery.status)))
            }
        }
    }

    fn take(&mut self, delivery: Delivery) -> Result<(), DecideError> {
        let letter: Option<DeadLetter> = self.state.get((letter_id(self.order, self.event),))?;
        if let Some(letter) = letter.filter(|letter| letter.status == LetterStatus::Open) {
            let last_at = self.cx.now;
            self.state.put(&DeadLetter { status: LetterStatus::Redriven, last_at, ..letter });
        }
        self.close(Delivery { error: None, ..delivery }, DeliveryStatus::Delivered)
    }

    fn fail(&mut self, delivery: Delivery, error: SmolStr, retry: bool) -> Result<(), DecideError> {
        if !retry || self.is_spent(&delivery) {
            return self.die(delivery, error);
        }
        let now = self.cx.now;
        let next_at = Some(now.after(delivery.pace(&self.policy.backoff)));
        self.state.put(&Delivery { next_at, error: Some(error), updated_at: now, ..delivery });
        Ok(())
    }

    /// Its one dead letter is raised, or stands again with what went wrong this time.
    fn die(&mut self, delivery: Delivery, error: SmolStr) -> Result<(), DecideError> {
        let id = letter_id(self.order, self.event);
        let now = self.cx.now;
        let known: Option<DeadLetter> = self.state.get((id,))?;
        let letter = DeadLetter {
            id,
            domain: NAME,
            order_id: Some(self.order.0),
            step: None,
            kind: LetterKind::Delivery,
            error: error.clone(),
            attempts: known.as_ref().map_or(0, |letter| letter.attempts).saturating_add(delivery.attempts),
            first_at: known.as_ref().map_or(now, |letter| letter.first_at),
            last_at: now,
            status: LetterStatus::Open,
            message: None,
            note: None,
            handled_by: known.and_then(|letter| letter.handled_by),
        };
        self.state.put(&letter);
        let detail = format!("{} was not taken: {error}", delivery.webhook_id);
        self.cx.alert("delivery_dead", Some(self.order.into()), detail);
        self.state.put(&Delivery {
            status: DeliveryStatus::Dead,
            next_at: None,
            error: Some(error),
            letter: Some(id),
            updated_at: now,
            ..delivery
        });
        Ok(())
    }

    /// It is through (or ended by a note): the one that waits for it goes.
    fn close(&mut self, delivery: Delivery, status: DeliveryStatus) -> Result<(), DecideError> {
        self.state.put(&Delivery { status, next_at: None, updated_at: self.cx.now, ..delivery });
        let waiting = match self.event {
            DeliveryEvent::Confirmed => self.get(DeliveryEvent::Cancelled)?,
            DeliveryEvent::Cancelled
            | DeliveryEvent::Failed
            | DeliveryEvent::PaymentApproved
            | DeliveryEvent::PaymentCancelled => None,
        };
        match waiting {
            Some(waiting) if waiting.status == DeliveryStatus::Waiting => self.send(waiting),
            Some(_) | None => {}
        }
        Ok(())
    }

    fn send_in_turn(&mut self, delivery: Delivery) -> Result<(), DecideError> {
        let next_at = match self.before()? {
            Before::Clear => {
                self.send(delivery);
                return Ok(());
            }
            // It is sent when the one before it closes.
            Before::UnderWay => None,
            Before::Unheard => Some(self.cx.now.after(self.policy.unheard_wait)),
        };
        self.state.put(&Delivery { next_at, updated_at: self.cx.now, ..delivery });
        Ok(())
    }

    fn before(&self) -> Result<Before, DecideError> {
        let before = match self.event {
            DeliveryEvent::Confirmed | DeliveryEvent::Failed | DeliveryEvent::PaymentApproved => {
                return Ok(Before::Clear);
            }
            // Only an approval that is not sent any more is taken back.
            DeliveryEvent::PaymentCancelled => return Ok(Before::Clear),
            DeliveryEvent::Cancelled => self.get(DeliveryEvent::Confirmed)?,
        };
        Ok(match before.map(|before| before.status) {
            None => Before::Unheard,
            Some(DeliveryStatus::Delivered | DeliveryStatus::Resolved | DeliveryStatus::Refused) => {
                Before::Clear
            }
            Some(DeliveryStatus::Waiting | DeliveryStatus::Pending | DeliveryStatus::Dead) => {
                Before::UnderWay
            }
        })
    }

    /// The receiver has as long to answer as the adapter gives it.
    fn send(&mut self, delivery: Delivery) {
        let DeliveryPolicy { answer_timeout, .. } = *self.policy;
        delivery.send(answer_timeout, answer_timeout, self.state, self.cx);
    }

    fn is_spent(&self, delivery: &Delivery) -> bool {
        delivery.attempts >= i64::from(self.policy.budget)
    }

    fn get(&self, event: DeliveryEvent) -> Result<Option<Delivery>, DecideError> {
        self.state.get((self.order, event))
    }
}
