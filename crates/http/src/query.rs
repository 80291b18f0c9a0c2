//! Query strings, read strictly: each parameter is known and given once.

use crate::problem::{Problem, shown};
use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};

/// The decoded pairs of a query string.
///
/// # Errors
/// 400 if a parameter is given twice, or does not decode to text.
pub(crate) fn pairs(query: &str) -> Result<Vec<(String, String)>, Problem> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = decode(name).ok_or_else(|| Problem::parameter(name, "is not percent-encoded UTF-8"))?;
        let value = decode(value).ok_or_else(|| Problem::parameter(&name, "is not percent-encoded UTF-8"))?;
        if value.contains('\0') {
            return Err(Problem::parameter(&name, "must not contain U+0000"));
        }
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(Problem::parameter(&name, "is given twice"));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The parameters as `T`; those that `T` does not name are left to others.
pub(crate) fn read<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    Query::try_from_uri(uri).map(|Query(read)| read).map_err(|rejection| {
        let text = rejection.body_text();
        let fault = text.rsplit_once("query string: ").map_or(text.as_str(), |(_, fault)| fault);
        match fault.split_once(": ") {
            Some((name, detail)) => Problem::parameter(name, shown(detail)),
            None => Problem::malformed("BAD_PARAMETER", shown(fault)),
        }
    })
}

/// Which query parameters each route takes: what its description lists. A document that is wrong would refuse its own users,
/// so document and behaviour cannot drift apart.
pub(crate) struct Known(BTreeMap<String, Vec<(Method, BTreeSet<String>)>>);

impl Known {
    /// Read off the description.
    pub(crate) fn of(api: &OpenApi) -> Arc<Self> {
        let names = |item: &PathItem, operation: &Operation| -> BTreeSet<String> {
            let parameters = item.parameters.iter().chain(operation.parameters.iter()).flatten();
            let in_query = parameters.filter(|parameter| parameter.parameter_in == ParameterIn::Query);
            in_query.map(|parameter| parameter.name.clone()).collect()
        };
        let methods = |item: &PathItem| {
            [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PATCH, &item.patch),
                (Method::PUT, &item.put),
                (Method::DELETE, &item.delete),
            ]
            .into_iter()
            .filter_map(|(method, operation)| {
                operation.as_ref().map(|operation| (method, names(item, operation)))
            })
            .collect()
        };
        Arc::new(Self(api.paths.paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()))
    }

    fn check(&self, path: &str, method: &Method, query: &str) -> Result<(), Problem> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let known = self.0.get(path).and_then(|methods| methods.iter().find(|(known, _)| known == method));
        let Some((_, known)) = known else { return Ok(()) };
        match pairs(query)?.iter().find(|(name, _)| !known.contains(name)) {
            Some((name, _)) => Err(Problem::parameter(name, "is not taken here")),
            None => Ok(()),
        }
    }
}

/// Refuses parameters that the route does not take.
pub(crate) async fn refuse_unknown(
    State(known): State<Arc<Known>>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    if let (Some(path), Some(query)) = (path, request.uri().query())
        && let Err(problem) = known.check(path.as_str(), request.method(), query)
    {
        return problem.into_response();
    }
    next.run(request).await
}
