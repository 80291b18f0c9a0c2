//! What can happen next in a small world.

use crate::outside::Reply;
use crate::state::{Call, Parcel};
use crate::view::{Letter, Timer};
use kernel::ids::LetterId;
use smallvec::SmallVec;
use std::sync::Arc;

/// One step of the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A database takes these in, in one transaction.
    Work(usize, SmallVec<[Item; 2]>),
    /// A database takes this in, and it will come again.
    Twice(Arc<Parcel>),
    /// A message does not arrive.
    Lose(Arc<Parcel>),
    /// The participants' books are looked at for this inquiry.
    Look(Arc<Call>),
    /// A client polls an order: the participants' books are looked at.
    Poll(usize),
    /// The PG books a charge for this order that it had said it did not know.
    Stray(usize),
    /// A database's process dies and comes back.
    Crash(usize),
}

/// One thing that a database takes in.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A client's order.
    Place(usize),
    /// A client's cancel.
    Cancel(usize),
    /// A log row of another database.
    Parcel(Arc<Parcel>),
    /// The end of a call.
    Answer(Arc<Call>, Reply),
    /// What its own process tells it.
    Told(Arc<Call>),
    /// A timer.
    Due(Arc<Timer>),
    /// The PG says that something became of an order's charge.
    Webhook(usize),
    /// An operator redrives this dead letter, of this order.
    Redrive(LetterId, usize),
}

impl Action {
    /// A database takes one thing in.
    #[must_use]
    pub fn work(home: usize, item: Item) -> Self {
        Self::Work(home, SmallVec::from_iter([item]))
    }

    /// What is taken in, if something is.
    #[must_use]
    pub fn items(&self) -> SmallVec<[Item; 2]> {
        match self {
            Self::Work(_, items) => items.clone(),
            Self::Twice(parcel) => SmallVec::from_iter([Item::Parcel(Arc::clone(parcel))]),
            Self::Lose(_) | Self::Look(_) | Self::Poll(_) | Self::Stray(_) | Self::Crash(_) => {
                SmallVec::new()
            }
        }
    }
}

impl Item {
    /// An operator's redrive.
    #[must_use]
    pub fn redrive(letter: &Letter) -> Self {
        Self::Redrive(letter.id, letter.about)
    }

    /// Whether both can happen: two endings of one call exclude each other, and so do two things that use up the same allowance.
    #[must_use]
    pub fn goes_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cancel(_), Self::Cancel(_)) => false,
            (Self::Answer(a, first), Self::Answer(b, second)) => {
                a != b && !(first.is_silence() && second.is_silence())
            }
            _ => true,
        }
    }

    /// The order it is about.
    #[must_use]
    pub fn about(&self) -> usize {
        match self {
            Self::Place(order) | Self::Cancel(order) | Self::Webhook(order) | Self::Redrive(_, order) => {
                *order
            }
            Self::Parcel(parcel) => parcel.about,
            Self::Answer(call, _) | Self::Told(call) => call.about,
            Self::Due(timer) => timer.about,
        }
    }
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.entry.events.iter().map(|event| event.said.name())).finish()
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.what)
    }
}
