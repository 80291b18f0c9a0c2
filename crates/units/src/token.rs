//! Service tokens: what a unit shows when it asks another one. Signed under a key that all units share and nobody else knows, good for
//! one callee and a short while.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a token is good: longer than any call, and than clocks differ.
pub const LIFE: Duration = Duration::from_secs(60);
/// How far the clocks of two units may differ.
const LEEWAY: Duration = Duration::from_secs(30);
/// The shortest key, in bytes: as long as what HS256 makes of it.
pub const SHORTEST_KEY: usize = 32;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    /// Who asks.
    iss: String,
    /// Who is asked.
    aud: String,
    /// Until when, seconds since the epoch.
    exp: i64,
}

/// Why a call was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// The key is too short.
    #[error("the service key needs at least {SHORTEST_KEY} bytes")]
    ShortKey,
    /// None was shown.
    #[error("this needs a service token")]
    Missing,
    /// It is none of ours, or for somebody else.
    #[error("this service token is not valid here")]
    Invalid,
    /// It is too old.
    #[error("this service token has expired")]
    Expired,
    /// It could not be signed.
    #[error("a service token could not be signed")]
    Unsigned,
}

/// The key that all units share.
#[derive(Clone)]
pub struct ServiceKey {
    signs: EncodingKey,
    checks: DecodingKey,
}

impl ServiceKey {
    /// The key of these bytes.
    ///
    /// # Errors
    /// If it is too short.
    pub fn new(key: &[u8]) -> Result<Self, TokenFault> {
        if key.len() < SHORTEST_KEY {
            return Err(TokenFault::ShortKey);
        }
        Ok(Self { signs: EncodingKey::from_secret(key), checks: DecodingKey::from_secret(key) })
    }

    /// A token by which `caller` asks `callee`.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn make(&self, caller: &str, callee: &str, now: Timestamp) -> Result<String, TokenFault> {
        let exp = now.after(LIFE).0.div_euclid(1_000);
        let claims = Claims { iss: caller.to_owned(), aud: callee.to_owned(), exp };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signs)
            .map_err(|_| TokenFault::Unsigned)
    }

    /// Who shows this token to `callee`.
    ///
    /// # Errors
    /// If it is not to be believed.
    pub fn check(&self, token: &str, callee: &str, now: Timestamp) -> Result<String, TokenFault> {
        // Exactly this algorithm, whatever the token's header says.
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[callee]);
        rules.set_required_spec_claims(&["exp", "aud", "iss"]);
        // Times are compared below, against the unit's own clock.
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checks, &rules)
            .map_err(|_| TokenFault::Invalid)?
            .claims;
        if now.before(LEEWAY).0.div_euclid(1_000) >= claims.exp {
            return Err(TokenFault::Expired);
        }
        Ok(claims.iss)
    }
}

impl std::fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServiceKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn key(text: &str) -> ServiceKey {
        ServiceKey::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_token_is_good_for_one_callee_and_a_short_while() {
        let key = key("a service key of thirty-two bytes or more");
        let token = key.make("order", "product", NOW).unwrap();
        assert_eq!(key.check(&token, "product", NOW), Ok("order".to_owned()));
        assert_eq!(key.check(&token, "product", NOW.after(LIFE)), Ok("order".to_owned()), "clocks differ");
        assert_eq!(key.check(&token, "product", NOW.after(LIFE + LEEWAY)), Err(TokenFault::Expired));
        assert_eq!(key.check(&token, "user", NOW), Err(TokenFault::Invalid));
    }

    #[test]
    fn a_token_under_another_key_is_not_believed() {
        let (ours, theirs) = (
            key("a service key of thirty-two bytes or more"),
            key("another key, just as long as the real one"),
        );
        let token = theirs.make("order", "product", NOW).unwrap();
        assert_eq!(ours.check(&token, "product", NOW), Err(TokenFault::Invalid));
        assert_eq!(ours.check("no.such.token", "product", NOW), Err(TokenFault::Invalid));
        assert!(matches!(ServiceKey::new(b"short"), Err(TokenFault::ShortKey)));
    }
}
