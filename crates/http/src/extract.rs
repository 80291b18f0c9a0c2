//! What a handler can ask for. Each extractor refuses by itself what it cannot take, so that a handler only sees good input.

use crate::app::AppState;
use crate::auth::Claims;
use crate::problem::{Problem, shown};
use axum::body::{Bytes, HttpBody};
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use kernel::Trace;
use kernel::ids::UserId;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::str::FromStr;
use std::time::Duration;
use user::{Role, User};
use utoipa::ToSchema;
use uuid::Uuid;

/// How long a client may take to send a body.
const SLOWEST_BODY: Duration = Duration::from_secs(30);

/// A JSON body. Wire types refuse unknown fields (`#[serde(deny_unknown_fields)]`).
#[derive(Clone, Copy, Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        need_json(request.headers())?;
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        parse(&bytes).map(Self)
    }
}

/// A body as it was sent: not too large, and in time.
#[derive(Clone, Debug)]
pub(crate) struct RawBody(pub(crate) Bytes);

impl FromRequest<AppState> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        // Refused before it is sent, where it is said to be too large.
        if request.body().size_hint().lower() > state.max_body() as u64 {
            return Err(too_large());
        }
        let read = Bytes::from_request(request, state);
        let too_slow =
            |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "BODY_TOO_SLOW", "the body took too long");
        let read = tokio::time::timeout(SLOWEST_BODY, read).await.map_err(too_slow)?;
        read.map(Self).map_err(|rejection| unreadable(&rejection))
    }
}

pub(crate) fn need_json(headers: &HeaderMap) -> Result<(), Problem> {
    let refused = || {
        let detail = "the body must be `Content-Type: application/json`, in UTF-8";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", detail)
    };
    let given = one_header(headers, &header::CONTENT_TYPE).map_err(|_| refused())?.ok_or_else(refused)?;
    let mut parts = given.split(';').map(|part| part.trim().to_ascii_lowercase());
    let is_json = parts.next().is_some_and(|media| media == "application/json");
    let is_utf8 = parts.all(|part| {
        part.strip_prefix("charset=")
            .is_none_or(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8"))
    });
    if is_json && is_utf8 { Ok(()) } else { Err(refused()) }
}

fn unreadable(rejection: &BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => Problem::malformed("MALFORMED_BODY", "the body could not be read to its end"),
    }
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", "the body is larger than is taken here")
}

/// Reads `bytes` as `T`: what is not JSON is malformed (400), what is JSON but not a `T` has a bad field (422).
///
/// # Errors
/// The problem, with the field's pointer.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let malformed = |detail: String| Problem::malformed("MALFORMED_JSON", detail);
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("the body is not UTF-8".to_owned()))?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
        malformed(format!("not JSON at line {}, column {}", error.line(), error.column()))
    })?;
    // Serde would take a list for a struct, field by field.
    if !text.trim_start().starts_with('{') {
        return Err(Problem::field("", "INVALID_FIELD", "the body must be an object"));
    }
    if let Some(pointer) = zero_in(text) {
        return Err(Problem::field(pointer, "INVALID_FIELD", "must not contain U+0000"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (pointer, detail) = fault(&error);
        Problem::field(pointer, "INVALID_FIELD", detail)
    })
}

/// Where in a JSON document a text holds U+0000, if one does: not every store can keep that character, so none is given it.
fn zero_in(text: &str) -> Option<String> {
    // JSON can only say it so; most documents never do, and are not read once more.
    if !text.contains("\\u0000") {
        return None;
    }
    pointer_to_zero(&serde_json::from_str(text).ok()?)
}

fn pointer_to_zero(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(nth, item)| pointer_to_zero(item).map(|below| format!("/{nth}{below}"))),
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            pointer_to_zero(field).map(|below| format!("/{}{below}", escaped(&shown(name))))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// A part of a JSON pointer.
fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

