//! Dead letters: what could not go on by itself, kept for an operator to redrive or resolve.

use crate::ids::LetterId;
use crate::names::{DomainName, Step};
use crate::time::Timestamp;
use crate::{record, text_enum};
use smol_str::SmolStr;
use uuid::Uuid;

text_enum! {
    /// Where a dead letter stands.
    pub enum LetterStatus {
        /// Waits for an operator.
        Open = "OPEN",
        /// Tried again; what it stood for went through.
        Redriven = "REDRIVEN",
        /// Ended by a note.
        Resolved = "RESOLVED",
    }
}

text_enum! {
    /// What kind of thing could not go on.
    pub enum LetterKind {
        /// A message whose decider failed.
        Poison = "POISON",
        /// A message of a saga older than the horizon.
        Pruned = "PRUNED",
        /// A compensation whose budget is spent.
        Compensation = "COMPENSATION",
        /// A payment whose outcome stays unknown, or whose cancel is refused.
        Payment = "PAYMENT",
        /// A delivery that was not taken.
        Delivery = "DELIVERY",
        /// A charge in the PG's book that no payment knows.
        Reconciliation = "RECONCILIATION",
    }
}

record! {
    /// One dead letter.
    pub struct DeadLetter in "dead_letters" key 1 {
        /// Its id.
        pub id: LetterId,
        /// Whose.
        pub domain: DomainName,
        /// The order (or top-up) it belongs to.
        pub order_id: Option<Uuid>,
        /// The step it belongs to.
        pub step: Option<Step>,
        /// What kind of thing.
        pub kind: LetterKind,
        /// What went wrong, without secrets.
        pub error: SmolStr,
        /// How often it was tried.
        pub attempts: i64,
        /// When it was raised.
        pub first_at: Timestamp,
        /// When it was last tried.
        pub last_at: Timestamp,
        /// Where it stands.
        pub status: LetterStatus,
        /// The message itself, where one was set aside (JSON of what the runtime needs to decide it again).
        pub message: Option<SmolStr>,
        /// The operator's note.
        pub note: Option<SmolStr>,
        /// The operator who redrove or resolved it.
        pub handled_by: Option<Uuid>,
    }
    index "dead_letters_by_order" (order_id);
}
