//! The read model: orders as people look at them, built from nothing but what is heard.
//!
//! Hearing everything again from the start, over an empty table or over this one, ends in the same rows.

mod view;

#[cfg(test)]
mod tests;

pub use view::{OrderHead, OrderTrace, OrderView};

use kernel::ids::OrderId;
use kernel::{Cx, DecideError, Domain, DomainName, Heard, Input, Keys, Record, Table, WorkingSet};
use smol_str::SmolStr;
use view::News;

/// The domain's name.
pub const NAME: DomainName = DomainName::of("read-model");

/// The read-model domain.
#[derive(Clone, Debug)]
pub struct ReadModel {
    /// The topology that orders are carried out by, shown on each of them.
    topology: SmolStr,
    /// Whether a placed order stands in lists only once it is saved or settled.
    lists_wait: bool,
}

impl ReadModel {
    /// A read model of the orders of `topology`; with `lists_wait`, a placed order stands in lists only once `order.saved` is heard
    /// or it is settled.
    #[must_use]
    pub fn new(topology: impl Into<SmolStr>, lists_wait: bool) -> Self {
        Self { topology: topology.into(), lists_wait }
    }

    fn hear(&self, heard: &Heard<'_>, state: &mut WorkingSet, cx: &Cx<'_>) -> Result<(), DecideError> {
        let news = News::of(heard.said)?;
        let known: Option<OrderView> = state.get((OrderId(heard.key),))?;
        let view = match known {
            None => {
                let (order_id, user_id) = (OrderId(heard.key), heard.need_plan()?.user);
                let head: Option<OrderHead> = state.get((user_id,))?;
                let previous = head.map(|head| head.latest);
                let (topology, lists_wait) = (self.topology.clone(), self.lists_wait);
                let view = view::first(heard, &news, cx.trace, topology, lists_wait, previous)?;
                state.put(&OrderTrace { order_id, trace: cx.trace });
                state.put(&OrderHead { user_id, latest: order_id });
                view
            }
            Some(view) => match view::next(view, heard, &news)? {
                Some(view) => view,
                None => return Ok(()),
            },
        };
        state.put(&view);
        Ok(())
    }
}

impl Domain for ReadModel {
    fn name(&self) -> DomainName {
        NAME
    }

    fn tables(&self) -> Vec<&'static Table> {
        vec![OrderView::TABLE, OrderHead::TABLE, OrderTrace::TABLE]
    }

    fn hears(&self) -> &'static [&'static str] {
        &[
            "order.created",
            "order.placed",
            "order.saved",
            "order.confirmed",
            "order.failing",
            "order.failed",
            "order.cancelling",
            "order.cancelled",
            "order.fulfilled",
        ]
    }

    fn keys(&self, input: &Input<'_>, keys: &mut Keys) -> Result<(), DecideError> {
        let heard = input.only_heard(&NAME)?;
        keys.want::<OrderView>((OrderId(heard.key),));
        // Any word may be the first one heard of an order.
        if let Some(plan) = heard.plan {
            keys.want::<OrderHead>((plan.user,));
        }
        Ok(())
    }

    fn decide(&self, input: &Input<'_>, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
        self.hear(input.only_heard(&NAME)?, state, cx)
    }
}
