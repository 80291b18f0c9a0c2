//! Users: whether they are suspended, the points that were given to them, and their top-ups.

use super::breach::{Docket, Promise, id, named};
use super::register::{Moment, Register};
use crate::clients::{Amount, Card, Id, Refused, RequestId, TopUp, TopUpStatus, User};
use std::collections::BTreeMap;

/// One user.
pub(super) struct Person {
    pub(super) suspended: Register<bool>,
    /// Points that were granted or taken, by the reason that was given.
    pub(super) grants: BTreeMap<String, Grant>,
}

/// Points that an administrator granted or took.
pub(super) struct Grant {
    pub(super) amount: Amount,
    pub(super) outcome: Outcome,
}

/// What is known of something that was asked once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing: it may have been done.
    Unknown,
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

/// One top-up.
pub(super) struct TopUpBook {
    pub(super) user: Id,
    pub(super) amount: Amount,
    pub(super) card: Option<Card>,
    /// How it ended, and when that was first told.
    pub(super) settled: Option<(TopUpStatus, Moment)>,
}

/// All users and top-ups.
#[derive(Default)]
pub(super) struct People {
    pub(super) persons: BTreeMap<Id, Person>,
    pub(super) top_ups: BTreeMap<Id, TopUpBook>,
}

impl People {
    pub(super) fn joined(&mut self, user: &User, moment: Moment) {
        let suspended = Register::new(false, moment);
        self.persons.entry(user.id).or_insert(Person { suspended, grants: BTreeMap::new() });
    }

    /// Whether the user may have been active (or suspended) at some moment since `from`. Of a user who is not known, both.
    pub(super) fn may_have_been(&self, user: Id, suspended: bool, from: Moment) -> bool {
        let Some(person) = self.persons.get(&user) else { return true };
        person.suspended.possible(from).any(|value| *value == suspended)
    }

    pub(super) fn suspension_asked(&mut self, user: Id, request: RequestId, at: Moment, suspended: bool) {
        if let Some(person) = self.persons.get_mut(&user) {
            person.suspended.asked(request, at, suspended);
        }
    }

    /// A change of status was answered at `told`: it is what was wanted, unless another change came between.
    pub(super) fn suspension_told(
        &mut self,
        shown: &User,
        request: RequestId,
        told: Moment,
        docket: &mut Docket,
    ) {
        if let Some(person) = self.persons.get_mut(&shown.id) {
            person.suspended.told(request, told);
        }
        let fits = self.may_have_been(shown.id, shown.suspended, told + 1);
        docket.check(fits, Promise::AnswersMakeSense, || {
            let expected = if shown.suspended { "active" } else { "suspended" };
            let saw = if shown.suspended { "suspended" } else { "active" };
            (named("user", shown.id), format!("{expected}, as was asked for"), saw.to_owned())
        });
    }

    pub(super) fn grant_asked(&mut self, user: Id, reason: &str, amount: Amount) {
        if let Some(person) = self.persons.get_mut(&user) {
            let grant = Grant { amount, outcome: Outcome::Unknown };
            person.grants.insert(reason.to_owned(), grant);
        }
    }

    pub(super) fn grant_ended(&mut self, user: Id, reason: &str, outcome: Outcome) {
        if let Some(grant) = self.persons.get_mut(&user).and_then(|person| person.grants.get_mut(reason)) {
            grant.outcome = outcome;
        }
    }

    /// Points that are to be taken may be short; points that are granted may not.
    pub(super) fn grant_refused(
        &mut self,
        user: Id,
        reason: &str,
        amount: Amount,
        refused: &Refused,
        docket: &mut Docket,
    ) {
        self.grant_ended(user, reason, Outcome::Refused);
        let fits = refused.code == "POINTS_WOULD_BE_NEGATIVE" && amount < 0;
        docket.check(fits, Promise::RefusedForCause, || {
            let about = format!("a grant of {amount} points to user {}", id(user));
            (about, "done".to_owned(), format!("refused with {}", refused.code))
        });
    }

    /// A top-up is shown: to a question asked at `asked`, as an answer at `told`.
    pub(super) fn top_up_shown(
        &mut self,
        user: Id,
        shown: &TopUp,
        (asked, told): (Moment, Moment),
        docket: &mut Docket,
    ) {
        let fresh = TopUpBook { user, amount: shown.amount, card: None, settled: None };
        let book = self.top_ups.entry(shown.id).or_insert(fresh);
        let name = named("top-up", shown.id);
        docket.check(
            book.amount == shown.amount && book.user == user,
            Promise::AcknowledgedIsDurable,
            || {
                let was = format!("{} for user {}", book.amount, id(book.user));
                (name.clone(), was, format!("{} for user {}", shown.amount, id(user)))
            },
        );
        let is = shown.status;
        if let Some((was, since)) = book.settled {
            let fits = was == is || is == TopUpStatus::Pending && asked <= since;
            docket.check(fits, Promise::AcknowledgedIsDurable, || {
                (name.clone(), format!("{was}, as it was told"), is.to_string())
            });
        } else if is != TopUpStatus::Pending {
            book.settled = Some((is, told));
        }
    }

    /// What became of a top-up fits its card.
    pub(super) fn judge_top_up(&mut self, top_up: Id, card: Card, docket: &mut Docket) {
        let Some(book) = self.top_ups.get_mut(&top_up) else { return };
        book.card = Some(card);
        check_card(top_up, book, docket);
    }

    /// After the run: every top-up has ended, unless a dead letter stands for it.
    pub(super) fn verdict(&self, stuck: impl Fn(Id) -> bool, docket: &mut Docket) {
        for (top_up, book) in &self.top_ups {
            check_card(*top_up, book, docket);
            docket.check(book.settled.is_some() || stuck(*top_up), Promise::NothingStuck, || {
                (named("top-up", *top_up), "settled".to_owned(), TopUpStatus::Pending.to_string())
            });
        }
    }
}

/// Money comes only from cards that can be charged.
fn check_card(top_up: Id, book: &TopUpBook, docket: &mut Docket) {
    let (Some(card), Some((status, _))) = (book.card, book.settled) else { return };
    let charged = matches!(status, TopUpStatus::Completed | TopUpStatus::Cancelled);
    docket.check(!charged || card.can_be_charged(), Promise::ChargedOnce, || {
        let about = format!("top-up {} from a card that is {card:?}", id(top_up));
        (about, TopUpStatus::Declined.to_string(), status.to_string())
    });
}
