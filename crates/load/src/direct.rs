//! The direct door: the quoter of a shop in this process.

use crate::stage::Cast;
use crate::target::{Target, Ticket};
use crate::workload::{Coupon, Order};
use kernel::Trace;
use kernel::ids::UserCouponId;
use kernel::plan::CardToken;
use order::KeyHash;
use order::quote::{Payment, Points};
use shop::Shop;
use shop::quoter::Ask;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// A shop of this process and what the stage is called in it.
pub struct Direct {
    shop: Arc<Shop>,
    cast: Cast,
    run: Uuid,
}

impl Direct {
    /// The direct door of `shop`. The meter must observe the log of its orders.
    #[must_use]
    pub fn new(shop: Arc<Shop>, cast: Cast, run: Uuid) -> Self {
        Self { shop, cast, run }
    }
}

impl Cast {
    /// The coupon's id.
    pub(crate) fn coupon(&self, coupon: Coupon) -> UserCouponId {
        match coupon {
            Coupon::Good(at) => self.coupons[at],
            Coupon::Used(at) => self.used[at],
        }
    }
}

impl Target for Direct {
    fn send(&self, order: &Order, ticket: Ticket) {
        let payment = Payment {
            user_coupon_id: order.coupon.map(|coupon| self.cast.coupon(coupon)),
            points: Points::Amount(order.points),
            card: order.card.map(|card| CardToken(card.token().into())),
        };
        let ask = Ask::Place {
            user: self.cast.users[order.user],
            lines: order
                .lines
                .iter()
                .map(|(product, count)| (self.cast.products[*product], *count))
                .collect(),
            payment: Some(payment),
            extras: BTreeMap::new(),
        };
        let key = key(self.run, order.number);
        let key = KeyHash { key: Arc::clone(&key), body: key };
        self.shop.quoter().ask(ask, key, Trace::default(), |answer| match answer {
            Ok(Ok(born)) => ticket.answered(born.order.0),
            Ok(Err(refused)) => ticket.failed(refused.to_string()),
            Err(error) => ticket.failed(error.to_string()),
        });
    }
}

/// An idempotency key, spread like the hash that it stands for.
fn key(run: Uuid, number: u64) -> Arc<[u8]> {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    let key = [spread.as_slice(), run.as_bytes(), &[0; 8]].concat();
    Arc::from(key)
}
