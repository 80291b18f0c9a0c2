//! Reconciliation: the PG's own book, read page by page from where the last reading ended, and now and then from its beginning.
//!
//! A page is passed only when everything on it is older than the PG's settling time, so a late entry is never skipped. What
//! looks odd is looked up again before anything is done about it: the leg decides, on a look newer than its last move.

use crate::PAYMENT;
use crate::books::{Charge, ChargeStatus, PaymentRow, PaymentStatus, PgBook, UnknownCharge};
use crate::calls::PgCall;
use crate::gateway::{PgAnswer, PgCharge, PgChargeStatus, PgRequest};
use crate::letters::{self, About};
use crate::policy::PaymentPolicy;
use kernel::ids::{ChargeId, PaymentId, SagaId};
use kernel::judge::letters::LetterKind;
use kernel::{Cx, DecideError, Keys, Step, Timestamp, Trace, WorkingSet};
use smol_str::SmolStr;
use uuid::Uuid;

/// Names the row of the reading itself.
pub(crate) fn book_keys(policy: &PaymentPolicy, keys: &mut Keys) {
    keys.want::<PgBook>((policy.pg.clone(),));
}

/// Names what a page of the book is compared with.
pub(crate) fn page_keys(answer: &PgAnswer, keys: &mut Keys) {
    if let PgAnswer::Page { charges, .. } = answer {
        for charge in charges {
            owner_keys(&charge.key, keys);
            keys.want::<UnknownCharge>((SmolStr::new(&charge.key),));
        }
    }
}

/// Names whoever may own `key`.
pub(crate) fn owner_keys(key: &str, keys: &mut Keys) {
    if let Ok(id) = Uuid::parse_str(key) {
        keys.want::<PaymentRow>((PaymentId(id),));
        keys.want::<Charge>((ChargeId(id),));
    }
}

/// Sets the reading going unless it goes already.
pub(crate) fn start(policy: &PaymentPolicy, state: &mut WorkingSet, cx: &Cx<'_>) -> Result<(), DecideError> {
    if state.get::<PgBook>((policy.pg.clone(),))?.is_none() {
        state.put(&PgBook {
            pg: policy.pg.clone(),
            cursor: None,
            attempts: 0,
            calling: false,
            swept_at: cx.now,
            error: None,
            next_at: Some(cx.now.after(policy.reconcile_every)),
        });
    }
    Ok(())
}

/// It is time to read on.
pub(crate) fn due(
    policy: &PaymentPolicy,
    pg: &SmolStr,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let mut book: PgBook = state.need((pg.clone(),))?;
    if *pg != policy.pg {
        // The deployment moved to another PG: the old one's book is no longer ours to read.
        state.put(&PgBook { next_at: None, calling: false, ..book });
        return Ok(());
    }
    if cx.now.since(book.swept_at) >= policy.sweep_every {
        book.cursor = None;
        book.swept_at = cx.now;
    }
    ask_for_page(policy, &mut book, cx);
    state.put(&book);
    Ok(())
}

fn ask_for_page(policy: &PaymentPolicy, book: &mut PgBook, cx: &mut Cx<'_>) {
    book.attempts = book.attempts.saturating_add(1);
    book.calling = true;
    // Also what wakes the reading should the answer never come.
    let patience = policy.reconcile_every.max(policy.slack.saturating_add(policy.call_timeout));
    book.next_at = Some(cx.now.after(patience));
    let request =
        PgRequest::List { after: book.cursor.as_ref().map(ToString::to_string), limit: policy.page_limit };
    let call = PgCall {
        leg: None,
        attempt: book.attempts,
        asked_at: cx.now,
        start_by: cx.now.after(policy.slack),
        trace: Trace::default(),
        request,
    };
    cx.call(PAYMENT, call);
}

/// A page was read, or could not be.
pub(crate) fn page_read(
    policy: &PaymentPolicy,
    attempt: u32,
    answer: &PgAnswer,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let Some(mut book) = state.get::<PgBook>((policy.pg.clone(),))? else { return Ok(()) };
    if !book.calling || attempt != book.attempts {
        return Ok(());
    }
    book.calling = false;
    match answer {
        PgAnswer::Page { charges, next } => {
            book.error = None;
            let now = cx.now;
            let settled = charges.iter().take_while(|charge| is_settled(charge, policy, now)).count();
            for charge in charges.iter().take(settled) {
                compare(policy, charge, state, cx)?;
            }
            // A PG that gives the same cursor again must not be asked for ever.
            let next = next.as_deref().filter(|next| book.cursor.as_deref() != Some(*next));
            if let (Some(next), true) = (next, settled == charges.len()) {
                book.cursor = Some(SmolStr::new(next));
                ask_for_page(policy, &mut book, cx);
            }
        }
        PgAnswer::NotSent { detail } | PgAnswer::Unknown { detail } => {
            if book.error.is_none() {
                cx.alert("reconciliation_failed", None, format!("the PG's book could not be read: {detail}"));
            }
            book.error = Some(SmolStr::new(detail));
        }
        PgAnswer::Found(_) | PgAnswer::NotFound | PgAnswer::CancelRefused { .. } => {
            return Err(DecideError::Impossible("no answer to a reading of the book".to_owned()));
        }
    }
    state.put(&book);
    Ok(())
}

