//! Faults that are switched on and off while the simulator runs.

use parking_lot::Mutex;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// What goes wrong. The default is nothing. As JSON in `PUT /v1/faults`, where a field left out is at its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Every call about charges is answered 503, and changes nothing.
    pub outage: bool,
    /// Every call about charges takes this much longer, in milliseconds, before anything is looked at or changed.
    pub slow_ms: u64,
    /// So many in a hundred charges and cancels are answered 500 and change nothing.
    pub fail_percent: u8,
    /// So many in a hundred charges are recorded, and then answered 500.
    pub charge_then_fail_percent: u8,
    /// Every cancel of an approved charge is refused, definitively (403).
    pub cancel_refused: bool,
    /// Idempotency keys are past their lifetime: a query finds nothing, and a charge sent again charges **again**. Cancels
    /// and the book still know every charge.
    pub forget_keys: bool,
}

impl Faults {
    /// The extra delay of each call.
    #[must_use]
    pub fn slow(&self) -> Duration {
        Duration::from_millis(self.slow_ms)
    }

    /// Whether every percentage is one.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.fail_percent <= 100 && self.charge_then_fail_percent <= 100
    }
}

/// The faults in force, shared with the running simulator.
#[derive(Clone, Debug, Default)]
pub struct FaultSwitch {
    faults: Arc<Mutex<Faults>>,
}

impl FaultSwitch {
    /// The faults in force.
    #[must_use]
    pub fn get(&self) -> Faults {
        *self.faults.lock()
    }

    /// Puts these in force instead, for every call that comes after. A percentage above 100 is always.
    pub fn set(&self, faults: Faults) {
        *self.faults.lock() = faults;
    }

    /// Nothing goes wrong any more, but for the cards that do.
    pub fn clear(&self) {
        self.set(Faults::default());
    }
}

/// Chance, drawn from a seed.
pub(super) struct Dice {
    rng: Mutex<ChaCha8Rng>,
}

impl Dice {
    /// `stream` keeps the draws of one purpose from depending on those of another.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self { rng: Mutex::new(rng) }
    }

    /// True `percent` times in a hundred. Certainties draw nothing.
    pub(super) fn falls(&self, percent: u8) -> bool {
        match percent {
            0 => false,
            100.. => true,
            _ => self.rng.lock().random_range(0..100) < percent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(dice: &Dice, percent: u8) -> usize {
        (0..1_000).filter(|_| dice.falls(percent)).count()
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let sequence = |dice: &Dice| (0..100).map(|_| dice.falls(50)).collect::<Vec<_>>();
        assert_eq!(sequence(&Dice::new(7, 0)), sequence(&Dice::new(7, 0)));
        assert_ne!(sequence(&Dice::new(7, 0)), sequence(&Dice::new(7, 1)));
    }

    #[test]
    fn a_percentage_is_about_that_many_in_a_hundred() {
        let dice = Dice::new(1, 0);
        assert_eq!(draws(&dice, 0), 0);
        assert_eq!(draws(&dice, 100), 1_000);
        assert!((150..250).contains(&draws(&dice, 20)));
    }
}
