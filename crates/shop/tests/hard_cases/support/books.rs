//! The oracle: what every book must say, worked out from orders alone, without the domains' own arithmetic.

use super::World;
use coupon::{Coupon, CouponHolder, UserCoupon, UserCouponStatus};
use data_platform::{Delivery, DeliveryEvent, DeliveryStatus};
use kernel::ids::{OrderId, ProductId, UserCouponId, UserId};
use kernel::judge::SagaStatus;
use kernel::judge::letters::{DeadLetter, LetterStatus};
use kernel::participation::{Inbox, InboxState};
use kernel::{Plan, Step};
use order::{Order, OrderLine};
use payment::{PaymentRow, PaymentStatus};
use point::{PointEntry, PointKind, Points};
use product::{Product, StockAdjustment};
use ranking::Sale;
use read_model::{OrderHead, OrderView};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Everything that all databases hold.
struct Books {
    name: String,
    orders: BTreeMap<OrderId, (Order, Arc<Plan>)>,
    inbox: BTreeMap<(Uuid, Step), InboxState>,
    /// Orders that an operator still has to do with, or has ended by a note.
    listed: BTreeSet<Uuid>,
}

/// Every order is at rest and every book agrees, but for orders with dead letters, which only need to be conserved.
pub(crate) fn check_books(world: &World) {
    let books = Books::read(world);
    books.check_rest();
    books.check_stock(world);
    books.check_points(world);
    books.check_coupons(world);
    books.check_payments(world);
    books.check_sales(world);
    books.check_views(world);
    books.check_deliveries(world);
}

impl Books {
    fn read(world: &World) -> Self {
        let orders = world.all::<Order>("order").into_iter().map(|order| {
            let plan = order.plan().unwrap();
            (order.id, (order, plan))
        });
        let mut inbox = BTreeMap::new();
        for row in world.everywhere::<Inbox>() {
            let known = inbox.insert((row.saga.0, row.step.clone()), row.state);
            assert_eq!(known, None, "two inbox rows for {} {}", row.saga, row.step);
        }
        let letters = world.everywhere::<DeadLetter>().into_iter();
        let listed = letters.filter(|letter| letter.status != LetterStatus::Redriven);
        Self {
            name: world.name.clone(),
            orders: orders.collect(),
            inbox,
            listed: listed.filter_map(|letter| letter.order_id).collect(),
        }
    }

    /// Orders whose `step` is in effect.
    fn in_effect(&self, step: Step) -> impl Iterator<Item = &(Order, Arc<Plan>)> {
        self.orders.values().filter(move |(order, _)| {
            let state = self.inbox.get(&(order.id.0, step.clone()));
            matches!(state, Some(InboxState::Done | InboxState::Undoing))
        })
    }

    /// All or nothing.
    fn check_rest(&self) {
        for (order, plan) in self.orders.values() {
            if self.listed.contains(&order.id.0) {
                continue;
            }
            let about = format!("{}: order {} {:?}", self.name, order.id, order.status);
            for step in &plan.steps {
                let state = self.inbox.get(&(order.id.0, step.clone())).copied();
                let fits = match order.status {
                    SagaStatus::Confirmed => state == Some(InboxState::Done),
                    SagaStatus::Failed | SagaStatus::Cancelled => {
                        matches!(state, Some(InboxState::Refused | InboxState::Compensated))
                    }
                    SagaStatus::Created => state.is_none(),
                    SagaStatus::Pending | SagaStatus::Failing | SagaStatus::Cancelling => false,
                };
                assert!(fits, "{about}: step {step} is {state:?}; {:?}", order.steps);
            }
            assert!(
                order.status.is_settled() || order.status == SagaStatus::Created,
                "{about} is not at rest"
            );
            assert!(
                order.wake_at.is_none() || order.status == SagaStatus::Created,
                "{about} still has a timer"
            );
            assert_eq!(order.reason.is_some(), order.status == SagaStatus::Failed, "{about}: reason");
            let to_pay = plan.total.minor() - plan.discount().minor();
            assert!(
                plan.steps.is_empty() || to_pay == plan.points.minor() + plan.card_amount.minor(),
                "{about}"
            );
        }
        for (saga, step) in self.inbox.keys() {
            let (_, plan) = self.orders.get(&OrderId(*saga)).unwrap_or_else(|| panic!("{saga} is no order"));
            assert!(plan.has(step) || *step == Step::SALES, "{}: {saga} did an unplanned {step}", self.name);
        }
    }

    fn check_stock(&self, world: &World) {
        let mut stock: BTreeMap<ProductId, i64> = BTreeMap::new();
        let mut sold: BTreeMap<ProductId, i64> = BTreeMap::new();
        for adjustment in world.all::<StockAdjustment>("product") {
            *stock.entry(adjustment.product_id).or_default() += adjustment.amount;
        }
        for (_, plan) in self.in_effect(Step::STOCK) {
            for line in &plan.lines {
                *stock.entry(line.product_id).or_default() -= line.quantity;
                *sold.entry(line.product_id).or_default() += line.quantity;
            }
        }
        for product in world.all::<Product>("product") {
            let expected =
                (stock.get(&product.id).copied().unwrap_or(0), sold.get(&product.id).copied().unwrap_or(0));
            assert_eq!((product.stock, product.sold), expected, "{}: stock of {}", self.name, product.sku);
            assert!(product.stock >= 0, "{}: {} oversold", self.name, product.sku);
        }
        let lines: BTreeSet<OrderId> =
            world.all::<OrderLine>("order").into_iter().map(|line| line.order_id).collect();
        assert!(lines.iter().eq(self.orders.keys()), "{}: every order has lines", self.name);
    }

