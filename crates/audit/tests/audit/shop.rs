//! A small shop with every kind of order, whose books agree.

use crate::world::{NOW, World, id, minor, payment_of, saga};
use data_platform::{Delivery, DeliveryEvent, DeliveryStatus};
use kernel::ids::{ChargeId, CouponId, OrderId, ProductId, UserCouponId, UserId};
use kernel::judge::{SagaStatus, StepState, StepStatus};
use kernel::ledger::Opening;
use kernel::participation::{Inbox, InboxState};
use kernel::plan::PlanCoupon;
use kernel::{Currency, Doc, DomainName, Json, Plan, PlanLine, Reason, Said, Step, Trace};
use order::{Order, OrderKey, OrderLine};
use payment::gateway::{PgCharge, PgChargeStatus};
use payment::{Charge, ChargeStatus, PaymentRow, PaymentStatus};
use point::{PointEntry, PointKind, Points};
use read_model::OrderHead;
use runtime::ports::store::Meta;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

pub(crate) const PRUNED: u64 = 1;
pub(crate) const HORIZON: u64 = 9;
pub(crate) const CARD: u64 = 10;
pub(crate) const POINTS_ONLY: u64 = 20;
pub(crate) const DECLINED: u64 = 30;
pub(crate) const CANCELLED: u64 = 40;
pub(crate) const REFUSED: u64 = 50;
pub(crate) const DRAFT: u64 = 60;
pub(crate) const TOP_UP: u64 = 70;
pub(crate) const USER: u64 = 100;
pub(crate) const OTHER_USER: u64 = 101;
pub(crate) const TEA: u64 = 200;
pub(crate) const CAMPAIGN: u64 = 300;
pub(crate) const USED_COUPON: u64 = 301;
pub(crate) const FREE_COUPON: u64 = 302;

/// An order as a test describes it.
pub(crate) struct Sketch {
    pub(crate) number: u64,
    pub(crate) status: SagaStatus,
    pub(crate) quantity: i64,
    pub(crate) discount: i64,
    pub(crate) points: i64,
    pub(crate) steps: &'static [&'static str],
}

pub(crate) const PRICE: i64 = 1_000;

impl World {
    /// A shop with every kind of order, whose books agree.
    pub(crate) fn new() -> Self {
        let mut world = Self::empty();
        world.goods();
        world.orders();
        world.points();
        world.top_ups();
        world
    }

    fn goods(&mut self) {
        // 30 came; 4 were sold below the horizon, 2 and 1 above it.
        self.put(
            &product::NAME,
            &product::Product {
                id: ProductId(id(TEA)),
                sku: "TEA".into(),
                name: "Tea".into(),
                price: minor(PRICE),
                stock: 23,
                sold: 7,
                status: product::ProductStatus::Active,
                version: 1,
                created_at: NOW,
                updated_at: NOW,
            },
        );
        self.adjust(201, 30);
        self.opening(&product::NAME, Step::STOCK, format!("stock:{}", id(TEA)), -4);
        self.put(
            &coupon::NAME,
            &coupon::Coupon {
                id: CouponId(id(CAMPAIGN)),
                name: "Welcome".into(),
                discount: Json(coupon::Discount::Fixed { amount: minor(200) }),
                quantity: 2,
                issued: 2,
                min_order_amount: None,
                valid_from: NOW,
                valid_until: NOW,
                status: coupon::CouponStatus::Active,
                version: 1,
                created_at: NOW,
            },
        );
        self.user_coupon(USED_COUPON, USER, Some(CARD));
        self.user_coupon(FREE_COUPON, OTHER_USER, None);
        for domain in ["order", "product", "point", "payment"].map(DomainName::of) {
            self.put(&domain, &Meta { name: "horizon".into(), value: id(HORIZON).to_string().into() });
        }
    }

