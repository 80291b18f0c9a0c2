//! The instances of a unit: where each is, which is asked next, and which have stopped answering.

use crate::breaker::Breaker;
use futures::future::join_all;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::watch;

/// How often instances are looked after, and how long one may take to say that it lives.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// At least one instance, asked in turn; one that failed often just before is left alone for a while, and the others are asked instead.
pub struct Instances {
    all: Vec<Instance>,
    turn: AtomicUsize,
}

/// One of them.
pub struct Instance {
    address: String,
    breaker: Mutex<Breaker>,
    gone: watch::Sender<bool>,
}

impl Instances {
    /// Those at `addresses`: `http://host:port`, several of them with commas between.
    #[must_use]
    pub fn at(addresses: &str) -> Arc<Self> {
        let one = |address: &str| Instance {
            address: address.trim().trim_end_matches('/').to_owned(),
            breaker: Mutex::default(),
            gone: watch::Sender::new(false),
        };
        Arc::new(Self { all: addresses.split(',').map(one).collect(), turn: AtomicUsize::new(0) })
    }

    /// The next one that may be asked at `now`; none, if all failed too often.
    pub fn next(&self, now: Duration) -> Option<&Instance> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = || {
            let at = (0..self.all.len()).map(move |further| first.wrapping_add(further) % self.all.len());
            at.filter_map(|at| self.all.get(at))
        };
        let may_be_asked = |one: &&Instance| one.breaker.lock().admits(now);
        // Where all are gone, whoever looked may be wrong.
        in_turn().filter(|one| !one.is_gone()).find(may_be_asked).or_else(|| in_turn().find(may_be_asked))
    }

    /// One of them, whatever it did before.
    #[must_use]
    pub fn any(&self) -> Option<&Instance> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.all.get(turn % self.all.len().max(1))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Instance] {
        &self.all
    }

    /// Whether none may be asked.
    #[must_use]
    pub fn are_spared(&self) -> bool {
        self.all.iter().all(|one| one.breaker.lock().is_open())
    }

    /// Looks again and again which of them live, for as long as anybody holds them. A process that is paused keeps its connections open,
    /// and says nothing: whoever waits for it is told. One instance alone is not looked after, for there is nobody to ask instead.
    pub async fn look_after(them: Weak<Self>, http: reqwest::Client) {
        while let Some(instances) = them.upgrade().filter(|instances| instances.all.len() > 1) {
            join_all(instances.all.iter().map(|one| one.look(&http))).await;
            drop(instances);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Instance {
    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// It answered, whatever the answer.
    pub fn answered(&self) {
        self.breaker.lock().answered();
    }

    /// It did not answer.
    pub fn failed(&self, now: Duration) {
        self.breaker.lock().failed(now);
    }

    /// Waits until it stops answering.
    pub async fn has_gone(&self) {
        let mut gone = self.gone.subscribe();
        while gone.changed().await.is_ok() {
            if *gone.borrow_and_update() {
                return;
            }
        }
    }

    fn is_gone(&self) -> bool {
        *self.gone.borrow()
    }

    fn seen(&self, lives: bool) {
        self.gone.send_if_modified(|gone| std::mem::replace(gone, !lives) == lives);
    }

    async fn look(&self, http: &reqwest::Client) {
        let asked = http.get(format!("{}/healthz", self.address)).timeout(LOOK_EVERY).send().await;
        self.seen(asked.is_ok_and(|answer| answer.status().is_success()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn next(instances: &Instances) -> Option<&str> {
        instances.next(NOW).map(Instance::address)
    }

    #[test]
    fn instances_are_asked_in_turn_and_one_that_fails_is_passed_over() {
        let instances = Instances::at("http://a:1, http://b:2/");
        let asked: Vec<_> = (0..4).map(|_| next(&instances)).collect();
        assert_eq!(asked, [Some("http://a:1"), Some("http://b:2"), Some("http://a:1"), Some("http://b:2")]);
        for _ in 0..5 {
            instances.all()[0].failed(NOW);
        }
        assert!(!instances.are_spared());
        assert_eq!((next(&instances), next(&instances)), (Some("http://b:2"), Some("http://b:2")));
        for _ in 0..5 {
            instances.all()[1].failed(NOW);
        }
        assert_eq!(next(&instances), None);
        assert!(instances.are_spared() && instances.any().is_some());
        instances.all()[1].answered();
        assert_eq!(next(&instances), Some("http://b:2"));
    }

    #[tokio::test]
    async fn one_that_stops_answering_is_not_asked_and_who_waits_for_it_is_told() {
        let instances = Instances::at("http://a:1,http://b:2");
        let paused = &instances.all()[0];
        let (told, ()) = tokio::join!(paused.has_gone(), async { paused.seen(false) });
        assert_eq!((told, next(&instances), next(&instances)), ((), Some("http://b:2"), Some("http://b:2")));
        instances.all()[1].seen(false);
        assert!(next(&instances).is_some(), "whoever looked may be wrong");
        paused.seen(true);
        assert_eq!((next(&instances), next(&instances)), (Some("http://a:1"), Some("http://a:1")));
    }
}
