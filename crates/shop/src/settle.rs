//! Waiting for one order: registered before its state is looked at, so that nothing in between is missed.

use crate::shop::{Shop, ShopError};
use kernel::ids::OrderId;
use order::Order;
use std::time::Duration;

/// How a wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The order is settled.
    Yes(Box<Order>),
    /// It is still under way.
    NotYet(Box<Order>),
}

impl Settled {
    /// The order, settled or not.
    #[must_use]
    pub fn order(self) -> Order {
        match self {
            Self::Yes(order) | Self::NotYet(order) => *order,
        }
    }
}

impl Shop {
    /// Waits at most `limit` until the order is settled.
    ///
    /// # Errors
    /// [`ShopError::NotFound`] if there is no such order.
    pub async fn settled(&self, id: OrderId, limit: Duration) -> Result<Settled, ShopError> {
        let (sender, mut changes) = tokio::sync::watch::channel(());
        self.system().watch().add(id.0, Box::new(move |_, _| sender.send(()).is_ok()));
        let wait = async {
            loop {
                changes.borrow_and_update();
                let order = self.order(id)?;
                if order.status.is_settled() || changes.changed().await.is_err() {
                    return Ok::<Order, ShopError>(order);
                }
            }
        };
        match tokio::time::timeout(limit, wait).await {
            Ok(order) => {
                let order = Box::new(order?);
                Ok(if order.status.is_settled() { Settled::Yes(order) } else { Settled::NotYet(order) })
            }
            Err(_) => Ok(Settled::NotYet(Box::new(self.order(id)?))),
        }
    }
}
