//! Products and best sellers.

use super::wire_words;
use product::{Product, ProductStatus};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

wire_words! {
    /// Whether a product is for sale.
    pub(crate) enum ProductStatusBody as ProductStatus for ProductStatus {
        Active = "ACTIVE",
        Inactive = "INACTIVE",
    }
}

/// A product.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub(crate) struct ProductBody {
    /// Its id.
    pub(crate) id: Uuid,
    /// The shop's code for it.
    pub(crate) sku: String,
    /// Its name.
    pub(crate) name: String,
    /// The price of one, in minor units.
    pub(crate) price: i64,
    /// Pieces that can be sold now.
    pub(crate) stock: i64,
    /// Whether it is for sale.
    pub(crate) status: ProductStatusBody,
    /// Counts changes of name, price and status; also its `ETag`.
    pub(crate) version: i64,
}

impl From<Product> for ProductBody {
    fn from(product: Product) -> Self {
        Self {
            id: product.id.0,
            sku: product.sku.into(),
            name: product.name.into(),
            price: product.price.minor(),
            stock: product.stock,
            status: product.status.into(),
            version: product.version,
        }
    }
}

/// The best sellers of a window, best first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BestSellers)]
pub(crate) struct BestSellersBody {
    /// Best first.
    pub(crate) items: Vec<BestSellerBody>,
}

/// A product among the best sellers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BestSeller)]
pub(crate) struct BestSellerBody {
    /// 1 is the best.
    pub(crate) rank: u32,
    /// The product.
    pub(crate) product_id: Uuid,
    /// Its SKU.
    pub(crate) sku: String,
    /// Its name.
    pub(crate) name: String,
    /// Pieces sold in the window and not taken back.
    pub(crate) sold: i64,
}
