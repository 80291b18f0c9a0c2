//! What can go wrong with books that agree, one damage at a time, and the code that names it.

use crate::shop::{
    CAMPAIGN, CANCELLED, CARD, DECLINED, DRAFT, FREE_COUPON, OTHER_USER, POINTS_ONLY, PRUNED, REFUSED, TEA,
    TOP_UP, USED_COUPON, USER,
};
use crate::world::{NOW, World, id, minor, payment_of, saga};
use coupon::{Coupon, CouponHolder, UserCoupon, UserCouponStatus};
use data_platform::{Delivery, DeliveryEvent};
use jumun_audit::Code;
use kernel::ids::{OrderId, PaymentId, ProductId, UserId};
use kernel::judge::SagaStatus;
use kernel::participation::{Inbox, InboxState};
use kernel::{DomainName, Step};
use order::{Order, OrderKey, OrderLine};
use payment::gateway::PgChargeStatus;
use payment::{ChargeStatus, PaymentRow, PaymentStatus};
use point::{PointEntry, PointKind, Points};
use product::Product;
use ranking::Sale;
use read_model::{OrderHead, OrderView};
use serde_json::json;
use std::sync::Arc;

const ORDER: DomainName = DomainName::of("order");

type Damage = (&'static str, Code, fn(&mut World));

pub(crate) const DAMAGES: &[Damage] = &[
    ("a piece too many in stock", Code::StockLedger, |w| product(w, |p| p.stock += 1)),
    ("an adjustment of no product", Code::StockLedger, |w| {
        w.adjust(202, 1);
        w.change::<product::StockAdjustment>(&product::NAME, (id(202),), |a| {
            a.product_id = ProductId(id(99));
        });
    }),
    ("a sale that was not counted", Code::SoldLedger, |w| product(w, |p| p.sold -= 1)),
    ("stock below zero, by the book", Code::StockNegative, |w| {
        w.adjust(202, -24);
        product(w, |p| p.stock -= 24);
    }),
    ("points from nowhere", Code::PointLedger, |w| balance(w, |p| p.balance = minor(5_646))),
    ("a balance without any history", Code::PointLedger, |w| w.balance(OTHER_USER + 1, 1)),
    ("a balance that is gone", Code::PointLedger, |w| w.delete::<Points>(&point::NAME, (UserId(id(USER)),))),
    ("the end of a history that is gone", Code::PointLedger, |w| {
        w.delete::<PointEntry>(&point::NAME, (id(407),));
        balance(w, |p| p.last_entry = Some(id(406)));
    }),
    ("the last of a history that is not there", Code::PointHistoryChain, |w| {
        balance(w, |p| p.last_entry = Some(id(499)));
    }),
    ("the beginning of a history that is not there", Code::PointHistoryChain, |w| {
        entry(w, 400, |e| e.previous = Some(id(399)));
    }),
    ("history that is passed over", Code::PointHistoryChain, |w| {
        // What it took and gave comes to nothing, so that no sum misses it.
        entry(w, 405, |e| e.previous = Some(id(402)));
    }),
    ("history that nobody names", Code::PointHistoryChain, |w| {
        w.entry(USER, 408, PointKind::Grant, 0, 5_645, (None, None));
        balance(w, |p| p.last_entry = Some(id(407)));
    }),
    ("history that runs in a circle", Code::PointHistoryChain, |w| {
        w.entry(OTHER_USER, 430, PointKind::Grant, 0, 0, (None, None));
        w.entry(OTHER_USER, 431, PointKind::Grant, 0, 0, (None, None));
        entry(w, 430, |e| e.previous = Some(id(431)));
    }),
    ("history of somebody else", Code::PointHistoryChain, |w| {
        w.change::<Points>(&point::NAME, (UserId(id(OTHER_USER)),), |p| p.last_entry = Some(id(407)));
    }),
    ("history that says another balance", Code::PointHistoryChain, |w| {
        entry(w, 407, |e| e.balance = minor(1));
    }),
    ("history of another order", Code::PointHistoryChain, |w| {
        entry(w, 401, |e| e.order_id = Some(OrderId(id(99))));
    }),
    ("history of no order", Code::PointHistoryChain, |w| entry(w, 401, |e| e.order_id = None)),
    ("a refund of what was not given back", Code::PointHistoryChain, |w| {
        w.entry(USER, 408, PointKind::Refund, 300, 5_945, (Some(OrderId(id(CARD))), None));
        w.entry(USER, 409, PointKind::Take, -300, 5_645, (None, None));
        // Every sum agrees: only the order says that nothing was refunded.
        w.entry(USER, 410, PointKind::Grant, 300, 5_945, (None, None));
        w.entry(USER, 411, PointKind::Use, -300, 5_645, (Some(OrderId(id(CARD))), None));
    }),
    ("a balance below zero, by the book", Code::PointNegative, |w| {
        w.entry(OTHER_USER, 420, PointKind::Take, -1, -1, (None, None));
        w.balance(OTHER_USER, -1);
    }),
    ("a coupon that was not counted", Code::CouponCount, |w| campaign(w, |c| c.issued = 1)),
    ("a coupon too many", Code::CouponCount, |w| campaign(w, |c| c.quantity = 1)),
    ("a coupon without a holder", Code::CouponCount, |w| {
        w.delete::<CouponHolder>(
            &coupon::NAME,
            (kernel::ids::CouponId(id(CAMPAIGN)), UserId(id(OTHER_USER))),
        );
    }),
    ("a used coupon that can be used again", Code::CouponUsedOnce, |w| {
        user_coupon(w, USED_COUPON, |c| (c.status, c.order_id) = (UserCouponStatus::Issued, None));
    }),
    ("a coupon used by an order that did not use it", Code::CouponUsedOnce, |w| {
        user_coupon(w, FREE_COUPON, |c| {
            (c.status, c.order_id) = (UserCouponStatus::Used, Some(OrderId(id(DECLINED))));
        });
    }),
    ("one coupon used by two orders", Code::CouponUsedOnce, |w| {
        let receipt = json!({ "user_coupon_id": id(USED_COUPON), "coupon_id": id(CAMPAIGN) });
        w.inbox(&coupon::NAME, POINTS_ONLY, Step::COUPON, InboxState::Done, Some(receipt));
        plan_step(w, POINTS_ONLY, Step::COUPON);
    }),
    ("a step without a trace", Code::OrderStepMissing, |w| {
        w.delete::<Inbox>(&payment::PAYMENT, (saga(POINTS_ONLY), Step::PAYMENT));
    }),
    ("a step that was taken back", Code::OrderStepNotDone, |w| {
        step(w, POINTS_ONLY, |row| row.state = InboxState::Compensated);
    }),
    ("a failed order's step in effect", Code::OrderStepStillDone, |w| {
        step(w, DECLINED, |row| row.state = InboxState::Done);
    }),
    ("a cancelled order's step still being undone", Code::OrderStepStillDone, |w| {
        step(w, CANCELLED, |row| row.state = InboxState::Undoing);
    }),
    ("a step that nobody planned", Code::OrderStepStillDone, |w| {
        w.inbox(&payment::PAYMENT, REFUSED, Step::PAYMENT, InboxState::Done, None);
    }),
    ("an effect of no order", Code::InboxWithoutOrder, |w| {
        w.inbox(&payment::PAYMENT, 95, Step::PAYMENT, InboxState::Done, None);
    }),
    ("an effect of no order, after the last one", Code::InboxWithoutOrder, |w| {
        w.inbox(&payment::PAYMENT, 999, Step::PAYMENT, InboxState::Done, None);
    }),
    ("a line that does not multiply", Code::OrderMoney, |w| line(w, |line| line.amount = minor(1))),
    ("a line of another quantity", Code::OrderMoney, |w| line(w, |line| line.quantity = 9)),
    ("a line that is gone", Code::OrderMoney, |w| {
        w.delete::<OrderLine>(&ORDER, (OrderId(id(REFUSED)), 0_i64));
    }),
    ("a line of no order", Code::OrderMoney, |w| lost_line(w, 15)),
    ("a line of no order, after the last one", Code::OrderMoney, |w| lost_line(w, 999)),
    ("an order's total that is not its lines'", Code::OrderMoney, |w| {
        w.change::<Order>(&ORDER, (id(REFUSED),), |order| order.total = minor(1));
    }),
    ("a key of no order", Code::OrderKey, |w| {
        let hash = |byte: u8| -> Arc<[u8]> { Arc::from([byte; 32].as_slice()) };
        w.put(&ORDER, &OrderKey { hash: hash(99), body_hash: hash(0), order_id: OrderId(id(99)) });
    }),
    ("a payment of no order", Code::PaymentWithoutOrder, |w| second_payment(w, 95)),
    ("a second payment of an order", Code::PaymentWithoutOrder, |w| second_payment(w, POINTS_ONLY)),
    ("a payment of other points", Code::PaymentMismatch, |w| payment(w, CARD, |p| p.points = minor(1))),
    ("a confirmed order's payment declined", Code::PaymentMismatch, |w| {
        payment(w, POINTS_ONLY, |p| p.status = PaymentStatus::Declined);
    }),
    ("a failed order's payment being cancelled", Code::PaymentMismatch, |w| {
        payment(w, DECLINED, |p| p.status = PaymentStatus::Cancelling);
    }),
    ("a confirmed order without a payment", Code::PaymentMismatch, |w| {
        w.delete::<PaymentRow>(&payment::PAYMENT, (payment_of(POINTS_ONLY),));
    }),
    ("a charge that the PG does not know", Code::PgMissing, |w| {
        w.book.retain(|c| c.key != payment_of(CARD).to_string());
    }),
    ("a charge that the PG gave back", Code::PgMissing, |w| {
        in_book(w, CARD, |c| c.status = PgChargeStatus::Cancelled);
    }),
    ("a top-up that the PG does not know", Code::PgMissing, |w| {
        w.book.retain(|c| c.key != id(TOP_UP).to_string());
    }),
    ("a charge of nobody", Code::PgExtra, |w| w.charge_in_book(id(98), 1, PgChargeStatus::Approved)),
    ("a declined charge that the PG holds", Code::PgExtra, |w| {
        in_book(w, DECLINED, |c| c.status = PgChargeStatus::Approved);
    }),
    ("a cancelled charge that the PG holds", Code::PgExtra, |w| {
        in_book(w, CANCELLED, |c| c.status = PgChargeStatus::Approved);
    }),
    ("a declined top-up that the PG holds", Code::PgExtra, |w| {
        w.charge_in_book(id(TOP_UP + 1), 5_000, PgChargeStatus::Approved);
    }),
    ("a charge of another amount", Code::PgAmount, |w| in_book(w, CARD, |c| c.amount += 1)),
    ("a charge in another currency", Code::PgAmount, |w| in_book(w, CARD, |c| c.currency = "USD".to_owned())),
    ("a completed top-up without its points", Code::TopUpCredit, |w| {
        w.charge(TOP_UP + 5, ChargeStatus::Completed, None);
        w.charge_in_book(id(TOP_UP + 5), 5_000, PgChargeStatus::Approved);
    }),
    ("points of a declined top-up", Code::TopUpCredit, |w| credit(w, TOP_UP + 1)),
    ("points of no top-up", Code::TopUpCredit, |w| credit(w, TOP_UP - 1)),
    ("points of no top-up, after the last one", Code::TopUpCredit, |w| credit(w, TOP_UP + 9)),
    ("a sale too many", Code::Ranking, |w| sale(w, |sale| sale.sold += 1)),
    ("a day that is gone", Code::Ranking, |w| {
        w.delete::<Sale>(&ranking::NAME, (NOW.day(), ProductId(id(TEA))));
    }),
    ("a sale that ranking never heard of", Code::Ranking, |w| {
        w.delete::<Inbox>(&ranking::NAME, (saga(CARD), Step::SALES));
        sale(w, |sale| sale.sold -= 2);
    }),
    ("a cancelled sale that ranking still counts", Code::Ranking, |w| {
        w.change::<Inbox>(&ranking::NAME, (saga(CANCELLED), Step::SALES), |row| row.state = InboxState::Done);
        sale(w, |sale| sale.sold += 3);
    }),
    ("a view that fell behind", Code::View, |w| {
        view(w, CARD, |view| view.status = SagaStatus::Pending);
    }),
    ("a view that is gone", Code::View, |w| w.delete::<OrderView>(&read_model::NAME, (id(REFUSED),))),
    ("an order that its customer's list passes over", Code::View, |w| {
        view(w, CANCELLED, |view| view.previous = Some(OrderId(id(POINTS_ONLY))));
    }),
    ("orders that run in a circle", Code::View, |w| {
        view(w, PRUNED, |view| view.previous = Some(OrderId(id(DRAFT))));
    }),
    ("orders without a latest one", Code::View, |w| {
        w.delete::<OrderHead>(&read_model::NAME, (UserId(id(USER)),));
    }),
    ("orders whose latest one is not there", Code::View, |w| {
        w.put(&read_model::NAME, &OrderHead { user_id: UserId(id(USER)), latest: OrderId(id(99)) });
    }),
    ("orders of somebody else", Code::View, |w| {
        w.put(&read_model::NAME, &OrderHead { user_id: UserId(id(OTHER_USER)), latest: OrderId(id(CARD)) });
    }),
    ("a log row that is gone", Code::LogGap, |w| w.lost = Some(3)),
    ("the log's first row is gone", Code::LogGap, |w| w.lost = Some(1)),
    ("the log's last row is gone", Code::LogGap, |w| w.lost = Some(14)),
    ("a log that is older than those who followed it", Code::CursorAhead, |w| w.ahead = Some(1)),
    ("a final word that was not delivered", Code::Delivery, |w| {
        undelivered(w, DECLINED, DeliveryEvent::Failed);
    }),
    ("a cancel that was not delivered", Code::Delivery, |w| {
        undelivered(w, CANCELLED, DeliveryEvent::Cancelled);
    }),
    ("a confirmed order whose payment was to be delivered first and was not", Code::Delivery, |w| {
        plan_step(w, CARD, Step::DELIVERY);
        w.inbox(&data_platform::NAME, CARD, Step::DELIVERY, InboxState::Done, None);
    }),
    ("a failed order whose payment was delivered and not taken back", Code::Delivery, |w| {
        w.delivery(OrderId(id(DECLINED)), DeliveryEvent::PaymentApproved);
    }),
    ("a receipt that does not read", Code::Unreadable, |w| {
        step(w, CARD, |row| row.receipt = Some("?".into()));
    }),
];

/// What `domain` has not heard of if it has yet to hear of the cancelled order's end.
pub(crate) fn forget_last_order(world: &mut World, domain: &DomainName) {
    match domain.as_str() {
        "ranking" => {
            let key = (saga(CANCELLED), Step::SALES);
            world.change::<Inbox>(domain, key, |row| row.state = InboxState::Done);
            sale(world, |sale| sale.sold += 3);
        }
        "read-model" => {
            view(world, CANCELLED, |view| view.status = SagaStatus::Confirmed);
        }
        _ => undelivered(world, CANCELLED, DeliveryEvent::Cancelled),
    }
}

fn product(world: &mut World, change: impl FnOnce(&mut Product)) {
    world.change(&product::NAME, (id(TEA),), change);
}

fn balance(world: &mut World, change: impl FnOnce(&mut Points)) {
    world.change(&point::NAME, (id(USER),), change);
}

fn entry(world: &mut World, number: u64, change: impl FnOnce(&mut PointEntry)) {
    world.change(&point::NAME, (id(number),), change);
}

fn view(world: &mut World, number: u64, change: impl FnOnce(&mut OrderView)) {
    world.change(&read_model::NAME, (id(number),), change);
}

fn campaign(world: &mut World, change: impl FnOnce(&mut Coupon)) {
    world.change(&coupon::NAME, (id(CAMPAIGN),), change);
}

fn user_coupon(world: &mut World, number: u64, change: impl FnOnce(&mut UserCoupon)) {
    world.change(&coupon::NAME, (id(number),), change);
}

/// The order's plan has `step` too.
fn plan_step(world: &mut World, number: u64, step: Step) {
    world.change::<Order>(&ORDER, (id(number),), |order| {
        let mut plan = order.plan().unwrap().as_ref().clone();
        plan.steps.push(step);
        order.plan = kernel::Doc::new(Arc::new(plan));
    });
}

/// The payment step, which moves nothing that another book counts.
fn step(world: &mut World, number: u64, change: impl FnOnce(&mut Inbox)) {
    world.change(&payment::PAYMENT, (saga(number), Step::PAYMENT), change);
}

fn line(world: &mut World, change: impl FnOnce(&mut OrderLine)) {
    world.change(&ORDER, (OrderId(id(CARD)), 0_i64), change);
}

fn lost_line(world: &mut World, number: u64) {
    let (order_id, product_id) = (OrderId(id(number)), ProductId(id(TEA)));
    let (unit_price, amount) = (minor(1), minor(1));
    world.put(&ORDER, &OrderLine { order_id, line: 0, product_id, quantity: 1, unit_price, amount });
}

fn payment(world: &mut World, number: u64, change: impl FnOnce(&mut PaymentRow)) {
    world.change(&payment::PAYMENT, (payment_of(number),), change);
}

/// A payment without a card, of an order that does not know it.
fn second_payment(world: &mut World, order: u64) {
    let mut copy = None;
    payment(world, POINTS_ONLY, |row| copy = Some(row.clone()));
    let copy = copy.unwrap();
    world.put(&payment::PAYMENT, &PaymentRow { id: PaymentId(id(97)), order_id: OrderId(id(order)), ..copy });
}

fn in_book(world: &mut World, order: u64, change: impl FnOnce(&mut payment::gateway::PgCharge)) {
    let key = payment_of(order).to_string();
    change(world.book.iter_mut().find(|charge| charge.key == key).unwrap());
}

/// A credit that moved nothing, so that only its top-up can miss it.
fn credit(world: &mut World, number: u64) {
    let nothing = json!({ "user": id(USER), "amount": 0 });
    world.inbox(&point::NAME, number, Step::CREDIT, InboxState::Done, Some(nothing));
}

fn sale(world: &mut World, change: impl FnOnce(&mut Sale)) {
    world.change(&ranking::NAME, (NOW.day(), ProductId(id(TEA))), change);
}

fn undelivered(world: &mut World, number: u64, event: DeliveryEvent) {
    world.delete::<Delivery>(&data_platform::NAME, (OrderId(id(number)), event));
}
