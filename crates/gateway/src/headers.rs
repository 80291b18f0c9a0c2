//! Which headers are between two neighbours only, and which go all the way.

use axum::http::{HeaderMap, HeaderName, header};
use http_api::app::{CLIENT_HEADER, SERVICE_HEADER};

/// Headers about one connection (RFC 9110, 7.6.1). Whatever `Connection` names is one as well.
const BETWEEN_NEIGHBOURS: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
];

/// Those of `headers` that go on to whoever is next.
pub(crate) fn going_on(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
        .collect();
    let is_ours = |name: &HeaderName| {
        let name = name.as_str();
        BETWEEN_NEIGHBOURS.contains(&name) || name == "upgrade" || named.iter().any(|one| one == name)
    };
    headers
        .iter()
        .filter(|(name, _)| !is_ours(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Those of a client's headers that go on to a unit. What a gateway says to its units no client may say.
pub(crate) fn to_unit(headers: &HeaderMap) -> HeaderMap {
    let mut on = going_on(headers);
    for name in [SERVICE_HEADER, CLIENT_HEADER, "host", "content-length", "expect"] {
        on.remove(name);
    }
    on
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_is_between_neighbours_stays_there() {
        let mut headers = HeaderMap::new();
        for name in
            ["accept", "connection", "keep-alive", "te", "transfer-encoding", "upgrade", "x-hop", "x-end"]
        {
            headers.insert(name, HeaderValue::from_static("X-Hop, close"));
        }
        assert_eq!(names(&going_on(&headers)), ["accept", "x-end"]);
    }

    #[test]
    fn no_client_speaks_for_the_gateway() {
        let mut headers = HeaderMap::new();
        for name in [SERVICE_HEADER, CLIENT_HEADER, "host", "authorization", "idempotency-key"] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("1.2.3.4"));
        }
        assert_eq!(names(&to_unit(&headers)), ["authorization", "idempotency-key"]);
    }

    #[test]
    fn a_header_that_comes_twice_goes_on_twice() {
        let mut headers = HeaderMap::new();
        headers.append("idempotency-key", HeaderValue::from_static("a"));
        headers.append("idempotency-key", HeaderValue::from_static("b"));
        assert_eq!(to_unit(&headers).get_all("idempotency-key").iter().count(), 2);
    }
}
