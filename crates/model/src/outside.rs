//! The outside: the PG's own book, and what may come of a call to it or to the data platform.

use data_platform::{Delivered, DeliveryCall, DeliveryEvent, DeliveryOutcome};
use kernel::{Currency, Money};
use payment::gateway::{PgAnswer, PgCharge, PgChargeStatus, PgRequest};
use payment::{PgAnswered, PgCall};

/// What the PG's book says about one order's charge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Book {
    /// The charge, once there is one.
    pub charge: Option<Charge>,
    /// A request for it was lost on its way, and may turn up.
    pub astray: bool,
}

/// A charge as the PG has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Charge {
    /// The money is held.
    Held,
    /// The card was refused.
    Declined,
    /// The money was given back.
    GivenBack,
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The PG does what is asked, where it has not yet, and says what its book shows then.
    Obeys,
    /// The PG refuses the card.
    Declines,
    /// The PG does what is asked, and its answer does not arrive.
    Unheard,
    /// The PG is never reached; its caller cannot know.
    Lost,
    /// The data platform takes it.
    Takes,
    /// The data platform does not take it.
    Fails,
    /// Nobody knows whether the data platform took it.
    Unknown,
}

impl Reply {
    /// Whether it is a fault that is counted.
    #[must_use]
    pub fn is_silence(self) -> bool {
        match self {
            Self::Unheard | Self::Lost | Self::Unknown => true,
            Self::Obeys | Self::Declines | Self::Takes | Self::Fails => false,
        }
    }
}

/// How this call to a PG with this book may end.
#[must_use]
pub fn replies_of_pg(call: &PgCall, book: Book) -> Vec<Reply> {
    let mut replies = vec![Reply::Obeys, Reply::Unheard];
    let charges = matches!(call.request, PgRequest::Charge { .. });
    if charges && book.charge.is_none() {
        replies.push(Reply::Declines);
    }
    // A question that is not answered might as well not have arrived.
    if !matches!(call.request, PgRequest::Query { .. }) {
        replies.push(Reply::Lost);
    }
    replies
}

/// How this delivery may end. What the platform must be told at all costs it takes in the end.
#[must_use]
pub fn replies_of_platform(call: &DeliveryCall) -> Vec<Reply> {
    match call.event {
        DeliveryEvent::PaymentApproved => vec![Reply::Takes, Reply::Fails, Reply::Unknown],
        DeliveryEvent::Confirmed
        | DeliveryEvent::Failed
        | DeliveryEvent::Cancelled
        | DeliveryEvent::PaymentCancelled => vec![Reply::Takes],
    }
}

/// The PG's book after `call` ended so, and what its caller is told.
#[must_use]
pub fn answer_of_pg(call: &PgCall, amount: Money, mut book: Book, reply: Reply) -> (Book, PgAnswered) {
    if reply == Reply::Lost {
        book.astray |= matches!(call.request, PgRequest::Charge { .. });
    } else {
        book.charge = match (&call.request, book.charge) {
            (PgRequest::Charge { .. }, None) if reply == Reply::Declines => Some(Charge::Declined),
            (PgRequest::Charge { .. }, None) => Some(Charge::Held),
            (PgRequest::Cancel { .. }, Some(Charge::Held)) => Some(Charge::GivenBack),
            (_, charge) => charge,
        };
    }
    let answer = match (reply, book.charge) {
        (Reply::Unheard | Reply::Lost, _) => PgAnswer::Unknown { detail: "no answer".to_owned() },
        (_, None) => PgAnswer::NotFound,
        (_, Some(charge)) => PgAnswer::Found(shown(call, amount, charge)),
    };
    (book, call.clone().answered(answer))
}

/// What the data platform's caller is told.
#[must_use]
pub fn answer_of_platform(call: &DeliveryCall, reply: Reply) -> Delivered {
    let detail = || "no".to_owned();
    call.answer(match reply {
        Reply::Fails => DeliveryOutcome::Failed { detail: detail(), retry: false },
        Reply::Unknown => DeliveryOutcome::Unknown { detail: detail() },
        Reply::Takes | Reply::Obeys | Reply::Declines | Reply::Unheard | Reply::Lost => {
            DeliveryOutcome::Taken
        }
    })
}

/// A charge as the PG shows it, of the amount that was asked for.
fn shown(call: &PgCall, amount: Money, charge: Charge) -> PgCharge {
    let key = match &call.request {
        PgRequest::Charge { key, .. } | PgRequest::Query { key } | PgRequest::Cancel { key, .. } => {
            key.clone()
        }
        PgRequest::List { .. } => String::new(),
    };
    PgCharge {
        transaction: format!("tx-{key}"),
        key,
        amount: amount.minor(),
        currency: Currency::KRW.code().to_owned(),
        status: match charge {
            Charge::Held => PgChargeStatus::Approved,
            Charge::Declined => PgChargeStatus::Declined,
            Charge::GivenBack => PgChargeStatus::Cancelled,
        },
        created_at_ms: crate::deployment::NOW.0,
    }
}
