//! Giving a charge back. Only what the PG said it took is ever cancelled; an unknown cancel is asked about before it is sent
//! again.

use super::step::Mover;
use super::{LegEffect, LegState};
use crate::gateway::{PgAnswer, PgCharge, PgChargeStatus, PgRequest};
use kernel::DecideError;
use kernel::judge::letters::LetterKind;
use smol_str::SmolStr;

impl Mover<'_> {
    /// Starts giving the charge back, with a budget of its own.
    pub(super) fn begin_cancel(&mut self, reason: SmolStr, stray: bool) {
        // A difference between the books ends here: the cancel asks the PG afresh.
        self.close_letter();
        self.leg.card = None;
        self.leg.stray = stray;
        self.leg.undo_reason = Some(reason);
        self.leg.phase_at = self.at.now;
        self.leg.tries = 0;
        self.leg.spent = false;
        self.cancel();
    }

    pub(super) fn cancel(&mut self) {
        self.leg.state = LegState::Cancelling;
        let reason =
            self.leg.undo_reason.as_deref().unwrap_or("order not completed").chars().take(200).collect();
        let key = self.leg.key();
        self.call(PgRequest::Cancel { key, reason });
    }

    pub(super) fn cancel_answered(&mut self, answer: &PgAnswer) -> Result<(), DecideError> {
        match answer {
            PgAnswer::Found(charge) => match charge.status {
                PgChargeStatus::Cancelled | PgChargeStatus::Declined => self.found_while_cancelling(charge),
                PgChargeStatus::Approved => {
                    self.cancel_unknown("the PG took the cancel but still holds the money");
                }
            },
            PgAnswer::CancelRefused { code } => self.cancel_refused(code),
            PgAnswer::NotSent { detail } | PgAnswer::Unknown { detail } => self.cancel_unknown(detail),
            PgAnswer::NotFound => self.cancel_unknown("the PG knows no such charge"),
            PgAnswer::Page { .. } => return Err(self.impossible("no answer to a cancel")),
        }
        Ok(())
    }

    pub(super) fn cancel_query_answered(&mut self, answer: &PgAnswer) -> Result<(), DecideError> {
        match (self.leg.state, answer) {
            (_, PgAnswer::Found(charge)) if charge.status != PgChargeStatus::Approved => {
                self.found_while_cancelling(charge);
            }
            (_, PgAnswer::CancelRefused { .. } | PgAnswer::Page { .. }) => {
                return Err(self.impossible("no answer to a query"));
            }
            // Refused for good: the book is watched in case someone cancels it there.
            (
                LegState::CancelRefused,
                PgAnswer::Found(_) | PgAnswer::NotFound | PgAnswer::NotSent { .. } | PgAnswer::Unknown { .. },
            ) => self.rest(self.at.policy.slow),
            (_, PgAnswer::Found(_)) => self.cancel(),
            (_, PgAnswer::NotFound) => self.cancel_unknown("the PG knows no such charge"),
            (_, PgAnswer::NotSent { detail } | PgAnswer::Unknown { detail }) => self.cancel_unknown(detail),
        }
        Ok(())
    }

    /// The PG's book shows the charge while it is being cancelled.
    pub(super) fn found_while_cancelling(&mut self, charge: &PgCharge) {
        match charge.status {
            PgChargeStatus::Cancelled => {
                self.close(LegState::Cancelled);
                self.effects.push(LegEffect::Undone);
            }
            PgChargeStatus::Declined => {
                self.effects
                    .push(LegEffect::Alert("the PG now calls an approved charge declined".to_owned()));
                self.close(LegState::Cancelled);
                self.effects.push(LegEffect::Undone);
            }
            // Not yet; the cancel under way goes on.
            PgChargeStatus::Approved => {}
        }
    }

    /// The cancel may or may not have happened, or could not be sent: ask before sending it again.
    pub(super) fn cancel_unknown(&mut self, error: &str) {
        self.leg.state = LegState::AskingCancel;
        self.leg.error = Some(SmolStr::new(error));
        self.spend_cancel_budget(error);
        self.rest(self.pace());
    }

    fn cancel_refused(&mut self, code: &str) {
        let error = format!("the PG refuses to cancel: {code}");
        self.leg.error = Some(SmolStr::new(&error));
        self.spend_cancel_budget(&error);
        self.leg.state = if self.leg.spent { LegState::CancelRefused } else { LegState::Cancelling };
        self.rest(self.pace());
    }

    fn spend_cancel_budget(&mut self, error: &str) {
        let long = self.at.now.since(self.leg.phase_at) >= self.at.policy.cancel_budget;
        if !self.leg.spent && long && self.leg.tries >= self.at.policy.cancel_calls {
            self.leg.spent = true;
            self.letter(LetterKind::Compensation, error);
        }
    }
}
