//! The loop around one database: gather, decide and commit, hand on, wait. One thread per database, or one step at a time
//! under a simulator.

mod cursors;
mod look;
mod source;

use crate::clock_guard::{ClockGuard, Sighting};
use crate::door::{CommandError, Door};
use crate::feed::Feed;
use crate::fence::Token;
use crate::message::Work;
use crate::ports::clock::Clock;
use crate::ports::guard::{Guard, Hold};
use crate::ports::outside::Outside;
use crate::ports::store::{Reader, Store, StoreError};
use crate::progress::Progress;
use crate::prune::{self, Pruning};
use crate::system::{Counts, Signals};
use crate::tail::Tail;
use crate::timers::Timers;
use crate::turn::{DueRow, Engine, Failed, Turn};
use kernel::time::Backoff;
use kernel::{DomainName, Timestamp};
use rustc_hash::FxHashSet;
use smol_str::SmolStr;
use source::Source;

pub(crate) use source::ahead;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How a loop is set.
#[derive(Clone, Copy, Debug)]
pub struct WorkerConfig {
    /// The most messages in one batch: so that units overlap instead of passing one convoy along.
    pub batch_cap: usize,
    /// How far ahead timers are set; later ones are found when this has passed.
    pub timer_reach: Duration,
    /// How often the database is looked at for what another instance of its unit has left: timers that nobody else knows any more.
    /// Where there is only one instance this need not be more often than timers reach.
    pub look_every: Duration,
    /// How often its log is looked at for rows that another instance has committed: followers and clients here wait for them. `None`
    /// where there is no other instance.
    pub listen_every: Option<Duration>,
    /// Waits between runs of a batch that the store could not take.
    pub retry: Backoff,
    /// After how many runs those who wait for an answer are told.
    pub patience: u32,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            batch_cap: 250,
            timer_reach: Duration::from_secs(3_600),
            look_every: Duration::from_secs(3_600),
            listen_every: None,
            retry: Backoff { first: Duration::from_millis(10), cap: Duration::from_secs(2) },
            patience: 4,
        }
    }
}

/// What one step of the loop came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stepped {
    /// It worked; there may be more.
    Worked,
    /// Nothing to do until woken, or until this much monotonic time has passed.
    Idle(Option<Duration>),
}

/// One database's loop.
pub struct Worker {
    name: SmolStr,
    engine: Engine,
    store: Box<dyn Store>,
    door: Arc<Door>,
    tail: Arc<Tail>,
    sources: Vec<Source>,
    timers: Timers,
    /// The tables whose rows wait for a date, not for a deadline.
    dates: FxHashSet<&'static str>,
    clock: Arc<dyn Clock>,
    outside: BTreeMap<DomainName, Arc<dyn Outside>>,
    signals: Arc<Signals>,
    progress: Arc<Progress>,
    reader: Arc<dyn Reader>,
    guard: Option<Arc<dyn Guard>>,
    config: WorkerConfig,
    clocks: ClockGuard,
    /// Batches gathered but not yet committed, oldest first; more than one after a bisection.
    pending: VecDeque<Vec<Work>>,
    /// What the first of them leaves to do if its last run was committed, which is not known yet.
    unsettled: Option<Box<Turn>>,
    failures: u32,
    /// When the database is looked at again.
    look_at: Duration,
    listen_at: Option<Duration>,
    save_at: Duration,
    /// Whether a followed log is refused, and an operator was told.
    is_deaf: bool,
    pruning: Option<Pruning>,
}

/// What a worker is made of.
pub struct WorkerParts {
    /// The deciding half.
    pub engine: Engine,
    /// The database.
    pub store: Box<dyn Store>,
    /// Its reading side.
    pub reader: Arc<dyn Reader>,
    /// Its door.
    pub door: Arc<Door>,
    /// Its log as others follow it.
    pub tail: Arc<Tail>,
    /// The logs that it follows.
    pub follows: Vec<Arc<dyn Feed>>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Who performs the outside calls of which domain.
    pub outside: BTreeMap<DomainName, Arc<dyn Outside>>,
    /// Where counts and alerts go.
    pub signals: Arc<Signals>,
    /// Where its progress through other logs is shown.
    pub progress: Arc<Progress>,
    /// The lock of its batches, where several instances share the database.
    pub guard: Option<Arc<dyn Guard>>,
    /// Settings.
    pub config: WorkerConfig,
}

