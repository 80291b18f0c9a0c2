//! Which orders there are to place. Pure: settings and a seed make them, whatever shop they go to.

mod baskets;
mod shares;
#[cfg(test)]
mod tests;

pub use baskets::{Basket, Baskets, PRICE_STEPS};

use crate::stage::{Holder, PLENTY_OF_POINTS, Stage, UserNeed};
use baskets::Source;
use kernel::{Money, text_enum};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use shares::Hundreds;
use std::collections::BTreeMap;

text_enum! {
    /// The step that an order is made to fail at. The quote lets it pass.
    pub enum FailAt {
        /// It wants more of a product than there is.
        Stock = "stock",
        /// Its coupon is used already.
        Coupon = "coupon",
        /// Its points are gone already.
        Point = "point",
        /// Its card is declined.
        Payment = "payment",
    }
}

/// How orders pay, and which fail. Percentages hold exactly in every hundred orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mix {
    /// Percent of orders that pay by card; the others pay with points. At most 100.
    pub card_percent: u8,
    /// Percent of orders that use a coupon besides. At most 100.
    pub coupon_percent: u8,
    /// Percent of orders that fail at each step; at most 100 together.
    pub fail: BTreeMap<FailAt, u8>,
}

/// A card, as the payment gateway's simulator knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Card {
    /// It is charged.
    Good,
    /// It is declined.
    Declined,
}

impl Card {
    /// Its token.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Good => "tok_ok",
            Self::Declined => "tok_decline",
        }
    }
}

/// A coupon, by its place in the [`Stage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coupon {
    /// One of [`Stage::coupons`], for this order alone.
    Good(usize),
    /// One of [`Stage::used`]: an earlier order has it.
    Used(usize),
}

/// One order to place. Users and products are places in the [`Stage`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Counts from 0, through the warm-up and beyond: what its idempotency key is made of.
    pub number: u64,
    /// Who orders.
    pub user: usize,
    /// Products and quantities.
    pub lines: Vec<(usize, i64)>,
    /// The coupon that it uses.
    pub coupon: Option<Coupon>,
    /// The points that it uses, in minor units.
    pub points: Money,
    /// The card that the rest is charged to.
    pub card: Option<Card>,
    /// The step that refuses it; `None`: it is to be confirmed.
    pub fails_at: Option<FailAt>,
}

/// All orders of one run: a warm-up that does not count, and the ones that do.
#[derive(Clone, Debug)]
pub struct Workload {
    seed: u64,
    mix: Mix,
    source: Source,
    warm_up: u64,
    counted: u64,
}

/// Users of each kind of stale fact: many, so that no one row is the hot one.
const STALE_USERS: usize = 20;
/// What every coupon takes off, in minor units.
pub const DISCOUNT: i64 = 100;

impl Workload {
    /// `counted` orders after `warm_up` others, of these users and products, one piece of one product each. With `hot_sku`,
    /// all of the one same product.
    #[must_use]
    pub fn generated(seed: u64, mix: Mix, (users, products): (usize, usize), hot_sku: bool) -> Self {
        let source = Source::Generated { users, products, hot_sku };
        Self { seed, mix, source, warm_up: 0, counted: 0 }
    }

    /// Orders of a shop's history, from its first on, and from the first again when there are no more.
    #[must_use]
    pub fn of_history(seed: u64, mix: Mix, history: Baskets) -> Self {
        Self { seed, mix, source: Source::History(history), warm_up: 0, counted: 0 }
    }

    /// So many orders: first the warm-up, then those that count.
    #[must_use]
    pub fn of(self, warm_up: u64, counted: u64) -> Self {
        Self { warm_up, counted, ..self }
    }

    /// How many come before those that count.
    #[must_use]
    pub fn warm_up(&self) -> u64 {
        self.warm_up
    }

    /// How many count.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.counted
    }

    /// How orders pay, and which fail.
    #[must_use]
    pub fn mix(&self) -> &Mix {
        &self.mix
    }

    /// What it was made from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether every order wants the one same product.
    #[must_use]
    pub fn is_hot(&self) -> bool {
        matches!(self.source, Source::Generated { hot_sku: true, .. })
    }

    /// The orders, in the order that they are sent.
    #[must_use]
    pub fn orders(&self) -> Orders<'_> {
        Orders { workload: self, number: 0, coupons: 0, draws: Draws::new(self.seed, Phase::WarmUp) }
    }

    /// What a shop must hold before the first order.
    #[must_use]
    pub fn stage(&self) -> Stage {
        let (mut users, mut products) = (self.source.users(), self.source.products());
        let ordinary = users.len();
        let names = |kind: &'static str| (0..STALE_USERS).map(move |at| format!("{kind}-{at}"));
        let points = PLENTY_OF_POINTS;
        users.extend(names("coupon-used").map(|name| UserNeed { name, points }));
        users.extend(names("points-spent").map(|name| UserNeed { name, points: Money::ZERO }));
        products.push(baskets::scarce());
        let mut campaigns: BTreeMap<usize, usize> = BTreeMap::new();
        let coupons = self.orders().filter(|order| matches!(order.coupon, Some(Coupon::Good(_))));
        let coupons = coupons.map(|order| {
            let next = campaigns.entry(order.user).or_default();
            *next += 1;
            Holder { user: order.user, campaign: *next - 1 }
        });
        let coupons = coupons.collect();
        let campaigns = campaigns.into_values().max().unwrap_or_default().max(1);
        // Using coupons up takes orders: none where nobody is to be refused for one.
        let used = if self.mix.fail.contains_key(&FailAt::Coupon) { STALE_USERS } else { 0 };
        let used = (ordinary..ordinary + used).collect();
        let spent = (ordinary + STALE_USERS..ordinary + 2 * STALE_USERS).collect();
        Stage { users, products, campaigns, coupons, used, spent }
    }
}

