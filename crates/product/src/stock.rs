//! The step `stock`: all lines of an order are deducted or none, and restored by its compensation.

use crate::tables::Product;
use kernel::domain::{Acted, Undone};
use kernel::ids::ProductId;
use kernel::ledger::{Movement, movement};
use kernel::money::OutOfRange;
use kernel::{Cx, DecideError, Heard, Keys, Participant, Plan, Planned, Reason, Step, Timestamp, WorkingSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Deducts the plan's lines. The sales count moves with the stock, in the same row.
pub(crate) struct Stock;

/// One item of the receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Taken {
    product: ProductId,
    quantity: i64,
}

impl Participant for Stock {
    fn step(&self) -> Step {
        Step::STOCK
    }

    fn planned(&self) -> Planned {
        Planned::When(|plan| !plan.lines.is_empty())
    }

    fn keys(&self, plan: &Plan, keys: &mut Keys) {
        for line in &plan.lines {
            keys.want::<Product>((line.product_id,));
        }
    }

    fn act(
        &self,
        _: &Heard<'_>,
        plan: &Arc<Plan>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Acted, DecideError> {
        // One entry per product, so that a product on two lines needs stock for both.
        let mut wanted: BTreeMap<ProductId, (Product, i64)> = BTreeMap::new();
        for line in &plan.lines {
            if line.quantity < 1 {
                return Err(DecideError::Impossible("a line of less than one piece".to_owned()));
            }
            let Some(product) = state.get::<Product>((line.product_id,))? else {
                return Ok(Acted::Refused(Reason::OUT_OF_STOCK));
            };
            if !product.is_for_sale() {
                return Ok(Acted::Refused(Reason::OUT_OF_STOCK));
            }
            if product.price != line.unit_price {
                return Ok(Acted::Refused(Reason::PRICE_CHANGED));
            }
            let (_, quantity) = wanted.entry(line.product_id).or_insert((product, 0));
            // More than any stock stays more than any stock.
            *quantity = quantity.saturating_add(line.quantity);
        }
        if wanted.values().any(|(product, quantity)| product.stock < *quantity) {
            return Ok(Acted::Refused(Reason::OUT_OF_STOCK));
        }

        let mut receipt = Vec::with_capacity(wanted.len());
        for (product, quantity) in wanted.into_values() {
            receipt.push(Taken { product: product.id, quantity });
            state.put(&sold(product, quantity, cx.now)?);
        }
        Ok(Acted::Done(serde_json::to_string(&receipt)?.into()))
    }

    /// Restores whatever the products have become since: inactive, dearer, renamed.
    fn undo(
        &self,
        _: &Heard<'_>,
        _: &Arc<Plan>,
        receipt: &str,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Undone, DecideError> {
        for taken in read(receipt)? {
            let product = state.need::<Product>((taken.product,))?;
            state.put(&sold(product, -taken.quantity, cx.now)?);
        }
        Ok(Undone::Now)
    }

    fn movements(&self, receipt: &str) -> Result<Vec<Movement>, DecideError> {
        let taken = read(receipt)?.into_iter();
        Ok(taken.map(|taken| movement("stock", taken.product, -taken.quantity)).collect())
    }
}

/// A receipt's items, each of at least one piece.
fn read(receipt: &str) -> Result<Vec<Taken>, DecideError> {
    let taken: Vec<Taken> = serde_json::from_str(receipt)?;
    match taken.iter().all(|taken| taken.quantity >= 1) {
        true => Ok(taken),
        false => Err(DecideError::Document("a stock receipt of less than one piece".to_owned())),
    }
}

/// The product after `quantity` more of it were sold (negative: taken back).
fn sold(product: Product, quantity: i64, now: Timestamp) -> Result<Product, DecideError> {
    let stock = product.stock.checked_sub(quantity).ok_or(OutOfRange)?;
    let sold = product.sold.checked_add(quantity).ok_or(OutOfRange)?;
    Ok(Product { stock, sold, updated_at: now, ..product })
}
