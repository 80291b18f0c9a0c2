//! What people get to see of each thing: wire types of their own, made from domain records.
//!
//! A stored record may change with the code; what is shown here may not.

mod catalogue;
mod coupons;
mod orders;
mod points;

pub(crate) use catalogue::{BestSellerBody, BestSellersBody, ProductBody, ProductStatusBody};
pub(crate) use coupons::{CouponBody, CouponStatusBody, DiscountBody, UserCouponBody};
pub(crate) use orders::{OrderBody, OrderStatusBody, PaymentBody};
pub(crate) use points::{ChargeBody, PointEntryBody, PointsBody};

#[cfg(test)]
mod tests;

/// Declares a word of the wire and what it stands for: one word per value of the domain's own type, checked by the compiler.
macro_rules! wire_words {
    ($(#[doc = $doc:literal])* pub(crate) enum $name:ident as $shown:ident for $domain:ty { $($variant:ident = $word:literal),* $(,)? }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        pub(crate) enum $name {
            $(#[serde(rename = $word)] $variant),*
        }

        // Not derived: what a macro hands on as a literal is not seen there, and the variants' own names were described.
        impl ::utoipa::PartialSchema for $name {
            fn schema() -> ::utoipa::openapi::RefOr<::utoipa::openapi::Schema> {
                let said = [$($doc),*].concat();
                $crate::describe::one_of([$($word),*]).description(Some(said.trim())).into()
            }
        }

        impl ::utoipa::ToSchema for $name {
            fn name() -> ::std::borrow::Cow<'static, str> {
                stringify!($shown).into()
            }
        }

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                match value { $(<$domain>::$variant => Self::$variant),* }
            }
        }

        impl From<$name> for $domain {
            fn from(word: $name) -> Self {
                match word { $($name::$variant => Self::$variant),* }
            }
        }
    };
}
use wire_words;
