//! The lock that keeps instances of one unit from fighting over the same rows: a key in Redis that runs out, under a random value that
//! only its holder knows.
//!
//! Redis is asked by a thread of the lock's own, over a connection of its own: whoever wants to hold it waits for a moment at most, and goes
//! on without it if Redis does not answer. While it is held it is asked for again only now and then; then it gives way, too, if another
//! instance wants it, so that neither starves. It may run out under its holder: the fencing token in the database makes that harmless
//! (`runtime::fence`).

use crate::link::Line;
use crate::target::Target;
use parking_lot::Mutex;
use redis::{RedisError, RedisResult, Script};
use runtime::ports::clock::Clock;
use runtime::ports::guard::{Guard, Hold};
use shop::aids::Aid;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// How long whoever wants the lock waits for Redis.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long Redis may take for an answer before its connection is given up.
const TIMEOUT: Duration = Duration::from_millis(500);
/// How often a Redis that is away is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a lock is held before it is asked for again, and given to who wants it.
const TURN: Duration = Duration::from_millis(100);
/// How long whoever gave way keeps away.
const PAUSE: Duration = Duration::from_millis(20);
/// How long whoever finds the lock held waits before asking again.
const AGAIN: Duration = Duration::from_millis(10);

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take.lua")));
static EXTEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("extend.lua")));
static RELEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("release.lua")));

/// A lock in Redis, as one instance sees it.
pub struct RedisGuard {
    view: Mutex<View>,
    errands: Sender<Errand>,
    trouble: Trouble,
    clock: Arc<dyn Clock>,
    ttl: Duration,
}

/// Why Redis does not answer at the moment.
type Trouble = Arc<Mutex<Option<String>>>;

/// What this instance knows of the lock; times are the monotonic clock's.
#[derive(Default)]
struct View {
    held: Option<Held>,
    /// It is not asked for before this.
    not_before: Duration,
}

struct Held {
    value: String,
    /// Until then it is believed to be held.
    ask_at: Duration,
    /// Whether work went on without it since: if it is still there, it counts as taken anew.
    has_lapsed: bool,
}

/// What the thread is asked to do.
enum Errand {
    /// Take the lock under a value.
    Take(String, Sender<Taking>),
    /// Keep it.
    Extend(String, Sender<Keeping>),
    /// Give it up.
    Release(String),
}

enum Taking {
    Taken,
    /// Somebody else holds it, at most for so long.
    Elsewhere(Duration),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeping {
    Kept,
    GaveWay,
    Lost,
}

impl RedisGuard {
    /// The lock called `name` at `target`; it runs out `ttl` after it was taken or kept last. Nothing is asked yet.
    ///
    /// # Errors
    /// If a thread cannot be made.
    pub fn new(target: Target, name: &str, ttl: Duration, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let (errands, waiting) = channel();
        let trouble = Trouble::default();
        // One hash tag, so that a cluster keeps lock and mark together.
        let key = format!("{{jumun-guard:{name}}}");
        let runner = Runner {
            line: Line::new(target, TIMEOUT),
            wanted: format!("{key}:wanted"),
            key,
            ttl,
            orphans: Vec::new(),
            trouble: Arc::clone(&trouble),
        };
        std::thread::Builder::new().name(format!("lock {name}")).spawn(move || runner.run(&waiting))?;
        Ok(Self { view: Mutex::default(), errands, trouble, clock, ttl })
    }

    /// Has the thread do it, and waits for a moment; `None` if Redis does not answer.
    fn ask<T>(&self, errand: impl FnOnce(Sender<T>) -> Errand) -> Option<T> {
        // The thread looks for a Redis that is away by itself.
        if self.trouble.lock().is_some() {
            return None;
        }
        let (answer, answered) = channel();
        self.errands.send(errand(answer)).ok()?;
        answered.recv_timeout(PATIENCE).ok()
    }

    fn next_turn(&self, now: Duration) -> Duration {
        now + TURN.min(self.ttl / 3)
    }

