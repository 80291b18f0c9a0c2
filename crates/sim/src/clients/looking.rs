//! A customer looks around. What is shown is the oracle's to judge.

use super::errand::{Asking, Desk, News, Script, Then};
use super::requests::{Ask, Caller, Millis, Page, Show};

/// One look at one thing.
pub(super) struct Looking {
    customer: usize,
    looked: bool,
}

impl Looking {
    pub(super) fn of(customer: usize) -> Self {
        Self { customer, looked: false }
    }
}

impl Script for Looking {
    fn go_on(&mut self, _: Millis, _: News<'_>, desk: &mut Desk) -> Then {
        if std::mem::replace(&mut self.looked, true) || desk.calm {
            return Then::Over;
        }
        let own = desk.caller(self.customer);
        let product = desk.one_of(desk.known.products.len());
        let (from, show) = match desk.one_of(7) {
            0 => (own, Show::Balance),
            1 => (own, Show::Coupons(Page::FIRST)),
            2 => (own, Show::Orders(Page::FIRST)),
            3 => (own, Show::History(Page::FIRST)),
            4 => (Caller::Anyone, Show::BestSellers),
            5 => (Caller::Anyone, Show::Campaigns(Page::FIRST)),
            _ => (Caller::Anyone, Show::Product(desk.known.products[product].id)),
        };
        Then::Ask(Asking::once(from, Ask::Show(show)))
    }
}
