//! Stock: what every product has and has sold, against its adjustments and the orders that took of it.

use crate::AuditError;
use crate::findings::Findings;
use crate::ledger::{Account, Movements};
use crate::report::{Code, Discrepancy};
use crate::scene::Scene;
use kernel::Record;
use product::{Product, StockAdjustment};
use std::collections::BTreeMap;
use uuid::Uuid;

pub(crate) fn check(
    scene: &Scene<'_>,
    movements: &mut Movements,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let Some(moment) = scene.moment_of(&product::NAME) else { return Ok(()) };
    let mut adjusted: BTreeMap<Uuid, i128> = BTreeMap::new();
    let mut adjustments = moment.pages::<StockAdjustment>();
    while let Some(adjustment) = adjustments.next_if(|_| true)? {
        *adjusted.entry(adjustment.product_id.0).or_insert(0) += i128::from(adjustment.amount);
    }
    let report = |code, key: Uuid, expected: String, found: String| Discrepancy {
        code,
        database: moment.name.to_owned(),
        table: Product::TABLE.name,
        key: key.to_string(),
        expected,
        found,
    };
    let mut products = moment.pages::<Product>();
    while let Some(product) = products.next_if(|_| true)? {
        for code in [Code::StockLedger, Code::SoldLedger, Code::StockNegative] {
            findings.checked(code, 1);
        }
        let id = product.id.0;
        let adjusted = adjusted.remove(&id).unwrap_or(0);
        let moved = movements.settle(Account::Stock(id));
        if !moved.explains(product.stock.into(), adjusted) {
            let expected =
                format!("stock {} ({adjusted} adjusted, {} moved)", adjusted + moved.sum, moved.sum);
            findings.report(report(Code::StockLedger, id, expected, format!("stock {}", product.stock)));
        }
        if !moved.explains(-i128::from(product.sold), 0) {
            let expected = format!("sold {}", -moved.sum);
            findings.report(report(Code::SoldLedger, id, expected, format!("sold {}", product.sold)));
        }
        if product.stock < 0 {
            let found = format!("stock {}", product.stock);
            findings.report(report(Code::StockNegative, id, "stock of at least 0".to_owned(), found));
        }
    }
    let moved = movements.left(|account| match account {
        Account::Stock(id) => Some(id),
        Account::Points(_) | Account::Sales(..) => None,
    });
    for (id, sum) in adjusted.into_iter().chain(moved) {
        findings.report(report(
            Code::StockLedger,
            id,
            format!("a product that {sum} moved on"),
            "none".to_owned(),
        ));
    }
    Ok(())
}
