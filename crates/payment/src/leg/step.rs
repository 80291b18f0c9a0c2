//! The leg's transitions: which events count, and where each goes.

use super::{Intent, Leg, LegEffect, LegEvent, LegState, Moment, Moved};
use crate::gateway::{PgAnswer, PgCharge, PgRequest};
use crate::letters::OpenLetter;
use kernel::judge::letters::{DeadLetter, LetterKind};
use kernel::{DecideError, Json, Reason};
use smol_str::SmolStr;
use std::time::Duration;

/// Begins a leg: its intent, and the first charge.
#[must_use]
pub fn begin(intent: Intent, at: &Moment<'_>) -> Moved {
    let leg = Leg {
        saga: intent.saga,
        step: intent.step,
        pg_key: intent.pg_key,
        user_id: intent.user_id,
        amount: intent.amount,
        currency: intent.currency,
        points: intent.points,
        discount: intent.discount,
        card: Some(intent.card.clone()),
        trace: intent.trace,
        state: LegState::Charging,
        stray: false,
        transaction: None,
        attempts: 0,
        tries: 0,
        calling: false,
        maybe_sent: false,
        spent: false,
        first_sent_at: at.now,
        last_sent_at: at.now,
        called_at: at.now,
        phase_at: at.now,
        updated_at: at.now,
        undo_reason: None,
        next_at: None,
        error: None,
        letter: None,
    };
    let mut mover = Mover { leg, at: *at, effects: Vec::new() };
    mover.charge(intent.card.0.as_str());
    Moved { leg: mover.leg, effects: mover.effects }
}

/// Moves `leg` by `event`. Late and doubled events change nothing.
///
/// # Errors
/// [`DecideError::Impossible`] for a pair of state and event that cannot happen.
pub fn step(leg: Leg, event: LegEvent, at: &Moment<'_>) -> Result<Moved, DecideError> {
    if !counts(&leg, &event, at) {
        return Ok(Moved { leg, effects: Vec::new() });
    }
    let before = leg.clone();
    let mut mover = Mover { leg, at: *at, effects: Vec::new() };
    match event {
        LegEvent::Answered { answer, .. } => mover.answered(&before.about_me(answer))?,
        LegEvent::Seen { asked_at, answer } => mover.seen(asked_at, &before.about_me(answer)),
        LegEvent::Due => mover.due()?,
        LegEvent::Undo { reason, stray } => mover.undo(reason, stray)?,
        LegEvent::Redriven(letter) => mover.redriven(&letter)?,
        LegEvent::Resolved(letter) => mover.resolved(&letter)?,
    }
    if mover.leg != before {
        mover.leg.updated_at = at.now;
    }
    Ok(Moved { leg: mover.leg, effects: mover.effects })
}

/// Whether an event is about the leg as it stands now.
fn counts(leg: &Leg, event: &LegEvent, at: &Moment<'_>) -> bool {
    match event {
        LegEvent::Answered { attempt, .. } => leg.calling && *attempt == leg.attempts,
        LegEvent::Seen { asked_at, .. } => *asked_at >= shows_from(leg, at),
        // The runtime compares the timer with the column; comparing clocks here would lose it when the clock steps back.
        LegEvent::Due => leg.next_at.is_some(),
        LegEvent::Undo { .. } => true,
        LegEvent::Redriven(letter) | LegEvent::Resolved(letter) => {
            leg.letter.as_ref().is_some_and(|open| open.0.id == letter.id)
        }
    }
}

/// From when on a look into the PG's book shows what this leg has done.
fn shows_from(leg: &Leg, at: &Moment<'_>) -> kernel::Timestamp {
    match leg.state {
        // The book may lag behind what the PG answered.
        LegState::Declined | LegState::NotCharged | LegState::Cancelled => {
            leg.updated_at.after(at.policy.settling)
        }
        LegState::Charging
        | LegState::Asking
        | LegState::Charged
        | LegState::Cancelling
        | LegState::AskingCancel
        | LegState::CancelRefused
        | LegState::Resolved => leg.updated_at,
    }
}

