//! The wire, held: these documents are what clients script against.

use super::*;
use coupon::{Coupon, CouponStatus, Discount, UserCoupon, UserCouponStatus};
use kernel::ids::{ChargeId, CouponId, OrderId, PaymentId, ProductId, SagaId, UserCouponId, UserId};
use kernel::judge::{SagaStatus, StepState, StepStatus};
use kernel::plan::{CardToken, PlanCoupon};
use kernel::{Currency, Doc, Json, Money, Plan, PlanLine, Reason, Step, Timestamp, Trace};
use order::Order;
use payment::{Charge, ChargeStatus, PaymentRow, PaymentStatus};
use point::{PointEntry, PointKind};
use product::{Product, ProductStatus};
use read_model::OrderView;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn shown(n: u128) -> String {
    id(n).to_string()
}

fn money(minor: i64) -> Money {
    Money::new(minor).unwrap()
}

const AT: Timestamp = Timestamp(1_700_000_000_123);
const SHOWN_AT: &str = "2023-11-14T22:13:20.123Z";

fn check(body: &impl Serialize, expected: &Value) {
    assert_eq!(serde_json::to_value(body).unwrap(), *expected);
}

#[test]
fn a_product() {
    let product = Product {
        id: ProductId(id(1)),
        sku: "MUG".into(),
        name: "머그".into(),
        price: money(12_000),
        stock: 7,
        sold: 3,
        status: ProductStatus::Inactive,
        version: 2,
        created_at: AT,
        updated_at: AT,
    };
    let expected = json!({
        "id": shown(1), "sku": "MUG", "name": "머그", "price": 12_000, "stock": 7, "status": "INACTIVE", "version": 2,
    });
    check(&ProductBody::from(product), &expected);
}

#[test]
fn a_coupon_of_either_kind() {
    let coupon = |discount, min_order_amount| Coupon {
        id: CouponId(id(1)),
        name: "Spring".into(),
        discount: Json(discount),
        quantity: 100,
        issued: 4,
        min_order_amount,
        valid_from: AT,
        valid_until: AT,
        status: CouponStatus::Active,
        version: 1,
        created_at: AT,
    };
    let expected = json!({
        "id": shown(1), "name": "Spring", "discount": {"type": "fixed", "amount": 500}, "quantity": 100, "issued": 4,
        "valid_from": SHOWN_AT, "valid_until": SHOWN_AT, "status": "ACTIVE",
    });
    check(&CouponBody::from(coupon(Discount::Fixed { amount: money(500) }, None)), &expected);
    let percent = Discount::Percent { percent: 10, max_amount: Some(money(900)) };
    let body = serde_json::to_value(CouponBody::from(coupon(percent, Some(money(1_000))))).unwrap();
    assert_eq!(body["discount"], json!({"type": "percent", "percent": 10, "max_amount": 900}));
    assert_eq!(body["min_order_amount"], 1_000);
}

#[test]
fn a_users_coupon() {
    let coupon = UserCoupon {
        id: UserCouponId(id(1)),
        coupon_id: CouponId(id(2)),
        user_id: UserId(id(3)),
        status: UserCouponStatus::Used,
        order_id: Some(OrderId(id(4))),
        discount: Json(Discount::Fixed { amount: money(500) }),
        min_order_amount: None,
        valid_from: AT,
        valid_until: AT,
        issued_at: AT,
        used_at: Some(AT),
        expires_at: None,
    };
    let expected = json!({
        "id": shown(1), "coupon_id": shown(2), "status": "USED", "order_id": shown(4), "issued_at": SHOWN_AT,
    });
    check(&UserCouponBody::from(coupon), &expected);
}

#[test]
fn points_their_history_and_a_top_up() {
    check(&PointsBody { balance: 5, currency: Currency::KRW }, &json!({"balance": 5, "currency": "KRW"}));
    let entry = PointEntry {
        user_id: UserId(id(1)),
        id: id(2),
        previous: None,
        kind: PointKind::TopUpCancel,
        amount: money(-300),
        balance: money(200),
        order_id: None,
        charge_id: Some(ChargeId(id(3))),
        reason: None,
        by_user: None,
        at: AT,
    };
    let expected =
        json!({"id": shown(2), "kind": "TOP_UP_CANCEL", "amount": -300, "balance": 200, "at": SHOWN_AT});
    check(&PointEntryBody::from(entry), &expected);
    let charge = Charge {
        id: ChargeId(id(1)),
        user_id: UserId(id(2)),
        amount: money(300),
        currency: Currency::KRW,
        status: ChargeStatus::Declined,
        reason: Some(Reason::PAYMENT_DECLINED),
        trace: Trace::default(),
        created_at: AT,
        updated_at: AT,
        next_at: None,
        sends: 0,
        letter: None,
        leg_letter: None,
    };
    check(&ChargeBody::from(&charge), &json!({"id": shown(1), "status": "DECLINED", "amount": 300}));
}

