//! The counter: what clients ask, translated to the shop, and what the shop answers, translated back.
//!
//! It does what the HTTP door does, without HTTP and without waiting: a request is begun ([`Pending::start`]) and looked at again
//! ([`Pending::poll`]) until it is answered. Units are asked for anew each time, since any of them may have died or come back in
//! between; a unit that cannot be reached is what a client sees as 503.
//!
//! Reading order: this file → `wait` (what a request can wait for) → `caller` (who may ask) → a file per area → `render` and
//! `refusals` (what clients get to see).

mod admin;
mod caller;
mod catalogue;
mod coupons;
mod follow;
mod lists;
mod orders;
mod points;
mod refusals;
mod render;
mod users;
mod wait;

pub use caller::ADMIN;

use crate::clients::{Ask, Caller, Heard, Millis, Request, Show};
use kernel::{Currency, DomainName, Key, Record, Trace};
use refusals::No;
use runtime::System;
use runtime::ports::store::{Query, Reader};
use shop::Shop;
use shop::facts::{load, read};
use std::sync::Arc;
use wait::{Turn, Wait};

/// The units as a gateway reaches them now. A unit that is down or cut off is `None`.
pub trait Units {
    /// The running system of the unit that holds `domain` (any live instance).
    fn system(&self, domain: &'static str) -> Option<Arc<System>>;

    /// The shop of the unit that holds the orders.
    fn shop(&self) -> Option<Arc<Shop>>;

    /// All databases' systems, for what an administrator looks through (dead letters).
    fn systems(&self) -> Vec<Arc<System>>;
}

/// The currency of every amount: what the shops that are asked must be set to.
pub const CURRENCY: Currency = Currency::KRW;

/// A request that is being answered.
pub struct Pending {
    trace: Trace,
    patience: Millis,
    stage: Stage,
}

enum Stage {
    /// Something is waited for.
    Waits(Box<dyn Wait>),
    /// It is answered.
    Over(Heard),
}

impl Pending {
    /// Begins `request` at `now`. Nothing is waited for longer than `patience` milliseconds at a time: neither for an order to
    /// settle, nor for views to catch up. (The HTTP door's default is 10,000.)
    pub fn start(request: &Request, units: &dyn Units, now: Millis, patience: Millis) -> Self {
        // Never zero, which would say "no trace": whoever tells a story finds by it what a request made.
        let trace = Trace { id: u128::from(request.id.0) + 1, span: request.id.0.wrapping_add(1), flags: 1 };
        let sight = Sight { units, now, patience, trace };
        let stage = match begin(request, &sight) {
            Ok(turn) => turn.into(),
            Err(no) => Stage::Over(no.into()),
        };
        Self { trace, patience, stage }
    }

    /// What it came to, once it has; `None` while it is under way. [`Heard::Unavailable`] where a unit is away, or says that it
    /// cannot be asked; never [`Heard::Lost`]: the run loop gives up on those whose answer never comes ([`Pending::is_orphaned`]).
    /// An answer stays what it was: asked again, it is given again.
    pub fn poll(&mut self, units: &dyn Units, now: Millis) -> Option<Heard> {
        let sight = Sight { units, now, patience: self.patience, trace: self.trace };
        loop {
            self.stage = match &mut self.stage {
                Stage::Over(heard) => return Some(heard.clone()),
                Stage::Waits(wait) => match wait.poll(&sight) {
                    Ok(None) => return None,
                    Ok(Some(turn)) => turn.into(),
                    Err(no) => Stage::Over(no.into()),
                },
            };
        }
    }

    /// When it comes to something at the latest, whatever happens: a patience is over then. `None` while an answer is waited for that
    /// only comes by itself.
    #[must_use]
    pub fn ends_at(&self) -> Option<Millis> {
        match &self.stage {
            Stage::Waits(wait) => wait.until(),
            Stage::Over(_) => None,
        }
    }

