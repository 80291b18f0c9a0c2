//! The orders of each customer, from the latest to the first.

use super::{MADE_AT, Shelf, confirmed, failed, failing, planned};
use crate::{OrderHead, OrderView};
use kernel::ids::{OrderId, UserId};
use kernel::{DomainName, Heard, Plan, Said, Timestamp};
use proptest::prelude::*;
use std::sync::Arc;
use uuid::Uuid;

static ORDER: DomainName = DomainName::of("order");

fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

/// A word about order number `order`, of the customer of that number's last digit.
struct Word {
    order: u128,
    said: Said,
    plan: Arc<Plan>,
}

fn word(order: u128, said: Said) -> Word {
    let plan = Arc::new(Plan { user: user(order % 10), ..planned().as_ref().clone() });
    Word { order, said, plan }
}

impl Word {
    fn heard(&self) -> Heard<'_> {
        let at = Timestamp(MADE_AT + 1);
        Heard { key: Uuid::from_u128(self.order), at, by: &ORDER, said: &self.said, plan: Some(&self.plan) }
    }
}

impl Shelf {
    fn hear_words<'a>(&mut self, words: impl IntoIterator<Item = &'a Word>) {
        let words: Vec<Heard<'_>> = words.into_iter().map(Word::heard).collect();
        self.hear_all(&words).unwrap();
    }

    /// The orders of a customer, from the latest on.
    fn chain(&self, of: u128) -> Vec<u128> {
        let head = self.get::<OrderHead>((user(of),)).map(|head| head.latest);
        let next = |order: &OrderId| self.get::<OrderView>((*order,)).unwrap().previous;
        // A circle is cut where it is longer than all there is.
        let chain = std::iter::successors(head, next).take(self.rows.len());
        chain.map(|order| order.0.as_u128()).collect()
    }
}

#[test]
fn each_order_names_the_one_of_its_customer_that_was_heard_of_before() {
    let mut shelf = Shelf::new();
    assert!(shelf.chain(1).is_empty());
    shelf.hear_words(&[word(11, Said::Placed)]);
    shelf.hear_words(&[word(12, Said::Placed), word(21, Said::Placed)]);
    shelf.hear_words(&[word(31, Said::Created)]);
    assert_eq!((shelf.chain(1), shelf.chain(2)), (vec![31, 21, 11], vec![12]));
}

#[test]
fn several_orders_of_one_customer_in_one_batch_are_all_in_the_chain() {
    let mut shelf = Shelf::new();
    shelf.hear_words(&[
        word(11, Said::Placed),
        word(21, Said::Placed),
        word(11, confirmed()),
        word(31, failed()),
    ]);
    assert_eq!(shelf.chain(1), [31, 21, 11]);
}

#[test]
fn a_word_heard_again_and_a_later_word_leave_the_chain_as_it_is() {
    let mut shelf = Shelf::new();
    let words = [word(11, Said::Placed), word(21, Said::Placed)];
    shelf.hear_words(&words);
    shelf.hear_words(&words);
    shelf.hear_words(&[word(11, Said::Placed), word(11, confirmed())]);
    assert_eq!(shelf.chain(1), [21, 11]);
}

#[test]
fn an_unlisted_order_has_its_place_in_the_chain() {
    let mut shelf = Shelf { lists_wait: true, ..Shelf::new() };
    shelf.hear_words(&[word(11, Said::Placed), word(21, Said::Placed)]);
    assert_eq!(shelf.chain(1), [21, 11]);
}

proptest! {
    /// Whatever the batches, and wherever a cursor is put back to.
    #[test]
    fn every_order_is_in_its_customers_chain_once(
        orders in prop::collection::vec((1_u128..9, 0_u128..3, 0_usize..3), 1..40),
        sizes in prop::collection::vec(1_usize..6, 1..20),
        again in 0_usize..40,
    ) {
        let mut first: Vec<u128> = Vec::new();
        let mut heard: Vec<(u128, usize)> = Vec::new();
        for (number, customer, up_to) in orders {
            let order = number * 10 + customer;
            if !first.contains(&order) {
                first.push(order);
            }
            heard.push((order, up_to));
        }
        // Each order lives through the same life, heard up to different words.
        let life = [Said::Placed, failing(), failed()];
        let words: Vec<Word> =
            heard.iter().flat_map(|(order, up_to)| life[..=*up_to].iter().map(|said| word(*order, said.clone()))).collect();
        let mut shelf = Shelf::new();
        let mut sizes = sizes.iter().cycle();
        for start in [0, again.min(words.len())] {
            let mut rest = &words[start..];
            while !rest.is_empty() {
                let (batch, later) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                shelf.hear_words(batch);
                rest = later;
            }
        }
        for customer in 0..3 {
            let expected: Vec<u128> = first.iter().rev().copied().filter(|order| order % 10 == customer).collect();
            prop_assert_eq!(shelf.chain(customer), expected);
        }
    }
}
