//! Brokers and relays that die.

use crate::support::{Follower, Log, Own, look_into, read, settings, until};
use services::Kafka;

#[test]
fn a_broker_that_is_killed_under_load_loses_nothing() {
    let kafka = Kafka::start().unwrap();
    let settings = settings(&kafka, "killed");
    let (log, own) = (Log::new(), Own::new());
    let relay = log.relay(&settings);
    let mut follower = Follower::new(&settings, &log, &own);
    log.say(200);
    follower.until("it runs", |follower| !follower.all().is_empty());
    for round in 1..=2 {
        // While it is being killed, and while it is away.
        log.say(300);
        kafka.kill_9().unwrap();
        log.say(300);
        follower.step(true);
        kafka.restart().unwrap();
        let head = 200 + round * 600;
        until("everything is published", || relay.published().0 == head);
    }
    follower.until("everything is heard", |follower| follower.through() == 1_400);
    assert_eq!(follower.all(), (1..=1_400).collect::<Vec<_>>());
    assert!(follower.in_order());
}

#[test]
fn a_relay_that_is_killed_anywhere_leaves_no_hole() {
    let kafka = Kafka::shared().unwrap();
    let settings = settings(kafka, "no-hole");
    let (log, own) = (Log::new(), Own::new());
    for _ in 0..5 {
        log.say(700);
        // It ends with records on their way, of which nobody knows whether the broker has them.
        let relay = log.relay(&settings);
        until("it has begun", || relay.published().0 > 0 || relay.trouble().is_some());
        log.say(700);
        drop(relay);
    }
    log.publish(&settings);
    for lane in look_into(&settings, &settings.topic("order"), settings.partitions) {
        let mut last = 0;
        for record in lane.iter().map(read) {
            assert!(record.place.previous.0 <= last, "a hole before {}", record.place.position.0);
            last = last.max(record.place.position.0);
        }
    }
    let mut follower = Follower::new(&settings, &log, &own);
    follower.until("everything is heard", |follower| follower.through() == 7_000);
    assert_eq!(follower.all().len(), 7_000);
    assert!(follower.in_order());
}
