//! Wire types that the routes of more than one domain show.

use crate::problem::Problem;
use kernel::judge::{SagaStatus, StepState};
use kernel::{Currency, Entry, Money, Plan, Reason, SaidEvent, Timestamp};
use order::Order;
use read_model::OrderView;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// An order, as shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(crate) struct OrderBody {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    /// CREATED, PENDING, CONFIRMED, FAILING, FAILED, CANCELLING or CANCELLED.
    #[schema(value_type = String, example = "CONFIRMED")]
    pub(crate) status: SagaStatus,
    /// Why it failed or is failing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) lines: Vec<LineBody>,
    /// Sum of the lines before discount, minor units. `total − discount = points_used + card_amount`.
    #[schema(value_type = i64)]
    pub(crate) total: Money,
    #[schema(value_type = i64)]
    pub(crate) discount: Money,
    #[schema(value_type = i64)]
    pub(crate) points_used: Money,
    #[schema(value_type = i64)]
    pub(crate) card_amount: Money,
    #[schema(value_type = String, example = "KRW")]
    pub(crate) currency: Currency,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_coupon_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payment_id: Option<Uuid>,
    pub(crate) trace_id: String,
    pub(crate) topology: String,
    pub(crate) steps: Vec<StepBody>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) settled_at: Option<Timestamp>,
}

/// One line of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderLine)]
pub(crate) struct LineBody {
    pub(crate) product_id: Uuid,
    pub(crate) sku: String,
    pub(crate) name: String,
    pub(crate) quantity: i64,
    #[schema(value_type = i64)]
    pub(crate) unit_price: Money,
    #[schema(value_type = i64)]
    pub(crate) amount: Money,
}

/// One planned step of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderStep)]
pub(crate) struct StepBody {
    pub(crate) name: String,
    /// UNKNOWN, DONE, REFUSED or COMPENSATED.
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// How often its compensation was asked for.
    pub(crate) attempts: u32,
}

fn lines(plan: &Plan) -> Vec<LineBody> {
    let line = |line: &kernel::PlanLine| LineBody {
        product_id: line.product_id.0,
        sku: line.sku.to_string(),
        name: line.name.to_string(),
        quantity: line.quantity,
        unit_price: line.unit_price,
        // In range: the total is their sum, and was checked at the quote.
        amount: line.unit_price.times(line.quantity).unwrap_or(Money::MAX),
    };
    plan.lines.iter().map(line).collect()
}

fn steps(steps: &[StepState]) -> Vec<StepBody> {
    let step = |step: &StepState| StepBody {
        name: step.name.to_string(),
        status: step.status.word(),
        reason: step.reason.as_ref().map(Reason::to_string),
        attempts: step.attempts,
    };
    steps.iter().map(step).collect()
}

impl OrderBody {
    /// An order as its owner keeps it.
    pub(crate) fn of(order: &Order) -> Result<Self, Problem> {
        let plan = order.plan().map_err(|error| {
            tracing::error!(order_id = %order.id, %error, "an order cannot be shown");
            Problem::internal()
        })?;
        Ok(Self {
            id: order.id.0,
            user_id: order.user_id.0,
            status: order.status,
            reason: order.reason.as_ref().map(Reason::to_string),
            lines: lines(&plan),
            total: order.total,
            discount: order.discount,
            points_used: order.points_used,
            card_amount: order.card_amount,
            currency: plan.currency,
            user_coupon_id: order.user_coupon_id.map(|id| id.0),
            payment_id: order.payment_id.map(|id| id.0),
            trace_id: order.trace.trace_id(),
            topology: order.topology.to_string(),
            steps: steps(&order.steps.0),
            created_at: order.created_at,
            updated_at: order.updated_at,
            settled_at: order.settled_at,
        })
    }

    /// An order as the read model shows it.
    pub(crate) fn of_view(view: &OrderView) -> Self {
        let plan = &view.plan.0;
        Self {
            id: view.order_id.0,
            user_id: view.user_id.0,
            status: view.status,
            reason: view.reason.as_ref().map(Reason::to_string),
            lines: lines(plan),
            total: plan.total,
            discount: plan.discount(),
            points_used: plan.points,
            card_amount: plan.card_amount,
            currency: plan.currency,
            user_coupon_id: plan.coupon.map(|coupon| coupon.user_coupon_id.0),
            payment_id: view.payment_id.map(|id| id.0),
            trace_id: view.trace.trace_id(),
            topology: view.topology.to_string(),
            steps: steps(&view.steps.0),
            created_at: view.created_at,
            updated_at: view.updated_at,
            settled_at: view.settled_at,
        }
    }
}

/// Something that a domain said about an order (or a top-up).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventBody {
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// Who said it.
    pub(crate) domain: String,
    /// What, such as `stock.done`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) order_id: Uuid,
    pub(crate) trace_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<String>,
    /// What else it said.
    #[schema(value_type = Object)]
    pub(crate) detail: serde_json::Value,
}

impl EventBody {
    /// One event of a log row. The row's plan is not shown: it holds the card's token.
    pub(crate) fn of(entry: &Entry, event: &SaidEvent) -> Self {
        Self {
            at: entry.at,
            domain: event.by.to_string(),
            kind: event.said.name().to_string(),
            order_id: entry.key,
            trace_id: entry.trace.trace_id(),
            step: event.said.step().map(ToString::to_string),
            detail: detail(event),
        }
    }
}

fn detail(event: &SaidEvent) -> serde_json::Value {
    if let kernel::Said::Fact { body, .. } = &event.said {
        return body.clone();
    }
    let mut detail = serde_json::to_value(&event.said).unwrap_or_default();
    if let Some(fields) = detail.as_object_mut() {
        fields.remove("said");
        fields.remove("step");
    }
    detail
}