    fn check_points(&self, world: &World) {
        let mut granted: BTreeMap<UserId, i64> = BTreeMap::new();
        let mut history: BTreeMap<UserId, i64> = BTreeMap::new();
        let mut moves: BTreeSet<(OrderId, PointKind)> = BTreeSet::new();
        for entry in world.all::<PointEntry>("point") {
            *history.entry(entry.user_id).or_default() += entry.amount.minor();
            match entry.order_id {
                Some(order) => {
                    assert!(moves.insert((order, entry.kind)), "{}: {order} moved points twice", self.name);
                }
                None => *granted.entry(entry.user_id).or_default() += entry.amount.minor(),
            }
        }
        self.check_histories(world);
        let mut expected = granted;
        for (order, plan) in self.in_effect(Step::POINT) {
            *expected.entry(order.user_id).or_default() -= plan.points.minor();
        }
        for points in world.all::<Points>("point") {
            let balance = points.balance.minor();
            assert!(balance >= 0, "{}: balance below zero", self.name);
            assert_eq!(
                Some(&balance),
                history.get(&points.user_id),
                "{}: points and their history",
                self.name
            );
            assert_eq!(Some(&balance), expected.get(&points.user_id), "{}: points and the orders", self.name);
        }
    }

    /// Every entry is on the way from its user's balance to the first, once, and each balance is what the entries up to it come to.
    fn check_histories(&self, world: &World) {
        let entries = world.all::<PointEntry>("point");
        let mut left: BTreeMap<Uuid, PointEntry> =
            entries.into_iter().map(|entry| (entry.id, entry)).collect();
        for points in world.all::<Points>("point") {
            let (mut at, mut balance) = (points.last_entry, points.balance.minor());
            while let Some(id) = at {
                let entry = left.remove(&id).unwrap_or_else(|| panic!("{}: no entry {id} left", self.name));
                assert_eq!(
                    (entry.user_id, entry.balance.minor()),
                    (points.user_id, balance),
                    "{}",
                    self.name
                );
                (at, balance) = (entry.previous, balance - entry.amount.minor());
            }
            assert_eq!(balance, 0, "{}: a history begins with nothing", self.name);
        }
        assert!(left.is_empty(), "{}: history that nobody names: {left:?}", self.name);
    }

    fn check_coupons(&self, world: &World) {
        let issued = world.all::<UserCoupon>("coupon");
        let mut holders: BTreeMap<UserCouponId, UserId> = BTreeMap::new();
        for holder in world.all::<CouponHolder>("coupon") {
            holders.insert(holder.user_coupon_id, holder.user_id);
        }
        for campaign in world.all::<Coupon>("coupon") {
            let count = issued.iter().filter(|one| one.coupon_id == campaign.id).count();
            assert_eq!(i64::try_from(count).unwrap(), campaign.issued, "{}: coupons issued", self.name);
            assert!(campaign.issued <= campaign.quantity, "{}: too many coupons", self.name);
        }
        let mut users: BTreeMap<UserCouponId, Vec<OrderId>> = BTreeMap::new();
        for (order, plan) in self.in_effect(Step::COUPON) {
            users.entry(plan.coupon.unwrap().user_coupon_id).or_default().push(order.id);
        }
        for one in issued {
            assert_eq!(
                holders.get(&one.id),
                Some(&one.user_id),
                "{}: a coupon without its holder",
                self.name
            );
            let used_by = users.remove(&one.id).unwrap_or_default();
            let expected =
                if one.status == UserCouponStatus::Used { vec![one.order_id.unwrap()] } else { Vec::new() };
            assert_eq!(used_by, expected, "{}: coupon {} is {}", self.name, one.id, one.status);
        }
        assert!(users.is_empty(), "{}: coupons used that were never issued", self.name);
    }

    fn check_payments(&self, world: &World) {
        let payments: BTreeMap<OrderId, PaymentRow> = world
            .all::<PaymentRow>("payment")
            .into_iter()
            .map(|payment| (payment.order_id, payment))
            .collect();
        let mut held = world.pg.holds();
        for (order, plan) in self.orders.values() {
            let at_pg = held.remove(&plan.payment.0.to_string()).unwrap_or(0);
            if self.listed.contains(&order.id.0) {
                continue;
            }
            let about = format!("{}: payment of {:?} order {}", self.name, order.status, order.id);
            let payment = payments.get(&order.id);
            if order.status == SagaStatus::Confirmed {
                let payment = payment.unwrap_or_else(|| panic!("{about} is missing"));
                assert_eq!((payment.status, payment.id), (PaymentStatus::Approved, plan.payment), "{about}");
                assert_eq!((payment.amount, payment.points), (plan.card_amount, plan.points), "{about}");
                assert_eq!(at_pg, plan.card_amount.minor(), "{about} at the PG");
            } else {
                let over = |payment: &PaymentRow| {
                    matches!(payment.status, PaymentStatus::Declined | PaymentStatus::Cancelled)
                };
                assert!(payment.is_none_or(over), "{about}: {payment:?}");
                assert_eq!(at_pg, 0, "{about} at the PG");
            }
        }
        assert!(held.is_empty(), "{}: the PG holds what no order knows: {held:?}", self.name);
        assert!(world.pg.did_nothing_twice(), "{}: charged or given back twice", self.name);
    }

