//! A customer buys: places, perhaps pays later, looks until it is settled, perhaps cancels.

use super::answers::{Answer, Order, Status};
use super::errand::{Asking, Desk, News, Script, Then};
use super::requests::{Amount, Ask, Card, Id, Key, Millis, Payment, Points, Show};
use rand::Rng;

/// The first wait between two looks at an order; it doubles up to [`LONGEST_LOOK`].
const FIRST_LOOK: Millis = 20;
const LONGEST_LOOK: Millis = 2_000;
/// How long a customer thinks before paying later, or cancelling what is confirmed (about).
const THINK: Millis = 1_500;
/// How soon a cancel that races the confirmation comes (about).
const RACE: Millis = 15;
/// Orders that the administrator may ship.
const SHIPPABLE_MOST: usize = 50;

/// What an order is to be: drawn before it begins, so that twins can want the same.
#[derive(Clone)]
pub(super) struct Basket {
    lines: Vec<(Id, Amount)>,
    payment: Payment,
    timing: Timing,
    cancel: Cancel,
}

/// When an order is paid.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Timing {
    /// With the order.
    Now,
    /// By a request of its own.
    Later,
    /// Never: it is left to expire.
    Never,
}

/// Whether an order is cancelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cancel {
    Never,
    /// While it may still be confirmed.
    Racing,
    /// Once it is settled.
    Late,
    /// Once it is settled, twice at once.
    Twice,
}

impl Basket {
    pub(super) fn fill(customer: usize, desk: &mut Desk) -> Self {
        let lines = Self::lines(desk);
        let payment = Self::payment(customer, &lines, desk);
        let timing = match desk.chance(desk.mix.pay_later) {
            false => Timing::Now,
            true if desk.chance(desk.mix.left) => Timing::Never,
            true => Timing::Later,
        };
        let cancel = match desk.chance(desk.mix.cancelled) {
            false => Cancel::Never,
            true => [Cancel::Racing, Cancel::Racing, Cancel::Late, Cancel::Twice][desk.one_of(4)],
        };
        Self { lines, payment, timing, cancel }
    }

    fn lines(desk: &mut Desk) -> Vec<(Id, Amount)> {
        let mut lines = Vec::new();
        let count = desk.known.products.len();
        if desk.chance(desk.mix.hot) {
            lines.push((desk.known.products[0].id, desk.rng.random_range(1..=2)));
        }
        for _ in 0..desk.rng.random_range(1..=2) {
            // A product may be drawn twice: its two lines are summed.
            let place = if count > 1 { 1 + desk.one_of(count - 1) } else { 0 };
            lines.push((desk.known.products[place].id, desk.rng.random_range(1..=3)));
        }
        lines
    }

    fn payment(customer: usize, lines: &[(Id, Amount)], desk: &mut Desk) -> Payment {
        let coupons = desk.known.customers[customer].coupons.len();
        let coupon = (coupons > 0 && desk.chance(desk.mix.coupon))
            .then(|| desk.known.customers[customer].coupons[desk.rng.random_range(0..coupons)]);
        let price = |product: &Id| desk.known.products.iter().find(|known| known.id == *product);
        let total: Amount =
            lines.iter().map(|(product, count)| price(product).map_or(0, |known| known.price * count)).sum();
        let points = match desk.chance(desk.mix.with_points) {
            false => Points::Amount(0),
            true if desk.chance(500) => Points::All,
            // At times more than there is to pay, once the coupon is taken off.
            true => Points::Amount(desk.rng.random_range(0..=total.max(0))),
        };
        // At times there is no card where one is needed.
        let card = desk.chance(970).then(|| card(desk));
        Payment { coupon, points, card }
    }
}

/// Some card.
pub(super) fn card(desk: &mut Desk) -> Card {
    if desk.chance(desk.mix.bad_cards) { Card::ALL[desk.one_of(Card::ALL.len())] } else { Card::Good }
}

/// Where a purchase stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Placing, until the order is known.
    Place,
    /// The order is made: what is next?
    Made,
    /// Paying, until that is answered.
    Pay,
    /// A cancel races: it is asked when this rest is over.
    Race,
    /// Cancelling, until that is answered.
    Cancel,
    /// Looking, until the order is settled.
    Look,
    /// Resting before a late cancel.
    Regret,
}

/// One order of one customer.
pub(super) struct Purchase {
    customer: usize,
    basket: Basket,
    key: Key,
    stage: Stage,
    order: Option<Id>,
    wait: Millis,
    twice: bool,
    /// The other body that the key is used with.
    other_body: Option<Ask>,
}

impl Purchase {
    pub(super) fn new(customer: usize, basket: Basket, desk: &mut Desk) -> Self {
        let (key, twice) = (desk.key(), desk.chance(desk.mix.twice));
        let mut purchase = Self {
            customer,
            basket,
            key,
            stage: Stage::Place,
            order: None,
            wait: FIRST_LOOK,
            twice,
            other_body: None,
        };
        purchase.other_body = desk.chance(desk.mix.other_body).then(|| purchase.place_other());
        purchase
    }

    fn place(&self) -> Ask {
        let payment = (self.basket.timing == Timing::Now).then_some(self.basket.payment);
        Ask::Place { key: self.key, lines: self.basket.lines.clone(), payment }
    }

    /// The same key, and one piece more.
    fn place_other(&self) -> Ask {
        let mut other = self.basket.clone();
        other.lines.iter_mut().for_each(|(_, count)| *count += 1);
        let payment = (other.timing == Timing::Now).then_some(other.payment);
        Ask::Place { key: self.key, lines: other.lines, payment }
    }

