//! Idempotency: what each key was asked for, and the one thing that it made.

use super::breach::{Docket, Promise, id};
use super::register::Moment;
use super::words;
use crate::clients::{Ask, Caller, Id, Key, Millis, Refused};
use std::collections::BTreeMap;
use std::ops::Range;

/// What a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Route {
    Place,
    Pay(Id),
    TopUp,
}

/// A key of one client for one route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope {
    pub(super) caller: Caller,
    route: Route,
    key: Key,
}

impl Scope {
    /// Of a request that needs a key.
    pub(super) fn of(caller: Caller, ask: &Ask) -> Option<Self> {
        let route = match ask {
            Ask::Place { .. } => Route::Place,
            Ask::Pay { order, .. } => Route::Pay(*order),
            Ask::TopUp { .. } => Route::TopUp,
            _ => return None,
        };
        Some(Self { caller, route, key: ask.key()? })
    }

    fn name(&self) -> String {
        let (key, caller) = (self.key, words::caller(self.caller));
        match self.route {
            Route::Place => format!("{key} of {caller} for an order"),
            Route::Pay(order) => format!("{key} of {caller} for the payment of order {}", id(order)),
            Route::TopUp => format!("{key} of {caller} for a top-up"),
        }
    }
}

/// One body that a key was used with.
pub(super) struct Body {
    pub(super) ask: Ask,
    /// When it was first asked for.
    pub(super) asked: Moment,
    pub(super) at: Millis,
}

/// What is known of a key.
#[derive(Default)]
pub(super) struct KeyBook {
    pub(super) bodies: Vec<Body>,
    /// What it made, by which body, and when that was first told.
    pub(super) made: Option<(Id, usize, Moment)>,
    /// Requests that nothing was heard of yet.
    open: u32,
    /// Requests of which nothing will be heard: they may still do something.
    lost: u32,
    /// When something was heard last.
    heard: Moment,
    /// It was refused for good, at least once.
    refused: bool,
}

/// All keys.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) books: BTreeMap<Scope, KeyBook>,
    /// Which key an order (or top-up) was made by.
    makers: BTreeMap<(Route, Id), Scope>,
}

impl Keys {
    /// A request under the key is sent; whether its body is new.
    pub(super) fn asked(&mut self, scope: Scope, ask: &Ask, moment: Moment, at: Millis) -> bool {
        let book = self.books.entry(scope).or_default();
        book.open += 1;
        let is_new = !book.bodies.iter().any(|body| body.ask == *ask);
        if is_new {
            book.bodies.push(Body { ask: ask.clone(), asked: moment, at });
        }
        is_new
    }

    /// When this body was first asked for.
    pub(super) fn first_asked(&self, scope: Scope, ask: &Ask) -> Option<(Moment, Millis)> {
        let body = self.books.get(&scope)?.bodies.iter().find(|body| body.ask == *ask)?;
        Some((body.asked, body.at))
    }

    pub(super) fn lost(&mut self, scope: Scope) {
        if let Some(book) = self.books.get_mut(&scope) {
            book.open = book.open.saturating_sub(1);
            book.lost += 1;
        }
    }

    /// The key is told to have made `made`.
    pub(super) fn told(&mut self, scope: Scope, ask: &Ask, made: Id, moment: Moment, docket: &mut Docket) {
        let Some(book) = self.books.get_mut(&scope) else { return };
        book.open = book.open.saturating_sub(1);
        book.heard = moment;
        let Some(body) = book.bodies.iter().position(|body| body.ask == *ask) else { return };
        let (first, by, _) = *book.made.get_or_insert((made, body, moment));
        docket.check(first == made, Promise::AnsweredOnce, || {
            (format!("what {} made", scope.name()), id(first), id(made))
        });
        docket.check(by == body, Promise::AnsweredOnce, || {
            let saw = format!("answered with {} to another body", id(made));
            (scope.name(), "refused for another body".to_owned(), saw)
        });
        let maker = *self.makers.entry((scope.route, made)).or_insert(scope);
        docket.check(maker == scope, Promise::AnsweredOnce, || {
            (id(made), format!("made by {} alone", maker.name()), format!("made by {} too", scope.name()))
        });
    }

    /// A request under the key, asked and told in `during`, is refused.
    pub(super) fn refused(
        &mut self,
        scope: Scope,
        ask: &Ask,
        during: Range<Moment>,
        refused: &Refused,
        docket: &mut Docket,
    ) {
        let Some(book) = self.books.get_mut(&scope) else { return };
        book.open = book.open.saturating_sub(1);
        let overlaps = book.open + book.lost > 0 || book.heard > during.start;
        book.heard = during.end;
        let code = refused.code.as_str();
        match code {
            "USER_SUSPENDED" => {}
            "IDEMPOTENCY_KEY_IN_FLIGHT" => {
                docket.check(overlaps, Promise::AnsweredOnce, || {
                    (scope.name(), "free, with nothing else under way".to_owned(), code.to_owned())
                });
            }
            "IDEMPOTENCY_KEY_REUSED" => {
                let alone = book.bodies.len() < 2;
                let own = book.made.is_some_and(|(_, by, _)| book.bodies[by].ask == *ask);
                docket.check(!alone && !own, Promise::AnsweredOnce, || {
                    (scope.name(), "good for its own body".to_owned(), code.to_owned())
                });
            }
            _ => {
                book.refused = true;
                let made =
                    book.made.filter(|(_, by, told)| *told < during.start && book.bodies[*by].ask == *ask);
                docket.check(made.is_none(), Promise::AnsweredOnce, || {
                    let expected =
                        format!("answered with what it made, {}", id(made.map_or(0, |made| made.0)));
                    (scope.name(), expected, format!("refused with {code}"))
                });
            }
        }
    }

    /// After the run: every key was answered, and what nobody was told of was not made.
    pub(super) fn verdict(&self, docket: &mut Docket) {
        for (scope, book) in &self.books {
            docket.check(book.made.is_some() || book.refused, Promise::NothingStuck, || {
                (scope.name(), "answered in the end".to_owned(), "unanswered".to_owned())
            });
        }
    }

    /// The keys of `caller` for orders of which nobody knows what they made: their last answer was a refusal, but an earlier
    /// request was lost.
    pub(super) fn loose(&self, caller: Caller) -> impl Iterator<Item = (&Scope, &KeyBook)> {
        let least = Scope { caller, route: Route::Place, key: Key(0) };
        let most = Scope { key: Key(u64::MAX), ..least };
        let own = self.books.range(least..=most);
        own.filter(|(_, book)| book.made.is_none() && book.open + book.lost > 0)
    }
}
