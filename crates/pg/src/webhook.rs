//! Standard Webhooks 1.0.0: what a sender signs and a receiver verifies, and the event that a PG sends this way.
//!
//! `webhook-signature` holds `v1,<base64>` values separated by spaces, each the HMAC-SHA256 of `id.timestamp.body` under
//! one key; while a secret is being rotated there are two. A verified webhook is still only a hint: the PG is asked
//! before anything is believed (design §3.4).

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Header: the event's id, the same for every attempt to deliver it.
pub const ID: &str = "webhook-id";
/// Header: when this attempt was made, in seconds since the Unix epoch.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// Header: the signatures.
pub const SIGNATURE: &str = "webhook-signature";
/// How far a webhook's timestamp may be from the receiver's clock, in seconds either way.
pub const TOLERANCE_S: i64 = 300;

const SECRET_PREFIX: &str = "whsec_";
const VERSION_PREFIX: &str = "v1,";
/// What the standard allows for a key, in bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Why a webhook is not accepted, or could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// A secret is not `whsec_` and the base64 of 24 to 64 bytes, or there is none.
    #[error("a webhook secret is `whsec_` and the base64 of 24 to 64 bytes")]
    BadSecret,
    /// An id is empty or contains a full stop, which would make what is signed ambiguous.
    #[error("a webhook id is not empty and contains no full stop")]
    BadId,
    /// A header is missing or is not text.
    #[error("the header {0} is missing or unreadable")]
    MissingHeader(&'static str),
    /// The timestamp is not a whole number of seconds.
    #[error("the webhook's timestamp is unreadable")]
    BadTimestamp,
    /// The timestamp is more than [`TOLERANCE_S`] from now: an old webhook sent again, or a wrong clock.
    #[error("the webhook's timestamp is too far from now")]
    OutsideTolerance,
    /// No signature fits.
    #[error("no signature of the webhook fits")]
    BadSignature,
    /// Rightly signed, but not an event of a PG.
    #[error("the webhook's body is not an event of a PG")]
    BadBody,
}

/// Signs and verifies under one secret, or under several while they are rotated.
#[derive(Clone)]
pub struct StandardWebhook {
    keys: Vec<Hmac<Sha256>>,
}

impl std::fmt::Debug for StandardWebhook {
    /// Leaves the keys out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StandardWebhook").field("secrets", &self.keys.len()).finish_non_exhaustive()
    }
}

/// A signed message's headers, as values to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeaders {
    /// Value of [`ID`].
    pub id: String,
    /// Value of [`TIMESTAMP`].
    pub timestamp: String,
    /// Value of [`SIGNATURE`].
    pub signature: String,
}

impl SignedHeaders {
    /// Names and values, ready to be sent.
    #[must_use]
    pub fn pairs(&self) -> [(&'static str, &str); 3] {
        [(ID, &self.id), (TIMESTAMP, &self.timestamp), (SIGNATURE, &self.signature)]
    }
}

/// What is known of a message whose signature fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The event's id; dedupe on it.
    pub id: String,
    /// When this attempt was made, in seconds since the Unix epoch.
    pub timestamp: i64,
}

impl StandardWebhook {
    /// Reads `whsec_…` secrets. Every one of them signs; any one of them verifies.
    ///
    /// # Errors
    /// [`WebhookError::BadSecret`] if there is none, or one is not as the standard wants it.
    pub fn new<S: AsRef<str>>(secrets: &[S]) -> Result<Self, WebhookError> {
        let keys: Vec<_> = secrets.iter().map(|secret| key(secret.as_ref())).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(WebhookError::BadSecret) } else { Ok(Self { keys }) }
    }

    /// Signs one attempt to deliver the message `id`, made at `timestamp` (seconds since the Unix epoch).
    ///
    /// # Errors
    /// [`WebhookError::BadId`].
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Result<SignedHeaders, WebhookError> {
        check_id(id)?;
        let signatures: Vec<String> = self
            .keys
            .iter()
            .map(|key| {
                let signature = signed(key, id, timestamp, body).finalize().into_bytes();
                format!("{VERSION_PREFIX}{}", BASE64.encode(signature))
            })
            .collect();
        Ok(SignedHeaders {
            id: id.to_owned(),
            timestamp: timestamp.to_string(),
            signature: signatures.join(" "),
        })
    }

    /// Checks a received message against the receiver's clock, `now` in seconds since the Unix epoch. Signatures are
    /// compared in constant time; versions other than `v1` are passed over.
    ///
    /// # Errors
    /// Any but [`WebhookError::BadSecret`] and [`WebhookError::BadBody`].
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: i64) -> Result<Verified, WebhookError> {
        let id = header(headers, ID)?;
        check_id(id)?;
        let timestamp: i64 = header(headers, TIMESTAMP)?.parse().map_err(|_| WebhookError::BadTimestamp)?;
        let signatures = header(headers, SIGNATURE)?;
        if now.abs_diff(timestamp) > TOLERANCE_S.unsigned_abs() {
            return Err(WebhookError::OutsideTolerance);
        }
        let given = signatures.split(' ').filter_map(|value| value.strip_prefix(VERSION_PREFIX));
        let fits = given.filter_map(|value| BASE64.decode(value).ok()).any(|signature| {
            self.keys.iter().any(|key| signed(key, id, timestamp, body).verify_slice(&signature).is_ok())
        });
        if fits { Ok(Verified { id: id.to_owned(), timestamp }) } else { Err(WebhookError::BadSignature) }
    }
}

