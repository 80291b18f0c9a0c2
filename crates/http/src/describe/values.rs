//! Plain values with their bounds, which are the domains' own: a type here stands for a value in the description and nowhere else.

use super::value_schemas;
use crate::auth::{PASSWORD_MAX, PASSWORD_MIN};
use crate::render::OrderBody;
use kernel::{Money, checks};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat};

/// A character that is neither white space nor steers a terminal, and any that does not steer one: ECMA-262.
const VISIBLE: &str = r"[^\s\u0000-\u001F\u007F-\u009F]";
const PRINTED: &str = r"[^\u0000-\u001F\u007F-\u009F]";

/// From nothing up.
pub(crate) struct Amount;
/// Above nothing.
pub(crate) struct PositiveAmount;
/// More or less, but not nothing.
pub(crate) struct Change;
/// See [`user::account::EMAIL_MAX`].
pub(crate) struct EmailAddress;
/// What a new password may be.
pub(crate) struct Password;
/// See [`user::account::NAME_MAX`].
pub(crate) struct PersonName;
/// See [`product::catalogue::NAME_MAX`].
pub(crate) struct ProductName;
/// See [`product::catalogue::SKU_MAX`].
pub(crate) struct Sku;
/// See [`coupon::campaign::NAME_MAX`].
pub(crate) struct CampaignName;
/// See [`checks::REASON_MAX`].
pub(crate) struct ReasonText;
/// One server-sent event of an order.
pub(crate) struct OrderEvent;
/// What a payment gateway sends.
pub(crate) struct GatewayEvent;

value_schemas! {
    Amount: whole(0, Money::MAX.minor());
    PositiveAmount: whole(1, Money::MAX.minor());
    Change: OneOfBuilder::new().item(whole(-Money::MAX.minor(), -1)).item(whole(1, Money::MAX.minor()));
    EmailAddress: string(3, user::account::EMAIL_MAX).pattern(Some(email()));
    Password: string(PASSWORD_MIN, PASSWORD_MAX).format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)));
    PersonName: text(user::account::NAME_MAX);
    ProductName: text(product::catalogue::NAME_MAX);
    Sku: text(product::catalogue::SKU_MAX);
    CampaignName: text(coupon::campaign::NAME_MAX);
    ReasonText: text(checks::REASON_MAX);
    OrderEvent: order_event();
    GatewayEvent: gateway_event();
}

/// Words of the domains that are shown as they are stored.
pub(crate) mod words {
    use super::one_of;
    use crate::describe::value_schemas;
    use kernel::judge::letters::{LetterKind as Kind, LetterStatus as Letter};
    use user::{Role as May, UserStatus as Standing};

    /// See [`user::Role`].
    pub(crate) struct Role;
    /// See [`user::UserStatus`].
    pub(crate) struct UserStatus;
    /// See [`kernel::judge::letters::LetterKind`].
    pub(crate) struct LetterKind;
    /// See [`kernel::judge::letters::LetterStatus`].
    pub(crate) struct LetterStatus;

    value_schemas! {
        Role: one_of(May::ALL.iter().map(|word| word.word()));
        UserStatus: one_of(Standing::ALL.iter().map(|word| word.word()));
        LetterKind: one_of(Kind::ALL.iter().map(|word| word.word()));
        LetterStatus: one_of(Letter::ALL.iter().map(|word| word.word()));
    }
}

/// One of these words.
pub(crate) fn one_of(words: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}

/// A whole number between bounds that JSON numbers hold exactly.
pub(crate) fn whole(least: i64, most: i64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(least))
        .maximum(Some(most))
}

fn string(shortest: usize, longest: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(shortest)).max_length(Some(longest))
}

/// What [`checks::text`] takes: not blank, and nothing in it that steers a terminal.
pub(crate) fn text(longest: usize) -> ObjectBuilder {
    string(1, longest).pattern(Some(format!("^{PRINTED}*{VISIBLE}{PRINTED}*$")))
}

/// Something on both sides of one `@`.
fn email() -> String {
    let part = r"[^@\s\u0000-\u001F\u007F-\u009F]+";
    format!("^{part}@{part}$")
}

/// An event of the stream that follows an order; its data is the order, as JSON.
fn order_event() -> ObjectBuilder {
    // The library has no `contentSchema`; what is passed as an extension is written as it is.
    let order = json!({ "$ref": format!("#/components/schemas/{}", OrderBody::name()) });
    let order = Extensions::from_iter([("contentSchema", order)]);
    let data = ObjectBuilder::new()
        .schema_type(Type::String)
        .content_media_type("application/json")
        .extensions(Some(order));
    ObjectBuilder::new()
        .property("event", one_of(["order"]))
        .required("event")
        .property("data", data)
        .required("data")
}

/// What [`pg::webhook::verify`] reads; a gateway may say more.
fn gateway_event() -> ObjectBuilder {
    let key = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("The idempotency key of the charge that something became of"));
    ObjectBuilder::new()
        .property("type", one_of(["charge.approved", "charge.declined", "charge.cancelled"]))
        .required("type")
        .property("data", ObjectBuilder::new().property("key", key).required("key"))
        .required("data")
}
