//! The stepped world as a deployment: names for ids, and its books in the suite's words.

use crate::support::{ADMIN, OnApproval, Setting, Slot, World, check_books, taken, won};
use conformance::books::{Books, CouponBook, OrderBook, ProductBook};
use conformance::{Basket, Deployment, Needs, Payment, Points, Terms};
use coupon::UserCoupon;
use jumun_shop::quoter::{Answer, Ask};
use kernel::Trace;
use kernel::ids::{OrderId, ProductId, UserCouponId, UserId};
use kernel::plan::CardToken;
use order::{KeyHash, Order};
use payment::PaymentRow;
use product::Product;
use runtime::CommandError;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// A day: longer than the play.
const COUPON_SECONDS: u64 = 24 * 3_600;

/// More seconds than any budget or deadline of a saga.
const LEAP: u64 = 300;

/// A stepped world with names.
pub(super) struct Stepped {
    pub(super) world: World,
    customers: BTreeMap<String, UserId>,
    products: BTreeMap<String, ProductId>,
    coupons: BTreeMap<String, UserCouponId>,
    orders: Vec<Asked>,
    /// By the order's name, like the payments.
    cancels: Vec<(String, Slot<Result<Cancelled, CommandError>>)>,
    payments: Vec<(String, Slot<Answer>)>,
    turned_down: BTreeMap<String, Vec<String>>,
}

/// What a cancel is answered.
type Cancelled = <order::CancelOrder as kernel::Command>::Reply;

/// What was asked for as an order.
struct Asked {
    name: String,
    slot: Slot<Answer>,
    made: Option<OrderId>,
}

impl Stepped {
    pub(super) fn new(topology: &str, terms: Terms) -> Self {
        Self::set(topology, terms, Setting::default())
    }

    /// The same, in another setting.
    pub(super) fn set(topology: &str, terms: Terms, mut setting: Setting) -> Self {
        if terms == Terms::Hasty {
            setting.policies.payment.budget = Duration::from_secs(5);
        }
        Self {
            world: World::set(topology, setting),
            customers: BTreeMap::new(),
            products: BTreeMap::new(),
            coupons: BTreeMap::new(),
            orders: Vec::new(),
            cancels: Vec::new(),
            payments: Vec::new(),
            turned_down: BTreeMap::new(),
        }
    }

    /// The order that `name` was made as.
    pub(super) fn order_id(&self, name: &str) -> OrderId {
        let asked = self.orders.iter().find(|asked| asked.name == name);
        asked.and_then(|asked| asked.made).unwrap_or_else(|| panic!("{}: no order {name}", self.world.name))
    }

    fn ask(&self, ask: Ask, key: KeyHash) -> Slot<Answer> {
        let slot: Slot<Answer> = Slot::default();
        let answer = Arc::clone(&slot);
        let reply = move |reply| *answer.lock().unwrap() = Some(reply);
        self.world.shop.quoter().ask(ask, key, Trace::default(), reply);
        slot
    }

    fn payment(&self, payment: &Payment) -> order::quote::Payment {
        order::quote::Payment {
            user_coupon_id: payment.coupon.as_ref().map(|coupon| self.coupons[coupon]),
            points: match payment.points {
                Points::Amount(amount) => order::quote::Points::Amount(won(amount)),
                Points::All => order::quote::Points::All,
            },
            card: payment.card.map(|card| CardToken(card.token().into())),
        }
    }

    /// Takes in the answers that have come.
    fn collect(&mut self) {
        for asked in self.orders.iter_mut().filter(|asked| asked.made.is_none()) {
            match taken(&asked.slot) {
                Some(Ok(Ok(born))) => asked.made = Some(born.order),
                Some(Ok(Err(refused))) => {
                    turn_down(&mut self.turned_down, &asked.name, refused.code.to_owned());
                }
                Some(Err(error)) => turn_down(&mut self.turned_down, &asked.name, error.to_string()),
                None => {}
            }
        }
        for (name, slot) in &self.cancels {
            if let Some(Ok(Err(refused))) = taken(slot) {
                turn_down(&mut self.turned_down, name, format!("cancel: {}", refused.code));
            }
        }
        for (name, slot) in &self.payments {
            if let Some(Ok(Err(refused))) = taken(slot) {
                turn_down(&mut self.turned_down, name, format!("pay: {}", refused.code));
            }
        }
    }

