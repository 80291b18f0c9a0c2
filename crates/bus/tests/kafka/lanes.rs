//! From topic to database.

use crate::support::{EPOCH, Follower, Hand, LANES, Log, Own, look_into, records, settings};
use jumun_bus::record::{self, HEADER_VERSION};
use rdkafka::message::{Headers, Message};
use runtime::feed::lane_name;
use runtime::ports::store::{Epoch, Position};
use services::Kafka;
use uuid::Uuid;

fn lane(of: u32) -> String {
    lane_name("order", of, LANES)
}

#[test]
fn a_follower_hears_every_row_once_in_the_order_of_its_lane() {
    let settings = settings(Kafka::shared().unwrap(), "hears");
    let (log, own) = (Log::new(), Own::new());
    let relay = log.relay(&settings);
    let mut follower = Follower::new(&settings, &log, &own);
    for _ in 0..20 {
        log.say(17);
        follower.step(true);
    }
    follower.until("everything is heard", |follower| follower.through() == 340);
    relay.stop();
    assert_eq!(follower.all(), (1..=340).collect::<Vec<_>>());
    assert!(follower.in_order());
}

#[test]
fn a_lane_that_has_nothing_to_say_does_not_lag() {
    let settings = settings(Kafka::shared().unwrap(), "marks");
    let (log, own) = (Log::new(), Own::new());
    let relay = log.relay(&settings);
    let mut follower = Follower::new(&settings, &log, &own);
    log.say(1);
    follower.until("all lanes stand at the head", |follower| follower.through() == 1);
    relay.stop();
    assert_eq!(follower.all(), [1]);
    assert!((0..LANES).all(|of| own.stored(&lane(of)) == Position(1)), "so that the log can be pruned");
}

#[test]
fn what_comes_twice_is_heard_once() {
    let settings = settings(Kafka::shared().unwrap(), "twice");
    let (log, own) = (Log::new(), Own::new());
    log.say(12);
    log.publish(&settings);
    let (hand, rows) = (Hand::new(&settings), log.rows());
    let records = records(&rows);
    // As a relay would that did not know how far another had come.
    for (place, row) in records.iter().zip(&rows) {
        hand.row(*place, row);
    }
    let mut follower = Follower::new(&settings, &log, &own);
    log.say(8);
    log.publish(&settings);
    follower.until("everything is heard", |follower| follower.all().len() == 20);
    assert_eq!(follower.all(), (1..=20).collect::<Vec<_>>());
    assert!(follower.in_order());
}

#[test]
fn what_the_broker_lost_is_read_from_the_log() {
    let settings = settings(Kafka::shared().unwrap(), "gap");
    let (log, own) = (Log::new(), Own::new());
    log.publish(&settings);
    let mut follower = Follower::new(&settings, &log, &own);
    log.say(24);
    let (hand, rows) = (Hand::new(&settings), log.rows());
    let lost = [5, 9, 10, 11];
    for (place, row) in records(&rows).iter().zip(&rows) {
        if !lost.contains(&row.position.0) {
            hand.row(*place, row);
        }
    }
    follower.until("everything is heard", |follower| follower.all().len() == 24);
    assert!(follower.in_order());
    assert_eq!(follower.error, None);
}

#[test]
fn a_gap_that_the_log_cannot_fill_stops_the_lane_and_says_why() {
    let settings = settings(Kafka::shared().unwrap(), "pruned");
    let (log, own) = (Log::new(), Own::new());
    log.publish(&settings);
    let mut follower = Follower::new(&settings, &log, &own);
    log.say(12);
    let (hand, rows) = (Hand::new(&settings), log.rows());
    let records = records(&rows);
    // Lane 0 has 4, 8 and 12.
    hand.row(records[3], &rows[3]);
    hand.row(records[11], &rows[11]);
    log.prune(9);
    follower.until("it is said", |follower| follower.error.is_some());
    assert!(follower.error.as_ref().unwrap().contains("its log begins at 10 by now"));
    assert_eq!(follower.all(), [4], "nothing behind the gap is heard");
    assert_eq!(own.stored(&lane(0)), Position(4));
}

