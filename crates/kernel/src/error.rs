//! Refusals (answers) and decide errors (faults). Neither knows HTTP.

use crate::table::Corrupt;

/// What kind of refusal: one file in the HTTP crate maps these to statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There is no such thing, or it is not the caller's.
    NotFound,
    /// It clashes with what is there.
    Conflict,
    /// A field's value cannot be taken.
    Invalid,
    /// The caller's version is not the current one.
    Stale,
    /// The caller's credentials are wrong.
    Unauthorized,
}

/// A decider's "no" to a command: an answer, stable by its code; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Refused {
    /// The kind of refusal.
    pub kind: Kind,
    /// A stable code such as `COUPON_SOLD_OUT`.
    pub code: &'static str,
    /// One sentence for people.
    pub detail: String,
    /// JSON pointer of the field at fault, if one is.
    pub pointer: Option<&'static str>,
}

impl Refused {
    /// A refusal of `kind` with a stable `code`.
    pub fn new(kind: Kind, code: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, code, detail: detail.into(), pointer: None }
    }

    /// No such thing (or not the caller's).
    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, "NOT_FOUND", format!("no such {what}"))
    }

    /// The field at `pointer` cannot be taken.
    pub fn invalid(pointer: &'static str, code: &'static str, detail: impl Into<String>) -> Self {
        Self { kind: Kind::Invalid, code, detail: detail.into(), pointer: Some(pointer) }
    }

    /// It clashes with what is there.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, code, detail)
    }
}

/// A decider could not decide: a fault, not an answer. The message's changes are discarded and it becomes a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecideError {
    /// A row does not read as what its table says.
    #[error("table {table}: {corrupt}")]
    Corrupt {
        /// The table's name.
        table: &'static str,
        /// What was found.
        corrupt: Corrupt,
    },
    /// The decider looked at a row that it had not named among its keys.
    #[error("row of table {0} was not loaded: the decider's keys do not name it")]
    NotLoaded(&'static str),
    /// A pair of state and message that cannot happen.
    #[error("cannot happen: {0}")]
    Impossible(String),
    /// Arithmetic left the range of money.
    #[error(transparent)]
    OutOfRange(#[from] crate::money::OutOfRange),
    /// A stored document does not read.
    #[error("unreadable document: {0}")]
    Document(String),
}

impl From<serde_json::Error> for DecideError {
    fn from(error: serde_json::Error) -> Self {
        Self::Document(error.to_string())
    }
}

/// Why the decision of a command stops before its change: an answer or a fault. `?` takes either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The caller is told no.
    Refused(Refused),
    /// It could not be decided.
    Fault(DecideError),
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<DecideError> for Stop {
    fn from(fault: DecideError) -> Self {
        Self::Fault(fault)
    }
}
