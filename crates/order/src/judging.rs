//! The judge applied to an order's row: rulings become words, times and dead letters.

use crate::domain::{NAME, OrderPolicy};
use crate::tables::{FAR, Order};
use kernel::ids::{LetterId, SagaId};
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use kernel::judge::{Announcement, Ruling, Signal, judge};
use kernel::table::Json;
use kernel::{Cx, DecideError, Plan, Reason, Said, Step, WorkingSet};
use smol_str::SmolStr;
use std::sync::Arc;

/// Lets the judge decide what follows from `signal`, and applies it to `order`; the caller writes the row.
pub(crate) fn rule(
    policy: &OrderPolicy,
    order: &mut Order,
    plan: &Arc<Plan>,
    signal: &Signal<'_>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let mut saga = order.saga();
    let rulings = judge(&mut saga, signal, policy.coordination, &policy.patience);
    order.status = saga.status;
    order.reason = saga.reason;
    order.steps = Json(saga.steps);
    order.updated_at = cx.now;
    for ruling in rulings {
        match ruling {
            Ruling::Announce(announcement) => {
                let said = announce(order, announcement, cx)?;
                cx.say(NAME, plan, said);
            }
            Ruling::Ask(step) => cx.say(NAME, plan, Said::Asked { step }),
            Ruling::Undo(step, attempt) => cx.say(NAME, plan, Said::UndoAsked { step, attempt }),
            Ruling::WakeAfter(wait) => order.wake_at = Some(cx.now.after(wait)),
            Ruling::Sleep => order.wake_at = (!order.status.is_settled()).then_some(FAR),
            Ruling::Park(step) => park(policy, order, step, state, cx),
            Ruling::Alert(detail) => cx.alert("late_refusal", Some(SagaId::from(order.id)), detail),
        }
    }
    Ok(())
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

/// A step's compensation budget is spent: it waits for an operator, the others go on.
fn park(policy: &OrderPolicy, order: &Order, step: Step, state: &mut WorkingSet, cx: &mut Cx<'_>) {
    let error = format!("no answer to {} requests for compensation", policy.patience.budget);
    cx.alert("compensation_failed", Some(SagaId::from(order.id)), format!("step {step}: {error}"));
    state.put(&DeadLetter {
        id: LetterId(cx.ids.next()),
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
