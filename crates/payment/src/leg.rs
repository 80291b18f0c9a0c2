//! A leg: one PG charge and its possible cancel. One machine serves the payments of orders and top-ups.
//!
//! ```text
//!  Charging ──approved──────────────► Charged ──undo──► Cancelling ──cancelled──► Cancelled
//!   │  ▲  └─declined► Declined           ▲                │  ▲  └─refused, budget spent► CancelRefused
//!   │  └──not found, still wanted──┐     │         unknown│  │still approved
//!   └─unknown─────────────────► Asking ──┘                ▼  │
//!                                  └─not found, settled► NotCharged     AskingCancel
//! ```
//!
//! Declined, NotCharged and Cancelled hold no money; should the PG's book show an approved charge under their key after
//! all, it is a stray and is cancelled. Resolved was ended by an operator's note.
//!
//! The machine sees no rows but its own: [`step`] takes a leg and an event, and returns the leg and effects. Whether the
//! saga still asks for the charge is told to it ([`Moment::wanted`]).

mod book;
mod cancelling;
mod charging;
mod step;

pub use step::{begin, step};

use crate::gateway::{PgAnswer, PgRequest};
use crate::letters::OpenLetter;
use crate::policy::PaymentPolicy;
use kernel::ids::{SagaId, UserId};
use kernel::judge::letters::{DeadLetter, LetterKind};
use kernel::plan::CardToken;
use kernel::{Currency, Json, Money, Reason, Step, Timestamp, Trace, record, text_enum};
use smol_str::SmolStr;
use uuid::Uuid;

text_enum! {
    /// Where a leg stands.
    pub enum LegState {
        /// A charge call is out, or nothing was ever sent and it waits to be.
        Charging = "CHARGING",
        /// A charge may have been sent and its outcome is not known: the PG is asked.
        Asking = "ASKING",
        /// The money is held.
        Charged = "CHARGED",
        /// The PG refused the card.
        Declined = "DECLINED",
        /// The PG has no charge, and will have none.
        NotCharged = "NOT_CHARGED",
        /// A cancel call is out, or waits to be sent again.
        Cancelling = "CANCELLING",
        /// A cancel may have been sent and its outcome is not known: the PG is asked.
        AskingCancel = "ASKING_CANCEL",
        /// The PG keeps refusing to cancel: an operator is asked, and the PG's book is watched.
        CancelRefused = "CANCEL_REFUSED",
        /// The money was given back.
        Cancelled = "CANCELLED",
        /// Ended by an operator's note.
        Resolved = "RESOLVED",
    }
}

impl LegState {
    /// Nothing more will happen by itself.
    #[must_use]
    pub fn is_at_rest(self) -> bool {
        match self {
            Self::Charged | Self::Declined | Self::NotCharged | Self::Cancelled | Self::Resolved => true,
            Self::Charging | Self::Asking | Self::Cancelling | Self::AskingCancel | Self::CancelRefused => {
                false
            }
        }
    }
}

