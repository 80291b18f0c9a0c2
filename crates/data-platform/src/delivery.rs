//! Deliveries as words: the row, the call that leaves, the answer that comes back, and how patient the domain is.

use crate::NAME;
use kernel::ids::{LetterId, OrderId};
use kernel::time::Backoff;
use kernel::{
    Command, Cx, DecideError, DomainName, Key, Record, Refused, Table, Timestamp, Trace, Value, WorkingSet,
};
use kernel::{record, table, text_enum};
use smol_str::SmolStr;
use std::time::Duration;
use table::Field;
use uuid::Uuid;

text_enum! {
    /// What is delivered: a final word about an order or, where delivery is a step of the saga, a word about its payment.
    pub enum DeliveryEvent {
        /// The order was confirmed.
        Confirmed = "order.confirmed",
        /// The order failed.
        Failed = "order.failed",
        /// The confirmed order was taken back; delivered after its confirmation.
        Cancelled = "order.cancelled",
        /// The order's payment was approved, and the order waits for this to be taken.
        PaymentApproved = "payment.approved",
        /// The approval that the receiver took, or may have taken, is taken back; delivered after it.
        PaymentCancelled = "payment.cancelled",
    }
}

text_enum! {
    /// Where a delivery stands.
    pub enum DeliveryStatus {
        /// It waits for the delivery before it of the same order.
        Waiting = "WAITING",
        /// It is being sent, or waits to be sent again.
        Pending = "PENDING",
        /// The receiver took it.
        Delivered = "DELIVERED",
        /// The budget is spent: a dead letter stands for it.
        Dead = "DEAD",
        /// An operator ended it by a note; what waits for it goes on.
        Resolved = "RESOLVED",
        /// It is not sent any more, and no dead letter stands for it: the order ends without it.
        Refused = "REFUSED",
    }
}

record! {
    /// One delivery.
    pub struct Delivery in "deliveries" key 2 {
        /// The order.
        pub order_id: OrderId,
        /// Which word about it.
        pub event: DeliveryEvent,
        /// The id that the receiver dedupes by; the same however often it is sent.
        pub webhook_id: SmolStr,
        /// What is sent, byte for byte (JSON).
        pub body: SmolStr,
        /// Where it stands.
        pub status: DeliveryStatus,
        /// How often it was sent since it was heard or last redriven.
        pub attempts: i64,
        /// When to look at it again.
        pub next_at: Option<Timestamp>,
        /// What went wrong last; of a step's delivery none while its last sending is unanswered.
        pub error: Option<SmolStr>,
        /// When a sending of a step's delivery was first left without a clear answer: the receiver may have taken it since.
        pub in_doubt_at: Option<Timestamp>,
        /// The dead letter that was raised for it.
        pub letter: Option<LetterId>,
        /// The trace that made it.
        pub trace: Trace,
        /// When it was heard of.
        pub created_at: Timestamp,
        /// When the row last changed.
        pub updated_at: Timestamp,
    }
    index "deliveries_due" (next_at);
}

/// The outside call: post `body` to the receiver under `webhook_id` (the `webhook-id` header). The adapter signs it, dated at
/// each sending, and answers with [`DeliveryCall::answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryCall {
    /// The order.
    pub order_id: OrderId,
    /// Which word about it.
    pub event: DeliveryEvent,
    /// The stable id.
    pub webhook_id: SmolStr,
    /// What to send, byte for byte (JSON).
    pub body: SmolStr,
    /// The trace to send along.
    pub trace: Trace,
    /// Which sending of it this is.
    pub sending: i64,
    /// How long the receiver may take to answer.
    pub answer_within: Duration,
}

impl DeliveryCall {
    /// The command that tells the domain how this call ended.
    #[must_use]
    pub fn answer(&self, outcome: DeliveryOutcome) -> Delivered {
        Delivered { order_id: self.order_id, event: self.event, sending: self.sending, outcome }
    }
}

/// How a [`DeliveryCall`] ended. Refused (and without effect) only if no such delivery was ever sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The order.
    pub order_id: OrderId,
    /// Which word about it.
    pub event: DeliveryEvent,
    /// Which sending of it.
    pub sending: i64,
    /// How it ended.
    pub outcome: DeliveryOutcome,
}

impl Command for Delivered {
    type Reply = Result<(), Refused>;
    const DOMAIN: DomainName = NAME;
}

/// What the receiver said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It took it (2xx).
    Taken,
    /// It did not.
    Failed {
        /// Why, without secrets.
        detail: String,
        /// Whether sending it again can help.
        retry: bool,
    },
    /// Nobody knows whether it took it (a timeout).
    Unknown {
        /// What happened, without secrets.
        detail: String,
    },
    /// It wants no more deliveries (410).
    Disabled,
}

/// How patient deliveries are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// Waits between a failure and the next sending.
    pub backoff: Backoff,
    /// After how many sendings a delivery is dead; at least one is made.
    pub budget: u32,
    /// A call without an answer for this long is taken for lost, and sent again.
    pub answer_timeout: Duration,
    /// How long an `order.cancelled` waits for an `order.confirmed` that was never heard of before it goes alone.
    pub unheard_wait: Duration,
    /// Where delivery is a step of the saga: how patient that step is.
    pub step: StepPolicy,
}

