//! Which domain each route belongs to: a unit answers for its own domains, and a gateway sends every request where it belongs.

use crate::app::AppState;
use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kernel::DomainName;

/// The domain that a path under `/v1` belongs to; none for what every process answers for itself. Where orders are seen from all sides
/// (lists, timelines, dead letters), whoever holds the orders asks the others.
#[must_use]
pub fn owner(path: &str) -> Option<DomainName> {
    let mut segments = path.strip_prefix("/v1/")?.split('/');
    let parts = [segments.next(), segments.next(), segments.next()];
    let name = match parts {
        [Some("users"), Some("me"), Some("coupons")] => "coupon",
        [Some("users"), Some(_), Some("points")] => "point",
        [Some("users" | "auth"), ..] => "user",
        [Some("products"), ..] => "product",
        [Some("points"), Some("charges"), _] => "payment",
        [Some("points"), ..] => "point",
        [Some("coupons"), ..] => "coupon",
        [Some("orders" | "admin"), ..] => "order",
        [Some("payments" | "webhooks"), ..] => "payment",
        [Some("bestsellers"), ..] => "ranking",
        _ => return None,
    };
    Some(DomainName::of(name))
}

/// Turns away what belongs to a domain of another unit.
pub(crate) async fn only_own(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let system = state.shop().system();
    match owner(request.uri().path()) {
        Some(domain) if system.home(&domain).is_none() => {
            let detail = format!("this process does not serve {domain}; ask the gateway");
            Problem::new(StatusCode::MISDIRECTED_REQUEST, "OTHER_UNIT", detail).into_response()
        }
        _ => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_that_is_described_belongs_to_somebody() {
        let api = crate::openapi();
        for path in api.paths.paths.keys().filter(|path| path.starts_with("/v1")) {
            assert!(owner(path).is_some(), "{path}");
        }
    }

    #[test]
    fn a_route_belongs_to_the_domain_that_decides_it() {
        let owner = |path| owner(path).map(|domain| domain.to_string());
        for (path, domain) in [
            ("/v1/users/018f/points", "point"),
            ("/v1/users/me/coupons", "coupon"),
            ("/v1/users/me", "user"),
            ("/v1/auth/token", "user"),
            ("/v1/points", "point"),
            ("/v1/points/charges", "payment"),
            ("/v1/points/charges/018f", "payment"),
            ("/v1/orders/018f/payments", "order"),
            ("/v1/coupons/018f/issue", "coupon"),
            ("/v1/webhooks/pg/simulator", "payment"),
            ("/v1/admin/dead-letters/018f/redrive", "order"),
            ("/v1/bestsellers", "ranking"),
        ] {
            assert_eq!(owner(path).as_deref(), Some(domain), "{path}");
        }
        assert_eq!((owner("/healthz"), owner("/v1/nothing"), owner("/v2/users")), (None, None, None));
    }
}