/// Where and what. Values are never said back: one of them may be a secret in the wrong place.
fn fault(error: &serde_path_to_error::Error<serde_json::Error>) -> (String, String) {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    let mut push = |part: &str| {
        pointer.push('/');
        pointer.push_str(&escaped(part));
    };
    let mut last = String::new();
    for segment in error.path().iter() {
        let part = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } | Segment::Enum { variant: key } => shown(key),
            Segment::Unknown => continue,
        };
        push(&part);
        last = part;
    }
    let message = error.inner().to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    let field = |start: &str| message.strip_prefix(start)?.split('`').next().map(shown);
    let (detail, field) = if let Some(field) = field("missing field `") {
        ("is missing".to_owned(), Some(field))
    } else if let Some(field) = field("unknown field `") {
        ("is not a field here".to_owned(), Some(field))
    } else if let Some(field) = field("duplicate field `") {
        ("is given twice".to_owned(), Some(field))
    } else if let Some((_, expected)) = message.rsplit_once(", expected ") {
        let expected = in_words(expected);
        (format!("must be {expected}"), None)
    } else {
        (format!("cannot be taken: {}", message.chars().take(200).collect::<String>()), None)
    };
    if let Some(field) = field.filter(|field| *field != last) {
        push(&field);
    }
    (pointer, detail)
}

/// What was expected, for who does not write Rust.
fn in_words(expected: &str) -> &str {
    match expected {
        "i64" | "u8" => "a whole number",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

/// The header `name`, which may be given once.
///
/// # Errors
/// 400 if it comes twice or is not text.
pub fn one_header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::malformed(
            "DUPLICATE_HEADER",
            format!("the header `{name}` is given more than once"),
        ));
    }
    let text = value.to_str();
    text.map(Some)
        .map_err(|_| Problem::malformed("BAD_HEADER", format!("the header `{name}` is not plain text")))
}

/// The id in the path. What is not a UUID is not found, like every other unknown id.
#[derive(Clone, Copy, Debug)]
pub struct Id<T>(pub T);

impl<T: FromStr> FromRequestParts<AppState> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let none = || Problem::not_found("thing");
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| none())?;
        // Only the hyphenated form: one thing has one address.
        if text.len() != uuid::fmt::Hyphenated::LENGTH {
            return Err(none());
        }
        text.parse().map(Self).map_err(|_| none())
    }
}

/// Query parameters. Unknown ones never come here: a route takes those that its description lists ([`crate::app`]), so `T`
/// must not deny unknown fields, or it could not stand beside [`Paging`].
#[derive(Clone, Copy, Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Problem> {
        Self::of(&parts.uri)
    }
}

impl<T: DeserializeOwned> Params<T> {
    pub(crate) fn of(uri: &Uri) -> Result<Self, Problem> {
        crate::query::pairs(uri.query().unwrap_or_default())?;
        crate::query::read(uri).map(Self)
    }
}

/// Where in a list the caller is: `?limit=&cursor=`. Lists run from the newest down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// At most this many items.
    pub limit: u32,
    /// Only what comes after this one in the list; where that is sorted by id, ids below it.
    pub before: Option<Uuid>,
}

/// Items of a page unless the caller says otherwise.
pub const PAGE: u32 = 20;
/// The most items of a page.
pub const PAGE_MAX: u32 = 100;

impl FromRequestParts<AppState> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Problem> {
        Self::of(&parts.uri)
    }
}

impl Paging {
    pub(crate) fn of(uri: &Uri) -> Result<Self, Problem> {
        Self::read(&crate::query::pairs(uri.query().unwrap_or_default())?)
    }

    fn read(pairs: &[(String, String)]) -> Result<Self, Problem> {
        let find = |name| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let limit = match find("limit") {
            None => PAGE,
            Some(text) => limit(text)?,
        };
        let before = match find("cursor") {
            None => None,
            Some(text) => Some(uncursor(text).ok_or_else(no_cursor)?),
        };
        Ok(Self { limit, before })
    }

    /// How many rows to ask for: one more than is shown tells whether there is a next page.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.limit + 1
    }
}

/// A `limit` of 1 to [`PAGE_MAX`].
///
/// # Errors
/// 400 for anything else.
pub fn limit(text: &str) -> Result<u32, Problem> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|limit| digits && (1..=PAGE_MAX).contains(limit))
        .ok_or_else(|| Problem::parameter("limit", format!("must be a whole number from 1 to {PAGE_MAX}")))
}

