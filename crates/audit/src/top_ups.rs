//! Top-ups: charged at payment, credited at point. Both are read in the order of ids.

use crate::AuditError;
use crate::findings::Findings;
use crate::letters;
use crate::pages::Moment;
use crate::report::{Code, Discrepancy};
use crate::scene::Scene;
use kernel::ids::{ChargeId, SagaId};
use kernel::participation::{Inbox, InboxState};
use kernel::{Record, Step, Value};
use payment::top_up::RESOLVED_BY_NOTE;
use payment::{Charge, ChargeStatus};

pub(crate) fn check(scene: &Scene<'_>, findings: &mut Findings) -> Result<(), AuditError> {
    let homes = scene.home_of(&payment::PAYMENT).zip(scene.home_of(&point::NAME));
    let Some((payment, point)) = homes else { return Ok(()) };
    let mut charges = scene.moment(payment).pages::<Charge>();
    let mut credits = scene.moment(point).pages::<Inbox>();
    credits = credits.only("step", Value::Text(Step::CREDIT.as_str().into()));
    let mut suspects = Vec::new();
    loop {
        let page = charges.page()?;
        if page.is_empty() {
            break;
        }
        findings.checked(Code::TopUpCredit, page.len());
        for charge in page {
            while let Some(stray) = credits.next_if(|row| row.saga.0 < charge.id.0)? {
                suspects.extend(is_odd(scene, None, Some(&stray)).then_some((stray.saga, None)));
            }
            let credit = credits.next_if(|row| row.saga.0 == charge.id.0)?;
            if is_odd(scene, Some(&charge), credit.as_ref()) {
                suspects.push((charge.id.into(), Some(charge.status)));
            }
        }
        look_again(scene, (payment, point), &std::mem::take(&mut suspects), findings)?;
    }
    loop {
        let page = credits.page()?;
        if page.is_empty() {
            return Ok(());
        }
        let strays = page.iter().filter(|row| is_odd(scene, None, Some(row))).map(|row| (row.saga, None));
        look_again(scene, (payment, point), &strays.collect::<Vec<_>>(), findings)?;
    }
}

/// A final top-up without what it says, or points without a top-up.
fn is_odd(scene: &Scene<'_>, charge: Option<&Charge>, credit: Option<&Inbox>) -> bool {
    let is_credited = credit.is_some_and(|row| row.state == InboxState::Done);
    match charge {
        None => is_credited,
        Some(charge) => match charge.status {
            // Its credit may be on its way in either direction.
            ChargeStatus::Pending => false,
            // A pruned credit's receipt is in the openings; for one that never answered an operator's note stands.
            ChargeStatus::Completed => {
                let is_explained = credit.is_none() && scene.is_pruned(charge.id.0);
                !is_credited && !is_explained && charge.reason != Some(RESOLVED_BY_NOTE)
            }
            ChargeStatus::Declined | ChargeStatus::Cancelled => is_credited,
        },
    }
}

fn look_again(
    scene: &Scene<'_>,
    (payment, point): (usize, usize),
    suspects: &[(SagaId, Option<ChargeStatus>)],
    findings: &mut Findings,
) -> Result<(), AuditError> {
    if suspects.is_empty() {
        return Ok(());
    }
    let again = scene.again()?;
    let (payments, points) = (scene.later(&again, payment), scene.later(&again, point));
    for (saga, before) in suspects {
        let charge: Option<Charge> = payments.get((ChargeId(saga.0),))?;
        let credit: Option<Inbox> = points.get((*saga, Step::CREDIT))?;
        let went_on = charge.as_ref().map(|charge| charge.status) != *before;
        if went_on || !is_odd(scene, charge.as_ref(), credit.as_ref()) {
            findings.moving();
        } else if !letters::excuse(scene, saga.0, &payment::PAYMENT, Some(&Step::CREDIT))? {
            findings.report(discrepancy(payments, *saga, charge.as_ref(), credit.as_ref()));
        }
    }
    Ok(())
}

fn discrepancy(
    moment: Moment<'_>,
    saga: SagaId,
    charge: Option<&Charge>,
    credit: Option<&Inbox>,
) -> Discrepancy {
    let charge = charge.map_or("no top-up".to_owned(), |charge| charge.status.to_string());
    let credit = credit.map_or("no inbox row".to_owned(), |row| row.state.to_string());
    Discrepancy {
        code: Code::TopUpCredit,
        database: moment.name.to_owned(),
        table: Charge::TABLE.name,
        key: saga.to_string(),
        expected: format!("{} exactly if its credit is {}", ChargeStatus::Completed, InboxState::Done),
        found: format!("{charge}, its credit: {credit}"),
    }
}