fn is_settled(charge: &PgCharge, policy: &PaymentPolicy, now: Timestamp) -> bool {
    Timestamp(charge.created_at_ms).after(policy.settling) <= now
}

/// One line of the book against ours.
fn compare(
    policy: &PaymentPolicy,
    charge: &PgCharge,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    match owner(&charge.key, state)? {
        Some(owner) => {
            if owner.is_odd(charge) {
                look(policy, &owner, &charge.key, cx);
            }
            Ok(())
        }
        None => unknown(charge, state, cx),
    }
}

/// A charge under a key that is not ours: an operator's business, once per key. Without money held it is nobody's.
fn unknown(charge: &PgCharge, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
    let key = SmolStr::new(&charge.key);
    if charge.status != PgChargeStatus::Approved || state.get::<UnknownCharge>((key.clone(),))?.is_some() {
        return Ok(());
    }
    let error = format!(
        "the PG holds {} {} under key {key} (transaction {}), which no payment knows",
        charge.amount, charge.currency, charge.transaction
    );
    let about = About { saga: None, step: None };
    let letter = letters::raise(None, about, LetterKind::Reconciliation, &error, state, cx);
    state.put(&UnknownCharge {
        pg_key: key,
        transaction: SmolStr::new(&charge.transaction),
        amount: charge.amount,
        currency: SmolStr::new(&charge.currency),
        found_at: cx.now,
        letter: letter.id,
    });
    Ok(())
}

/// Whose charge it is.
pub(crate) struct Owner {
    saga: SagaId,
    step: Step,
    /// What we think: `Some(true)` we hold the money, `Some(false)` we do not, `None` it is under way.
    holds: Option<bool>,
    amount: i64,
    trace: Trace,
}

impl Owner {
    fn is_odd(&self, charge: &PgCharge) -> bool {
        match (self.holds, charge.status) {
            (Some(true), PgChargeStatus::Approved) => charge.amount != self.amount,
            (Some(true), PgChargeStatus::Declined | PgChargeStatus::Cancelled)
            | (Some(false), PgChargeStatus::Approved) => true,
            (Some(false), PgChargeStatus::Declined | PgChargeStatus::Cancelled) | (None, _) => false,
        }
    }
}

/// The payment or top-up that owns `key`, if any does.
pub(crate) fn owner(key: &str, state: &WorkingSet) -> Result<Option<Owner>, DecideError> {
    let Ok(id) = Uuid::parse_str(key) else { return Ok(None) };
    if let Some(payment) = state.get::<PaymentRow>((PaymentId(id),))?.filter(|payment| payment.pg.is_some()) {
        let holds = match payment.status {
            PaymentStatus::Approved => Some(true),
            PaymentStatus::Declined | PaymentStatus::Cancelled => Some(false),
            PaymentStatus::Pending | PaymentStatus::Unknown | PaymentStatus::Cancelling => None,
        };
        let (saga, amount) = (SagaId(payment.order_id.0), payment.amount.minor());
        return Ok(Some(Owner { saga, step: Step::PAYMENT, holds, amount, trace: Trace::default() }));
    }
    Ok(state.get::<Charge>((ChargeId(id),))?.map(|charge| {
        let holds = match charge.status {
            ChargeStatus::Completed => Some(true),
            ChargeStatus::Declined | ChargeStatus::Cancelled => Some(false),
            ChargeStatus::Pending => None,
        };
        let amount = charge.amount.minor();
        Owner { saga: charge.id.into(), step: Step::CHARGE, holds, amount, trace: charge.trace }
    }))
}

/// Asks the PG about one charge for the leg that owns it: nothing is believed that was not asked for.
pub(crate) fn look(policy: &PaymentPolicy, owner: &Owner, key: &str, cx: &mut Cx<'_>) {
    let call = PgCall {
        leg: Some((owner.saga, owner.step.clone())),
        attempt: 0,
        asked_at: cx.now,
        start_by: cx.now.after(policy.slack),
        trace: owner.trace,
        request: PgRequest::Query { key: key.to_owned() },
    };
    cx.call(PAYMENT, call);
}
