//! The participation rule: what one participant does with a message, whatever was duplicated, reordered, late or replayed.
//!
//! The rule itself is three functions over [`InboxState`]; they are what the model checker explores. The rest of the file
//! applies them to rows.

use crate::domain::{Acted, Cx, Heard, Keys, Participant, Undone};
use crate::error::DecideError;
use crate::ids::SagaId;
use crate::names::{DomainName, Reason, Step};
use crate::plan::Plan;
use crate::said::Said;
use crate::state::WorkingSet;
use crate::table::Json;
use crate::time::Timestamp;
use crate::{record, text_enum};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

text_enum! {
    /// What a participant remembers of one step of one saga.
    pub enum InboxState {
        /// An outside call was asked for; its outcome is not known.
        Pending = "pending",
        /// As pending, and to be undone once the outcome is known.
        PendingUndo = "pending+undo",
        /// The action took effect.
        Done = "done",
        /// An outside cancel was asked for.
        Undoing = "undoing",
        /// The action was refused.
        Refused = "refused",
        /// Nothing of it is in effect, now or ever: also the tombstone that a late action finds.
        Compensated = "compensated",
    }
}

record! {
    /// One row per (saga, step): the dedupe table, the tombstone and the movement ledger at once.
    pub struct Inbox in "inbox" key 2 {
        /// The order or top-up.
        pub saga: SagaId,
        /// The step.
        pub step: Step,
        /// Where it stands.
        pub state: InboxState,
        /// What was taken (JSON); kept when compensated, so that the books show both.
        pub receipt: Option<SmolStr>,
        /// Why it refused, or what made it compensate.
        pub reason: Option<Reason>,
        /// What is needed to answer once an outside call ends.
        pub held: Option<Json<Held>>,
        /// When the row last changed.
        pub at: Timestamp,
    }
}

/// What a pending step keeps so that it can go on speaking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The saga's plan.
    pub plan: Arc<Plan>,
    /// What had been done before this step in a chain.
    #[serde(default)]
    pub prior: Vec<Step>,
}

/// What to do when an action arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnAction {
    /// Decide it: the first time.
    Decide,
    /// Say nothing: the answer will come, or must not.
    StayQuiet,
    /// Repeat "done".
    RepeatDone,
    /// Repeat the refusal.
    RepeatRefusal,
    /// Say that it is compensated: a blocked action never answers success.
    SayCompensated,
}

/// The rule for an action.
#[must_use]
pub fn on_action(row: Option<InboxState>) -> OnAction {
    match row {
        None => OnAction::Decide,
        Some(InboxState::Pending | InboxState::PendingUndo | InboxState::Undoing) => OnAction::StayQuiet,
        Some(InboxState::Done) => OnAction::RepeatDone,
        Some(InboxState::Refused) => OnAction::RepeatRefusal,
        Some(InboxState::Compensated) => OnAction::SayCompensated,
    }
}

/// What to do when a compensation arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnCompensation {
    /// Write the tombstone: a late action finds it and does nothing.
    Tombstone,
    /// Remember to undo once the outcome is known.
    MarkUndo,
    /// Nothing: it is under way.
    StayQuiet,
    /// Undo what the receipt says.
    Undo,
    /// Nothing was taken: become compensated.
    Close,
    /// Say so again.
    SayCompensated,
}

/// The rule for a compensation.
#[must_use]
pub fn on_compensation(row: Option<InboxState>) -> OnCompensation {
    match row {
        None => OnCompensation::Tombstone,
        Some(InboxState::Pending) => OnCompensation::MarkUndo,
        Some(InboxState::PendingUndo | InboxState::Undoing) => OnCompensation::StayQuiet,
        Some(InboxState::Done) => OnCompensation::Undo,
        Some(InboxState::Refused) => OnCompensation::Close,
        Some(InboxState::Compensated) => OnCompensation::SayCompensated,
    }
}

/// How an outside call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The action took effect; what was taken.
    TookEffect(SmolStr),
    /// The action certainly had no effect, and why.
    NoEffect(Reason),
    /// The effect was taken back.
    Undone,
}

