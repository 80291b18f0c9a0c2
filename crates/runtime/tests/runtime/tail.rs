//! A tail: who keeps up reads from memory, who is behind reads the log, and nobody misses a row.

use jumun_runtime::Feed;
use jumun_runtime::ports::store::{
    Chain, Epoch, LogRow, LogState, Position, Query, Reader, StoreError, StoredLogRow, Top,
};
use jumun_runtime::tail::Observer;
use jumun_runtime::{Door, Tail};
use kernel::table::{Key, Row};
use kernel::{Entry, Table, Timestamp, Trace};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

const EPOCH: Epoch = Epoch(Uuid::from_u128(77));

/// A log as a store would keep it, that counts how often it is read.
#[derive(Default)]
struct Log {
    rows: Mutex<Vec<Arc<Entry>>>,
    reads: AtomicUsize,
    broken: AtomicBool,
}

impl Log {
    fn append(&self, count: u64) -> Vec<(Position, Arc<Entry>)> {
        let mut rows = self.rows.lock().unwrap();
        let first = rows.len() as u64 + 1;
        let fresh: Vec<_> = (first..first + count).map(|n| (Position(n), Arc::new(entry(n)))).collect();
        rows.extend(fresh.iter().map(|(_, entry)| Arc::clone(entry)));
        fresh
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

/// The entry that stands at `position`: its key says so.
fn entry(position: u64) -> Entry {
    Entry {
        v: Entry::VERSION,
        key: Uuid::from_u128(u128::from(position)),
        at: Timestamp(0),
        trace: Trace::default(),
        plan: None,
        events: Vec::new(),
    }
}

impl Reader for Log {
    fn load(&self, _: &'static Table, _: &[Key]) -> Result<Vec<Row>, StoreError> {
        Ok(Vec::new())
    }

    fn query(&self, _: &Query) -> Result<Vec<Row>, StoreError> {
        Ok(Vec::new())
    }

    fn top(&self, _: &Top) -> Result<Vec<Row>, StoreError> {
        Ok(Vec::new())
    }

    fn follow(&self, _: &Chain) -> Result<Vec<Row>, StoreError> {
        Ok(Vec::new())
    }

    fn log_after(&self, after: Position, limit: u32) -> Result<Vec<StoredLogRow>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.broken.load(Ordering::Relaxed) {
            return Err(StoreError::Retry("away".to_owned()));
        }
        let rows = self.rows.lock().unwrap();
        let rows = (1..).zip(rows.iter()).filter(|(n, _)| *n > after.0).take(limit as usize);
        let stored = rows.map(|(n, entry)| StoredLogRow {
            position: Position(n),
            row: LogRow {
                key: entry.key,
                at: entry.at,
                body: serde_json::to_string(entry.as_ref()).unwrap().into(),
            },
        });
        Ok(stored.collect())
    }

    fn log_of(&self, _: Uuid) -> Result<Vec<StoredLogRow>, StoreError> {
        Ok(Vec::new())
    }

    fn log_state(&self) -> Result<LogState, StoreError> {
        let head = Position(self.rows.lock().unwrap().len() as u64);
        Ok(LogState { epoch: EPOCH, head, first: Position(1) })
    }

    fn snapshot(&self) -> Result<Box<dyn Reader>, StoreError> {
        Err(StoreError::Unusable("no snapshots here".to_owned()))
    }
}

/// Remembers the positions it was shown.
#[derive(Default)]
struct Seen(Mutex<Vec<u64>>);

impl Observer for Seen {
    fn committed(&self, rows: &[(Position, Arc<Entry>)]) {
        self.0.lock().unwrap().extend(rows.iter().map(|(position, _)| position.0));
    }
}

/// A log of `stored` rows, and its tail as a start finds it.
fn tail(stored: u64) -> (Arc<Log>, Arc<Tail>) {
    let log = Arc::new(Log::default());
    log.append(stored);
    let tail = Tail::new("shop", Arc::clone(&log) as Arc<dyn Reader>).unwrap();
    (log, tail)
}

/// Commits `count` rows and hands them on.
fn commit(log: &Log, tail: &Tail, count: u64) {
    let rows = log.append(count);
    tail.push(rows[0].0, &rows);
}

/// The positions after `after`; every row is the one that stands there.
fn after(tail: &Tail, after: u64, limit: usize) -> Vec<u64> {
    let rows = tail.after(Position(after), limit).unwrap();
    assert!(rows.iter().all(|(position, read)| **read == entry(position.0)));
    rows.iter().map(|(position, _)| position.0).collect()
}

#[test]
fn who_keeps_up_reads_from_memory() {
    let (log, tail) = tail(0);
    commit(&log, &tail, 3);
    commit(&log, &tail, 2);
    assert_eq!(after(&tail, 0, 100), [1, 2, 3, 4, 5]);
    assert_eq!(after(&tail, 2, 2), [3, 4]);
    assert_eq!(after(&tail, 4, 100), [5]);
    assert_eq!(log.reads(), 0);
}

#[test]
fn who_is_behind_what_memory_holds_reads_the_log() {
    let (log, tail) = tail(3);
    commit(&log, &tail, 2);
    assert_eq!(after(&tail, 0, 100), [1, 2, 3, 4, 5]);
    assert_eq!(after(&tail, 1, 1), [2]);
    assert_eq!(log.reads(), 2);
    assert_eq!(after(&tail, 3, 100), [4, 5]);
    assert_eq!(log.reads(), 2, "from where memory begins, it is enough");
}

#[test]
fn a_reader_at_the_head_asks_nobody() {
    let (log, tail) = tail(3);
    assert_eq!(tail.head(), (EPOCH, Position(3)));
    assert_eq!(after(&tail, 3, 100), [0_u64; 0]);
    assert_eq!(after(&tail, 9, 100), [0_u64; 0], "nor one that claims to be past it");
    assert_eq!(log.reads(), 0);
}

#[test]
fn memory_keeps_the_newest_rows_and_the_log_the_rest() {
    let (log, tail) = tail(0);
    for _ in 0..10 {
        commit(&log, &tail, 1_000);
    }
    assert_eq!(after(&tail, 9_990, 100), (9_991..=10_000).collect::<Vec<_>>());
    assert_eq!(log.reads(), 0);
    assert_eq!(after(&tail, 0, 10), (1..=10).collect::<Vec<_>>());
    assert_eq!(log.reads(), 1);
}

#[test]
fn rows_that_were_committed_and_never_handed_on_are_read_back_before_the_next() {
    let (log, tail) = tail(0);
    let seen = Arc::new(Seen::default());
    tail.observe(Arc::clone(&seen) as Arc<dyn Observer>);
    commit(&log, &tail, 1);
    log.append(2);
    commit(&log, &tail, 1);
    assert_eq!(*seen.0.lock().unwrap(), [1, 2, 3, 4]);
    assert_eq!(after(&tail, 0, 100), [1, 2, 3, 4]);
    assert_eq!(log.reads(), 1);
}

#[test]
fn a_commit_without_rows_brings_the_lost_ones_to_light_too() {
    let (log, tail) = tail(0);
    log.append(2);
    tail.push(Position(3), &[]);
    assert_eq!(tail.head(), (EPOCH, Position(2)));
    assert_eq!(after(&tail, 0, 100), [1, 2]);
}

#[test]
fn a_gap_that_cannot_be_read_back_is_left_to_the_readers() {
    let (log, tail) = tail(0);
    commit(&log, &tail, 1);
    log.append(1);
    log.broken.store(true, Ordering::Relaxed);
    commit(&log, &tail, 1);
    assert_eq!(tail.head(), (EPOCH, Position(3)));
    assert_eq!(after(&tail, 2, 100), [3], "memory has no gaps");
    assert!(tail.after(Position(1), 100).is_err(), "better late than skipped");
    log.broken.store(false, Ordering::Relaxed);
    assert_eq!(after(&tail, 1, 100), [2, 3]);
}

#[test]
fn followers_are_woken_by_every_commit() {
    let (log, tail) = tail(0);
    let door = Door::new("view", 10);
    tail.follow(Arc::clone(&door));
    commit(&log, &tail, 1);
    // Returns at once, or never.
    door.wait(None);
}

#[test]
fn a_row_that_does_not_read_is_told_with_its_position() {
    for body in ["", "{}", "not JSON", &serde_json::to_string(&Entry { v: 9, ..entry(5) }).unwrap()] {
        let row = LogRow { key: Uuid::nil(), at: Timestamp(0), body: body.into() };
        let read = jumun_runtime::tail::read_row(&StoredLogRow { position: Position(5), row });
        let Err(StoreError::Unusable(complaint)) = read else { panic!("`{body}` was read") };
        assert!(complaint.starts_with("log row 5: "), "{complaint}");
    }
}
