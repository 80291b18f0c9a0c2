//! Those who only follow orders: how far they have heard, and ranking's own book.

use crate::AuditError;
use crate::findings::Findings;
use crate::ledger::{Account, Movements};
use crate::report::{Code, Discrepancy};
use crate::scene::{Again, ORDER, Scene};
use kernel::judge::SagaStatus;
use kernel::{DomainName, Record, Said};
use order::Order;
use ranking::Sale;
use runtime::ports::store::{Cursor, Position};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Who has yet to hear of how many orders.
#[derive(Default)]
pub(crate) struct Lag {
    behind: BTreeMap<DomainName, u64>,
}

impl Lag {
    /// Whether `domain` has followed the order's log past the final word about `order`.
    pub(crate) fn has_heard(
        &mut self,
        scene: &Scene<'_>,
        again: &Again,
        domain: &DomainName,
        order: &Order,
    ) -> Result<bool, AuditError> {
        // In one database what is said is heard in the same transaction.
        let Some(home) = scene.home_of(domain).filter(|home| *home != 0) else { return Ok(true) };
        // Logs are pruned only once everybody is past them.
        let Some(said_at) = final_word(scene, again, order)? else { return Ok(true) };
        let source = SmolStr::new(&scene.homes[0].name);
        let cursor: Option<Cursor> = scene.later(again, home).get((source,))?;
        let heard = cursor.is_some_and(|cursor| {
            cursor.epoch == scene.homes[0].log.epoch.0
                && u64::try_from(cursor.position).is_ok_and(|at| at >= said_at.0)
        });
        if !heard {
            *self.behind.entry(domain.clone()).or_insert(0) += 1;
        }
        Ok(heard)
    }

    /// Says who is behind.
    pub(crate) fn note(&self, scene: &Scene<'_>, findings: &mut Findings) {
        for (domain, orders) in &self.behind {
            let Some(home) = scene.home_of(domain) else { continue };
            let Some(source) = scene.homes.first() else { continue };
            let cursor = scene.homes[home].cursors.iter().find(|cursor| cursor.source == source.name);
            let at = cursor.map_or(0, |cursor| u64::try_from(cursor.position).unwrap_or(0));
            let rows = source.log.head.0.saturating_sub(at);
            findings.note(format!(
                "{domain} is {rows} log rows behind {ORDER}: {orders} final orders unheard of"
            ));
        }
    }
}

/// Where the order's log says how it ended; none if that is pruned.
fn final_word(scene: &Scene<'_>, again: &Again, order: &Order) -> Result<Option<Position>, AuditError> {
    let moment = scene.later(again, 0);
    let mut found = None;
    for row in moment.reader.log_of(order.id.0).map_err(|error| moment.failed(error))? {
        let (position, entry) = runtime::tail::read_row(&row).map_err(|error| moment.failed(error))?;
        if entry.events.iter().any(|event| ends(&event.said, order.status)) {
            found = Some(position);
        }
    }
    Ok(found)
}

fn ends(said: &Said, status: SagaStatus) -> bool {
    match status {
        SagaStatus::Confirmed => matches!(said, Said::Confirmed { .. }),
        SagaStatus::Failed => matches!(said, Said::Failed { .. }),
        SagaStatus::Cancelled => matches!(said, Said::Cancelled { .. }),
        SagaStatus::Created | SagaStatus::Pending | SagaStatus::Failing | SagaStatus::Cancelling => false,
    }
}

/// Ranking's sales by day are what its own receipts counted. That the receipts are those of the confirmed orders, the walk over
/// orders has seen.
pub(crate) fn check_sales(
    scene: &Scene<'_>,
    movements: &mut Movements,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let Some(moment) = scene.moment_of(&ranking::NAME) else { return Ok(()) };
    let report = |day: i64, product: Uuid, expected: String, found: String| Discrepancy {
        code: Code::Ranking,
        database: moment.name.to_owned(),
        table: Sale::TABLE.name,
        key: format!("{day}/{product}"),
        expected,
        found,
    };
    let mut sales = moment.pages::<Sale>();
    while let Some(sale) = sales.next_if(|_| true)? {
        findings.checked(Code::Ranking, 1);
        let moved = movements.settle(Account::Sales(sale.day, sale.product_id.0));
        if !moved.explains(sale.sold.into(), 0) {
            let expected = format!("sold {}", moved.sum);
            findings.report(report(sale.day, sale.product_id.0, expected, format!("sold {}", sale.sold)));
        }
    }
    let left = movements.left(|account| match account {
        Account::Sales(day, product) => Some((day, product)),
        Account::Stock(_) | Account::Points(_) => None,
    });
    for ((day, product), sum) in left {
        findings.report(report(day, product, format!("sold {sum}"), "no row".to_owned()));
    }
    Ok(())
}