/// What to do with an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnOutcome {
    /// Become done and say so.
    BecomeDone,
    /// Become refused and say so.
    BecomeRefused,
    /// It took effect although it was to be undone: undo it now.
    StartUndo,
    /// Become compensated and say so.
    BecomeCompensated,
    /// Nothing: the row says so already.
    Nothing,
    /// An effect turned up after the row was closed without one: the domain cancels it, the row stays.
    Stray,
}

/// The rule for an outcome.
///
/// # Errors
/// A pair that cannot happen.
pub fn on_outcome(row: Option<InboxState>, outcome: &Outcome) -> Result<OnOutcome, DecideError> {
    use InboxState::{Compensated, Done, Pending, PendingUndo, Refused, Undoing};
    match (row, outcome) {
        (Some(Pending), Outcome::TookEffect(_)) => Ok(OnOutcome::BecomeDone),
        (Some(Pending), Outcome::NoEffect(_)) => Ok(OnOutcome::BecomeRefused),
        (Some(PendingUndo), Outcome::TookEffect(_)) => Ok(OnOutcome::StartUndo),
        (Some(PendingUndo), Outcome::NoEffect(_)) | (Some(Undoing), Outcome::Undone) => {
            Ok(OnOutcome::BecomeCompensated)
        }
        (Some(Done | Undoing), Outcome::TookEffect(_))
        | (Some(Refused), Outcome::NoEffect(_))
        | (Some(Compensated), Outcome::NoEffect(_) | Outcome::Undone) => Ok(OnOutcome::Nothing),
        (Some(Refused | Compensated), Outcome::TookEffect(_)) => Ok(OnOutcome::Stray),
        (None, _)
        | (Some(Pending | PendingUndo | Done | Refused), Outcome::Undone)
        | (Some(Done | Undoing), Outcome::NoEffect(_)) => {
            Err(DecideError::Impossible(format!("outcome {outcome:?} for an inbox row {row:?}")))
        }
    }
}

/// Names the rows that handling `heard` at `participant` touches.
pub fn keys(participant: &dyn Participant, heard: &Heard<'_>, plan: &Plan, keys: &mut Keys) {
    keys.claim::<Inbox>((plan.saga, participant.step()));
    participant.keys(plan, keys);
    participant.keys_heard(heard, plan, keys);
}

/// An action arrives at one participant, or at a group of one unit that decides as one: if any refuses, none applies.
///
/// # Errors
/// A fault of a decider.
pub fn act(
    group: &[(&DomainName, &dyn Participant)],
    heard: &Heard<'_>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let plan = heard.need_plan()?;
    let mut fresh = Vec::new();
    let mut blocked = None;
    for (domain, participant) in group {
        let step = participant.step();
        let row: Option<Inbox> = state.get((plan.saga, step.clone()))?;
        match on_action(row.as_ref().map(|row| row.state)) {
            OnAction::Decide => fresh.push((*domain, *participant)),
            OnAction::StayQuiet => {}
            OnAction::RepeatDone => {
                cx.say((*domain).clone(), plan, Said::Done { step, prior: prior_of(heard) });
            }
            OnAction::RepeatRefusal => {
                let reason = row.and_then(|row| row.reason).unwrap_or(Reason::TIMED_OUT);
                blocked = Some(reason.clone());
                cx.say((*domain).clone(), plan, Said::Refused { step, reason });
            }
            OnAction::SayCompensated => {
                let cause = row.and_then(|row| row.reason);
                blocked = Some(cause.clone().unwrap_or(Reason::TIMED_OUT));
                cx.say((*domain).clone(), plan, Said::Compensated { step, cause });
            }
        }
    }
    match blocked {
        // Part of the group can never take effect any more, so no other part may.
        Some(cause) => {
            for (domain, participant) in fresh {
                close(
                    domain,
                    participant.step(),
                    InboxState::Compensated,
                    Some(cause.clone()),
                    plan,
                    state,
                    cx,
                );
            }
            Ok(())
        }
        None => act_fresh(&fresh, heard, plan, state, cx),
    }
}

