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
        /// The last entry of its history, after which the balance is what it is. Each entry names the one before it.
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
    /// One change of one balance. What comes after what, each entry says itself. Ids only say about when, so that entries are added at
    /// the end: sorted by user they would cost every order a page of its own.
    pub struct PointEntry in "point_history" key 1 {
        /// The entry's id.
        pub id: Uuid,
        /// Whose balance.
        pub user_id: UserId,
        /// The entry of the same balance before it; none for the first.
        pub previous: Option<Uuid>,
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
