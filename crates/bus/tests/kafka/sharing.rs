//! Several instances of a unit share the lanes.

use crate::support::{Follower, LANES, Log, Own, committed, settings, until};
use services::Kafka;

#[test]
fn instances_share_the_lanes_and_the_last_takes_them_all() {
    let settings = settings(Kafka::shared().unwrap(), "sharing");
    let (log, own) = (Log::new(), Own::new());
    let relay = log.relay(&settings);
    let mut one = Follower::new(&settings, &log, &own);
    log.say(40);
    one.until("the first hears everything", |one| one.all().len() == 40);
    let mut other = Follower::new(&settings, &log, &own);
    until("they share", || {
        one.step(true);
        other.step(true);
        let (mine, theirs) = (one.listener.holds("order").len(), other.listener.holds("order").len());
        mine > 0 && theirs > 0 && mine + theirs == LANES as usize
    });
    log.say(40);
    let heard = |one: &Follower, other: &Follower| {
        let mut all = one.all();
        all.extend(other.all());
        all.sort_unstable();
        all.dedup();
        all.len()
    };
    until("between them they hear everything", || {
        one.step(true);
        other.step(true);
        heard(&one, &other) == 80
    });
    let whole = |one: &Follower| one.through() == 80;
    until("each knows how far the other is", || {
        one.step(true);
        other.step(true);
        whole(&one) && whole(&other)
    });
    // It took rows that it has not committed when it goes.
    log.say(40);
    until("it has taken some", || {
        one.step(false);
        one.all().len() > 60
    });
    one.listener.stop();
    drop(one);
    other.until("the other holds all lanes", |other| other.listener.holds("order").len() == LANES as usize);
    other.until("nothing is lost", |other| other.through() == 120);
    relay.stop();
    assert!(other.in_order());
    let last: Vec<u64> = other.all().into_iter().filter(|at| *at > 80).collect();
    assert_eq!(last, (81..=120).collect::<Vec<_>>(), "what was taken and not committed is decided here");
}

#[test]
fn an_offset_is_committed_for_what_the_database_has_committed() {
    let settings = settings(Kafka::shared().unwrap(), "offsets");
    let (log, own) = (Log::new(), Own::new());
    log.say(40);
    log.publish(&settings);
    let mut one = Follower::new(&settings, &log, &own);
    until("it has taken everything", || {
        one.step(false);
        one.all().len() == 40
    });
    one.listener.stop();
    assert_eq!(committed(&settings), [None; LANES as usize], "its database has none of it");
    let mut other = Follower::new(&settings, &log, &own);
    other.until("it is committed", |other| other.all().len() == 40);
    other.listener.stop();
    assert_eq!(committed(&settings), [Some(10); LANES as usize]);
}
