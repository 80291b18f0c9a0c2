//! What clients get to see of each thing.

use super::refusals::No;
use crate::clients::{
    Campaign, Change, ChangeKind, Coupon, CouponStatus, Discount, Letter, Line, Order, Product, Status, Step,
    StepStatus, Terms, TopUp, TopUpStatus, User,
};
use kernel::judge::letters::DeadLetter;
use kernel::judge::{self, SagaStatus, StepState};
use kernel::{Money, Plan, PlanLine};
use payment::{Charge, ChargeStatus};
use point::{PointEntry, PointKind};
use read_model::OrderView;

/// An order, from its own row.
pub(super) fn order(row: &order::Order) -> Result<Order, No> {
    // A plan that does not read is a fault of ours.
    let plan = row.plan().map_err(|_| No::Unavailable)?;
    Ok(Order {
        id: row.id.0.as_u128(),
        user: row.user_id.0.as_u128(),
        status: status(row.status),
        reason: row.reason.as_ref().map(ToString::to_string),
        lines: lines(&plan)?,
        total: row.total.minor(),
        discount: row.discount.minor(),
        points_used: row.points_used.minor(),
        card_amount: row.card_amount.minor(),
        coupon: row.user_coupon_id.map(|coupon| coupon.0.as_u128()),
        payment: row.payment_id.map(|payment| payment.0.as_u128()),
        steps: row.steps.0.iter().map(step).collect(),
    })
}

/// An order, from the read model.
pub(super) fn view(row: &OrderView) -> Result<Order, No> {
    let plan = row.plan().map_err(|_| No::Unavailable)?;
    Ok(Order {
        id: row.order_id.0.as_u128(),
        user: row.user_id.0.as_u128(),
        status: status(row.status),
        reason: row.reason.as_ref().map(ToString::to_string),
        lines: lines(&plan)?,
        total: plan.total.minor(),
        discount: plan.discount().minor(),
        points_used: plan.points.minor(),
        card_amount: plan.card_amount.minor(),
        coupon: plan.coupon.map(|coupon| coupon.user_coupon_id.0.as_u128()),
        payment: row.payment_id.map(|payment| payment.0.as_u128()),
        steps: row.steps.0.iter().map(step).collect(),
    })
}

fn lines(plan: &Plan) -> Result<Vec<Line>, No> {
    let line = |line: &PlanLine| {
        let amount = line.unit_price.times(line.quantity).map_err(|_| No::Unavailable)?;
        Ok(Line {
            product: line.product_id.0.as_u128(),
            quantity: line.quantity,
            unit_price: line.unit_price.minor(),
            amount: amount.minor(),
        })
    };
    plan.lines.iter().map(line).collect()
}

fn status(status: SagaStatus) -> Status {
    match status {
        SagaStatus::Created => Status::Created,
        SagaStatus::Pending => Status::Pending,
        SagaStatus::Confirmed => Status::Confirmed,
        SagaStatus::Failing => Status::Failing,
        SagaStatus::Failed => Status::Failed,
        SagaStatus::Cancelling => Status::Cancelling,
        SagaStatus::Cancelled => Status::Cancelled,
    }
}

fn step(state: &StepState) -> Step {
    let status = match state.status {
        judge::StepStatus::Unknown => StepStatus::Unknown,
        judge::StepStatus::Done => StepStatus::Done,
        judge::StepStatus::Refused => StepStatus::Refused,
        judge::StepStatus::Compensated => StepStatus::Compensated,
    };
    Step { name: state.name.to_string(), status }
}

/// A product.
pub(super) fn product(row: &product::Product) -> Product {
    Product { id: row.id.0.as_u128(), sku: row.sku.to_string(), price: row.price.minor(), stock: row.stock }
}

/// A change of a balance.
pub(super) fn change(row: &PointEntry) -> Change {
    let kind = match row.kind {
        PointKind::Use => ChangeKind::Used,
        PointKind::Refund => ChangeKind::Refunded,
        PointKind::Grant => ChangeKind::Granted,
        PointKind::Take => ChangeKind::Taken,
        PointKind::TopUp => ChangeKind::ToppedUp,
        PointKind::TopUpCancel => ChangeKind::TopUpCancelled,
    };
    Change {
        id: row.id.as_u128(),
        kind,
        amount: row.amount.minor(),
        balance: row.balance.minor(),
        order: row.order_id.map(|order| order.0.as_u128()),
        reason: row.reason.as_ref().map(ToString::to_string),
    }
}

/// A top-up.
pub(super) fn top_up(row: &Charge) -> TopUp {
    let status = match row.status {
        ChargeStatus::Pending => TopUpStatus::Pending,
        ChargeStatus::Completed => TopUpStatus::Completed,
        ChargeStatus::Declined => TopUpStatus::Declined,
        ChargeStatus::Cancelled => TopUpStatus::Cancelled,
    };
    TopUp { id: row.id.0.as_u128(), status, amount: row.amount.minor() }
}

/// A campaign.
pub(super) fn campaign(row: &coupon::Coupon) -> Campaign {
    let discount = match row.discount.0 {
        coupon::Discount::Fixed { amount } => Discount::Fixed(amount.minor()),
        coupon::Discount::Percent { percent, max_amount } => {
            Discount::Percent(percent, max_amount.map(Money::minor))
        }
    };
    let terms = Terms {
        name: row.name.to_string(),
        discount,
        quantity: row.quantity,
        least_total: row.min_order_amount.map(Money::minor),
        opens: row.valid_from.0,
        closes: row.valid_until.0,
    };
    let stopped = match row.status {
        coupon::CouponStatus::Active => false,
        coupon::CouponStatus::Stopped => true,
    };
    Campaign { id: row.id.0.as_u128(), terms, issued: row.issued, stopped }
}

/// A user's coupon.
pub(super) fn coupon(row: &coupon::UserCoupon) -> Coupon {
    let status = match row.status {
        coupon::UserCouponStatus::Issued => CouponStatus::Issued,
        coupon::UserCouponStatus::Used => CouponStatus::Used,
        coupon::UserCouponStatus::Expired => CouponStatus::Expired,
    };
    Coupon {
        id: row.id.0.as_u128(),
        campaign: row.coupon_id.0.as_u128(),
        status,
        order: row.order_id.map(|order| order.0.as_u128()),
    }
}

/// A user.
pub(super) fn user(row: &user::User) -> User {
    User { id: row.id.0.as_u128(), suspended: !row.is_active() }
}

/// A dead letter.
pub(super) fn letter(row: &DeadLetter) -> Letter {
    Letter {
        id: row.id.0.as_u128(),
        order: row.order_id.map(|order| order.as_u128()),
        step: row.step.as_ref().map(ToString::to_string),
        kind: row.kind.to_string(),
    }
}
