//! Names that a topology or a library user may add to: domains, steps, reasons.

use crate::table::{ColumnType, Corrupt, Field, Value};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(SmolStr);

        impl $name {
            /// A name known at compile time.
            #[must_use]
            pub const fn of(name: &'static str) -> Self {
                Self(SmolStr::new_static(name))
            }

            /// A name read from a file or message.
            #[must_use]
            pub fn new(name: &str) -> Self {
                Self(SmolStr::new(name))
            }

            /// The name itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Field for $name {
            const TYPE: ColumnType = ColumnType::Text;
            fn to_value(&self) -> Value {
                Value::Text(self.0.clone())
            }
            fn from_value(value: &Value) -> Result<Self, Corrupt> {
                match value {
                    Value::Text(text) => Ok(Self(text.clone())),
                    other => Err(Corrupt::new(concat!("a name (", stringify!($name), ")"), other)),
                }
            }
        }
    )*};
}

names! {
    /// A domain: `product`, `point`, ….
    DomainName,
    /// A step of a saga: `stock`, `coupon`, `point`, `payment`, or one that an application adds.
    Step,
    /// Why an order failed or a step refused: a stable code such as `OUT_OF_STOCK`.
    Reason,
}

impl Reason {
    /// Not enough stock for all lines.
    pub const OUT_OF_STOCK: Self = Self::of("OUT_OF_STOCK");
    /// The balance does not cover the points to use.
    pub const POINTS_SHORT: Self = Self::of("POINTS_SHORT");
    /// The coupon is not the user's, used, expired or worth something else than quoted.
    pub const COUPON_INVALID: Self = Self::of("COUPON_INVALID");
    /// The PG declined the card.
    pub const PAYMENT_DECLINED: Self = Self::of("PAYMENT_DECLINED");
    /// The PG could not be reached within the budget, and took nothing.
    pub const PAYMENT_UNAVAILABLE: Self = Self::of("PAYMENT_UNAVAILABLE");
    /// A price changed between the quote and the deduction.
    pub const PRICE_CHANGED: Self = Self::of("PRICE_CHANGED");
    /// The user is suspended or unknown.
    pub const USER_INACTIVE: Self = Self::of("USER_INACTIVE");
    /// The deadline passed.
    pub const TIMED_OUT: Self = Self::of("TIMED_OUT");
    /// The customer cancelled before it was confirmed.
    pub const CANCELLED_BY_CUSTOMER: Self = Self::of("CANCELLED_BY_CUSTOMER");
    /// The inline delivery to the data platform failed.
    pub const DELIVERY_FAILED: Self = Self::of("DELIVERY_FAILED");
}

impl Step {
    /// Deduct the lines from stock.
    pub const STOCK: Self = Self::of("stock");
    /// Use the coupon.
    pub const COUPON: Self = Self::of("coupon");
    /// Deduct points.
    pub const POINT: Self = Self::of("point");
    /// Write the payment, and charge the card if something is left to pay.
    pub const PAYMENT: Self = Self::of("payment");
    /// Tell the data platform of the payment, where delivery is part of it (`payment_delivery = "inline"`).
    pub const DELIVERY: Self = Self::of("delivery");
    /// Count the sale (ranking).
    pub const SALES: Self = Self::of("sales");
    /// A top-up's charge of the card.
    pub const CHARGE: Self = Self::of("charge");
    /// A top-up's credit of points.
    pub const CREDIT: Self = Self::of("credit");
}
