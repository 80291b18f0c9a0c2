//! Witnesses that tell something else than the shop: found.

use super::run::{Run, Weather};
use crate::clients::{Delivery, Mix, PgCharge, PgStatus, Word};
use crate::oracle::Promise;

/// A run whose witnesses are changed before they are heard.
fn check(promise: Promise, pg: impl FnOnce(&mut Vec<PgCharge>), platform: impl FnOnce(&mut Vec<Delivery>)) {
    let mut run = Run::new(5, &Mix::of(120), Weather::STORM);
    run.rest();
    let (mut charges, mut deliveries) = (run.shop.pg.clone(), run.shop.platform.clone());
    pg(&mut charges);
    platform(&mut deliveries);
    assert!((&charges, &deliveries) != (&run.shop.pg, &run.shop.platform), "nothing was changed");
    run.judge(charges, deliveries);
    let found = run.oracle.breaches().iter().any(|breach| breach.promise == promise);
    assert!(found, "{promise:?}: {}", run.found());
}

fn pg(change: impl FnOnce(&mut Vec<PgCharge>)) {
    check(Promise::ChargedOnce, change, |_| {});
}

fn platform(change: impl FnOnce(&mut Vec<Delivery>)) {
    check(Promise::FinalWordsAreDelivered, |_| {}, change);
}

fn first(charges: &mut [PgCharge], status: PgStatus) -> &mut PgCharge {
    charges.iter_mut().find(|charge| charge.status == status).unwrap()
}

#[test]
fn a_charge_that_was_not_given_back() {
    pg(|charges| first(charges, PgStatus::GivenBack).status = PgStatus::Held);
}

#[test]
fn a_charge_of_a_confirmed_order_that_was_given_back() {
    pg(|charges| first(charges, PgStatus::Held).status = PgStatus::GivenBack);
}

#[test]
fn a_charge_of_another_amount() {
    pg(|charges| first(charges, PgStatus::Held).amount += 1);
}

#[test]
fn a_charge_that_is_missing() {
    pg(|charges| charges.retain(|charge| charge.status != PgStatus::Held));
}

#[test]
fn a_charge_under_one_key_twice() {
    pg(|charges| {
        let again = PgCharge { status: PgStatus::GivenBack, ..first(charges, PgStatus::Held).clone() };
        charges.push(again);
    });
}

#[test]
fn a_charge_that_nobody_asked_for() {
    for key in ["00000000-0000-0000-0000-000000000007", "no key"] {
        pg(|charges| charges.push(PgCharge { key: key.to_owned(), amount: 1, status: PgStatus::GivenBack }));
    }
}

#[test]
fn a_word_that_was_not_delivered() {
    for word in [Word::Confirmed, Word::Failed, Word::Cancelled] {
        platform(|words| {
            let place = words.iter().position(|delivery| delivery.word == word).unwrap();
            words.remove(place);
        });
    }
}

#[test]
fn a_word_that_is_wrong() {
    platform(|words| {
        let failed = words.iter_mut().find(|delivery| delivery.word == Word::Failed).unwrap();
        failed.word = Word::Confirmed;
    });
    platform(|words| words[0].total += 1);
    platform(|words| words[0].user += 1);
    platform(|words| {
        let failed = words.iter_mut().find(|delivery| delivery.word == Word::Failed).unwrap();
        failed.reason = None;
    });
}

#[test]
fn words_in_the_wrong_order() {
    platform(|words| {
        let cancelled = words.iter().position(|delivery| delivery.word == Word::Cancelled).unwrap();
        let cancelled = words.remove(cancelled);
        words.insert(0, cancelled);
    });
}

#[test]
fn a_word_again_under_another_id_or_otherwise_under_the_same() {
    platform(|words| words.push(Delivery { id: "another".to_owned(), ..words[0].clone() }));
    platform(|words| words.push(Delivery { total: 0, ..words[0].clone() }));
}

#[test]
fn a_word_about_no_order() {
    platform(|words| words.push(Delivery { id: "x".to_owned(), order: 7, ..words[0].clone() }));
}

#[test]
fn a_payment_that_was_told_where_that_is_no_step() {
    for word in [Word::PaymentApproved, Word::PaymentCancelled] {
        platform(|words| words.push(Delivery { id: "x".to_owned(), word, reason: None, ..words[0].clone() }));
    }
}

#[test]
fn the_same_delivery_again_is_no_breach() {
    let mut run = Run::new(5, &Mix::of(60), Weather::STORM);
    run.rest();
    let (charges, mut deliveries) = (run.shop.pg.clone(), run.shop.platform.clone());
    deliveries.extend(run.shop.platform.iter().cloned());
    run.judge(charges, deliveries);
    assert_eq!(run.found(), "");
}
