//! The catalogue.

use crate::app::AppState;
use crate::describe::{AdminsOnly, Amount, Anyone, Change, ProductName, ReasonText, Sku, WithBody};
use crate::extract::{Admin, Body, Id, IfMatch, Page, Paging, Tracing, etag};
use crate::prefer::let_quotes_know;
use crate::problem::{MEDIA_TYPE, Problem, ProblemDocument};
use crate::render::{ProductBody, ProductStatusBody};
use crate::requests::{BodyReader, reads};
use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use kernel::ids::ProductId;
use kernel::{Money, Record, Value};
use product::{AdjustStock, CreateProduct, PatchProduct, Product};
use runtime::ports::store::{Compare, Query};
use serde::Deserialize;
use smol_str::SmolStr;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How each body is read that is taken here.
pub(super) const BODIES: &[(&str, BodyReader)] = &[
    ("POST /v1/products", reads::<NewProduct>),
    ("PATCH /v1/products/{id}", reads::<ProductChanges>),
    ("POST /v1/products/{id}/stock", reads::<StockAdjustment>),
];

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_products, create_product))
        .routes(routes!(get_product, patch_product))
        .routes(routes!(adjust_stock))
}

/// A product with the header that names its version.
type Versioned = ([(HeaderName, String); 1], Json<ProductBody>);

fn versioned(product: Product) -> Versioned {
    (etag(product.version), Json(product.into()))
}

/// The catalogue, newest first.
#[utoipa::path(
    get, path = "/v1/products", tag = "products", security(()),
    params(Paging),
    responses((status = 200, description = "A page of products", body = Page<ProductBody>), Anyone)
)]
async fn list_products(
    State(state): State<AppState>,
    paging: Paging,
) -> Result<Json<Page<ProductBody>>, Problem> {
    let query = newest_first(Query::of(Product::TABLE, paging.rows()), "id", &paging);
    let rows: Vec<Product> = state.shop().list("product", &query)?;
    Ok(Json(Page::of(rows, &paging, |product| product.id.0, |product| product.clone().into())))
}

/// The rows of a page: ids from the cursor down.
pub(super) fn newest_first(query: Query, id: &'static str, paging: &Paging) -> Query {
    let query = query.sort(id, true);
    match paging.before {
        Some(before) => query.filter(id, Compare::Below, Value::Id(before)),
        None => query,
    }
}

/// One product.
#[utoipa::path(
    get, path = "/v1/products/{id}", tag = "products", security(()),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The product", body = ProductBody, headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "No such product", body = ProblemDocument, content_type = MEDIA_TYPE),
        Anyone
    )
)]
async fn get_product(State(state): State<AppState>, Id(id): Id<ProductId>) -> Result<Versioned, Problem> {
    let product: Option<Product> = state.shop().find("product", (id,)).await?;
    product.map(versioned).ok_or_else(|| Problem::not_found("product"))
}

/// A new product.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewProduct {
    /// The shop's code for it, 1 to 64 characters, unique.
    #[schema(value_type = Sku)]
    sku: String,
    /// Its name, 1 to 200 characters.
    #[schema(value_type = ProductName)]
    name: String,
    /// The price of one, in minor units.
    #[schema(value_type = Amount)]
    price: Money,
    /// The initial stock; nothing unless given.
    #[serde(default)]
    #[schema(value_type = Amount)]
    stock: Money,
}

/// Adds a product, for sale at once.
#[utoipa::path(
    post, path = "/v1/products", tag = "products", security(("bearer" = [])),
    request_body = NewProduct,
    responses(
        (status = 201, description = "The product", body = ProductBody, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "`SKU_TAKEN`", body = ProblemDocument, content_type = MEDIA_TYPE),
        AdminsOnly, WithBody
    )
)]
async fn create_product(
    State(state): State<AppState>,
    Admin(admin): Admin,
    Tracing(trace): Tracing,
    Body(new): Body<NewProduct>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Versioned), Problem> {
    let NewProduct { sku, name, price, stock } = new;
    let (sku, name, stock) = (sku.into(), name.into(), stock.minor());
    let product = state.shop().ask(CreateProduct { sku, name, price, stock, by: admin.id() }, trace).await?;
    let_quotes_know(&state, "product").await?;
    let location = [(LOCATION, format!("/v1/products/{}", product.id))];
    Ok((StatusCode::CREATED, location, versioned(product)))
}

/// Changes of a product; what is not given stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProductChanges {
    /// A new name.
    #[schema(value_type = Option<ProductName>)]
    name: Option<String>,
    /// A new price, in minor units.
    #[schema(value_type = Option<Amount>)]
    price: Option<Money>,
    /// For sale or not.
    status: Option<ProductStatusBody>,
    /// Why, for the record.
    #[schema(value_type = Option<ReasonText>)]
    reason: Option<String>,
}

/// Changes a product. `If-Match` is honoured, never required.
#[utoipa::path(
    patch, path = "/v1/products/{id}", tag = "products", security(("bearer" = [])),
    params(("id" = Uuid, Path), IfMatch),
    request_body = ProductChanges,
    responses(
        (status = 200, description = "The product as it is now", body = ProductBody, headers(("ETag" = String))),
        (status = 404, description = "No such product", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 412, description = "`VERSION_MISMATCH`", body = ProblemDocument, content_type = MEDIA_TYPE),
        AdminsOnly, WithBody
    )
)]
async fn patch_product(
    State(state): State<AppState>,
    Admin(admin): Admin,
    Id(id): Id<ProductId>,
    IfMatch(expected_version): IfMatch,
    Tracing(trace): Tracing,
    Body(changes): Body<ProductChanges>,
) -> Result<Versioned, Problem> {
    let ProductChanges { name, price, status, reason } = changes;
    let (name, status, by) = (name.map(SmolStr::from), status.map(Into::into), admin.id());
    let command = PatchProduct { id, name, price, status, expected_version, by, reason };
    let product = state.shop().ask(command, trace).await?;
    let_quotes_know(&state, "product").await?;
    Ok(versioned(product))
}

/// Stock that comes or goes without an order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StockAdjustment {
    /// Pieces to add; negative to take away.
    #[schema(value_type = Change)]
    adjust: Money,
    /// Why, for the record.
    #[schema(value_type = Option<ReasonText>)]
    reason: Option<String>,
}

/// Adds or takes stock, never below zero.
#[utoipa::path(
    post, path = "/v1/products/{id}/stock", tag = "products", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    request_body = StockAdjustment,
    responses(
        (status = 200, description = "The product as it is now", body = ProductBody, headers(("ETag" = String))),
        (status = 404, description = "No such product", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 409, description = "`STOCK_WOULD_BE_NEGATIVE`", body = ProblemDocument, content_type = MEDIA_TYPE),
        AdminsOnly, WithBody
    )
)]
async fn adjust_stock(
    State(state): State<AppState>,
    Admin(admin): Admin,
    Id(id): Id<ProductId>,
    Tracing(trace): Tracing,
    Body(StockAdjustment { adjust, reason }): Body<StockAdjustment>,
) -> Result<Versioned, Problem> {
    let command = AdjustStock { id, adjust: adjust.minor(), reason, by: admin.id() };
    Ok(versioned(state.shop().ask(command, trace).await?))
}
