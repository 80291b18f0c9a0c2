//! A log that says what it is told, a follower that writes down what it hears, and a look into topics.

use jumun_bus::record::{self, Framed, Place};
use jumun_bus::{Compression, Heard, Listener, Relay, Settings};
use kernel::said::Entry;
use kernel::state::Write;
use kernel::{Key, Record as _, Timestamp, Trace};
use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use runtime::adapters::SystemClock;
use runtime::feed::lane_for;
use runtime::ports::clock::Clock;
use runtime::ports::store::{Cursor, Epoch, LogRow, Position, Reader, Store, StoredLogRow};
use runtime::registry::own_tables;
use runtime::{Door, Feed, Tail};
use services::Kafka;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::sqlite::SqliteStore;
use uuid::Uuid;

pub(crate) const LANES: u32 = 4;
pub(crate) const EPOCH: Epoch = Epoch(Uuid::from_u128(1));
/// How often something is looked at before it is given up, and how long is waited in between where nobody wakes.
const LOOKS: usize = 1_200;
const LOOK: Duration = Duration::from_millis(50);
const ANSWER: Duration = Duration::from_secs(30);

/// The clock of listeners, which are threads of their own.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::default())
}

/// The settings of the test called `name` over `kafka`.
pub(crate) fn settings(kafka: &Kafka, name: &str) -> Settings {
    Settings {
        bootstrap: kafka.bootstrap(),
        prefix: name.to_owned(),
        partitions: LANES,
        // Where that is built in, every test here is one of it, too.
        compression: if cfg!(feature = "zstd") { Compression::Zstd } else { Compression::Lz4 },
        ..Settings::default()
    }
}

/// Looks until `condition` holds.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let door = Door::new("test", 1);
    for _ in 0..LOOKS {
        if condition() {
            return;
        }
        door.wait(Some(LOOK));
    }
    panic!("it never came to it: {what}");
}

/// A database in memory.
fn database() -> SqliteStore {
    SqliteStore::open_in_memory(&own_tables(), EPOCH).unwrap()
}

/// A log.
pub(crate) struct Log {
    store: Mutex<SqliteStore>,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) tail: Arc<Tail>,
}

impl Log {
    pub(crate) fn new() -> Self {
        let store = database();
        let reader = store.reader();
        let tail = Tail::new("order", Arc::clone(&reader)).unwrap();
        Self { store: Mutex::new(store), reader, tail }
    }

    /// Commits `count` rows in one batch, each of a key of its own.
    pub(crate) fn say(&self, count: u64) {
        let mut store = self.store.lock();
        let head = self.reader.log_state().unwrap().head.0;
        let entries: Vec<Arc<Entry>> = (head + 1..=head + count).map(|at| Arc::new(entry(at))).collect();
        let row = |entry: &Arc<Entry>| LogRow {
            key: entry.key,
            at: entry.at,
            body: serde_json::to_string(entry.as_ref()).unwrap().into(),
        };
        store.begin().unwrap();
        let first = store.commit(&[], &entries.iter().map(row).collect::<Vec<_>>()).unwrap();
        let rows: Vec<_> = (first.0..).map(Position).zip(entries).collect();
        self.tail.push(first, &rows);
    }

    pub(crate) fn prune(&self, through: u64) {
        self.store.lock().prune_log(Position(through)).unwrap();
    }

    pub(crate) fn new_epoch(&self, epoch: Epoch) {
        self.store.lock().new_epoch(epoch).unwrap();
    }

    pub(crate) fn rows(&self) -> Vec<StoredLogRow> {
        self.reader.log_after(Position(0), 100_000).unwrap()
    }

    pub(crate) fn head(&self) -> u64 {
        self.reader.log_state().unwrap().head.0
    }

    pub(crate) fn relay(&self, settings: &Settings) -> Relay {
        Relay::start(settings, &self.tail, Arc::clone(&self.reader), None).unwrap()
    }

    /// Publishes everything that is said by now, and ends.
    pub(crate) fn publish(&self, settings: &Settings) {
        let relay = self.relay(settings);
        until("everything is published", || relay.published().0 == self.head());
    }
}

