//! The instances of a unit: where each is, and which is asked next.

use crate::breaker::Breaker;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// At least one instance, asked in turn; one that failed often just before is left alone for a while, and the others are asked instead.
pub struct Instances {
    all: Vec<Instance>,
    turn: AtomicUsize,
}

/// One of them.
pub struct Instance {
    address: String,
    breaker: Mutex<Breaker>,
}

impl Instances {
    /// Those at `addresses`: `http://host:port`, several of them with commas between.
    #[must_use]
    pub fn at(addresses: &str) -> Self {
        let one = |address: &str| Instance {
            address: address.trim().trim_end_matches('/').to_owned(),
            breaker: Mutex::default(),
        };
        Self { all: addresses.split(',').map(one).collect(), turn: AtomicUsize::new(0) }
    }

    /// The next one that may be asked at `now`; none, if all failed too often.
    pub fn next(&self, now: Duration) -> Option<&Instance> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut in_turn = (0..self.all.len()).map(|further| first.wrapping_add(further) % self.all.len());
        in_turn.find_map(|at| self.all.get(at).filter(|one| one.breaker.lock().admits(now)))
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
}
