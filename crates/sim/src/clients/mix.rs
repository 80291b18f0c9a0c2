//! How many clients there are, and what they are like.

use super::requests::{Amount, Millis};

/// A share of a thousand.
pub type PerMille = u32;

/// How many clients, products and orders a run has, and how clients behave. All of it is drawn from the seed by these odds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Customers that sign up.
    pub customers: u32,
    /// Products. The first is the hot one; where there are five or more, the last is given away.
    pub products: u32,
    /// Orders that are begun, the second of twins included.
    pub orders: u32,
    /// Mean time between two beats. Each beat begins up to [`burst`](Self::burst) orders, and perhaps something else.
    pub beat: Millis,
    /// The most orders that one beat begins.
    pub burst: u32,
    /// Pieces of the hot product.
    pub hot_stock: Amount,
    /// Pieces of each of the others.
    pub stock: Amount,
    /// Points that each customer is granted at first.
    pub points: Amount,
    /// Coupons of the scarce campaign, which all customers rush for at once.
    pub scarce: Amount,
    /// Orders with a line of the hot product.
    pub hot: PerMille,
    /// Orders that use a coupon, where their customer has one.
    pub coupon: PerMille,
    /// Orders that use points, half of them all that there are.
    pub with_points: PerMille,
    /// Cards that do anything but pay at once.
    pub bad_cards: PerMille,
    /// Orders that are paid later, or left to expire.
    pub pay_later: PerMille,
    /// Of those, the ones that are left.
    pub left: PerMille,
    /// Orders that are cancelled: at once, or after they are confirmed.
    pub cancelled: PerMille,
    /// Requests with an idempotency key that are sent twice at once.
    pub twice: PerMille,
    /// Orders whose key is used with another body as well.
    pub other_body: PerMille,
    /// Orders that have a twin at the same moment, which wants the same coupon and the same points.
    pub twins: PerMille,
    /// Beats with a top-up.
    pub top_ups: PerMille,
    /// Beats at which some customer takes a coupon of the ample campaign.
    pub takes: PerMille,
    /// Beats at which some customer looks around: balance, coupons, orders, best sellers.
    pub looks: PerMille,
    /// Beats at which the administrator does something.
    pub administration: PerMille,
}

impl Mix {
    /// The usual odds, for about `orders` orders by as many customers as make them meet.
    #[must_use]
    pub fn of(orders: u32) -> Self {
        Self {
            customers: (orders / 8).clamp(4, 400),
            products: 8,
            orders,
            beat: 20,
            burst: 4,
            hot_stock: Amount::from(orders / 10).max(3),
            stock: 100_000,
            points: 20_000,
            scarce: Amount::from((orders / 32).clamp(2, 100)),
            hot: 300,
            coupon: 300,
            with_points: 450,
            bad_cards: 250,
            pay_later: 120,
            left: 200,
            cancelled: 200,
            twice: 80,
            other_body: 30,
            twins: 100,
            top_ups: 150,
            takes: 150,
            looks: 250,
            administration: 200,
        }
    }
}
