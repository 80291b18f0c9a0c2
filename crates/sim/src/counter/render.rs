//! What clients get to see of each thing.

use super::refusals::No;
use crate::clients::{Line, Order, Status, Step, StepStatus};
use kernel::judge::{self, SagaStatus, StepState};
use kernel::{Plan, PlanLine};

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
