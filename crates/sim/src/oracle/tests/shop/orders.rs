//! How the shop carries out orders.

use super::{Careless, EXPIRY, Sale, Shop, Told, WORK};
use crate::clients::{
    Amount, Answer, Card, ChangeKind, CouponStatus, Delivery, Discount, Id, Line, Order, Payment, PgStatus,
    Points, Status, Step, StepStatus, Terms, Word,
};
use std::collections::BTreeMap;

impl Shop {
    pub(super) fn place(
        &mut self,
        user: Id,
        lines: &[(Id, Amount)],
        payment: Option<Payment>,
    ) -> Result<Id, (u16, &'static str)> {
        let mut sums: BTreeMap<Id, Amount> = BTreeMap::new();
        for (product, quantity) in lines {
            *sums.entry(*product).or_default() += quantity;
        }
        let line = |(product, quantity): (Id, Amount)| {
            let unit_price = self.products[&product].price;
            Line { product, quantity, unit_price, amount: unit_price * quantity }
        };
        let lines: Vec<Line> = sums.into_iter().map(line).collect();
        let total = lines.iter().map(|line| line.amount).sum();
        let draft = Order {
            id: 0,
            user,
            status: Status::Created,
            reason: None,
            lines,
            total,
            discount: 0,
            points_used: 0,
            card_amount: total,
            coupon: None,
            payment: None,
            steps: Vec::new(),
        };
        let mut shown = match &payment {
            Some(payment) => self.quote(draft, payment)?,
            None => draft,
        };
        shown.id = self.id();
        let id = shown.id;
        let wait = if payment.is_some() { WORK } else { EXPIRY };
        self.due.insert((self.now + wait, id));
        self.orders.insert(id, Sale { shown, payment, shipped: false, held: false });
        self.tell_if_failed(id);
        Ok(id)
    }

    pub(super) fn pay(&mut self, order: Id, payment: Payment) -> Result<Id, (u16, &'static str)> {
        let shown = self.orders.get(&order).ok_or((404, "NOT_FOUND"))?.shown.clone();
        if shown.status != Status::Created {
            return Err((409, "ORDER_NOT_PAYABLE"));
        }
        let quoted = self.quote(shown, &payment)?;
        let sale = self.orders.get_mut(&order).unwrap();
        (sale.shown, sale.payment) = (quoted, Some(payment));
        self.due.insert((self.now + WORK, order));
        self.tell_if_failed(order);
        Ok(order)
    }

    fn quote(&mut self, draft: Order, payment: &Payment) -> Result<Order, (u16, &'static str)> {
        let failed =
            |reason: &str| Order { status: Status::Failed, reason: Some(reason.to_owned()), ..draft.clone() };
        let discount = match payment.coupon.map(|coupon| self.discount(coupon, draft.total)) {
            None => 0,
            Some(Some(discount)) => discount,
            Some(None) => return Ok(failed("COUPON_INVALID")),
        };
        let payable = draft.total - discount;
        let balance = self.members[&draft.user].balance;
        let points_used = match payment.points {
            Points::Amount(amount) if amount > payable => return Err((422, "POINTS_EXCEED_TOTAL")),
            Points::Amount(amount) => amount,
            Points::All => balance.min(payable),
        };
        let card_amount = payable - points_used;
        if card_amount > 0 && payment.card.is_none() {
            return Err((422, "CARD_REQUIRED"));
        }
        if points_used > balance {
            return Ok(failed("POINTS_SHORT"));
        }
        let planned = [
            ("stock", true),
            ("coupon", payment.coupon.is_some()),
            ("point", points_used > 0),
            ("payment", true),
        ];
        let planned = planned.into_iter().filter(|(_, planned)| *planned);
        let steps =
            planned.map(|(name, _)| Step { name: name.to_owned(), status: StepStatus::Unknown }).collect();
        let (coupon, payment) = (payment.coupon, Some(self.id()));
        Ok(Order {
            status: Status::Pending,
            discount,
            points_used,
            card_amount,
            coupon,
            payment,
            steps,
            ..draft
        })
    }

    fn discount(&self, coupon: Id, total: Amount) -> Option<Amount> {
        let (_, coupon) = self.coupons.get(&coupon)?;
        let terms: &Terms = &self.campaigns[&coupon.campaign].terms;
        let unused = coupon.status == CouponStatus::Issued || self.careless == Careless::WithCoupons;
        let open = self.now < terms.closes || self.careless == Careless::WithCouponsThatClosed;
        let off = match terms.discount {
            Discount::Fixed(amount) => amount,
            Discount::Percent(percent, most) => {
                (total * Amount::from(percent) / 100).min(most.unwrap_or(Amount::MAX))
            }
        };
        (unused && open && terms.least_total.is_none_or(|least| total >= least)).then_some(off.min(total))
    }

    /// An order's time has come.
    pub(super) fn go_on(&mut self, order: Id) {
        let shown = self.orders[&order].shown.clone();
        let forgets = self.careless == Careless::WithTime && order.is_multiple_of(10);
        match shown.status {
            Status::Created => self.fail_unpaid(order, "TIMED_OUT"),
            Status::Pending if forgets => {}
            Status::Pending => match self.carry_out(&shown) {
                Ok(()) => self.turn(order, Status::Confirmed, None, StepStatus::Done),
                Err(reason) => {
                    self.turn(order, Status::Failing, Some(reason), StepStatus::Unknown);
                    self.due.insert((self.now + WORK, order));
                }
            },
            Status::Failing => {
                if self.orders[&order].held {
                    self.give_back(&shown);
                }
                self.turn(order, Status::Failed, None, StepStatus::Compensated);
            }
            Status::Cancelling => {
                self.give_back(&shown);
                self.turn(order, Status::Cancelled, None, StepStatus::Compensated);
            }
            Status::Confirmed | Status::Failed | Status::Cancelled => {}
        }
    }

