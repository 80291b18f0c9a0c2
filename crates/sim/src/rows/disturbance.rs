//! What may happen to a session and its calls: faults, and others that work in between.

use super::SessionId;
use kernel::table::Table;
use runtime::ports::store::{Intent, Position, StoreError};

/// A call of a session or a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Begins a transaction.
    Begin,
    /// Loads rows of this table within it.
    Load(&'static Table),
    /// Commits it.
    Commit,
    /// Asks what became of the commit.
    Settle,
    /// Prunes the log.
    PruneLog,
    /// Starts a new epoch.
    NewEpoch,
    /// Reads committed rows of this table.
    Read(&'static Table),
    /// Reads the log or its state, or takes a snapshot.
    ReadLog,
}

/// How a call goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does nothing and fails so.
    Fails(StoreError),
    /// The session's transaction is lost before it.
    LosesSession,
    /// It is done, where it changes anything for good, and fails all the same.
    LosesAnswer,
}

/// A moment in the middle of a session's call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A transaction has begun; it has seen nothing yet.
    Begun,
    /// Rows were loaded and their locks taken.
    Loaded {
        /// Of which table.
        table: &'static Table,
        /// What for.
        intent: Intent,
    },
    /// Everything is written and its log positions are given; nobody else sees any of it yet.
    Committing {
        /// The first of its positions, or where the next would stand.
        first: Position,
    },
    /// All of it is visible; whoever asked for the commit does not know yet.
    Committed,
}

/// What disturbs sessions: a simulator decides here what goes wrong, and lets other sessions work. Called without any of this
/// module's locks held, so that it may do whatever it likes to the same database.
pub trait Disturbance: Send + Sync {
    /// How this call goes wrong, if it does.
    fn fault(&self, _call: &Call) -> Option<Fault> {
        None
    }

    /// `session` is in the middle of a call.
    fn between(&self, _session: SessionId, _moment: &Moment) {}
}

/// Nothing happens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calm;

impl Disturbance for Calm {}

/// What the client of a lost session gets.
pub(super) fn lost() -> StoreError {
    StoreError::Retry("the connection was lost".to_owned())
}
