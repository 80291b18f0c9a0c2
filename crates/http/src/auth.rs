//! Passwords, access tokens, refresh tokens: made and compared here, kept by the user domain.

mod passwords;

use crate::extract::one_header;
use crate::problem::Problem;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kernel::Timestamp;
use kernel::ids::UserId;
use rand::TryRngCore;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use user::{Role, TokenHash, User};

pub use passwords::{PASSWORD_MAX, PASSWORD_MIN, Passwords, hash};

/// How long an access token can be used.
pub const ACCESS_LIFE: Duration = Duration::from_secs(15 * 60);
/// How long a refresh token can be used.
pub const REFRESH_LIFE: Duration = Duration::from_secs(14 * 24 * 3_600);
/// How far the clocks of those who make and those who check tokens may differ.
const LEEWAY: Duration = Duration::from_secs(30);
/// The shortest signing key, in bytes: as long as what HS256 makes of it.
pub const SHORTEST_KEY: usize = 32;

/// What an access token says. The role is for clients to read; here the user's row decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who.
    pub sub: UserId,
    /// What they might do when it was made.
    pub role: Role,
    /// When it was made, seconds since the epoch.
    pub iat: i64,
    /// Until when it can be used, seconds since the epoch.
    pub exp: i64,
}

/// Makes and checks access tokens.
pub struct Tokens {
    signs: EncodingKey,
    checks: DecodingKey,
    rules: Validation,
}

impl Tokens {
    /// Tokens under `key`.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        // Exactly this algorithm, whatever a token's header says.
        let mut rules = Validation::new(Algorithm::HS256);
        rules.algorithms = vec![Algorithm::HS256];
        rules.set_required_spec_claims(&["exp", "sub"]);
        // Times are compared below, against the shop's own clock.
        rules.validate_exp = false;
        Self { signs: EncodingKey::from_secret(key), checks: DecodingKey::from_secret(key), rules }
    }

    /// An access token for `user`.
    ///
    /// # Errors
    /// 500 if it cannot be signed.
    pub fn make(&self, user: &User, now: Timestamp) -> Result<String, Problem> {
        let seconds = |at: Timestamp| at.0.div_euclid(1_000);
        let claims =
            Claims { sub: user.id, role: user.role, iat: seconds(now), exp: seconds(now.after(ACCESS_LIFE)) };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signs).map_err(|error| {
            tracing::error!(%error, "an access token could not be signed");
            Problem::internal()
        })
    }

    /// What the request's token says.
    ///
    /// # Errors
    /// 401 without a good one.
    pub fn claims(&self, headers: &HeaderMap, now: Timestamp) -> Result<Claims, Problem> {
        let missing =
            || Problem::unauthorized("TOKEN_REQUIRED", "this needs `Authorization: Bearer <access token>`");
        let value =
            one_header(headers, &header::AUTHORIZATION).map_err(|_| missing())?.ok_or_else(missing)?;
        let (scheme, token) = value.split_once(' ').ok_or_else(missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(missing());
        }
        self.check(token.trim(), now)
    }

    fn check(&self, token: &str, now: Timestamp) -> Result<Claims, Problem> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checks, &self.rules)
            .map_err(|_| Problem::unauthorized("TOKEN_INVALID", "this access token is not valid"))?
            .claims;
        if now.before(LEEWAY).0.div_euclid(1_000) >= claims.exp {
            return Err(Problem::unauthorized("TOKEN_EXPIRED", "this access token has expired"));
        }
        Ok(claims)
    }
}

/// Something a client sent that no log may ever show.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(Arc<str>);

impl Secret {
    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A new refresh token of 256 random bits, and what is stored of it.
///
/// # Errors
/// 500 if the system gives no randomness.
pub fn refresh_token() -> Result<(String, TokenHash), Problem> {
    let mut bytes = [0_u8; 32];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the system gives no randomness");
        Problem::internal()
    })?;
    let token = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let hash = token_hash(&token);
    Ok((token, hash))
}

/// What is stored of a refresh token.
#[must_use]
pub fn token_hash(token: &str) -> TokenHash {
    TokenHash(Sha256::digest(token.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use serde_json::json;
    use user::{PasswordHash, UserStatus};
    use uuid::Uuid;

    const KEY: &[u8] = b"a key of thirty-two bytes or more";
    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn user() -> User {
        User {
            id: UserId(Uuid::from_u128(7)),
            email: "a@example.com".into(),
            name: "A".into(),
            password_hash: PasswordHash::new("$argon2id$"),
            role: Role::Customer,
            status: UserStatus::Active,
            version: 1,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    fn segment(value: &serde_json::Value) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn code(result: Result<Claims, Problem>) -> String {
        result.map_or_else(|problem| problem.code.into_owned(), |claims| format!("{:?}", claims.role))
    }

    #[test]
    fn a_token_is_good_for_fifteen_minutes() {
        let tokens = Tokens::new(KEY);
        let token = tokens.make(&user(), NOW).unwrap();
        assert_eq!(code(tokens.check(&token, NOW)), "Customer");
        assert_eq!(code(tokens.check(&token, NOW.after(ACCESS_LIFE))), "Customer", "within the leeway");
        let late = NOW.after(ACCESS_LIFE + LEEWAY);
        assert_eq!(code(tokens.check(&token, late)), "TOKEN_EXPIRED");
    }

    #[test]
    fn a_token_that_was_touched_is_refused() {
        let tokens = Tokens::new(KEY);
        let token = tokens.make(&user(), NOW).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let claims =
            |role: &str| json!({"sub": user().id, "role": role, "iat": 1_700_000_000, "exp": 1_800_000_000});
        let none = segment(&json!({"alg": "none", "typ": "JWT"}));
        let other = Tokens::new(b"another key, also of thirty-two bytes");
        let stronger = jsonwebtoken::encode(
            &Header::new(Algorithm::HS512),
            &claims("admin"),
            &EncodingKey::from_secret(KEY),
        );
        for (bad, why) in [
            (
                format!("{}.{}.{}", parts[0], segment(&claims("admin")), parts[2]),
                "another role, the old signature",
            ),
            (format!("{none}.{}.", segment(&claims("admin"))), "no algorithm, no signature"),
            (format!("{none}.{}.{}", parts[1], parts[2]), "no algorithm"),
            (other.make(&user(), NOW).unwrap(), "another key"),
            (stronger.unwrap(), "another algorithm"),
            (format!("{}.{}", parts[0], parts[1]), "no signature"),
            (String::new(), "nothing"),
        ] {
            assert_eq!(code(tokens.check(&bad, NOW)), "TOKEN_INVALID", "{why}");
        }
    }

    #[test]
    fn a_request_brings_one_bearer_token() {
        let tokens = Tokens::new(KEY);
        let good = format!("Bearer {}", tokens.make(&user(), NOW).unwrap());
        let ask = |values: &[&str]| {
            let header = |value: &&str| (header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            code(tokens.claims(&values.iter().map(header).collect(), NOW))
        };
        assert_eq!(ask(&[&good]), "Customer");
        for bad in [vec![], vec![good.as_str(), good.as_str()], vec!["Basic YTpi"], vec!["Bearer"]] {
            assert_eq!(ask(&bad), "TOKEN_REQUIRED", "{bad:?}");
        }
    }

    #[test]
    fn refresh_tokens_have_256_bits_and_only_their_hash_is_kept() {
        let (token, hash) = refresh_token().unwrap();
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(&token).unwrap().len(), 32);
        assert_eq!(token_hash(&token), hash);
        assert_ne!(refresh_token().unwrap().0, token);
    }
}
