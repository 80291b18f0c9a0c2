//! Keeps the copy: follows the orders' log, and builds a new generation where it cannot.

use super::copy::{Copy, Generation, Stand, Trouble};
use super::source::{Source, Verdict, sold};
use crate::target::Target;
use kernel::Entry;
use kernel::time::Backoff;
use parking_lot::{Condvar, Mutex};
use ranking::changes;
use runtime::feed::Taken;
use runtime::ports::clock::Clock;
use runtime::ports::store::Position;
use runtime::tail::Observer;
use runtime::{Feed, Progress};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Rows of the log taken in at a time.
const ROWS: usize = 1_000;
/// Products of a day put into Redis at a time.
const PRODUCTS: usize = 1_000;
/// How often an idle follower looks whether the copy is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Waits after failures.
const RETRY: Backoff = Backoff { first: Duration::from_millis(50), cap: Duration::from_secs(2) };

/// What one step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stepped {
    /// It worked; there may be more.
    Worked,
    /// The copy has everything that is known of the log.
    Idle,
}

/// Keeps the copy, a step at a time.
pub struct Follower {
    source: Source,
    copy: Copy,
    clock: Arc<dyn Clock>,
    /// The generation that answers, as far as is known here.
    serving: Option<Generation>,
    shared: Arc<Shared>,
}

/// What others may know of a follower.
pub(crate) struct Shared {
    /// How far the copy has followed the orders' log, under that log's name.
    pub(crate) progress: Progress,
    /// Why the copy is not kept at the moment.
    pub(crate) trouble: Mutex<Option<String>>,
    wake: Mutex<Wake>,
    woken: Condvar,
}

#[derive(Default)]
struct Wake {
    /// Something was committed, or somebody missed the copy.
    is_called: bool,
    is_closed: bool,
}

impl Observer for Shared {
    fn committed(&self, _rows: &[(Position, Arc<Entry>)]) {
        self.call();
    }
}

impl Shared {
    /// Has the follower look at once.
    pub(crate) fn call(&self) {
        self.wake.lock().is_called = true;
        self.woken.notify_all();
    }

    fn close(&self) {
        self.wake.lock().is_closed = true;
        self.woken.notify_all();
    }

    /// Waits until called (if that counts) or closed, at most so long; whether it goes on.
    fn wait(&self, longest: Duration, calls_count: bool) -> bool {
        let mut wake = self.wake.lock();
        self.woken.wait_while_for(
            &mut wake,
            |wake| !(wake.is_closed || calls_count && wake.is_called),
            longest,
        );
        if calls_count {
            wake.is_called = false;
        }
        !wake.is_closed
    }
}

