//! Access tokens made by hand: good ones for many people at once, and ones that nobody may have.

use super::process::SIGNING_KEY;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// Until the year 2100.
const LATE: i64 = 4_102_444_800;

/// A token for `user` as the server would make it.
pub(crate) fn good(user: &str) -> String {
    signed(&json!({"alg": "HS256", "typ": "JWT"}), &claims(user, LATE), SIGNING_KEY)
}

pub(crate) fn claims(user: &str, expires: i64) -> Value {
    json!({"sub": user, "role": "customer", "iat": 0, "exp": expires})
}

/// A token with any header and claims, under any key.
pub(crate) fn signed(header: &Value, claims: &Value, key: &str) -> String {
    let text = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    let signature = BASE64.encode(mac.finalize().into_bytes());
    format!("{text}.{signature}")
}

/// Tokens for `user` that are not to be believed, each with what is wrong with it.
pub(crate) fn bad(user: &str) -> Vec<(&'static str, String)> {
    let hs256 = json!({"alg": "HS256", "typ": "JWT"});
    let claims = |expires| claims(user, expires);
    let unsigned = |token: String| token.rsplit_once('.').unwrap().0.to_owned() + ".";
    let mut admin = claims(LATE);
    admin["role"] = "admin".into();
    let mut stolen = good(user);
    let payload = BASE64.encode(admin.to_string());
    stolen = stolen
        .splitn(3, '.')
        .enumerate()
        .map(|(n, part)| if n == 1 { &payload } else { part })
        .collect::<Vec<_>>()
        .join(".");
    vec![
        ("no token", String::new()),
        ("nonsense", "no.such.token".to_owned()),
        ("one part", "token".to_owned()),
        ("not base64", "a b.c d.e f".to_owned()),
        ("another key", signed(&hs256, &claims(LATE), "another key, just as long as the real one")),
        ("an empty key", signed(&hs256, &claims(LATE), "")),
        ("expired", signed(&hs256, &claims(1_700_000_000), SIGNING_KEY)),
        ("no expiry", signed(&hs256, &json!({"sub": user, "role": "customer", "iat": 0}), SIGNING_KEY)),
        ("no algorithm", unsigned(signed(&json!({"alg": "none", "typ": "JWT"}), &claims(LATE), SIGNING_KEY))),
        ("algorithm none, signed", signed(&json!({"alg": "none"}), &claims(LATE), SIGNING_KEY)),
        ("another algorithm", signed(&json!({"alg": "HS512"}), &claims(LATE), SIGNING_KEY)),
        ("signature cut off", unsigned(good(user))),
        ("claims exchanged", stolen),
        ("nobody's", good("0190163d-8694-739b-aea5-966c26f8ad91")),
        ("no id", good("1 OR 1=1")),
        ("huge", "a".repeat(7_000)),
    ]
}
