//! What administrators and customers do.

use super::{ADMIN, Slot, World, born, taken, won};
use jumun_shop::quoter::{Answer, Ask};
use kernel::ids::{CouponId, OrderId, ProductId, UserCouponId, UserId};
use kernel::plan::CardToken;
use kernel::{Currency, Money, Trace};
use order::quote::{Payment, Points};
use order::{Born, KeyHash, Order};
use runtime::CommandError;
use runtime::ports::clock::Clock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// An order as a customer asks for it.
#[derive(Clone)]
pub(crate) struct Buy {
    pub(crate) user: UserId,
    pub(crate) lines: Vec<(ProductId, i64)>,
    pub(crate) coupon: Option<UserCouponId>,
    pub(crate) points: Points,
    pub(crate) card: bool,
    pub(crate) pay: bool,
}

impl Buy {
    /// `count` of `product`, paid with points.
    pub(crate) fn with_points(user: UserId, product: ProductId, count: i64) -> Self {
        Self {
            user,
            lines: vec![(product, count)],
            coupon: None,
            points: Points::All,
            card: false,
            pay: true,
        }
    }

    /// `count` of `product`, paid by card.
    pub(crate) fn by_card(user: UserId, product: ProductId, count: i64) -> Self {
        let points = Points::Amount(Money::ZERO);
        Self { card: true, points, ..Self::with_points(user, product, count) }
    }

    pub(crate) fn coupon(self, coupon: UserCouponId) -> Self {
        Self { coupon: Some(coupon), ..self }
    }

    pub(crate) fn points(self, points: i64) -> Self {
        Self { points: Points::Amount(won(points)), ..self }
    }

    fn ask(&self) -> Ask {
        let card = self.card.then(|| CardToken("tok".into()));
        let payment = Payment { user_coupon_id: self.coupon, points: self.points, card };
        let payment = self.pay.then_some(payment);
        Ask::Place { user: self.user, lines: self.lines.clone(), payment, extras: BTreeMap::new() }
    }
}

impl World {
    /// Queues an order under an idempotency key; `body` stands for what else the request says.
    pub(crate) fn order_under(&self, key: u64, body: u64, buy: &Buy) -> Slot<Answer> {
        let slot = Slot::default();
        let answer = Arc::clone(&slot);
        let hash = KeyHash { key: hash(key), body: hash(body) };
        let quoter = self.shop.quoter();
        quoter.ask(buy.ask(), hash, Trace::default(), move |reply| *answer.lock().unwrap() = Some(reply));
        slot
    }

    /// Queues a birth past the quoter, as another instance would.
    pub(crate) fn birth_under(
        &mut self,
        key: u64,
        body: u64,
        user: UserId,
    ) -> Slot<Result<Result<Born, kernel::Refused>, CommandError>> {
        let nothing = order::quote::Priced { lines: Vec::new(), total: Money::ZERO };
        let plan = order::quote::draft(user, nothing, Currency::KRW, BTreeMap::new());
        let key = KeyHash { key: hash(key), body: hash(body) };
        self.send(order::PlaceOrder { quote: order::Quote::Draft(Box::new(plan)), key })
    }

    /// Queues an order under a new key.
    pub(crate) fn order(&mut self, buy: &Buy) -> Slot<Answer> {
        self.next += 1;
        self.order_under(self.next, 0, buy)
    }

    /// Places an order and runs until everything rests.
    pub(crate) fn buy(&mut self, buy: &Buy) -> OrderId {
        let slot = self.order(buy);
        self.run();
        born(&slot).order
    }

    /// Pays an order that was made without, with points.
    pub(crate) fn pay(&mut self, order: OrderId, user: UserId) -> Result<Born, kernel::Refused> {
        self.next += 1;
        let payment = Payment { user_coupon_id: None, points: Points::All, card: None };
        let slot: Slot<Answer> = Slot::default();
        let answer = Arc::clone(&slot);
        let key = KeyHash { key: hash(self.next), body: hash(0) };
        let ask = Ask::Pay { user, order, payment };
        let quoter = self.shop.quoter();
        quoter.ask(ask, key, Trace::default(), move |reply| *answer.lock().unwrap() = Some(reply));
        self.run();
        taken(&slot).unwrap().unwrap()
    }

    /// Cancels an order for its customer.
    pub(crate) fn cancel(&mut self, order: OrderId) -> Result<(), kernel::Refused> {
        let customer = Some(self.get::<Order>("order", (order,)).user_id);
        self.ask(order::CancelOrder { order, customer })
    }

    pub(crate) fn customer(&mut self, points: i64) -> UserId {
        self.customers(1, points)[0]
    }

    pub(crate) fn customers(&mut self, count: usize, points: i64) -> Vec<UserId> {
        let mut slots = Vec::new();
        for _ in 0..count {
            self.next += 1;
            let password_hash = user::PasswordHash::new("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA");
            let email = smol_str::format_smolstr!("kim{}@example.com", self.next);
            slots.push(self.send(user::SignUp { email, name: "Kim".into(), password_hash }));
        }
        self.run();
        let users: Vec<UserId> = slots.iter().map(|slot| taken(slot).unwrap().unwrap().unwrap().id).collect();
        if points > 0 {
            for user in &users {
                let (adjust, reason) = (won(points), "welcome".to_owned());
                drop(self.send(point::AdjustPoints { user: *user, adjust, reason, by: ADMIN }));
            }
            self.run();
        }
        users
    }

    pub(crate) fn product(&mut self, price: i64, stock: i64) -> ProductId {
        self.next += 1;
        let sku = smol_str::format_smolstr!("MUG-{}", self.next);
        self.ask(product::CreateProduct { sku, name: "Mug".into(), price: won(price), stock, by: ADMIN })
            .unwrap()
            .id
    }

    /// Queues a new price.
    pub(crate) fn reprice(&mut self, product: ProductId, price: i64) {
        drop(self.send(product::PatchProduct {
            id: product,
            name: None,
            price: Some(won(price)),
            status: None,
            expected_version: None,
            by: ADMIN,
            reason: None,
        }));
    }

    /// A campaign that takes `off` off, for `seconds` from now.
    pub(crate) fn campaign(&mut self, off: i64, quantity: i64, seconds: u64) -> CouponId {
        let now = self.clock.now();
        let campaign = coupon::CreateCoupon {
            name: "Welcome".into(),
            discount: coupon::Discount::Fixed { amount: won(off) },
            quantity,
            min_order_amount: None,
            valid_from: now,
            valid_until: now.after(Duration::from_secs(seconds)),
            by: ADMIN,
        };
        self.ask(campaign).unwrap().id
    }

    /// A coupon of a new campaign for `user`.
    pub(crate) fn coupon(&mut self, user: UserId, off: i64, seconds: u64) -> UserCouponId {
        let coupon = self.campaign(off, 1, seconds);
        self.ask(coupon::IssueCoupon { coupon, user }).unwrap().id
    }
}

/// 32 bytes that stand for a hash of `number`.
fn hash(number: u64) -> Arc<[u8]> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Arc::from(bytes)
}
