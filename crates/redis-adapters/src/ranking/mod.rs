//! Best sellers in Redis: a sorted set a day, and a window by union of its days.
//!
//! The copy follows the log of the orders, of which each final word is said once. One script adds what some rows change and moves the position
//! that they end at, so a row that comes again has no second effect, and a Redis that lost its last moments is told them again. Where
//! its position is missing (flushed, never filled), or its log goes on without what it missed (pruned, another epoch), a new *generation*
//! is built beside the old one from the book in the database, follows the log as far as it goes, and then answers instead.
//!
//! All keys share the hash tag `{jumun-ranking}`, so that a cluster keeps them together: `…:current` names the generation that answers;
//! `…:g:NAME` is a hash of the positions it stands at; `…:g:NAME:DAY` is the sorted set of a day (since 1970-01-01), in which a member is
//! `product id/SKU` and the score is what was sold *below* zero, so that the best come first and ties come by product, as in the book.

mod copy;
mod follower;
mod source;
mod view;

pub use copy::Trouble;
pub use follower::{Follower, Following, Stepped};
pub use source::Source;
pub use view::View;
