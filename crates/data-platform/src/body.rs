//! What is sent: a Standard Webhooks document. It never holds a card token: it names each field that it shows.

use crate::delivery::DeliveryEvent;
use kernel::ids::{OrderId, ProductId, UserId};
use kernel::judge::SagaStatus;
use kernel::{Currency, DecideError, Heard, Money, Plan, PlanLine, Reason, Said, Timestamp};
use serde::Serialize;
use smol_str::SmolStr;

#[derive(Serialize)]
struct Body<'a> {
    r#type: DeliveryEvent,
    timestamp: Timestamp,
    data: Order<'a>,
}

#[derive(Serialize)]
struct Order<'a> {
    order_id: OrderId,
    user_id: UserId,
    status: SagaStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
    lines: Vec<Line<'a>>,
    total: Money,
    discount: Money,
    points_used: Money,
    card_amount: Money,
    currency: Currency,
    settled_at: Timestamp,
}

#[derive(Serialize)]
struct Line<'a> {
    product_id: ProductId,
    sku: &'a str,
    name: &'a str,
    quantity: i64,
    unit_price: Money,
    amount: Money,
}

/// The document for `event`, the same whenever it is written.
///
/// # Errors
/// [`DecideError`] if a line's amount leaves the range of money.
pub(crate) fn write(event: DeliveryEvent, heard: &Heard<'_>, plan: &Plan) -> Result<SmolStr, DecideError> {
    let status = match event {
        DeliveryEvent::Confirmed => SagaStatus::Confirmed,
        DeliveryEvent::Failed => SagaStatus::Failed,
        DeliveryEvent::Cancelled => SagaStatus::Cancelled,
    };
    let settled_at = match heard.said {
        Said::Confirmed { settled_at } => *settled_at,
        _ => heard.at,
    };
    let body = Body {
        r#type: event,
        timestamp: heard.at,
        data: Order {
            order_id: OrderId(heard.key),
            user_id: plan.user,
            status,
            reason: heard.said.reason(),
            lines: plan.lines.iter().map(line).collect::<Result<_, _>>()?,
            total: plan.total,
            discount: plan.discount(),
            points_used: plan.points,
            card_amount: plan.card_amount,
            currency: plan.currency,
            settled_at,
        },
    };
    Ok(serde_json::to_string(&body)?.into())
}

fn line(line: &PlanLine) -> Result<Line<'_>, DecideError> {
    Ok(Line {
        product_id: line.product_id,
        sku: &line.sku,
        name: &line.name,
        quantity: line.quantity,
        unit_price: line.unit_price,
        amount: line.unit_price.times(line.quantity)?,
    })
}
