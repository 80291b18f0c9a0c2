//! A rush on the last pieces, at two instances at once, and what must be true after it.

use crate::world::{Slot, World};
use kernel::ids::{OrderId, ProductId, UserId};
use order::{CancelOrder, Order};
use product::Product;
use shop::quoter::Answer;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const PIECES: i64 = 12;
const ORDERS: u64 = 24;

/// What charges come to, by the card.
const CARDS: [&str; 5] = ["tok_ok", "tok_ok", "tok_decline", "tok_timeout_charged", "tok_timeout_uncharged"];

/// A world with two products and five customers.
pub(crate) struct Rush {
    pub(crate) world: World,
    about: String,
    products: Vec<ProductId>,
    users: Vec<UserId>,
    /// The instances that customers reach.
    pub(crate) doors: Vec<usize>,
    answers: Vec<(u64, Slot<Answer>)>,
}

impl Rush {
    pub(crate) fn new(topology: &str, seed: u64) -> Self {
        let mut world = World::new(topology, 2, seed);
        let about = format!("{}, seed {seed}", world.name());
        let products = vec![world.product(1_000, PIECES), world.product(1_500, PIECES)];
        let users = (0..5).map(|_| world.customer(3_000)).collect();
        // Each instance has heard of all of them.
        world.wait(6);
        Self { world, about, products, users, doors: vec![0, 1], answers: Vec::new() }
    }

    fn door(&self) -> usize {
        self.doors[self.world.draw(self.doors.len())]
    }

    pub(crate) fn about(&self) -> &str {
        &self.about
    }

    /// Customers order the last pieces at either instance, some under the same key at both. Some change their minds, some top up;
    /// prices change.
    pub(crate) fn run(&mut self) {
        for key in 0..ORDERS {
            let world = &self.world;
            let user = self.users[world.draw(self.users.len())];
            let pieces = i64::try_from(1 + world.draw(2)).unwrap();
            let line = (self.products[world.draw(self.products.len())], pieces);
            let card = CARDS[world.draw(CARDS.len())];
            self.answers.push((key, world.order(self.door(), key, user, line, card)));
            if world.draw(3) == 0 {
                world.bustle(world.draw(6));
                self.answers.push((key, world.order(self.door(), key, user, line, card)));
            }
            match world.draw(8) {
                0 | 1 => self.cancel_one(),
                2 => {
                    let key = u8::try_from(world.draw(4)).unwrap();
                    world.top_up(self.door(), key, self.users[usize::from(key)], card);
                }
                3 => world.reprice(self.door(), line.0, 900 + i64::try_from(world.draw(3)).unwrap()),
                4 => world.clock.pass(Duration::from_millis(400)),
                _ => {}
            }
            world.bustle(world.draw(12));
        }
    }

    fn cancel_one(&self) {
        let world = &self.world;
        if let Some(Ok(Ok(born))) = &*self.answers[world.draw(self.answers.len())].1.lock() {
            drop(world.send(self.door(), CancelOrder { order: born.order, customer: None }));
        }
    }

    /// Orders that are not settled yet.
    pub(crate) fn under_way(&self) -> usize {
        self.world.all::<Order>("order").iter().filter(|order| !order.status.is_settled()).count()
    }

    /// Everything is settled, every book agrees, and every key has made one order at most.
    pub(crate) fn check(&self) {
        let Self { world, about, .. } = self;
        assert_eq!(world.audit().discrepancies.first, [], "{about}");
        assert_eq!(self.under_way(), 0, "{about}");
        assert!(world.pg().did_nothing_twice(), "{about}");
        let products = world.all::<Product>("product");
        assert_eq!(products.len(), self.products.len(), "{about}");
        for product in products {
            assert!(product.stock >= 0, "{about}: oversold");
            assert_eq!(product.stock + product.sold, PIECES, "{about}");
        }
        let orders: BTreeSet<OrderId> = world.all::<Order>("order").iter().map(|order| order.id).collect();
        let mut by_key: BTreeMap<u64, BTreeSet<OrderId>> = BTreeMap::new();
        for (key, slot) in &self.answers {
            // Whoever got no answer, from an instance that was killed say, was promised nothing.
            if let Some(Ok(Ok(born))) = &*slot.lock() {
                assert!(orders.contains(&born.order), "{about}: acknowledged, and not there");
                by_key.entry(*key).or_default().insert(born.order);
            }
        }
        assert!(by_key.values().all(|orders| orders.len() == 1), "{about}: a key made two orders");
        assert!(orders.len() <= usize::try_from(ORDERS).unwrap(), "{about}: more orders than keys");
    }
}
