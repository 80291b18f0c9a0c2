//! How what came back over HTTP becomes a verdict.
//!
//! Only what is certain gets a definite name. A 404 without the PG's own code, a decline without its charge, an answer about
//! another key or amount: all of them are *unknown*, and a query will tell.

use crate::wire::{Charge, Page, Problem, code};
use payment::gateway::{PgAnswer, PgChargeStatus, PgRequest};

/// No answer came: the request was never sent, or nobody knows.
pub(super) fn not_answered(error: reqwest::Error) -> PgAnswer {
    let never_left = error.is_connect() || error.is_builder();
    let detail = reason(error);
    if never_left { PgAnswer::NotSent { detail } } else { PgAnswer::Unknown { detail } }
}

/// An answer began and did not end.
pub(super) fn cut(error: reqwest::Error) -> PgAnswer {
    PgAnswer::Unknown { detail: reason(error) }
}

/// A whole answer came.
pub(super) fn answered(request: &PgRequest, status: u16, body: &[u8]) -> PgAnswer {
    let verdict = match (request, status) {
        (PgRequest::Charge { .. } | PgRequest::Query { .. }, 200 | 201) => found(request, body),
        (PgRequest::Charge { .. }, 402) => declined(request, body),
        (PgRequest::Cancel { .. }, 200) => cancelled(request, body),
        (PgRequest::Cancel { .. }, 403) => cancel_refused(body),
        (PgRequest::Query { .. } | PgRequest::Cancel { .. }, 404) => not_found(body),
        (PgRequest::List { .. }, 200) => page(body),
        _ => Err(problem_code(status, body)),
    };
    verdict.unwrap_or_else(|detail| PgAnswer::Unknown { detail })
}

fn found(request: &PgRequest, body: &[u8]) -> Result<PgAnswer, String> {
    let charge: Charge = parse(body)?;
    matching(request, charge)
}

fn declined(request: &PgRequest, body: &[u8]) -> Result<PgAnswer, String> {
    let problem: Problem = parse(body)?;
    match problem.charge {
        Some(charge) if charge.status == PgChargeStatus::Declined => matching(request, charge),
        Some(_) | None => Err("a decline without a declined charge".to_owned()),
    }
}

fn cancelled(request: &PgRequest, body: &[u8]) -> Result<PgAnswer, String> {
    let charge: Charge = parse(body)?;
    match charge.status {
        PgChargeStatus::Cancelled => matching(request, charge),
        PgChargeStatus::Approved | PgChargeStatus::Declined => {
            Err("the cancel was answered with a charge that is not cancelled".to_owned())
        }
    }
}

fn cancel_refused(body: &[u8]) -> Result<PgAnswer, String> {
    let problem: Problem = parse(body)?;
    if problem.code == code::NOT_CANCELABLE {
        Ok(PgAnswer::CancelRefused { code: problem.code })
    } else {
        Err(format!("HTTP 403 with the code `{}`", problem.code))
    }
}

fn not_found(body: &[u8]) -> Result<PgAnswer, String> {
    let problem: Problem = parse(body)?;
    // Some other 404 (a wrong address, a proxy) says nothing about the charge.
    if problem.code == code::CHARGE_NOT_FOUND {
        Ok(PgAnswer::NotFound)
    } else {
        Err(format!("HTTP 404 with the code `{}`", problem.code))
    }
}

fn page(body: &[u8]) -> Result<PgAnswer, String> {
    let page: Page = parse(body)?;
    Ok(PgAnswer::Page { charges: page.charges.into_iter().map(Into::into).collect(), next: page.next })
}

/// The charge, if it is the one that was asked about.
fn matching(request: &PgRequest, charge: Charge) -> Result<PgAnswer, String> {
    let same = match request {
        PgRequest::Charge { key, amount, currency, .. } => {
            charge.key == *key && charge.amount == *amount && charge.currency == *currency
        }
        PgRequest::Query { key } | PgRequest::Cancel { key, .. } => charge.key == *key,
        PgRequest::List { .. } => false,
    };
    if same {
        Ok(PgAnswer::Found(charge.into()))
    } else {
        Err("the answer is about another key, amount or currency".to_owned())
    }
}

fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("unreadable answer: {error}"))
}

fn problem_code(status: u16, body: &[u8]) -> String {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => format!("HTTP {status} with the code `{}`", problem.code),
        Err(_) => format!("HTTP {status}"),
    }
}

