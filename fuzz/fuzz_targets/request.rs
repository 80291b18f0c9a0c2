//! Any text as a request, by the readers that handlers use: read, or refused as the client's mistake, and where a field is at fault
//! it is named.
//!
//! A request is written as people write it: a method, a blank and an address, headers a line each, an empty line, the body.
//! It is read as that operation reads it; where the address is no operation's, as every one does.
#![no_main]

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use http_api::{Problem, requests};
use kernel::Timestamp;
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fuzz_target!(|bytes: &[u8]| {
    let (head, body) = split(bytes, b"\n\n");
    let (line, headers) = split(head, b"\n");
    let line = String::from_utf8_lossy(line);
    let (operation, _) = line.split_once('?').unwrap_or((&line, ""));
    let (_, address) = line.split_once(' ').unwrap_or(("", &line));

    let own: Vec<_> = requests::bodies().into_iter().filter(|(name, _)| *name == operation).collect();
    for (name, read) in if own.is_empty() { requests::bodies() } else { own } {
        check(name, read(body), &[StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY]);
    }
    if let Ok(uri) = address.parse::<Uri>() {
        for (name, read) in requests::queries() {
            check(name, read(&uri), &[StatusCode::BAD_REQUEST]);
        }
    }
    let headers = headers_of(headers);
    for problem in requests::refused_headers(&headers, NOW) {
        assert!(problem.status.is_client_error(), "{problem:?}");
    }
    let _ = pg::webhook::verify(WEBHOOK_SECRET, &headers, body, NOW.0 / 1_000);
});

fn check(name: &str, read: Result<(), Problem>, expected: &[StatusCode]) {
    let Err(problem) = read else { return };
    assert!(expected.contains(&problem.status), "{name}: {problem:?}");
    assert!(
        problem.status != StatusCode::UNPROCESSABLE_ENTITY || !problem.errors.is_empty(),
        "{name} does not say which field: {problem:?}"
    );
}

/// What stands before and after the first `mark`.
fn split<'b>(bytes: &'b [u8], mark: &[u8]) -> (&'b [u8], &'b [u8]) {
    match bytes.windows(mark.len()).position(|window| window == mark) {
        Some(at) => (&bytes[..at], &bytes[at + mark.len()..]),
        None => (bytes, &[]),
    }
}

fn headers_of(lines: &[u8]) -> HeaderMap {
    let lines = lines.split(|byte| *byte == b'\n').map(|line| split(line, b": "));
    let header =
        |(name, value)| Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?));
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(header) {
        headers.append(name, value);
    }
    headers
}
