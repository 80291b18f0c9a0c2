//! What an operator looks at and does in another unit.

use crate::peer::{CallError, How, Peer};
use crate::wire::{Cell, HandleLetter, row};
use kernel::Record;
use kernel::ids::{LetterId, UserId};
use kernel::judge::letters::DeadLetter;
use runtime::CommandError;
use runtime::message::LetterOrder;
use runtime::neighbour::{CallCounts, Neighbour, UnitStatus};
use runtime::ports::store::StoreError;
use std::sync::Arc;

/// Another unit as a [`Neighbour`].
pub struct Operator(Arc<Peer>);

impl Operator {
    /// The unit that `peer` asks.
    #[must_use]
    pub fn new(peer: Arc<Peer>) -> Self {
        Self(peer)
    }
}

impl Neighbour for Operator {
    fn unit(&self) -> &str {
        self.0.unit()
    }

    fn letter(
        &self,
        database: &str,
        id: LetterId,
        order: LetterOrder,
        by: UserId,
    ) -> Result<Option<DeadLetter>, CommandError> {
        let note = match order {
            LetterOrder::Redrive => None,
            LetterOrder::Resolve(note) => Some(note),
        };
        let handle = HandleLetter { id: id.0, by: by.0, note };
        let path = format!("/internal/v1/{database}/letter");
        let away = |error: CallError| CommandError::Unavailable(database.to_owned(), error.to_string());
        let letter: Option<Vec<Cell>> = self.0.ask(&path, &handle, How::ORDER).map_err(away)?;
        let unreadable = |error: &dyn std::fmt::Display| {
            CommandError::Fault(format!("a dead letter of {database}: {error}"))
        };
        let read = |cells| {
            let row = row(cells).map_err(|fault| unreadable(&fault.detail))?;
            DeadLetter::from_row(&row).map_err(|corrupt| unreadable(&corrupt))
        };
        letter.map(read).transpose()
    }

    fn status(&self) -> Result<UnitStatus, StoreError> {
        Ok(self.0.ask("/internal/v1/status", &(), How::QUESTION)?)
    }

    fn calls(&self) -> CallCounts {
        self.0.counts()
    }
}
