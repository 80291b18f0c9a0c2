//! From intent to outcome. A timeout is neither success nor failure: after a possible send the PG is asked, and a charge is
//! sent again only when the PG does not know it.

use super::step::Mover;
use super::{LegEffect, LegState};
use crate::gateway::{PgAnswer, PgCharge, PgChargeStatus, PgRequest};
use kernel::judge::letters::LetterKind;
use kernel::{DecideError, Reason, Timestamp};
use smol_str::SmolStr;
use std::time::Duration;

impl Mover<'_> {
    /// Sends the charge, always under the same key.
    pub(super) fn charge(&mut self, card: &str) {
        self.leg.state = LegState::Charging;
        self.leg.last_sent_at = self.at.now;
        let request = PgRequest::Charge {
            key: self.leg.key(),
            amount: self.leg.amount.minor(),
            currency: self.leg.currency.code().to_owned(),
            card_token: card.to_owned(),
            reference: self.leg.saga.to_string(),
        };
        self.call(request);
    }

    fn charge_again(&mut self) -> Result<(), DecideError> {
        let Some(card) = self.leg.card.clone() else {
            return Err(self.impossible("a charge without a card"));
        };
        self.charge(card.0.as_str());
        Ok(())
    }

    /// Nothing was ever sent: send it if it is still wanted, else it certainly took nothing.
    pub(super) fn charge_or_give_up(&mut self) -> Result<(), DecideError> {
        if self.at.wanted && !self.charge_budget_spent() {
            return self.charge_again();
        }
        self.not_taken(LegState::NotCharged, Reason::PAYMENT_UNAVAILABLE);
        Ok(())
    }

    pub(super) fn charge_answered(&mut self, answer: &PgAnswer) -> Result<(), DecideError> {
        match answer {
            PgAnswer::Found(charge) => self.found(charge),
            PgAnswer::NotSent { detail } if self.leg.maybe_sent => {
                // This one was not sent, but an earlier one may have been.
                self.leg.state = LegState::Asking;
                self.still_unknown(detail);
            }
            PgAnswer::NotSent { detail } => {
                self.leg.error = Some(SmolStr::new(detail));
                if self.at.wanted && !self.charge_budget_spent() {
                    self.rest(self.pace());
                } else {
                    self.not_taken(LegState::NotCharged, Reason::PAYMENT_UNAVAILABLE);
                }
            }
            PgAnswer::Unknown { detail } => {
                self.leg.maybe_sent = true;
                self.leg.state = LegState::Asking;
                self.leg.error = Some(SmolStr::new(detail));
                // Asked at once the first time; a PG that keeps failing is not to be hammered.
                if self.leg.tries <= 1 { self.query() } else { self.rest(self.pace()) }
            }
            PgAnswer::NotFound | PgAnswer::CancelRefused { .. } | PgAnswer::Page { .. } => {
                return Err(self.impossible("no answer to a charge"));
            }
        }
        Ok(())
    }

    pub(super) fn query_answered(&mut self, answer: &PgAnswer) -> Result<(), DecideError> {
        match answer {
            PgAnswer::Found(charge) => self.found(charge),
            PgAnswer::NotFound => return self.not_found(),
            PgAnswer::NotSent { detail } | PgAnswer::Unknown { detail } => self.still_unknown(detail),
            PgAnswer::CancelRefused { .. } | PgAnswer::Page { .. } => {
                return Err(self.impossible("no answer to a query"));
            }
        }
        Ok(())
    }

    /// The PG's book has the charge.
    pub(super) fn found(&mut self, charge: &PgCharge) {
        match charge.status {
            PgChargeStatus::Approved if !self.leg.agrees_with(charge) => self.found_other_amount(charge),
            PgChargeStatus::Approved => {
                self.leg.transaction = Some(SmolStr::new(&charge.transaction));
                self.close(LegState::Charged);
                self.effects.push(LegEffect::Took);
            }
            PgChargeStatus::Declined => self.not_taken(LegState::Declined, Reason::PAYMENT_DECLINED),
            // Taken and given back by someone else: nothing is held.
            PgChargeStatus::Cancelled => self.not_taken(LegState::Cancelled, Reason::PAYMENT_UNAVAILABLE),
        }
    }

    /// Neither success nor failure: an operator must look.
    fn found_other_amount(&mut self, charge: &PgCharge) {
        let error = format!("the PG holds {} {} under this key", charge.amount, charge.currency);
        if self.leg.error.as_deref() != Some(error.as_str()) {
            self.effects.push(LegEffect::Alert(format!("{error}; {} was asked for", self.leg.amount)));
        }
        self.leg.maybe_sent = true;
        self.leg.state = LegState::Asking;
        self.still_unknown(&error);
    }

    /// The PG knows no charge under the key. Soon after a send that is not final.
    fn not_found(&mut self) -> Result<(), DecideError> {
        if self.at.wanted && !self.charge_budget_spent() && self.key_is_young() {
            return self.charge_again();
        }
        let settled_at = self.settled_at();
        if self.leg.called_at >= settled_at {
            self.not_taken(LegState::NotCharged, Reason::PAYMENT_UNAVAILABLE);
        } else if self.at.now >= settled_at {
            self.query();
        } else {
            self.rest(self.pace().min(settled_at.since(self.at.now)));
        }
        Ok(())
    }

    /// The PG could not be asked. The budget spent, an operator is told, once; asking goes on slowly.
    pub(super) fn still_unknown(&mut self, error: &str) {
        self.leg.error = Some(SmolStr::new(error));
        if !self.leg.spent && self.at.now.since(self.leg.phase_at) >= self.at.policy.budget {
            self.leg.spent = true;
            self.letter(LetterKind::Payment, error);
        }
        self.rest(self.pace());
    }

    fn not_taken(&mut self, state: LegState, reason: Reason) {
        self.close(state);
        self.effects.push(LegEffect::NotTaken(reason));
    }

    /// From when on "not found" is final: the last charge may have started late, and then the PG needs its settling time.
    pub(super) fn settled_at(&self) -> Timestamp {
        self.leg.last_sent_at.after(self.at.policy.slack.saturating_add(self.at.policy.settling))
    }

    /// Runs from the intent, not from a redrive: an old charge is never sent again.
    fn charge_budget_spent(&self) -> bool {
        self.age() >= self.at.policy.budget
    }

    fn key_is_young(&self) -> bool {
        self.age() < self.at.policy.key_lifetime / 2
    }

    fn age(&self) -> Duration {
        self.at.now.since(self.leg.first_sent_at)
    }
}
