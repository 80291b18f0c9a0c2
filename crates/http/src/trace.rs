//! One span a request: its trace (W3C `traceparent`, taken or made), what it asked for, how it ended and how long it took.

use crate::app::AppState;
use crate::extract::{Tracing, one_header};
use crate::problem::Problem;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use kernel::Trace;
use tracing::{Instrument, Span, field};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The trace of a request: the caller's, under a span of our own. One that does not read, or comes twice, is as good as none.
pub(crate) fn taken(headers: &HeaderMap) -> Trace {
    let given = one_header(headers, &TRACEPARENT).ok().flatten().and_then(|text| text.parse::<Trace>().ok());
    // Zero would mean "no trace".
    let span = rand::random::<u64>().max(1);
    match given {
        Some(given) => Trace { span, ..given },
        None => Trace { id: rand::random::<u128>().max(1), span, flags: 1 },
    }
}

/// Around everything else: the span, the metrics, and what a problem document says of its request.
pub(crate) async fn around(
    State(state): State<AppState>,
    path: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let begun = state.elapsed();
    let trace = taken(request.headers());
    request.extensions_mut().insert(Tracing(trace));
    let (method, instance) = (request.method().clone(), request.uri().path().to_owned());
    // The route and not the path: bounded, and free of whatever a client put into an address.
    let route = path.as_ref().map_or("unmatched", MatchedPath::as_str).to_owned();
    let trace_id = trace.trace_id();
    let span = tracing::info_span!(
        "request",
        %method,
        route,
        trace_id,
        status = field::Empty,
        took_ms = field::Empty
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    response = told(response, &instance, &trace_id);
    let took = state.elapsed().saturating_sub(begun);
    finish(&span, &response, took);
    state.metrics().request(&method, &route, response.status(), took);
    if let Ok(value) = HeaderValue::from_str(&trace.to_string()) {
        response.headers_mut().insert(TRACEPARENT, value);
    }
    response
}

/// A response whose problem, if it is one, says where and under which trace it happened.
pub(crate) fn told(mut response: Response, instance: &str, trace_id: &str) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let headers = std::mem::take(response.headers_mut());
    let mut told = problem.render(Some(instance), Some(trace_id));
    // What was put around the problem stays: limits, allowed methods.
    for (name, value) in &headers {
        if !told.headers().contains_key(name) && name != axum::http::header::CONTENT_LENGTH {
            told.headers_mut().insert(name, value.clone());
        }
    }
    // Whoever renders it again would render it as it was.
    told.extensions_mut().remove::<Problem>();
    told
}

fn finish(span: &Span, response: &Response, took: std::time::Duration) {
    let status = response.status().as_u16();
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.record("status", status).record("took_ms", took_ms);
    let _entered = span.enter();
    if response.status().is_server_error() {
        tracing::warn!("a request could not be served");
    } else {
        tracing::debug!("a request was served");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (TRACEPARENT, HeaderValue::from_static(value))).collect()
    }

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_trace_goes_on_under_a_span_of_our_own() {
        let trace = taken(&headers(&[GOOD]));
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(format!("{:016x}", trace.span), "00f067aa0ba902b7");
    }

    #[test]
    fn what_is_no_traceparent_begins_a_new_trace() {
        for bad in [vec![], vec!["nonsense"], vec![GOOD, GOOD]] {
            let trace = taken(&headers(&bad));
            assert!(trace.id != 0 && trace.span != 0);
            assert_ne!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        }
    }
}
