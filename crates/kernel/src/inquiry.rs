//! An inquiry: instead of waiting to be told, a saga's owner has the participants' own books looked at. A shortcut that only
//! hastens: a step without an inbox row means "not yet", and looking writes nothing.

use crate::domain::Command;
use crate::ids::SagaId;
use crate::judge::{SagaStatus, StepState, StepStatus};
use crate::names::{DomainName, Step};
use crate::participation::{Inbox, InboxState};
use crate::said::Said;

/// The outside call: what have these steps of this saga come to? Answered by [`Inquired`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquire {
    /// The saga.
    pub saga: SagaId,
    /// The steps that have not answered.
    pub steps: Vec<Step>,
}

/// What was found in the participants' books, each as its participant would have said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquired {
    /// The saga.
    pub saga: SagaId,
    /// In the plan's order; steps that have come to nothing yet, or cannot be asked, are left out.
    pub found: Vec<Said>,
}

impl Command for Inquired {
    type Reply = ();
    const DOMAIN: DomainName = DomainName::of("order");
}

/// The steps of an order under way that have not told how they end: whom a client's poll asks about.
pub fn unheard(status: SagaStatus, steps: &[StepState]) -> impl Iterator<Item = &Step> {
    let is_open = move |step: &&StepState| match (status, step.status) {
        (_, StepStatus::Unknown) => true,
        // Where it was to succeed it has; where it is given back it has not yet said so.
        (status, StepStatus::Done) => status != SagaStatus::Pending,
        (_, StepStatus::Refused | StepStatus::Compensated) => false,
    };
    steps.iter().filter(is_open).map(|step| &step.name)
}

/// What an inbox row says; `None` while its outcome is open.
#[must_use]
pub fn said_by(row: &Inbox) -> Option<Said> {
    let step = row.step.clone();
    match row.state {
        InboxState::Done => Some(Said::Done { step, prior: Vec::new() }),
        // Whoever refused keeps its reason.
        InboxState::Refused => row.reason.clone().map(|reason| Said::Refused { step, reason }),
        InboxState::Compensated => Some(Said::Compensated { step, cause: row.reason.clone() }),
        InboxState::Pending | InboxState::PendingUndo | InboxState::Undoing => None,
    }
}
