//! What an order was told to be, against what was asked for: each part judged once, as soon as it is known.

use super::breach::{Promise, id, or_none};
use super::campaigns::off;
use super::orders::{OrderBook, Terms, leads_to};
use super::register::Moment;
use super::{Oracle, words};
use crate::clients::{Amount, Card, Id, Payment, Points, Status};
use std::collections::BTreeMap;

impl Oracle {
    /// Judges what has come to be known of an order.
    pub(super) fn judge(&mut self, order: Id) {
        let Some(book) = self.orders.get(&order) else { return };
        if book.wanted.is_none() {
            return;
        }
        let (status, mut judged) = (book.status(), book.judged);
        if !std::mem::replace(&mut judged.lines, true) {
            self.judge_lines(order);
        }
        let began = self.orders.get(&order).is_some_and(|book| !book.never_began() && book.terms.is_some());
        if began && !std::mem::replace(&mut judged.payment, true) {
            self.judge_payment(order);
        }
        let was_confirmed = status.is_some_and(|status| leads_to(Status::Confirmed, status));
        if was_confirmed && !std::mem::replace(&mut judged.confirmed, true) {
            self.judge_confirmation(order);
        }
        let has_failed = self.orders.get(&order).is_some_and(|book| book.reason.is_some());
        if has_failed && !std::mem::replace(&mut judged.cause, true) {
            self.judge_cause(order);
        }
        if let Some(book) = self.orders.get_mut(&order) {
            book.judged = judged;
        }
    }

    /// It is for what was asked for, at prices that were in force.
    fn judge_lines(&mut self, order: Id) {
        let Some(book) = self.orders.get(&order) else { return };
        let Some(wanted) = &book.wanted else { return };
        let shown: BTreeMap<Id, Amount> =
            book.lines.iter().map(|line| (line.product, line.quantity)).collect();
        let same = shown == wanted.lines && shown.len() == book.lines.len();
        self.docket.check(same, Promise::AnsweredOnce, || {
            (format!("what {} is for", book.name()), words::wanted(&wanted.lines), words::lines(&book.lines))
        });
        for line in &book.lines {
            let known = self.catalogue.was_ever(line.product, line.unit_price);
            self.docket.check(known, Promise::NeverMisSold, || {
                let about = format!("the price of product {} in {}", id(line.product), book.name());
                (about, "one that was in force".to_owned(), line.unit_price.to_string())
            });
        }
    }

    /// It is paid as was asked for.
    fn judge_payment(&mut self, order: Id) {
        let Some(book) = self.orders.get(&order) else { return };
        let Some(terms) = book.terms else { return };
        let payments = payments_of(book);
        let fits = payments.iter().any(|(_, payment)| is_paid_as(terms, book.total, payment));
        self.docket.check(fits, Promise::NeverMisSold, || {
            let wanted = words::payments(payments.iter().map(|(_, payment)| *payment));
            (format!("how {} is paid", book.name()), wanted, words::terms(terms))
        });
    }

    /// It was confirmed at prices that were in force after it was to be paid, and under its coupon's terms.
    fn judge_confirmation(&mut self, order: Id) {
        let Some(book) = self.orders.get(&order) else { return };
        let payments = payments_of(book);
        let Some(since) = payments.iter().map(|(asked, _)| *asked).min() else { return };
        for line in &book.lines {
            let known = self.catalogue.was_since(line.product, line.unit_price, since);
            self.docket.check(known, Promise::NeverMisSold, || {
                let about = format!(
                    "the price of product {} in {}, which was confirmed",
                    id(line.product),
                    book.name()
                );
                (
                    about,
                    "one that was in force since it was asked for".to_owned(),
                    line.unit_price.to_string(),
                )
            });
        }
        let Some(terms) = book.terms else { return };
        let can_pay = payments.iter().any(|(_, payment)| payment.card.is_some_and(Card::can_be_charged));
        self.docket.check(terms.card_amount == 0 || can_pay, Promise::ChargedOnce, || {
            let cards: Vec<Option<Card>> = payments.iter().map(|(_, payment)| payment.card).collect();
            let expected = format!("failed: its card is {cards:?}");
            (book.name(), expected, format!("confirmed, with {} on the card", terms.card_amount))
        });
        self.judge_coupon(book.id, terms);
    }

