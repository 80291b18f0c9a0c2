//! A fifth participant: gift wrapping. Everything that it is stands in this file, and it knows nothing but the kernel.

use jumun::kernel::domain::{Acted, Undone};
use jumun::kernel::error::Refused;
use jumun::kernel::ledger::{Movement, movement};
use jumun::kernel::{
    Command, Cx, DecideError, Domain, DomainName, Heard, Input, Keys, Participant, Plan, Planned, Reason,
    Record, Step, Table, WorkingSet, record,
};
use smol_str::SmolStr;
use std::sync::Arc;

const NAME: DomainName = DomainName::of("gift-wrap");
const WRAP: Step = Step::of("wrap");
/// What a customer is told when there is no ribbon of the colour left.
pub const NO_RIBBON: Reason = Reason::of("NO_RIBBON");

record! {
    /// Ribbons left, by colour.
    pub struct Ribbon in "ribbons" key 1 {
        /// The colour.
        pub colour: SmolStr,
        /// How many are left.
        pub left: i64,
    }
}

/// Puts ribbons on the shelf.
pub struct StockRibbons {
    /// Of this colour.
    pub colour: SmolStr,
    /// This many.
    pub count: i64,
}

impl Command for StockRibbons {
    type Reply = Result<i64, Refused>;
    const DOMAIN: DomainName = NAME;
}

/// The domain.
pub struct GiftWrap;

impl Domain for GiftWrap {
    fn name(&self) -> DomainName {
        NAME
    }

    fn tables(&self) -> Vec<&'static Table> {
        vec![Ribbon::TABLE]
    }

    fn participants(&self) -> Vec<&dyn Participant> {
        vec![&Wrap]
    }

    fn keys(&self, input: &Input<'_>, keys: &mut Keys) -> Result<(), DecideError> {
        keys.want::<Ribbon>((stocking(input)?.colour.clone(),));
        Ok(())
    }

    fn decide(&self, input: &Input<'_>, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
        let command = stocking(input)?;
        let known: Option<Ribbon> = state.get((command.colour.clone(),))?;
        let left = known.map_or(0, |ribbon| ribbon.left) + command.count;
        state.put(&Ribbon { colour: command.colour.clone(), left });
        cx.answer(command, Ok(left))
    }
}

fn stocking<'a>(input: &Input<'a>) -> Result<&'a StockRibbons, DecideError> {
    match input {
        Input::Command(command) => command.downcast_ref(),
        Input::Heard(_) | Input::Due { .. } | Input::Redriven(_) | Input::Resolved(_) => None,
    }
    .ok_or_else(|| DecideError::Impossible("gift wrapping only stocks ribbons".to_owned()))
}

/// The step: the action beside its compensation.
struct Wrap;

/// The colour that an order asks for, under `extras.gift-wrap`.
fn colour(plan: &Plan) -> Option<SmolStr> {
    plan.extras.get("gift-wrap")?.get("colour")?.as_str().map(SmolStr::new)
}

impl Participant for Wrap {
    fn step(&self) -> Step {
        WRAP
    }

    fn planned(&self) -> Planned {
        Planned::When(|plan| colour(plan).is_some())
    }

    fn keys(&self, plan: &Plan, keys: &mut Keys) {
        if let Some(colour) = colour(plan) {
            keys.want::<Ribbon>((colour,));
        }
    }

    fn act(
        &self,
        _heard: &Heard<'_>,
        plan: &Arc<Plan>,
        state: &mut WorkingSet,
        _cx: &mut Cx<'_>,
    ) -> Result<Acted, DecideError> {
        let Some(colour) = colour(plan) else { return Ok(Acted::Refused(NO_RIBBON)) };
        let ribbon: Option<Ribbon> = state.get((colour.clone(),))?;
        let Some(ribbon) = ribbon.filter(|ribbon| ribbon.left > 0) else {
            return Ok(Acted::Refused(NO_RIBBON));
        };
        state.put(&Ribbon { left: ribbon.left - 1, ..ribbon });
        Ok(Acted::Done(colour))
    }

    fn undo(
        &self,
        _heard: &Heard<'_>,
        _plan: &Arc<Plan>,
        receipt: &str,
        state: &mut WorkingSet,
        _cx: &mut Cx<'_>,
    ) -> Result<Undone, DecideError> {
        let ribbon: Ribbon = state.need((SmolStr::new(receipt),))?;
        state.put(&Ribbon { left: ribbon.left + 1, ..ribbon });
        Ok(Undone::Now)
    }

    fn movements(&self, receipt: &str) -> Result<Vec<Movement>, DecideError> {
        Ok(vec![movement("ribbon", receipt, -1)])
    }
}
