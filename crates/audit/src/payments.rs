//! Payments: each belongs to an order that knows it; those whose outcome should be known by now are listed. What a payment says
//! is compared with its order in the walk over orders.

use crate::AuditError;
use crate::findings::Findings;
use crate::letters;
use crate::pages::Moment;
use crate::report::{Code, Discrepancy, Unresolved};
use crate::scene::Scene;
use kernel::ids::OrderId;
use kernel::{Record, Step};
use order::Order;
use payment::{Charge, ChargeStatus, PaymentRow, PaymentStatus};
use std::collections::BTreeMap;

pub(crate) fn check(scene: &Scene<'_>, findings: &mut Findings) -> Result<(), AuditError> {
    let Some(moment) = scene.moment_of(&payment::PAYMENT) else { return Ok(()) };
    let long_ago = scene.now.before(scene.settling);
    let mut pages = moment.pages::<PaymentRow>();
    loop {
        let payments = pages.page()?;
        if payments.is_empty() {
            break;
        }
        findings.checked(Code::PaymentWithoutOrder, payments.len());
        check_owners(scene, &payments, findings)?;
        for payment in
            payments.iter().filter(|payment| is_under_way(payment.status) && payment.updated_at <= long_ago)
        {
            findings.listed().unresolved_payments.add(Unresolved {
                id: payment.id.0,
                order_id: Some(payment.order_id.0),
                status: payment.status.to_string(),
                amount: payment.amount.minor(),
                since: payment.updated_at,
            });
        }
    }
    let mut charges = moment.pages::<Charge>();
    while let Some(charge) = charges.next_if(|_| true)? {
        if charge.status == ChargeStatus::Pending && charge.updated_at <= long_ago {
            findings.listed().unresolved_payments.add(Unresolved {
                id: charge.id.0,
                order_id: None,
                status: charge.status.to_string(),
                amount: charge.amount.minor(),
                since: charge.updated_at,
            });
        }
    }
    Ok(())
}

/// Its outcome is not known yet.
pub(crate) fn is_under_way(status: PaymentStatus) -> bool {
    match status {
        PaymentStatus::Pending | PaymentStatus::Unknown | PaymentStatus::Cancelling => true,
        PaymentStatus::Approved | PaymentStatus::Declined | PaymentStatus::Cancelled => false,
    }
}

/// Whose payments these are, by their orders' own word.
fn owners(moment: Moment<'_>, payments: &[&PaymentRow]) -> Result<BTreeMap<OrderId, Order>, AuditError> {
    let keys = payments.iter().map(|payment| (payment.order_id,).into()).collect();
    Ok(moment.load::<Order>(keys)?.into_iter().map(|order| (order.id, order)).collect())
}

fn is_owned(payment: &PaymentRow, owners: &BTreeMap<OrderId, Order>) -> bool {
    owners.get(&payment.order_id).is_some_and(|order| order.payment_id == Some(payment.id))
}

fn check_owners(
    scene: &Scene<'_>,
    payments: &[PaymentRow],
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let all: Vec<&PaymentRow> = payments.iter().collect();
    let known = owners(scene.orders(), &all)?;
    let strangers: Vec<&PaymentRow> = all.into_iter().filter(|payment| !is_owned(payment, &known)).collect();
    if strangers.is_empty() {
        return Ok(());
    }
    let again = scene.again()?;
    let known = owners(scene.later(&again, 0), &strangers)?;
    for payment in strangers {
        if is_owned(payment, &known) {
            findings.moving();
        } else if !letters::excuse(scene, payment.order_id.0, &payment::PAYMENT, Some(&Step::PAYMENT))? {
            let other = known.get(&payment.order_id).map(|order| order.payment_id);
            let found = match other {
                None => "none".to_owned(),
                Some(None) => "an order without a payment".to_owned(),
                Some(Some(other)) => format!("an order with payment {other}"),
            };
            findings.report(Discrepancy {
                code: Code::PaymentWithoutOrder,
                database: scene.moment_of(&payment::PAYMENT).map_or("", |moment| moment.name).to_owned(),
                table: PaymentRow::TABLE.name,
                key: payment.id.to_string(),
                expected: format!("order {} with this payment", payment.order_id),
                found,
            });
        }
    }
    Ok(())
}
