//! The door of a database: where commands queue, and what wakes its loop.

use crate::message::{LetterOrder, Work};
use crate::prune::Pruning;
use kernel::domain::Withdrawn;
use kernel::ids::{LetterId, UserId};
use kernel::judge::letters::DeadLetter;
use kernel::{Command, DomainName, Trace};
use parking_lot::{Condvar, Mutex};
use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Why a command got no answer of its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The database cannot take it now; nothing was changed.
    #[error("the {0} database is not available: {1}")]
    Unavailable(String, String),
    /// Its decider failed; nothing was changed. Logged where it happened.
    #[error("internal fault: {0}")]
    Fault(String),
    /// Too many wait already; nothing was changed.
    #[error("too many requests wait at the {0} database")]
    Full(String),
}

/// Where an answer goes: called once, after commit.
pub type Reply = Box<dyn FnOnce(Result<Box<dyn Any + Send>, CommandError>) + Send>;

/// One database's door.
pub struct Door {
    name: String,
    capacity: usize,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    work: VecDeque<Work>,
    pruning: Option<Pruning>,
    woken: bool,
    closed: bool,
}

impl Door {
    /// A door that lets at most `capacity` wait.
    #[must_use]
    pub fn new(name: &str, capacity: usize) -> Arc<Self> {
        Arc::new(Self { name: name.to_owned(), capacity, queue: Mutex::default(), changed: Condvar::new() })
    }

    /// Sends a command; `on_reply` is called once, after commit or failure.
    pub fn send<C: Command>(
        &self,
        command: C,
        trace: Trace,
        on_reply: impl FnOnce(Result<C::Reply, CommandError>) + Send + 'static,
    ) {
        let reply: Reply = Box::new(move |answer| {
            on_reply(answer.and_then(|any| {
                any.downcast::<C::Reply>()
                    .map(|reply| *reply)
                    .map_err(|_| CommandError::Fault(format!("{} answered with another type", C::DOMAIN)))
            }));
        });
        self.put(
            Work::Command { domain: C::DOMAIN, body: Arc::new(command), trace, reply: Some(reply) },
            true,
        );
    }

    /// Sends a command whose answer nobody waits for. Never refused: it is the runtime's own, or an outside answer.
    pub fn tell<C: Command>(&self, command: C, trace: Trace) {
        self.put(Work::Command { domain: C::DOMAIN, body: Arc::new(command), trace, reply: None }, false);
    }

    /// Tells a domain what it gave back for a call that was withdrawn.
    pub(crate) fn tell_instead(&self, domain: DomainName, body: Withdrawn) {
        self.put(Work::Command { domain, body, trace: Trace::default(), reply: None }, false);
    }

    /// An operator handles a dead letter of this database.
    pub fn letter(
        &self,
        id: LetterId,
        order: LetterOrder,
        by: UserId,
        on_reply: impl FnOnce(Result<Option<DeadLetter>, CommandError>) + Send + 'static,
    ) {
        let reply: Reply =
            Box::new(move |answer| {
                on_reply(answer.map(|any| {
                    any.downcast::<Option<DeadLetter>>().map(|letter| *letter).unwrap_or_default()
                }));
            });
        self.put(Work::Letter { id, order, by, reply: Some(reply) }, false);
    }

    fn put(&self, work: Work, may_refuse: bool) {
        let mut queue = self.queue.lock();
        let refusal = if queue.closed {
            Some(CommandError::Unavailable(self.name.clone(), "shutting down".to_owned()))
        } else if may_refuse && queue.work.len() >= self.capacity {
            Some(CommandError::Full(self.name.clone()))
        } else {
            None
        };
        match (refusal, work) {
            (None, work) => {
                queue.work.push_back(work);
                drop(queue);
                self.changed.notify_one();
            }
            (
                Some(error),
                Work::Command { reply: Some(reply), .. } | Work::Letter { reply: Some(reply), .. },
            ) => {
                drop(queue);
                reply(Err(error));
            }
            (Some(_), _) => {}
        }
    }

    /// Tells the loop what it may prune; it does so between batches.
    pub fn prune(&self, pruning: Pruning) {
        let mut queue = self.queue.lock();
        queue.pruning = Some(pruning);
        queue.woken = true;
        drop(queue);
        self.changed.notify_one();
    }

    /// What may be pruned, if something new may.
    pub fn take_pruning(&self) -> Option<Pruning> {
        self.queue.lock().pruning.take()
    }

    /// Something happened that the loop should look at.
    pub fn wake(&self) {
        self.queue.lock().woken = true;
        self.changed.notify_one();
    }

    /// Takes at most `cap` of what waits.
    pub fn take(&self, cap: usize) -> Vec<Work> {
        let mut queue = self.queue.lock();
        queue.woken = false;
        let count = queue.work.len().min(cap);
        queue.work.drain(..count).collect()
    }

    /// Waits until something waits, someone wakes it, or `at_most` has passed (`None`: for ever).
    pub fn wait(&self, at_most: Option<Duration>) {
        let mut queue = self.queue.lock();
        let mut quiet = |queue: &mut Queue| queue.work.is_empty() && !queue.woken && !queue.closed;
        match at_most {
            Some(limit) => {
                self.changed.wait_while_for(&mut queue, &mut quiet, limit);
            }
            None => self.changed.wait_while(&mut queue, &mut quiet),
        }
    }

    /// Takes nothing more; what waits is still decided.
    pub fn close(&self) {
        self.queue.lock().closed = true;
        self.changed.notify_all();
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.queue.lock().closed
    }

    /// How much waits.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.queue.lock().work.len()
    }
}
