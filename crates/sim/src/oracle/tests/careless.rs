//! A shop that leaves out one check, or one compensation: what follows is found.

use super::run::{Run, Weather};
use super::shop::Careless;
use crate::clients::Mix;
use crate::oracle::Promise;

/// Whether one of some runs of a shop that is careless in this way ends with this promise broken.
fn check(careless: Careless, promise: Promise, mix: &Mix) {
    let mut found = String::new();
    for seed in 0..10 {
        let mut run = Run::new(seed, mix, Weather::STORM);
        run.shop.careless = careless;
        run.finish();
        if run.oracle.breaches().iter().any(|breach| breach.promise == promise) {
            return;
        }
        found = run.found();
    }
    panic!("careless {careless:?}: expected {promise:?}, found {found:?}");
}

#[test]
fn what_is_sold_at_a_price_that_is_over_is_found() {
    let mix = Mix { administration: 900, ..Mix::of(200) };
    check(Careless::WithPrices, Promise::NeverMisSold, &mix);
}

#[test]
fn what_is_sold_and_not_there_is_found() {
    let mix = Mix { hot: 900, hot_stock: 3, ..Mix::of(100) };
    check(Careless::WithStock, Promise::Conservation, &mix);
}

#[test]
fn a_coupon_that_is_used_twice_is_found() {
    let mix = Mix { twins: 900, coupon: 900, cancelled: 0, ..Mix::of(200) };
    check(Careless::WithCoupons, Promise::ExactlyOneEffect, &mix);
}

#[test]
fn a_coupon_that_is_used_when_it_is_over_is_found() {
    let mix = Mix { coupon: 900, takes: 900, ..Mix::of(400) };
    check(Careless::WithCouponsThatClosed, Promise::NeverMisSold, &mix);
}

#[test]
fn coupons_that_are_given_out_beyond_their_number_are_found() {
    check(Careless::WithQuantities, Promise::CouponsAreCounted, &Mix::of(200));
}

#[test]
fn a_second_coupon_for_one_user_is_found() {
    let mix = Mix { takes: 900, customers: 5, ..Mix::of(100) };
    check(Careless::WithHolders, Promise::CouponsAreCounted, &mix);
}

#[test]
fn a_cancel_of_what_is_shipped_is_found() {
    let mix = Mix { cancelled: 900, administration: 900, ..Mix::of(300) };
    check(Careless::WithShipments, Promise::RulesOfOrders, &mix);
}

#[test]
fn who_is_suspended_and_served_is_found() {
    let mix = Mix { administration: 900, customers: 4, ..Mix::of(200) };
    check(Careless::WithSuspensions, Promise::SuspensionWorks, &mix);
}

#[test]
fn a_key_that_makes_a_second_order_is_found() {
    check(Careless::WithKeys, Promise::AnsweredOnce, &Mix::of(100));
}

#[test]
fn an_order_confirmed_with_a_card_that_was_declined_is_found() {
    let mix = Mix { bad_cards: 900, with_points: 0, ..Mix::of(50) };
    check(Careless::WithCards, Promise::ChargedOnce, &mix);
}

#[test]
fn an_order_that_is_forgotten_half_way_is_found() {
    check(Careless::WithTime, Promise::NothingStuck, &Mix::of(50));
}

#[test]
fn stock_that_is_not_given_back_is_found() {
    check(Careless::WithReturns, Promise::Conservation, &Mix { cancelled: 500, ..Mix::of(100) });
}