impl Follower {
    /// Keeps the copy at `target` of what `source` says. Nothing is asked yet.
    #[must_use]
    pub fn new(target: Target, source: Source, clock: Arc<dyn Clock>) -> Self {
        let shared = Arc::new(Shared {
            progress: Progress::default(),
            trouble: Mutex::new(Some("it has not been looked at yet".to_owned())),
            wake: Mutex::default(),
            woken: Condvar::new(),
        });
        Self { source, copy: Copy::new(target), clock, serving: None, shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// One step: looks at the copy, rebuilds it, or takes in some rows of each lane.
    ///
    /// # Errors
    /// If Redis or the databases cannot be asked now. What was taken in is known when the copy is looked at next.
    pub fn step(&mut self) -> Result<Stepped, Trouble> {
        let stepped = self.try_step();
        if stepped.is_err() {
            self.serving = None;
        }
        *self.shared.trouble.lock() = stepped.as_ref().err().map(ToString::to_string);
        stepped
    }

    fn try_step(&mut self) -> Result<Stepped, Trouble> {
        let Some(generation) = self.serving.take() else {
            self.look()?;
            return Ok(Stepped::Worked);
        };
        let Some((generation, stepped)) = self.follow(generation)? else {
            // Another keeper was faster, or the copy is gone: looked at next.
            return Ok(Stepped::Worked);
        };
        self.serve(generation);
        Ok(stepped)
    }

    /// Looks at what is there, and rebuilds it if it cannot be followed from there.
    fn look(&mut self) -> Result<(), Trouble> {
        let current = self.copy.current()?;
        let verdict = match &current {
            Some(generation) => self.source.judge(&generation.stands)?,
            None => Verdict::Rebuild("there is none"),
        };
        match (verdict, current) {
            (Verdict::Follow, Some(generation)) => self.serve(generation),
            (Verdict::Rebuild(reason), old) => {
                tracing::info!(reason, "best sellers in Redis are built from the book");
                self.build(old.as_ref())?;
            }
            (Verdict::Follow, None) => {}
        }
        Ok(())
    }

    /// Builds a new generation from the book, whatever is there now, and lets it answer.
    ///
    /// # Errors
    /// If Redis or the databases cannot be asked now.
    pub fn rebuild(&mut self) -> Result<(), Trouble> {
        self.serving = None;
        // Where another keeper switches meanwhile, what it built is replaced, too.
        while self.serving.is_none() {
            let old = self.copy.current()?;
            self.build(old.as_ref())?;
        }
        Ok(())
    }

    fn build(&mut self, old: Option<&Generation>) -> Result<(), Trouble> {
        let mut begun: Option<Generation> = None;
        let Self { source, copy, clock, .. } = self;
        source.read_book(clock.now(), |(stands, taken), sales| {
            if begun.is_none() {
                let generation = Generation::new(stands.clone(), taken.clone());
                copy.begin(&generation)?;
                begun = Some(generation);
            }
            let Some(generation) = &begun else { return Ok(()) };
            for day in sales.chunk_by(|a, b| a.day == b.day) {
                for some in day.chunks(PRODUCTS) {
                    let some: Vec<_> = some.iter().filter(|sale| sale.sold != 0).map(sold).collect();
                    if !some.is_empty() {
                        copy.put(generation, day[0].day, &some)?;
                    }
                }
            }
            Ok(())
        })?;
        // It answers once it has everything that is known now.
        let mut stepped = Stepped::Worked;
        while let (Some(generation), Stepped::Worked) = (begun.take(), stepped) {
            let followed = self.follow(generation)?;
            let Some((generation, next)) = followed else { return Ok(()) };
            stepped = next;
            if stepped == Stepped::Idle && generation.reached() < generation.taken.furthest() {
                return Err(Trouble::Odd(
                    "the book has heard more than can be read of the log here".to_owned(),
                ));
            }
            if stepped == Stepped::Idle && self.copy.switch(&generation, old)? {
                self.serve(generation);
                return Ok(());
            }
            begun = Some(generation);
        }
        Ok(())
    }

    /// Takes in some rows of each lane. `None`: the generation is gone, or another keeper has taken them in.
    fn follow(&mut self, mut generation: Generation) -> Result<Option<(Generation, Stepped)>, Trouble> {
        let mut stepped = Stepped::Idle;
        for feed in self.source.log() {
            let Some(from) = generation.stands.get(feed.cursor()).copied() else { return Ok(None) };
            let next = next(feed.as_ref(), from, &generation.taken)?;
            let Some(Next { to, entries }) = next else { continue };
            let changes = changes(entries.iter().map(Arc::as_ref));
            let changes =
                changes.ok_or_else(|| Trouble::Odd("more was sold than can be counted".to_owned()))?;
            if !self.copy.apply(&generation, feed.cursor(), from, to, &changes)? {
                return Ok(None);
            }
            generation.stands.insert(feed.cursor().to_owned(), to);
            stepped = Stepped::Worked;
        }
        Ok(Some((generation, stepped)))
    }

    fn serve(&mut self, generation: Generation) {
        if let Some(feed) = self.source.log().first() {
            self.shared.progress.reached(feed.log(), generation.reached());
        }
        self.serving = Some(generation);
    }

    /// Follows on a thread of its own, until it is told to stop.
    ///
    /// # Errors
    /// If a thread cannot be made.
    pub fn start(self) -> std::io::Result<Following> {
        for feed in self.source.log() {
            feed.observe(Arc::clone(&self.shared) as Arc<dyn Observer>);
        }
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("best-sellers".to_owned()).spawn(move || self.run())?;
        Ok(Following { shared, thread: Some(thread) })
    }

    fn run(mut self) {
        let mut failures = 0;
        loop {
            let goes_on = match self.step() {
                Ok(Stepped::Worked) => {
                    failures = 0;
                    self.shared.wait(Duration::ZERO, false)
                }
                Ok(Stepped::Idle) => {
                    let goes_on = self.shared.wait(LOOK_EVERY, true);
                    // Whatever called: whether the copy is still there is looked at, too, if nothing is to be told it.
                    if self.is_idle() {
                        self.serving = None;
                    }
                    goes_on
                }
                Err(trouble) => {
                    if failures == 0 {
                        tracing::warn!(%trouble, "best sellers in Redis cannot be kept; the book answers meanwhile");
                    }
                    failures += 1;
                    self.shared.wait(RETRY.wait(failures - 1), false)
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    fn is_idle(&self) -> bool {
        let Some(generation) = &self.serving else { return true };
        self.source.log().iter().all(|feed| {
            generation.stands.get(feed.cursor()).is_some_and(|stand| stand.position >= feed.reach())
        })
    }
}

/// The next rows of a lane.
struct Next {
    /// Where they end.
    to: Stand,
    /// They.
    entries: Vec<Arc<Entry>>,
}

/// The rows of a lane after `from`, without those that are `taken` already; `None` if there is nothing new.
fn next(feed: &dyn Feed, from: Stand, taken: &Taken) -> Result<Option<Next>, Trouble> {
    // Before the rows: up to there, no row means none of concern.
    let reach = feed.reach();
    let mut rows = feed.after(from.position, ROWS)?;
    rows.retain(|(position, _)| *position > from.position);
    let to = match rows.last() {
        Some((last, _)) => *last,
        None if reach > from.position => reach,
        None => return Ok(None),
    };
    // Read where it is written, a log has no gaps: what is missing has been pruned.
    if let Some((first, _)) = rows.first()
        && feed.cursor() == feed.log()
        && first.0 != from.position.0 + 1
    {
        return Err(Trouble::Odd(format!("rows of {} are missing after {}", feed.log(), from.position.0)));
    }
    rows.retain(|(position, entry)| !taken.has(entry.key, *position));
    let entries = rows.into_iter().map(|(_, entry)| entry).collect();
    Ok(Some(Next { to: Stand { position: to, ..from }, entries }))
}

/// A follower at work.
pub struct Following {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the follower of best sellers ended by a panic");
        }
    }
}
