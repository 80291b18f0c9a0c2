//! What goes out to the PG, and how its answers come back.

use crate::PAYMENT;
use crate::gateway::{PgAnswer, PgRequest};
use kernel::ids::SagaId;
use kernel::{Command, DomainName, Refused, Step, Timestamp, Trace};

/// An outside call of this domain, to be made after commit. Whatever comes of it returns as [`PgCall::answered`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgCall {
    /// The leg that calls: its saga and step. `None` for a page of the PG's book.
    pub leg: Option<(SagaId, Step)>,
    /// The call's number within its leg (or the book's reading); 0 is a look that no leg waits for.
    pub attempt: u32,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// A call not begun by then must not be made, but answered [`PgAnswer::NotSent`]: the PG's settling time is counted from
    /// here.
    pub start_by: Timestamp,
    /// The trace to pass on.
    pub trace: Trace,
    /// What to ask.
    pub request: PgRequest,
}

impl PgCall {
    /// The command that brings `answer` back.
    #[must_use]
    pub fn answered(self, answer: PgAnswer) -> PgAnswered {
        PgAnswered { call: self, answer }
    }
}

/// The PG answered a call (or did not: that is an answer too).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgAnswered {
    /// The call.
    pub call: PgCall,
    /// Its answer.
    pub answer: PgAnswer,
}

impl Command for PgAnswered {
    type Reply = Result<(), Refused>;
    const DOMAIN: DomainName = PAYMENT;
}

/// The PG says that something became of the charge under `key`. Nothing is believed: the PG is asked. An unknown key is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The idempotency key that the webhook names.
    pub key: String,
}

impl Command for Webhook {
    type Reply = Result<(), Refused>;
    const DOMAIN: DomainName = PAYMENT;
}

/// Sets the scheduled reconciliation going; sent at every start, does nothing if it runs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartReconciling;

impl Command for StartReconciling {
    type Reply = Result<(), Refused>;
    const DOMAIN: DomainName = PAYMENT;
}