    /// Everything at once, or nothing.
    fn carry_out(&mut self, order: &Order) -> Result<(), &'static str> {
        let payment = self.orders[&order.id].payment.unwrap();
        for line in &order.lines {
            let product = &self.products[&line.product];
            if product.price != line.unit_price && self.careless != Careless::WithPrices {
                return Err("PRICE_CHANGED");
            }
            if product.stock < line.quantity && self.careless != Careless::WithStock {
                return Err("OUT_OF_STOCK");
            }
        }
        if order.coupon.is_some_and(|coupon| self.discount(coupon, order.total) != Some(order.discount)) {
            return Err("COUPON_INVALID");
        }
        if self.members[&order.user].balance < order.points_used {
            return Err("POINTS_SHORT");
        }
        if order.card_amount > 0 && self.careless != Careless::WithCards {
            match payment.card {
                Some(Card::Declined) => return Err("PAYMENT_DECLINED"),
                Some(card) if !card.can_be_charged() => return Err("PAYMENT_UNAVAILABLE"),
                _ => {}
            }
        }
        for line in &order.lines {
            self.products.get_mut(&line.product).unwrap().stock -= line.quantity;
        }
        if let Some(coupon) = order.coupon {
            let (_, coupon) = self.coupons.get_mut(&coupon).unwrap();
            (coupon.status, coupon.order) = (CouponStatus::Used, Some(order.id));
        }
        if order.points_used > 0 {
            self.enter(order.user, ChangeKind::Used, -order.points_used, Some(order.id), None);
        }
        if order.card_amount > 0 {
            self.charge(order.payment.unwrap(), order.card_amount);
        }
        self.orders.get_mut(&order.id).unwrap().held = true;
        Ok(())
    }

    fn give_back(&mut self, order: &Order) {
        for line in order.lines.iter().filter(|_| self.careless != Careless::WithReturns) {
            self.products.get_mut(&line.product).unwrap().stock += line.quantity;
        }
        if let Some(coupon) = order.coupon {
            let (_, coupon) = self.coupons.get_mut(&coupon).unwrap();
            let over = self.now >= self.campaigns[&coupon.campaign].terms.closes;
            (coupon.status, coupon.order) =
                (if over { CouponStatus::Expired } else { CouponStatus::Issued }, None);
        }
        if order.points_used > 0 {
            self.enter(order.user, ChangeKind::Refunded, order.points_used, Some(order.id), None);
        }
        let key = format!("{:032x}", order.payment.unwrap());
        for charge in self.pg.iter_mut().filter(|charge| charge.key == key) {
            charge.status = PgStatus::GivenBack;
        }
    }

    fn turn(&mut self, order: Id, status: Status, reason: Option<&str>, steps: StepStatus) {
        let shown = &mut self.orders.get_mut(&order).unwrap().shown;
        shown.status = status;
        shown.reason = reason.map(str::to_owned).or(shown.reason.take());
        shown.steps.iter_mut().for_each(|step| step.status = steps);
        self.tell(order);
    }

    fn fail_unpaid(&mut self, order: Id, reason: &str) {
        self.turn(order, Status::Failed, Some(reason), StepStatus::Compensated);
    }

    fn tell_if_failed(&mut self, order: Id) {
        if self.orders[&order].shown.status == Status::Failed {
            self.tell(order);
        }
    }

    /// The data platform is told a final word.
    fn tell(&mut self, order: Id) {
        let shown = &self.orders[&order].shown;
        let word = match shown.status {
            Status::Confirmed => Word::Confirmed,
            Status::Failed => Word::Failed,
            Status::Cancelled => Word::Cancelled,
            _ => return,
        };
        self.platform.push(Delivery {
            id: format!("{order}-{word}"),
            word,
            order,
            user: shown.user,
            reason: shown.reason.clone(),
            lines: shown.lines.clone(),
            total: shown.total,
            discount: shown.discount,
            points_used: shown.points_used,
            card_amount: shown.card_amount,
        });
    }

    pub(super) fn cancel(&mut self, order: Id) -> Told {
        let sale = self.orders.get(&order).ok_or((404, "NOT_FOUND"))?;
        match sale.shown.status {
            Status::Failed => return Err((409, "ORDER_NOT_CANCELLABLE")),
            Status::Confirmed if sale.shipped && self.careless != Careless::WithShipments => {
                return Err((409, "CANCEL_WINDOW_CLOSED"));
            }
            Status::Created => self.fail_unpaid(order, "CANCELLED_BY_CUSTOMER"),
            Status::Pending => {
                self.turn(order, Status::Failing, Some("CANCELLED_BY_CUSTOMER"), StepStatus::Unknown);
            }
            Status::Confirmed => {
                self.orders.get_mut(&order).unwrap().shown.status = Status::Cancelling;
                self.due.insert((self.now + WORK, order));
            }
            Status::Failing | Status::Cancelling | Status::Cancelled => {}
        }
        Ok(Answer::Order(Box::new(self.orders[&order].shown.clone())))
    }
}