    /// Whether whoever was to answer is gone, with the process that it was asked in: nothing will ever come of this.
    #[must_use]
    pub fn is_orphaned(&self) -> bool {
        match &self.stage {
            Stage::Waits(wait) => wait.is_orphaned(),
            Stage::Over(_) => false,
        }
    }
}

impl From<Turn> for Stage {
    fn from(turn: Turn) -> Self {
        match turn {
            Turn::Wait(wait) => Self::Waits(wait),
            Turn::Told(answer) => Self::Over(Heard::Answer(answer)),
        }
    }
}

/// What a request is answered from: the units as they can be reached now, and the time.
struct Sight<'a> {
    units: &'a dyn Units,
    now: Millis,
    patience: Millis,
    trace: Trace,
}

impl Sight<'_> {
    /// The system of the unit that holds `domain`.
    fn system(&self, domain: &'static str) -> Result<Arc<System>, No> {
        self.units.system(domain).ok_or(No::Unavailable)
    }

    /// Committed rows of `domain`, as its own unit reads them.
    fn reader(&self, domain: &'static str) -> Result<Arc<dyn Reader>, No> {
        Ok(Arc::clone(self.system(domain)?.reader(&DomainName::of(domain))?))
    }

    /// The record of `R` under `key` in the database of `domain`, if there is one.
    fn get<R: Record>(&self, domain: &'static str, key: impl Into<Key>) -> Result<Option<R>, No> {
        Ok(load::<R>(self.reader(domain)?.as_ref(), [key])?.into_iter().next())
    }

    /// The records that a query of `domain`'s database asks for.
    fn list<R: Record>(&self, domain: &'static str, query: &Query) -> Result<Vec<R>, No> {
        Ok(self.reader(domain)?.query(query)?.iter().map(read).collect::<Result<_, _>>()?)
    }
}

/// Who may not ask is turned away before anything else is looked at, as at the HTTP door.
fn begin(request: &Request, sight: &Sight<'_>) -> Result<Turn, No> {
    let (ask, from) = (&request.ask, request.from);
    match ask {
        Ask::SignUp { email } => users::sign_up(sight, email),
        Ask::SetSuspended { user, suspended } => users::set_suspended(sight, from, *user, *suspended),
        Ask::AdjustPoints { user, adjust, reason } => points::adjust(sight, from, *user, *adjust, reason),
        Ask::CreateProduct { sku, price, stock } => catalogue::create(sight, from, sku, *price, *stock),
        Ask::SetPrice { product, price } => catalogue::set_price(sight, from, *product, *price),
        Ask::AdjustStock { product, adjust } => catalogue::adjust(sight, from, *product, *adjust),
        Ask::CreateCampaign(terms) => coupons::create(sight, from, terms),
        Ask::PatchCampaign { campaign, quantity, stopped } => {
            coupons::patch(sight, from, *campaign, *quantity, *stopped)
        }
        Ask::TakeCoupon { campaign } => coupons::take(sight, from, *campaign),
        Ask::Place { lines, payment, .. } => orders::place(sight, from, ask, lines, payment.as_ref()),
        Ask::Pay { order, payment, .. } => orders::pay(sight, from, ask, *order, payment),
        Ask::Cancel { order } => orders::cancel(sight, from, *order),
        Ask::TopUp { amount, card, .. } => points::top_up(sight, from, ask, *amount, *card),
        Ask::Fulfil { order } => admin::fulfil(sight, from, *order),
        Ask::Redrive { letter } => admin::redrive(sight, from, *letter),
        Ask::Show(what) => show(*what, from, sight),
    }
}

fn show(what: Show, from: Caller, sight: &Sight<'_>) -> Result<Turn, No> {
    match what {
        Show::Order(order) => orders::show(sight, from, order),
        Show::Orders(page) => orders::list(sight, from, page),
        Show::AllOrders(page) => admin::orders(sight, from, page),
        Show::Product(product) => catalogue::show(sight, product),
        Show::Balance => points::balance(sight, from),
        Show::History(page) => points::history(sight, from, page),
        Show::TopUp(charge) => points::show_top_up(sight, from, charge),
        Show::Campaigns(page) => coupons::campaigns(sight, page),
        Show::Coupons(page) => coupons::coupons(sight, from, page),
        Show::BestSellers => catalogue::best(sight),
        Show::OpenLetters(page) => admin::open_letters(sight, from, page),
    }
}
