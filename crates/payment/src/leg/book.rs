//! What the PG's own book shows about a leg at rest.

use super::step::Mover;
use super::{LegEffect, LegState};
use crate::gateway::{PgAnswer, PgCharge, PgChargeStatus};
use kernel::Timestamp;
use kernel::judge::letters::LetterKind;
use smol_str::SmolStr;

impl Mover<'_> {
    /// We hold the money; the book, asked at `asked_at`, should say so too.
    pub(super) fn book_read(&mut self, asked_at: Timestamp, answer: &PgAnswer) {
        debug_assert_eq!(self.leg.state, LegState::Charged);
        match answer {
            PgAnswer::Found(charge)
                if charge.status == PgChargeStatus::Approved && self.leg.agrees_with(charge) =>
            {
                self.leg.error = None;
                self.close_letter();
            }
            PgAnswer::Found(charge) => {
                let error = format!(
                    "charged {}, but the PG's book says {:?} {} {}",
                    self.leg.amount, charge.status, charge.amount, charge.currency
                );
                self.differs(&error);
            }
            PgAnswer::NotFound if asked_at >= self.settled_at() => {
                self.differs("charged, but the PG's book has no such charge");
            }
            // Nothing was learnt; an open letter stays open.
            PgAnswer::NotFound
            | PgAnswer::NotSent { .. }
            | PgAnswer::Unknown { .. }
            | PgAnswer::CancelRefused { .. }
            | PgAnswer::Page { .. } => {}
        }
        self.sleep();
    }

    fn differs(&mut self, error: &str) {
        self.leg.error = Some(SmolStr::new(error));
        if self.leg.letter.is_none() {
            self.letter(LetterKind::Reconciliation, error);
        }
    }

    /// We hold nothing; if the book says otherwise the charge came late, and is given back.
    pub(super) fn found_after_closing(&mut self, charge: &PgCharge) {
        match charge.status {
            PgChargeStatus::Approved => {
                self.leg.transaction = Some(SmolStr::new(&charge.transaction));
                self.effects.push(LegEffect::Stray);
                self.begin_cancel(SmolStr::new_static("charged late, no longer asked for"), true);
            }
            PgChargeStatus::Declined | PgChargeStatus::Cancelled => {}
        }
    }
}
