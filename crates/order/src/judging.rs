//! The judge applied to an order's row: rulings become words, times and dead letters.

use crate::domain::{NAME, OrderPolicy, Setting};
use crate::tables::{FAR, Order};
use kernel::ids::{LetterId, OrderId, SagaId};
use kernel::inquiry::Inquire;
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use kernel::judge::{Announcement, Ruling, Saga, SagaStatus, Signal, StepStatus, judge};
use kernel::table::Json;
use kernel::{Cx, DecideError, Plan, Reason, Said, Step, WorkingSet};
use smol_str::SmolStr;
use std::sync::Arc;
use uuid::Uuid;

/// The step that lists wait for is done: the order's provisional save.
const SAVED: &str = "order.saved";

/// Lets the judge decide what follows from `signal`, and applies it to `order`; the caller writes the row.
pub(crate) fn rule(
    setting: &Setting<'_>,
    order: &mut Order,
    plan: &Arc<Plan>,
    signal: &Signal<'_>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let mut saga = order.saga();
    // The judge has letters of its own only where it compensates; what is stuck before that is its participant's to tell.
    let compensates = matches!(saga.status, SagaStatus::Failing | SagaStatus::Cancelling);
    let parked = saga.steps.iter().filter(|step| compensates && step.parked);
    let parked: Vec<Step> = parked.map(|step| step.name.clone()).collect();
    let was_saved = is_saved(setting, &saga);
    let rulings = judge(&mut saga, signal, &setting.wiring.coordination, &setting.policy.patience);
    for step in saga.steps.iter().filter(|step| !step.parked && parked.contains(&step.name)) {
        close_letter(order.id, &step.name, state, cx)?;
    }
    // A repeated word is no change.
    if saga != order.saga() {
        order.updated_at = cx.now;
    }
    if saga.inquired {
        order.inquired_at.get_or_insert(cx.now);
    }
    if !was_saved && is_saved(setting, &saga) {
        cx.say(NAME, plan, Said::Fact { kind: SAVED.into(), body: serde_json::Value::Null });
    }
    order.status = saga.status;
    order.reason = saga.reason;
    order.steps = Json(saga.steps);
    for ruling in rulings {
        match ruling {
            Ruling::Announce(announcement) => {
                let said = announce(order, announcement, cx)?;
                cx.say(NAME, plan, said);
            }
            Ruling::Inquire(steps) => cx.call(NAME, Inquire { saga: order.id.into(), steps }),
            Ruling::Ask(step) => cx.say(NAME, plan, Said::Asked { step }),
            Ruling::Undo(step, attempt) => cx.say(NAME, plan, Said::UndoAsked { step, attempt }),
            Ruling::WakeAfter(wait) => order.wake_at = Some(cx.now.after(wait)),
            Ruling::Sleep => order.wake_at = (!order.status.is_settled()).then_some(FAR),
            Ruling::Park(step) => park(setting.policy, order, step, state, cx),
            Ruling::Alert(detail) => cx.alert("late_refusal", Some(SagaId::from(order.id)), detail),
        }
    }
    Ok(())
}

/// Whether the step that lists wait for is done; where they wait for none there is nothing to tell.
fn is_saved(setting: &Setting<'_>, saga: &Saga) -> bool {
    let waits_for = setting.wiring.listed_after.as_ref();
    saga.steps.iter().any(|state| Some(&state.name) == waits_for && state.status == StepStatus::Done)
}

/// The words of an announcement, and what it means for the row.
fn announce(order: &mut Order, announcement: Announcement, cx: &Cx<'_>) -> Result<Said, DecideError> {
    let steps = || order.steps.0.clone();
    let reason = || order.reason.clone().unwrap_or(Reason::TIMED_OUT);
    let said = match announcement {
        Announcement::Placed => Said::Placed,
        Announcement::Failing => Said::Failing { reason: reason(), steps: steps() },
        Announcement::Cancelling => Said::Cancelling,
        Announcement::Confirmed => Said::Confirmed { settled_at: cx.now },
        Announcement::Failed => Said::Failed { reason: reason(), steps: steps() },
        Announcement::Cancelled => {
            let confirmed_at = order.confirmed_at.ok_or_else(|| {
                DecideError::Impossible("a cancelled order that was never confirmed".to_owned())
            })?;
            Said::Cancelled { confirmed_at, steps: steps() }
        }
    };
    match announcement {
        Announcement::Confirmed => {
            order.confirmed_at = Some(cx.now);
            order.settled_at = Some(cx.now);
        }
        Announcement::Failed | Announcement::Cancelled => order.settled_at = Some(cx.now),
        Announcement::Placed | Announcement::Failing | Announcement::Cancelling => order.settled_at = None,
    }
    Ok(said)
}

/// The id of the one letter that a step of an order can have with the judge: it follows from both, so that whoever hears the step
/// answer can name the letter's row before the order has been read.
pub(crate) fn letter_id(order: OrderId, step: &Step) -> LetterId {
    // FNV-1a over the step's name; the order's time, version and variant stay as they are.
    let hash = step.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    LetterId(Uuid::from_u128(order.0.as_u128() ^ u128::from(hash >> 4)))
}

/// A parked step answered by itself, or was let go: what its letter stood for went through.
fn close_letter(order: OrderId, step: &Step, state: &mut WorkingSet, cx: &Cx<'_>) -> Result<(), DecideError> {
    let letter: Option<DeadLetter> = state.get((letter_id(order, step),))?;
    if let Some(letter) = letter.filter(|letter| letter.status == LetterStatus::Open) {
        state.put(&DeadLetter { status: LetterStatus::Redriven, last_at: cx.now, ..letter });
    }
    Ok(())
}

/// A step's compensation budget is spent: it waits for an operator, the others go on.
fn park(policy: &OrderPolicy, order: &Order, step: Step, state: &mut WorkingSet, cx: &mut Cx<'_>) {
    let error = format!("no answer to {} requests for compensation", policy.patience.budget);
    cx.alert("compensation_failed", Some(SagaId::from(order.id)), format!("step {step}: {error}"));
    state.put(&DeadLetter {
        id: letter_id(order.id, &step),
        domain: NAME,
        order_id: Some(order.id.0),
        step: Some(step),
        kind: LetterKind::Compensation,
        error: SmolStr::new(error),
        attempts: i64::from(policy.patience.budget),
        first_at: cx.now,
        last_at: cx.now,
        status: LetterStatus::Open,
        message: None,
        note: None,
        handled_by: None,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters are kept under these ids: a later program has to find them.
    #[test]
    fn the_letter_of_a_step_keeps_its_id_for_ever() {
        let order = |id: &str| OrderId(id.parse().unwrap());
        for (id, step, letter) in [
            ("018bcfe5-6800-7000-8000-000000000001", Step::STOCK, "018bcfe5-6800-7000-8452-14ead76dc0ce"),
            ("018bcfe5-6800-7000-8000-000000000001", Step::PAYMENT, "018bcfe5-6800-7000-8c1f-69fc9824b692"),
            ("018bcfe5-6800-7000-bfff-ffffffffffff", Step::PAYMENT, "018bcfe5-6800-7000-b3e0-960367db496c"),
        ] {
            assert_eq!(letter_id(order(id), &step).to_string(), letter, "{step} of {id}");
        }
    }
}
