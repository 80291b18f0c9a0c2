//! The guard port: a lock, kept elsewhere, that keeps instances of one unit from fighting over the same rows. It may run out under its
//! holder, so nothing relies on it: rows are locked all the same, and what a former holder still writes is refused by the fencing
//! token ([`crate::fence`]).

use std::time::Duration;

/// Whether the lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It was taken just now: whoever held it before must not write any more.
    Taken,
    /// It has been held since it was last said to be taken.
    Kept,
    /// Somebody else holds it; ask again after this.
    Elsewhere(Duration),
    /// Nobody can say: work goes on without it.
    Away,
}

/// The lock of one database's batches, as one instance sees it.
pub trait Guard: Send + Sync {
    /// Takes it, or keeps it for another while. Called before each batch, so it must be quick.
    fn hold(&self) -> Hold;

    /// Gives it up, if it is held.
    fn release(&self);
}