    fn order_book(&self, asked: &Asked, payments: &[PaymentRow], holds: &BTreeMap<String, i64>) -> OrderBook {
        let turned_down = self.turned_down.get(&asked.name).cloned().unwrap_or_default();
        let Some(id) = asked.made else { return OrderBook { turned_down, ..OrderBook::default() } };
        let order: Order = self.world.get("order", (id,));
        let payment = payments.iter().find(|payment| payment.order_id == id);
        let held = order.payment_id.and_then(|payment| holds.get(&payment.0.to_string()));
        let reason = order.reason.as_ref().map(|reason| format!(" {reason}")).unwrap_or_default();
        OrderBook {
            id: Some(id.to_string()),
            status: format!("{}{reason}", order.status),
            steps: order
                .steps
                .0
                .iter()
                .map(|step| (step.name.to_string(), step.status.to_string()))
                .collect(),
            card: order.card_amount.minor(),
            points: order.points_used.minor(),
            discount: order.discount.minor(),
            payment: payment.map(|payment| payment.status.to_string()),
            held: held.copied().unwrap_or(0),
            told: self.told(id),
            turned_down,
        }
    }

    /// The final words about an order that the platform took, in the order in which it first took them.
    fn told(&self, order: OrderId) -> Vec<String> {
        let taken = self.world.platform.was_told(order).into_iter().map(|event| event.to_string());
        taken.filter_map(|event| event.strip_prefix("order.").map(str::to_owned)).collect()
    }

    fn product_book(&self, id: ProductId) -> ProductBook {
        let product: Product = self.world.get("product", (id,));
        let sales = self.world.all::<ranking::Sale>("ranking").into_iter();
        let ranked = sales.filter(|sale| sale.product_id == id).map(|sale| sale.sold).sum();
        ProductBook { stock: product.stock, sold: product.sold, ranked }
    }

    /// What the world's own oracle and its dead letters say.
    fn odd(&self) -> Vec<String> {
        let letters = self.world.open_letters().into_iter();
        let mut odd: Vec<String> =
            letters.map(|letter| format!("a dead letter of {}: {}", letter.domain, letter.error)).collect();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check_books(&self.world))) {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            odd.push(
                said.or(panic.downcast_ref::<&str>().copied()).unwrap_or("the oracle panicked").to_owned(),
            );
        }
        odd
    }
}

fn turn_down(turned_down: &mut BTreeMap<String, Vec<String>>, name: &str, code: String) {
    turned_down.entry(name.to_owned()).or_default().push(code);
}

/// 32 bytes that stand for a hash of `text`.
fn hash(text: &str) -> Arc<[u8]> {
    let mut bytes = [0_u8; 32];
    for (at, byte) in text.bytes().enumerate() {
        let place = &mut bytes[at % 32];
        *place = place.wrapping_mul(31).wrapping_add(byte);
    }
    Arc::from(bytes)
}

impl Deployment for Stepped {
    fn meets(&self, needs: Needs) -> bool {
        match needs {
            Needs::Nothing | Needs::StaleQuote | Needs::OwnTime | Needs::OpenDoor => true,
            Needs::InlineDelivery => self.world.delivers_inline(),
        }
    }

    fn customer(&mut self, name: &str, points: i64) {
        let id = self.world.customer(points);
        self.customers.insert(name.to_owned(), id);
    }