/// Which part of a run draws.
#[derive(Clone, Copy)]
enum Phase {
    WarmUp,
    Counted,
}

/// All that is drawn for one phase, each from a stream of its own: what one setting draws changes nothing of the others.
struct Draws {
    fail: Hundreds,
    card: Hundreds,
    coupon: Hundreds,
    basket: ChaCha8Rng,
}

impl Draws {
    fn new(seed: u64, phase: Phase) -> Self {
        let stream = |purpose: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(purpose * 2 + phase as u64);
            rng
        };
        Self {
            fail: Hundreds::new(stream(0)),
            card: Hundreds::new(stream(1)),
            coupon: Hundreds::new(stream(2)),
            basket: stream(3),
        }
    }
}

/// The orders of a workload, one after the other.
pub struct Orders<'a> {
    workload: &'a Workload,
    number: u64,
    /// Good coupons given to orders up to here.
    coupons: usize,
    draws: Draws,
}

impl Iterator for Orders<'_> {
    type Item = Order;

    fn next(&mut self) -> Option<Order> {
        let Workload { seed, mix, source, warm_up, counted } = self.workload;
        if self.number >= warm_up + counted {
            return None;
        }
        if self.number == *warm_up {
            self.draws = Draws::new(*seed, Phase::Counted);
        }
        let number = self.number;
        self.number += 1;
        let basket = source.basket(number, &mut self.draws.basket);
        let fails_at = at_step(&mix.fail, self.draws.fail.next());
        let by_card = self.draws.card.next() < mix.card_percent;
        // A coupon that takes off everything would leave nothing to refuse.
        let with_coupon = self.draws.coupon.next() < mix.coupon_percent && basket.total.minor() > DISCOUNT;
        Some(self.order(number, basket, fails_at, (by_card, with_coupon)))
    }
}

impl Orders<'_> {
    fn order(
        &mut self,
        number: u64,
        basket: Basket,
        fails_at: Option<FailAt>,
        (by_card, with_coupon): (bool, bool),
    ) -> Order {
        let source = &self.workload.source;
        let (ordinary, stale) = (source.user_count(), usize::try_from(number).unwrap_or(0) % STALE_USERS);
        let good = |order: &mut Self| {
            order.coupons += 1;
            Some(Coupon::Good(order.coupons - 1))
        };
        let Basket { user, lines, total } = basket;
        let paid_by = if by_card { Some(Card::Good) } else { None };
        let (user, lines, total, coupon, card) = match fails_at {
            None => (user, lines, total, with_coupon.then(|| good(self)).flatten(), paid_by),
            Some(FailAt::Stock) => {
                let (lines, total) = (vec![(source.product_count(), baskets::TOO_MANY)], baskets::too_many());
                (user, lines, total, with_coupon.then(|| good(self)).flatten(), paid_by)
            }
            Some(FailAt::Coupon) => (ordinary + stale, lines, total, Some(Coupon::Used(stale)), paid_by),
            Some(FailAt::Point) => (ordinary + STALE_USERS + stale, lines, total, None, None),
            Some(FailAt::Payment) => {
                (user, lines, total, with_coupon.then(|| good(self)).flatten(), Some(Card::Declined))
            }
        };
        let discount = if coupon.is_some() { DISCOUNT.min(total.minor()) } else { 0 };
        // Within range: a discount is at most the total.
        let payable = Money::new(total.minor() - discount).unwrap_or_default();
        let points = if card.is_some() { Money::ZERO } else { payable };
        Order { number, user, lines, coupon, points, card, fails_at }
    }
}

/// The step that the order with this `slot` of a hundred fails at: steps take their shares one after the other.
fn at_step(fail: &BTreeMap<FailAt, u8>, slot: u8) -> Option<FailAt> {
    let mut through = 0;
    fail.iter().find_map(|(step, percent)| {
        through += percent;
        (slot < through).then_some(*step)
    })
}