    pub(crate) fn adjust(&mut self, number: u64, amount: i64) {
        let (product_id, by_user) = (ProductId(id(TEA)), UserId(id(USER)));
        let adjustment =
            product::StockAdjustment { id: id(number), product_id, amount, reason: None, by_user, at: NOW };
        self.put(&product::NAME, &adjustment);
    }

    fn opening(&mut self, domain: &DomainName, step: Step, account: String, amount: i64) {
        self.put(domain, &Opening { step, account: account.into(), amount });
    }

    fn user_coupon(&mut self, number: u64, user: u64, order: Option<u64>) {
        let status =
            if order.is_some() { coupon::UserCouponStatus::Used } else { coupon::UserCouponStatus::Issued };
        let (coupon_id, user_id) = (CouponId(id(CAMPAIGN)), UserId(id(user)));
        let user_coupon_id = UserCouponId(id(number));
        self.put(
            &coupon::NAME,
            &coupon::UserCoupon {
                id: user_coupon_id,
                coupon_id,
                user_id,
                status,
                order_id: order.map(|order| OrderId(id(order))),
                discount: Json(coupon::Discount::Fixed { amount: minor(200) }),
                min_order_amount: None,
                valid_from: NOW,
                valid_until: NOW,
                issued_at: NOW,
                used_at: order.map(|_| NOW),
                expires_at: None,
            },
        );
        self.put(&coupon::NAME, &coupon::CouponHolder { coupon_id, user_id, user_coupon_id });
    }

    fn orders(&mut self) {
        use SagaStatus::{Cancelled, Confirmed, Created, Failed};
        let sketches = [
            (PRUNED, Confirmed, 4, 0, 0, &["stock", "payment"][..]),
            (CARD, Confirmed, 2, 200, 300, &["stock", "coupon", "point", "payment"]),
            (POINTS_ONLY, Confirmed, 1, 0, 1_000, &["stock", "point", "payment"]),
            (DECLINED, Failed, 1, 0, 100, &["stock", "point", "payment"]),
            (CANCELLED, Cancelled, 3, 0, 0, &["stock", "payment"]),
            (REFUSED, Failed, 5, 0, 0, &[]),
            (DRAFT, Created, 6, 0, 0, &[]),
        ];
        for (number, status, quantity, discount, points, steps) in sketches {
            let sketch = Sketch { number, status, quantity, discount, points, steps };
            let plan = self.order(&sketch);
            if number != PRUNED {
                self.inboxes(&sketch, &plan);
            }
            self.followers(&sketch, &plan);
        }
        let day = NOW.day();
        self.opening(&ranking::NAME, Step::SALES, format!("sales:{day}:{}", id(TEA)), 4);
        let (product_id, sku, name) = (ProductId(id(TEA)), "TEA".into(), "Tea".into());
        self.put(&ranking::NAME, &ranking::Sale { day, product_id, sku, name, sold: 7 });
    }

    fn order(&mut self, sketch: &Sketch) -> Arc<Plan> {
        let domain = DomainName::of("order");
        let order_id = OrderId(id(sketch.number));
        let plan = Arc::new(plan_of(sketch));
        self.put(&domain, &order_of(sketch, &plan));
        for line in &plan.lines {
            let PlanLine { product_id, quantity, unit_price, .. } = *line;
            let amount = minor(unit_price.minor() * quantity);
            self.put(&domain, &OrderLine { order_id, line: 0, product_id, quantity, unit_price, amount });
        }
        let hash = |byte: u8| Arc::from([byte; 32].as_slice());
        let (hash, body_hash) = (hash(u8::try_from(sketch.number).unwrap()), hash(0));
        self.put(&domain, &OrderKey { hash, body_hash, order_id });
        if !plan.steps.is_empty() {
            self.payment(sketch, &plan);
        }
        plan
    }

