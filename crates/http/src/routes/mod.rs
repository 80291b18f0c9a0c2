//! The routes, a file a domain.

mod admin;
mod bestsellers;
mod charges;
mod coupons;
pub mod ops;
mod order_events;
mod orders;
mod payments;
mod points;
mod products;
mod users;

use crate::app::AppState;
use crate::requests::{BodyReader, QueryReader};
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

/// How each operation that takes a JSON body reads it.
pub(crate) fn bodies() -> Vec<(&'static str, BodyReader)> {
    let own = [users::BODIES, products::BODIES, coupons::BODIES, orders::BODIES, charges::BODIES];
    [own.concat(), admin::bodies()].concat()
}

/// How each operation that takes parameters beside those of a page reads them.
pub(crate) fn queries() -> Vec<(&'static str, QueryReader)> {
    [bestsellers::QUERIES.to_vec(), admin::queries()].concat()
}
