//! Orders and their payments.

use super::wire_words;
use kernel::judge::{SagaStatus, StepState, StepStatus};
use kernel::{Currency, Money, Plan, Record, Timestamp};
use order::Order;
use payment::{PaymentRow, PaymentStatus};
use read_model::OrderView;
use runtime::ports::store::StoreError;
use serde::Serialize;
use shop::ShopError;
use utoipa::ToSchema;
use uuid::Uuid;

wire_words! {
    /// Where an order stands.
    pub(crate) enum OrderStatusBody as OrderStatus for SagaStatus {
        Created = "CREATED",
        Pending = "PENDING",
        Confirmed = "CONFIRMED",
        Failing = "FAILING",
        Failed = "FAILED",
        Cancelling = "CANCELLING",
        Cancelled = "CANCELLED",
    }
}

wire_words! {
    /// What is known of a step.
    pub(crate) enum StepStatusBody as StepStatus for StepStatus {
        Unknown = "UNKNOWN",
        Done = "DONE",
        Refused = "REFUSED",
        Compensated = "COMPENSATED",
    }
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(crate) struct OrderBody {
    /// Its id.
    pub(crate) id: Uuid,
    /// Whose.
    pub(crate) user_id: Uuid,
    /// Where it stands.
    pub(crate) status: OrderStatusBody,
    /// Why it is failing or failed: `OUT_OF_STOCK`, `POINTS_SHORT`, `COUPON_INVALID`, `PAYMENT_DECLINED`,
    /// `PAYMENT_UNAVAILABLE`, `PRICE_CHANGED`, `USER_INACTIVE`, `TIMED_OUT`, `CANCELLED_BY_CUSTOMER`, `DELIVERY_FAILED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// What is bought; one line per product.
    pub(crate) lines: Vec<LineBody>,
    /// The sum of the lines before discount, in minor units. `total − discount = points_used + card_amount`.
    pub(crate) total: i64,
    /// What the coupon takes off.
    pub(crate) discount: i64,
    /// What points pay.
    pub(crate) points_used: i64,
    /// What the card pays.
    pub(crate) card_amount: i64,
    /// ISO 4217.
    #[schema(value_type = String, example = "KRW")]
    pub(crate) currency: Currency,
    /// The coupon used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_coupon_id: Option<Uuid>,
    /// Its payment, once it is to be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payment_id: Option<Uuid>,
    /// The W3C trace that it was placed under, 32 hex digits.
    pub(crate) trace_id: String,
    /// The topology that carries it out.
    pub(crate) topology: String,
    /// The planned steps, in order; none before it is to be paid, or where it was refused at the quote.
    pub(crate) steps: Vec<StepBody>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
    /// When it was settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) settled_at: Option<Timestamp>,
}

/// One product of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderLine)]
pub(crate) struct LineBody {
    /// The product.
    pub(crate) product_id: Uuid,
    /// Its SKU.
    pub(crate) sku: String,
    /// Its name when ordered.
    pub(crate) name: String,
    /// How many.
    pub(crate) quantity: i64,
    /// The price of one when ordered, in minor units.
    pub(crate) unit_price: i64,
    /// `quantity × unit_price`.
    pub(crate) amount: i64,
}

/// A planned step of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderStep)]
pub(crate) struct StepBody {
    /// Which: `stock`, `coupon`, `point`, `payment`, or one that an application adds.
    pub(crate) name: String,
    /// What is known of it.
    pub(crate) status: StepStatusBody,
    /// Why it refused, or what made it compensate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// How often its compensation was asked for.
    pub(crate) attempts: u32,
}

impl OrderBody {
    /// From the order's own row.
    ///
    /// # Errors
    /// If its stored plan does not read.
    pub(crate) fn of(order: &Order) -> Result<Self, ShopError> {
        let plan = order.plan().map_err(unreadable::<Order>)?;
        Ok(Self {
            id: order.id.0,
            user_id: order.user_id.0,
            status: order.status.into(),
            reason: order.reason.as_ref().map(ToString::to_string),
            lines: lines(&plan).map_err(unreadable::<Order>)?,
            total: order.total.minor(),
            discount: order.discount.minor(),
            points_used: order.points_used.minor(),
            card_amount: order.card_amount.minor(),
            currency: plan.currency,
            user_coupon_id: order.user_coupon_id.map(|coupon| coupon.0),
            payment_id: order.payment_id.map(|payment| payment.0),
            trace_id: order.trace.trace_id(),
            topology: order.topology.to_string(),
            steps: steps(&order.steps.0),
            created_at: order.created_at,
            updated_at: order.updated_at,
            settled_at: order.settled_at,
        })
    }

    /// From the read model.
    ///
    /// # Errors
    /// If an amount of it cannot be.
    pub(crate) fn of_view(view: &OrderView) -> Result<Self, ShopError> {
        let plan = view.plan().map_err(unreadable::<OrderView>)?;
        Ok(Self {
            id: view.order_id.0,
            user_id: view.user_id.0,
            status: view.status.into(),
            reason: view.reason.as_ref().map(ToString::to_string),
            lines: lines(&plan).map_err(unreadable::<OrderView>)?,
            total: plan.total.minor(),
            discount: plan.discount().minor(),
            points_used: plan.points.minor(),
            card_amount: plan.card_amount.minor(),
            currency: plan.currency,
            user_coupon_id: plan.coupon.map(|coupon| coupon.user_coupon_id.0),
            payment_id: view.payment_id.map(|payment| payment.0),
            trace_id: view.trace.trace_id(),
            topology: view.topology.to_string(),
            steps: steps(&view.steps.0),
            created_at: view.created_at,
            updated_at: view.updated_at,
            settled_at: view.settled_at,
        })
    }

    /// The order as it stood when it was said to be `status`, which it has left since.
    pub(crate) fn at(
        self,
        status: SagaStatus,
        reason: Option<String>,
        said: &[StepState],
        at: Timestamp,
    ) -> Self {
        let steps = if said.is_empty() { self.steps } else { steps(said) };
        Self { status: status.into(), reason, steps, updated_at: at, settled_at: None, ..self }
    }
}

/// The lines of a plan, with their amounts.
fn lines(plan: &Plan) -> Result<Vec<LineBody>, kernel::money::OutOfRange> {
    let line = |line: &kernel::PlanLine| {
        Ok(LineBody {
            product_id: line.product_id.0,
            sku: line.sku.to_string(),
            name: line.name.to_string(),
            quantity: line.quantity,
            unit_price: line.unit_price.minor(),
            amount: line.unit_price.times(line.quantity).map(Money::minor)?,
        })
    };
    plan.lines.iter().map(line).collect()
}

fn steps(states: &[StepState]) -> Vec<StepBody> {
    let step = |state: &StepState| StepBody {
        name: state.name.to_string(),
        status: state.status.into(),
        reason: state.reason.as_ref().map(ToString::to_string),
        attempts: state.attempts,
    };
    states.iter().map(step).collect()
}

fn unreadable<R: Record>(error: impl std::fmt::Display) -> ShopError {
    StoreError::Unusable(format!("table {}: {error}", R::TABLE.name)).into()
}

wire_words! {
    /// Where a payment stands.
    pub(crate) enum PaymentStatusBody as PaymentStatus for PaymentStatus {
        Pending = "PENDING",
        Unknown = "UNKNOWN",
        Approved = "APPROVED",
        Declined = "DECLINED",
        Cancelling = "CANCELLING",
        Cancelled = "CANCELLED",
    }
}

/// The payment of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payment)]
pub(crate) struct PaymentBody {
    /// Its id.
    pub(crate) id: Uuid,
    /// The order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_id: Option<Uuid>,
    /// Where it stands.
    pub(crate) status: PaymentStatusBody,
    /// What the card pays, in minor units.
    pub(crate) amount: i64,
    /// What points pay.
    pub(crate) points: i64,
    /// What the coupon takes off.
    pub(crate) discount: i64,
    /// ISO 4217.
    #[schema(value_type = String, example = "KRW")]
    pub(crate) currency: Currency,
    /// The payment gateway; none where no card pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pg: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
}

impl From<PaymentRow> for PaymentBody {
    fn from(payment: PaymentRow) -> Self {
        Self {
            id: payment.id.0,
            order_id: Some(payment.order_id.0),
            status: payment.status.into(),
            amount: payment.amount.minor(),
            points: payment.points.minor(),
            discount: payment.discount.minor(),
            currency: payment.currency,
            pg: payment.pg.map(Into::into),
            created_at: payment.created_at,
        }
    }
}
