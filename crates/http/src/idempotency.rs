//! Idempotency keys: how a header and a body become what the owner of the thing compares and stores.

use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use kernel::ids::UserId;
use order::KeyHash;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;

/// The request header.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says on an answer that the thing had been made before.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The most characters of a key.
const LONGEST: usize = 255;

/// The key that a client gave; quoted (an RFC 9651 string) and bare are the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

/// Why a key cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    /// There is none.
    #[error("this request needs an Idempotency-Key header")]
    Missing,
    /// There are several.
    #[error("give one Idempotency-Key header, not several")]
    Several,
    /// It is not 1 to 255 printable ASCII characters.
    #[error("an Idempotency-Key is 1 to 255 printable ASCII characters, bare or in double quotes")]
    Malformed,
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        let code = match error {
            KeyError::Missing => "IDEMPOTENCY_KEY_REQUIRED",
            KeyError::Several | KeyError::Malformed => "IDEMPOTENCY_KEY_INVALID",
        };
        Self::new(StatusCode::BAD_REQUEST, code, error.to_string())
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self::of(&parts.headers)?)
    }
}

/// What is stored of a request: SHA-256 of (user, method, route, key), and of its canonical body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hashes {
    /// Of who asks for what under which key.
    pub(crate) key: [u8; 32],
    /// Of what is asked.
    pub(crate) body: [u8; 32],
}

impl From<Hashes> for KeyHash {
    fn from(hashes: Hashes) -> Self {
        Self { key: Arc::from(hashes.key.as_slice()), body: Arc::from(hashes.body.as_slice()) }
    }
}

impl IdempotencyKey {
    /// The key among `headers`.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, KeyError> {
        let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
        let value = given.next().ok_or(KeyError::Missing)?;
        if given.next().is_some() {
            return Err(KeyError::Several);
        }
        let text = value.to_str().map_err(|_| KeyError::Malformed)?.trim_matches([' ', '\t']);
        let key = match text.strip_prefix('"') {
            Some(rest) => unquote(rest)?,
            None => text.to_owned(),
        };
        let printable = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if printable && (1..=LONGEST).contains(&key.len()) { Ok(Self(key)) } else { Err(KeyError::Malformed) }
    }

    /// The hashes of a request of `user` for `method` and `route` with `body`. `route` is the path with its ids in it: a key
    /// used for one order's payment says nothing about another's.
    ///
    /// # Errors
    /// If the body cannot be written as JSON: a fault of ours.
    pub(crate) fn hashes(
        &self,
        user: UserId,
        method: &str,
        route: &str,
        body: &impl Serialize,
    ) -> Result<Hashes, Problem> {
        let mut scope = Sha256::new();
        scope.update(user.0.as_bytes());
        for part in [method, route, &self.0] {
            // Each part after its length: no two scopes run together into the same bytes.
            scope.update(part.len().to_be_bytes());
            scope.update(part);
        }
        Ok(Hashes { key: scope.finalize().into(), body: body_hash(body)? })
    }
}

/// The hash of what is asked, however it was written.
///
/// # Errors
/// If it cannot be written as JSON: a fault of ours.
pub(crate) fn body_hash(body: &impl Serialize) -> Result<[u8; 32], Problem> {
    let mut text = String::new();
    canonical(&serde_json::to_value(body).map_err(|_| Problem::internal())?, &mut text);
    Ok(Sha256::digest(text).into())
}

/// The text of a structured-field string after its opening quote.
fn unquote(rest: &str) -> Result<String, KeyError> {
    let mut text = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' if characters.as_str().is_empty() => return Ok(text),
            '"' => return Err(KeyError::Malformed),
            '\\' => match characters.next() {
                Some(escaped @ ('"' | '\\')) => text.push(escaped),
                Some(_) | None => return Err(KeyError::Malformed),
            },
            plain => text.push(plain),
        }
    }
    Err(KeyError::Malformed)
}

/// Writes `value` with the keys of its objects sorted and no white space.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (name, field) in fields {
                // Writing to a string cannot fail.
                let _ = write!(out, "{}:", Value::from(name.as_str()));
                canonical(field, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use uuid::Uuid;

    fn read(values: &[&[u8]]) -> Result<String, KeyError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, axum::http::HeaderValue::from_bytes(value).unwrap());
        }
        IdempotencyKey::of(&headers).map(|key| key.0)
    }

    #[test]
    fn quoted_and_bare_keys_are_the_same_key() {
        for (given, key) in [
            (r"abc", "abc"),
            (r#""abc""#, "abc"),
            (r#"  "abc" "#, "abc"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (r"two words", "two words"),
            (r#"a"b"#, r#"a"b"#),
        ] {
            assert_eq!(read(&[given.as_bytes()]).as_deref(), Ok(key), "{given}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = "k".repeat(256);
        for given in
            ["", " ", r#""""#, r#"""#, r#""a"#, r#""a"b""#, r#""a";p=1"#, r#""a\n""#, "a\tb", "ключ", &long]
        {
            assert_eq!(read(&[given.as_bytes()]), Err(KeyError::Malformed), "{given}");
        }
        assert_eq!(read(&[b"\xff"]), Err(KeyError::Malformed));
        assert_eq!(read(&[]), Err(KeyError::Missing));
        assert_eq!(read(&[b"a", b"a"]), Err(KeyError::Several));
    }

    #[test]
    fn a_key_may_have_255_characters_besides_its_quotes() {
        let longest = "k".repeat(255);
        assert_eq!(read(&[longest.as_bytes()]).as_deref(), Ok(longest.as_str()));
        assert_eq!(read(&[format!("\"{longest}\"").as_bytes()]).as_deref(), Ok(longest.as_str()));
    }

    fn hashes(key: &str, method: &str, route: &str, body: &Value) -> Hashes {
        IdempotencyKey(key.to_owned()).hashes(UserId(Uuid::from_u128(1)), method, route, body).unwrap()
    }

    #[test]
    fn the_order_of_a_bodys_fields_does_not_matter_but_its_values_do() {
        let body = |text: &str| hashes("k", "POST", "/", &serde_json::from_str(text).unwrap()).body;
        let one = body(r#"{"a":1,"b":{"c":[1,2],"d":"x"}}"#);
        assert_eq!(one, body(r#"{ "b": {"d":"x", "c":[1,2]}, "a":1 }"#));
        for other in [
            r#"{"a":2,"b":{"c":[1,2],"d":"x"}}"#,
            r#"{"a":1,"b":{"c":[2,1],"d":"x"}}"#,
            r#"{"a":1,"b":{"c":[12],"d":"x"}}"#,
            r#"{"a":"1","b":{"c":[1,2],"d":"x"}}"#,
            r#"{"a":1,"b":{"c":[1,2],"d":"x"},"e":null}"#,
        ] {
            assert_ne!(one, body(other), "{other}");
        }
    }

    #[test]
    fn a_key_belongs_to_one_user_and_route_and_its_parts_do_not_run_together() {
        let body = json!({});
        let one = hashes("k", "POST", "/a", &body).key;
        assert_ne!(one, hashes("k", "POST", "/ak", &body).key);
        assert_ne!(one, hashes("ak", "POST", "/", &body).key);
        assert_ne!(one, hashes("k", "POS", "T/a", &body).key);
        let other = IdempotencyKey("k".to_owned()).hashes(UserId(Uuid::from_u128(2)), "POST", "/a", &body);
        assert_ne!(one, other.unwrap().key);
    }
}