#[test]
fn what_cannot_be_read_goes_to_the_dead_letter_topic_and_its_neighbours_pass() {
    let settings = settings(Kafka::shared().unwrap(), "poison");
    let (log, own) = (Log::new(), Own::new());
    log.publish(&settings);
    let mut follower = Follower::new(&settings, &log, &own);
    log.say(12);
    let (hand, rows) = (Hand::new(&settings), log.rows());
    let records = records(&rows);
    for (index, (place, row)) in records.iter().zip(&rows).enumerate() {
        match index {
            3 => {
                // None of ours at all, and then a row whose body was spoilt on its way.
                hand.publish(0, &record::Framed { key: None, headers: Vec::new(), value: Some(b"hello") });
                let mut spoilt = record::of_row(place.1, row);
                spoilt.value = Some(b"{");
                hand.publish(place.0, &spoilt);
            }
            7 => {
                let mut later = record::of_row(place.1, row);
                later.headers.retain(|(name, _)| *name != HEADER_VERSION);
                later.headers.push((HEADER_VERSION, "2".to_owned()));
                hand.publish(place.0, &later);
            }
            _ => hand.row(*place, row),
        }
    }
    follower.until("everything is heard", |follower| follower.all().len() == 12);
    assert!(follower.in_order());
    let dead = look_into(&settings, &settings.dead_topic("order"), 1).remove(0);
    let why = |message: &rdkafka::message::OwnedMessage| {
        let headers = message.headers().unwrap();
        let error = headers.iter().find(|header| header.key == "jumun-error").unwrap();
        String::from_utf8(error.value.unwrap().to_vec()).unwrap()
    };
    let why: Vec<String> = dead.iter().map(why).collect();
    assert_eq!(why.len(), 3, "{why:?}");
    assert_eq!(why[0], "it has no header jumun-version");
    assert!(why[1].starts_with("its value does not read"), "{why:?}");
    assert_eq!(why[2], "it is of version 2, and this program reads version 1");
    assert_eq!(dead[0].payload(), Some(b"hello".as_slice()), "it is kept as it was");
}

#[test]
fn a_group_that_is_behind_its_database_repeats_nothing() {
    let settings = settings(Kafka::shared().unwrap(), "behind");
    let (log, own) = (Log::new(), Own::new());
    log.say(40);
    log.publish(&settings);
    // As if it had followed by other means so far.
    (0..LANES).for_each(|of| own.store(&lane(of), Position(24)));
    let mut follower = Follower::new(&settings, &log, &own);
    follower.until("the rest is heard", |follower| follower.through() == 40);
    assert_eq!(follower.all(), (25..=40).collect::<Vec<_>>());
}

#[test]
fn a_group_that_is_ahead_of_its_database_misses_nothing() {
    let settings = settings(Kafka::shared().unwrap(), "ahead");
    let (log, own) = (Log::new(), Own::new());
    log.say(40);
    log.publish(&settings);
    let mut follower = Follower::new(&settings, &log, &own);
    follower.until("everything is heard", |follower| follower.through() == 40);
    follower.listener.stop();
    // Its database comes back from an older backup, and nobody says anything more.
    let restored = Own::new();
    (0..LANES).for_each(|of| restored.store(&lane(of), Position(8)));
    let mut follower = Follower::new(&settings, &log, &restored);
    follower.until("what is missing is heard again", |follower| follower.through() == 40);
    assert_eq!(follower.all(), (9..=40).collect::<Vec<_>>());
    assert!(follower.in_order());
}

#[test]
fn a_log_that_begins_another_life_is_not_followed_until_the_follower_starts_again() {
    let settings = settings(Kafka::shared().unwrap(), "epochs");
    let (log, own) = (Log::new(), Own::new());
    let relay = log.relay(&settings);
    let mut follower = Follower::new(&settings, &log, &own);
    log.say(8);
    follower.until("everything is heard", |follower| follower.through() == 8);
    log.new_epoch(Epoch(Uuid::from_u128(2)));
    assert_ne!(log.reader.log_state().unwrap().epoch, EPOCH);
    log.say(8);
    follower.until("it is noticed", |follower| follower.error.is_some());
    relay.stop();
    assert!(follower.error.as_ref().unwrap().contains("order has begun a new epoch"));
    assert_eq!(follower.all(), (1..=8).collect::<Vec<_>>());
}