    fn ask(&self, ask: Ask, desk: &Desk) -> Then {
        Then::Ask(Asking::until_answered(desk.caller(self.customer), ask))
    }

    fn ask_keyed(&mut self, ask: Ask, desk: &Desk) -> Then {
        let mut asking = Asking::until_answered(desk.caller(self.customer), ask);
        asking.copies = if std::mem::take(&mut self.twice) { 2 } else { 1 };
        asking.decoy = self.other_body.clone().filter(|_| self.stage == Stage::Place);
        Then::Ask(asking)
    }

    fn look(&mut self, desk: &Desk) -> Then {
        self.stage = Stage::Look;
        match self.order {
            Some(order) => self.ask(Ask::Show(Show::Order(order)), desk),
            None => Then::Over,
        }
    }

    /// Time has come for what is next.
    fn proceed(&mut self, desk: &mut Desk) -> Then {
        let Some(order) = self.order else {
            let place = self.place();
            return self.ask_keyed(place, desk);
        };
        match self.stage {
            // Nothing new is begun in the calm: an unpaid order is left to expire.
            Stage::Made if desk.calm => Then::Over,
            Stage::Made => {
                self.stage = Stage::Pay;
                self.twice = desk.chance(desk.mix.twice);
                let payment = self.basket.payment;
                self.ask_keyed(Ask::Pay { key: Key(self.key.0), order, payment }, desk)
            }
            Stage::Race | Stage::Regret if !desk.calm => {
                self.stage = Stage::Cancel;
                let mut asking = Asking::until_answered(desk.caller(self.customer), Ask::Cancel { order });
                asking.copies = if self.basket.cancel == Cancel::Twice { 2 } else { 1 };
                self.basket.cancel = Cancel::Never;
                Then::Ask(asking)
            }
            Stage::Place | Stage::Pay | Stage::Race | Stage::Cancel | Stage::Look | Stage::Regret => {
                self.look(desk)
            }
        }
    }

    fn told_order(&mut self, now: Millis, order: &Order, desk: &mut Desk) -> Then {
        self.order = Some(order.id);
        match order.status {
            Status::Created => self.made(now, desk),
            Status::Pending | Status::Failing | Status::Cancelling => self.under_way(now, desk),
            Status::Confirmed => self.confirmed(now, order.id, desk),
            Status::Failed | Status::Cancelled => {
                // A late cancel of what has failed is refused: that is worth asking, too.
                if self.basket.cancel == Cancel::Twice && !desk.calm {
                    self.stage = Stage::Regret;
                    return Then::Rest(desk.around(now, THINK));
                }
                Then::Over
            }
        }
    }

    fn made(&mut self, now: Millis, desk: &mut Desk) -> Then {
        let races = self.basket.cancel == Cancel::Racing && self.stage != Stage::Look;
        match self.basket.timing {
            Timing::Never if races => {
                self.stage = Stage::Race;
                Then::Rest(desk.around(now, THINK))
            }
            Timing::Never => Then::Over,
            // Paid, and shown from before.
            Timing::Now | Timing::Later if self.stage != Stage::Place => self.under_way(now, desk),
            Timing::Now | Timing::Later => {
                self.stage = Stage::Made;
                Then::Rest(desk.around(now, THINK))
            }
        }
    }

    fn under_way(&mut self, now: Millis, desk: &mut Desk) -> Then {
        let races = self.basket.cancel == Cancel::Racing && !desk.calm;
        self.stage = if races { Stage::Race } else { Stage::Look };
        if races {
            return Then::Rest(desk.around(now, RACE));
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(LONGEST_LOOK);
        Then::Rest(desk.around(now, wait))
    }

    fn confirmed(&mut self, now: Millis, order: Id, desk: &mut Desk) -> Then {
        let regrets = self.basket.cancel != Cancel::Never && !desk.calm;
        // What is regretted may be shipped before the cancel comes.
        if desk.known.shippable.len() < SHIPPABLE_MOST && (!regrets || desk.chance(500)) {
            desk.known.shippable.push(order);
        }
        if !regrets {
            return Then::Over;
        }
        self.stage = Stage::Regret;
        let wait = if self.basket.cancel == Cancel::Racing { 0 } else { THINK };
        Then::Rest(desk.around(now, wait))
    }

    fn refused(&mut self, code: &str, desk: &Desk) -> Then {
        match (self.stage, code) {
            // The other body came first: what it made is the order of this key.
            (Stage::Place, "IDEMPOTENCY_KEY_REUSED") => match self.other_body.take() {
                Some(ask) => self.ask(ask, desk),
                None => Then::Over,
            },
            // Too late to cancel, or not to be paid: what became of it?
            (Stage::Cancel, _) | (Stage::Pay, "ORDER_NOT_PAYABLE") => self.look(desk),
            // Not like this: there is no order, or it is left to expire.
            _ => Then::Over,
        }
    }
}

impl Script for Purchase {
    fn go_on(&mut self, now: Millis, news: News<'_>, desk: &mut Desk) -> Then {
        match news {
            News::Told(Answer::Order(order)) => self.told_order(now, order, desk),
            News::Told(Answer::Refused(refused)) => self.refused(&refused.code, desk),
            News::Told(_) => Then::Over,
            News::Time | News::Lost => self.proceed(desk),
        }
    }
}
