//! The oracle: it hears what clients ask and are told, keeps books of its own, and says which promise was broken.
//!
//! It is written independently of the code that it judges, and imports nothing of it. What it knows, it knows from outside: from
//! answers, and from two witnesses, the payment gateway's own book and what the data platform took.
//!
//! How a run loop calls it:
//!
//! - [`Oracle::asked`] with every request as it leaves, then [`Oracle::told`] or [`Oracle::lost`] once with what became of it. An
//!   answer that comes after its request was given up is not told. Times are the run's own.
//! - At any time [`Oracle::breaches`] are what has been found so far: a run can stop at the first.
//! - After the run, once clients are done and everything is idle: [`Oracle::question`] gives the questions whose answers it judges by,
//!   as requests like any others (asked, and told or lost); lost ones come again. Until [`Oracle::has_seen_all`].
//! - Then the witnesses, [`Oracle::witness_pg`] and [`Oracle::witness_platform`], and [`Oracle::verdict`].

mod breach;
mod campaigns;
mod catalogue;
mod closing;
mod hearing;
mod judging;
mod keys;
mod orders;
mod people;
mod register;
mod rules;
mod verdict;
mod words;

#[cfg(test)]
mod tests;

pub use breach::{Breach, Promise};

use crate::clients::{Ask, Caller, Delivery, Id, Millis, PgCharge, Request, RequestId};
use breach::Docket;
use campaigns::{Campaigns, Patch};
use catalogue::Catalogue;
use closing::Closing;
use keys::{Keys, Scope};
use orders::OrderBook;
use people::{Outcome, People};
use register::Moment;
use std::collections::BTreeMap;

/// What the shop under test is configured to, as far as promises depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long an order made with `pay: false` waits to be paid.
    pub created_expiry: Millis,
    /// How long after its confirmation an order can be cancelled.
    pub cancel_window: Millis,
    /// How far any of the shop's clocks may be from the run's.
    pub clock_error: Millis,
}

impl Default for Rules {
    /// The documented defaults, and clocks that are right.
    fn default() -> Self {
        let (minute, day) = (60_000, 86_400_000);
        Self { created_expiry: 30 * minute, cancel_window: 7 * day, clock_error: 0 }
    }
}

/// Judges one run.
pub struct Oracle {
    rules: Rules,
    /// Counts what is heard: what was first is smaller.
    moment: Moment,
    docket: Docket,
    /// Requests that nothing was heard of yet.
    open: BTreeMap<RequestId, Asked>,
    keys: Keys,
    orders: BTreeMap<Id, OrderBook>,
    people: People,
    catalogue: Catalogue,
    campaigns: Campaigns,
    closing: Closing,
    pg: Vec<PgCharge>,
    platform: Vec<Delivery>,
    judged: bool,
}

/// A request that nothing was heard of yet.
struct Asked {
    request: Request,
    moment: Moment,
}

impl Oracle {
    /// An oracle that knows nothing yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            moment: 0,
            docket: Docket::default(),
            open: BTreeMap::new(),
            keys: Keys::default(),
            orders: BTreeMap::new(),
            people: People::default(),
            catalogue: Catalogue::default(),
            campaigns: Campaigns::default(),
            closing: Closing::default(),
            pg: Vec::new(),
            platform: Vec::new(),
            judged: false,
        }
    }

    /// What was found so far, first things first; at most a hundred.
    #[must_use]
    pub fn breaches(&self) -> &[Breach] {
        &self.docket.breaches
    }

    /// A request leaves its client.
    pub fn asked(&mut self, now: Millis, request: &Request) {
        self.tick(now);
        let (id, moment) = (request.id, self.moment);
        match &request.ask {
            Ask::SetSuspended { user, suspended } => {
                self.people.suspension_asked(*user, id, moment, *suspended);
            }
            Ask::AdjustPoints { user, adjust, reason } => self.people.grant_asked(*user, reason, *adjust),
            Ask::SetPrice { product, price } => self.catalogue.price_asked(*product, id, moment, *price),
            Ask::AdjustStock { product, adjust } => self.catalogue.adjustment_asked(*product, id, *adjust),
            Ask::PatchCampaign { campaign, quantity, stopped } => {
                let patch = Patch { campaign: *campaign, quantity: *quantity, stopped: *stopped };
                self.campaigns.patch_asked(patch, id, moment);
            }
            Ask::TakeCoupon { campaign } => {
                if let Caller::Customer(user) = request.from {
                    self.campaigns.taking(*campaign, user);
                }
            }
            Ask::Place { .. } | Ask::Pay { .. } | Ask::TopUp { .. } => self.keyed_asked(now, request),
            Ask::Cancel { order } => {
                if let Some(book) = self.orders.get_mut(order) {
                    book.cancel_asked.get_or_insert(moment);
                }
            }
            Ask::Fulfil { order } => {
                if let Some(book) = self.orders.get_mut(order) {
                    book.ship_asked.get_or_insert(moment);
                }
            }
            Ask::SignUp { .. }
            | Ask::CreateProduct { .. }
            | Ask::CreateCampaign(_)
            | Ask::Redrive { .. }
            | Ask::Show(_) => {}
        }
        self.open.insert(id, Asked { request: request.clone(), moment });
    }

    fn keyed_asked(&mut self, now: Millis, request: &Request) {
        let Some(scope) = Scope::of(request.from, &request.ask) else { return };
        if !self.keys.asked(scope, &request.ask, self.moment, now) {
            return;
        }
        match &request.ask {
            Ask::Place { lines, .. } => self.catalogue.wanted(lines),
            Ask::Pay { order, payment, .. } => {
                if let Some(book) = self.orders.get_mut(order) {
                    book.payments.push((self.moment, *payment));
                }
            }
            _ => {}
        }
    }

    /// Nothing was heard of a request, or that it cannot be done now: it may have been done, or be done yet.
    pub fn lost(&mut self, now: Millis, id: RequestId) {
        self.tick(now);
        let Some(Asked { request, .. }) = self.open.remove(&id) else { return };
        if let Some(scope) = Scope::of(request.from, &request.ask) {
            self.keys.lost(scope);
        }
        if let Ask::AdjustPoints { user, reason, .. } = &request.ask {
            self.people.grant_ended(*user, reason, Outcome::Unknown);
        }
        self.closing.lost(id);
    }

    /// The payment gateway's own book, at the end.
    pub fn witness_pg(&mut self, charges: impl IntoIterator<Item = PgCharge>) {
        self.pg.extend(charges);
    }

    /// What the data platform took, in order, repetitions included.
    pub fn witness_platform(&mut self, deliveries: impl IntoIterator<Item = Delivery>) {
        self.platform.extend(deliveries);
    }

    fn tick(&mut self, now: Millis) {
        self.moment += 1;
        self.docket.now = now;
    }
}
