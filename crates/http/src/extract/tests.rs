use super::*;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
struct Order {
    lines: Vec<Line>,
    card_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
struct Line {
    quantity: i64,
    price: kernel::Money,
}

fn refused(body: &str) -> String {
    let problem = parse::<Order>(body.as_bytes()).unwrap_err();
    let at: Vec<String> = problem.errors.iter().map(|e| format!("{} {}", e.pointer, e.detail)).collect();
    format!("{} {}", problem.status.as_u16(), at.join("; ")).trim().to_owned()
}

#[test]
fn a_bad_field_is_named_by_its_pointer() {
    for (body, answer) in [
        (
            r#"{"lines":[{"quantity":1,"price":1},{"quantity":"2","price":1}]}"#,
            "422 /lines/1/quantity must be a whole number",
        ),
        (r#"{"lines":[{"quantity":1}]}"#, "422 /lines/0/price is missing"),
        (r#"{"lines":[],"coupon":1}"#, "422 /coupon is not a field here"),
        (r#"{"lines":[{"quantity":1,"price":1,"a/b":1}]}"#, "422 /lines/0/a~1b is not a field here"),
        (r#"{"lines":[],"lines":[]}"#, "422 /lines is given twice"),
        (
            r#"{"lines":[{"quantity":18446744073709551615,"price":1}]}"#,
            "422 /lines/0/quantity must be a whole number",
        ),
        (r#"{"lines":[{"quantity":1.5,"price":1}]}"#, "422 /lines/0/quantity must be a whole number"),
        (
            r#"{"lines":[{"quantity":1e400,"price":1}]}"#,
            "422 /lines/0/quantity cannot be taken: number out of range",
        ),
        (
            r#"{"lines":[{"quantity":1,"price":9007199254740992}]}"#,
            "422 /lines/0/price cannot be taken: amount out of range (±9007199254740991 minor units)",
        ),
        (r#"{"lines":[],"card_token":"a\u0000b"}"#, "422 /card_token must not contain U+0000"),
        (r#"{"lines":[{"a/b":["\u0000"]}]}"#, "422 /lines/0/a~1b/0 must not contain U+0000"),
        ("[]", "422  the body must be an object"),
        (r#"{"lines":[7]}"#, "422 /lines/0 must be an object"),
    ] {
        assert_eq!(refused(body), answer, "{body}");
    }
}

#[test]
fn a_backslash_that_is_said_is_no_zero() {
    assert!(parse::<Order>(br#"{"lines":[],"card_token":"\\u0000"}"#).is_ok());
}

#[test]
fn what_is_not_json_is_malformed() {
    for body in ["", "{", "{\"lines\":[]} more", "{\"coupon\":1, oops", "{'lines':[]}"] {
        assert_eq!(refused(body), "400", "{}", &body[..body.len().min(20)]);
    }
    assert_eq!(parse::<Order>(b"{\"card_token\":\"\xff\"}").unwrap_err().status, StatusCode::BAD_REQUEST);
}

#[test]
fn deep_nesting_is_a_bad_field() {
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    assert!(refused(&deep).starts_with("422"));
    assert!(refused(&format!(r#"{{"lines":{deep}}}"#)).starts_with("422"));
    assert!(refused(&format!(r#"{{"other":{deep}}}"#)).starts_with("422"));
}

#[test]
fn a_value_in_the_wrong_place_is_not_said_back() {
    for body in [
        r#"{"lines":[],"card_token":4111111111111111}"#,
        r#"{"lines":"4111111111111111"}"#,
        r#"{"lines":[{"quantity":"4111111111111111","price":1}]}"#,
    ] {
        assert!(!refused(body).contains("4111"), "{}", refused(body));
    }
}

#[test]
fn only_json_in_utf8_is_taken() {
    let ask = |values: &[&'static str]| {
        let header =
            |value: &&'static str| (header::CONTENT_TYPE, axum::http::HeaderValue::from_static(value));
        need_json(&values.iter().map(header).collect()).map_err(|problem| problem.status.as_u16())
    };
    for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""]
    {
        assert_eq!(ask(&[good]), Ok(()), "{good}");
    }
    for bad in [
        vec![],
        vec!["text/plain"],
        vec!["application/json; charset=latin1"],
        vec!["application/json", "application/json"],
    ] {
        assert_eq!(ask(&bad), Err(415), "{bad:?}");
    }
}

fn paging(pairs: &[(&str, &str)]) -> Result<Paging, u16> {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Paging::read(&pairs).map_err(|problem| problem.status.as_u16())
}

#[test]
fn pages_follow_each_other_by_their_cursors() {
    let ids: Vec<Uuid> = (1..=5).rev().map(Uuid::from_u128).collect();
    let mut at = Paging { limit: 2, before: None };
    let mut seen = Vec::new();
    loop {
        let below = |id: &&Uuid| at.before.is_none_or(|before| **id < before);
        let rows: Vec<Uuid> = ids.iter().filter(below).take(at.rows() as usize).copied().collect();
        let page = Page::of(rows, &at, |id| *id, |id| *id);
        seen.extend(page.items);
        match page.next_cursor {
            Some(cursor) => at = paging(&[("limit", "2"), ("cursor", &cursor)]).unwrap(),
            None => break,
        }
    }
    assert_eq!(seen, ids);
}

#[test]
fn limits_and_cursors_that_make_no_sense_are_bad_parameters() {
    assert_eq!(paging(&[]), Ok(Paging { limit: 20, before: None }));
    assert_eq!(paging(&[("limit", "100")]).map(|paging| paging.limit), Ok(100));
    for bad in ["0", "101", "-1", "+5", "1.5", "", "ten", "99999999999999999999"] {
        assert_eq!(paging(&[("limit", bad)]), Err(400), "{bad}");
    }
    for bad in ["", "x", "AAAA", "####"] {
        assert_eq!(paging(&[("cursor", bad)]), Err(400), "{bad}");
    }
}
