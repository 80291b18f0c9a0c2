//! What the API's description says in many places, said once: answers that many routes share, parameters, plain values, and the
//! ways from one operation to the next.
//!
//! The description is held against the running server by `cargo xtask schemathesis`, in both directions: what it allows is
//! taken, what it does not allow is refused, and every answer is one that it names.

mod links;
mod params;
mod values;

#[cfg(test)]
mod tests;

pub(crate) use links::link;
pub(crate) use values::{
    Amount, CampaignName, Change, EmailAddress, GatewayEvent, OrderEvent, Password, PersonName,
    PositiveAmount, ProductName, ReasonText, Sku, one_of, text, whole, words,
};

use crate::problem::{MEDIA_TYPE, ProblemDocument};
use std::collections::BTreeMap;
use utoipa::openapi::response::Response;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// Describes plain values, each of which has a name of its own in the description.
macro_rules! value_schemas {
    ($($name:ident: $schema:expr;)*) => {$(
        impl ::utoipa::PartialSchema for $name {
            fn schema() -> ::utoipa::openapi::RefOr<::utoipa::openapi::Schema> {
                $schema.into()
            }
        }
        impl ::utoipa::ToSchema for $name {}
    )*};
}
pub(crate) use value_schemas;

type Responses = BTreeMap<String, RefOr<Response>>;

/// What any route may answer.
pub(crate) struct Anyone;
/// What a route for the signed-in may answer.
pub(crate) struct SignedIn;
/// What a route for administrators may answer.
pub(crate) struct AdminsOnly;
/// What a route with a JSON body may answer besides.
pub(crate) struct WithBody;

impl IntoResponses for Anyone {
    fn responses() -> Responses {
        problems(&[
            ("400", "Malformed, or a bad parameter"),
            ("429", "Too many requests; see `Retry-After`"),
            ("500", "A fault of the shop's"),
            ("503", "Not available right now; nothing was changed"),
        ])
    }
}

impl IntoResponses for SignedIn {
    fn responses() -> Responses {
        let mut all = problems(&[("401", "No valid access token")]);
        all.extend(Anyone::responses());
        all
    }
}

impl IntoResponses for AdminsOnly {
    fn responses() -> Responses {
        let mut all = problems(&[("403", "Not an administrator")]);
        all.extend(SignedIn::responses());
        all
    }
}

impl IntoResponses for WithBody {
    fn responses() -> Responses {
        problems(&[
            ("408", "The body took too long"),
            ("413", "The body is too large"),
            ("415", "The body is not JSON"),
            ("422", "A field cannot be taken; `errors` points at it"),
        ])
    }
}

fn problems(each: &[(&str, &str)]) -> Responses {
    each.iter().map(|(status, description)| ((*status).to_owned(), problem(description))).collect()
}

fn problem(description: &str) -> RefOr<Response> {
    let schema = Ref::from_schema_name(ProblemDocument::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build().into()
}
