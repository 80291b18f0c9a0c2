//! From log to topic.

use crate::support::{EPOCH, LANES, Log, look_into, read, settings, until};
use jumun_bus::Relay;
use jumun_bus::record::HEADER_TRACE;
use rdkafka::message::{Headers, Message};
use runtime::feed::lane_for;
use runtime::ports::guard::{Guard, Hold};
use runtime::ports::store::{Epoch, Position};
use scripted::lock::Locks;
use services::Kafka;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// The positions of rows in each lane, marks left out.
fn published(settings: &jumun_bus::Settings) -> Vec<Vec<u64>> {
    let lanes = look_into(settings, &settings.topic("order"), settings.partitions);
    let rows = |lane: &Vec<_>| -> Vec<u64> {
        let records = lane.iter().map(read).filter(|record| record.entry.is_some());
        records.map(|record| record.place.position.0).collect()
    };
    lanes.iter().map(rows).collect()
}

#[test]
fn every_row_travels_as_it_is_stored_in_the_lane_of_its_key_after_the_one_before_it() {
    let settings = settings(Kafka::shared().unwrap(), "as-stored");
    let log = Log::new();
    log.say(150);
    let relay = log.relay(&settings);
    until("what was there is published", || relay.published() == Position(150));
    log.say(50);
    until("what is said is published", || relay.published() == Position(200));
    relay.stop();
    let rows = log.rows();
    let mut count = 0;
    for (lane, messages) in (0..).zip(look_into(&settings, &settings.topic("order"), LANES)) {
        let mut previous = Position(0);
        for message in &messages {
            let record = read(message);
            assert_eq!((record.place.epoch, record.place.previous), (EPOCH, previous));
            previous = record.place.position;
            let Some(entry) = record.entry else { continue };
            let stored = &rows[usize::try_from(previous.0).unwrap() - 1].row;
            assert_eq!(message.payload(), Some(stored.body.as_bytes()));
            assert_eq!(message.key(), Some(stored.key.to_string().as_bytes()));
            assert_eq!(lane_for(stored.key, LANES), lane);
            let trace = message.headers().unwrap().iter().find(|header| header.key == HEADER_TRACE);
            assert_eq!(trace.unwrap().value, Some(entry.trace.to_string().as_bytes()));
            count += 1;
        }
    }
    assert_eq!(count, 200);
}

#[test]
fn a_relay_goes_on_where_the_topic_ends() {
    let settings = settings(Kafka::shared().unwrap(), "goes-on");
    let log = Log::new();
    for _ in 0..3 {
        log.say(40);
        log.publish(&settings);
    }
    for (lane, rows) in (0_u64..).zip(published(&settings)) {
        let expected: Vec<u64> = (1..=120).filter(|at| at % u64::from(LANES) == lane).collect();
        assert_eq!(rows, expected);
    }
}

/// A lock that knows how often it was asked for.
struct Counting {
    lock: Arc<dyn Guard>,
    asked: Arc<AtomicU64>,
}

impl Guard for Counting {
    fn hold(&self) -> Hold {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.lock.hold()
    }

    fn release(&self) {
        self.lock.release();
    }
}

#[test]
fn of_two_relays_the_one_that_holds_the_lease_publishes() {
    let settings = settings(Kafka::shared().unwrap(), "lease");
    let (log, locks) = (Log::new(), Arc::new(Locks::default()));
    let asked = Arc::new(AtomicU64::new(0));
    let relay = |who| {
        let lease = Counting { lock: locks.guard("relay order", who), asked: Arc::clone(&asked) };
        Relay::start(&settings, &log.tail, Arc::clone(&log.reader), Some(Arc::new(lease))).unwrap()
    };
    log.say(10);
    let one = relay("one");
    until("the first publishes", || one.published() == Position(10));
    // It asks before everything that it does: from here on only the other does.
    one.stop();
    locks.guard("relay order", "one").hold();
    asked.store(0, Ordering::Relaxed);
    let other = relay("other");
    log.say(10);
    until("the other has been refused", || asked.load(Ordering::Relaxed) > 5);
    assert_eq!(other.published(), Position(0));
    let one = relay("one");
    until("the first goes on", || one.published() == Position(20));
    one.stop();
    log.say(10);
    until("the other takes over", || other.published() == Position(30));
    assert_eq!(published(&settings).iter().map(Vec::len).sum::<usize>(), 30, "nothing came twice");
}

#[test]
fn a_topic_with_another_number_of_partitions_is_refused() {
    let mut settings = settings(Kafka::shared().unwrap(), "partitions");
    let log = Log::new();
    log.say(1);
    log.publish(&settings);
    settings.partitions = LANES + 1;
    let relay = log.relay(&settings);
    until("it is refused", || relay.trouble().is_some());
    let why = relay.trouble().unwrap();
    assert!(why.starts_with("topic partitions.order has 4 partitions, and 5 are configured"), "{why}");
    assert_eq!(relay.published(), Position(0));
}

#[test]
fn a_log_restored_from_an_older_backup_is_refused_until_it_begins_a_new_epoch() {
    let settings = settings(Kafka::shared().unwrap(), "restored");
    let log = Log::new();
    log.say(30);
    log.publish(&settings);
    let restored = Log::new();
    restored.say(10);
    let relay = restored.relay(&settings);
    until("it is refused", || relay.trouble().is_some());
    let why = relay.trouble().unwrap();
    assert!(why.contains("was restored from an older backup") && why.contains("--new-epoch order"), "{why}");
    restored.new_epoch(Epoch(Uuid::from_u128(2)));
    until("its new life is published", || relay.published() == Position(10));
    assert_eq!(relay.trouble(), None);
}
