//! What one client does from its beginning to its end: a script that asks, rests, and goes on by what it is told.

use super::answers::Answer;
use super::mix::{Mix, PerMille};
use super::requests::{Amount, Ask, Caller, Id, Key, Millis};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

/// One errand's own part: it decides what follows from what is heard. Sending, waiting and asking again is the population's.
pub(super) trait Script {
    /// What follows from `news` at `now`.
    fn go_on(&mut self, now: Millis, news: News<'_>, desk: &mut Desk) -> Then;
}

/// What a script hears.
pub(super) enum News<'a> {
    /// It begins, or a rest is over.
    Time,
    /// What it asked was answered.
    Told(&'a Answer),
    /// No answer came, and it is not to be asked again.
    Lost,
}

/// What a script does next.
pub(super) enum Then {
    /// It asks, and goes on by the answer.
    Ask(Box<Asking>),
    /// It rests until then, or until the calm.
    Rest(Millis),
    /// It is over.
    Over,
}

/// A question, and how it is asked.
pub(super) struct Asking {
    pub(super) from: Caller,
    pub(super) ask: Ask,
    /// Sent at once this many times; the first answer counts.
    pub(super) copies: u32,
    /// Whether it is asked until it is answered. What has no key, and would be done twice, is not.
    pub(super) again: bool,
    /// Sent beside it, under the same key; nobody waits for the answer.
    pub(super) decoy: Option<Ask>,
}

impl Asking {
    /// Asked until it is answered.
    pub(super) fn until_answered(from: Caller, ask: Ask) -> Box<Self> {
        Box::new(Self { from, ask, copies: 1, again: true, decoy: None })
    }

    /// Asked once.
    pub(super) fn once(from: Caller, ask: Ask) -> Box<Self> {
        Box::new(Self { from, ask, copies: 1, again: false, decoy: None })
    }
}

/// What all clients share: chance, what they have learned, and whom they set going.
pub(super) struct Desk {
    pub(super) rng: ChaCha8Rng,
    pub(super) mix: Mix,
    pub(super) known: Known,
    /// Nothing new is begun any more.
    pub(super) calm: bool,
    /// Products, campaigns and customers are there: orders begin.
    pub(super) open: bool,
    /// All orders of the mix have begun.
    pub(super) all_begun: bool,
    /// Errands to be begun, and when.
    pub(super) begun: Vec<(Millis, Box<dyn Script>)>,
    numbers: u64,
}

/// What clients have learned from answers.
#[derive(Default)]
pub(super) struct Known {
    pub(super) customers: Vec<Customer>,
    pub(super) products: Vec<Product>,
    pub(super) campaigns: Vec<Campaign>,
    /// Customers who were suspended at some time.
    pub(super) once_suspended: BTreeSet<Id>,
    /// Some orders that were confirmed and that nobody means to cancel: they can be shipped.
    pub(super) shippable: Vec<Id>,
}

/// A customer who signed up.
pub(super) struct Customer {
    pub(super) id: Id,
    /// Coupons that were not seen to be used up.
    pub(super) coupons: Vec<Id>,
    /// The administrator is busy with them.
    pub(super) suspended: bool,
}

/// A product, with the price that was heard last.
pub(super) struct Product {
    pub(super) id: Id,
    pub(super) price: Amount,
    /// An adjustment's answer was lost: there is no telling whether it was made, so there must be no other.
    pub(super) unsure: bool,
    /// A change of its price is under way.
    pub(super) repricing: bool,
}

/// A campaign.
pub(super) struct Campaign {
    pub(super) id: Id,
    pub(super) quantity: Amount,
    /// A change of it is under way.
    pub(super) patching: bool,
}

impl Desk {
    pub(super) fn new(rng: ChaCha8Rng, mix: Mix) -> Self {
        Self {
            rng,
            mix,
            known: Known::default(),
            calm: false,
            open: false,
            all_begun: false,
            begun: Vec::new(),
            numbers: 0,
        }
    }

    /// Sets an errand going at `at`.
    pub(super) fn begin(&mut self, at: Millis, script: impl Script + 'static) {
        self.begun.push((at, Box::new(script)));
    }

    /// A number that was never used before.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// An idempotency key that was never used before.
    pub(super) fn key(&mut self) -> Key {
        Key(self.number())
    }

    /// Whether something with these odds happens.
    pub(super) fn chance(&mut self, odds: PerMille) -> bool {
        self.rng.random_range(0..1_000) < odds
    }

    /// A time around `mean` from now: from nothing to twice as long.
    pub(super) fn around(&mut self, now: Millis, mean: Millis) -> Millis {
        now + self.rng.random_range(0..=mean.max(0) * 2)
    }

    /// One of `count` things.
    pub(super) fn one_of(&mut self, count: usize) -> usize {
        self.rng.random_range(0..count.max(1))
    }

    /// Some customer, if there is one.
    pub(super) fn customer(&mut self) -> Option<usize> {
        let count = self.known.customers.len();
        (count > 0).then(|| self.one_of(count))
    }

    /// The customer as one who asks.
    pub(super) fn caller(&self, customer: usize) -> Caller {
        Caller::Customer(self.known.customers[customer].id)
    }
}
