//! What writing in the book decides: one charge per key, one cancel per charge.

use super::ledger::{self, Entry, LedgerError};
use super::notifier::Event;
use crate::webhook::WebhookKind;
use crate::wire::{Charge, Page};
use payment::gateway::PgChargeStatus;
use rusqlite::Connection;

/// A charge to enter. The card is already reduced to what its faults need.
#[derive(Clone, Debug)]
pub(super) struct NewCharge {
    pub(super) key: String,
    /// Digest of the body: the same key may only be sent again with the same.
    pub(super) fingerprint: Vec<u8>,
    /// Minor units, > 0.
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) reference: String,
    pub(super) decline_code: Option<&'static str>,
    pub(super) cancel_errors: u32,
    pub(super) at_ms: i64,
    /// Enter it without looking whether the key was used: the PG has forgotten.
    pub(super) forget_key: bool,
}

/// What became of a charge to enter.
#[derive(Clone, Debug)]
pub(super) enum Entered {
    /// It is in the book now.
    New(Charge),
    /// It was in the book before, entered with the same body; here as it stands now.
    Before(Charge),
    /// The key was used with another body.
    OtherBody,
}

/// What became of a cancel.
#[derive(Clone, Debug)]
pub(super) enum Cancelled {
    /// The charge is given back, by this cancel or by one before.
    Done(Charge),
    /// The card's cancels fail, and this was one of them; it is counted.
    Failed,
    /// Nothing was taken, so nothing can be given back.
    Declined,
    /// No charge under this key.
    NotFound,
}

/// The book within one transaction.
pub(super) struct Book<'a> {
    connection: &'a Connection,
    /// What to tell once the transaction is committed.
    events: Vec<Event>,
}

impl<'a> Book<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        Self { connection, events: Vec::new() }
    }

    pub(super) fn into_events(self) -> Vec<Event> {
        self.events
    }

    /// Enters a charge, once per key.
    pub(super) fn charge(&mut self, new: NewCharge) -> Result<Entered, LedgerError> {
        let before = if new.forget_key { None } else { ledger::find(self.connection, &new.key)? };
        match before {
            Some(entry) if entry.fingerprint == new.fingerprint => Ok(Entered::Before(entry.charge)),
            Some(_) => Ok(Entered::OtherBody),
            None => self.enter(new).map(Entered::New),
        }
    }

    /// Gives a charge back.
    pub(super) fn cancel(&mut self, key: &str, reason: &str, at_ms: i64) -> Result<Cancelled, LedgerError> {
        let Some(entry) = ledger::find(self.connection, key)? else {
            return Ok(Cancelled::NotFound);
        };
        match entry.charge.status {
            PgChargeStatus::Cancelled => Ok(Cancelled::Done(entry.charge)),
            PgChargeStatus::Declined => Ok(Cancelled::Declined),
            PgChargeStatus::Approved if entry.cancel_errors_left > 0 => {
                let sql = "UPDATE charges SET cancel_errors_left = cancel_errors_left - 1 WHERE seq = ?1";
                self.connection.prepare_cached(sql)?.execute([entry.seq])?;
                Ok(Cancelled::Failed)
            }
            PgChargeStatus::Approved => self.give_back(entry, reason, at_ms).map(Cancelled::Done),
        }
    }

    /// The charge under a key.
    pub(super) fn find(&self, key: &str) -> Result<Option<Charge>, LedgerError> {
        Ok(ledger::find(self.connection, key)?.map(|entry| entry.charge))
    }

    /// A page of the book after place `after`.
    pub(super) fn page(&self, after: i64, limit: u32) -> Result<Page, LedgerError> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        // One more than asked for tells whether there is another page.
        let mut entries = ledger::page(self.connection, after, limit.saturating_add(1))?;
        let more = entries.len() > wanted;
        entries.truncate(wanted);
        let next = entries.last().filter(|_| more).map(|entry| entry.seq.to_string());
        Ok(Page { charges: entries.into_iter().map(|entry| entry.charge).collect(), next })
    }

    fn enter(&mut self, new: NewCharge) -> Result<Charge, LedgerError> {
        let (status, kind) = match new.decline_code {
            Some(_) => (PgChargeStatus::Declined, WebhookKind::Declined),
            None => (PgChargeStatus::Approved, WebhookKind::Approved),
        };
        let sql = "INSERT INTO charges (key, fingerprint, amount, currency, reference, status, decline_code, \
                   cancel_errors_left, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let seq = self.connection.prepare_cached(sql)?.insert((
            &new.key,
            &new.fingerprint,
            new.amount,
            &new.currency,
            &new.reference,
            ledger::status_text(status),
            new.decline_code,
            new.cancel_errors,
            new.at_ms,
        ))?;
        let charge = Charge {
            key: new.key,
            transaction: ledger::transaction_id(seq, new.at_ms),
            amount: new.amount,
            currency: new.currency,
            status,
            decline_code: new.decline_code.map(str::to_owned),
            reference: new.reference,
            created_at_ms: new.at_ms,
        };
        self.events.push(Event::of(&charge, kind));
        Ok(charge)
    }

    fn give_back(&mut self, entry: Entry, reason: &str, at_ms: i64) -> Result<Charge, LedgerError> {
        let sql = "UPDATE charges SET status = ?2, cancel_reason = ?3, cancelled_at_ms = ?4 WHERE seq = ?1";
        let cancelled = ledger::status_text(PgChargeStatus::Cancelled);
        self.connection.prepare_cached(sql)?.execute((entry.seq, cancelled, reason, at_ms))?;
        let charge = Charge { status: PgChargeStatus::Cancelled, ..entry.charge };
        self.events.push(Event::of(&charge, WebhookKind::Cancelled));
        Ok(charge)
    }
}
