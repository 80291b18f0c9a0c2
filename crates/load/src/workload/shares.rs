//! Shares that hold exactly in every hundred draws, in an order that the seed decides.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Deals 0 to 99, each once a hundred.
pub(super) struct Hundreds {
    rng: ChaCha8Rng,
    slots: [u8; 100],
    dealt: usize,
}

impl Hundreds {
    pub(super) fn new(rng: ChaCha8Rng) -> Self {
        let mut slots = [0; 100];
        for (slot, value) in slots.iter_mut().zip(0..) {
            *slot = value;
        }
        Self { rng, slots, dealt: 100 }
    }

    /// The next one: below `percent` in `percent` of a hundred draws.
    pub(super) fn next(&mut self) -> u8 {
        if self.dealt == self.slots.len() {
            self.slots.shuffle(&mut self.rng);
            self.dealt = 0;
        }
        self.dealt += 1;
        self.slots[self.dealt - 1]
    }
}