    fn judge_coupon(&mut self, order: Id, terms: Terms) {
        let Some(book) = self.orders.get(&order) else { return };
        let Some(coupon) = terms.coupon else {
            self.docket.check(terms.discount == 0, Promise::NeverMisSold, || {
                (
                    format!("the discount of {}, which has no coupon", book.name()),
                    "0".to_owned(),
                    terms.discount.to_string(),
                )
            });
            return;
        };
        let Some((offered, holder)) = self.campaigns.terms_of(coupon) else { return };
        let about = || format!("coupon {} in {}", id(coupon), book.name());
        self.docket.check(holder == book.user, Promise::NeverMisSold, || {
            (about(), format!("of user {}", id(holder)), format!("used by user {}", id(book.user)))
        });
        let right = off(offered, book.total);
        self.docket.check(terms.discount == right, Promise::NeverMisSold, || {
            (format!("the discount by {}", about()), right.to_string(), terms.discount.to_string())
        });
        let enough = offered.least_total.is_none_or(|least| book.total >= least);
        self.docket.check(enough, Promise::NeverMisSold, || {
            let saw = format!("used on a total of {}", book.total);
            (about(), format!("used on a total of at least {}", or_none(offered.least_total)), saw)
        });
        let began = book.wanted.as_ref().map_or(0, |wanted| wanted.at);
        let in_time = began < offered.closes + self.rules.clock_error;
        self.docket.check(in_time, Promise::NeverMisSold, || {
            (about(), format!("used before {} ms", offered.closes), format!("first asked for at {began} ms"))
        });
    }

    /// The reason that it failed for can have been one.
    fn judge_cause(&mut self, order: Id) {
        let Some(book) = self.orders.get(&order) else { return };
        let (Some(wanted), Some(reason)) = (&book.wanted, &book.reason) else { return };
        let payments = payments_of(book);
        let some = |fits: &dyn Fn(&Payment) -> bool| payments.iter().any(|(_, payment)| fits(payment));
        let now = self.moment;
        let fits = match reason.as_str() {
            "OUT_OF_STOCK" => book.lines.iter().any(|line| self.catalogue.can_run_out(line.product)),
            "PRICE_CHANGED" => book.lines.iter().any(|line| {
                let item = self.catalogue.items.get(&line.product);
                item.is_none_or(|item| item.price.may_have_changed(now))
            }),
            "POINTS_SHORT" => some(&|payment| payment.points != Points::Amount(0)),
            "COUPON_INVALID" => some(&|payment| payment.coupon.is_some()),
            "PAYMENT_DECLINED" => some(&|payment| payment.card == Some(Card::Declined)),
            "PAYMENT_UNAVAILABLE" => some(&|payment| payment.card.is_some()),
            "USER_INACTIVE" => {
                let first = payments.iter().map(|(asked, _)| *asked).min().unwrap_or(wanted.asked);
                self.people.may_have_been(book.user, true, first)
            }
            "CANCELLED_BY_CUSTOMER" => book.cancel_asked.is_some(),
            "DELIVERY_FAILED" => book.has_step("delivery"),
            // What nobody asked to pay for can only expire.
            "TIMED_OUT" if payments.is_empty() => {
                let soonest = wanted.at + self.rules.created_expiry - self.rules.clock_error;
                self.docket.now >= soonest
            }
            "TIMED_OUT" => true,
            _ => false,
        };
        self.docket.check(fits, Promise::RefusedForCause, || {
            let wishes = words::payments(payments.iter().map(|(_, payment)| *payment));
            let expected =
                format!("one that an order for {} paid by {wishes} can have", words::wanted(&wanted.lines));
            (format!("the reason of {}", book.name()), expected, reason.clone())
        });
    }
}

/// The payments that were asked for, and when.
fn payments_of(book: &OrderBook) -> Vec<(Moment, Payment)> {
    let with_it = book.wanted.as_ref().and_then(|wanted| Some((wanted.asked, wanted.payment?)));
    with_it.into_iter().chain(book.payments.iter().copied()).collect()
}

/// Whether an order over `total` that is paid on these terms is paid as `payment` says.
fn is_paid_as(terms: Terms, total: Amount, payment: &Payment) -> bool {
    let payable = total - terms.discount;
    let points = match payment.points {
        Points::Amount(amount) => terms.points_used == amount,
        Points::All => (0..=payable).contains(&terms.points_used),
    };
    points && terms.coupon == payment.coupon && (terms.card_amount == 0 || payment.card.is_some())
}