fn act_fresh(
    group: &[(&DomainName, &dyn Participant)],
    heard: &Heard<'_>,
    plan: &Arc<Plan>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let (checkpoint, mark) = (state.checkpoint(), cx.mark());
    let mut prior = prior_of(heard);
    for (domain, participant) in group {
        let step = participant.step();
        let (inbox_state, receipt) = match participant.act(heard, plan, state, cx)? {
            Acted::Done(receipt) => (InboxState::Done, Some(receipt)),
            Acted::Pending(receipt) => (InboxState::Pending, receipt),
            Acted::Refused(reason) => {
                state.roll_back(checkpoint);
                cx.rewind(mark);
                refuse_group(group, &step, &reason, plan, state, cx);
                return Ok(());
            }
        };
        let held = (inbox_state == InboxState::Pending)
            .then(|| Json(Held { plan: Arc::clone(plan), prior: prior.clone() }));
        state.put(&Inbox {
            saga: plan.saga,
            step: step.clone(),
            state: inbox_state,
            receipt,
            reason: None,
            held,
            at: cx.now,
        });
        let said = match inbox_state {
            InboxState::Pending => Said::Pending { step },
            _ => Said::Done { step: step.clone(), prior: prior.clone() },
        };
        if let Said::Done { step, .. } = &said {
            prior.push(step.clone());
        }
        cx.say((*domain).clone(), plan, said);
    }
    Ok(())
}

/// One of the group refuses: its row says so, the others are compensated with its cause.
fn refuse_group(
    group: &[(&DomainName, &dyn Participant)],
    refusing: &Step,
    reason: &Reason,
    plan: &Arc<Plan>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) {
    for (domain, participant) in group {
        let step = participant.step();
        let to = if step == *refusing { InboxState::Refused } else { InboxState::Compensated };
        close(domain, step, to, Some(reason.clone()), plan, state, cx);
    }
}

/// A compensation arrives.
///
/// # Errors
/// A fault of a decider.
pub fn compensate(
    by: &DomainName,
    participant: &dyn Participant,
    heard: &Heard<'_>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let plan = heard.need_plan()?;
    let step = participant.step();
    let cause = heard.said.reason().cloned();
    let row: Option<Inbox> = state.get((plan.saga, step.clone()))?;
    match (on_compensation(row.as_ref().map(|row| row.state)), row) {
        (OnCompensation::StayQuiet, _) => {}
        (OnCompensation::SayCompensated, row) => {
            let cause = row.and_then(|row| row.reason).or(cause);
            cx.say(by.clone(), plan, Said::Compensated { step, cause });
        }
        (OnCompensation::MarkUndo, Some(row)) => {
            state.put(&Inbox { state: InboxState::PendingUndo, reason: cause, at: cx.now, ..row });
        }
        (OnCompensation::Undo, Some(row)) => {
            undo_row(by, participant, heard, plan, row, cause, state, cx)?;
        }
        (OnCompensation::Close, Some(row)) => {
            let reason = row.reason.clone().or(cause);
            close(by, step, InboxState::Compensated, reason, plan, state, cx);
        }
        (OnCompensation::Tombstone, _) => close(by, step, InboxState::Compensated, cause, plan, state, cx),
        (verdict @ (OnCompensation::MarkUndo | OnCompensation::Undo | OnCompensation::Close), None) => {
            return Err(DecideError::Impossible(format!("{verdict:?} without an inbox row")));
        }
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "private: the row, its cause and the decision's context")]
fn undo_row(
    by: &DomainName,
    participant: &dyn Participant,
    heard: &Heard<'_>,
    plan: &Arc<Plan>,
    row: Inbox,
    cause: Option<Reason>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let receipt = row.receipt.clone().unwrap_or_default();
    let undone = participant.undo(heard, plan, &receipt, state, cx)?;
    let (to, held) = match undone {
        Undone::Now => (InboxState::Compensated, None),
        Undone::Pending => {
            (InboxState::Undoing, Some(Json(Held { plan: Arc::clone(plan), prior: Vec::new() })))
        }
    };
    let step = row.step.clone();
    state.put(&Inbox { state: to, reason: cause.clone(), held, at: cx.now, ..row });
    if undone == Undone::Now {
        cx.say(by.clone(), plan, Said::Compensated { step, cause });
    }
    Ok(())
}

