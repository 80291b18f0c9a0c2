//! Our payments against the PG's own book. The book is read after our snapshot, so what differs is compared with our rows once
//! more: only what differs from both the earlier and the later of them is reported.

use crate::findings::Findings;
use crate::letters;
use crate::pages::Moment;
use crate::payments::is_under_way;
use crate::report::{Code, Discrepancy};
use crate::scene::Scene;
use crate::{AuditError, Book};
use kernel::ids::{ChargeId, PaymentId, SagaId};
use kernel::{Record, Step};
use payment::books::UnknownCharge;
use payment::gateway::{PgCharge, PgChargeStatus};
use payment::leg::{Leg, LegState};
use payment::{Charge, ChargeStatus, PaymentRow, PaymentStatus};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use uuid::Uuid;

pub(crate) fn check(
    scene: &Scene<'_>,
    mut book: &mut Book<'_>,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let Some(home) = scene.home_of(&payment::PAYMENT) else { return Ok(()) };
    let moment = scene.moment(home);
    // The only thing here that grows with the number of orders: 16 bytes per charge that the PG holds.
    let mut held: Vec<u128> = Vec::new();
    let page = usize::try_from(moment.page).unwrap_or(usize::MAX).max(1);
    loop {
        let charges = (&mut book).take(page).collect::<Result<Vec<_>, _>>().map_err(AuditError::Book)?;
        if charges.is_empty() {
            break;
        }
        let owners = owners(moment, &charges)?;
        let mut odd = Vec::new();
        for charge in &charges {
            let owner = owners.get(charge.key.as_str());
            findings.checked(Code::PgExtra, 1);
            findings.checked(Code::PgAmount, usize::from(owner.is_some()));
            if let (PgChargeStatus::Approved, Some(owner)) = (charge.status, owner) {
                held.push(owner.id.as_u128());
            }
            if difference(charge, owner).is_some() {
                odd.push(charge.clone());
            }
        }
        look_again(scene, home, &odd, findings)?;
    }
    held.sort_unstable();
    missing_payments(scene, home, &held, findings)?;
    missing_charges(scene, home, &held, findings)
}

/// What we say of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// The PG holds the money.
    Yes,
    /// It does not, and will not.
    No,
    /// It is under way: listed once it should be known.
    Perhaps,
}

/// The payment or top-up that a charge is made under.
#[derive(Clone, Debug)]
struct Owner {
    id: Uuid,
    saga: SagaId,
    step: Step,
    holds: Holds,
    amount: i64,
    currency: String,
}

impl From<PaymentRow> for Owner {
    fn from(row: PaymentRow) -> Self {
        let holds = match row.status {
            PaymentStatus::Approved if row.pg.is_some() => Holds::Yes,
            status if is_under_way(status) => Holds::Perhaps,
            PaymentStatus::Approved | PaymentStatus::Declined | PaymentStatus::Cancelled => Holds::No,
            PaymentStatus::Pending | PaymentStatus::Unknown | PaymentStatus::Cancelling => Holds::Perhaps,
        };
        Self {
            id: row.id.0,
            saga: SagaId(row.order_id.0),
            step: Step::PAYMENT,
            holds,
            amount: row.amount.minor(),
            currency: row.currency.to_string(),
        }
    }
}

impl From<Charge> for Owner {
    fn from(row: Charge) -> Self {
        let holds = match row.status {
            ChargeStatus::Completed => Holds::Yes,
            ChargeStatus::Pending => Holds::Perhaps,
            ChargeStatus::Declined | ChargeStatus::Cancelled => Holds::No,
        };
        Self {
            id: row.id.0,
            saga: row.id.into(),
            step: Step::CHARGE,
            holds,
            amount: row.amount.minor(),
            currency: row.currency.to_string(),
        }
    }
}

/// Who owns these charges, by their keys.
fn owners(moment: Moment<'_>, charges: &[PgCharge]) -> Result<BTreeMap<String, Owner>, AuditError> {
    let ids: Vec<Uuid> = charges.iter().filter_map(|charge| Uuid::parse_str(&charge.key).ok()).collect();
    let payments = moment.load::<PaymentRow>(ids.iter().map(|id| (PaymentId(*id),).into()).collect())?;
    let charges = moment.load::<Charge>(ids.iter().map(|id| (ChargeId(*id),).into()).collect())?;
    let owners = payments.into_iter().map(Owner::from).chain(charges.into_iter().map(Owner::from));
    Ok(owners.map(|owner| (owner.id.to_string(), owner)).collect())
}

