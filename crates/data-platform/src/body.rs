//! What is sent: a Standard Webhooks document. It never holds a card token: it names each field that it shows.

use crate::delivery::DeliveryEvent;
use kernel::ids::{OrderId, PaymentId, ProductId, UserId};
use kernel::judge::SagaStatus;
use kernel::{Currency, DecideError, Heard, Money, Plan, PlanLine, Reason, Said, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use smol_str::SmolStr;

#[derive(Serialize)]
struct Body<T> {
    r#type: DeliveryEvent,
    timestamp: Timestamp,
    data: T,
}

#[derive(Serialize)]
struct Order<'a> {
    order_id: OrderId,
    user_id: UserId,
    status: SagaStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
    #[serde(flatten)]
    bought: Bought<'a>,
    settled_at: Timestamp,
}

#[derive(Serialize)]
struct Payment<'a> {
    payment_id: PaymentId,
    order_id: OrderId,
    user_id: UserId,
    status: &'static str,
    #[serde(flatten)]
    bought: Bought<'a>,
}

/// What is bought, and how it is paid.
#[derive(Serialize)]
struct Bought<'a> {
    lines: Vec<Line<'a>>,
    total: Money,
    discount: Money,
    points_used: Money,
    card_amount: Money,
    currency: Currency,
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

/// The document for a final word about an order, the same whenever it is written.
///
/// # Errors
/// [`DecideError`] if a line's amount leaves the range of money.
pub(crate) fn of_order(event: DeliveryEvent, heard: &Heard<'_>, plan: &Plan) -> Result<SmolStr, DecideError> {
    let status = match event {
        DeliveryEvent::Confirmed => SagaStatus::Confirmed,
        DeliveryEvent::Failed => SagaStatus::Failed,
        DeliveryEvent::Cancelled => SagaStatus::Cancelled,
        DeliveryEvent::PaymentApproved | DeliveryEvent::PaymentCancelled => {
            return Err(DecideError::Impossible(format!("{event} is no final word about an order")));
        }
    };
    let settled_at = match heard.said {
        Said::Confirmed { settled_at } => *settled_at,
        _ => heard.at,
    };
    let data = Order {
        order_id: OrderId(heard.key),
        user_id: plan.user,
        status,
        reason: heard.said.reason(),
        bought: bought(plan)?,
        settled_at,
    };
    Ok(serde_json::to_string(&Body { r#type: event, timestamp: heard.at, data })?.into())
}

/// The document that tells of an order's approved payment.
///
/// # Errors
/// As [`of_order`].
pub(crate) fn of_payment(heard: &Heard<'_>, plan: &Plan) -> Result<SmolStr, DecideError> {
    let data = Payment {
        payment_id: plan.payment,
        order_id: OrderId(plan.saga.0),
        user_id: plan.user,
        status: "APPROVED",
        bought: bought(plan)?,
    };
    let body = Body { r#type: DeliveryEvent::PaymentApproved, timestamp: heard.at, data };
    Ok(serde_json::to_string(&body)?.into())
}

/// The document that takes `approval` back: the same payment, cancelled. Made from what was sent, because a late answer comes
/// when the plan is no longer at hand.
///
/// # Errors
/// [`DecideError`] if `approval` is not such a document.
pub(crate) fn taken_back(approval: &str, now: Timestamp) -> Result<SmolStr, DecideError> {
    let mut body: Map<String, Value> = serde_json::from_str(approval)?;
    let Some(Value::Object(data)) = body.get_mut("data") else {
        return Err(DecideError::Document("a delivery without data".to_owned()));
    };
    data.insert("status".to_owned(), "CANCELLED".into());
    body.insert("type".to_owned(), serde_json::to_value(DeliveryEvent::PaymentCancelled)?);
    body.insert("timestamp".to_owned(), serde_json::to_value(now)?);
    Ok(serde_json::to_string(&body)?.into())
}

fn bought(plan: &Plan) -> Result<Bought<'_>, DecideError> {
    Ok(Bought {
        lines: plan.lines.iter().map(line).collect::<Result<_, _>>()?,
        total: plan.total,
        discount: plan.discount(),
        points_used: plan.points,
        card_amount: plan.card_amount,
        currency: plan.currency,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_sent_as_an_approval_is_refused_and_not_indexed_into() {
        for text in ["", "[]", "null", "7", "{}", r#"{"data":[]}"#, r#"{"data":null}"#] {
            assert!(taken_back(text, Timestamp(0)).is_err(), "{text}");
        }
        assert!(taken_back(r#"{"data":{}}"#, Timestamp(0)).unwrap().contains("CANCELLED"));
    }
}
