//! The routes, a file a domain.

mod admin;
mod bestsellers;
mod charges;
mod coupons;
mod ops;
mod order_events;
mod orders;
mod payments;
mod points;
mod products;
mod users;

use crate::app::AppState;
use utoipa_axum::router::OpenApiRouter;

/// Every route with its description.
pub(crate) fn all() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(users::routes())
        .merge(products::routes())
        .merge(points::routes())
        .merge(coupons::routes())
        .merge(orders::routes())
        .merge(payments::routes())
        .merge(bestsellers::routes())
        .merge(admin::routes())
        .merge(ops::routes())
}

/// `/metrics`, for the main address or one of its own.
pub(crate) fn metrics() -> OpenApiRouter<AppState> {
    ops::metrics()
}