    fn take(&self, view: &mut View, now: Duration) -> Hold {
        let value = format!("{:032x}", rand::random::<u128>());
        match self.ask(|answer| Errand::Take(value.clone(), answer)) {
            Some(Taking::Taken) => {
                view.held = Some(Held { value, ask_at: self.next_turn(now), has_lapsed: false });
                Hold::Taken
            }
            Some(Taking::Elsewhere(at_most)) => {
                let wait = at_most.clamp(Duration::from_millis(1), AGAIN);
                view.not_before = now + wait;
                Hold::Elsewhere(wait)
            }
            None => Hold::Away,
        }
    }
}

impl Guard for RedisGuard {
    fn hold(&self) -> Hold {
        let now = self.clock.elapsed();
        let mut view = self.view.lock();
        if now < view.not_before {
            return Hold::Elsewhere(view.not_before - now);
        }
        let Some(held) = view.held.take() else { return self.take(&mut view, now) };
        if now < held.ask_at {
            view.held = Some(held);
            return Hold::Kept;
        }
        match self.ask(|answer| Errand::Extend(held.value.clone(), answer)) {
            Some(Keeping::Kept) => {
                let hold = if held.has_lapsed { Hold::Taken } else { Hold::Kept };
                view.held = Some(Held { ask_at: self.next_turn(now), has_lapsed: false, ..held });
                hold
            }
            Some(Keeping::GaveWay) => {
                view.not_before = now + PAUSE;
                Hold::Elsewhere(PAUSE)
            }
            Some(Keeping::Lost) => self.take(&mut view, now),
            None => {
                view.held = Some(Held { ask_at: now, has_lapsed: true, ..held });
                Hold::Away
            }
        }
    }

    fn release(&self) {
        if let Some(held) = self.view.lock().held.take() {
            // If the thread is gone, the lock runs out.
            let _ = self.errands.send(Errand::Release(held.value));
        }
    }
}

impl Aid for RedisGuard {
    fn name(&self) -> &'static str {
        "lock in Redis"
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }
}

/// The thread that asks Redis.
struct Runner {
    line: Line,
    key: String,
    wanted: String,
    ttl: Duration,
    /// Values under which the lock may have been taken although the answer never came.
    orphans: Vec<String>,
    trouble: Trouble,
}

impl Runner {
    /// Until nobody is left who could ask.
    fn run(mut self, errands: &Receiver<Errand>) {
        loop {
            let outcome = match errands.recv_timeout(LOOK_EVERY) {
                Ok(errand) => self.perform(errand),
                Err(RecvTimeoutError::Timeout) if self.trouble.lock().is_some() => {
                    self.line.ask(|link| redis::cmd("PING").exec(link)).and_then(|()| self.give_up_orphans())
                }
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.note(outcome.err());
        }
    }

    fn note(&self, error: Option<RedisError>) {
        let mut trouble = self.trouble.lock();
        match (&error, trouble.is_some()) {
            (Some(error), false) => {
                tracing::warn!(lock = self.key, %error, "the lock in Redis cannot be asked for; row locks alone do");
            }
            (None, true) => tracing::info!(lock = self.key, "the lock in Redis can be asked for again"),
            (Some(_), true) | (None, false) => {}
        }
        *trouble = error.map(|error| error.to_string());
    }

    fn perform(&mut self, errand: Errand) -> RedisResult<()> {
        self.give_up_orphans()?;
        match errand {
            Errand::Take(value, answer) => {
                let taking = self.take(&value).inspect_err(|_| self.orphans.push(value.clone()))?;
                let is_taken = matches!(taking, Taking::Taken);
                // Who asked has gone on without it: then nobody holds it.
                if answer.send(taking).is_err() && is_taken {
                    self.release(&value)?;
                }
                Ok(())
            }
            Errand::Extend(value, answer) => {
                let keeping = self.extend(&value)?;
                if answer.send(keeping).is_err() && keeping == Keeping::Kept {
                    self.release(&value)?;
                }
                Ok(())
            }
            Errand::Release(value) => self.release(&value),
        }
    }

    fn give_up_orphans(&mut self) -> RedisResult<()> {
        while let Some(value) = self.orphans.pop() {
            if let Err(error) = self.release(&value) {
                self.orphans.push(value);
                return Err(error);
            }
        }
        Ok(())
    }

    fn take(&mut self, value: &str) -> RedisResult<Taking> {
        let mut call = TAKE.key(&self.key);
        call.key(&self.wanted).arg(value).arg(ms(self.ttl)).arg(ms(TURN * 2));
        let held_for: i64 = self.line.ask(|link| call.invoke(link))?;
        let held_for = u64::try_from(held_for).map(Duration::from_millis);
        Ok(held_for.map_or(Taking::Taken, Taking::Elsewhere))
    }

    fn extend(&mut self, value: &str) -> RedisResult<Keeping> {
        let mut call = EXTEND.key(&self.key);
        call.key(&self.wanted).arg(value).arg(ms(self.ttl));
        let answer: i64 = self.line.ask(|link| call.invoke(link))?;
        Ok(match answer {
            1 => Keeping::Kept,
            2 => Keeping::GaveWay,
            _ => Keeping::Lost,
        })
    }

    fn release(&mut self, value: &str) -> RedisResult<()> {
        let mut call = RELEASE.key(&self.key);
        call.arg(value);
        self.line.ask(|link| call.invoke::<i64>(link)).map(drop)
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
