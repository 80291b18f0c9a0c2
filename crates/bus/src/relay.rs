//! The relay of one log: reads it by position and publishes every row, in order.
//!
//! Where it stands needs no table: it reads the end of each partition when it begins. What it publishes twice (it was killed, the broker
//! was, or two relays run for a moment) every reader skips, because it has the position. While the broker is away it waits: the log
//! keeps its rows until every consumer has read them.

use crate::course::{Beyond, Course};
use crate::error::BusError;
use crate::record;
use crate::sender::Sender;
use crate::settings::Settings;
use crate::standing;
use crate::stop::Stop;
use crate::topics;
use kernel::time::Backoff;
use parking_lot::Mutex;
use runtime::ports::guard::{Guard, Hold};
use runtime::ports::store::{Position, Reader};
use runtime::{Door, Feed, Tail};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Rows that are read and published at a time.
const BATCH: u32 = 500;
/// How long it waits for a row before it marks the lanes and looks again: another instance may have committed without waking this one.
const IDLE: Duration = Duration::from_millis(500);
/// After how many polls without an acknowledgement it is said that the broker does not answer: two seconds.
const PATIENCE: u32 = 40;
const UNREACHED: &str = "no broker can be reached";
/// Waits after it could not go on.
const AGAIN: Backoff = Backoff { first: Duration::from_millis(50), cap: Duration::from_secs(2) };

/// A running relay. Dropping it stops it.
pub struct Relay {
    work: Arc<Work>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Work {
    settings: Settings,
    log: String,
    tail: Arc<Tail>,
    reader: Arc<dyn Reader>,
    /// Who publishes, where several could.
    lease: Option<Arc<dyn Guard>>,
    door: Arc<Door>,
    stop: Stop,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// None: where the topic stands was not looked at yet.
    published: Option<Position>,
    trouble: Option<String>,
}

impl Relay {
    /// Starts the relay of the log of `tail`, as `reader` reads it. Where several instances could, the one that holds `lease` publishes;
    /// that it may run out is harmless.
    ///
    /// # Errors
    /// If the settings cannot work, or no thread can be made.
    pub fn start(
        settings: &Settings,
        tail: &Arc<Tail>,
        reader: Arc<dyn Reader>,
        lease: Option<Arc<dyn Guard>>,
    ) -> Result<Self, BusError> {
        settings.check()?;
        let log = tail.name().to_owned();
        let door = Door::new(&log, 1);
        tail.follow(Arc::clone(&door));
        let (stop, seen) = (Stop::default(), Mutex::default());
        let (settings, tail) = (settings.clone(), Arc::clone(tail));
        let work = Arc::new(Work { settings, log, tail, reader, lease, door, stop, seen });
        let at_work = Arc::clone(&work);
        let name = format!("relay {}", work.log);
        let thread = std::thread::Builder::new().name(name).spawn(move || at_work.run())?;
        Ok(Self { work, thread: Mutex::new(Some(thread)) })
    }

    /// Ends it. What it published and was not acknowledged may be published again by the next.
    pub fn stop(&self) {
        self.work.stop.tell();
        self.work.door.close();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!(log = self.work.log, "a relay ended by a panic");
        }
    }

    /// The database whose log it publishes.
    #[must_use]
    pub fn log(&self) -> &str {
        &self.work.log
    }

    /// Everything up to here is published and acknowledged, as far as this relay has seen.
    #[must_use]
    pub fn published(&self) -> Position {
        self.work.seen.lock().published.unwrap_or_default()
    }

    /// Rows of the log that are not published yet; none, where another instance publishes it.
    #[must_use]
    pub fn lag(&self) -> u64 {
        let (_, head) = self.work.tail.head();
        self.work.seen.lock().published.map_or(0, |at| head.0.saturating_sub(at.0))
    }

    /// Why it does not go on, if it does not.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.work.seen.lock().trouble.clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Work {
    fn run(&self) {
        let mut failures = 0;
        while !self.stop.is_told() {
            match self.session(&mut failures) {
                Ok(()) => {}
                Err(error) => {
                    self.trouble(Some(error.to_string()));
                    self.stop.wait(AGAIN.wait(failures));
                    failures = failures.saturating_add(1);
                }
            }
        }
        if let Some(lease) = &self.lease {
            lease.release();
        }
    }

    /// Publishes until something goes wrong, the lease is lost, or it is told to stop.
    fn session(&self, failures: &mut u32) -> Result<(), BusError> {
        if let Some(wait) = self.elsewhere() {
            *self.seen.lock() = Seen::default();
            self.stop.wait(wait);
            return Ok(());
        }
        topics::ensure(&self.settings, &self.log, &self.stop)?;
        let sender = Sender::new(&self.settings)?;
        let found = standing::of_topic(&self.settings, &self.log)?;
        let topic = self.settings.topic(&self.log);
        let state = self.reader.log_state()?;
        let course = Course::begin(&found, &state);
        let mut course = course
            .map_err(|Beyond(published)| BusError::restored(&topic, &self.log, published, state.head))?;
        let mut waited = false;
        while !self.stop.is_told() && self.elsewhere().is_none() {
            // Emptied before the log is read: what is committed after that wakes it.
            self.door.take(0);
            let rows = self.reader.log_after(course.at(), BATCH)?;
            let state = self.reader.log_state()?;
            if state.epoch != course.epoch() || state.head < course.at() {
                // Another life of the log, or an older one: it is looked at anew.
                return Ok(());
            }
            for row in &rows {
                if let Some((lane, place)) = course.next(row) {
                    sender.send(&topic, lane, &record::of_row(place, row))?;
                }
            }
            if rows.is_empty() && waited {
                for (lane, place) in course.marks() {
                    sender.send(&topic, lane, &record::mark(place))?;
                }
            }
            if !self.settled(&sender)? {
                return Ok(());
            }
            *failures = 0;
            self.seen.lock().published = Some(course.at());
            self.trouble(sender.is_away().then(|| UNREACHED.to_owned()));
            waited = rows.is_empty();
            if waited {
                self.door.wait(Some(IDLE));
            }
        }
        Ok(())
    }

    /// Waits until the broker has what was sent; `false` if that is not to be waited for any more.
    fn settled(&self, sender: &Sender) -> Result<bool, BusError> {
        let mut polls = 0;
        sender.settle(|| {
            polls += 1;
            if polls > PATIENCE {
                self.trouble(Some(UNREACHED.to_owned()));
            }
            !self.stop.is_told() && self.elsewhere().is_none()
        })
    }

    /// Notes why it does not go on, or that it does; said once.
    fn trouble(&self, trouble: Option<String>) {
        let before = std::mem::replace(&mut self.seen.lock().trouble, trouble.clone());
        match (before, trouble) {
            (None, Some(why)) => {
                tracing::warn!(log = self.log, why, "a log is not published now; it is tried until it is");
            }
            (Some(_), None) => tracing::info!(log = self.log, "a log is published again"),
            _ => {}
        }
    }

    /// How long to wait, if somebody else publishes this log. If nobody can say, it is published: twice is harmless.
    fn elsewhere(&self) -> Option<Duration> {
        match self.lease.as_ref()?.hold() {
            Hold::Taken | Hold::Kept | Hold::Away => None,
            Hold::Elsewhere(wait) => Some(wait),
        }
    }
}