    fn payment(&mut self, sketch: &Sketch, plan: &Plan) {
        let (status, booked) = match sketch.status {
            SagaStatus::Confirmed => (PaymentStatus::Approved, PgChargeStatus::Approved),
            SagaStatus::Cancelled => (PaymentStatus::Cancelled, PgChargeStatus::Cancelled),
            _ => (PaymentStatus::Declined, PgChargeStatus::Declined),
        };
        let has_card = !plan.card_amount.is_zero();
        self.put(
            &payment::PAYMENT,
            &PaymentRow {
                id: plan.payment,
                order_id: OrderId(plan.saga.0),
                user_id: plan.user,
                status,
                amount: plan.card_amount,
                points: plan.points,
                discount: plan.discount(),
                currency: plan.currency,
                pg: has_card.then_some("sim".into()),
                created_at: NOW,
                updated_at: NOW,
            },
        );
        if has_card {
            self.charge_in_book(plan.payment.0, plan.card_amount.minor(), booked);
        }
    }

    pub(crate) fn charge_in_book(&mut self, key: Uuid, amount: i64, status: PgChargeStatus) {
        let (key, transaction) = (key.to_string(), format!("tx{}", self.book.len()));
        let currency = "KRW".to_owned();
        self.book.push(PgCharge { key, transaction, amount, currency, status, created_at_ms: NOW.0 });
    }

    fn inboxes(&mut self, sketch: &Sketch, plan: &Plan) {
        let (quantity, user, product) = (sketch.quantity, id(USER), id(TEA));
        for step in &plan.steps {
            let (domain, receipt) = match step.as_str() {
                "stock" => (product::NAME, json!([{ "product": product, "quantity": quantity }])),
                "coupon" => {
                    let used = json!({ "user_coupon_id": id(USED_COUPON), "coupon_id": id(CAMPAIGN) });
                    (coupon::NAME, used)
                }
                "point" => (point::NAME, json!({ "user": user, "amount": sketch.points })),
                "payment" => (payment::PAYMENT, payment_receipt(plan)),
                other => panic!("no step {other}"),
            };
            let state = match sketch.status {
                SagaStatus::Confirmed => InboxState::Done,
                SagaStatus::Failed if *step == Step::PAYMENT => InboxState::Refused,
                _ => InboxState::Compensated,
            };
            self.inbox(&domain, sketch.number, step.clone(), state, Some(receipt));
        }
        let state = match sketch.status {
            SagaStatus::Confirmed => InboxState::Done,
            SagaStatus::Cancelled => InboxState::Compensated,
            _ => return,
        };
        let receipt = json!({ "day": NOW.day(), "lines": [{ "product": product, "quantity": quantity }] });
        self.inbox(&ranking::NAME, sketch.number, Step::SALES, state, Some(receipt));
    }

    pub(crate) fn inbox(
        &mut self,
        domain: &DomainName,
        number: u64,
        step: Step,
        state: InboxState,
        receipt: Option<serde_json::Value>,
    ) {
        let receipt =
            receipt.filter(|_| state != InboxState::Refused).map(|receipt| receipt.to_string().into());
        self.put(
            domain,
            &Inbox { saga: saga(number), step, state, receipt, reason: None, held: None, at: NOW },
        );
    }

    fn followers(&mut self, sketch: &Sketch, plan: &Arc<Plan>) {
        let order_id = OrderId(id(sketch.number));
        let settled_at = NOW;
        self.say(order_id.0, Some(plan), Said::Placed);
        if matches!(sketch.status, SagaStatus::Confirmed | SagaStatus::Cancelled) {
            self.say(order_id.0, Some(plan), Said::Confirmed { settled_at });
            self.delivery(order_id, DeliveryEvent::Confirmed);
        }
        if sketch.status == SagaStatus::Cancelled {
            self.say(order_id.0, Some(plan), Said::Cancelled { confirmed_at: NOW, steps: Vec::new() });
            self.delivery(order_id, DeliveryEvent::Cancelled);
        }
        if sketch.status == SagaStatus::Failed {
            let reason = Reason::PAYMENT_DECLINED;
            self.say(order_id.0, Some(plan), Said::Failed { reason, steps: Vec::new() });
            self.delivery(order_id, DeliveryEvent::Failed);
        }
        let head: Option<OrderHead> = self.get(&read_model::NAME, (plan.user,));
        self.put(&read_model::NAME, &OrderHead { user_id: plan.user, latest: order_id });
        self.put(
            &read_model::NAME,
            &read_model::OrderView {
                order_id,
                user_id: plan.user,
                status: sketch.status,
                reason: None,
                plan: Doc::new(Arc::clone(plan)),
                steps: Json(Vec::new()),
                trace: Trace::default(),
                topology: "t".into(),
                payment_id: Some(plan.payment),
                created_at: NOW,
                updated_at: NOW,
                settled_at: None,
                fulfilled: false,
                unlisted: None,
                previous: head.map(|head| head.latest),
            },
        );
    }

