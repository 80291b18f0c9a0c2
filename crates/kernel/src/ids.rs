//! Ids, each its own type. All are UUIDs; those made here are UUIDv7, so they sort by the time they were made.

use crate::table::{ColumnType, Corrupt, Field, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl Field for $name {
            const TYPE: ColumnType = ColumnType::Id;
            fn to_value(&self) -> Value {
                Value::Id(self.0)
            }
            fn from_value(value: &Value) -> Result<Self, Corrupt> {
                match value {
                    Value::Id(id) => Ok(Self(*id)),
                    other => Err(Corrupt::new(concat!("an id (", stringify!($name), ")"), other)),
                }
            }
        }
    )*};
}

ids! {
    /// A customer or administrator.
    UserId,
    /// A product (one SKU).
    ProductId,
    /// A coupon campaign.
    CouponId,
    /// One coupon issued to one user.
    UserCouponId,
    /// An order.
    OrderId,
    /// The payment of one order.
    PaymentId,
    /// A top-up of points.
    ChargeId,
    /// What an inbox row belongs to: an order's id, or a top-up's.
    SagaId,
    /// A dead letter.
    LetterId,
}

impl From<OrderId> for SagaId {
    fn from(id: OrderId) -> Self {
        Self(id.0)
    }
}

impl From<ChargeId> for SagaId {
    fn from(id: ChargeId) -> Self {
        Self(id.0)
    }
}

/// Where new ids come from: passed in, so that a decider draws no randomness and reads no clock.
pub trait Ids {
    /// A fresh UUIDv7, larger than every one this source gave before.
    fn next(&mut self) -> Uuid;
}

/// A deterministic source: millisecond `at`, then a counter. For tests, and wherever ids must repeat.
#[derive(Clone, Debug)]
pub struct CountingIds {
    at_ms: u64,
    count: u64,
}

impl CountingIds {
    /// Ids that carry `at_ms` (milliseconds since the epoch) and count up.
    #[must_use]
    pub fn new(at_ms: u64) -> Self {
        Self { at_ms, count: 0 }
    }
}

impl Ids for CountingIds {
    fn next(&mut self) -> Uuid {
        self.count += 1;
        let mut bytes = [0_u8; 10];
        bytes[2..].copy_from_slice(&self.count.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(self.at_ms, &bytes).into_uuid()
    }
}

/// Milliseconds since the epoch that a UUIDv7 was made at; `None` for another kind of UUID.
#[must_use]
pub fn made_at_ms(id: Uuid) -> Option<i64> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    i64::try_from(seconds).ok()?.checked_mul(1_000)?.checked_add(i64::from(nanos / 1_000_000))
}