record! {
    /// One PG charge and its possible cancel.
    pub struct Leg in "pg_legs" key 2 {
        /// The order or top-up.
        pub saga: SagaId,
        /// `payment` (an order's) or `charge` (a top-up's).
        pub step: Step,
        /// The payment's or top-up's id: as text it is the PG's idempotency key, the only one this leg ever uses.
        pub pg_key: Uuid,
        /// Whose money.
        pub user_id: UserId,
        /// What is charged (> 0).
        pub amount: Money,
        /// Its currency.
        pub currency: Currency,
        /// Points paid beside the card, for the payment row.
        pub points: Money,
        /// Discount, for the payment row.
        pub discount: Money,
        /// The card; forgotten as soon as no charge can be sent any more.
        pub card: Option<CardToken>,
        /// The trace that caused it.
        pub trace: Trace,
        /// Where it stands.
        pub state: LegState,
        /// It is being cancelled although no saga waits for it.
        pub stray: bool,
        /// The PG's transaction, once known.
        pub transaction: Option<SmolStr>,
        /// Calls made so far; the last one's number. An answer with another number is late or doubled.
        pub attempts: u32,
        /// Calls made in this phase (charge or cancel): what the backoff counts.
        pub tries: u32,
        /// A call is out.
        pub calling: bool,
        /// Some charge call may have reached the PG.
        pub maybe_sent: bool,
        /// This phase's budget is spent: from now on slowly.
        pub spent: bool,
        /// When the intent was committed and the first charge asked for.
        pub first_sent_at: Timestamp,
        /// When the last charge was asked for.
        pub last_sent_at: Timestamp,
        /// When the last call of any kind was asked for.
        pub called_at: Timestamp,
        /// When this phase began, or was redriven.
        pub phase_at: Timestamp,
        /// When it last changed.
        pub updated_at: Timestamp,
        /// Why it is cancelled, for the PG's book.
        pub undo_reason: Option<SmolStr>,
        /// The timer.
        pub next_at: Option<Timestamp>,
        /// What went wrong last.
        pub error: Option<SmolStr>,
        /// The dead letter that stands for it.
        pub letter: Option<Json<OpenLetter>>,
    }
    index "pg_legs_due" (next_at);
}

impl Leg {
    /// The PG's idempotency key.
    #[must_use]
    pub fn key(&self) -> String {
        self.pg_key.to_string()
    }
}

/// What a leg begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The order or top-up.
    pub saga: SagaId,
    /// `payment` or `charge`.
    pub step: Step,
    /// The payment's or top-up's id.
    pub pg_key: Uuid,
    /// Whose money.
    pub user_id: UserId,
    /// What is charged (> 0).
    pub amount: Money,
    /// Its currency.
    pub currency: Currency,
    /// Points paid beside the card.
    pub points: Money,
    /// Discount.
    pub discount: Money,
    /// The card.
    pub card: CardToken,
    /// The trace that caused it.
    pub trace: Trace,
}

/// What a leg is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegEvent {
    /// A call of this leg was answered.
    Answered {
        /// The call's number.
        attempt: u32,
        /// Its answer.
        answer: PgAnswer,
    },
    /// Someone else looked the charge up (webhook, reconciliation).
    Seen {
        /// When the look was asked for: what the leg did since then, the look may not show.
        asked_at: Timestamp,
        /// What was seen.
        answer: PgAnswer,
    },
    /// Its timer passed.
    Due,
    /// The charge is to be given back.
    Undo {
        /// Why, for the PG's book.
        reason: SmolStr,
        /// No saga waits for it.
        stray: bool,
    },
    /// An operator has its dead letter tried again.
    Redriven(Box<DeadLetter>),
    /// An operator ended its dead letter by a note.
    Resolved(Box<DeadLetter>),
}

/// What a leg asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegEffect {
    /// Make this call after commit; its number is the leg's `attempts`.
    Call(PgRequest),
    /// The money is held.
    Took,
    /// Nothing was taken, and why.
    NotTaken(Reason),
    /// The money was given back.
    Undone,
    /// An operator declared the cancel done.
    UndoneByNote,
    /// A charge turned up that nobody asks for: it is being cancelled.
    Stray,
    /// Raise a dead letter with an alert.
    Letter {
        /// What kind of thing.
        kind: LetterKind,
        /// What went wrong.
        error: SmolStr,
    },
    /// What this letter stood for went through.
    CloseLetter(OpenLetter),
    /// An operator must know.
    Alert(String),
}

/// What a leg is decided by besides itself and the event.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// The time of the batch.
    pub now: Timestamp,
    /// The inbox row still asks for the charge: it is pending, and not to be undone.
    pub wanted: bool,
    /// How patient to be.
    pub policy: &'a PaymentPolicy,
}

/// A leg after an event, and what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The leg.
    pub leg: Leg,
    /// What it asks for, in order.
    pub effects: Vec<LegEffect>,
}
