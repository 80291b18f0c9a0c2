//! What every payment-gateway adapter is to its caller.

use payment::gateway::{PgAnswer, PgRequest};
use std::pin::Pin;

/// A call under way. It always ends, within the adapter's own timeout, and never fails: what went wrong is an answer too.
pub type PgFuture = Pin<Box<dyn Future<Output = PgAnswer> + Send + 'static>>;

/// A payment gateway, behind its adapter.
///
/// Dropping the future does not undo the call: the outcome is then unknown, as after a timeout.
pub trait PaymentGateway: Send + Sync {
    /// Makes one call. Nothing is retried here: when to ask again is the payment domain's decision.
    fn call(&self, request: PgRequest) -> PgFuture;
}
