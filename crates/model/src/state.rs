//! The state of a small world: databases, what is in the air between them, calls that are out, and what may still happen.

use crate::outside::Book;
use crate::rows::{Rows, print_of};
use crate::view::{OrderView, Timer, View};
use crate::world::May;
use data_platform::DeliveryCall;
use kernel::inquiry::Inquire;
use kernel::participation::InboxState;
use kernel::said::Entry;
use kernel::{DomainName, Step};
use payment::PgCall;
use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A log row on its way to a database that it concerns; of its events, those that do.
pub struct Parcel {
    /// Where it was committed.
    pub from: usize,
    /// Where it is heard.
    pub to: usize,
    /// The order it is about.
    pub about: usize,
    /// The row.
    pub entry: Arc<Entry>,
    print: u64,
}

/// Something that left a database after its commit, and will be answered.
pub struct Call {
    /// Whose it is.
    pub home: usize,
    /// The order it is about.
    pub about: usize,
    /// What.
    pub what: Outgoing,
    print: u64,
}

/// What left.
pub enum Outgoing {
    /// A call to the PG.
    Pg(PgCall),
    /// A delivery to the data platform.
    Delivery(DeliveryCall),
    /// The judge has the participants' books looked at.
    Inquiry(Inquire),
    /// The domain is about to be told this, by its own process: of a call withdrawn, of books looked at.
    Told {
        /// Who.
        domain: DomainName,
        /// What, as a command of its own.
        command: Arc<dyn Any + Send + Sync>,
        /// The same for people.
        text: String,
    },
}

/// A promise was broken by a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Breach {
    /// The name of the promise: one of [`crate::promises`].
    pub promise: &'static str,
    /// How.
    pub detail: String,
}

/// A state of the world.
#[derive(Clone)]
pub struct State {
    /// The databases' contents.
    pub homes: Vec<Arc<Rows>>,
    /// How many orders have been placed.
    pub placed: usize,
    /// What is in the air, sorted; and how often.
    pub air: Vec<(Arc<Parcel>, u8)>,
    /// What is out, sorted.
    pub calls: Vec<Arc<Call>>,
    /// The PG's book, by order.
    pub pg: Vec<Book>,
    /// What may still happen.
    pub may: May,
    /// What each database has heard so far, sorted; kept only while something may crash.
    pub heard: Vec<Arc<Parcel>>,
    /// The promise that the last step broke.
    pub breach: Option<Arc<Breach>>,
}

impl Parcel {
    /// `entry` on its way.
    #[must_use]
    pub fn new(from: usize, to: usize, about: usize, entry: Entry) -> Self {
        // Entries are equal where their words are: time stands still and nothing is traced.
        let print = print_of(&(from, to, about, format!("{:?}", entry.events)));
        Self { from, to, about, entry: Arc::new(entry), print }
    }

    /// A number that stands for it.
    #[must_use]
    pub fn print(&self) -> u64 {
        self.print
    }
}

impl Call {
    /// `what` on its way from `home`.
    #[must_use]
    pub fn new(home: usize, about: usize, what: Outgoing) -> Self {
        let print = print_of(&(home, about, what.to_string()));
        Self { home, about, what, print }
    }

    /// A number that stands for it.
    #[must_use]
    pub fn print(&self) -> u64 {
        self.print
    }
}

impl fmt::Display for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pg(call) => write!(f, "call {} to the PG: {:?}", call.attempt, call.request),
            Self::Delivery(call) => write!(f, "sending {} of {}", call.sending, call.event),
            Self::Inquiry(inquire) => write!(f, "an inquiry about {:?}", inquire.steps),
            Self::Told { text, .. } => f.write_str(text),
        }
    }
}

impl PartialEq for Parcel {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl State {
    /// What database `home` says.
    #[must_use]
    pub fn view(&self, home: usize) -> &View {
        self.homes[home].view()
    }

    /// Every database's view.
    pub fn views(&self) -> impl Iterator<Item = &View> {
        self.homes.iter().map(|rows| rows.view())
    }

    /// Order `number`, once it is placed.
    #[must_use]
    pub fn order(&self, number: usize) -> Option<&OrderView> {
        self.views().find_map(|view| view.orders.get(&number))
    }

    /// The inbox row of a step.
    #[must_use]
    pub fn inbox(&self, number: usize, step: &Step) -> Option<InboxState> {
        self.views().find_map(|view| view.inbox.get(&(number, step.clone())).copied())
    }

    /// Every timer that runs, with its database.
    pub fn timers(&self) -> impl Iterator<Item = (usize, &Arc<Timer>)> {
        let databases = self.homes.iter().enumerate();
        databases.flat_map(|(home, rows)| rows.view().timers.iter().map(move |timer| (home, timer)))
    }

    /// Puts a parcel into the air.
    pub fn send(&mut self, parcel: Arc<Parcel>) {
        match self.air.binary_search_by_key(&parcel.print, |(known, _)| known.print) {
            Ok(at) => self.air[at].1 += 1,
            Err(at) => self.air.insert(at, (parcel, 1)),
        }
    }

    /// Takes one such parcel out of the air.
    pub fn receive(&mut self, parcel: &Parcel) {
        if let Ok(at) = self.air.binary_search_by_key(&parcel.print, |(known, _)| known.print) {
            self.air[at].1 -= 1;
            if self.air[at].1 == 0 {
                self.air.remove(at);
            }
        }
    }

    /// Remembers that a database heard this.
    pub fn remember(&mut self, parcel: &Arc<Parcel>) {
        if let Err(at) = self.heard.binary_search_by_key(&parcel.print, |known| known.print) {
            self.heard.insert(at, Arc::clone(parcel));
        }
    }

    /// Lets a call go out.
    pub fn call(&mut self, call: Arc<Call>) {
        let at = self.calls.partition_point(|known| known.print < call.print);
        self.calls.insert(at, call);
    }

    /// A call is over.
    pub fn end(&mut self, call: &Call) {
        if let Some(at) = self.calls.iter().position(|known| known.print == call.print) {
            self.calls.remove(at);
        }
    }

    fn prints(&self) -> impl Iterator<Item = u64> + '_ {
        let homes = self.homes.iter().map(|rows| rows.print());
        let air = self.air.iter().flat_map(|(parcel, count)| [parcel.print, u64::from(*count)]);
        let calls = self.calls.iter().map(|call| call.print);
        // A mark between the lists, so that none runs into the next.
        homes
            .chain([1])
            .chain(air)
            .chain([2])
            .chain(calls)
            .chain([3])
            .chain(self.heard.iter().map(|p| p.print))
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.prints().for_each(|print| hasher.write_u64(print));
        (self.placed, &self.pg, self.may, &self.breach).hash(hasher);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.prints().eq(other.prints())
            && (self.placed, &self.pg, self.may, &self.breach)
                == (other.placed, &other.pg, other.may, &other.breach)
    }
}

impl fmt::Debug for State {
    /// What the orders have come to: enough to tell states apart for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let orders = (0..self.placed).filter_map(|number| self.order(number));
        f.debug_list().entries(orders.map(|order| order.status)).finish()
    }
}
