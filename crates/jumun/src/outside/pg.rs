//! Calls to the payment gateway: started after commit, answered as a command to payment.

use payment::PgCall;
use payment::gateway::PgAnswer;
use pg::PaymentGateway;
use runtime::Door;
use runtime::ports::clock::Clock;
use runtime::ports::outside::Outside;
use std::any::Any;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Most calls under way at once.
const AT_ONCE: usize = 256;

/// Performs payment's calls through a gateway adapter.
pub struct GatewayCalls {
    gateway: Arc<dyn PaymentGateway>,
    clock: Arc<dyn Clock>,
    runtime: tokio::runtime::Handle,
    room: Arc<Semaphore>,
}

impl GatewayCalls {
    /// Calls `gateway` on `runtime`.
    #[must_use]
    pub fn new(
        gateway: Arc<dyn PaymentGateway>,
        clock: Arc<dyn Clock>,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        Self { gateway, clock, runtime, room: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Outside for GatewayCalls {
    fn start(&self, request: Arc<dyn Any + Send + Sync>, door: Arc<Door>) {
        let Some(call) = request.downcast_ref::<PgCall>().cloned() else { return };
        let (gateway, clock, room) =
            (Arc::clone(&self.gateway), Arc::clone(&self.clock), Arc::clone(&self.room));
        self.runtime.spawn(async move {
            // The semaphore is never closed.
            let _room = room.acquire().await;
            let answer = if clock.now() > call.start_by {
                PgAnswer::NotSent { detail: "it waited too long for its turn".to_owned() }
            } else {
                gateway.call(call.request.clone()).await
            };
            door.tell(call.answered(answer), kernel::Trace::default());
        });
    }
}
