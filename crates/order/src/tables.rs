//! What the order domain keeps.

use kernel::ids::{OrderId, PaymentId, ProductId, UserCouponId, UserId};
use kernel::judge::{Saga, SagaStatus, StepState};
use kernel::table::Json;
use kernel::{DecideError, Doc, Money, Plan, Reason, Record, Timestamp, Trace, record};
use smol_str::SmolStr;
use std::sync::Arc;

record! {
    /// One order: where its saga stands, and the plan that it began under.
    pub struct Order in "orders" key 1 {
        /// Its id (UUIDv7: sorts by birth).
        pub id: OrderId,
        /// Whose.
        pub user_id: UserId,
        /// Where it stands.
        pub status: SagaStatus,
        /// The first cause, once it is failing.
        pub reason: Option<Reason>,
        /// Sum of the lines before discount, minor units.
        pub total: Money,
        /// What the coupon takes off, minor units.
        pub discount: Money,
        /// Points used, minor units.
        pub points_used: Money,
        /// What the card is charged, minor units.
        pub card_amount: Money,
        /// The user coupon used.
        pub user_coupon_id: Option<UserCouponId>,
        /// The payment, once it is to be paid.
        pub payment_id: Option<PaymentId>,
        /// The trace that it was placed under.
        pub trace: Trace,
        /// The topology that it began under.
        pub topology: SmolStr,
        /// The frozen plan; before payment a draft without steps.
        pub plan: Doc<Plan>,
        /// The planned steps as the judge sees them.
        pub steps: Json<Vec<StepState>>,
        /// Shipped: the customer can no longer cancel.
        pub fulfilled: bool,
        /// When it was born.
        pub created_at: Timestamp,
        /// When it last changed.
        pub updated_at: Timestamp,
        /// When it became CONFIRMED, FAILED or CANCELLED (the last of these).
        pub settled_at: Option<Timestamp>,
        /// When it was confirmed: the day of its sale, the start of the cancellation window.
        pub confirmed_at: Option<Timestamp>,
        /// When the judge looks again: deadline, expiry or the next request for compensation. Never NULL while unsettled.
        pub wake_at: Option<Timestamp>,
        /// When the participants were asked what they did because its deadline had passed.
        pub inquired_at: Option<Timestamp>,
    }
    index "orders_by_wake" (wake_at);
}

record! {
    /// One line of an order, as bought.
    pub struct OrderLine in "order_lines" key 2 {
        /// The order.
        pub order_id: OrderId,
        /// 0-based.
        pub line: i64,
        /// The product.
        pub product_id: ProductId,
        /// How many.
        pub quantity: i64,
        /// The price of one, frozen at creation, minor units.
        pub unit_price: Money,
        /// `quantity × unit_price`.
        pub amount: Money,
    }
}

record! {
    /// An idempotency key: SHA-256 of (user, route, key), kept as long as the order.
    pub struct OrderKey in "order_keys" key 1 scattered {
        /// The hash.
        pub hash: Arc<[u8]>,
        /// SHA-256 of the request's canonical body.
        pub body_hash: Arc<[u8]>,
        /// What it made (or paid).
        pub order_id: OrderId,
    }
}

/// Unsettled, but waiting for an operator and not for a time.
pub const FAR: Timestamp = Timestamp(253_402_300_799_000);

impl Order {
    /// The saga as the judge sees it.
    #[must_use]
    pub fn saga(&self) -> Saga {
        Saga {
            status: self.status,
            reason: self.reason.clone(),
            steps: self.steps.0.clone(),
            inquired: self.inquired_at.is_some(),
        }
    }

    /// The plan.
    ///
    /// # Errors
    /// If the stored document does not read.
    pub fn plan(&self) -> Result<Arc<Plan>, DecideError> {
        self.plan.get().map_err(|corrupt| DecideError::Corrupt { table: Self::TABLE.name, corrupt })
    }

    /// Writes what a plan says about money into the columns that show it.
    pub(crate) fn show_plan(&mut self, plan: &Arc<Plan>) {
        self.total = plan.total;
        self.discount = plan.discount();
        self.points_used = plan.points;
        self.card_amount = plan.card_amount;
        self.user_coupon_id = plan.coupon.map(|coupon| coupon.user_coupon_id);
        self.plan = Doc::new(Arc::clone(plan));
    }
}