/// 400: the cursor is none of this list's.
pub(crate) fn no_cursor() -> Problem {
    Problem::parameter("cursor", "is none that was given out")
}

fn cursor(last: Uuid) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(last)
}

fn uncursor(text: &str) -> Option<Uuid> {
    Uuid::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `paging.limit` of `rows` ([`Paging::rows`] were asked for), newest first.
    pub fn of<R>(mut rows: Vec<R>, paging: &Paging, id: impl Fn(&R) -> Uuid, show: impl Fn(&R) -> T) -> Self {
        let limit = paging.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|last| cursor(id(last)));
        Self { items: rows.iter().map(show).collect(), next_cursor }
    }

    /// A page after which the next one begins behind `last`; the last page, without one.
    pub(crate) fn up_to(items: Vec<T>, last: Option<Uuid>) -> Self {
        Self { items, next_cursor: last.map(cursor) }
    }

    /// The page as it is shown.
    ///
    /// # Errors
    /// The first of `show`.
    pub(crate) fn try_map<U, E>(self, show: impl FnMut(&T) -> Result<U, E>) -> Result<Page<U>, E> {
        let items = self.items.iter().map(show).collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor: self.next_cursor })
    }
}

/// The trace of this request, under a span of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracing(pub Trace);

impl FromRequestParts<AppState> for Tracing {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Problem> {
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(Self(Trace::default())))
    }
}

/// Who asks: a valid access token, and the user behind it as they are *now*. A suspension or a change of role works at once.
#[derive(Clone, Debug)]
pub struct Caller(pub User);

impl Caller {
    /// Their id.
    #[must_use]
    pub fn id(&self) -> UserId {
        self.0.id
    }

    /// Whether they run the shop.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        match self.0.role {
            Role::Admin => true,
            Role::Customer => false,
        }
    }

    /// `customer`, unless they are an administrator: for what administrators may do with everybody's things.
    #[must_use]
    pub fn owns(&self, owner: UserId) -> bool {
        self.is_admin() || owner == self.id()
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let claims = match parts.extensions.get::<Claims>() {
            // The limiter has checked the signature already.
            Some(claims) => claims.clone(),
            None => state.tokens().claims(&parts.headers, state.now())?,
        };
        let unknown = || Problem::unauthorized("TOKEN_INVALID", "this access token is not valid");
        let user: User = state.shop().find("user", (claims.sub,)).await?.ok_or_else(unknown)?;
        if user.is_active() {
            Ok(Self(user))
        } else {
            Err(Problem::unauthorized("USER_SUSPENDED", "this user is suspended"))
        }
    }
}

/// A caller who runs the shop.
#[derive(Clone, Debug)]
pub struct Admin(pub Caller);

impl FromRequestParts<AppState> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        if caller.is_admin() { Ok(Self(caller)) } else { Err(Problem::forbidden()) }
    }
}

/// A caller, if the request names one. A token that is given must be good.
#[derive(Clone, Debug)]
pub struct MaybeCaller(pub Option<Caller>);

impl FromRequestParts<AppState> for MaybeCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            Caller::from_request_parts(parts, state).await.map(|caller| Self(Some(caller)))
        } else {
            Ok(Self(None))
        }
    }
}

/// The version that the caller saw (`If-Match: "3"`); `*` and no header match every version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

impl FromRequestParts<AppState> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Problem> {
        Self::of(&parts.headers)
    }
}

impl IfMatch {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        match one_header(headers, &header::IF_MATCH)?.map(str::trim) {
            None | Some("*") => Ok(Self(None)),
            Some(tag) => {
                let stale = || {
                    let detail = "`If-Match` names no version that there is";
                    Problem::new(StatusCode::PRECONDITION_FAILED, "VERSION_MISMATCH", detail)
                };
                let version =
                    tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).ok_or_else(stale)?;
                version.parse().map(|version| Self(Some(version))).map_err(|_| stale())
            }
        }
    }
}

/// The header that shows a version: `ETag: "3"`.
#[must_use]
pub fn etag(version: i64) -> [(HeaderName, String); 1] {
    [(header::ETAG, format!("\"{version}\""))]
}

#[cfg(test)]
mod tests;