/// The error and its causes, without the address: it holds the payment's key.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge() -> PgRequest {
        PgRequest::Charge {
            key: "k".to_owned(),
            amount: 100,
            currency: "KRW".to_owned(),
            card_token: "tok_ok".to_owned(),
            reference: "order".to_owned(),
        }
    }

    fn query() -> PgRequest {
        PgRequest::Query { key: "k".to_owned() }
    }

    fn cancel() -> PgRequest {
        PgRequest::Cancel { key: "k".to_owned(), reason: "late".to_owned() }
    }

    fn list() -> PgRequest {
        PgRequest::List { after: None, limit: 1 }
    }

    fn body(key: &str, amount: i64, currency: &str, status: &str) -> String {
        format!(
            r#"{{"key":"{key}","transaction":"t","amount":{amount},"currency":"{currency}","status":"{status}","reference":"order","created_at_ms":1}}"#
        )
    }

    fn problem(code: &str, charge: &str) -> String {
        format!(
            r#"{{"type":"about:blank","title":"t","status":1,"detail":"d","code":"{code}","charge":{charge}}}"#
        )
    }

    fn check(request: &PgRequest, status: u16, body: &str, expected: &str) {
        let answer = match answered(request, status, body.as_bytes()) {
            PgAnswer::Found(charge) => format!("found {:?}", charge.status),
            PgAnswer::NotFound => "not found".to_owned(),
            PgAnswer::CancelRefused { code } => format!("refused {code}"),
            PgAnswer::NotSent { .. } => "not sent".to_owned(),
            PgAnswer::Unknown { .. } => "unknown".to_owned(),
            PgAnswer::Page { charges, next } => format!("page of {} then {next:?}", charges.len()),
        };
        assert_eq!(answer, expected, "{request:?} answered {status} {body}");
    }

    #[test]
    fn what_the_book_says_is_found() {
        check(&charge(), 201, &body("k", 100, "KRW", "APPROVED"), "found Approved");
        check(&charge(), 200, &body("k", 100, "KRW", "CANCELLED"), "found Cancelled");
        check(&query(), 200, &body("k", 100, "KRW", "DECLINED"), "found Declined");
        check(&cancel(), 200, &body("k", 100, "KRW", "CANCELLED"), "found Cancelled");
    }

    #[test]
    fn a_decline_is_believed_only_with_its_charge() {
        let declined = body("k", 100, "KRW", "DECLINED");
        check(&charge(), 402, &problem("CARD_DECLINED", &declined), "found Declined");
        check(&charge(), 402, &problem("CARD_DECLINED", "null"), "unknown");
        check(&charge(), 402, &problem("CARD_DECLINED", &body("k", 100, "KRW", "APPROVED")), "unknown");
        check(&charge(), 402, &problem("CARD_DECLINED", &body("other", 100, "KRW", "DECLINED")), "unknown");
    }

    #[test]
    fn an_answer_about_something_else_is_unknown() {
        check(&charge(), 200, &body("other", 100, "KRW", "APPROVED"), "unknown");
        check(&charge(), 200, &body("k", 101, "KRW", "APPROVED"), "unknown");
        check(&charge(), 200, &body("k", 100, "USD", "APPROVED"), "unknown");
        check(&query(), 200, &body("other", 100, "KRW", "APPROVED"), "unknown");
        check(&cancel(), 200, &body("k", 100, "KRW", "APPROVED"), "unknown");
    }

    #[test]
    fn only_the_pgs_own_word_says_not_found_or_refused() {
        check(&query(), 404, &problem("CHARGE_NOT_FOUND", "null"), "not found");
        check(&cancel(), 404, &problem("CHARGE_NOT_FOUND", "null"), "not found");
        check(&query(), 404, &problem("ROUTE_NOT_FOUND", "null"), "unknown");
        check(&query(), 404, "<html>", "unknown");
        check(&charge(), 404, &problem("CHARGE_NOT_FOUND", "null"), "unknown");
        check(&cancel(), 403, &problem("NOT_CANCELABLE_PAYMENT", "null"), "refused NOT_CANCELABLE_PAYMENT");
        check(&cancel(), 403, &problem("FORBIDDEN", "null"), "unknown");
        check(&query(), 403, &problem("NOT_CANCELABLE_PAYMENT", "null"), "unknown");
    }

    #[test]
    fn anything_else_is_unknown() {
        for status in [200, 204, 302, 400, 401, 403, 409, 422, 429, 500, 503, 504] {
            for request in [charge(), query(), cancel(), list()] {
                check(&request, status, "not JSON", "unknown");
            }
        }
        check(&charge(), 409, &problem("IDEMPOTENT_REQUEST_PROCESSING", "null"), "unknown");
    }

    #[test]
    fn a_page_is_a_page() {
        let page = format!(r#"{{"charges":[{}],"next":"7"}}"#, body("k", 100, "KRW", "APPROVED"));
        check(&list(), 200, &page, "page of 1 then Some(\"7\")");
        check(&list(), 200, r#"{"charges":[]}"#, "page of 0 then None");
    }
}
