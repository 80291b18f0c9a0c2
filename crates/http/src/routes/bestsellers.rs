//! What sold best, from the book of sales.

use crate::app::AppState;
use crate::describe::Anyone;
use crate::extract::{PAGE_MAX, Params};
use crate::prefer::catch_up;
use crate::problem::Problem;
use crate::render::{BestSellerBody, BestSellersBody};
use axum::Json;
use axum::extract::State;
use kernel::ids::ProductId;
use kernel::table::Field;
use kernel::{Record, Value};
use product::Product;
use ranking::{BEST_SELLERS_GROUP, BEST_SELLERS_SUM, Sale, first_day};
use runtime::ports::store::{Compare, Filter, StoreError, Top};
use serde::Deserialize;
use shop::ShopError;
use shop::facts::load;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The longest window, in days.
const DAYS_MAX: u32 = 365;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which window, and how many of it.
#[derive(Deserialize)]
struct Window {
    #[serde(default = "Window::days")]
    days: u32,
    #[serde(default = "Window::limit")]
    limit: u32,
}

impl Window {
    fn days() -> u32 {
        7
    }

    fn limit() -> u32 {
        10
    }

    fn check(&self) -> Result<(), Problem> {
        if !(1..=DAYS_MAX).contains(&self.days) {
            return Err(Problem::parameter("days", format!("must be a whole number from 1 to {DAYS_MAX}")));
        }
        if !(1..=PAGE_MAX).contains(&self.limit) {
            return Err(Problem::parameter("limit", format!("must be a whole number from 1 to {PAGE_MAX}")));
        }
        Ok(())
    }
}

/// The products that sold best in the last days (UTC, today included), by the day their order settled.
#[utoipa::path(
    get, path = "/v1/bestsellers", tag = "products", security(()),
    params(
        ("days" = Option<u32>, Query, minimum = 1, maximum = 365, description = "7 unless given"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "10 unless given")
    ),
    responses((status = 200, description = "Best first", body = BestSellersBody), Anyone)
)]
async fn list(
    State(state): State<AppState>,
    Params(window): Params<Window>,
) -> Result<Json<BestSellersBody>, Problem> {
    window.check()?;
    catch_up(&state, "ranking").await?;
    let top = Top {
        table: Sale::TABLE,
        group: BEST_SELLERS_GROUP,
        sum: BEST_SELLERS_SUM,
        filters: vec![Filter {
            column: "day",
            compare: Compare::AtLeast,
            value: Value::Int(first_day(state.now(), window.days)),
        }],
        limit: window.limit,
    };
    let rows = state.shop().reader("ranking")?.top(&top).map_err(ShopError::from)?;
    let mut sold = rows.iter().map(|row| SoldRow::read(row)).collect::<Result<Vec<_>, _>>()?;
    // What was all taken back did not sell.
    sold.retain(|row| row.sold > 0);
    let ids = sold.iter().map(|row| (row.product,));
    let products: Vec<Product> = load(state.shop().reader("product")?, ids).map_err(ShopError::from)?;
    let names: BTreeMap<ProductId, SmolStr> =
        products.into_iter().map(|product| (product.id, product.name)).collect();
    let items = sold.into_iter().zip(1..).map(|(row, rank)| row.show(rank, &names)).collect();
    Ok(Json(BestSellersBody { items }))
}

/// One row of the ranking, in the order of [`BEST_SELLERS_GROUP`] and the sum.
struct SoldRow {
    product: ProductId,
    sku: SmolStr,
    sold: i64,
}

impl SoldRow {
    fn read(row: &[Value]) -> Result<Self, ShopError> {
        let unusable = |what: &dyn std::fmt::Display| {
            StoreError::Unusable(format!("table {}: {what}", Sale::TABLE.name))
        };
        let [product, sku, sold] = row else { return Err(unusable(&"a ranking of another shape").into()) };
        let read = || -> Result<Self, kernel::table::Corrupt> {
            Ok(Self {
                product: ProductId::from_value(product)?,
                sku: SmolStr::from_value(sku)?,
                sold: i64::from_value(sold)?,
            })
        };
        Ok(read().map_err(|corrupt| unusable(&corrupt))?)
    }

    fn show(self, rank: u32, names: &BTreeMap<ProductId, SmolStr>) -> BestSellerBody {
        // A product is never deleted; should its name not be known here, the SKU still says which it is.
        let name = names.get(&self.product).unwrap_or(&self.sku).to_string();
        BestSellerBody { rank, product_id: self.product.0, sku: self.sku.into(), name, sold: self.sold }
    }
}
