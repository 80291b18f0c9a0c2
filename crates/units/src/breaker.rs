//! A circuit breaker: who failed often just before is left alone for a while, so that callers fail at once instead of waiting.

use std::time::Duration;

/// After so many failures in a row, calls are spared.
const PATIENCE: u32 = 5;
/// How long they are, until one is let through to see.
const REST: Duration = Duration::from_millis(500);

/// What is known of one callee. It knows no clock: `now` is any time that never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    /// Until when calls are spared; none while it is closed.
    spared_until: Option<Duration>,
}

impl Breaker {
    /// Whether a call may be tried now. After a rest one is let through; the others rest on until it is known how that went.
    pub fn admits(&mut self, now: Duration) -> bool {
        match self.spared_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.spared_until = Some(now + REST);
                true
            }
        }
    }

    /// A call was answered, whatever the answer.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// A call was not answered.
    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= PATIENCE {
            self.spared_until = Some(now + REST);
        }
    }

    /// Whether calls are spared.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.spared_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..PATIENCE {
            assert!(breaker.admits(NOW) && !breaker.is_open());
            breaker.failed(NOW);
        }
        breaker
    }

    #[test]
    fn who_fails_often_is_left_alone_for_a_while() {
        let mut breaker = opened();
        assert!(breaker.is_open() && !breaker.admits(NOW));
        assert!(!breaker.admits(NOW + REST - Duration::from_millis(1)));
    }

    #[test]
    fn after_a_rest_one_is_let_through_to_see() {
        let mut breaker = opened();
        let later = NOW + REST;
        assert!(breaker.admits(later), "one");
        assert!(!breaker.admits(later), "and no other meanwhile");
        breaker.failed(later);
        assert!(!breaker.admits(later));
        assert!(breaker.admits(later + REST));
        breaker.answered();
        assert!(breaker.admits(later + REST) && !breaker.is_open());
    }

    #[test]
    fn an_answer_forgets_the_failures_before_it() {
        let mut breaker = Breaker::default();
        for _ in 0..3 * PATIENCE {
            breaker.failed(NOW);
            breaker.answered();
        }
        assert_eq!(breaker, Breaker::default());
    }
}
