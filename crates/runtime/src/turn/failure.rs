//! What could not be decided: set aside as a dead letter in the same transaction, with the cursor, so that one bad message
//! never fails its neighbours and is never lost.

use super::Batch;
use super::item::{BELOW_HORIZON, Item, What};
use crate::message::{SetAside, StoredRole};
use crate::ports::store::{Intent, Store, StoreError};
use kernel::domain::{Alert, Speech};
use kernel::ids::{LetterId, SagaId};
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use kernel::routing::{Role, Routing};
use kernel::{DomainName, Key, Record, Said, Step};
use smol_str::SmolStr;
use std::hash::{Hash, Hasher};
use uuid::Uuid;

/// One thing that could not be decided.
pub(super) struct Failure {
    error: String,
    aside: Option<SetAside>,
    about: String,
}

impl Failure {
    pub(super) fn of(item: &Item<'_>, error: &str) -> Self {
        let (aside, about) = match &item.what {
            What::Message { role, message } => {
                let aside = SetAside { message: message.as_ref().clone(), role: StoredRole::from(role) };
                (Some(aside), message.said.name().to_string())
            }
            What::Command { domain, .. } => (None, format!("a command to {domain}")),
            What::Due { domain, table, .. } => (None, format!("a due row of {domain} in {}", table.name)),
            What::Letter { id, .. } => (None, format!("dead letter {id}")),
            What::Handled { letter, .. } => (None, format!("dead letter {}", letter.id)),
            What::Declared { step, .. } => (None, format!("a declared compensation of {step}")),
        };
        Self { error: error.to_owned(), aside, about }
    }

    fn step(&self) -> Option<&Step> {
        match self.aside.as_ref().map(|aside| &aside.role)? {
            StoredRole::Compensate(step) => Some(step),
            StoredRole::Act(steps) => steps.first(),
            StoredRole::Hear(_) => None,
        }
    }

    /// A compensation that cannot be decided parks its step: the judge goes on with the others.
    pub(super) fn stuck(&self, routing: &Routing) -> Option<Speech> {
        let aside = self.aside.as_ref()?;
        let StoredRole::Compensate(step) = &aside.role else { return None };
        Some(Speech {
            by: routing.runner(step)?.clone(),
            key: aside.message.key,
            trace: aside.message.trace,
            plan: aside.message.plan.clone(),
            said: Said::Stuck { step: step.clone(), error: SmolStr::new(&self.error) },
        })
    }

    /// One letter per (saga, role): a message that comes again and fails again counts up, it does not pile up.
    fn letter_id(&self, aside: &SetAside) -> LetterId {
        let mut hasher = rustc_hash::FxHasher::default();
        let role = match &aside.role {
            StoredRole::Act(steps) => format!("act:{steps:?}"),
            StoredRole::Compensate(step) => format!("compensate:{step}"),
            StoredRole::Hear(domain) => format!("hear:{domain}:{}", aside.message.said.name()),
        };
        role.hash(&mut hasher);
        let mut bytes = *aside.message.key.as_bytes();
        for (byte, mask) in bytes[8..].iter_mut().zip(hasher.finish().to_be_bytes()) {
            *byte ^= mask;
        }
        // The variant bits stay those of a UUID.
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        LetterId(Uuid::from_bytes(bytes))
    }
}

/// Writes a dead letter for each failed message, and an alert for each failure.
pub(super) fn write_letters(
    store: &mut dyn Store,
    batch: &mut Batch<'_>,
    routing: &Routing,
) -> Result<(), StoreError> {
    if batch.failures.is_empty() {
        return Ok(());
    }
    let failures = std::mem::take(&mut batch.failures);
    let mut keys: Vec<Key> =
        failures.iter().filter_map(|f| f.aside.as_ref().map(|aside| (f.letter_id(aside),).into())).collect();
    keys.sort_unstable();
    keys.dedup();
    for row in store.load(DeadLetter::TABLE, &keys, Intent::Claim)? {
        batch.state.offer(DeadLetter::TABLE, Key::of_row(DeadLetter::TABLE, &row), Some(row));
    }
    for key in keys {
        batch.state.offer(DeadLetter::TABLE, key, None);
    }
    for failure in failures {
        let saga = failure.aside.as_ref().map(|aside| SagaId(aside.message.key));
        let detail = format!("{} could not be decided: {}", failure.about, failure.error);
        batch.turn.alerts.push(Alert { kind: "undecidable", detail, saga });
        if let Some(aside) = &failure.aside {
            let letter = letter(&failure, aside, batch, routing)?;
            batch.state.put(&letter);
        }
    }
    Ok(())
}

fn letter(
    failure: &Failure,
    aside: &SetAside,
    batch: &Batch<'_>,
    routing: &Routing,
) -> Result<DeadLetter, StoreError> {
    let id = failure.letter_id(aside);
    let known: Option<DeadLetter> =
        batch.state.get((id,)).map_err(|error| StoreError::Unusable(format!("dead letters: {error}")))?;
    let message = serde_json::to_string(aside).map_err(|error| StoreError::Rejected(error.to_string()))?;
    let kind = if failure.error.contains(BELOW_HORIZON) { LetterKind::Pruned } else { LetterKind::Poison };
    Ok(DeadLetter {
        id,
        domain: addressee(aside, routing),
        order_id: Some(aside.message.key),
        step: failure.step().cloned(),
        kind,
        error: SmolStr::new(&failure.error),
        attempts: known.as_ref().map_or(0, |letter| letter.attempts) + 1,
        first_at: known.as_ref().map_or(batch.now, |letter| letter.first_at),
        last_at: batch.now,
        status: LetterStatus::Open,
        message: Some(SmolStr::new(message)),
        note: None,
        handled_by: None,
    })
}

/// Whose letter it is: that of the domain which was to decide it.
fn addressee(aside: &SetAside, routing: &Routing) -> DomainName {
    let role = Role::from(aside.role.clone());
    routing.addressee(&role).unwrap_or(&aside.message.by).clone()
}