/// Row `at` is about thing `at`: rows go round the lanes.
fn entry(at: u64) -> Entry {
    Entry {
        v: Entry::VERSION,
        key: Uuid::from_u128(u128::from(at)),
        at: Timestamp(1_700_000_000_000),
        trace: Trace { id: u128::from(at), span: 1, flags: 1 },
        plan: None,
        events: Vec::new(),
    }
}

/// The records of all lanes of `rows` in the log's order, as a relay would publish them.
pub(crate) fn records(rows: &[StoredLogRow]) -> Vec<(u32, Place)> {
    let mut last = BTreeMap::new();
    let place = |row: &StoredLogRow| {
        let lane = lane_for(row.row.key, LANES);
        let previous = last.insert(lane, row.position).unwrap_or_default();
        (lane, Place { epoch: EPOCH, position: row.position, previous })
    };
    rows.iter().map(place).collect()
}

/// Who publishes by hand.
pub(crate) struct Hand {
    producer: BaseProducer,
    topic: String,
}

impl Hand {
    pub(crate) fn new(settings: &Settings) -> Self {
        let producer = client(settings).create().unwrap();
        Self { producer, topic: settings.topic("order") }
    }

    pub(crate) fn publish(&self, lane: u32, framed: &Framed<'_>) {
        let headers = framed.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        });
        let partition = i32::try_from(lane).unwrap();
        let mut record = BaseRecord::<str, [u8]>::to(&self.topic).partition(partition).headers(headers);
        record.key = framed.key.as_deref();
        record.payload = framed.value;
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
        self.producer.flush(ANSWER).unwrap();
    }

    pub(crate) fn row(&self, (lane, place): (u32, Place), row: &StoredLogRow) {
        self.publish(lane, &record::of_row(place, row));
    }
}

fn client(settings: &Settings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &settings.bootstrap);
    config
}

/// All records of a topic, by partition.
pub(crate) fn look_into(settings: &Settings, topic: &str, partitions: u32) -> Vec<Vec<OwnedMessage>> {
    let consumer: BaseConsumer =
        client(settings).set("group.id", "look").set("enable.auto.commit", "false").create().unwrap();
    let mut found: Vec<Vec<OwnedMessage>> = vec![Vec::new(); usize::try_from(partitions).unwrap()];
    let (mut wanted, mut count) = (TopicPartitionList::new(), 0);
    for partition in 0..i32::try_from(partitions).unwrap() {
        let (low, high) = consumer.fetch_watermarks(topic, partition, ANSWER).unwrap();
        wanted.add_partition_offset(topic, partition, Offset::Offset(low)).unwrap();
        count += high - low;
    }
    consumer.assign(&wanted).unwrap();
    until("all records are read", || {
        while let Some(message) = consumer.poll(Duration::ZERO) {
            let message = message.unwrap().detach();
            found[usize::try_from(message.partition()).unwrap()].push(message);
            count -= 1;
        }
        count == 0
    });
    found
}

/// The offsets that the group of the follower has committed.
pub(crate) fn committed(settings: &Settings) -> Vec<Option<i64>> {
    let consumer: BaseConsumer =
        client(settings).set("group.id", settings.group("product")).create().unwrap();
    let topic = settings.topic("order");
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(&topic, 0, i32::try_from(LANES).unwrap() - 1);
    let offset = |offset| if let Offset::Offset(at) = offset { Some(at) } else { None };
    let found = consumer.committed_offsets(asked, ANSWER).unwrap();
    found.elements().iter().map(|element| offset(element.offset())).collect()
}

/// A record of ours, from what a topic holds.
pub(crate) fn read(message: &OwnedMessage) -> record::Record {
    let headers: Vec<(&str, &[u8])> = message
        .headers()
        .unwrap()
        .iter()
        .map(|header| (header.key, header.value.unwrap_or_default()))
        .collect();
    record::read(message.key(), &headers, message.payload()).unwrap()
}

/// A database that follows the log, of which several instances may run.
#[derive(Clone)]
pub(crate) struct Own {
    store: Arc<Mutex<SqliteStore>>,
    reader: Arc<dyn Reader>,
}

