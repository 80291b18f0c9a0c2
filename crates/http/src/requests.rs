//! How requests are read, without a server that they are sent to: for checks that try every one of the readers.
//!
//! These are the readers that the handlers use, up to where they would ask the shop.

use crate::auth::Tokens;
use crate::extract::{IfMatch, Paging, Params, need_json, parse};
use crate::idempotency::{IdempotencyKey, body_hash};
use crate::prefer::Prefer;
use crate::problem::Problem;
use crate::{routes, trace};
use axum::http::{HeaderMap, Uri};
use kernel::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a body as one operation does.
pub type BodyReader = fn(&[u8]) -> Result<(), Problem>;
/// Reads a query's parameters as one operation does.
pub type QueryReader = fn(&Uri) -> Result<(), Problem>;

/// Every operation that takes a JSON body, as method and path, and how it reads one.
#[must_use]
pub fn bodies() -> Vec<(&'static str, BodyReader)> {
    routes::bodies()
}

/// Every reader of query parameters: each operation that takes some of its own, and that of pages.
#[must_use]
pub fn queries() -> Vec<(&'static str, QueryReader)> {
    let mut queries = routes::queries();
    queries.push(("a page", |uri| Paging::of(uri).map(drop)));
    queries
}

/// Reads whatever is read off headers, and returns what was refused. `now` is the server's time; nobody's access token is good.
#[must_use]
pub fn refused_headers(headers: &HeaderMap, now: Timestamp) -> Vec<Problem> {
    // Neither is ever refused.
    let _ = (Prefer::of(headers), trace::taken(headers));
    let read = [
        need_json(headers),
        IfMatch::of(headers).map(drop),
        IdempotencyKey::of(headers).map(drop).map_err(Problem::from),
        Tokens::new(b"a key that signs nothing, of thirty-two bytes").claims(headers, now).map(drop),
    ];
    read.into_iter().filter_map(Result::err).collect()
}

/// Reads `bytes` as a `T`.
pub(crate) fn reads<T: DeserializeOwned>(bytes: &[u8]) -> Result<(), Problem> {
    parse::<T>(bytes).map(drop)
}

/// Reads the parameters of `uri` as a `T`.
pub(crate) fn reads_query<T: DeserializeOwned>(uri: &Uri) -> Result<(), Problem> {
    Params::<T>::of(uri).map(drop)
}

/// Hashes `body` as that of a request with an idempotency key.
pub(crate) fn hashed(body: &impl Serialize) -> Result<(), Problem> {
    body_hash(body).map(drop)
}

#[cfg(test)]
mod tests;
