//! Waiting for one order: registered before its state is looked at, so that nothing in between is missed.

use crate::shop::{Shop, ShopError};
use kernel::ids::{ChargeId, OrderId};
use order::Order;
use payment::{Charge, ChargeStatus};
use runtime::Watch;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

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
        let order = until(
            self.system().watch(),
            id.0,
            limit,
            || self.find_order(id),
            |order| order.status.is_settled(),
        )
        .await?;
        let order = Box::new(order);
        Ok(if order.status.is_settled() { Settled::Yes(order) } else { Settled::NotYet(order) })
    }

    /// Waits at most `limit` until the top-up is settled; gives it back as it then stands.
    ///
    /// # Errors
    /// [`ShopError::NotFound`] if there is none.
    pub async fn charge_settled(&self, id: ChargeId, limit: Duration) -> Result<Charge, ShopError> {
        let look = move || async move {
            self.find::<Charge>("payment", (id,)).await?.ok_or(ShopError::NotFound("top-up"))
        };
        until(self.charges(), id.0, limit, look, |charge| charge.status != ChargeStatus::Pending).await
    }
}

/// Looks at a thing, and again whenever something is said of it, until it is settled or `limit` is over.
async fn until<T, F>(
    watch: &Arc<Watch>,
    key: Uuid,
    limit: Duration,
    look: impl Fn() -> F,
    settled: impl Fn(&T) -> bool,
) -> Result<T, ShopError>
where
    F: Future<Output = Result<T, ShopError>>,
{
    if limit.is_zero() {
        return look().await;
    }
    let (sender, mut changes) = tokio::sync::watch::channel(());
    let _watching = watch.add(key, Box::new(move |_, _| sender.send_replace(())));
    let wait = tokio::time::sleep(limit);
    tokio::pin!(wait);
    loop {
        changes.borrow_and_update();
        let thing = look().await?;
        if settled(&thing) {
            return Ok(thing);
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return look().await },
            () = &mut wait => return look().await,
        }
    }
}