/// How a charge in the book differs from what its owner says.
fn difference(charge: &PgCharge, owner: Option<&Owner>) -> Option<(Code, String)> {
    let Some(owner) = owner else {
        return (charge.status == PgChargeStatus::Approved)
            .then(|| (Code::PgExtra, "nothing: no payment or top-up has this key".to_owned()));
    };
    let ours = (owner.amount, owner.currency.as_str());
    match (owner.holds, charge.status) {
        (Holds::Yes, PgChargeStatus::Approved) if ours != (charge.amount, charge.currency.as_str()) => {
            Some((Code::PgAmount, format!("{} {}", owner.amount, owner.currency)))
        }
        (Holds::No, PgChargeStatus::Approved) => {
            Some((Code::PgExtra, format!("nothing held for {} {}", owner.step, owner.saga)))
        }
        // That an approved one is not held shows when our side is read.
        (Holds::Yes | Holds::No | Holds::Perhaps, _) => None,
    }
}

fn look_again(
    scene: &Scene<'_>,
    home: usize,
    odd: &[PgCharge],
    findings: &mut Findings,
) -> Result<(), AuditError> {
    if odd.is_empty() {
        return Ok(());
    }
    let again = scene.again()?;
    let moment = scene.later(&again, home);
    let owners = owners(moment, odd)?;
    for charge in odd {
        let owner = owners.get(charge.key.as_str());
        let Some((code, expected)) = difference(charge, owner) else {
            findings.moving();
            continue;
        };
        if !is_listed(scene, moment, charge, owner)? {
            findings.report(Discrepancy {
                code,
                database: moment.name.to_owned(),
                table: "the PG's book",
                key: charge.key.clone(),
                expected,
                found: format!(
                    "{} {} held (transaction {})",
                    charge.amount, charge.currency, charge.transaction
                ),
            });
        }
    }
    Ok(())
}

/// Operators know of it: its leg is still moving or was ended by a note, or a dead letter stands for it.
fn is_listed(
    scene: &Scene<'_>,
    moment: Moment<'_>,
    charge: &PgCharge,
    owner: Option<&Owner>,
) -> Result<bool, AuditError> {
    let Some(owner) = owner else {
        return Ok(moment.get::<UnknownCharge>((SmolStr::new(&charge.key),))?.is_some());
    };
    let leg: Option<Leg> = moment.get((owner.saga, owner.step.clone()))?;
    if leg.is_some_and(|leg| !leg.state.is_at_rest() || leg.state == LegState::Resolved) {
        return Ok(true);
    }
    letters::excuse(scene, owner.saga.0, &payment::PAYMENT, Some(&owner.step))
}

fn missing_payments(
    scene: &Scene<'_>,
    home: usize,
    held: &[u128],
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let mut pages = scene.moment(home).pages::<PaymentRow>();
    loop {
        let payments = pages.page()?;
        if payments.is_empty() {
            return Ok(());
        }
        let table = PaymentRow::TABLE.name;
        let reread =
            |moment: Moment<'_>, id| Ok(moment.get::<PaymentRow>((PaymentId(id),))?.map(Owner::from));
        missing(scene, home, table, payments.into_iter().map(Owner::from), held, reread, findings)?;
    }
}

fn missing_charges(
    scene: &Scene<'_>,
    home: usize,
    held: &[u128],
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let mut pages = scene.moment(home).pages::<Charge>();
    loop {
        let charges = pages.page()?;
        if charges.is_empty() {
            return Ok(());
        }
        let table = Charge::TABLE.name;
        let reread = |moment: Moment<'_>, id| Ok(moment.get::<Charge>((ChargeId(id),))?.map(Owner::from));
        missing(scene, home, table, charges.into_iter().map(Owner::from), held, reread, findings)?;
    }
}

/// Owners whose money should be held and is not in the book.
fn missing(
    scene: &Scene<'_>,
    home: usize,
    table: &'static str,
    owners: impl Iterator<Item = Owner>,
    held: &[u128],
    reread: impl Fn(Moment<'_>, Uuid) -> Result<Option<Owner>, AuditError>,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let holding: Vec<Owner> = owners.filter(|owner| owner.holds == Holds::Yes).collect();
    findings.checked(Code::PgMissing, holding.len());
    let absent = |owner: &&Owner| held.binary_search(&owner.id.as_u128()).is_err();
    let suspects: Vec<&Owner> = holding.iter().filter(absent).collect();
    if suspects.is_empty() {
        return Ok(());
    }
    let again = scene.again()?;
    let moment = scene.later(&again, home);
    for owner in suspects {
        if reread(moment, owner.id)?.is_none_or(|now| now.holds != Holds::Yes) {
            findings.moving();
        } else if !letters::excuse(scene, owner.saga.0, &payment::PAYMENT, Some(&owner.step))? {
            findings.report(Discrepancy {
                code: Code::PgMissing,
                database: moment.name.to_owned(),
                table,
                key: owner.id.to_string(),
                expected: format!("{} {} held by the PG", owner.amount, owner.currency),
                found: "no such approved charge in its book".to_owned(),
            });
        }
    }
    Ok(())
}