impl Leg {
    /// An answer about another charge says nothing about this one.
    fn about_me(&self, answer: PgAnswer) -> PgAnswer {
        match answer {
            PgAnswer::Found(charge) if charge.key != self.key() => {
                PgAnswer::Unknown { detail: "the PG answered about another charge".to_owned() }
            }
            other => other,
        }
    }

    /// Whether the PG's book has the amount that was asked for.
    pub(super) fn agrees_with(&self, charge: &PgCharge) -> bool {
        charge.amount == self.amount.minor() && charge.currency == self.currency.code()
    }
}

pub(super) struct Mover<'a> {
    pub(super) leg: Leg,
    pub(super) at: Moment<'a>,
    pub(super) effects: Vec<LegEffect>,
}

impl Mover<'_> {
    fn answered(&mut self, answer: &PgAnswer) -> Result<(), DecideError> {
        match self.leg.state {
            LegState::Charging => self.charge_answered(answer),
            LegState::Asking => self.query_answered(answer),
            LegState::Cancelling => self.cancel_answered(answer),
            LegState::AskingCancel | LegState::CancelRefused => self.cancel_query_answered(answer),
            LegState::Charged => {
                self.book_read(self.leg.called_at, answer);
                Ok(())
            }
            LegState::Declined | LegState::NotCharged | LegState::Cancelled | LegState::Resolved => {
                Err(self.impossible("an answer"))
            }
        }
    }

    fn seen(&mut self, asked_at: kernel::Timestamp, answer: &PgAnswer) {
        match (self.leg.state, answer) {
            (LegState::Charged, answer) => self.book_read(asked_at, answer),
            (LegState::Charging | LegState::Asking, PgAnswer::Found(charge)) => self.found(charge),
            (LegState::Cancelling | LegState::AskingCancel | LegState::CancelRefused, PgAnswer::Found(charge)) => {
                self.found_while_cancelling(charge);
            }
            (LegState::Declined | LegState::NotCharged | LegState::Cancelled, PgAnswer::Found(charge)) => {
                self.found_after_closing(charge);
            }
            // An operator ended it knowing that the PG may hold the money.
            (LegState::Resolved, PgAnswer::Found(_))
            // A look that found nothing proves nothing; the leg's own queries decide.
            | (
                LegState::Charging
                | LegState::Asking
                | LegState::Cancelling
                | LegState::AskingCancel
                | LegState::CancelRefused
                | LegState::Declined
                | LegState::NotCharged
                | LegState::Cancelled
                | LegState::Resolved,
                PgAnswer::NotFound
                | PgAnswer::NotSent { .. }
                | PgAnswer::Unknown { .. }
                | PgAnswer::CancelRefused { .. }
                | PgAnswer::Page { .. },
            ) => {}
        }
    }

    fn due(&mut self) -> Result<(), DecideError> {
        match (self.leg.state, self.leg.calling) {
            // The charge's answer never came: it may have been sent, so ask before anything else.
            (LegState::Charging, true) => {
                self.leg.maybe_sent = true;
                self.leg.state = LegState::Asking;
                self.query();
                Ok(())
            }
            (LegState::Charging, false) => self.charge_or_give_up(),
            (LegState::Asking, true) => {
                self.still_unknown("the PG's answer did not come");
                Ok(())
            }
            (LegState::Cancelling, true) => {
                self.leg.state = LegState::AskingCancel;
                self.query();
                Ok(())
            }
            (LegState::Cancelling, false) => {
                self.cancel();
                Ok(())
            }
            (LegState::AskingCancel, true) => {
                self.cancel_unknown("the PG's answer did not come");
                Ok(())
            }
            (LegState::CancelRefused, true) => {
                self.rest(self.at.policy.slow);
                Ok(())
            }
            (LegState::Asking | LegState::AskingCancel | LegState::CancelRefused, false) => {
                self.query();
                Ok(())
            }
            // A redriven look whose answer never came; the letter stays open.
            (LegState::Charged, _) => {
                self.sleep();
                Ok(())
            }
            (LegState::Declined | LegState::NotCharged | LegState::Cancelled | LegState::Resolved, _) => {
                Err(self.impossible("a timer"))
            }
        }
    }

    fn undo(&mut self, reason: SmolStr, stray: bool) -> Result<(), DecideError> {
        match self.leg.state {
            LegState::Charged => {
                self.begin_cancel(reason, stray);
                Ok(())
            }
            LegState::Charging
            | LegState::Asking
            | LegState::Declined
            | LegState::NotCharged
            | LegState::Cancelling
            | LegState::AskingCancel
            | LegState::CancelRefused
            | LegState::Cancelled
            | LegState::Resolved => Err(self.impossible("an undo")),
        }
    }

    /// The letter stays open until what it stands for goes through; the patience is new.
    fn redriven(&mut self, letter: &DeadLetter) -> Result<(), DecideError> {
        self.leg.letter = Some(Json(OpenLetter::handed_back(letter)));
        self.leg.spent = false;
        self.leg.phase_at = self.at.now;
        self.leg.tries = 0;
        match self.leg.state {
            LegState::Asking | LegState::AskingCancel | LegState::Charged => self.query(),
            LegState::CancelRefused => self.cancel(),
            LegState::Cancelling if self.leg.calling => {}
            LegState::Cancelling => self.cancel(),
            LegState::Charging
            | LegState::Declined
            | LegState::NotCharged
            | LegState::Cancelled
            | LegState::Resolved => return Err(self.impossible("a redrive")),
        }
        Ok(())
    }

    fn resolved(&mut self, _letter: &DeadLetter) -> Result<(), DecideError> {
        // The operator's note is the last word on it: there is nothing to close.
        self.leg.letter = None;
        match self.leg.state {
            LegState::Asking => {
                self.close(LegState::Resolved);
                self.effects.push(LegEffect::NotTaken(Reason::PAYMENT_UNAVAILABLE));
            }
            LegState::Cancelling | LegState::AskingCancel | LegState::CancelRefused => {
                self.close(LegState::Resolved);
                self.effects.push(LegEffect::UndoneByNote);
            }
            LegState::Charged => {
                self.leg.error = None;
                self.sleep();
            }
            LegState::Charging
            | LegState::Declined
            | LegState::NotCharged
            | LegState::Cancelled
            | LegState::Resolved => return Err(self.impossible("a note")),
        }
        Ok(())
    }

    /// Asks for a call; wakes the leg should its answer never come.
    pub(super) fn call(&mut self, request: PgRequest) {
        let now = self.at.now;
        self.leg.attempts = self.leg.attempts.saturating_add(1);
        self.leg.tries = self.leg.tries.saturating_add(1);
        self.leg.calling = true;
        self.leg.called_at = now;
        self.leg.next_at = Some(now.after(self.at.policy.slack.saturating_add(self.at.policy.call_timeout)));
        self.effects.push(LegEffect::Call(request));
    }

    pub(super) fn query(&mut self) {
        let key = self.leg.key();
        self.call(PgRequest::Query { key });
    }

    /// No call is out; wakes after `wait`.
    pub(super) fn rest(&mut self, wait: Duration) {
        self.leg.calling = false;
        self.leg.next_at = Some(self.at.now.after(wait));
    }

    /// No call is out, and none is coming.
    pub(super) fn sleep(&mut self) {
        self.leg.calling = false;
        self.leg.next_at = None;
    }

    /// The wait before the next call of this phase.
    pub(super) fn pace(&self) -> Duration {
        if self.leg.spent {
            self.at.policy.slow
        } else {
            self.at.policy.backoff.wait(self.leg.tries.saturating_sub(1))
        }
    }

    /// Comes to rest in `state`: no call, no card, no open letter.
    pub(super) fn close(&mut self, state: LegState) {
        self.leg.state = state;
        self.leg.card = None;
        self.leg.spent = false;
        self.leg.error = None;
        self.sleep();
        self.close_letter();
    }

    pub(super) fn close_letter(&mut self) {
        if let Some(Json(letter)) = self.leg.letter.take() {
            self.effects.push(LegEffect::CloseLetter(letter));
        }
    }

    pub(super) fn letter(&mut self, kind: LetterKind, error: &str) {
        self.effects.push(LegEffect::Letter { kind, error: SmolStr::new(error) });
    }

    pub(super) fn impossible(&self, what: &str) -> DecideError {
        DecideError::Impossible(format!("{what} for a {} leg of {}", self.leg.state, self.leg.saga))
    }
}
