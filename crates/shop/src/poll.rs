//! A client's poll: in topologies that ask for it, looking at an unsettled order asks its participants what they did, and settles
//! the order if that is enough. Otherwise an order is what has been heard of it.

use crate::shop::{Shop, ShopError};
use kernel::ids::{OrderId, SagaId};
use kernel::inquiry::{self, Inquired};
use kernel::judge::SagaStatus;
use kernel::topology::Inquiry;
use kernel::{DomainName, Step};
use order::Order;
use parking_lot::Mutex;
use runtime::System;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long a client that polls waits for the participants; then it is shown what is known.
pub const LIMIT: Duration = Duration::from_secs(1);

/// A poll of one order, and whom it asks. It knows no clock and does not wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    saga: SagaId,
    /// The steps that other units run and that have not told how they ended.
    steps: Vec<Step>,
}

impl Poll {
    /// The poll of `order`; none where the topology does not poll, the order is at rest, or nobody is left to be asked. `system` is
    /// that of the order's unit.
    #[must_use]
    pub fn of(system: &System, order: &Order) -> Option<Self> {
        let under_way =
            matches!(order.status, SagaStatus::Pending | SagaStatus::Failing | SagaStatus::Cancelling);
        if system.topology().inquiry != Inquiry::Poll || !under_way {
            return None;
        }
        let steps = unheard(system, order);
        (!steps.is_empty()).then_some(Self { saga: order.id.into(), steps })
    }

    /// Looks into the participants' books: what the order is to be told. None: nothing yet is no news.
    #[must_use]
    pub fn look(&self, system: &System) -> Option<Inquired> {
        let found = system.inquirer().look(self.saga, &self.steps);
        (!found.is_empty()).then_some(Inquired { saga: self.saga, found })
    }
}

/// The steps that other units run and that have not told how they ended.
fn unheard(system: &System, order: &Order) -> Vec<Step> {
    let home = |domain: &DomainName| system.home(domain).map(|home| home.database.name.as_str());
    let own = home(&order::NAME);
    let open = inquiry::unheard(order.status, &order.steps.0);
    open.filter(|step| system.runner(step).and_then(home) != own).cloned().collect()
}

/// The polls that are under way: everyone who asks about one order meanwhile gets the same answer.
#[derive(Default)]
pub(crate) struct Polls(Mutex<BTreeMap<OrderId, watch::Receiver<()>>>);

impl Shop {
    /// `order` as its participants' own books show it, where the topology polls them; as it is everywhere else, when it is at rest,
    /// or when they do not answer in time.
    ///
    /// # Errors
    /// If the order cannot be read again.
    pub async fn polled(&self, order: Order) -> Result<Order, ShopError> {
        let Some(poll) = Poll::of(self.system(), &order) else { return Ok(order) };
        let mut answered = self.polls().join(self.system(), &order, poll);
        // The sender is dropped when the poll is over: that is the answer. In time or not, the order is shown as it then is.
        let _ = tokio::time::timeout(LIMIT, answered.changed()).await;
        self.find_order(order.id).await
    }
}

impl Polls {
    /// The poll of `order` that is under way, or this one. It ends when the receiver's sender is gone.
    fn join(self: &Arc<Self>, system: &Arc<System>, order: &Order, poll: Poll) -> watch::Receiver<()> {
        let mut under_way = self.0.lock();
        if let Some(known) = under_way.get(&order.id) {
            return known.clone();
        }
        let (sender, receiver) = watch::channel(());
        under_way.insert(order.id, receiver.clone());
        let (polls, system, id, trace) = (Arc::clone(self), Arc::clone(system), order.id, order.trace);
        tokio::spawn(async move {
            let poll = async {
                let books = Arc::clone(&system);
                match tokio::task::spawn_blocking(move || poll.look(&books)).await {
                    Ok(Some(inquired)) => system.ask(inquired, trace).await,
                    Ok(None) | Err(_) => Ok(()),
                }
            };
            if let Ok(Err(error)) = tokio::time::timeout(LIMIT, poll).await {
                tracing::warn!(order_id = %id, %error, "a poll's answers could not be judged");
            }
            polls.0.lock().remove(&id);
            drop(sender);
        });
        receiver
    }
}
