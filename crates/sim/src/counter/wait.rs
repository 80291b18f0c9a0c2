//! What a request can wait for, and how an answer finds its way to it.

use super::Sight;
use super::refusals::No;
use crate::clients::{Answer, Millis};
use kernel::{Command, Refused};
use parking_lot::Mutex;
use runtime::{CommandError, System};
use std::sync::Arc;

/// How a request goes on.
pub(super) enum Turn {
    /// It waits for this.
    Wait(Box<dyn Wait>),
    /// It is answered.
    Told(Answer),
}

/// Something that a request waits for.
pub(super) trait Wait {
    /// How the request goes on, once what was waited for is there; `None` until then.
    fn poll(&mut self, sight: &Sight<'_>) -> Result<Option<Turn>, No>;

    /// When the request goes on although it is not there; `None` if it is waited for without end.
    fn until(&self) -> Option<Millis> {
        None
    }

    /// Whether it will never be there.
    fn is_orphaned(&self) -> bool {
        false
    }
}

/// Where an answer will be.
pub(super) struct Slot<A>(Arc<Mutex<Option<A>>>);

impl<A: Send + 'static> Slot<A> {
    /// An empty slot, and what fills it.
    pub(super) fn new() -> (Self, impl FnOnce(A) + Send + 'static) {
        let filled = Arc::new(Mutex::new(None));
        let slot = Self(Arc::clone(&filled));
        (slot, move |answer| *filled.lock() = Some(answer))
    }

    /// What is in it.
    pub(super) fn take(&self) -> Option<A> {
        self.0.lock().take()
    }

    /// Whether it is empty and what would have filled it is gone.
    fn is_orphaned(&self) -> bool {
        Arc::strong_count(&self.0) == 1 && self.0.lock().is_none()
    }
}

/// A reply that is under way, and what follows it.
struct Reply<A, F> {
    slot: Slot<A>,
    then: Option<F>,
}

impl<A, F> Wait for Reply<A, F>
where
    A: Send + 'static,
    F: FnOnce(A, &Sight<'_>) -> Result<Turn, No>,
{
    fn poll(&mut self, sight: &Sight<'_>) -> Result<Option<Turn>, No> {
        let Some(answer) = self.slot.take() else { return Ok(None) };
        self.then.take().map(|then| then(answer, sight)).transpose()
    }

    fn is_orphaned(&self) -> bool {
        self.slot.is_orphaned()
    }
}

/// Waits for what comes into `slot`.
pub(super) fn reply<A: Send + 'static>(
    slot: Slot<A>,
    then: impl FnOnce(A, &Sight<'_>) -> Result<Turn, No> + 'static,
) -> Turn {
    Turn::Wait(Box::new(Reply { slot, then: Some(then) }))
}

/// What a domain says to a command.
pub(super) type Said<T> = Result<Result<T, Refused>, CommandError>;

/// Sends `command` to its domain, and goes on with what that says yes to.
pub(super) fn ask<T, C>(
    sight: &Sight<'_>,
    system: &System,
    command: C,
    then: impl FnOnce(T, &Sight<'_>) -> Result<Turn, No> + 'static,
) -> Turn
where
    T: Send + 'static,
    C: Command<Reply = Result<T, Refused>>,
{
    let (slot, fill) = Slot::new();
    system.send(command, sight.trace, fill);
    reply(slot, |said: Said<T>, sight| then(said??, sight))
}
