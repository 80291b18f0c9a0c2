//! Who polls: one consumer, in a thread of its own, for all lanes of all logs that one database follows.
//!
//! Instances of a unit share the lanes as a group. An offset is committed only for what the database has committed, so whoever gets a
//! lane next begins with what was not decided; what was decided and not committed here it sees again, and passes by the cursor and the
//! inbox.

use crate::board::{Board, Moves};
use crate::dead;
use crate::error::BusError;
use crate::goodbye;
use crate::lane::Lane;
use crate::settings::Settings;
use crate::standing;
use crate::stop::Stop;
use crate::topics;
use kernel::time::Backoff;
use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use runtime::Feed;
use runtime::ports::clock::Clock;
use runtime::ports::store::{Reader, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a poll waits for a record: as long may a lane wait for room to be noticed.
const POLL: Duration = Duration::from_millis(50);
/// How many records are taken between looks at full lanes.
const SIDE_WORK_EVERY: u64 = 64;
/// How often offsets are committed. Where a database is, its own cursors say: an offset that is behind only has some records seen again.
/// Each commit costs the broker a write, and under load there is something to commit after every poll.
const OFFSETS_EVERY: Duration = Duration::from_millis(250);
/// How often it is looked how far other instances are, in lanes that are theirs.
const OTHERS_EVERY: Duration = Duration::from_secs(1);
/// Waits after the broker could not be listened to, or a log could not be asked where it stands.
const AGAIN: Backoff = Backoff { first: Duration::from_millis(50), cap: Duration::from_secs(2) };

/// A log that is followed.
#[derive(Clone)]
pub struct Heard {
    /// The database whose log it is.
    pub log: String,
    /// Its committed rows: where they begin and end, and what the broker does not have.
    pub reader: Arc<dyn Reader>,
}

/// Who polls for one database. Dropping it stops it; its lanes then say nothing more.
pub struct Listener {
    work: Arc<Work>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Work {
    settings: Settings,
    consumer: String,
    logs: Vec<Heard>,
    clock: Arc<dyn Clock>,
    board: Arc<Board>,
    /// Records that could not be read, since start.
    dead: AtomicU64,
    trouble: Mutex<Option<String>>,
    stop: Stop,
}

impl Listener {
    /// Follows `logs` for the database `consumer`, whose cursors `own` reads.
    ///
    /// # Errors
    /// If the settings cannot work, or no thread can be made.
    pub fn start(
        settings: &Settings,
        consumer: &str,
        own: &Arc<dyn Reader>,
        logs: &[Heard],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BusError> {
        settings.check()?;
        let mut lanes = BTreeMap::new();
        for Heard { log, reader } in logs {
            for lane in 0..settings.partitions {
                let place = (lane, settings.partitions);
                let made = Lane::new(consumer, Arc::clone(own), log, Arc::clone(reader), place);
                let partition = i32::try_from(lane).unwrap_or(i32::MAX);
                lanes.insert((settings.topic(log), partition), Arc::new(made));
            }
        }
        let work = Arc::new(Work {
            settings: settings.clone(),
            consumer: consumer.to_owned(),
            logs: logs.to_vec(),
            clock,
            board: Arc::new(Board::new(lanes)),
            dead: AtomicU64::new(0),
            trouble: Mutex::default(),
            stop: Stop::default(),
        });
        let listener = Self { work, threads: Mutex::default() };
        listener.spawn("listener", Work::listen_on)?;
        // Whoever holds a log may be away for longer than the broker is: it is asked on a thread of its own.
        listener.spawn("asker", Work::ask)?;
        Ok(listener)
    }

    fn spawn(&self, what: &str, run: fn(&Work)) -> std::io::Result<()> {
        let work = Arc::clone(&self.work);
        let name = format!("{what} {}", work.consumer);
        let thread = std::thread::Builder::new().name(name).spawn(move || run(&work))?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// The lanes of `log`.
    #[must_use]
    pub fn feeds(&self, log: &str) -> Vec<Arc<dyn Feed>> {
        let topic = self.work.settings.topic(log);
        self.work.board.of_topic(&topic).map(|lane| Arc::clone(lane) as Arc<dyn Feed>).collect()
    }

    /// The partitions of the topic of `log` that are this process's now.
    #[must_use]
    pub fn holds(&self, log: &str) -> Vec<i32> {
        let topic = self.work.settings.topic(log);
        self.work
            .board
            .held()
            .into_iter()
            .filter(|(of, _)| *of == topic)
            .map(|(_, partition)| partition)
            .collect()
    }

    /// The database that hears.
    #[must_use]
    pub fn consumer(&self) -> &str {
        &self.work.consumer
    }

    /// Records of the topics that the database has not committed yet, in the lanes of this process, by log: as of some seconds ago.
    #[must_use]
    pub fn lag(&self) -> BTreeMap<String, u64> {
        let lag =
            |heard: &Heard| (heard.log.clone(), self.work.board.lag(&self.work.settings.topic(&heard.log)));
        self.work.logs.iter().map(lag).collect()
    }

    /// Records that could not be read and went to a dead-letter topic, since start.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.work.dead.load(Ordering::Relaxed)
    }

    /// Why nothing is heard, if that is so.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let own = self.work.trouble.lock().clone();
        own.or_else(|| self.work.board.is_away().then(|| "no broker can be reached".to_owned()))
    }

    /// Ends it: what the database has committed is committed here too, and the group is left.
    pub fn stop(&self) {
        self.work.stop.tell();
        for thread in std::mem::take(&mut *self.threads.lock()) {
            if thread.join().is_err() {
                tracing::error!(consumer = self.work.consumer, "a listener ended by a panic");
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Work {
    fn listen_on(&self) {
        let mut failures = 0;
        while !self.stop.is_told() && !self.logs.is_empty() {
            if let Err(error) = self.session(&mut failures) {
                let newly = self.trouble.lock().replace(error.to_string()).is_none();
                if newly {
                    tracing::warn!(consumer = self.consumer, %error, "the broker is not heard now; it is tried until it is");
                }
                self.stop.wait(AGAIN.wait(failures));
                failures = failures.saturating_add(1);
            }
        }
    }

    /// Asks every log where it stands until all have answered: before that nothing of it is handed on.
    fn ask(&self) {
        let mut open: Vec<&Heard> = self.logs.iter().collect();
        let mut failures = 0;
        while !open.is_empty() && !self.stop.is_told() {
            open.retain(|heard| match heard.reader.log_state() {
                Ok(state) => {
                    let topic = self.settings.topic(&heard.log);
                    self.board.of_topic(&topic).for_each(|lane| lane.learn(state));
                    false
                }
                Err(error) => {
                    tracing::debug!(consumer = self.consumer, log = heard.log, %error, "a log cannot be asked yet");
                    true
                }
            });
            if !open.is_empty() {
                self.stop.wait(AGAIN.wait(failures));
                failures = failures.saturating_add(1);
            }
        }
    }

    /// Listens until something goes wrong or it is told to stop.
    fn session(&self, failures: &mut u32) -> Result<(), BusError> {
        for heard in &self.logs {
            topics::ensure(&self.settings, &heard.log, &self.stop)?;
        }
        let topics: Vec<String> = self.logs.iter().map(|heard| self.settings.topic(&heard.log)).collect();
        let consumer = self.join()?;
        consumer.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>())?;
        let listened = self.listen(&consumer, failures);
        if let Err(error) = self.board.commit(&consumer, CommitMode::Sync) {
            tracing::warn!(consumer = self.consumer, %error, "the last offsets were not committed; what they stand for is seen again");
        }
        consumer.unsubscribe();
        self.board.leave_all();
        goodbye::say(consumer, &self.consumer, &self.stop);
        listened
    }

    fn join(&self) -> Result<BaseConsumer<Moves>, BusError> {
        let session = self.settings.session.as_millis().to_string();
        let heartbeat = (self.settings.session / 3).as_millis().to_string();
        let mut own = vec![
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("session.timeout.ms", session.as_str()),
            ("heartbeat.interval.ms", heartbeat.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            // Who has never been here, or has been away for longer than records are kept, begins with the oldest there is.
            ("auto.offset.reset", "earliest"),
            ("enable.partition.eof", "true"),
            ("statistics.interval.ms", "1000"),
        ];
        let group = self.settings.group(&self.consumer);
        own.push(("group.id", &group));
        if let Some(instance) = &self.settings.instance {
            own.push(("group.instance.id", instance));
        }
        Ok(self.settings.client(&own).create_with_context(Moves::new(Arc::clone(&self.board)))?)
    }

    fn listen(&self, consumer: &BaseConsumer<Moves>, failures: &mut u32) -> Result<(), BusError> {
        let (mut paused, mut heard) = (BTreeSet::new(), 0);
        let begun = self.clock.elapsed();
        let (mut offsets, mut others) = (Rhythm::new(OFFSETS_EVERY, begun), Rhythm::new(OTHERS_EVERY, begun));
        while !self.stop.is_told() {
            match consumer.poll(POLL) {
                Some(Ok(message)) => {
                    *failures = 0;
                    self.heard(&message)?;
                    heard += 1;
                    if heard % SIDE_WORK_EVERY != 0 {
                        continue;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => self.board.end(consumer, partition)?,
                Some(Err(error)) if passes(&error) => {
                    tracing::debug!(consumer = self.consumer, %error, "the broker is away");
                }
                Some(Err(error)) => return Err(error.into()),
                None => {}
            }
            if self.trouble.lock().is_some() && self.board.has_lanes() {
                *self.trouble.lock() = None;
                tracing::info!(consumer = self.consumer, "the broker is heard again");
            }
            self.board.hold_back(consumer, &mut paused)?;
            let now = self.clock.elapsed();
            if offsets.is_due(now) {
                self.board.commit(consumer, CommitMode::Async)?;
            }
            if others.is_due(now)
                && let Err(error) = self.follow_others()
            {
                tracing::debug!(consumer = self.consumer, %error, "how far other instances are cannot be read now");
            }
        }
        Ok(())
    }

    /// Lanes of other instances move on by what these commit.
    fn follow_others(&self) -> Result<(), StoreError> {
        self.board.not_held().try_for_each(|lane| lane.catch_up_with_others())
    }

    fn heard(&self, message: &BorrowedMessage<'_>) -> Result<(), BusError> {
        let Some(lane) = self.board.lane(message.topic(), message.partition()) else { return Ok(()) };
        let unreadable = match standing::read(message) {
            Ok(record) => {
                lane.arrive(message.offset(), &record);
                return Ok(());
            }
            Err(unreadable) => unreadable,
        };
        let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
        tracing::error!(
            consumer = self.consumer,
            topic,
            partition,
            offset,
            error = unreadable.why,
            "a record cannot be read; it is kept in the dead-letter topic"
        );
        let dead = self.settings.dead_topic(lane.log());
        if dead::put(&self.settings, &dead, message, &self.consumer, &unreadable.why, &self.stop)? {
            self.dead.fetch_add(1, Ordering::Relaxed);
            lane.set_aside(offset, unreadable.place);
        }
        Ok(())
    }
}

/// Something that is done now and then, however often one could.
struct Rhythm {
    every: Duration,
    next: Duration,
}

impl Rhythm {
    fn new(every: Duration, now: Duration) -> Self {
        Self { every, next: now + every }
    }

    /// Whether its time has come; then not again before the next.
    fn is_due(&mut self, now: Duration) -> bool {
        let due = now >= self.next;
        if due {
            self.next = now + self.every;
        }
        due
    }
}

/// Whether the client library goes on by itself after `error`.
fn passes(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::Resolve
        )
    )
}
