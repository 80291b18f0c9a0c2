//! UUIDv7 from the machine's clock and random numbers.

use crate::ports::clock::Clock;
use kernel::ids::Ids;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use std::sync::Arc;
use uuid::Uuid;

/// Ids of one database: each larger than the one before, also when the wall clock goes back.
pub struct V7Ids {
    clock: Arc<dyn Clock>,
    last_ms: u64,
    counter: u16,
    chance: Box<dyn RngCore + Send>,
}

/// The counter within a millisecond has 12 bits.
const COUNTER_END: u16 = 1 << 12;

impl V7Ids {
    /// Ids by `clock`, none of them made before `not_before_ms` (milliseconds since the epoch): the published horizon.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, not_before_ms: u64) -> Self {
        Self::drawn_from(Box::new(StdRng::from_os_rng()), clock, not_before_ms)
    }

    /// As [`V7Ids::new`], with `chance` as the source of what is random in them.
    #[must_use]
    pub fn drawn_from(chance: Box<dyn RngCore + Send>, clock: Arc<dyn Clock>, not_before_ms: u64) -> Self {
        Self { clock, last_ms: not_before_ms, counter: 0, chance }
    }
}

impl Ids for V7Ids {
    fn next(&mut self) -> Uuid {
        let now = u64::try_from(self.clock.now().0).unwrap_or(0);
        if now > self.last_ms {
            self.last_ms = now;
            self.counter = 0;
        } else {
            self.counter += 1;
            if self.counter == COUNTER_END {
                self.last_ms += 1;
                self.counter = 0;
            }
        }
        // 12 bits of counter where UUIDv7 has rand_a, 62 random bits behind it.
        let mut tail = [0_u8; 10];
        self.chance.fill_bytes(&mut tail[2..]);
        tail[..2].copy_from_slice(&self.counter.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(self.last_ms, &tail).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::SystemClock;

    #[test]
    fn ids_grow_even_within_a_millisecond() {
        let mut ids = V7Ids::new(Arc::new(SystemClock::default()), 0);
        let mut last = ids.next();
        for _ in 0..20_000 {
            let next = ids.next();
            assert!(next > last);
            last = next;
        }
    }
}