impl Own {
    pub(crate) fn new() -> Self {
        let store = database();
        Self { reader: store.reader(), store: Arc::new(Mutex::new(store)) }
    }

    /// Stores a cursor, if it is further than what is stored.
    pub(crate) fn store(&self, cursor: &str, at: Position) {
        if at <= self.stored(cursor) {
            return;
        }
        let position = i64::try_from(at.0).unwrap();
        let row = Cursor { source: SmolStr::new(cursor), epoch: EPOCH.0, position }.to_row();
        let mut store = self.store.lock();
        store.begin().unwrap();
        let key = Key::of_row(Cursor::TABLE, &row);
        store.commit(&[Write { table: Cursor::TABLE, key, row: Some(row) }], &[]).unwrap();
    }

    pub(crate) fn stored(&self, cursor: &str) -> Position {
        let key = Key::from((SmolStr::new(cursor),));
        let rows = self.reader.load(Cursor::TABLE, &[key]).unwrap();
        let at = rows.first().map_or(0, |row| Cursor::from_row(row).unwrap().position);
        Position(u64::try_from(at).unwrap())
    }
}

/// One instance of a unit that follows the log, and commits what it hears.
pub(crate) struct Follower {
    own: Own,
    pub(crate) listener: Listener,
    feeds: Vec<(Arc<dyn Feed>, Position)>,
    door: Arc<Door>,
    /// What it heard, by cursor.
    pub(crate) heard: BTreeMap<String, Vec<u64>>,
    pub(crate) error: Option<String>,
}

impl Follower {
    pub(crate) fn new(settings: &Settings, log: &Log, own: &Own) -> Self {
        let heard = Heard { log: "order".to_owned(), reader: Arc::clone(&log.reader) };
        let listener = Listener::start(settings, "product", &own.reader, &[heard], clock()).unwrap();
        let door = Door::new("product", 1);
        let feeds = listener.feeds("order").into_iter().map(|feed| {
            feed.follow(Arc::clone(&door));
            until("the log is known", || feed.state().is_ok());
            let at = own.stored(feed.cursor());
            feed.taken(at);
            (feed, at)
        });
        let feeds = feeds.collect();
        Self { own: own.clone(), listener, feeds, door, heard: BTreeMap::new(), error: None }
    }

    /// Takes what there is; what is `committed` is stored.
    pub(crate) fn step(&mut self, committed: bool) {
        self.door.take(0);
        for (feed, at) in &mut self.feeds {
            let reach = feed.reach();
            assert!(reach >= *at, "it went back");
            let rows = match feed.after(*at, 10) {
                Ok(rows) => rows,
                Err(error) => {
                    self.error = Some(error.to_string());
                    continue;
                }
            };
            let heard = self.heard.entry(feed.cursor().to_owned()).or_default();
            heard.extend(rows.iter().map(|(position, _)| position.0));
            *at = rows.last().map_or((*at).max(reach), |(position, _)| *position);
            if committed {
                self.own.store(feed.cursor(), *at);
                feed.taken(*at);
            }
        }
    }

    /// Goes on until `condition` holds.
    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        // Every record wakes the door: only looks that found nothing count.
        let (mut in_vain, mut known) = (0, None);
        while in_vain < LOOKS {
            self.step(true);
            if condition(self) {
                return;
            }
            let now = Some((self.heard.values().map(Vec::len).sum::<usize>(), self.through()));
            in_vain = if now == known { in_vain + 1 } else { 0 };
            known = now;
            self.door.wait(Some(LOOK));
        }
        panic!("it never came to it: {what}; heard {:?}, {:?}", self.heard, self.error);
    }

    /// Where the lane that is least far stands.
    pub(crate) fn through(&self) -> u64 {
        self.feeds.iter().map(|(_, at)| at.0).min().unwrap()
    }

    /// Everything it heard, in order of position.
    pub(crate) fn all(&self) -> Vec<u64> {
        let mut all: Vec<u64> = self.heard.values().flatten().copied().collect();
        all.sort_unstable();
        all
    }

    /// Whether each lane was heard in order, nothing twice.
    pub(crate) fn in_order(&self) -> bool {
        self.heard.values().all(|lane| lane.is_sorted_by(|one, next| one < next))
    }
}
