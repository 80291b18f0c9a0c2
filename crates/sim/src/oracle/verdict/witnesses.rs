//! The witnesses from outside: the payment gateway's own book, and what the data platform took.

use super::super::breach::{Docket, Promise, id, named};
use super::super::{Oracle, words};
use super::stock::confirmed;
use crate::clients::{Amount, Delivery, Id, Order, PgStatus, Status, TopUpStatus, Word};
use std::collections::{BTreeMap, BTreeSet};

impl Oracle {
    /// The PG holds the card amounts of confirmed orders and completed top-ups, and nothing else.
    pub(super) fn judge_pg(&mut self, stuck: &BTreeSet<Id>) {
        let seen = &self.closing.seen;
        let paid = confirmed(&seen.orders).filter(|order| order.card_amount > 0);
        let paid = paid.filter_map(|order| Some((order.payment?, order.card_amount)));
        let bought = self.people.top_ups.iter().filter_map(|(top_up, book)| {
            matches!(book.settled, Some((TopUpStatus::Completed, _))).then_some((*top_up, book.amount))
        });
        let due: BTreeMap<Id, Amount> = paid.chain(bought).collect();
        let known: BTreeMap<Id, Id> =
            seen.orders.values().filter_map(|order| Some((order.payment?, order.id))).collect();
        let mut taken: BTreeMap<Id, u32> = BTreeMap::new();
        let mut held: BTreeSet<Id> = BTreeSet::new();
        for charge in &self.pg {
            let key = key_of(&charge.key);
            let of = key.and_then(|key| {
                known.get(&key).copied().or_else(|| self.people.top_ups.contains_key(&key).then_some(key))
            });
            let about = || format!("the PG's charge under key {}", charge.key);
            self.docket.check(of.is_some(), Promise::ChargedOnce, || {
                (about(), "of an order or a top-up".to_owned(), format!("of none, and {:?}", charge.status))
            });
            let (Some(key), Some(of)) = (key, of) else { continue };
            if charge.status == PgStatus::Declined || stuck.contains(&of) {
                held.insert(key);
                continue;
            }
            let times = taken.entry(key).or_default();
            *times += 1;
            let once = *times == 1;
            self.docket.check(once, Promise::ChargedOnce, || {
                (about(), "the only one that took money".to_owned(), "a second".to_owned())
            });
            let due = due.get(&key).copied();
            let holds = (charge.status == PgStatus::Held).then_some(charge.amount);
            self.docket.check(due == holds, Promise::ChargedOnce, || {
                let amount = |amount: Option<Amount>| format!("holding {}", amount.unwrap_or(0));
                (format!("{} of {}", about(), id(of)), amount(due), amount(holds))
            });
            held.insert(key);
        }
        for (key, amount) in &due {
            let there = held.contains(key)
                || known.get(key).is_some_and(|order| stuck.contains(order))
                || stuck.contains(key);
            self.docket.check(there, Promise::ChargedOnce, || {
                (
                    format!("what the PG holds under key {}", id(*key)),
                    amount.to_string(),
                    "nothing".to_owned(),
                )
            });
        }
    }

    /// The data platform took each order's final words, in order, at least once, and no other.
    pub(super) fn judge_platform(&mut self) {
        let dead: BTreeSet<Id> = self.closing.seen.letters.iter().filter_map(|letter| letter.order).collect();
        let mut by_order: BTreeMap<Id, Vec<&Delivery>> = BTreeMap::new();
        let mut ids: BTreeMap<&str, &Delivery> = BTreeMap::new();
        for delivery in &self.platform {
            let first = *ids.entry(delivery.id.as_str()).or_insert(delivery);
            self.docket.check(first == delivery, Promise::FinalWordsAreDelivered, || {
                let about = format!("what the data platform took again as {}", delivery.id);
                (about, words::delivery(first), words::delivery(delivery))
            });
            if std::ptr::eq(first, delivery) {
                by_order.entry(delivery.order).or_default().push(delivery);
            }
        }
        for (order, shown) in &self.closing.seen.orders {
            let took = by_order.remove(order).unwrap_or_default();
            judge_words(shown, &took, dead.contains(order), &mut self.docket);
        }
        for (order, took) in by_order {
            let words: Vec<Word> = took.iter().map(|delivery| delivery.word).collect();
            self.docket.check(false, Promise::FinalWordsAreDelivered, || {
                (
                    named("what the data platform took of order", order),
                    "nothing: there is none".to_owned(),
                    words::list(words),
                )
            });
        }
    }
}

/// What the data platform took of one order, each delivery once.
fn judge_words(order: &Order, took: &[&Delivery], excused: bool, docket: &mut Docket) {
    let about = || named("what the data platform took of order", order.id);
    for delivery in took {
        docket.check(is_right(delivery, order), Promise::FinalWordsAreDelivered, || {
            (about(), words::order(order), words::delivery(delivery))
        });
    }
    let said = |words: &[Word]| -> Vec<Word> {
        took.iter().map(|delivery| delivery.word).filter(|word| words.contains(word)).collect()
    };
    let (finals, expected) =
        (said(&[Word::Confirmed, Word::Failed, Word::Cancelled]), final_words(order.status));
    let fits = finals == expected || excused && expected.starts_with(&finals);
    docket.check(fits, Promise::FinalWordsAreDelivered, || {
        (about(), words::list(&expected), words::list(&finals))
    });
    let payments = said(&[Word::PaymentApproved, Word::PaymentCancelled]);
    let is_step = order.steps.iter().any(|step| step.name == "delivery");
    let fits = match payments.as_slice() {
        [] => !is_step || order.status != Status::Confirmed,
        [Word::PaymentApproved] => {
            is_step && (order.status == Status::Confirmed || !order.status.is_settled() || excused)
        }
        [Word::PaymentApproved, Word::PaymentCancelled] => is_step && order.status != Status::Confirmed,
        // Nobody knows whether an approval that was not answered was taken.
        [Word::PaymentCancelled] => is_step && order.status != Status::Confirmed,
        _ => false,
    };
    docket.check(fits, Promise::FinalWordsAreDelivered, || {
        (about(), format!("as the payment of an order that is {}", order.status), words::list(&payments))
    });
}

fn final_words(status: Status) -> Vec<Word> {
    match status {
        Status::Confirmed | Status::Cancelling => vec![Word::Confirmed],
        Status::Failed => vec![Word::Failed],
        Status::Cancelled => vec![Word::Confirmed, Word::Cancelled],
        Status::Created | Status::Pending | Status::Failing => Vec::new(),
    }
}

/// Whether a delivery says what the order is.
fn is_right(delivery: &Delivery, order: &Order) -> bool {
    let reason = if delivery.word == Word::Failed { order.reason.as_ref() } else { None };
    delivery.user == order.user
        && delivery.lines == order.lines
        && (delivery.total, delivery.discount) == (order.total, order.discount)
        && (delivery.points_used, delivery.card_amount) == (order.points_used, order.card_amount)
        && delivery.reason.as_ref() == reason
}

/// A key as the id that it is.
fn key_of(key: &str) -> Option<Id> {
    let digits: String = key.chars().filter(|character| *character != '-').collect();
    (digits.len() == 32).then(|| Id::from_str_radix(&digits, 16).ok()).flatten()
}
