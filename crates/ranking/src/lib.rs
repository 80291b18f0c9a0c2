//! The ranking domain: how many of each product were sold on each day.
//!
//! The `sales` table is the book. Whatever serves best sellers faster (a Redis sorted set per day) is built from it and can
//! be rebuilt from it. Ranking follows orders and can fail none.

mod changes;
mod sales;

#[cfg(test)]
mod tests;

pub use changes::{Changes, changes};
pub use sales::{BEST_SELLERS_GROUP, BEST_SELLERS_SUM, Sale, Sales, SalesReceipt, SoldLine, first_day};

use kernel::{Cx, DecideError, Domain, DomainName, Input, Keys, Participant, Record, Table, WorkingSet};

/// The domain's name.
pub const NAME: DomainName = DomainName::of("ranking");

/// The ranking domain: the step `sales` is all it does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ranking {
    sales: Sales,
}

/// It acts through its step only: it takes no command, subscribes to nothing, sets no timer and raises no dead letter.
impl Domain for Ranking {
    fn name(&self) -> DomainName {
        NAME
    }

    fn tables(&self) -> Vec<&'static Table> {
        vec![Sale::TABLE]
    }

    fn participants(&self) -> Vec<&dyn Participant> {
        vec![&self.sales]
    }

    fn keys(&self, input: &Input<'_>, _keys: &mut Keys) -> Result<(), DecideError> {
        Err(input.unexpected(&NAME))
    }

    fn decide(
        &self,
        input: &Input<'_>,
        _state: &mut WorkingSet,
        _cx: &mut Cx<'_>,
    ) -> Result<(), DecideError> {
        Err(input.unexpected(&NAME))
    }
}