#[test]
fn a_payment() {
    let payment = PaymentRow {
        id: PaymentId(id(1)),
        order_id: OrderId(id(2)),
        user_id: UserId(id(3)),
        status: PaymentStatus::Cancelling,
        amount: money(10),
        points: money(20),
        discount: money(30),
        currency: Currency::KRW,
        pg: Some("simulator".into()),
        created_at: AT,
        updated_at: AT,
    };
    let expected = json!({
        "id": shown(1), "order_id": shown(2), "status": "CANCELLING", "amount": 10, "points": 20, "discount": 30,
        "currency": "KRW", "pg": "simulator", "created_at": SHOWN_AT,
    });
    check(&PaymentBody::from(payment), &expected);
}

fn plan() -> Arc<Plan> {
    Arc::new(Plan {
        saga: SagaId(id(1)),
        user: UserId(id(2)),
        lines: vec![PlanLine {
            product_id: ProductId(id(3)),
            sku: "MUG".into(),
            name: "Mug".into(),
            quantity: 2,
            unit_price: money(500),
        }],
        coupon: Some(PlanCoupon { user_coupon_id: UserCouponId(id(4)), discount: money(100) }),
        total: money(1_000),
        points: money(200),
        card_amount: money(700),
        currency: Currency::KRW,
        payment: PaymentId(id(5)),
        card: Some(CardToken("tok_secret".into())),
        steps: vec![Step::STOCK],
        extras: BTreeMap::from([("gift".into(), json!("wrap"))]),
    })
}

fn refused_step() -> Vec<StepState> {
    vec![StepState {
        name: Step::STOCK,
        status: StepStatus::Refused,
        reason: Some(Reason::OUT_OF_STOCK),
        attempts: 1,
        parked: true,
    }]
}

fn failed_order() -> Order {
    Order {
        id: OrderId(id(1)),
        user_id: UserId(id(2)),
        status: SagaStatus::Failed,
        reason: Some(Reason::OUT_OF_STOCK),
        total: money(1_000),
        discount: money(100),
        points_used: money(200),
        card_amount: money(700),
        user_coupon_id: Some(UserCouponId(id(4))),
        payment_id: Some(PaymentId(id(5))),
        trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap(),
        topology: "monolith".into(),
        plan: Doc::new(plan()),
        steps: Json(refused_step()),
        fulfilled: false,
        inquired_at: None,
        created_at: AT,
        updated_at: AT,
        settled_at: Some(AT),
        confirmed_at: None,
        wake_at: None,
    }
}

fn failed_order_shown() -> Value {
    json!({
        "id": shown(1), "user_id": shown(2), "status": "FAILED", "reason": "OUT_OF_STOCK",
        "lines": [{
            "product_id": shown(3), "sku": "MUG", "name": "Mug", "quantity": 2, "unit_price": 500, "amount": 1_000,
        }],
        "total": 1_000, "discount": 100, "points_used": 200, "card_amount": 700, "currency": "KRW",
        "user_coupon_id": shown(4), "payment_id": shown(5), "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "topology": "monolith",
        "steps": [{"name": "stock", "status": "REFUSED", "reason": "OUT_OF_STOCK", "attempts": 1}],
        "created_at": SHOWN_AT, "updated_at": SHOWN_AT, "settled_at": SHOWN_AT,
    })
}

#[test]
fn an_order_and_its_view_look_the_same() {
    let order = failed_order();
    check(&OrderBody::of(&order).unwrap(), &failed_order_shown());
    let view = OrderView {
        order_id: order.id,
        user_id: order.user_id,
        status: order.status,
        reason: order.reason,
        plan: Doc::new(plan()),
        steps: order.steps,
        trace: order.trace,
        topology: order.topology,
        payment_id: order.payment_id,
        created_at: order.created_at,
        updated_at: order.updated_at,
        settled_at: order.settled_at,
        fulfilled: true,
        unlisted: None,
        previous: None,
    };
    check(&OrderBody::of_view(&view).unwrap(), &failed_order_shown());
}

#[test]
fn an_order_as_it_stood_is_not_settled() {
    let body = OrderBody::of(&failed_order()).unwrap().at(SagaStatus::Pending, None, &[], Timestamp(0));
    let body = serde_json::to_value(body).unwrap();
    assert_eq!(body["status"], "PENDING");
    assert_eq!(body["updated_at"], "1970-01-01T00:00:00.000Z");
    assert!(body.get("reason").is_none() && body.get("settled_at").is_none(), "{body}");
}

#[test]
fn a_card_token_is_never_shown() {
    let text = serde_json::to_string(&OrderBody::of(&failed_order()).unwrap()).unwrap();
    assert!(!text.contains("tok_secret"), "{text}");
}
