//! What the point domain keeps.

use kernel::ids::{ChargeId, OrderId, UserId};
use kernel::{Money, Timestamp, record, text_enum};
use smol_str::SmolStr;
use uuid::Uuid;

record! {
    /// A user's balance. A user without a row has nothing.
    pub struct Points in "points" key 1 {
        /// Whose.
        pub user_id: UserId,
        /// How much, in minor units; never below zero.
        pub balance: Money,
        /// When it last changed.
        pub updated_at: Timestamp,
        /// The last entry of its history: the next one sorts after it.
        pub last_entry: Option<Uuid>,
    }
}

text_enum! {
    /// Why a balance changed.
    pub enum PointKind {
        /// Used for an order.
        Use = "USE",
        /// Given back by an order that failed or was cancelled.
        Refund = "REFUND",
        /// Granted by an administrator.
        Grant = "GRANT",
        /// Taken by an administrator.
        Take = "TAKE",
        /// Bought through the PG.
        TopUp = "TOP_UP",
        /// A top-up taken back.
        TopUpCancel = "TOP_UP_CANCEL",
    }
}

record! {
    /// One change of one balance. Ids are in the order of the changes: descending is newest first.
    pub struct PointEntry in "point_history" key 2 {
        /// Whose balance.
        pub user_id: UserId,
        /// The entry's id.
        pub id: Uuid,
        /// Why it changed.
        pub kind: PointKind,
        /// What was added, in minor units; negative where taken.
        pub amount: Money,
        /// The balance after it.
        pub balance: Money,
        /// The order that used or refunded.
        pub order_id: Option<OrderId>,
        /// The top-up that credited.
        pub charge_id: Option<ChargeId>,
        /// An administrator's reason.
        pub reason: Option<SmolStr>,
        /// The administrator who granted or took.
        pub by_user: Option<UserId>,
        /// When.
        pub at: Timestamp,
    }
}