    pub(crate) fn delivery(&mut self, order_id: OrderId, event: DeliveryEvent) {
        self.put(
            &data_platform::NAME,
            &Delivery {
                order_id,
                event,
                webhook_id: format!("{order_id}.{event}").into(),
                body: "{}".into(),
                status: DeliveryStatus::Delivered,
                attempts: 1,
                next_at: None,
                error: None,
                in_doubt_at: None,
                letter: None,
                trace: Trace::default(),
                created_at: NOW,
                updated_at: NOW,
            },
        );
    }

    fn points(&mut self) {
        let (order, charge) = (|n| Some(OrderId(id(n))), |n| Some(ChargeId(id(n))));
        let entries = [
            (PointKind::Grant, 2_000, 2_000, None, None),
            (PointKind::Use, -300, 1_700, order(CARD), None),
            (PointKind::Use, -1_000, 700, order(POINTS_ONLY), None),
            (PointKind::Use, -100, 600, order(DECLINED), None),
            (PointKind::Refund, 100, 700, order(DECLINED), None),
            (PointKind::Take, -50, 650, None, None),
            (PointKind::TopUp, 5_000, 5_650, None, charge(TOP_UP)),
            // Its saga is below the horizon: its receipt is in the opening.
            (PointKind::Use, -5, 5_645, order(PRUNED + 2), None),
        ];
        for (number, (kind, amount, balance, order_id, charge_id)) in (400..).zip(entries) {
            self.entry(USER, number, kind, amount, balance, (order_id, charge_id));
        }
        self.opening(&point::NAME, Step::POINT, format!("points:{}", id(USER)), -5);
        self.balance(USER, 5_645);
        self.balance(OTHER_USER, 0);
    }

    pub(crate) fn entry(
        &mut self,
        user: u64,
        number: u64,
        kind: PointKind,
        amount: i64,
        balance: i64,
        (order_id, charge_id): (Option<OrderId>, Option<ChargeId>),
    ) {
        let user_id = UserId(id(user));
        let known: Option<Points> = self.get(&point::NAME, (user_id,));
        let points =
            known.unwrap_or(Points { user_id, balance: minor(0), updated_at: NOW, last_entry: None });
        self.put(&point::NAME, &Points { last_entry: Some(id(number)), ..points });
        self.put(
            &point::NAME,
            &PointEntry {
                id: id(number),
                user_id,
                previous: points.last_entry,
                kind,
                amount: minor(amount),
                balance: minor(balance),
                order_id,
                charge_id,
                reason: None,
                by_user: None,
                at: NOW,
            },
        );
    }

    pub(crate) fn balance(&mut self, user: u64, balance: i64) {
        let (user_id, balance) = (UserId(id(user)), minor(balance));
        let known: Option<Points> = self.get(&point::NAME, (user_id,));
        let last_entry = known.and_then(|points| points.last_entry);
        self.put(&point::NAME, &Points { user_id, balance, updated_at: NOW, last_entry });
    }

