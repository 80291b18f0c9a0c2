//! The beat: what begins when.

use super::administration;
use super::errand::{Desk, News, Script, Then};
use super::looking::Looking;
use super::opening::{AMPLE, BRIEF, SCARCE};
use super::purchase::{Basket, Purchase};
use super::requests::Millis;
use super::taking::Taking;
use super::topping_up::ToppingUp;
use rand::Rng;

/// Begins errands until enough orders have begun.
#[derive(Default)]
pub(super) struct Pace {
    orders: u32,
    rushed: bool,
}

impl Script for Pace {
    fn go_on(&mut self, now: Millis, _: News<'_>, desk: &mut Desk) -> Then {
        desk.all_begun = self.orders >= desk.mix.orders;
        if desk.calm || desk.all_begun {
            return Then::Over;
        }
        for _ in 0..desk.rng.random_range(1..=desk.mix.burst.max(1)) {
            self.purchase(now, desk);
        }
        if !self.rushed && self.orders >= desk.mix.orders / 3 {
            self.rushed = true;
            for customer in 0..desk.known.customers.len() {
                desk.begin(now, Taking::of(customer, desk.known.campaigns[SCARCE].id));
            }
        }
        Self::something_else(now, desk);
        Then::Rest(desk.around(now, desk.mix.beat))
    }
}

impl Pace {
    fn purchase(&mut self, now: Millis, desk: &mut Desk) {
        let Some(customer) = desk.customer().filter(|_| self.orders < desk.mix.orders) else { return };
        let basket = Basket::fill(customer, desk);
        let twins = desk.chance(desk.mix.twins);
        for _ in 0..=u32::from(twins) {
            let purchase = Purchase::new(customer, basket.clone(), desk);
            desk.begin(now, purchase);
            self.orders += 1;
        }
    }

    fn something_else(now: Millis, desk: &mut Desk) {
        let Some(customer) = desk.customer() else { return };
        if desk.chance(desk.mix.top_ups) {
            let topping_up = ToppingUp::new(customer, desk);
            desk.begin(now, topping_up);
        }
        if desk.chance(desk.mix.takes) {
            let campaign = if desk.chance(500) { AMPLE } else { BRIEF };
            desk.begin(now, Taking::of(customer, desk.known.campaigns[campaign].id));
        }
        if desk.chance(desk.mix.looks) {
            desk.begin(now, Looking::of(customer));
        }
        if desk.chance(desk.mix.administration) {
            administration::begin(now, desk);
        }
    }
}
