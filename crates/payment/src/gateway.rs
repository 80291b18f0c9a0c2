//! The payment-gateway port as values: what payment asks of a PG, and everything a PG can answer.
//!
//! The domain only ever sees these words; an adapter turns them into HTTP. The one distinction that matters is between
//! *not sent*, *refused* and *unknown*: a timeout is neither success nor failure (design §3.4).

use serde::{Deserialize, Serialize};

/// One call to the PG. `key` is the idempotency key of the payment: chosen once, committed before the first call, re-sent
/// unchanged.
#[derive(Clone, PartialEq, Eq)]
pub enum PgRequest {
    /// Take `amount` minor units of `currency` from the card behind `card_token`.
    Charge {
        /// The payment's one idempotency key.
        key: String,
        /// Minor units, > 0.
        amount: i64,
        /// ISO 4217 code.
        currency: String,
        /// The PG's token for the card; never a card number.
        card_token: String,
        /// What the charge is for: an order or top-up id, for the PG's books.
        reference: String,
    },
    /// What became of the charge with this key?
    Query {
        /// The payment's idempotency key.
        key: String,
    },
    /// Give the whole charge back.
    Cancel {
        /// The payment's idempotency key; the cancel's own key is derived from it by the adapter.
        key: String,
        /// Why, for the PG's books (at most 200 characters).
        reason: String,
    },
    /// A page of the PG's own book, oldest first.
    List {
        /// Opaque cursor of the page before, if any.
        after: Option<String>,
        /// At most this many charges.
        limit: u32,
    },
}

impl std::fmt::Debug for PgRequest {
    /// Leaves the card token out, so that no log, span or panic can carry it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Charge { key, amount, currency, .. } => f
                .debug_struct("Charge")
                .field("key", key)
                .field("amount", amount)
                .field("currency", currency)
                .finish_non_exhaustive(),
            Self::Query { key } => f.debug_struct("Query").field("key", key).finish(),
            Self::Cancel { key, .. } => f.debug_struct("Cancel").field("key", key).finish_non_exhaustive(),
            Self::List { after, limit } => {
                f.debug_struct("List").field("after", after).field("limit", limit).finish()
            }
        }
    }
}

/// The state of one charge in the PG's own book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PgChargeStatus {
    /// The money was taken and is held.
    Approved,
    /// The card was refused; nothing was taken.
    Declined,
    /// The money was taken and given back.
    Cancelled,
}

/// One charge as the PG's book has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PgCharge {
    /// The idempotency key that it was made under.
    pub key: String,
    /// The PG's own transaction id.
    pub transaction: String,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// What the book says of it now.
    pub status: PgChargeStatus,
    /// Milliseconds since the Unix epoch, by the PG's clock.
    pub created_at_ms: i64,
}

/// Everything a PG can answer to a [`PgRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PgAnswer {
    /// Charge or query: the book has this charge (its `status` tells approved, declined or cancelled).
    Found(PgCharge),
    /// Query or cancel: the PG knows no charge under this key. Right after a timeout this is not final.
    NotFound,
    /// Cancel: the PG understood and refuses (definitive for this attempt).
    CancelRefused {
        /// The PG's code.
        code: String,
    },
    /// The request certainly never reached the PG (connection refused, breaker open).
    NotSent {
        /// Why, without secrets.
        detail: String,
    },
    /// It may have reached the PG: timeout, 5xx, cut connection, unreadable or mismatching answer.
    Unknown {
        /// Why, without secrets.
        detail: String,
    },
    /// A page of the book, and the cursor of the next one if there is more.
    Page {
        /// The charges, oldest first.
        charges: Vec<PgCharge>,
        /// Opaque cursor to pass as `after`.
        next: Option<String>,
    },
}