/// What a PG says has happened to a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WebhookKind {
    /// The money was taken.
    #[serde(rename = "charge.approved")]
    Approved,
    /// The card was refused.
    #[serde(rename = "charge.declined")]
    Declined,
    /// The money was given back.
    #[serde(rename = "charge.cancelled")]
    Cancelled,
}

/// A PG's event. It may be late, doubled or out of order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The event's id, the same for every delivery of it.
    pub id: String,
    /// What the PG says has happened.
    pub kind: WebhookKind,
    /// The idempotency key of the charge: what to query.
    pub key: String,
}

/// The JSON body of an event.
#[derive(Serialize, Deserialize)]
pub(crate) struct EventBody {
    #[serde(rename = "type")]
    pub(crate) kind: WebhookKind,
    pub(crate) data: EventData,
}

/// What the event is about.
#[derive(Serialize, Deserialize)]
pub(crate) struct EventData {
    pub(crate) key: String,
}

/// Verifies a PG's webhook under one `whsec_…` secret and reads its event; `now` in seconds since the Unix epoch. A
/// receiver of many keeps a [`StandardWebhook`] and calls [`verify_event`].
///
/// # Errors
/// Everything that [`WebhookError`] names.
pub fn verify(
    secret: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<WebhookEvent, WebhookError> {
    verify_event(&StandardWebhook::new(&[secret])?, headers, body, now)
}

/// Like [`verify`], under secrets that were read before.
///
/// # Errors
/// Everything that [`WebhookError`] names but `BadSecret`.
pub fn verify_event(
    webhook: &StandardWebhook,
    headers: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<WebhookEvent, WebhookError> {
    let Verified { id, .. } = webhook.verify(headers, body, now)?;
    let EventBody { kind, data } = serde_json::from_slice(body).map_err(|_| WebhookError::BadBody)?;
    Ok(WebhookEvent { id, kind, key: data.key })
}

fn key(secret: &str) -> Result<Hmac<Sha256>, WebhookError> {
    let encoded = secret.strip_prefix(SECRET_PREFIX).ok_or(WebhookError::BadSecret)?;
    let bytes = BASE64.decode(encoded).map_err(|_| WebhookError::BadSecret)?;
    if !KEY_BYTES.contains(&bytes.len()) {
        return Err(WebhookError::BadSecret);
    }
    Hmac::new_from_slice(&bytes).map_err(|_| WebhookError::BadSecret)
}

fn check_id(id: &str) -> Result<(), WebhookError> {
    if id.is_empty() || id.contains('.') { Err(WebhookError::BadId) } else { Ok(()) }
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, WebhookError> {
    headers.get(name).and_then(|value| value.to_str().ok()).ok_or(WebhookError::MissingHeader(name))
}

fn signed(key: &Hmac<Sha256>, id: &str, timestamp: i64, body: &[u8]) -> Hmac<Sha256> {
    key.clone().chain_update(format!("{id}.{timestamp}.")).chain_update(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    const BODY: &[u8] = br#"{"type":"charge.approved","data":{"key":"pay-1"}}"#;
    const NOW: i64 = 1_700_000_000;

    fn webhook(secrets: &[&str]) -> StandardWebhook {
        StandardWebhook::new(secrets).unwrap()
    }

    fn headers(signed: &SignedHeaders) -> HeaderMap {
        signed
            .pairs()
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn sent(secrets: &[&str]) -> HeaderMap {
        headers(&webhook(secrets).sign("msg_1", NOW, BODY).unwrap())
    }

    #[test]
    fn the_standards_own_example_is_signed_alike() {
        let signed = webhook(&[SECRET])
            .sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#)
            .unwrap();
        assert_eq!(signed.signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_signed_event_is_read() {
        let event = verify(SECRET, &sent(&[SECRET]), BODY, NOW).unwrap();
        let expected =
            WebhookEvent { id: "msg_1".to_owned(), kind: WebhookKind::Approved, key: "pay-1".to_owned() };
        assert_eq!(event, expected);
    }

    #[test]
    fn while_a_secret_is_rotated_either_side_may_know_both() {
        verify(SECRET, &sent(&[OTHER, SECRET]), BODY, NOW).unwrap();
        verify_event(&webhook(&[OTHER, SECRET]), &sent(&[SECRET]), BODY, NOW).unwrap();
        let mut mixed = sent(&[SECRET]);
        let signature = format!("v1a,AAAA v1,!! {}", mixed[SIGNATURE].to_str().unwrap());
        mixed.insert(SIGNATURE, signature.parse().unwrap());
        verify(SECRET, &mixed, BODY, NOW).unwrap();
    }

    #[test]
    fn what_was_not_signed_is_refused() {
        let check = |headers: &HeaderMap, body: &[u8], expected| {
            assert_eq!(verify(SECRET, headers, body, NOW), Err(expected));
        };
        check(&sent(&[OTHER]), BODY, WebhookError::BadSignature);
        check(&sent(&[SECRET]), b"{}", WebhookError::BadSignature);
        for (name, value) in [(ID, "msg_2"), (TIMESTAMP, "1700000001"), (SIGNATURE, "v1,"), (SIGNATURE, "")] {
            let mut forged = sent(&[SECRET]);
            forged.insert(name, value.parse().unwrap());
            check(&forged, BODY, WebhookError::BadSignature);
        }
        for name in [ID, TIMESTAMP, SIGNATURE] {
            let mut short = sent(&[SECRET]);
            short.remove(name);
            check(&short, BODY, WebhookError::MissingHeader(name));
        }
    }

    #[test]
    fn a_full_stop_cannot_move_between_id_and_body() {
        assert_eq!(webhook(&[SECRET]).sign("msg.1", NOW, BODY), Err(WebhookError::BadId));
        let mut moved = sent(&[SECRET]);
        moved.insert(ID, "msg_1.1700000000".parse().unwrap());
        assert_eq!(verify(SECRET, &moved, BODY, NOW), Err(WebhookError::BadId));
    }

    #[test]
    fn five_minutes_either_way_are_tolerated() {
        let at = |now| verify(SECRET, &sent(&[SECRET]), BODY, now).err();
        assert_eq!(at(NOW + 300), None);
        assert_eq!(at(NOW - 300), None);
        assert_eq!(at(NOW + 301), Some(WebhookError::OutsideTolerance));
        assert_eq!(at(NOW - 301), Some(WebhookError::OutsideTolerance));
        assert_eq!(at(i64::MIN), Some(WebhookError::OutsideTolerance));
    }

    #[test]
    fn a_weak_or_malformed_secret_is_refused() {
        for secret in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_?"] {
            assert_eq!(StandardWebhook::new(&[secret]).err(), Some(WebhookError::BadSecret), "{secret}");
        }
        assert_eq!(StandardWebhook::new::<&str>(&[]).err(), Some(WebhookError::BadSecret));
    }

    /// A header's value: bytes that one may hold.
    fn value() -> impl Strategy<Value = HeaderValue> {
        let bytes = vec(prop_oneof![8 => 32_u8..127, 1 => any::<u8>()], 0..40);
        bytes.prop_filter_map("no header", |bytes| HeaderValue::from_bytes(&bytes).ok())
    }

    proptest! {
        #[test]
        fn what_was_signed_is_verified_as_it_was(
            id in "[!-\\-/-~]{1,20}", at in any::<i64>(), late in -300_i64..=300, body in vec(any::<u8>(), 0..60),
        ) {
            let signed = webhook(&[OTHER, SECRET]).sign(&id, at, &body).unwrap();
            let verified = webhook(&[SECRET]).verify(&headers(&signed), &body, at.saturating_add(late));
            prop_assert_eq!(verified, Ok(Verified { id, timestamp: at }));
        }

        #[test]
        fn nothing_but_what_was_signed_is_taken_for_it(
            body in vec(any::<u8>(), 0..60),
            changed in proptest::option::of((any::<Index>(), 1_u8..)),
            given in vec((select(vec![ID, TIMESTAMP, SIGNATURE]), value()), 0..3),
            taken in proptest::option::of(select(vec![ID, TIMESTAMP, SIGNATURE])),
            now in prop_oneof![4 => Just(NOW), 1 => any::<i64>()],
        ) {
            let mut sent = headers(&webhook(&[SECRET]).sign("msg_1", NOW, &body).unwrap());
            let mut received = body.clone();
            if let (Some((at, by)), false) = (changed, body.is_empty()) {
                received[at.index(body.len())] ^= by;
            }
            for (name, value) in given {
                sent.insert(name, value);
            }
            if let Some(name) = taken {
                sent.remove(name);
            }
            if let Ok(verified) = webhook(&[SECRET]).verify(&sent, &received, now) {
                prop_assert_eq!(verified, Verified { id: "msg_1".to_owned(), timestamp: NOW });
                prop_assert_eq!(received, body);
            }
        }

        #[test]
        fn no_secret_and_no_event_make_it_panic(secret in "(whsec_)?[A-Za-z0-9+/=]{0,100}", event in ".{0,40}") {
            let _ = StandardWebhook::new(&[secret]);
            let signed = webhook(&[SECRET]).sign("msg_1", NOW, event.as_bytes()).unwrap();
            let read = verify(SECRET, &headers(&signed), event.as_bytes(), NOW);
            prop_assert_eq!(read, Err(WebhookError::BadBody));
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let printed = format!("{:?}", webhook(&[SECRET]));
        assert_eq!(printed, "StandardWebhook { secrets: 1, .. }");
    }
}