/// How patient a delivery is that an order waits for: all of it has to fit well inside the saga's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepPolicy {
    /// Waits between a failure and the next sending.
    pub backoff: Backoff,
    /// After how many sendings the step refuses; at least one is made.
    pub budget: u32,
    /// How long the receiver may take to answer one.
    pub call_timeout: Duration,
    /// A call without an answer for this long is taken for lost, and sent again.
    pub answer_timeout: Duration,
}

impl StepPolicy {
    /// `budget` sendings that the receiver has `call_timeout` each to answer.
    #[must_use]
    pub fn new(budget: u32, call_timeout: Duration) -> Self {
        // The call's own end is heard of before the call is taken for lost.
        let answer_timeout = call_timeout.saturating_add(Duration::from_millis(500));
        let backoff = Backoff { first: Duration::from_millis(250), cap: Duration::from_secs(1) };
        Self { backoff, budget, call_timeout, answer_timeout }
    }
}

impl Default for StepPolicy {
    /// Three sendings in less than five seconds.
    fn default() -> Self {
        Self::new(3, Duration::from_secs(1))
    }
}

impl Default for DeliveryPolicy {
    /// Twelve sendings over about twenty minutes; an answer within 30 s; a minute for an unheard confirmation.
    fn default() -> Self {
        Self {
            backoff: Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(300) },
            budget: 12,
            answer_timeout: Duration::from_secs(30),
            unheard_wait: Duration::from_secs(60),
            step: StepPolicy::default(),
        }
    }
}

impl Delivery {
    /// What is to be delivered about `order`: not sent yet, in its turn.
    pub(crate) fn new(
        order: OrderId,
        event: DeliveryEvent,
        body: SmolStr,
        now: Timestamp,
        trace: Trace,
    ) -> Self {
        Self {
            order_id: order,
            event,
            webhook_id: webhook_id(order, event),
            body,
            status: DeliveryStatus::Waiting,
            attempts: 0,
            next_at: None,
            error: None,
            in_doubt_at: None,
            letter: None,
            trace,
            created_at: now,
            updated_at: now,
        }
    }

    /// Asks for the call after commit, and to be woken if no answer comes: at least once, under one id.
    pub(crate) fn send(
        self,
        answer_within: Duration,
        answer_timeout: Duration,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) {
        let sending = self.attempts.saturating_add(1);
        cx.call(
            NAME,
            DeliveryCall {
                order_id: self.order_id,
                event: self.event,
                webhook_id: self.webhook_id.clone(),
                body: self.body.clone(),
                trace: self.trace,
                sending,
                answer_within,
            },
        );
        state.put(&Self {
            status: DeliveryStatus::Pending,
            attempts: sending,
            next_at: Some(cx.now.after(answer_timeout)),
            updated_at: cx.now,
            ..self
        });
    }

    /// How long to wait after the last sending failed.
    pub(crate) fn pace(&self, backoff: &Backoff) -> Duration {
        backoff.wait(u32::try_from(self.attempts.saturating_sub(1)).unwrap_or(0))
    }
}

/// A receiver's words, cut to what an operator reads.
pub(crate) fn short(detail: &str) -> SmolStr {
    detail.chars().take(300).collect()
}

/// The id that the receiver dedupes by.
fn webhook_id(order: OrderId, event: DeliveryEvent) -> SmolStr {
    smol_str::format_smolstr!("{order}.{event}")
}

/// The id of the one dead letter that a delivery can have. It follows from the delivery, so that whoever hears an answer or a
/// timer can name the letter's row before the delivery has been read.
pub(crate) fn letter_id(order: OrderId, event: DeliveryEvent) -> LetterId {
    // Any constants far apart do: they leave the time, version and variant of the order's UUIDv7 as they are.
    let mark: u128 = match event {
        DeliveryEvent::Confirmed => 0x1d1c_8f27_5b3a_9e41,
        DeliveryEvent::Failed => 0x2b96_30c5_e47d_1f8b,
        DeliveryEvent::Cancelled => 0x3a57_d9e2_0c68_b4f3,
        DeliveryEvent::PaymentApproved => 0x04e8_6b1a_97d3_5c2f,
        DeliveryEvent::PaymentCancelled => 0x1683_f7c4_2ea9_d05b,
    };
    LetterId(Uuid::from_u128(order.0.as_u128() ^ mark))
}

/// Which delivery a row's key names.
pub(crate) fn of_key(table: &Table, key: &Key) -> Result<(OrderId, DeliveryEvent), DecideError> {
    let corrupt = |corrupt| DecideError::Corrupt { table: Delivery::TABLE.name, corrupt };
    match key.0.as_slice() {
        [order @ Value::Id(_), event @ Value::Text(_)] if table.name == Delivery::TABLE.name => {
            let order = OrderId::from_value(order).map_err(corrupt)?;
            Ok((order, DeliveryEvent::from_value(event).map_err(corrupt)?))
        }
        _ => Err(DecideError::Impossible(format!("a due row of {} at the data platform", table.name))),
    }
}
