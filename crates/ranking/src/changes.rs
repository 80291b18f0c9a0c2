//! What a row of the orders' log adds to the best sellers, and takes from them: all that a faster copy of the book needs to hear.

use crate::sales::settled_day;
use kernel::ids::ProductId;
use kernel::{Entry, Said};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Units of products by day. Days with nothing in them, and products that came and went, are not there.
pub type Changes = BTreeMap<i64, BTreeMap<(ProductId, SmolStr), i64>>;

/// What `entries` of the orders' log change: a confirmed order counts on the day it was confirmed, a cancelled one no more. Each final word
/// is said once, so whoever passes every row once has what the book has. `None` if more was sold than can be counted.
pub fn changes<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Option<Changes> {
    let mut changes = Changes::new();
    for entry in entries {
        let Some(plan) = &entry.plan else { continue };
        for event in &entry.events {
            let sign = match event.said {
                Said::Confirmed { .. } => 1,
                Said::Cancelled { .. } => -1,
                _ => continue,
            };
            let Some(day) = settled_day(&event.said) else { continue };
            for line in &plan.lines {
                let product = (line.product_id, line.sku.clone());
                let units = changes.entry(day).or_default().entry(product).or_default();
                *units = units.checked_add(line.quantity.checked_mul(sign)?)?;
            }
        }
    }
    for products in changes.values_mut() {
        products.retain(|_, units| *units != 0);
    }
    changes.retain(|_, products| !products.is_empty());
    Some(changes)
}
