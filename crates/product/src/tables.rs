//! What the product domain keeps.

use kernel::ids::{ProductId, UserId};
use kernel::{Money, Timestamp, record, text_enum};
use smol_str::SmolStr;
use uuid::Uuid;

/// The most pieces that stock can count: what a JSON number holds exactly.
pub const STOCK_MAX: i64 = Money::MAX.minor();

text_enum! {
    /// Whether a product is for sale.
    pub enum ProductStatus {
        /// For sale.
        Active = "ACTIVE",
        /// Not for sale: an order of it is refused as out of stock.
        Inactive = "INACTIVE",
    }
}

record! {
    /// One product, one SKU.
    pub struct Product in "products" key 1 {
        /// Its id.
        pub id: ProductId,
        /// The shop's code for it; never changes.
        pub sku: SmolStr,
        /// Its name.
        pub name: SmolStr,
        /// The price of one, in minor units; never below zero.
        pub price: Money,
        /// Pieces that can be sold now; never below zero.
        pub stock: i64,
        /// Pieces sold and not taken back.
        pub sold: i64,
        /// Whether it is for sale.
        pub status: ProductStatus,
        /// Counts changes of name, price and status. Stock moves leave it alone: an edit does not clash with a sale.
        pub version: i64,
        /// When it was made.
        pub created_at: Timestamp,
        /// When anything of it last changed, stock included.
        pub updated_at: Timestamp,
    }
}

impl Product {
    /// Whether it can be ordered.
    #[must_use]
    pub fn is_for_sale(&self) -> bool {
        match self.status {
            ProductStatus::Active => true,
            ProductStatus::Inactive => false,
        }
    }
}

record! {
    /// Which product a SKU belongs to: what makes SKUs unique.
    pub struct ProductSku in "product_skus" key 1 {
        /// The SKU.
        pub sku: SmolStr,
        /// Its product.
        pub product_id: ProductId,
    }
}

record! {
    /// Stock that came or went without an order.
    pub struct StockAdjustment in "stock_adjustments" key 1 {
        /// Its id.
        pub id: Uuid,
        /// Of which product.
        pub product_id: ProductId,
        /// Pieces added; negative where taken.
        pub amount: i64,
        /// Why.
        pub reason: Option<SmolStr>,
        /// The administrator.
        pub by_user: UserId,
        /// When.
        pub at: Timestamp,
    }
    index "stock_adjustments_by_product" (product_id, id);
}
