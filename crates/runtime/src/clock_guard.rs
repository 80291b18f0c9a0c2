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
    offset: Option<i64>,
    calm_since: Option<Duration>,
}

impl ClockGuard {
    /// Looks at both clocks.
    pub fn look(&mut self, wall: Timestamp, elapsed: Duration) -> Sighting {
        let now = wall.0.saturating_sub(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX));
        let Some(offset) = self.offset else {
            self.offset = Some(now);
            return Sighting::Agree;
        };
        let jump = now.saturating_sub(offset);
        if Duration::from_millis(jump.unsigned_abs()) > JUMP {
            self.offset = Some(now);
            self.calm_since = Some(elapsed);
            return Sighting::Jumped(jump);
        }
        match self.calm_since {
            Some(since) if elapsed.saturating_sub(since) < CALM => Sighting::Suspended,
            _ => {
                self.calm_since = None;
                // Slow drift (NTP slewing) is followed.
                self.offset = Some(now);
                Sighting::Agree
            }
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
        assert_eq!(guard.look(Timestamp(4_690_000), s(90)), Sighting::Agree);
        assert_eq!(guard.look(Timestamp(1_100_000), s(100)), Sighting::Jumped(-3_600_000));
    }
}
