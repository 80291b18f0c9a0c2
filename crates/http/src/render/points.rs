//! Balances, their history, and top-ups.

use super::wire_words;
use kernel::{Currency, Timestamp};
use payment::{Charge, ChargeStatus};
use point::{PointEntry, PointKind};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A balance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Points)]
pub(crate) struct PointsBody {
    /// In minor units.
    pub(crate) balance: i64,
    /// ISO 4217.
    #[schema(value_type = String, example = "KRW")]
    pub(crate) currency: Currency,
}

wire_words! {
    /// Why a balance changed.
    pub(crate) enum PointKindBody as PointKind for PointKind {
        Use = "USE",
        Refund = "REFUND",
        Grant = "GRANT",
        Take = "TAKE",
        TopUp = "TOP_UP",
        TopUpCancel = "TOP_UP_CANCEL",
    }
}

/// One change of a balance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PointEntry)]
pub(crate) struct PointEntryBody {
    /// Its id.
    pub(crate) id: Uuid,
    /// Why the balance changed.
    pub(crate) kind: PointKindBody,
    /// What was added, in minor units; negative where taken.
    pub(crate) amount: i64,
    /// The balance after it.
    pub(crate) balance: i64,
    /// The order that used or refunded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_id: Option<Uuid>,
    /// An administrator's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
}

impl From<PointEntry> for PointEntryBody {
    fn from(entry: PointEntry) -> Self {
        Self {
            id: entry.id,
            kind: entry.kind.into(),
            amount: entry.amount.minor(),
            balance: entry.balance.minor(),
            order_id: entry.order_id.map(|order| order.0),
            reason: entry.reason.map(Into::into),
            at: entry.at,
        }
    }
}

wire_words! {
    /// Where a top-up stands.
    pub(crate) enum ChargeStatusBody as ChargeStatus for ChargeStatus {
        Pending = "PENDING",
        Completed = "COMPLETED",
        Declined = "DECLINED",
        Cancelled = "CANCELLED",
    }
}

/// A top-up of points through the payment gateway.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Charge)]
pub(crate) struct ChargeBody {
    /// Its id.
    pub(crate) id: Uuid,
    /// Where it stands.
    pub(crate) status: ChargeStatusBody,
    /// What is charged and credited, in minor units.
    pub(crate) amount: i64,
}

impl From<&Charge> for ChargeBody {
    fn from(charge: &Charge) -> Self {
        Self { id: charge.id.0, status: charge.status.into(), amount: charge.amount.minor() }
    }
}