impl Worker {
    /// A worker, its cursors read and its timers set.
    ///
    /// # Errors
    /// If the database cannot be read, or a followed log ends before this database's cursor (a restored backup).
    pub fn new(parts: WorkerParts) -> Result<Self, StoreError> {
        let name = SmolStr::new(parts.tail.name());
        let mut sources = Vec::new();
        for feed in parts.follows {
            feed.follow(Arc::clone(&parts.door));
            sources.push(Source::open(&name, feed, parts.reader.as_ref())?);
        }
        let due = parts.engine.domains().iter().flat_map(|domain| domain.due());
        let dates = due.filter(|due| !due.bounded).map(|due| due.table.name).collect();
        let mut worker = Self {
            name,
            dates,
            engine: parts.engine,
            store: parts.store,
            door: parts.door,
            tail: parts.tail,
            sources,
            timers: Timers::default(),
            clock: parts.clock,
            outside: parts.outside,
            signals: parts.signals,
            progress: parts.progress,
            reader: parts.reader,
            guard: parts.guard,
            config: parts.config,
            clocks: ClockGuard::default(),
            pending: VecDeque::new(),
            unsettled: None,
            failures: 0,
            look_at: Duration::ZERO,
            listen_at: None,
            save_at: Duration::ZERO,
            is_deaf: false,
            pruning: None,
        };
        if let Some(horizon) = prune::stored_horizon(worker.reader.as_ref())? {
            worker.engine.set_horizon(horizon);
        }
        worker.show_stored();
        worker.look()?;
        Ok(worker)
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs until the door is closed and nothing waits behind it.
    pub fn run(mut self) {
        let mut tries = self.config.patience;
        loop {
            match self.step() {
                Stepped::Worked => {}
                Stepped::Idle(wait) if !self.door.is_closed() || self.door.depth() > 0 => {
                    self.door.wait(wait);
                }
                Stepped::Idle(_) if self.pending.is_empty() => return self.save_cursors(),
                Stepped::Idle(_) if tries > 0 => tries -= 1,
                // What could not be committed stays where it came from: no cursor may pass it.
                Stepped::Idle(_) => return,
            }
        }
    }

    /// One step: at most one batch.
    pub fn step(&mut self) -> Stepped {
        let (elapsed, now) = self.time();
        if self.pending.is_empty() {
            self.show_progress();
            if let Err(error) = self.look_if_due(elapsed) {
                tracing::warn!(database = %self.name, %error, "the database could not be looked at; trying again");
                return Stepped::Idle(Some(self.config.retry.cap));
            }
            match self.gather(elapsed, now) {
                Ok(work) if work.is_empty() => {
                    self.is_deaf = false;
                    return if self.prune() { Stepped::Worked } else { self.idle(elapsed) };
                }
                Ok(work) => self.pending.push_back(work),
                Err(error) => {
                    self.hear_nothing(&error);
                    return Stepped::Idle(Some(self.config.retry.cap));
                }
            }
        }
        self.run_pending()
    }

    /// A log that cannot be read now may be later. One that is not what it was waits for an operator, who is told once.
    fn hear_nothing(&mut self, error: &StoreError) {
        match error {
            StoreError::Unusable(why) if !std::mem::replace(&mut self.is_deaf, true) => {
                self.signals.alert(&self.name, "log_refused", why);
            }
            StoreError::Unusable(_) => {}
            error => {
                tracing::error!(database = %self.name, %error, "a followed log could not be read; trying again");
            }
        }
    }

    /// What waits: first what others said (to finish what is under way before beginning more), then commands, then what is due.
    fn gather(&mut self, elapsed: Duration, now: Timestamp) -> Result<Vec<Work>, StoreError> {
        let cap = self.config.batch_cap;
        let mut work = Vec::new();
        let share = (cap * 3 / 4).max(1);
        let mut unreadable = None;
        for source in &mut self.sources {
            let room = share.saturating_sub(work.len()).max(1);
            // What was taken from the logs before it must be decided, and the door must not wait for it.
            let taken = source.take(&self.name, self.reader.as_ref(), room).unwrap_or_else(|error| {
                unreadable = Some(error);
                Vec::new()
            });
            let relevant = taken.into_iter().filter(|delivery| self.engine.concerns(&delivery.entry));
            work.extend(relevant.map(Work::Delivery));
        }
        work.extend(self.door.take(cap.saturating_sub(work.len()).max(1)));
        let room = cap.saturating_sub(work.len()).max(1);
        for (timer, table) in self.timers.take(elapsed, room) {
            let due = DueRow { domain: timer.domain, table, key: timer.key, at: timer.at };
            // A date goes by the wall clock, which may have been set back since: its timer comes again.
            if due.at > now && self.dates.contains(table.name) {
                self.arm(elapsed, due.at.since(now), due);
            } else {
                work.push(Work::Due { domain: due.domain, table, key: due.key, at: due.at });
            }
        }
        match unreadable {
            Some(error) if work.is_empty() => Err(error),
            _ => Ok(work),
        }
    }

    /// Prunes a chunk when nothing else waits; `false` if there is nothing to prune.
    fn prune(&mut self) -> bool {
        if let Some(pruning) = self.door.take_pruning() {
            self.engine.set_horizon(pruning.horizon);
            self.pruning = Some(pruning);
        }
        let Some(pruning) = self.pruning else { return false };
        let more = prune::prune_chunk(
            self.store.as_mut(),
            self.reader.as_ref(),
            self.engine.domains(),
            pruning.horizon,
        )
        .and_then(|pruned| {
            self.engine.set_horizon(pruned.horizon);
            self.store.prune_log(pruning.log_through)?;
            Ok(pruned.more || self.reader.log_state()?.first <= pruning.log_through)
        });
        match more {
            Ok(true) => {}
            Ok(false) => self.pruning = None,
            Err(error) => {
                tracing::warn!(database = %self.name, %error, "pruning failed; it is tried again at the next housekeeping");
                self.pruning = None;
            }
        }
        true
    }

    fn idle(&mut self, elapsed: Duration) -> Stepped {
        // Rows of no concern were passed since.
        self.show_progress();
        let behind = self.sources.iter().any(|source| source.is_met() && source.taken < source.feed.reach());
        if behind || self.door.depth() > 0 {
            return Stepped::Worked;
        }
        // Nothing waits here: whoever else shares the database need not wait either.
        if let Some(guard) = &self.guard {
            guard.release();
        }
        if elapsed >= self.save_at {
            self.save_at = elapsed + Duration::from_secs(10);
            self.save_cursors();
        }
        let unsaved = self.sources.iter().any(|source| source.saved < source.taken);
        let unmet = self.sources.iter().any(|source| !source.is_met());
        let ask_at = unmet.then_some(elapsed + self.config.retry.cap);
        let next =
            [Some(self.look_at), self.listen_at, self.timers.next(), unsaved.then_some(self.save_at), ask_at]
                .into_iter()
                .flatten()
                .min();
        Stepped::Idle(next.map(|at| at.saturating_sub(elapsed).max(Duration::from_millis(1))))
    }

    /// Takes or keeps the lock of its batches; how long to wait, if somebody else has it.
    fn hold(&mut self) -> Option<Duration> {
        match self.guard.as_ref()?.hold() {
            Hold::Taken => self.engine.set_token(Token::Wanted),
            Hold::Kept => {}
            Hold::Elsewhere(wait) => return Some(wait),
            // Row locks alone.
            Hold::Away => self.engine.set_token(Token::None),
        }
        None
    }

    fn run_pending(&mut self) -> Stepped {
        if let Some(wait) = self.hold() {
            return Stepped::Idle(Some(wait));
        }
        let Some(work) = self.pending.pop_front() else { return Stepped::Worked };
        let (begun, now) = self.time();
        let turn = match self.settle() {
            Ok(Some(turn)) => Ok(turn),
            Ok(None) => self.engine.turn(self.store.as_mut(), &work, now, None),
            Err(failed) => Err(failed),
        };
        match turn {
            Ok(turn) => {
                self.failures = 0;
                let batch = Counts {
                    batches: 1,
                    commits: u64::from(turn.committed),
                    messages: work.len() as u64,
                    rounds: turn.rounds as u64,
                    rows: turn.rows as u64,
                    log_rows: turn.entries.len() as u64,
                    busy: self.clock.elapsed().saturating_sub(begun),
                    ..Counts::default()
                };
                self.signals.add(&self.name, batch);
                self.finish(work, turn);
                Stepped::Worked
            }
            Err(Failed { error: StoreError::Rejected(error), .. }) => self.bisect(work, &error, now),
            Err(failed) => self.put_back(work, failed),
        }
    }

    /// What the last run of the first batch leaves to do, if it turns out that it was committed.
    fn settle(&mut self) -> Result<Option<Turn>, Failed> {
        let Some(turn) = self.unsettled.take() else { return Ok(None) };
        match self.store.settle() {
            Ok(happened) => Ok(happened.map(|first| turn.placed(first))),
            Err(error) => Err(Failed { error, unsettled: Some(turn) }),
        }
    }

    /// Some message of the batch has rows that the store rejects: find it by halves, and set it alone aside.
    fn bisect(&mut self, mut work: Vec<Work>, error: &str, now: Timestamp) -> Stepped {
        if work.len() > 1 {
            let later = work.split_off(work.len() / 2);
            self.pending.push_front(later);
            self.pending.push_front(work);
            return Stepped::Worked;
        }
        tracing::error!(database = %self.name, error, "a message's rows were rejected; it is set aside");
        match self.engine.turn(self.store.as_mut(), &work, now, Some(error)) {
            Ok(turn) => self.finish(work, turn),
            Err(Failed { error: again @ StoreError::Rejected(_), .. }) => {
                // Not even the letter can be written. It stays where it came from: the log, or the caller who gets an error.
                self.signals.alert(
                    &self.name,
                    "undecidable",
                    &format!("a rejected message could not be set aside: {again}"),
                );
                answer_all(work, &CommandError::Fault(again.to_string()));
            }
            // It is found out again when the store is back.
            Err(failed) => return self.put_back(work, failed),
        }
        Stepped::Worked
    }

    /// The store cannot take it now. Nothing is lost: the batch runs again; only those who wait for an answer are told after a
    /// few runs.
    fn put_back(&mut self, work: Vec<Work>, Failed { error, unsettled }: Failed) -> Stepped {
        self.failures += 1;
        self.unsettled = unsettled;
        // Perhaps the lock ran out; whoever still holds it takes it again at once.
        if let Some(guard) = &self.guard {
            guard.release();
        }
        // Where the store cannot tell what became of the commit, the next run may find nothing left to do: its timers are in the rows.
        self.look_at = Duration::ZERO;
        let wait = self.config.retry.wait(self.failures.saturating_sub(1));
        tracing::warn!(database = %self.name, %error, runs = self.failures, "the batch could not be committed; running it again");
        self.pending.push_front(work);
        if self.failures >= self.config.patience || !matches!(error, StoreError::Retry(_)) {
            self.tell_unavailable(&error);
        }
        Stepped::Idle(Some(wait))
    }

    /// Tells everyone who waits for an answer, here or at the door, that nothing was changed: but those of whom that is not known.
    /// What nobody waits for stays.
    fn tell_unavailable(&mut self, error: &StoreError) {
        let unavailable = CommandError::Unavailable(self.name.to_string(), error.to_string());
        let unsettled = usize::from(self.unsettled.is_some()).min(self.pending.len());
        let batches = self.pending.split_off(unsettled);
        for batch in batches.into_iter().chain([self.door.take(usize::MAX)]) {
            let (waiting, rest): (Vec<_>, Vec<_>) = batch.into_iter().partition(Work::is_awaited);
            answer_all(waiting, &unavailable);
            // What came through the door may be more than one batch.
            let mut rest = rest.into_iter().peekable();
            while rest.peek().is_some() {
                self.pending.push_back(rest.by_ref().take(self.config.batch_cap).collect());
            }
        }
    }

    /// After commit: answers, the log's readers, timers, outside calls, alerts.
    fn finish(&mut self, work: Vec<Work>, turn: Turn) {
        if turn.committed {
            for delivery in work.iter().filter_map(Work::delivery) {
                if let Some(source) =
                    self.sources.iter_mut().find(|source| source.feed.cursor() == delivery.source)
                {
                    source.stored_at(delivery.through);
                }
            }
            self.show_stored();
        }
        if turn.committed {
            self.tail.push(turn.first, &turn.entries);
        }
        let mut replies: BTreeMap<usize, _> = turn.replies.into_iter().collect();
        for (index, work) in work.into_iter().enumerate() {
            if let Work::Command { reply: Some(reply), .. } | Work::Letter { reply: Some(reply), .. } = work {
                reply(
                    replies
                        .remove(&index)
                        .ok_or_else(|| CommandError::Fault("the decider failed".to_owned())),
                );
            }
        }
        let (elapsed, now) = self.time();
        for (table, key) in turn.undue {
            self.timers.clear(table, &key);
        }
        for due in turn.due {
            self.arm(elapsed, due.at.since(now), due);
        }
        for (domain, body) in turn.withdrawn {
            self.door.tell_instead(domain, body);
        }
        for call in turn.calls {
            match self.outside.get(&call.by) {
                Some(outside) => outside.start(call.request, Arc::clone(&self.door)),
                None => self.signals.alert(
                    &self.name,
                    "no_adapter",
                    &format!("{} has no adapter for its calls", call.by),
                ),
            }
        }
        for alert in turn.alerts {
            self.signals.alert_about(&self.name, &alert);
        }
    }

    fn arm(&mut self, elapsed: Duration, wait: Duration, due: DueRow) {
        if wait <= self.config.timer_reach {
            self.timers.set(elapsed, wait, due.at, due.domain, due.table, due.key);
        }
    }

    /// Monotonic time, and the time of day that goes with it: not the wall clock's while that is not believed.
    fn time(&mut self) -> (Duration, Timestamp) {
        let (elapsed, wall) = (self.clock.elapsed(), self.clock.now());
        match self.clocks.look(wall, elapsed) {
            Sighting::Agree => self.signals.clocks_agree(&self.name),
            Sighting::Suspended => {}
            Sighting::Jumped(ms) => self.signals.clock_jumped(&self.name, ms),
        }
        (elapsed, self.clocks.time(wall, elapsed))
    }
}

fn answer_all(work: Vec<Work>, error: &CommandError) {
    for work in work {
        if let Work::Command { reply: Some(reply), .. } | Work::Letter { reply: Some(reply), .. } = work {
            reply(Err(error.clone()));
        }
    }
}
