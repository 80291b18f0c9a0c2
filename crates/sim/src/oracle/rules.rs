//! The rules of orders: what can be cancelled, shipped and paid, judged by the answers to those who tried.

use super::breach::{Promise, or_none};
use super::orders::leads_to;
use super::{Asked, Oracle, words};
use crate::clients::{Caller, Id, Order, Payment, Points, Refused, Status};

impl Oracle {
    /// A cancel was taken: the order is on its way out, and it could be.
    pub(super) fn cancel_taken(&mut self, asked: &Asked, order: Id, shown: &Order) {
        let by_customer = matches!(asked.request.from, Caller::Customer(_));
        let Some(book) = self.orders.get_mut(&order) else { return };
        let out =
            matches!(shown.status, Status::Failing | Status::Failed | Status::Cancelling | Status::Cancelled);
        self.docket.check(out, Promise::RulesOfOrders, || {
            let expected = "FAILING, FAILED, CANCELLING or CANCELLED".to_owned();
            (format!("{}, whose cancel was taken", book.name()), expected, shown.status.to_string())
        });
        let shipped = book.shipped.filter(|told| by_customer && *told < asked.moment);
        self.docket.check(shipped.is_none(), Promise::RulesOfOrders, || {
            let expected = "refused with CANCEL_WINDOW_CLOSED".to_owned();
            (format!("the cancel of {}, which is shipped", book.name()), expected, "taken".to_owned())
        });
    }

    /// A cancel was refused.
    pub(super) fn cancel_refused(&mut self, order: Id, refused: &Refused) {
        let now = self.docket.now;
        let Some(book) = self.orders.get_mut(&order) else { return };
        let fits = match refused.code.as_str() {
            "ORDER_NOT_CANCELLABLE" => {
                book.is_said_to_be(Status::Failed, self.moment, &mut self.docket);
                true
            }
            "CANCEL_WINDOW_CLOSED" => {
                // It is confirmed, and too old or shipped.
                book.is_said_to_be(Status::Confirmed, self.moment, &mut self.docket);
                let oldest = book.wanted.as_ref().map_or(book.seen, |wanted| wanted.at);
                let may_be_old = now + self.rules.clock_error >= oldest + self.rules.cancel_window;
                book.ship_asked.is_some() || may_be_old
            }
            _ => false,
        };
        self.docket.check(fits, Promise::RulesOfOrders, || {
            let expected = "taken, or refused for what the order is".to_owned();
            (format!("the cancel of {}", book.name()), expected, format!("refused with {}", refused.code))
        });
        self.judge(order);
    }

    /// An order was shipped.
    pub(super) fn ship_taken(&mut self, order: Id) {
        let moment = self.moment;
        let Some(book) = self.orders.get_mut(&order) else { return };
        book.shipped.get_or_insert(moment);
        book.is_said_to_be(Status::Confirmed, moment, &mut self.docket);
        self.judge(order);
    }

    /// An order was not shipped: it is not confirmed, or not any more.
    pub(super) fn ship_refused(&mut self, asked: &Asked, order: Id, refused: &Refused) {
        let Some(book) = self.orders.get_mut(&order) else { return };
        let confirmed = book.status_before(asked.moment) == Some(Status::Confirmed);
        let fits = refused.code == "ORDER_NOT_CONFIRMED" && (!confirmed || book.cancel_asked.is_some());
        self.docket.check(fits, Promise::RulesOfOrders, || {
            let about = format!("the shipment of {}, which is confirmed", book.name());
            (about, "taken".to_owned(), format!("refused with {}", refused.code))
        });
    }

    /// A payment was taken: the order is no longer merely made.
    pub(super) fn payment_taken(&mut self, order: Id, shown: &Order) {
        self.docket.check(shown.id == order, Promise::AnswersMakeSense, || {
            let name = |of| super::breach::named("order", of);
            ("what was paid".to_owned(), name(order), name(shown.id))
        });
        self.docket.check(shown.status != Status::Created, Promise::RulesOfOrders, || {
            let about = format!("order {}, whose payment was taken", super::breach::id(order));
            (about, "PENDING, or what follows".to_owned(), shown.status.to_string())
        });
    }

    /// A payment was refused.
    pub(super) fn payment_refused(&mut self, asked: &Asked, order: Id, payment: &Payment, refused: &Refused) {
        let now = self.docket.now;
        let Some(book) = self.orders.get_mut(&order) else { return };
        let fits = match refused.code.as_str() {
            "ORDER_NOT_PAYABLE" => {
                let with_it = book.wanted.as_ref().is_some_and(|wanted| wanted.payment.is_some());
                let others = book.payments.len() > 1;
                let oldest = book.wanted.as_ref().map_or(book.seen, |wanted| wanted.at);
                let may_be_old = now + self.rules.clock_error >= oldest + self.rules.created_expiry;
                let moved =
                    book.status_before(asked.moment).is_some_and(|status| !leads_to(status, Status::Created));
                with_it || others || book.cancel_asked.is_some() || may_be_old || moved
            }
            code => is_no_quote(Some(payment), code),
        };
        self.docket.check(fits, Promise::RulesOfOrders, || {
            (
                format!("the payment of {}", book.name()),
                "taken".to_owned(),
                format!("refused with {}", refused.code),
            )
        });
    }

    /// No order was made.
    pub(super) fn order_refused(&mut self, payment: Option<&Payment>, refused: &Refused) {
        self.docket.check(is_no_quote(payment, &refused.code), Promise::RefusedForCause, || {
            let about = format!(
                "an order that is paid by {}",
                or_none(payment.map(|payment| words::payment(*payment)))
            );
            (about, "made".to_owned(), format!("refused with {}", refused.code))
        });
    }
}

/// Whether `code` can be why there was no quote for `payment`. (What a key may be refused for is judged with the keys, and what a
/// suspended customer is with the customers.)
fn is_no_quote(payment: Option<&Payment>, code: &str) -> bool {
    match code {
        "CARD_REQUIRED" => payment.is_some_and(|payment| payment.card.is_none()),
        "POINTS_EXCEED_TOTAL" => {
            payment.is_some_and(|payment| matches!(payment.points, Points::Amount(amount) if amount > 0))
        }
        "USER_SUSPENDED" | "IDEMPOTENCY_KEY_IN_FLIGHT" | "IDEMPOTENCY_KEY_REUSED" => true,
        _ => false,
    }
}
