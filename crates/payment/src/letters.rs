//! The dead letter that a leg or a top-up stands behind, kept with it: it closes by itself when what it stood for goes
//! through, without having to be read.

use crate::PAYMENT;
use kernel::ids::{LetterId, SagaId};
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use kernel::{Cx, Step, WorkingSet};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use uuid::Uuid;

/// An open dead letter, as its owner remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenLetter {
    /// Its id.
    pub id: LetterId,
    /// What kind of thing.
    pub kind: LetterKind,
    /// What went wrong.
    pub error: SmolStr,
    /// How often it was tried.
    pub attempts: i64,
    /// When it was raised.
    pub first_at: kernel::Timestamp,
    /// The operator who redrove it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_by: Option<Uuid>,
}

impl OpenLetter {
    /// The same letter as an operator hands it back: with who redrove it, and how often.
    #[must_use]
    pub fn handed_back(letter: &DeadLetter) -> Self {
        Self {
            id: letter.id,
            kind: letter.kind,
            error: letter.error.clone(),
            attempts: letter.attempts,
            first_at: letter.first_at,
            handled_by: letter.handled_by,
        }
    }

    fn row(&self, about: &About<'_>, status: LetterStatus, cx: &Cx<'_>) -> DeadLetter {
        DeadLetter {
            id: self.id,
            domain: PAYMENT,
            order_id: about.saga.map(|saga| saga.0),
            step: about.step.cloned(),
            kind: self.kind,
            error: self.error.clone(),
            attempts: self.attempts,
            first_at: self.first_at,
            last_at: cx.now,
            status,
            message: None,
            note: None,
            handled_by: self.handled_by,
        }
    }
}

/// What a letter is about.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) saga: Option<SagaId>,
    pub(crate) step: Option<&'a Step>,
}

/// Raises a letter with an alert; a letter that was redriven in vain is raised again under its id.
pub(crate) fn raise(
    before: Option<OpenLetter>,
    about: About<'_>,
    kind: LetterKind,
    error: &str,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> OpenLetter {
    let letter = match before {
        Some(before) => OpenLetter { kind, error: SmolStr::new(error), ..before },
        None => OpenLetter {
            id: LetterId(cx.ids.next()),
            kind,
            error: SmolStr::new(error),
            attempts: 1,
            first_at: cx.now,
            handled_by: None,
        },
    };
    state.put(&letter.row(&about, LetterStatus::Open, cx));
    cx.alert(alert_kind(kind), about.saga, error);
    letter
}

/// Closes a letter: what it stood for went through.
pub(crate) fn close(letter: &OpenLetter, about: About<'_>, state: &mut WorkingSet, cx: &Cx<'_>) {
    state.put(&letter.row(&about, LetterStatus::Redriven, cx));
}

fn alert_kind(kind: LetterKind) -> &'static str {
    match kind {
        LetterKind::Payment => "payment_unknown",
        LetterKind::Compensation => "payment_cancel_stuck",
        LetterKind::Reconciliation => "payment_books_differ",
        LetterKind::Poison | LetterKind::Pruned | LetterKind::Delivery => "payment_dead_letter",
    }
}
