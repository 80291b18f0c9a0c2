//! A toy domain: a library that lends and copies books at once, and has parcels shipped by a carrier outside.

use jumun_kernel::domain::{Acted, Undone};
use jumun_kernel::ids::{SagaId, UserId};
use jumun_kernel::ledger::{Movement, movement};
use jumun_kernel::participation::{self, Inbox, OnOutcome, Outcome};
use jumun_kernel::testbed::bare_plan;
use jumun_kernel::{
    Command, Cx, DecideError, Domain, DomainName, Heard, Input, Keys, Money, Participant, Plan, Planned,
    Reason, Record, Step, Table, WorkingSet, record,
};
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;
use uuid::Uuid;

pub(crate) const LIBRARY: DomainName = DomainName::of("library");
pub(crate) const LEND: Step = Step::of("lend");
pub(crate) const COPY: Step = Step::of("copy");
pub(crate) const SHIP: Step = Step::of("ship");

record! {
    /// How many books stand on a shelf.
    pub struct Shelf in "shelves" key 1 {
        /// The step that takes from it.
        pub step: Step,
        /// How many.
        pub books: i64,
    }
}

/// Takes `plan.total` books from its shelf.
pub(crate) struct Take(Step);

/// Ships outside: its answer comes later.
pub(crate) struct Ship;

/// The carrier's answer.
pub(crate) struct Ended {
    pub(crate) saga: SagaId,
    pub(crate) outcome: Outcome,
}

impl Command for Ended {
    type Reply = OnOutcome;
    const DOMAIN: DomainName = LIBRARY;
}

pub(crate) struct Library {
    pub(crate) lend: Take,
    pub(crate) copy: Take,
    pub(crate) ship: Ship,
}

impl Library {
    pub(crate) fn new() -> Self {
        Self { lend: Take(LEND), copy: Take(COPY), ship: Ship }
    }
}

/// A plan that takes `books` from each shelf, in a saga of its own.
pub(crate) fn loan(saga: u128, books: i64) -> Arc<Plan> {
    let total = Money::new(books).unwrap();
    let steps = vec![LEND, COPY, SHIP];
    Arc::new(Plan { total, steps, ..bare_plan(saga, UserId(Uuid::from_u128(1))) })
}

impl Domain for Library {
    fn name(&self) -> DomainName {
        LIBRARY
    }

    fn tables(&self) -> Vec<&'static Table> {
        vec![Shelf::TABLE]
    }

    fn participants(&self) -> Vec<&dyn Participant> {
        vec![&self.lend, &self.copy, &self.ship]
    }

    fn keys(&self, input: &Input<'_>, keys: &mut Keys) -> Result<(), DecideError> {
        keys.want::<Inbox>((ended(input)?.saga, SHIP));
        Ok(())
    }

    fn decide(&self, input: &Input<'_>, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
        let Ended { saga, outcome } = ended(input)?;
        let left_to_do = participation::settle(&LIBRARY, *saga, SHIP, outcome.clone(), state, cx)?;
        cx.reply(left_to_do);
        Ok(())
    }
}

fn ended<'a>(input: &Input<'a>) -> Result<&'a Ended, DecideError> {
    match input {
        Input::Command(command) => command.downcast_ref(),
        _ => None,
    }
    .ok_or_else(|| DecideError::Impossible("only the carrier speaks to the library".to_owned()))
}

impl Participant for Take {
    fn step(&self) -> Step {
        self.0.clone()
    }

    fn planned(&self) -> Planned {
        Planned::Always
    }

    fn keys(&self, _plan: &Plan, keys: &mut Keys) {
        keys.want::<Shelf>((self.0.clone(),));
    }

    /// Takes first and looks then, and talks meanwhile: what a refusal leaves half done, the kernel discards.
    fn act(
        &self,
        _heard: &Heard<'_>,
        plan: &Arc<Plan>,
        state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Acted, DecideError> {
        let mut shelf: Shelf = state.need((self.0.clone(),))?;
        shelf.books -= plan.total.minor();
        state.put(&shelf);
        cx.state_fact(LIBRARY, plan.saga.0, "library.taken", serde_json::json!({ "left": shelf.books }));
        cx.call(LIBRARY, "ring the bell");
        if shelf.books < 0 {
            return Ok(Acted::Refused(Reason::OUT_OF_STOCK));
        }
        Ok(Acted::Done(format_smolstr!("{}", plan.total)))
    }

    fn undo(
        &self,
        _heard: &Heard<'_>,
        _plan: &Arc<Plan>,
        receipt: &str,
        state: &mut WorkingSet,
        _cx: &mut Cx<'_>,
    ) -> Result<Undone, DecideError> {
        let mut shelf: Shelf = state.need((self.0.clone(),))?;
        shelf.books += taken(receipt)?;
        state.put(&shelf);
        Ok(Undone::Now)
    }

    fn movements(&self, receipt: &str) -> Result<Vec<Movement>, DecideError> {
        Ok(vec![movement("books", &self.0, -taken(receipt)?)])
    }
}

fn taken(receipt: &str) -> Result<i64, DecideError> {
    receipt.parse().map_err(|_| DecideError::Document(receipt.to_owned()))
}

impl Participant for Ship {
    fn step(&self) -> Step {
        SHIP
    }

    fn planned(&self) -> Planned {
        Planned::Always
    }

    fn keys(&self, _plan: &Plan, _keys: &mut Keys) {}

    fn act(
        &self,
        _heard: &Heard<'_>,
        _plan: &Arc<Plan>,
        _state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Acted, DecideError> {
        cx.call(LIBRARY, "ship it");
        Ok(Acted::Pending(None))
    }

    fn undo(
        &self,
        _heard: &Heard<'_>,
        _plan: &Arc<Plan>,
        _receipt: &str,
        _state: &mut WorkingSet,
        cx: &mut Cx<'_>,
    ) -> Result<Undone, DecideError> {
        cx.call(LIBRARY, "bring it back");
        Ok(Undone::Pending)
    }

    fn movements(&self, _receipt: &str) -> Result<Vec<Movement>, DecideError> {
        Ok(Vec::new())
    }
}

/// `TookEffect` with a carrier's receipt.
pub(crate) fn shipped() -> Outcome {
    Outcome::TookEffect(SmolStr::new("parcel 7"))
}