/// Whether a step's row still asks for the outside call of its action: one that is to be undone, or has ended, does not.
///
/// # Errors
/// If the row was not named, or does not read.
pub fn still_asks(saga: SagaId, step: Step, state: &WorkingSet) -> Result<bool, DecideError> {
    let row: Option<Inbox> = state.get((saga, step))?;
    Ok(row.is_some_and(|row| row.state == InboxState::Pending))
}

/// An outside call ended: the row moves on, and the saga hears of it. Returns what the domain still has to do:
/// [`OnOutcome::StartUndo`] and [`OnOutcome::Stray`] ask it for a cancel.
///
/// # Errors
/// A pair of row and outcome that cannot happen.
pub fn settle(
    by: &DomainName,
    saga: SagaId,
    step: Step,
    outcome: Outcome,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<OnOutcome, DecideError> {
    let row: Option<Inbox> = state.get((saga, step.clone()))?;
    let verdict = on_outcome(row.as_ref().map(|row| row.state), &outcome)?;
    let Some(row) = row else { return Ok(verdict) };
    let held = || {
        row.held.clone().map(|held| held.0).ok_or_else(|| DecideError::Impossible("no plan held".to_owned()))
    };
    let at = cx.now;
    match (verdict, outcome) {
        (OnOutcome::Nothing | OnOutcome::Stray, _) => {}
        (OnOutcome::BecomeDone, Outcome::TookEffect(receipt)) => {
            let Held { plan, prior } = held()?;
            state.put(&Inbox { state: InboxState::Done, receipt: Some(receipt), held: None, at, ..row });
            cx.say(by.clone(), &plan, Said::Done { step, prior });
        }
        (OnOutcome::StartUndo, Outcome::TookEffect(receipt)) => {
            state.put(&Inbox { state: InboxState::Undoing, receipt: Some(receipt), at, ..row });
        }
        (OnOutcome::BecomeRefused, Outcome::NoEffect(reason)) => {
            let plan = held()?.plan;
            state.put(&Inbox {
                state: InboxState::Refused,
                reason: Some(reason.clone()),
                held: None,
                at,
                ..row
            });
            cx.say(by.clone(), &plan, Said::Refused { step, reason });
        }
        (OnOutcome::BecomeCompensated, _) => {
            let plan = held()?.plan;
            let cause = row.reason.clone();
            state.put(&Inbox { state: InboxState::Compensated, held: None, at, ..row });
            cx.say(by.clone(), &plan, Said::Compensated { step, cause });
        }
        (verdict, outcome) => return Err(DecideError::Impossible(format!("{verdict:?} for {outcome:?}"))),
    }
    Ok(verdict)
}

fn close(
    by: &DomainName,
    step: Step,
    to: InboxState,
    reason: Option<Reason>,
    plan: &Arc<Plan>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) {
    state.put(&Inbox {
        saga: plan.saga,
        step: step.clone(),
        state: to,
        receipt: None,
        reason: reason.clone(),
        held: None,
        at: cx.now,
    });
    let said = match (to, reason) {
        (InboxState::Refused, Some(reason)) => Said::Refused { step, reason },
        (_, cause) => Said::Compensated { step, cause },
    };
    cx.say(by.clone(), plan, said);
}

/// In a chain the message that makes a step act carries what is already done.
fn prior_of(heard: &Heard<'_>) -> Vec<Step> {
    match heard.said {
        Said::Done { step, prior } => prior.iter().chain([step]).cloned().collect(),
        _ => Vec::new(),
    }
}
