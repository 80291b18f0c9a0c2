//! What people get to see of each thing: wire types of their own, made from domain records.
//!
//! A stored record may change with the code; what is shown here may not.

mod catalogue;
mod coupons;
mod orders;
mod points;

pub(crate) use catalogue::{BestSellerBody, BestSellersBody, ProductBody, ProductStatusBody};
pub(crate) use coupons::{CouponBody, CouponStatusBody, DiscountBody, UserCouponBody};
pub(crate) use orders::{OrderBody, PaymentBody};
pub(crate) use points::{ChargeBody, PointEntryBody, PointsBody};

#[cfg(test)]
mod tests;

/// Declares a word of the wire and what it stands for: one word per value of the domain's own type, checked by the compiler.
macro_rules! wire_words {
    ($(#[$doc:meta])* pub(crate) enum $name:ident as $shown:ident for $domain:ty { $($variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize, ::utoipa::ToSchema)]
        #[schema(as = $shown)]
        pub(crate) enum $name {
            $(#[serde(rename = $word)] $variant),*
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
