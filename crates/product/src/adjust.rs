//! Stock that comes or goes without an order: deliveries, breakage, counting again.

use crate::NAME;
use crate::tables::{Product, STOCK_MAX, StockAdjustment};
use kernel::ids::{ProductId, UserId};
use kernel::{Command, Cx, DomainName, Refused, Stop, WorkingSet, checks};
use serde_json::json;
use smol_str::SmolStr;

/// Adds `adjust` pieces, or takes them where it is negative.
///
/// Refusals: 404; a zero `/adjust` or one that stock cannot count, `/reason` (422); `STOCK_WOULD_BE_NEGATIVE` (409).
/// Says `stock.adjusted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdjustStock {
    /// Which product.
    pub id: ProductId,
    /// Pieces, signed.
    pub adjust: i64,
    /// Why.
    pub reason: Option<String>,
    /// The administrator.
    pub by: UserId,
}

impl Command for AdjustStock {
    type Reply = Result<Product, Refused>;
    const DOMAIN: DomainName = NAME;
}

impl AdjustStock {
    pub(crate) fn decide(&self, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<Product, Stop> {
        if self.adjust == 0 {
            return Err(checks::invalid("/adjust", "must not be zero").into());
        }
        checks::reason(self.reason.as_deref())?;
        let before: Product = state.get((self.id,))?.ok_or_else(|| Refused::not_found("product"))?;
        let stock = before
            .stock
            .checked_add(self.adjust)
            .filter(|stock| *stock <= STOCK_MAX)
            .ok_or_else(|| checks::invalid("/adjust", format!("the stock would exceed {STOCK_MAX}")))?;
        if stock < 0 {
            let detail = format!("the stock is {}, so it cannot change by {}", before.stock, self.adjust);
            return Err(Refused::conflict("STOCK_WOULD_BE_NEGATIVE", detail).into());
        }

        let after = Product { stock, updated_at: cx.now, ..before };
        state.put(&after);
        state.put(&StockAdjustment {
            id: cx.ids.next(),
            product_id: self.id,
            amount: self.adjust,
            reason: self.reason.as_deref().map(SmolStr::new),
            by_user: self.by,
            at: cx.now,
        });
        let body = json!({
            "product_id": self.id,
            "amount": self.adjust,
            "stock": stock,
            "by": self.by,
            "reason": self.reason,
        });
        cx.state_fact(NAME, self.id.0, "stock.adjusted", body);
        Ok(after)
    }
}
