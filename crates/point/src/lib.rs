//! The point domain: prepaid balances, and the history that explains every one of them.
//!
//! Books: a user's `balance` = Σ `amount` of the user's `point_history`, and also = Σ `GRANT` and `TAKE` rows, plus the
//! openings of `points:<user>` (steps `point` and `credit`), plus Σ movements of done receipts. A user without a row has
//! nothing. The balance names the latest entry of its history and each entry the one before it: every entry is on the way once.
//!
//! Reading order: [`tables`] → [`adjust`] (an administrator grants or takes) → [`spend`] (the step `point` of an order)
//! → [`credit`] (the step `credit` of a top-up).

pub mod adjust;
mod book;
pub mod credit;
pub mod spend;
pub mod tables;

#[cfg(test)]
mod tests;

pub use adjust::AdjustPoints;
pub use credit::CREDIT_REFUSED;
pub use tables::{PointEntry, PointKind, Points};

use credit::Credit;
use kernel::{Cx, DecideError, Domain, DomainName, Input, Keys, Participant, Record, Table, WorkingSet};
use spend::Spend;

/// The domain's name in topologies.
pub const NAME: DomainName = DomainName::of("point");

/// The point domain.
#[derive(Clone, Copy, Debug, Default)]
pub struct Point;

impl Domain for Point {
    fn name(&self) -> DomainName {
        NAME
    }

    fn tables(&self) -> Vec<&'static Table> {
        vec![Points::TABLE, PointEntry::TABLE]
    }

    fn participants(&self) -> Vec<&dyn Participant> {
        vec![&Spend, &Credit]
    }

    fn keys(&self, input: &Input<'_>, keys: &mut Keys) -> Result<(), DecideError> {
        keys.want::<Points>((asked(input)?.user,));
        Ok(())
    }

    fn decide(&self, input: &Input<'_>, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
        let command = asked(input)?;
        let decided = command.decide(state, cx);
        cx.answer(command, decided)
    }
}

/// The one command there is. The domain hears nothing, keeps nothing that falls due and raises no dead letters.
fn asked<'a>(input: &Input<'a>) -> Result<&'a AdjustPoints, DecideError> {
    let command = match input {
        Input::Command(command) => command.downcast_ref(),
        Input::Heard(_) | Input::Due { .. } | Input::Redriven(_) | Input::Resolved(_) => None,
    };
    command.ok_or_else(|| DecideError::Impossible("point is asked only to adjust points".to_owned()))
}
