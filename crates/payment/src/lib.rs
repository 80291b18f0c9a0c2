//! The payment domain: payments of orders, top-ups of points, and what is known of the outside charge behind each.
//!
//! Reading order: [`gateway`] (what a PG can be asked and can answer) → [`leg`] (one charge and its possible cancel, as a pure
//! machine) → `carry` (the machine over rows) → `payment_step` and [`top_up`] (who begins a leg, and who ends it) →
//! `reconcile` (our books against the PG's).

pub mod books;
pub mod calls;
mod carry;
mod domain;
pub mod gateway;
pub mod leg;
pub mod letters;
mod payment_step;
pub mod policy;
mod reconcile;
pub mod top_up;

pub use books::{Charge, ChargeStatus, PaymentRow, PaymentStatus, is_final};
pub use calls::{PgAnswered, PgCall, StartReconciling, Webhook};
pub use domain::Payment;
pub use policy::PaymentPolicy;
pub use top_up::{TopUp, TopUpReply};

use kernel::DomainName;

/// This domain's name.
pub const PAYMENT: DomainName = DomainName::of("payment");
