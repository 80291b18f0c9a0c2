//! What stands before a gateway's routes: the same trace, limits, problems and checks of tokens that a unit's own door has. A unit checks
//! again: who comes in by another way finds the same locks.

use crate::app::{ConfigError, not_so, nowhere, openapi, panicked, secure};
use crate::auth::{SHORTEST_KEY, Tokens};
use crate::limits::{Limits, RateLimits, peer};
use crate::problem::Problem;
use crate::trace::{TRACEPARENT, taken, told};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use runtime::ports::clock::Clock;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;
use user::Role;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa_swagger_ui::SwaggerUi;

/// What guards a gateway.
pub struct Edge {
    tokens: Tokens,
    limits: Option<Limits>,
    clock: Arc<dyn Clock>,
    /// What the caller of each route must be.
    needs: HashMap<(Method, String), Needs>,
}

/// The status by which a route's description says that it is for administrators only.
const FORBIDDEN: &str = "403";

/// The address of a request's client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client(pub IpAddr);

impl Edge {
    /// A guard that believes access tokens signed under `signing_key`.
    ///
    /// # Errors
    /// If the key is too short.
    pub fn new(
        signing_key: &[u8],
        rate_limits: RateLimits,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, ConfigError> {
        if signing_key.len() < SHORTEST_KEY {
            return Err(ConfigError::SigningKey(signing_key.len()));
        }
        Ok(Arc::new(Self {
            tokens: Tokens::new(signing_key),
            limits: Limits::new(rate_limits),
            clock,
            needs: routes().into_iter().map(|route| ((route.method, route.path), route.needs)).collect(),
        }))
    }

    /// `router` with all of it around.
    pub fn guard(self: &Arc<Self>, router: Router) -> Router {
        router
            .merge(SwaggerUi::new("/docs").url("/openapi.json", openapi()))
            .fallback(nowhere)
            .method_not_allowed_fallback(not_so)
            .layer(from_fn_with_state(Arc::clone(self), known))
            .layer(from_fn_with_state(Arc::clone(self), limited))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(map_response(secure))
            .layer(from_fn_with_state(Arc::clone(self), traced))
    }
}

/// A route as it is described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its path, with `{id}` and the like.
    pub path: String,
    /// Its method.
    pub method: Method,
    /// What its caller must be.
    pub needs: Needs,
}

/// What a caller must be for a route to be theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Anybody.
    Nothing,
    /// Somebody who shows a good token.
    Token,
    /// One whose token says that they run the shop.
    Admin,
}

/// Every route that is described.
#[must_use]
pub fn routes() -> Vec<Route> {
    let api = openapi();
    let of = |path: &str, item: &PathItem| -> Vec<Route> {
        let operations = [
            (Method::GET, &item.get),
            (Method::POST, &item.post),
            (Method::PATCH, &item.patch),
            (Method::PUT, &item.put),
            (Method::DELETE, &item.delete),
        ];
        let route = |(method, operation): (Method, &Option<Operation>)| {
            let needs = needs(operation.as_ref()?);
            Some(Route { path: path.to_owned(), method, needs })
        };
        operations.into_iter().filter_map(route).collect()
    };
    api.paths.paths.iter().flat_map(|(path, item)| of(path, item)).collect()
}

/// What a route's description says about who may ask: the unit that serves it says the same with what its handler takes.
fn needs(operation: &Operation) -> Needs {
    let nothing = SecurityRequirement::default();
    if operation.security.as_ref().is_some_and(|needs| needs.is_empty() || needs.contains(&nothing)) {
        Needs::Nothing
    } else if operation.responses.responses.contains_key(FORBIDDEN) {
        Needs::Admin
    } else {
        Needs::Token
    }
}

/// Refuses who is not what the route needs.
async fn known(
    State(edge): State<Arc<Edge>>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    match edge.admits(path.as_ref().map_or("", MatchedPath::as_str), &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

impl Edge {
    fn admits(&self, path: &str, request: &Request) -> Result<(), Problem> {
        let method = if *request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
        let claims = || self.tokens.claims(request.headers(), self.clock.now());
        match self.needs.get(&(method, path.to_owned())) {
            None | Some(Needs::Nothing) => Ok(()),
            Some(Needs::Token) => claims().map(drop),
            Some(Needs::Admin) => match claims()?.role {
                Role::Admin => Ok(()),
                Role::Customer => Err(Problem::forbidden()),
            },
        }
    }
}

async fn limited(
    State(edge): State<Arc<Edge>>,
    path: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = peer(&request);
    request.extensions_mut().insert(Client(client));
    match &edge.limits {
        Some(limits) => {
            limits.through(&edge.tokens, edge.clock.now(), Some(client), path, request, next).await
        }
        None => next.run(request).await,
    }
}

/// The client's trace, or one made here, goes on to the unit, and stands in the answer.
async fn traced(State(_): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let trace = taken(request.headers());
    let (instance, trace_id) = (request.uri().path().to_owned(), trace.trace_id());
    let value = HeaderValue::from_str(&trace.to_string()).ok();
    if let Some(value) = &value {
        request.headers_mut().insert(TRACEPARENT, value.clone());
    }
    let mut response = told(next.run(request).await, &instance, &trace_id);
    if let Some(value) = value {
        // A unit's answer names the span under which it worked.
        response.headers_mut().entry(TRACEPARENT).or_insert(value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_a_caller_must_be_is_what_the_description_says() {
        let needs: BTreeMap<String, Needs> = routes()
            .into_iter()
            .map(|route| (format!("{} {}", route.method, route.path), route.needs))
            .collect();
        for (needed, described) in [
            (Needs::Nothing, ["POST /v1/users", "POST /v1/auth/token", "GET /v1/products", "GET /healthz"]),
            (Needs::Token, ["GET /v1/users/me", "POST /v1/orders", "GET /v1/orders/{id}", "GET /v1/points"]),
            (
                Needs::Admin,
                ["GET /v1/users", "POST /v1/products", "POST /v1/coupons", "GET /v1/admin/overview"],
            ),
        ] {
            for route in described {
                assert_eq!(needs.get(route), Some(&needed), "{route}");
            }
        }
    }
}
