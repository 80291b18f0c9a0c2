//! Who takes an order: a door of a shop.

use crate::meter::{End, Meter};
use crate::workload::Order;
use kernel::text_enum;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

text_enum! {
    /// Which door is driven.
    pub enum Door {
        /// The shop's own, in process: no HTTP, no authentication.
        Direct = "direct",
        /// The HTTP API, over real sockets.
        Http = "http",
    }
}

/// A door that takes orders.
pub trait Target: Send + Sync {
    /// Sends `order` and comes back at once. The ticket is told when it was answered, or that it was not; that it is settled
    /// is told by the ticket's [`Meter::settled`], or by the log of orders that the meter observes.
    fn send(&self, order: &Order, ticket: Ticket);
}

/// One order that is on its way.
#[must_use = "an order that nobody answers for is waited for"]
pub struct Ticket {
    meter: Arc<Meter>,
    /// When it was to be sent.
    intended: Duration,
}

impl Ticket {
    pub(crate) fn new(meter: Arc<Meter>, intended: Duration) -> Self {
        Self { meter, intended }
    }

    /// The order `id` was born: its birth is committed and the client knows.
    pub fn answered(self, id: Uuid) {
        self.meter.answered(id, self.intended);
    }

    /// The answer said that it is settled, too.
    pub fn answered_settled(self, id: Uuid, end: End) {
        self.meter.answered_settled(id, self.intended, end);
    }

    /// No order was made, and why.
    pub fn failed(self, why: String) {
        self.meter.failed(why);
    }

    /// Where it is told that the order is settled, should that come later.
    #[must_use]
    pub fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }
}
