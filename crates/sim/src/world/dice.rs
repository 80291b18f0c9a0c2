//! Where everything that is left to chance comes from: one seed, a stream for each purpose, so that what one draws more does not
//! change what another draws.

use parking_lot::Mutex;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// One stream of chance.
pub(crate) struct Dice(Mutex<ChaCha8Rng>);

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// What clients do.
    Clients,
    /// Which kinds of fault a run has, and how often.
    Climate,
    /// When faults strike.
    Faults,
    /// Who moves next.
    Order,
    /// How long messages travel.
    Network,
    /// What the gateway and the data platform do.
    Outside,
}

/// The generator of `seed` for `purpose`.
#[must_use]
pub(crate) fn chance(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    chance.set_stream(purpose as u64);
    chance
}

impl Dice {
    /// The stream of `seed` for `purpose`.
    #[must_use]
    pub(crate) fn new(seed: u64, purpose: Purpose) -> Self {
        Self(Mutex::new(chance(seed, purpose)))
    }

    /// True so many times in ten thousand.
    pub(crate) fn strikes(&self, per_10_000: u32) -> bool {
        per_10_000 > 0 && self.0.lock().random_range(0..10_000) < per_10_000
    }

    /// From `low` to `high`, both included.
    pub(crate) fn between(&self, low: u64, high: u64) -> u64 {
        self.0.lock().random_range(low..=high.max(low))
    }

    /// A place in something with `count` places; 0 if it has none.
    pub(crate) fn below(&self, count: usize) -> usize {
        if count == 0 { 0 } else { self.0.lock().random_range(0..count) }
    }

    /// One of them.
    pub(crate) fn pick<T: Copy>(&self, first: T, others: &[T]) -> T {
        match self.below(others.len() + 1) {
            0 => first,
            at => others[at - 1],
        }
    }

    /// Puts them in any order.
    pub(crate) fn shuffle<T>(&self, all: &mut [T]) {
        all.shuffle(&mut *self.0.lock());
    }
}
