//! A customer takes a coupon.

use super::answers::{Answer, CouponStatus};
use super::errand::{Asking, Desk, News, Script, Then};
use super::requests::{Ask, Id, Millis, Page, Show};

/// Takes a coupon of a campaign; where it was given already, looks it up.
pub(super) struct Taking {
    customer: usize,
    campaign: Id,
}

impl Taking {
    pub(super) fn of(customer: usize, campaign: Id) -> Self {
        Self { customer, campaign }
    }

    fn ask(&self, ask: Ask, desk: &Desk) -> Then {
        Then::Ask(Asking::until_answered(desk.caller(self.customer), ask))
    }

    fn hold(&self, coupon: Id, desk: &mut Desk) {
        let held = &mut desk.known.customers[self.customer].coupons;
        if !held.contains(&coupon) {
            held.push(coupon);
        }
    }
}

impl Script for Taking {
    fn go_on(&mut self, _: Millis, news: News<'_>, desk: &mut Desk) -> Then {
        match news {
            News::Time | News::Lost => self.ask(Ask::TakeCoupon { campaign: self.campaign }, desk),
            News::Told(Answer::Coupon(coupon)) => {
                self.hold(coupon.id, desk);
                Then::Over
            }
            News::Told(Answer::Refused(refused)) if refused.code == "COUPON_ALREADY_ISSUED" => {
                self.ask(Ask::Show(Show::Coupons(Page::FIRST)), desk)
            }
            // Nobody holds more than fit on a page.
            News::Told(Answer::Coupons(listed)) => {
                for coupon in listed.items.iter().filter(|coupon| coupon.status == CouponStatus::Issued) {
                    self.hold(coupon.id, desk);
                }
                Then::Over
            }
            News::Told(_) => Then::Over,
        }
    }
}
