//! Another unit's log, heard by asking its unit for what comes next and letting the question wait there: the bus of a system that has no
//! broker.

use crate::peer::{How, Peer};
use crate::remote::RemoteReader;
use crate::wire::{AskLog, Log};
use kernel::said::Entry;
use parking_lot::{Mutex, RwLock};
use runtime::ports::store::{LogState, Position, Reader, StoreError, StoredLogRow};
use runtime::tail::{Observer, read_row};
use runtime::{Door, Feed};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Rows kept in memory for readers that keep up.
const KEPT: usize = 4_096;
/// Rows asked for at a time.
const AT_A_TIME: u32 = 500;
/// How long a question waits at the other unit.
const WAIT: Duration = Duration::from_secs(20);
/// The first pause after a question that was not answered, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// A log of another unit.
pub struct HttpFeed {
    me: Weak<Self>,
    log: String,
    peer: Arc<Peer>,
    reader: RemoteReader,
    heard: RwLock<Heard>,
    followers: Mutex<Vec<Arc<Door>>>,
    observers: Mutex<Vec<Arc<dyn Observer>>>,
    listening: Mutex<bool>,
}

#[derive(Default)]
struct Heard {
    /// Where the log stood when it was last asked about; none until it was.
    state: Option<LogState>,
    /// What was heard last, without gaps, up to the state's head.
    rows: VecDeque<(Position, Arc<Entry>)>,
}

impl HttpFeed {
    /// The log of `database`, which `peer` holds. Nobody is asked until somebody follows or observes it.
    #[must_use]
    pub fn new(peer: &Arc<Peer>, database: &str) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            log: database.to_owned(),
            peer: Arc::clone(peer),
            reader: RemoteReader::new(Arc::clone(peer), database),
            heard: RwLock::default(),
            followers: Mutex::default(),
            observers: Mutex::default(),
            listening: Mutex::new(false),
        })
    }

    /// Takes in what the unit answered.
    ///
    /// # Errors
    /// If a row does not read.
    fn take_in(&self, log: Log) -> Result<(), StoreError> {
        let state = log.state();
        let rows = log.rows.into_iter().map(StoredLogRow::from);
        let rows = rows.map(|row| read_row(&row)).collect::<Result<Vec<_>, _>>()?;
        let (news, gap) = {
            let mut heard = self.heard.write();
            let (before, known) = (heard.state, heard.reach());
            let follows_on = rows.first().is_none_or(|(first, _)| first.0 == known.0 + 1);
            // Another epoch, or a log that ends before what was heard: the unit's database is not the one that it was.
            let same = before.is_some_and(|before| before.epoch == state.epoch && state.head >= known);
            let gap = !(same && follows_on);
            // The state may be newer than the rows, never older: what is known reaches as far as the rows do.
            let head = rows.last().map_or(if same { known } else { state.head }, |(last, _)| *last);
            if gap {
                heard.rows.clear();
            }
            heard.rows.extend(rows.iter().cloned());
            let surplus = heard.rows.len().saturating_sub(KEPT);
            heard.rows.drain(..surplus);
            heard.state = Some(LogState { head, ..state });
            (before.map(|before| (before.epoch, before.head)) != Some((state.epoch, head)), gap)
        };
        let observers = self.observers.lock().clone();
        for observer in observers {
            if gap {
                observer.lost();
            }
            if !rows.is_empty() {
                observer.committed(&rows);
            }
        }
        if news {
            self.followers.lock().iter().for_each(|door| door.wake());
        }
        Ok(())
    }

    /// Begins to listen, if nobody does yet.
    fn listen(&self) {
        let mut listening = self.listening.lock();
        if !std::mem::replace(&mut *listening, true) {
            self.peer.board().handle().spawn(listen(Weak::clone(&self.me)));
        }
    }
}

impl Heard {
    fn reach(&self) -> Position {
        self.state.map(|state| state.head).unwrap_or_default()
    }
}

/// Asks for what comes next, again and again, until the feed is gone.
async fn listen(feed: Weak<HttpFeed>) {
    let mut pause = PAUSES.0;
    let (mut answered, mut failing) = (false, false);
    while let Some(feed) = feed.upgrade() {
        let known = feed.heard.read().state.map(|state| state.head);
        // The first question only asks where the log stands; one after a failure does not wait, so that the unit's return is seen at once.
        let (after, limit) = known.map_or((u64::MAX, 0), |known| (known.0, AT_A_TIME));
        let wait = if answered { WAIT } else { Duration::ZERO };
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let how = How { within: wait + How::QUESTION.within, again: false, insistent: true };
        let path = format!("/internal/v1/{}/log", feed.log);
        let log: Result<Log, _> =
            feed.peer.ask_here(&path, &AskLog::After { after, limit, wait_ms }, how).await;
        let taken = log.map_err(StoreError::from).and_then(|log| feed.take_in(log));
        if let Err(error) = &taken {
            if !failing {
                tracing::warn!(log = feed.log, %error, "a log cannot be heard; it is tried until it can");
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        } else {
            pause = PAUSES.0;
        }
        (answered, failing) = (taken.is_ok(), taken.is_err());
    }
}

impl Feed for HttpFeed {
    fn is_remote(&self) -> bool {
        true
    }

    fn log(&self) -> &str {
        &self.log
    }

    /// What was heard last. Nobody waits for the first answer here: who follows is woken by it, and has more to do than to listen.
    fn state(&self) -> Result<LogState, StoreError> {
        let unheard = || StoreError::Retry(format!("nothing was heard of the log of {} yet", self.log));
        self.heard.read().state.ok_or_else(unheard)
    }

    fn reach(&self) -> Position {
        self.heard.read().reach()
    }

    fn follow(&self, door: Arc<Door>) {
        self.followers.lock().push(door);
        self.listen();
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.observers.lock().push(observer);
        self.listen();
    }

    fn after(&self, after: Position, limit: usize) -> Result<Vec<(Position, Arc<Entry>)>, StoreError> {
        let reach = {
            let heard = self.heard.read();
            let reach = heard.reach();
            if after >= reach {
                return Ok(Vec::new());
            }
            if let Some((first, _)) = heard.rows.front().filter(|(first, _)| first.0 <= after.0 + 1) {
                let skip = usize::try_from(after.0 + 1 - first.0).unwrap_or(usize::MAX);
                return Ok(heard.rows.iter().skip(skip).take(limit).cloned().collect());
            }
            reach
        };
        let limit = u32::try_from(limit).unwrap_or(u32::MAX).min(AT_A_TIME);
        let rows = self.reader.log_after(after, limit)?;
        // Nothing past the reach: whoever had it would seem to have read further than the log goes.
        rows.iter().filter(|row| row.position <= reach).map(read_row).collect()
    }
}
