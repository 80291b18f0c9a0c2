//! The step `sales`: a sale is counted on the day its order settled, and taken back from that same day.

use kernel::domain::{Acted, Undone};
use kernel::ids::{ProductId, made_at_ms};
use kernel::ledger::{Movement, movement};
use kernel::money::OutOfRange;
use kernel::{
    Cx, DecideError, Heard, Keys, Participant, Plan, PlanLine, Planned, Said, Step, Timestamp, WorkingSet,
    record,
};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

record! {
    /// What was sold of one product on one day, less what was taken back of that day's sales.
    pub struct Sale in "sales" key 2 {
        /// The UTC day, counted from 1970-01-01.
        pub day: i64,
        /// The product.
        pub product_id: ProductId,
        /// Its SKU, for people.
        pub sku: SmolStr,
        /// Its name as last sold on that day.
        pub name: SmolStr,
        /// How many units.
        pub sold: i64,
    }
    index "sales_by_product" (product_id, day);
}

/// The columns that best sellers are summed by. The name is not among them: a product renamed within the window is still one
/// product. A read that sorts by the sum and then by these breaks ties by product id.
pub const BEST_SELLERS_GROUP: &[&str] = &["product_id", "sku"];

/// The column that best sellers are summed over.
pub const BEST_SELLERS_SUM: &str = "sold";

/// The first day of a window of `days` days that ends with the day of `now`; a window has at least one day.
#[must_use]
pub fn first_day(now: Timestamp, days: u32) -> i64 {
    now.day() - i64::from(days.max(1) - 1)
}

/// What a sale counted: the step's receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SalesReceipt {
    /// The day it counted on.
    pub day: i64,
    /// What it counted.
    pub lines: Vec<SoldLine>,
}

/// One product of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoldLine {
    /// The product.
    pub product: ProductId,
    /// How many units.
    pub quantity: i64,
}

/// The step `sales`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sales;

impl Participant for Sales {
    fn step(&self) -> Step {
        Step::SALES
    }

    fn planned(&self) -> Planned {
        Planned::Always
    }

    fn keys(&self, plan: &Plan, keys: &mut Keys) {
        want_day(made_day(plan), plan, keys);
    }

    fn keys_heard(&self, heard: &Heard<'_>, plan: &Plan, keys: &mut Keys) {
        want_day(settled_day(heard.said), plan, keys);
    }

    fn act(
        &self,
        heard: &Heard<'_>,
        plan: &Arc<Plan>,
        state: &mut WorkingSet,
        _cx: &mut Cx<'_>,
    ) -> Result<Acted, DecideError> {
        let day = settled_day(heard.said).or_else(|| made_day(plan)).ok_or_else(|| {
            DecideError::Impossible(format!("a sale without a day: {} is no UUIDv7", plan.saga))
        })?;
        let mut lines = Vec::with_capacity(plan.lines.len());
        for line in &plan.lines {
            count(day, line, state)?;
            lines.push(SoldLine { product: line.product_id, quantity: line.quantity });
        }
        let receipt = serde_json::to_string(&SalesReceipt { day, lines })?;
        Ok(Acted::Done(receipt.into()))
    }

    fn undo(
        &self,
        _heard: &Heard<'_>,
        _plan: &Arc<Plan>,
        receipt: &str,
        state: &mut WorkingSet,
        _cx: &mut Cx<'_>,
    ) -> Result<Undone, DecideError> {
        let SalesReceipt { day, lines } = serde_json::from_str(receipt)?;
        for SoldLine { product, quantity } in lines {
            let sale: Sale = state.need((day, product))?;
            let sold = sale.sold.checked_sub(quantity).ok_or(OutOfRange)?;
            state.put(&Sale { sold, ..sale });
        }
        Ok(Undone::Now)
    }

    fn movements(&self, receipt: &str) -> Result<Vec<Movement>, DecideError> {
        let SalesReceipt { day, lines } = serde_json::from_str(receipt)?;
        let moved = |line: SoldLine| movement("sales", format_args!("{day}:{}", line.product), line.quantity);
        Ok(lines.into_iter().map(moved).collect())
    }
}

fn count(day: i64, line: &PlanLine, state: &mut WorkingSet) -> Result<(), DecideError> {
    let sale: Option<Sale> = state.get((day, line.product_id))?;
    let before = sale.map_or(0, |sale| sale.sold);
    state.put(&Sale {
        day,
        product_id: line.product_id,
        sku: line.sku.clone(),
        name: line.name.clone(),
        sold: before.checked_add(line.quantity).ok_or(OutOfRange)?,
    });
    Ok(())
}

/// The day that a final word dates the sale to. A cancel says the same day as the confirmation that it takes back, so action
/// and compensation name the same rows.
pub(crate) fn settled_day(said: &Said) -> Option<i64> {
    match said {
        Said::Confirmed { settled_at: at } | Said::Cancelled { confirmed_at: at, .. } => Some(at.day()),
        Said::Created
        | Said::Placed
        | Said::Asked { .. }
        | Said::UndoAsked { .. }
        | Said::Failing { .. }
        | Said::Cancelling
        | Said::Failed { .. }
        | Said::Done { .. }
        | Said::Refused { .. }
        | Said::Pending { .. }
        | Said::Compensated { .. }
        | Said::Stuck { .. }
        | Said::Fact { .. } => None,
    }
}

/// The day of a sale that is counted inside the saga, before the order has settled: the day its order was made. It is the
/// only day that both the action and a later compensation can name before they have read the receipt.
fn made_day(plan: &Plan) -> Option<i64> {
    made_at_ms(plan.saga.0).map(|ms| Timestamp(ms).day())
}

fn want_day(day: Option<i64>, plan: &Plan, keys: &mut Keys) {
    if let Some(day) = day {
        for line in &plan.lines {
            keys.want::<Sale>((day, line.product_id));
        }
    }
}
