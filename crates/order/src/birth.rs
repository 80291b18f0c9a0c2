//! Birth and payment of an order: one transaction commits order, plan, idempotency key and deadline before anyone is told.

use crate::domain::{NAME, Setting};
use crate::judging;
use crate::quote::Quoted;
use crate::tables::{Order, OrderKey, OrderLine};
use kernel::error::{Kind, Refused};
use kernel::ids::{OrderId, PaymentId, SagaId, UserId};
use kernel::judge::{SagaStatus, Signal, StepState, StepStatus};
use kernel::table::Json;
use kernel::{Command, Cx, DecideError, Doc, DomainName, Plan, Reason, Said, Step, Timestamp, WorkingSet};
use std::sync::Arc;
use uuid::Uuid;

/// An idempotency key as it is compared: SHA-256 of (user, route, key), and of the canonical body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHash {
    /// Of (user, route, key).
    pub key: Arc<[u8]>,
    /// Of the body.
    pub body: Arc<[u8]>,
}

/// What an order is to begin as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quote {
    /// `pay: false`: prices are frozen, nothing else.
    Draft(Box<Plan>),
    /// To be carried out, or refused at the quote.
    Quoted(Quoted),
}

/// Makes an order.
#[derive(Clone, Debug)]
pub struct PlaceOrder {
    /// Its quote.
    pub quote: Quote,
    /// The client's idempotency key.
    pub key: KeyHash,
}

/// Pays an order that was made with `pay: false`.
#[derive(Clone, Debug)]
pub struct PayOrder {
    /// Which.
    pub order: OrderId,
    /// Whose it must be.
    pub user: UserId,
    /// Its quote, over the order's own frozen lines.
    pub quote: Quoted,
    /// The client's idempotency key.
    pub key: KeyHash,
}

/// What a birth or payment came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Born {
    /// The order.
    pub order: OrderId,
    /// The key had made it before: nothing was done now.
    pub replayed: bool,
}

impl Command for PlaceOrder {
    type Reply = Result<Born, Refused>;
    const DOMAIN: DomainName = NAME;
}

impl Command for PayOrder {
    type Reply = Result<Born, Refused>;
    const DOMAIN: DomainName = NAME;
}

