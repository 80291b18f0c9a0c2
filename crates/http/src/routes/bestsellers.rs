//! What sold best: from a copy of the book of sales, if there is one that has heard enough, else from the book.

use crate::app::AppState;
use crate::describe::Anyone;
use crate::extract::{PAGE_MAX, Params};
use crate::prefer::catch_up;
use crate::problem::Problem;
use crate::render::{BestSellerBody, BestSellersBody};
use crate::requests::QueryReader;
use axum::Json;
use axum::extract::State;
use kernel::ids::ProductId;
use product::Product;
use serde::Deserialize;
use shop::ShopError;
use shop::facts::load;
use shop::reads::{BestSeller, best_sellers};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The longest window, in days.
const DAYS_MAX: u32 = 365;

/// How the parameters are read that are taken here.
pub(super) const QUERIES: &[(&str, QueryReader)] =
    &[("GET /v1/bestsellers", |uri| Params::<Window>::of(uri)?.0.check())];

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_bestsellers))
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
async fn list_bestsellers(
    State(state): State<AppState>,
    Params(window): Params<Window>,
) -> Result<Json<BestSellersBody>, Problem> {
    window.check()?;
    let sold = match state.shop().best_sellers_of_copy(state.now(), window.days, window.limit).await {
        Some(sold) => sold,
        None => from_book(&state, &window).await?,
    };
    let ids = sold.iter().map(|best| (best.product,));
    let products: Vec<Product> = load(state.shop().reader("product")?, ids).map_err(ShopError::from)?;
    let names: BTreeMap<ProductId, SmolStr> =
        products.into_iter().map(|product| (product.id, product.name)).collect();
    let items = sold.into_iter().zip(1..).map(|(best, rank)| show(best, rank, &names)).collect();
    Ok(Json(BestSellersBody { items }))
}

async fn from_book(state: &AppState, window: &Window) -> Result<Vec<BestSeller>, ShopError> {
    catch_up(state, "ranking").await?;
    Ok(best_sellers(state.shop().reader("ranking")?, state.now(), window.days, window.limit)?)
}

fn show(best: BestSeller, rank: u32, names: &BTreeMap<ProductId, SmolStr>) -> BestSellerBody {
    // A product is never deleted; should its name not be known here, the SKU still says which it is.
    let name = names.get(&best.product).unwrap_or(&best.sku).to_string();
    BestSellerBody { rank, product_id: best.product.0, sku: best.sku.into(), name, sold: best.sold }
}
