//! Values that are not taken where they are given.

use super::endpoints::Kind;
use serde_json::{Value, json};

/// An id that nobody has.
pub(super) const NOBODY: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

/// As JSON: no text.
const NO_TEXT: &[&str] = &["7", "true", "[]", "{}", "1e400", r#""\ud800""#];

/// As JSON: no whole number of minor units.
const NO_NUMBER: &[&str] = &[
    r#""5""#,
    "true",
    "[]",
    "{}",
    "1.5",
    "1.0",
    "1e3",
    "1e400",
    "NaN",
    "Infinity",
    "-0.5",
    "0x10",
    "01",
    "+1",
    "9007199254740992",
    "-9007199254740992",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "99999999999999999999999",
];

/// As JSON: no discount.
const NO_DISCOUNT: &[&str] = &[
    "{}",
    "[]",
    r#""10%""#,
    "7",
    "true",
    r#"{"type":"free"}"#,
    r#"{"type":1}"#,
    r#"{"type":"percent"}"#,
    r#"{"type":"percent","percent":0}"#,
    r#"{"type":"percent","percent":101}"#,
    r#"{"type":"percent","percent":256}"#,
    r#"{"type":"percent","percent":-1}"#,
    r#"{"type":"percent","percent":1.5}"#,
    r#"{"type":"percent","percent":10,"max_amount":0}"#,
    r#"{"type":"fixed","amount":0}"#,
    r#"{"type":"fixed","amount":-5}"#,
    r#"{"type":"fixed","amount":9007199254740992}"#,
    r#"{"type":"fixed","amount":5,"percent":5}"#,
    r#"{"type":"fixed","type":"percent","amount":5}"#,
];

const NO_EMAIL: &[&str] = &["no address", "@", "a@b@c", "a b@example.com", "'; DROP TABLE users; --"];
const NO_WORD: &[&str] = &["active", "GONE", "ACTIVE\u{0}", "' OR '1'='1", "../../etc/passwd"];
const NO_ID: &[&str] = &[
    "1",
    "' OR '1'='1",
    "../orders",
    "0190163d-8694-739b-aea5-966c26f8ad9",
    "0190163d-8694-739b-aea5-966c26f8ad9g",
];
const NO_TIME: &[&str] = &[
    "yesterday",
    "2020-01-01",
    "2020-13-01T00:00:00Z",
    "2020-02-30T00:00:00Z",
    "99999-01-01T00:00:00Z",
    "2020-01-01T25:00:00Z",
    "' OR 1=1",
];
const NO_CREDENTIAL: &[&str] = &["' OR '1'='1' --", "../../etc/passwd", "null"];
const CARD_NUMBERS: &[&str] = &["4242424242424242", "4242 4242 4242 4242"];

/// `If-Match` that names no version that there is.
pub(super) const VERSIONS: &[&str] = &[
    r#""9999""#,
    "1",
    r#""x""#,
    r#"W/"1""#,
    r#""1", "2""#,
    r#""""#,
    r#""9223372036854775808""#,
    r#""-1""#,
    r#""1 OR 1=1""#,
];

/// Headers that nobody has to understand, and nobody may stumble over.
pub(super) const ABSURD_HEADERS: &[(&str, &str)] = &[
    ("prefer", "wait=-1"),
    ("prefer", "wait=1e400"),
    ("prefer", r#"wait="""#),
    ("prefer", "wait=9999999999999999999999"),
    ("prefer", ";;;,,,==="),
    ("traceparent", "nonsense"),
    ("traceparent", "00-00000000000000000000000000000000-0000000000000000-00"),
    ("traceparent", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("tracestate", "a=b,,,="),
    ("x-forwarded-for", "' OR 1=1"),
    ("x-http-method-override", "DELETE"),
    ("accept", "text/html;q=\u{221e}"),
    ("range", "bytes=0-1,2-3"),
    ("expect", "miracles"),
];

/// What is no idempotency key.
pub(super) fn keys() -> Vec<Vec<u8>> {
    let texts = ["", " ", r#"""#, r#""open"#, r#""a";p=1"#, "a\tb", "열쇠"];
    let mut keys: Vec<Vec<u8>> = texts.map(|text| text.as_bytes().to_vec()).into();
    keys.push(b"\xff\xfe".to_vec());
    keys.push(vec![b'k'; 256]);
    keys
}

/// Values, as JSON, that no field of this kind takes.
pub(super) fn hostile(kind: Kind, product: &str) -> Vec<String> {
    match kind {
        Kind::Text(most) => texts(&[&"y".repeat(most + 1)]),
        Kind::Email => texts(NO_EMAIL),
        Kind::Password => {
            [raw(NO_TEXT), raw(&[r#""""#, r#""short""#]), vec![quoted(&"x".repeat(257))]].concat()
        }
        Kind::Credential => texts(NO_CREDENTIAL),
        Kind::Amount(least) => {
            [raw(NO_NUMBER), vec![(least - 1).to_string(), "-1".to_owned(), i64::MIN.to_string()]].concat()
        }
        Kind::Signed => {
            [raw(NO_NUMBER), raw(&["-9007199254740991", "9007199254740991"]), vec![i64::MIN.to_string()]]
                .concat()
        }
        Kind::Id => texts(NO_ID),
        Kind::Word => texts(NO_WORD),
        Kind::Time => texts(NO_TIME),
        Kind::Points => [raw(NO_NUMBER), raw(&[r#""ALL""#, r#""half""#, r#""""#, "-1", "1001"])].concat(),
        Kind::Card => [texts(CARD_NUMBERS), vec![quoted(&"t".repeat(256))]].concat(),
        Kind::Flag => raw(&[r#""true""#, "1", "0", "[]", "{}", r#""""#]),
        Kind::Discount => raw(NO_DISCOUNT),
        Kind::Lines => order_lines(product),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn raw(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

/// What is no text, texts that nothing takes, and `more` of them.
fn texts(more: &[&str]) -> Vec<String> {
    let long = "x".repeat(100_000);
    let all = ["", " ", "a\u{0}b", "\u{7}", "a\r\nb", "\u{1b}[2J", &long];
    let texts = all.iter().chain(more).map(|text| quoted(text));
    raw(NO_TEXT).into_iter().chain(texts).collect()
}

/// Lines of an order that cannot be.
fn order_lines(product: &str) -> Vec<String> {
    let line = |quantity: &str| format!("[{{\"product_id\":\"{product}\",\"quantity\":{quantity}}}]");
    let of = |product: Value| json!([{"product_id": product, "quantity": 1}]).to_string();
    let mut all: Vec<String> = NO_NUMBER.iter().map(|quantity| line(quantity)).collect();
    all.extend(["0", "-1", "1000001", "null", "\"all\""].map(line));
    let strangers = [NOBODY, "00000000-0000-0000-0000-000000000000", "", "MUG", "' OR '1'='1", "../1"];
    all.extend(strangers.map(|id| of(id.into())));
    all.extend([json!(7), json!(null), json!([product]), json!({})].map(of));
    all.extend(["[]", "{}", "\"x\"", "7", "[7]", "[[]]", "[{}]", "[null]"].map(str::to_owned));
    all.push(format!("[{{\"product_id\":\"{product}\"}}]"));
    all.push(format!("[{{\"product_id\":\"{product}\",\"quantity\":1,\"unit_price\":1}}]"));
    let too_many: Vec<Value> = (0..2_001).map(|_| json!({"product_id": product, "quantity": 1})).collect();
    all.push(Value::from(too_many).to_string());
    all
}
