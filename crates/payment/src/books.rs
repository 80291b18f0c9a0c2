//! What payment keeps besides its legs.

use crate::letters::OpenLetter;
use kernel::ids::{ChargeId, LetterId, OrderId, PaymentId, SagaId, UserId};
use kernel::{Currency, Json, Money, Reason, Timestamp, Trace, record, text_enum};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;
use uuid::Uuid;

text_enum! {
    /// Where a payment stands, as its owner sees it.
    pub enum PaymentStatus {
        /// Under way.
        Pending = "PENDING",
        /// A charge may have been sent; the PG is asked.
        Unknown = "UNKNOWN",
        /// Paid.
        Approved = "APPROVED",
        /// Refused; nothing is held.
        Declined = "DECLINED",
        /// Being given back.
        Cancelling = "CANCELLING",
        /// Given back, or never taken.
        Cancelled = "CANCELLED",
    }
}

record! {
    /// The payment of one order.
    pub struct PaymentRow in "payments" key 1 {
        /// Its id, as the plan froze it.
        pub id: PaymentId,
        /// The order.
        pub order_id: OrderId,
        /// Whose.
        pub user_id: UserId,
        /// Where it stands.
        pub status: PaymentStatus,
        /// What the card pays, in minor units.
        pub amount: Money,
        /// What points pay.
        pub points: Money,
        /// What the coupon takes off.
        pub discount: Money,
        /// The currency of all three.
        pub currency: Currency,
        /// The PG's name; none where no card pays.
        pub pg: Option<SmolStr>,
        /// When its intent was committed.
        pub created_at: Timestamp,
        /// When its status last changed.
        pub updated_at: Timestamp,
    }
    index "payments_by_order" (order_id);
}

text_enum! {
    /// Where a top-up stands.
    pub enum ChargeStatus {
        /// Under way.
        Pending = "PENDING",
        /// Charged and credited.
        Completed = "COMPLETED",
        /// Nothing was taken.
        Declined = "DECLINED",
        /// Charged and given back.
        Cancelled = "CANCELLED",
    }
}

record! {
    /// A top-up of points: a saga of its own, judged here.
    pub struct Charge in "charges" key 1 {
        /// Its id; also the PG's idempotency key, as text.
        pub id: ChargeId,
        /// Whose.
        pub user_id: UserId,
        /// What is charged and credited (> 0).
        pub amount: Money,
        /// Its currency.
        pub currency: Currency,
        /// Where it stands.
        pub status: ChargeStatus,
        /// Why it is not completed.
        pub reason: Option<Reason>,
        /// The trace that began it.
        pub trace: Trace,
        /// When it began.
        pub created_at: Timestamp,
        /// When it last changed.
        pub updated_at: Timestamp,
        /// When the credit is asked for again.
        pub next_at: Option<Timestamp>,
        /// How often the credit was asked for again.
        pub sends: u32,
        /// The dead letter of an unanswered credit.
        pub letter: Option<Json<OpenLetter>>,
        /// The open dead letter of its leg.
        pub leg_letter: Option<LetterId>,
    }
    index "charges_due" (next_at);
    index "charges_by_user" (user_id, id);
}

/// Whether a top-up is final for the horizon: nothing more happens by itself, and no operator is waited for.
#[must_use]
pub fn is_final(charge: &Charge) -> bool {
    charge.status != ChargeStatus::Pending && charge.letter.is_none() && charge.leg_letter.is_none()
}

record! {
    /// The idempotency key of a top-up; lives as long as the top-up.
    pub struct ChargeKey in "charge_keys" key 1 scattered {
        /// Hash of (user, route, key), 32 bytes.
        pub key_hash: Arc<[u8]>,
        /// Hash of the canonical body.
        pub body_hash: Arc<[u8]>,
        /// What it made.
        pub charge_id: ChargeId,
    }
}

text_enum! {
    /// What a ledger entry did.
    pub enum EntryKind {
        /// Money taken.
        Charge = "CHARGE",
        /// Money given back.
        Cancel = "CANCEL",
    }
}

record! {
    /// One movement at the PG, once per (transaction, kind) however often it is reported.
    pub struct LedgerEntry in "payment_ledger" key 2 {
        /// The PG's transaction.
        pub transaction: SmolStr,
        /// What it did.
        pub kind: EntryKind,
        /// The payment's or top-up's id.
        pub pg_key: Uuid,
        /// The order or top-up.
        pub saga: SagaId,
        /// How much, in minor units (> 0).
        pub amount: Money,
        /// Its currency.
        pub currency: Currency,
        /// When we learnt of it.
        pub at: Timestamp,
    }
}

record! {
    /// A charge in the PG's book that no payment or top-up knows; listed once, never cancelled by itself: it may belong to what
    /// a restored backup forgot.
    pub struct UnknownCharge in "unknown_charges" key 1 {
        /// The key in the PG's book.
        pub pg_key: SmolStr,
        /// The PG's transaction.
        pub transaction: SmolStr,
        /// How much, in minor units.
        pub amount: i64,
        /// Its currency, as the book has it.
        pub currency: SmolStr,
        /// When it was found.
        pub found_at: Timestamp,
        /// The dead letter raised for it.
        pub letter: LetterId,
    }
}

record! {
    /// How far the PG's book has been read; one row per PG.
    pub struct PgBook in "pg_books" key 1 {
        /// The PG's name.
        pub pg: SmolStr,
        /// The page to read next; none is the first.
        pub cursor: Option<SmolStr>,
        /// Readings so far; the last one's number.
        pub attempts: u32,
        /// A page was asked for.
        pub calling: bool,
        /// When reading last began at the beginning.
        pub swept_at: Timestamp,
        /// What went wrong last.
        pub error: Option<SmolStr>,
        /// The timer.
        pub next_at: Option<Timestamp>,
    }
    index "pg_books_due" (next_at);
}

/// What a payment or top-up took: the receipt in its inbox row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The payment's or top-up's id.
    pub payment_id: Uuid,
    /// What the card paid.
    pub amount: Money,
    /// What points paid.
    pub points: Money,
    /// What the coupon took off.
    pub discount: Money,
    /// The PG's transaction, if the card paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<SmolStr>,
}

impl Receipt {
    /// As an inbox row keeps it.
    ///
    /// # Errors
    /// Never in practice; a failed write is reported, not hidden.
    pub(crate) fn text(&self) -> Result<SmolStr, kernel::DecideError> {
        Ok(SmolStr::new(serde_json::to_string(self)?))
    }

    /// What it moved at the PG: account `pg:<key>`, as the PG's own book counts it.
    pub(crate) fn movements(receipt: &str) -> Result<Vec<kernel::ledger::Movement>, kernel::DecideError> {
        let receipt: Self = serde_json::from_str(receipt)?;
        if receipt.amount.is_zero() {
            return Ok(Vec::new());
        }
        Ok(vec![kernel::ledger::movement("pg", receipt.payment_id, receipt.amount.minor())])
    }
}
