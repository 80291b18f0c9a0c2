//! Watches the wall clock against the monotonic one: expiry and pruning go by the wall clock, and must not run while it jumps.

use kernel::Timestamp;
use std::time::Duration;

/// A difference that is no drift.
const JUMP: Duration = Duration::from_secs(5);
/// How long the clocks must agree again.
const CALM: Duration = Duration::from_secs(60);

/// What the guard saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// The clocks agree.
    Agree,
    /// The wall clock has just jumped, by this many milliseconds.
    Jumped(i64),
    /// It jumped a while ago; not yet trusted again.
    Suspended,
}

/// Compares the two clocks over time.
#[derive(Clone, Debug, Default)]
pub struct ClockGuard {
    /// Wall minus monotonic, in milliseconds, when last trusted.
    trusted: Option<i64>,
    /// Where the wall clock has jumped to, and when: not trusted yet.
    jumped: Option<(i64, Duration)>,
}

fn offset(wall: Timestamp, elapsed: Duration) -> i64 {
    wall.0.saturating_sub(millis(elapsed))
}

fn millis(elapsed: Duration) -> i64 {
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

impl ClockGuard {
    /// Looks at both clocks.
    pub fn look(&mut self, wall: Timestamp, elapsed: Duration) -> Sighting {
        let now = offset(wall, elapsed);
        let trusted = *self.trusted.get_or_insert(now);
        let (known, since) = self.jumped.unwrap_or((trusted, Duration::ZERO));
        let jump = now.saturating_sub(known);
        if Duration::from_millis(jump.unsigned_abs()) > JUMP {
            self.jumped = Some((now, elapsed));
            return Sighting::Jumped(jump);
        }
        if self.jumped.is_some() && elapsed.saturating_sub(since) < CALM {
            return Sighting::Suspended;
        }
        self.jumped = None;
        // Slow drift (NTP slewing) is followed.
        self.trusted = Some(now);
        Sighting::Agree
    }

    /// The time to decide by: the wall clock's, or, while that is not trusted, what it would show had it not jumped.
    #[must_use]
    pub fn time(&self, wall: Timestamp, elapsed: Duration) -> Timestamp {
        match (self.jumped, self.trusted) {
            (Some(_), Some(trusted)) => Timestamp(trusted.saturating_add(millis(elapsed))),
            (None, _) | (_, None) => wall,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_suspends_until_the_clocks_agree_for_a_minute() {
        let mut guard = ClockGuard::default();
        let s = Duration::from_secs;
        assert_eq!(guard.look(Timestamp(1_000_000), s(0)), Sighting::Agree);
        assert_eq!(guard.look(Timestamp(1_010_000), s(10)), Sighting::Agree);
        assert_eq!(guard.look(Timestamp(4_620_000), s(20)), Sighting::Jumped(3_600_000));
        assert_eq!(guard.look(Timestamp(4_630_000), s(30)), Sighting::Suspended);
        assert_eq!(guard.time(Timestamp(4_630_000), s(30)), Timestamp(1_030_000), "time goes on as before");
        assert_eq!(guard.look(Timestamp(4_690_000), s(90)), Sighting::Agree);
        assert_eq!(guard.time(Timestamp(4_690_000), s(90)), Timestamp(4_690_000));
        assert_eq!(guard.look(Timestamp(1_100_000), s(100)), Sighting::Jumped(-3_600_000));
    }
}
