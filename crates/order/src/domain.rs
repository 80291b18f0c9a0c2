//! The order domain's door: what it is asked, and which rows it reads for that.

use crate::birth::{self, PayOrder, PlaceOrder};
use crate::judging::{self, letter_id};
use crate::tables::{Order as OrderRow, OrderKey, OrderLine};
use kernel::error::Refused;
use kernel::ids::{OrderId, UserId};
use kernel::inquiry::Inquired;
use kernel::judge::letters::{DeadLetter, LetterStatus};
use kernel::judge::{Coordination, Patience, SagaStatus, Signal};
use kernel::topology::Topology;
use kernel::{
    Command, Cx, DecideError, Domain, DomainName, Due, Input, Keys, Record, Row, SagaBook, Said, Step, Table,
    WorkingSet,
};
use smol_str::SmolStr;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// The domain's name in topologies.
pub const NAME: DomainName = DomainName::of("order");

/// How patient orders are. All times are configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderPolicy {
    /// How long a saga may take before it is failed.
    pub deadline: Duration,
    /// How long an order made with `pay: false` waits to be paid.
    pub created_expiry: Duration,
    /// How long after its confirmation an order can be cancelled.
    pub cancel_window: Duration,
    /// How often compensation is asked for again.
    pub patience: Patience,
}

/// What a topology says about its orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wiring {
    /// Its name, shown on each order.
    pub topology: SmolStr,
    /// What the judge must say itself.
    pub coordination: Coordination,
    /// The step after which an order stands in lists, if they wait for one.
    pub listed_after: Option<Step>,
}

impl From<&Topology> for Wiring {
    fn from(topology: &Topology) -> Self {
        Self {
            topology: SmolStr::new(&topology.name),
            coordination: topology.coordination(),
            listed_after: topology.listed_after.clone(),
        }
    }
}

impl Default for OrderPolicy {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            created_expiry: Duration::from_secs(30 * 60),
            cancel_window: Duration::from_secs(7 * 24 * 3_600),
            patience: Patience::default(),
        }
    }
}

/// What a message may still be late by when every wait is over.
const MARGIN: Duration = Duration::from_secs(3_600);

/// Cancels an order for its customer, or for an administrator.
#[derive(Clone, Copy, Debug)]
pub struct CancelOrder {
    /// Which.
    pub order: OrderId,
    /// Whose it must be; `None` for an administrator, whom fulfilment does not stop.
    pub customer: Option<UserId>,
}

/// Marks an order as shipped: its customer can no longer cancel it.
#[derive(Clone, Copy, Debug)]
pub struct FulfilOrder {
    /// Which.
    pub order: OrderId,
    /// Who says so.
    pub by: UserId,
}

impl Command for CancelOrder {
    type Reply = Result<(), Refused>;
    const DOMAIN: DomainName = NAME;
}

impl Command for FulfilOrder {
    type Reply = Result<(), Refused>;
    const DOMAIN: DomainName = NAME;
}

/// The order domain.
pub struct Order {
    policy: OrderPolicy,
    wiring: Wiring,
}

/// What an order's decisions depend on besides rows and messages.
pub(crate) struct Setting<'a> {
    pub(crate) policy: &'a OrderPolicy,
    pub(crate) wiring: &'a Wiring,
}

impl Order {
    /// Orders as patient as `policy`, of a topology that says `wiring` about them.
    #[must_use]
    pub fn new(policy: OrderPolicy, wiring: Wiring) -> Self {
        Self { policy, wiring }
    }

