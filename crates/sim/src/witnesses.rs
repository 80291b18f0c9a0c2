//! What stands outside the shop tells what it saw.

use crate::clients::{Amount, Delivery, Id, Line, PgCharge, PgStatus, Word};
use crate::world::World;
use data_platform::{DeliveryCall, DeliveryEvent};
use payment::gateway::PgChargeStatus;
use serde::Deserialize;
use uuid::Uuid;

/// What the data platform reads in a delivery.
#[derive(Deserialize)]
struct Document {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    user_id: Uuid,
    reason: Option<String>,
    lines: Vec<DataLine>,
    total: Amount,
    discount: Amount,
    points_used: Amount,
    card_amount: Amount,
}

#[derive(Deserialize)]
struct DataLine {
    product_id: Uuid,
    quantity: Amount,
    unit_price: Amount,
    amount: Amount,
}

/// The gateway's book.
pub(crate) fn gateway(world: &World) -> Vec<PgCharge> {
    let status = |status| match status {
        PgChargeStatus::Approved => PgStatus::Held,
        PgChargeStatus::Declined => PgStatus::Declined,
        PgChargeStatus::Cancelled => PgStatus::GivenBack,
    };
    let book = world.pg().book().into_iter();
    book.map(|charge| PgCharge { key: charge.key, amount: charge.amount, status: status(charge.status) })
        .collect()
}

/// What the data platform took, in the order in which it first did. What it could not read it has as nobody's.
pub(crate) fn data_platform(world: &World) -> Vec<Delivery> {
    world.platform().book().iter().map(delivery).collect()
}

fn delivery(call: &DeliveryCall) -> Delivery {
    let word = match call.event {
        DeliveryEvent::Confirmed => Word::Confirmed,
        DeliveryEvent::Failed => Word::Failed,
        DeliveryEvent::Cancelled => Word::Cancelled,
        DeliveryEvent::PaymentApproved => Word::PaymentApproved,
        DeliveryEvent::PaymentCancelled => Word::PaymentCancelled,
    };
    let read = serde_json::from_str::<Document>(&call.body).map(|document| document.data);
    let data = read.unwrap_or_else(|_| Data {
        user_id: Uuid::nil(),
        reason: None,
        lines: Vec::new(),
        total: 0,
        discount: 0,
        points_used: 0,
        card_amount: 0,
    });
    let order: Id = call.order_id.0.as_u128();
    Delivery {
        id: call.webhook_id.to_string(),
        word,
        order,
        user: data.user_id.as_u128(),
        reason: data.reason,
        lines: data.lines.iter().map(line).collect(),
        total: data.total,
        discount: data.discount,
        points_used: data.points_used,
        card_amount: data.card_amount,
    }
}

fn line(line: &DataLine) -> Line {
    Line {
        product: line.product_id.as_u128(),
        quantity: line.quantity,
        unit_price: line.unit_price,
        amount: line.amount,
    }
}