    fn top_ups(&mut self) {
        for (number, status, reason) in [
            (TOP_UP, ChargeStatus::Completed, None),
            (TOP_UP + 1, ChargeStatus::Declined, None),
            (TOP_UP + 2, ChargeStatus::Pending, None),
            (TOP_UP + 3, ChargeStatus::Completed, Some(payment::top_up::RESOLVED_BY_NOTE)),
        ] {
            self.charge(number, status, reason);
        }
        let credit = json!({ "user": id(USER), "amount": 5_000 });
        self.inbox(&point::NAME, TOP_UP, Step::CREDIT, InboxState::Done, Some(credit));
        self.inbox(&payment::PAYMENT, TOP_UP, Step::CHARGE, InboxState::Done, None);
        self.charge_in_book(id(TOP_UP), 5_000, PgChargeStatus::Approved);
        self.charge_in_book(id(TOP_UP + 2), 5_000, PgChargeStatus::Approved);
        self.charge_in_book(id(TOP_UP + 3), 5_000, PgChargeStatus::Approved);
    }

    pub(crate) fn charge(&mut self, number: u64, status: ChargeStatus, reason: Option<Reason>) {
        self.put(
            &payment::PAYMENT,
            &Charge {
                id: ChargeId(id(number)),
                user_id: UserId(id(USER)),
                amount: minor(5_000),
                currency: Currency::KRW,
                status,
                reason,
                trace: Trace::default(),
                created_at: NOW,
                updated_at: NOW.before(Duration::from_secs(60)),
                next_at: None,
                sends: 0,
                letter: None,
                leg_letter: None,
            },
        );
    }
}

fn payment_receipt(plan: &Plan) -> serde_json::Value {
    json!({
        "payment_id": plan.payment, "amount": plan.card_amount, "points": plan.points, "discount": plan.discount(),
    })
}

fn plan_of(sketch: &Sketch) -> Plan {
    let Sketch { number, quantity, discount, points, steps, .. } = sketch;
    let total = PRICE * quantity;
    let card = if steps.is_empty() { 0 } else { total - discount - points };
    let line = PlanLine {
        product_id: ProductId(id(TEA)),
        sku: "TEA".into(),
        name: "Tea".into(),
        quantity: *quantity,
        unit_price: minor(PRICE),
    };
    let coupon = PlanCoupon { user_coupon_id: UserCouponId(id(USED_COUPON)), discount: minor(*discount) };
    Plan {
        saga: saga(*number),
        user: UserId(id(USER)),
        lines: vec![line],
        coupon: (*discount > 0).then_some(coupon),
        total: minor(total),
        points: minor(*points),
        card_amount: minor(card),
        currency: Currency::KRW,
        payment: payment_of(*number),
        card: None,
        steps: steps.iter().map(|step| Step::new(step)).collect(),
        extras: BTreeMap::new(),
    }
}

fn order_of(sketch: &Sketch, plan: &Arc<Plan>) -> Order {
    let status = sketch.status;
    let state = |step: &Step| StepState {
        name: step.clone(),
        status: if status == SagaStatus::Confirmed { StepStatus::Done } else { StepStatus::Compensated },
        reason: None,
        attempts: 0,
        parked: false,
    };
    let was_confirmed = matches!(status, SagaStatus::Confirmed | SagaStatus::Cancelled);
    Order {
        id: OrderId(plan.saga.0),
        user_id: plan.user,
        status,
        reason: (status == SagaStatus::Failed).then_some(Reason::PAYMENT_DECLINED),
        total: plan.total,
        discount: plan.discount(),
        points_used: plan.points,
        card_amount: plan.card_amount,
        user_coupon_id: plan.coupon.map(|coupon| coupon.user_coupon_id),
        payment_id: (!plan.steps.is_empty()).then_some(plan.payment),
        trace: Trace::default(),
        topology: "t".into(),
        plan: Doc::new(Arc::clone(plan)),
        steps: Json(plan.steps.iter().map(state).collect()),
        fulfilled: false,
        created_at: NOW,
        updated_at: NOW,
        settled_at: status.is_settled().then_some(NOW),
        confirmed_at: was_confirmed.then_some(NOW),
        wake_at: None,
        inquired_at: None,
    }
}