    fn suspend(&mut self, customer: &str) {
        let suspend = user::PatchUser {
            id: self.customers[customer],
            name: None,
            role: None,
            status: Some(user::UserStatus::Suspended),
            expected_version: None,
            by: ADMIN,
            reason: Some("fraud".into()),
        };
        self.world.ask(suspend).unwrap();
    }

    fn product(&mut self, name: &str, price: i64, stock: i64) {
        let id = self.world.product(price, stock);
        self.products.insert(name.to_owned(), id);
    }

    fn reprice(&mut self, product: &str, price: i64) {
        self.world.shop.quoter().step(1_000);
        self.world.reprice(self.products[product], price);
        self.world.step("product");
    }

    fn coupon(&mut self, name: &str, owner: &str, off: i64) {
        let id = self.world.coupon(self.customers[owner], off, COUPON_SECONDS);
        self.coupons.insert(name.to_owned(), id);
    }

    fn order(&mut self, name: &str, key: &str, basket: &Basket) {
        let key = KeyHash { key: hash(key), body: hash(&format!("{basket:?}")) };
        let ask = Ask::Place {
            user: self.customers[&basket.customer],
            lines: basket.lines.iter().map(|(product, count)| (self.products[product], *count)).collect(),
            payment: basket.payment.as_ref().map(|payment| self.payment(payment)),
            extras: BTreeMap::new(),
        };
        let slot = self.ask(ask, key);
        self.orders.push(Asked { name: name.to_owned(), slot, made: None });
    }

    fn pay(&mut self, order: &str, payment: &Payment) {
        let key = KeyHash { key: hash(&format!("pay {order}")), body: hash(&format!("{payment:?}")) };
        let id = self.order_id(order);
        let user = self.world.get::<Order>("order", (id,)).user_id;
        let slot = self.ask(Ask::Pay { user, order: id, payment: self.payment(payment) }, key);
        self.payments.push((order.to_owned(), slot));
    }

    fn cancel(&mut self, order: &str) {
        let id = self.order_id(order);
        let customer = Some(self.world.get::<Order>("order", (id,)).user_id);
        let slot = self.world.send(order::CancelOrder { order: id, customer });
        self.cancels.push((order.to_owned(), slot));
    }

    fn rest(&mut self) {
        self.world.run();
        self.collect();
    }

    fn pass(&mut self, seconds: u64) {
        self.world.run();
        // Second by second where something may be waited for, in leaps where only an expiry is.
        for _ in 0..seconds / LEAP {
            self.world.clock.pass(Duration::from_secs(LEAP));
            self.world.run();
        }
        self.world.wait(seconds % LEAP);
        self.collect();
    }

    fn gateway_stuck(&mut self, stuck: bool) {
        self.world.pg.stuck(stuck);
        if !stuck {
            self.world.pg.release();
        }
    }

    fn platform_refuses(&mut self, refuses: bool) {
        self.world.platform.every_approval(refuses.then_some(OnApproval::Gone));
    }

    fn books(&mut self) -> Books {
        let payments = self.world.all::<PaymentRow>("payment");
        let holds = self.world.pg.holds();
        let order = |asked: &Asked| (asked.name.clone(), self.order_book(asked, &payments, &holds));
        let balance = |user: UserId| {
            let points = self.world.all::<point::Points>("point").into_iter();
            points.filter(|points| points.user_id == user).map(|points| points.balance.minor()).sum()
        };
        let coupon = |id: UserCouponId| {
            let coupon: UserCoupon = self.world.get("coupon", (id,));
            let order = coupon.order_id.map(|order| order.to_string());
            CouponBook { status: coupon.status.to_string(), order }
        };
        Books {
            orders: self.orders.iter().map(order).collect(),
            products: self.products.iter().map(|(name, id)| (name.clone(), self.product_book(*id))).collect(),
            customers: self.customers.iter().map(|(name, id)| (name.clone(), balance(*id))).collect(),
            coupons: self.coupons.iter().map(|(name, id)| (name.clone(), coupon(*id))).collect(),
            odd: self.odd(),
        }
    }
}
