//! Parameters that several routes take, described beside nothing but themselves: who reads one has its description.

use crate::extract::{IfMatch, PAGE_MAX, Paging};
use crate::idempotency::IdempotencyKey;
use crate::prefer::Prefer;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, Required};

type Place = Option<ParameterIn>;

fn parameter(name: &str, place: ParameterIn, schema: ObjectBuilder, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .schema(Some(schema))
        .description(Some(description))
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

impl IntoParams for Paging {
    fn into_params(_: impl Fn() -> Place) -> Vec<Parameter> {
        let limit = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(PAGE_MAX));
        // 16 bytes in base64url: the last of 22 characters holds two bits.
        let cursor = string().pattern(Some("^[A-Za-z0-9_-]{21}[AQgw]$"));
        let limit = parameter("limit", ParameterIn::Query, limit, "At most so many items; 20 unless given");
        let cursor =
            parameter("cursor", ParameterIn::Query, cursor, "Where to go on: the `next_cursor` of a page");
        vec![limit.build(), cursor.build()]
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Place) -> Vec<Parameter> {
        let tag = string().pattern(Some(r#"^(\*|"[0-9]{1,18}")$"#));
        let seen = "The version that was seen (`ETag`); `*` and none match every version";
        vec![parameter("If-Match", ParameterIn::Header, tag, seen).build()]
    }
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Place) -> Vec<Parameter> {
        // Bare, or a string of RFC 9651.
        let key = string().pattern(Some(r#"^([!#-~]([ -~]{0,253}[!-~])?|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#));
        let says = "1 to 255 printable ASCII characters, bare or quoted";
        vec![parameter("Idempotency-Key", ParameterIn::Header, key, says).required(Required::True).build()]
    }
}

impl IntoParams for Prefer {
    fn into_params(_: impl Fn() -> Place) -> Vec<Parameter> {
        let says = "`wait=N` (at most 60 seconds) or `respond-async`; what cannot be read is passed over";
        vec![parameter("Prefer", ParameterIn::Header, string(), says).build()]
    }
}
