//! What administrators change in the catalogue.

use crate::NAME;
use crate::tables::{Product, ProductSku, ProductStatus, STOCK_MAX, StockAdjustment};
use kernel::ids::{ProductId, UserId};
use kernel::{Command, Cx, DomainName, Money, Refused, Stop, WorkingSet, checks};
use serde_json::json;
use smol_str::SmolStr;

/// The longest SKU, in characters.
pub const SKU_MAX: usize = 64;
/// The longest name, in characters.
pub const NAME_MAX: usize = 200;

/// Adds a product, for sale at once.
///
/// Refusals: `/sku`, `/name`, `/price`, `/stock` (422); `SKU_TAKEN` (409). Says `product.changed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateProduct {
    /// The shop's code, 1 to [`SKU_MAX`] characters; upper and lower case differ.
    pub sku: SmolStr,
    /// Its name, 1 to [`NAME_MAX`] characters.
    pub name: SmolStr,
    /// The price of one in minor units; may be zero.
    pub price: Money,
    /// The initial stock in pieces; may be zero.
    pub stock: i64,
    /// The administrator.
    pub by: UserId,
}

impl Command for CreateProduct {
    type Reply = Result<Product, Refused>;
    const DOMAIN: DomainName = NAME;
}

impl CreateProduct {
    pub(crate) fn decide(&self, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<Product, Stop> {
        checks::text("/sku", &self.sku, SKU_MAX)?;
        checks::text("/name", &self.name, NAME_MAX)?;
        check_price(self.price)?;
        if !(0..=STOCK_MAX).contains(&self.stock) {
            return Err(checks::invalid("/stock", format!("must be 0 to {STOCK_MAX}")).into());
        }
        if state.get::<ProductSku>((self.sku.clone(),))?.is_some() {
            return Err(Refused::conflict("SKU_TAKEN", format!("SKU `{}` is taken", self.sku)).into());
        }

        let product = Product {
            id: ProductId(cx.ids.next()),
            sku: self.sku.clone(),
            name: self.name.clone(),
            price: self.price,
            stock: self.stock,
            sold: 0,
            status: ProductStatus::Active,
            version: 1,
            created_at: cx.now,
            updated_at: cx.now,
        };
        state.put(&product);
        state.put(&ProductSku { sku: product.sku.clone(), product_id: product.id });
        if self.stock > 0 {
            state.put(&StockAdjustment {
                id: cx.ids.next(),
                product_id: product.id,
                amount: self.stock,
                reason: Some(SmolStr::new_static("initial stock")),
                by_user: self.by,
                at: cx.now,
            });
        }
        say_changed(&product, self.by, None, cx);
        Ok(product)
    }
}

/// Changes what is given; what is not given stays. A patch that changes nothing keeps the version and says nothing.
///
/// Refusals: 404; an `expected_version` that is not the current one (412); `/name`, `/price`, `/reason` (422).
/// Says `product.changed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchProduct {
    /// Which product.
    pub id: ProductId,
    /// A new name.
    pub name: Option<SmolStr>,
    /// A new price. Orders quoted at the old one and not yet deducted are refused `PRICE_CHANGED`.
    pub price: Option<Money>,
    /// A new status.
    pub status: Option<ProductStatus>,
    /// The version that the caller saw.
    pub expected_version: Option<i64>,
    /// The administrator.
    pub by: UserId,
    /// Why.
    pub reason: Option<String>,
}

impl Command for PatchProduct {
    type Reply = Result<Product, Refused>;
    const DOMAIN: DomainName = NAME;
}

impl PatchProduct {
    pub(crate) fn decide(&self, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<Product, Stop> {
        let before: Product = state.get((self.id,))?.ok_or_else(|| Refused::not_found("product"))?;
        checks::version(self.expected_version, before.version)?;
        if let Some(name) = &self.name {
            checks::text("/name", name, NAME_MAX)?;
        }
        if let Some(price) = self.price {
            check_price(price)?;
        }
        checks::reason(self.reason.as_deref())?;

        let patched = Product {
            name: self.name.clone().unwrap_or_else(|| before.name.clone()),
            price: self.price.unwrap_or(before.price),
            status: self.status.unwrap_or(before.status),
            ..before.clone()
        };
        if patched == before {
            return Ok(before);
        }
        let after = Product { version: checks::one_more(before.version)?, updated_at: cx.now, ..patched };
        state.put(&after);
        say_changed(&after, self.by, self.reason.as_deref(), cx);
        Ok(after)
    }
}

fn check_price(price: Money) -> Result<(), Refused> {
    if price.is_negative() { Err(checks::invalid("/price", "must not be below zero")) } else { Ok(()) }
}

/// Says everything that a quote needs, so that a replica or a cache can be built from these facts alone.
fn say_changed(product: &Product, by: UserId, reason: Option<&str>, cx: &mut Cx<'_>) {
    let body = json!({
        "sku": product.sku,
        "name": product.name,
        "price": product.price,
        "status": product.status,
        "version": product.version,
        "by": by,
        "reason": reason,
    });
    cx.state_fact(NAME, product.id.0, "product.changed", body);
}