    fn check_sales(&self, world: &World) {
        let mut expected: BTreeMap<(i64, ProductId), i64> = BTreeMap::new();
        for (order, plan) in self.orders.values().filter(|(order, _)| order.status == SagaStatus::Confirmed) {
            for line in &plan.lines {
                *expected.entry((order.confirmed_at.unwrap().day(), line.product_id)).or_default() +=
                    line.quantity;
            }
        }
        let sales = world.all::<Sale>("ranking").into_iter().filter(|sale| sale.sold != 0);
        let sales: BTreeMap<_, _> = sales.map(|sale| ((sale.day, sale.product_id), sale.sold)).collect();
        // An order being taken back is still counted as sold.
        if self.orders.values().all(|(order, _)| order.status != SagaStatus::Cancelling) {
            assert_eq!(sales, expected, "{}: sales by day", self.name);
        }
    }

    fn check_views(&self, world: &World) {
        let views = world.all::<OrderView>("read-model");
        assert_eq!(views.len(), self.orders.len(), "{}: a view per order", self.name);
        for view in views {
            let (order, _) = &self.orders[&view.order_id];
            assert_eq!((view.status, &view.reason), (order.status, &order.reason), "{}: view", self.name);
        }
        self.check_lists(world);
    }

    /// Every order is on the way from its customer's latest to the first, once.
    fn check_lists(&self, world: &World) {
        let views = world.all::<OrderView>("read-model");
        let mut left: BTreeMap<OrderId, OrderView> =
            views.into_iter().map(|view| (view.order_id, view)).collect();
        for head in world.all::<OrderHead>("read-model") {
            let mut at = Some(head.latest);
            while let Some(id) = at {
                let view = left.remove(&id).unwrap_or_else(|| panic!("{}: no order {id} left", self.name));
                assert_eq!(view.user_id, head.user_id, "{}: whose list {id} is in", self.name);
                at = view.previous;
            }
        }
        assert!(left.is_empty(), "{}: orders in no list: {left:?}", self.name);
    }

    fn check_deliveries(&self, world: &World) {
        assert_eq!(world.platform.two_bodies(), [""; 0], "{}: one id, one body", self.name);
        let mut expected: BTreeSet<(OrderId, DeliveryEvent)> = BTreeSet::new();
        for (order, _) in self.orders.values() {
            if order.confirmed_at.is_some() {
                expected.insert((order.id, DeliveryEvent::Confirmed));
            }
            match order.status {
                SagaStatus::Failed => expected.insert((order.id, DeliveryEvent::Failed)),
                SagaStatus::Cancelled => expected.insert((order.id, DeliveryEvent::Cancelled)),
                _ => false,
            };
        }
        let deliveries = world.all::<Delivery>("data-platform");
        for one in &deliveries {
            let is_refused =
                one.event == DeliveryEvent::PaymentApproved && one.status == DeliveryStatus::Refused;
            assert!(is_refused || one.status == DeliveryStatus::Delivered, "{}: {one:?}", self.name);
        }
        let final_words = deliveries.iter().filter(|one| !is_of_payment(one.event));
        let made: BTreeSet<_> = final_words.map(|one| (one.order_id, one.event)).collect();
        assert_eq!(made, expected, "{}: deliveries", self.name);
        for (order, plan) in self.orders.values() {
            self.check_told(world, order, plan);
        }
    }

    /// What the data platform itself knows of an order's payment is how the order ended.
    fn check_told(&self, world: &World, order: &Order, plan: &Plan) {
        let mut told = world.platform.was_told(order.id);
        told.retain(|event| is_of_payment(*event));
        let about = format!("{}: {:?} order {}: {told:?}", self.name, order.status, order.id);
        if order.status == SagaStatus::Confirmed {
            let expected = plan.has(&Step::DELIVERY).then_some(DeliveryEvent::PaymentApproved);
            assert!(told.into_iter().eq(expected), "{about}");
        } else if told.contains(&DeliveryEvent::PaymentApproved) {
            assert!(told.contains(&DeliveryEvent::PaymentCancelled), "{about}: it does not hold");
        }
    }
}

fn is_of_payment(event: DeliveryEvent) -> bool {
    match event {
        DeliveryEvent::PaymentApproved | DeliveryEvent::PaymentCancelled => true,
        DeliveryEvent::Confirmed | DeliveryEvent::Failed | DeliveryEvent::Cancelled => false,
    }
}