    fn setting(&self) -> Setting<'_> {
        Setting { policy: &self.policy, wiring: &self.wiring }
    }

    fn signal(
        &self,
        mut order: OrderRow,
        signal: &Signal<'_>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<(), DecideError> {
        let plan = order.plan()?;
        cx.trace = order.trace;
        judging::rule(&self.setting(), &mut order, &plan, signal, state, cx)?;
        state.put(&order);
        Ok(())
    }

    fn command(
        &self,
        command: &(dyn Any + Send + Sync),
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<(), DecideError> {
        if let Some(command) = command.downcast_ref::<PlaceOrder>() {
            let reply = birth::place(&self.setting(), command, state, cx)?;
            cx.reply(reply);
        } else if let Some(command) = command.downcast_ref::<PayOrder>() {
            let reply = birth::pay(&self.setting(), command, state, cx)?;
            cx.reply(reply);
        } else if let Some(command) = command.downcast_ref::<CancelOrder>() {
            let reply = self.cancel(command, state, cx)?;
            cx.reply(reply);
        } else if let Some(command) = command.downcast_ref::<FulfilOrder>() {
            let reply = fulfil(command, state, cx)?;
            cx.reply(reply);
        } else if let Some(command) = command.downcast_ref::<Inquired>() {
            // Whoever asks about an order that is not there is answered all the same: there is nothing to tell.
            if let Some(order) = state.get((OrderId(command.saga.0),))? {
                self.signal(order, &Signal::Found(&command.found), state, cx)?;
            }
            cx.reply(());
        } else {
            return Err(unknown_command());
        }
        Ok(())
    }

    fn cancel(
        &self,
        command: &CancelOrder,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Result<(), Refused>, DecideError> {
        let order: Option<OrderRow> = state.get((command.order,))?;
        let own = |order: &OrderRow| command.customer.is_none_or(|user| user == order.user_id);
        let Some(order) = order.filter(own) else { return Ok(Err(Refused::not_found("order"))) };
        let closed = |detail: &str| Ok(Err(Refused::conflict("CANCEL_WINDOW_CLOSED", detail)));
        match order.status {
            SagaStatus::Failed => {
                return Ok(Err(Refused::conflict("ORDER_NOT_CANCELLABLE", "the order failed")));
            }
            // Already under way or done: the same answer again.
            SagaStatus::Failing | SagaStatus::Cancelling | SagaStatus::Cancelled => return Ok(Ok(())),
            SagaStatus::Confirmed if order.fulfilled && command.customer.is_some() => {
                return closed("the order is fulfilled");
            }
            SagaStatus::Confirmed if self.window_is_over(&order, cx) => {
                return closed("the cancellation window is over");
            }
            SagaStatus::Created | SagaStatus::Pending | SagaStatus::Confirmed => {}
        }
        self.signal(order, &Signal::Cancel, state, cx)?;
        Ok(Ok(()))
    }

    fn window_is_over(&self, order: &OrderRow, cx: &Cx<'_>) -> bool {
        order.confirmed_at.is_none_or(|at| cx.now > at.after(self.policy.cancel_window))
    }

    /// A parked step is asked again, or declared compensated.
    fn letter(
        &self,
        letter: &DeadLetter,
        redrive: bool,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<(), DecideError> {
        let (Some(order), Some(step)) = (letter.order_id.map(OrderId), &letter.step) else {
            return Err(DecideError::Impossible("a letter of the judge without order and step".to_owned()));
        };
        let order: OrderRow = state.need((order,))?;
        if redrive {
            state.put(&DeadLetter { status: LetterStatus::Redriven, ..letter.clone() });
        }
        let signal = if redrive { Signal::Unpark(step) } else { Signal::Resolve(step) };
        self.signal(order, &signal, state, cx)
    }
}

impl Domain for Order {
    fn name(&self) -> DomainName {
        NAME
    }

    fn tables(&self) -> Vec<&'static Table> {
        vec![OrderRow::TABLE, OrderLine::TABLE, OrderKey::TABLE]
    }

    fn due(&self) -> Vec<Due> {
        vec![Due::deadline(OrderRow::TABLE, "wake_at")]
    }

    fn longest_wait(&self, _table: &Table, row: &Row) -> Duration {
        match OrderRow::from_row(row).map(|order| order.status) {
            Ok(SagaStatus::Created) => self.policy.created_expiry,
            Ok(SagaStatus::Failing | SagaStatus::Cancelling) => self.policy.patience.resend.cap,
            // A row that does not read is looked at soon, and becomes somebody's alert.
            Ok(SagaStatus::Pending | SagaStatus::Confirmed | SagaStatus::Failed | SagaStatus::Cancelled)
            | Err(_) => self.policy.deadline,
        }
    }

    fn sagas(&self) -> Vec<SagaBook> {
        let OrderPolicy { created_expiry, deadline, cancel_window, .. } = self.policy;
        // However patient a shop is set: no sum of its waits is past the end of time.
        let window =
            [deadline, cancel_window, MARGIN].into_iter().fold(created_expiry, Duration::saturating_add);
        vec![SagaBook { table: OrderRow::TABLE, open: "wake_at", window }]
    }

    fn keys(&self, input: &Input<'_>, keys: &mut Keys) -> Result<(), DecideError> {
        match input {
            Input::Command(command) => {
                if let Some(command) = command.downcast_ref::<PlaceOrder>() {
                    keys.claim::<OrderKey>((Arc::clone(&command.key.key),));
                } else if let Some(command) = command.downcast_ref::<PayOrder>() {
                    keys.claim::<OrderKey>((Arc::clone(&command.key.key),));
                    keys.want::<OrderRow>((command.order,));
                } else if let Some(command) = command.downcast_ref::<CancelOrder>() {
                    keys.want::<OrderRow>((command.order,));
                } else if let Some(command) = command.downcast_ref::<FulfilOrder>() {
                    keys.want::<OrderRow>((command.order,));
                } else if let Some(command) = command.downcast_ref::<Inquired>() {
                    keys.want::<OrderRow>((OrderId(command.saga.0),));
                    command.found.iter().for_each(|said| want_letter(OrderId(command.saga.0), said, keys));
                } else {
                    return Err(unknown_command());
                }
            }
            Input::Heard(heard) => {
                keys.want::<OrderRow>((heard.key,));
                want_letter(OrderId(heard.key), heard.said, keys);
            }
            Input::Due { key, .. } => keys.want_row(OrderRow::TABLE, (*key).clone()),
            Input::Redriven(letter) | Input::Resolved(letter) => {
                if let Some(order) = letter.order_id {
                    keys.want::<OrderRow>((order,));
                }
                if let (Some(order), Some(step)) = (letter.order_id, &letter.step) {
                    keys.want::<DeadLetter>((letter_id(OrderId(order), step),));
                }
            }
        }
        Ok(())
    }

    fn decide(&self, input: &Input<'_>, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
        match input {
            Input::Command(command) => self.command(*command, state, cx),
            Input::Heard(heard) => {
                let mut order: OrderRow = state.need((heard.key,))?;
                // The message carries the plan: the stored one need not be read.
                let plan = heard.need_plan()?;
                judging::rule(&self.setting(), &mut order, plan, &Signal::Heard(heard.said), state, cx)?;
                state.put(&order);
                Ok(())
            }
            Input::Due { key, .. } => {
                let order: OrderRow = state.need((*key).clone())?;
                let signal = match order.status {
                    SagaStatus::Failing | SagaStatus::Cancelling => Signal::Resend,
                    _ => Signal::Deadline,
                };
                self.signal(order, &signal, state, cx)
            }
            Input::Redriven(letter) => self.letter(letter, true, state, cx),
            Input::Resolved(letter) => self.letter(letter, false, state, cx),
        }
    }
}

/// Only what ends a step can close its letter.
fn want_letter(order: OrderId, said: &Said, keys: &mut Keys) {
    if let Said::Compensated { step, .. } | Said::Refused { step, .. } = said {
        keys.want::<DeadLetter>((letter_id(order, step),));
    }
}

fn fulfil(
    command: &FulfilOrder,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<Result<(), Refused>, DecideError> {
    let order: Option<OrderRow> = state.get((command.order,))?;
    let Some(mut order) = order else { return Ok(Err(Refused::not_found("order"))) };
    if order.status != SagaStatus::Confirmed {
        return Ok(Err(Refused::conflict("ORDER_NOT_CONFIRMED", format!("the order is {}", order.status))));
    }
    if !order.fulfilled {
        order.fulfilled = true;
        order.updated_at = cx.now;
        state.put(&order);
        cx.trace = order.trace;
        cx.state_fact(NAME, order.id.0, "order.fulfilled", serde_json::json!({ "by": command.by }));
    }
    Ok(Ok(()))
}

fn unknown_command() -> DecideError {
    DecideError::Impossible("a command of another domain".to_owned())
}