pub(crate) fn place(
    setting: &Setting<'_>,
    command: &PlaceOrder,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<Result<Born, Refused>, DecideError> {
    if let Some(known) = known_key(&command.key, state)? {
        return Ok(known);
    }
    let id = OrderId(cx.ids.next());
    let (draft, frozen) = match &command.quote {
        Quote::Draft(plan) => (plan, None),
        Quote::Quoted(Quoted::Plan(plan)) => (plan, Some(Ok(()))),
        Quote::Quoted(Quoted::Refused(reason, plan)) => (plan, Some(Err(reason.clone()))),
    };
    let mut plan = Plan { saga: SagaId::from(id), ..draft.as_ref().clone() };
    if frozen == Some(Ok(())) {
        plan.payment = PaymentId(cx.ids.next());
    }
    let plan = Arc::new(plan);
    remember_key(&command.key, id, state);
    write_lines(id, &plan, state)?;
    let mut order = newborn(setting, id, &plan, cx);
    match frozen {
        None => {
            order.wake_at = Some(cx.now.after(setting.policy.created_expiry));
            cx.say(NAME, &plan, Said::Created);
        }
        Some(Ok(())) => start(setting, &mut order, &plan, state, cx)?,
        Some(Err(reason)) => refuse_at_quote(&mut order, &plan, reason, cx),
    }
    state.put(&order);
    Ok(Ok(Born { order: id, replayed: false }))
}

pub(crate) fn pay(
    setting: &Setting<'_>,
    command: &PayOrder,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<Result<Born, Refused>, DecideError> {
    if let Some(known) = known_key(&command.key, state)? {
        return Ok(known);
    }
    let order: Option<Order> = state.get((command.order,))?;
    let Some(mut order) = order.filter(|order| order.user_id == command.user) else {
        return Ok(Err(Refused::not_found("order")));
    };
    if order.status != SagaStatus::Created {
        return Ok(Err(Refused::conflict("ORDER_NOT_PAYABLE", format!("the order is {}", order.status))));
    }
    remember_key(&command.key, order.id, state);
    cx.trace = order.trace;
    let id = SagaId::from(order.id);
    match &command.quote {
        Quoted::Plan(plan) => {
            let plan =
                Arc::new(Plan { saga: id, payment: PaymentId(cx.ids.next()), ..plan.as_ref().clone() });
            order.show_plan(&plan);
            start(setting, &mut order, &plan, state, cx)?;
        }
        Quoted::Refused(reason, plan) => {
            let plan = Arc::new(Plan { saga: id, ..plan.as_ref().clone() });
            // What was asked for is what is told of it, here as everywhere.
            order.show_plan(&plan);
            refuse_at_quote(&mut order, &plan, reason.clone(), cx);
        }
    }
    state.put(&order);
    Ok(Ok(Born { order: order.id, replayed: false }))
}

/// The same key with the same body made this order already; with another body it is refused.
fn known_key(key: &KeyHash, state: &WorkingSet) -> Result<Option<Result<Born, Refused>>, DecideError> {
    let Some(known) = state.get::<OrderKey>((Arc::clone(&key.key),))? else { return Ok(None) };
    if known.body_hash != key.body {
        let detail = "this Idempotency-Key was used with another body";
        return Ok(Some(Err(Refused::new(Kind::Invalid, "IDEMPOTENCY_KEY_REUSED", detail))));
    }
    Ok(Some(Ok(Born { order: known.order_id, replayed: true })))
}

fn remember_key(key: &KeyHash, order_id: OrderId, state: &mut WorkingSet) {
    state.put(&OrderKey { hash: Arc::clone(&key.key), body_hash: Arc::clone(&key.body), order_id });
}

fn newborn(setting: &Setting<'_>, id: OrderId, plan: &Arc<Plan>, cx: &Cx<'_>) -> Order {
    Order {
        id,
        user_id: plan.user,
        status: SagaStatus::Created,
        reason: None,
        total: plan.total,
        discount: plan.discount(),
        points_used: plan.points,
        card_amount: plan.card_amount,
        user_coupon_id: plan.coupon.map(|coupon| coupon.user_coupon_id),
        payment_id: None,
        trace: cx.trace,
        topology: setting.wiring.topology.clone(),
        plan: Doc::new(Arc::clone(plan)),
        steps: Json(Vec::new()),
        fulfilled: false,
        created_at: cx.now,
        updated_at: cx.now,
        settled_at: None,
        confirmed_at: None,
        wake_at: None,
        inquired_at: None,
    }
}

fn write_lines(id: OrderId, plan: &Plan, state: &mut WorkingSet) -> Result<(), DecideError> {
    for (line, number) in plan.lines.iter().zip(0_i64..) {
        state.put(&OrderLine {
            order_id: id,
            line: number,
            product_id: line.product_id,
            quantity: line.quantity,
            unit_price: line.unit_price,
            amount: line.unit_price.times(line.quantity)?,
        });
    }
    Ok(())
}

/// The plan is frozen: the saga starts, under its deadline.
fn start(
    setting: &Setting<'_>,
    order: &mut Order,
    plan: &Arc<Plan>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    order.payment_id = Some(plan.payment).filter(|payment| payment.0 != Uuid::nil());
    order.steps = Json(plan.steps.iter().map(unknown).collect());
    order.wake_at = Some(cx.now.after(setting.policy.deadline));
    judging::rule(setting, order, plan, &Signal::Start, state, cx)
}

fn unknown(step: &Step) -> StepState {
    StepState { name: step.clone(), status: StepStatus::Unknown, reason: None, attempts: 0, parked: false }
}

/// A refusal that is about the order: stored as FAILED with an empty plan, and the usual final event.
fn refuse_at_quote(order: &mut Order, plan: &Arc<Plan>, reason: Reason, cx: &mut Cx<'_>) {
    settle_failed(order, reason.clone(), cx.now);
    cx.say(NAME, plan, Said::Failed { reason, steps: Vec::new() });
}

fn settle_failed(order: &mut Order, reason: Reason, now: Timestamp) {
    order.status = SagaStatus::Failed;
    order.reason = Some(reason);
    order.settled_at = Some(now);
    order.updated_at = now;
    order.wake_at = None;
}
