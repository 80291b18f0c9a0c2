//! Transactions: the real batch loop over one database. Deciders are pure, so what the same contents make of the same input is
//! worked out once and remembered.

use crate::action::Item;
use crate::deployment::{Deployment, NOW, ids};
use crate::outside::{answer_of_pg, answer_of_platform};
use crate::promises;
use crate::rows::{Rows, Session, print_of};
use crate::seam::Seam;
use crate::state::{Breach, Call, Outgoing, Parcel, State};
use crate::world::World;
use data_platform::{DeliveryCall, NAME as DATA_PLATFORM};
use kernel::domain::OutsideCall;
use kernel::ids::UserId;
use kernel::inquiry::Inquire;
use kernel::routing::Role;
use kernel::said::Entry;
use kernel::{DomainName, Trace};
use order::CancelOrder;
use parking_lot::RwLock;
use payment::{PAYMENT, PgCall, Webhook};
use runtime::message::{Delivery, LetterOrder, Work};
use runtime::ports::store::{Epoch, Position};
use runtime::turn::{Engine, Turn};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use smol_str::SmolStr;
use std::any::Any;
use std::sync::Arc;
use uuid::Uuid;

/// What one transaction came to.
pub struct Turned {
    /// The database after it.
    pub rows: Arc<Rows>,
    /// What it sends to other databases.
    pub parcels: Vec<Arc<Parcel>>,
    /// What leaves.
    pub calls: Vec<Arc<Call>>,
    /// What was said, in order.
    pub said: Vec<String>,
    /// Whether anybody in the same database heard what was said: then two things taken in together are not the same as one after
    /// the other.
    pub echoes: bool,
    /// The promise that it broke.
    pub breach: Option<Arc<Breach>>,
}

/// What a transaction takes in, as the batch loop wants it, and a number that stands for it.
struct Input {
    work: Work,
    print: u64,
}

type Known = FxHashMap<(usize, u64, SmallVec<[u64; 2]>), Arc<Turned>>;

/// Every transaction decided so far.
pub struct Turns {
    deployment: Arc<Deployment>,
    seam: Arc<dyn Seam>,
    /// Alerts that are no fault in this world.
    expected: &'static [&'static str],
    known: RwLock<Known>,
}

impl Turns {
    /// None yet.
    #[must_use]
    pub fn new(deployment: Arc<Deployment>, seam: Arc<dyn Seam>, world: &World) -> Self {
        let expected: &[&str] =
            if world.parks { &["payment_stray", "compensation_failed"] } else { &["payment_stray"] };
        Self { deployment, seam, expected, known: RwLock::default() }
    }

    /// How many different transactions were decided.
    #[must_use]
    pub fn decided(&self) -> usize {
        self.known.read().len()
    }

    /// What database `home` makes of `items` in `state`.
    #[must_use]
    pub fn turn(&self, state: &State, home: usize, items: &[Item]) -> Arc<Turned> {
        let rows = &state.homes[home];
        let inputs: SmallVec<[Input; 2]> = items.iter().map(|item| self.input(state, item)).collect();
        let key = (home, rows.print(), inputs.iter().map(|input| input.print).collect());
        if let Some(turned) = self.known.read().get(&key) {
            return Arc::clone(turned);
        }
        let turned = Arc::new(self.decide(rows, home, items, inputs));
        self.known.write().insert(key, Arc::clone(&turned));
        turned
    }

    fn decide(&self, rows: &Rows, home: usize, items: &[Item], inputs: SmallVec<[Input; 2]>) -> Turned {
        let place = &self.deployment.homes()[home];
        // Only an order's birth draws ids that matter; they are the order's own.
        let ids = ids(items.first().map_or(0, Item::about));
        let routing = Arc::clone(self.deployment.routing());
        let mut engine = Engine::new(&place.name, place.domains.clone(), routing, Box::new(ids));
        let mut session = Session::new(rows.map(), self.seam.as_ref(), self.acts(items));
        let work: Vec<Work> = inputs.into_iter().map(|input| input.work).collect();
        let turn = match engine.turn(&mut session, &work, NOW, None) {
            Ok(turn) => turn,
            Err(failed) => return stuck(rows, &failed.error.to_string()),
        };
        let after = Arc::new(rows.with(session.into_map()));
        let cancelled = items.iter().any(|item| matches!(item, Item::Cancel(_)));
        let fault = turn.alerts.iter().find(|alert| !self.expected.contains(&alert.kind));
        let fault = fault.map(|alert| promises::fault(alert.kind, &alert.detail));
        let breach = fault.or_else(|| promises::broken_by(rows.view(), after.view(), cancelled));
        Turned {
            parcels: self.parcels(home, &turn),
            calls: self.calls(home, &turn),
            said: words(&turn),
            echoes: turn.rounds > 1,
            rows: after,
            breach: breach.map(Arc::new),
        }
    }

    /// Whether what is taken in makes a step act.
    fn acts(&self, items: &[Item]) -> bool {
        let acts = |parcel: &Parcel| {
            let plan = parcel.entry.plan.as_deref();
            let roles = parcel
                .entry
                .events
                .iter()
                .flat_map(|event| self.deployment.routing().roles(&event.said, plan));
            roles.into_iter().any(|role| matches!(role, Role::Act(_)))
        };
        items.iter().any(|item| matches!(item, Item::Parcel(parcel) if acts(parcel)))
    }

    /// The log rows, as each other database that they concern hears them.
    fn parcels(&self, from: usize, turn: &Turn) -> Vec<Arc<Parcel>> {
        let mut parcels = Vec::new();
        for (_, entry) in &turn.entries {
            let Some(about) = self.deployment.number(entry.key) else { continue };
            for (to, place) in self.deployment.homes().iter().enumerate().filter(|(to, _)| *to != from) {
                let here = |domain: &DomainName| place.domains.iter().any(|known| known.name() == *domain);
                // Who only listens, and is not the judge, follows after the fact: it changes nothing that is promised here.
                let counts = |role: Role| !matches!(role, Role::Hear(domain) if domain != order::NAME);
                let concerns = |event: &&kernel::SaidEvent| {
                    let routing = self.deployment.routing();
                    routing.roles_of(&event.said, entry.plan.as_deref(), here).any(counts)
                };
                let events: Vec<_> = entry.events.iter().filter(concerns).cloned().collect();
                if !events.is_empty() {
                    let entry = Entry { events, ..entry.as_ref().clone() };
                    parcels.push(Arc::new(Parcel::new(from, to, about, entry)));
                }
            }
        }
        parcels
    }

    fn calls(&self, home: usize, turn: &Turn) -> Vec<Arc<Call>> {
        let left = turn.calls.iter().filter_map(|call| self.outgoing(call));
        let withdrawn = turn.withdrawn.iter().filter_map(|(domain, command)| self.withdrawn(domain, command));
        left.chain(withdrawn).map(|(about, what)| Arc::new(Call::new(home, about, what))).collect()
    }

    fn outgoing(&self, call: &OutsideCall) -> Option<(usize, Outgoing)> {
        let request = call.request.as_ref();
        let (saga, what) = if let Some(call) = request.downcast_ref::<PgCall>() {
            (call.leg.as_ref()?.0.0, Outgoing::Pg(call.clone()))
        } else if let Some(call) = request.downcast_ref::<DeliveryCall>() {
            (call.order_id.0, Outgoing::Delivery(call.clone()))
        } else {
            let inquire = request.downcast_ref::<Inquire>()?;
            (inquire.saga.0, Outgoing::Inquiry(inquire.clone()))
        };
        Some((self.deployment.number(saga)?, what))
    }

    fn withdrawn(
        &self,
        domain: &DomainName,
        command: &Arc<dyn Any + Send + Sync>,
    ) -> Option<(usize, Outgoing)> {
        let saga = if let Some(answered) = command.downcast_ref::<payment::PgAnswered>() {
            answered.call.leg.as_ref()?.0.0
        } else {
            command.downcast_ref::<data_platform::Delivered>()?.order_id.0
        };
        let text = format!("that {domain}'s call was withdrawn");
        let told = Outgoing::Told { domain: domain.clone(), command: Arc::clone(command), text };
        Some((self.deployment.number(saga)?, told))
    }

    /// What the PG's book is after these, if one of them is its answer.
    #[must_use]
    pub fn book_after(&self, state: &State, items: &[Item]) -> Option<(usize, crate::outside::Book)> {
        items.iter().find_map(|item| match item {
            Item::Answer(call, reply) => match &call.what {
                Outgoing::Pg(pg) => {
                    let amount = self.deployment.plan().card_amount;
                    Some((call.about, answer_of_pg(pg, amount, state.pg[call.about], *reply).0))
                }
                _ => None,
            },
            _ => None,
        })
    }

    fn input(&self, state: &State, item: &Item) -> Input {
        match item {
            Item::Place(number) => command(order::NAME, self.deployment.request(*number), &("place", number)),
            Item::Cancel(number) => {
                let order = self.deployment.orders()[*number];
                command(order::NAME, CancelOrder { order, customer: None }, &("cancel", number))
            }
            Item::Parcel(parcel) => Input {
                work: Work::Delivery(Delivery {
                    source: SmolStr::new(&self.deployment.homes()[parcel.from].name),
                    epoch: Epoch(Uuid::nil()),
                    through: Position(1),
                    entry: Arc::clone(&parcel.entry),
                }),
                print: parcel.print(),
            },
            Item::Answer(call, reply) => match &call.what {
                Outgoing::Pg(pg) => {
                    let amount = self.deployment.plan().card_amount;
                    let (_, answer) = answer_of_pg(pg, amount, state.pg[call.about], *reply);
                    let print = (call.print(), format!("{:?}", answer.answer));
                    command(PAYMENT, answer, &print)
                }
                Outgoing::Delivery(delivery) => {
                    let answer = answer_of_platform(delivery, *reply);
                    let print = (call.print(), format!("{:?}", answer.outcome));
                    command(DATA_PLATFORM, answer, &print)
                }
                Outgoing::Inquiry(_) | Outgoing::Told { .. } => told(call),
            },
            Item::Told(call) => told(call),
            Item::Due(timer) => Input {
                work: Work::Due {
                    domain: timer.domain.clone(),
                    table: timer.table,
                    key: timer.key.clone(),
                    at: timer.at,
                },
                print: print_of(&("due", timer.table.name, &timer.key, timer.at)),
            },
            Item::Webhook(number) => {
                let key = Deployment::payment(*number).to_string();
                command(PAYMENT, Webhook { key }, &("webhook", number))
            }
            Item::Redrive(id, _) => {
                let by = UserId(Uuid::nil());
                let work = Work::Letter { id: *id, order: LetterOrder::Redrive, by, reply: None };
                Input { work, print: print_of(&("redrive", id)) }
            }
        }
    }
}

fn command(domain: DomainName, body: impl Any + Send + Sync, print: &impl std::hash::Hash) -> Input {
    let work = Work::Command { domain, body: Arc::new(body), trace: Trace::default(), reply: None };
    Input { work, print: print_of(print) }
}

/// What its own process tells a domain; nothing where the call is of another kind.
fn told(call: &Call) -> Input {
    let (domain, body): (DomainName, Arc<dyn Any + Send + Sync>) = match &call.what {
        Outgoing::Told { domain, command, .. } => (domain.clone(), Arc::clone(command)),
        Outgoing::Pg(_) | Outgoing::Delivery(_) | Outgoing::Inquiry(_) => (order::NAME, Arc::new(())),
    };
    Input { work: Work::Command { domain, body, trace: Trace::default(), reply: None }, print: call.print() }
}

/// A transaction that could not be carried out leaves everything as it was.
fn stuck(rows: &Rows, error: &str) -> Turned {
    Turned {
        rows: Arc::new(rows.with(rows.map().clone())),
        parcels: Vec::new(),
        calls: Vec::new(),
        said: Vec::new(),
        echoes: false,
        breach: Some(Arc::new(promises::fault("the batch loop", error))),
    }
}

/// What was said, with its reason where it has one.
fn words(turn: &Turn) -> Vec<String> {
    let events = turn.entries.iter().flat_map(|(_, entry)| &entry.events);
    events.map(|event| said(&event.said)).collect()
}

/// One word for people: `stock.refused OUT_OF_STOCK`.
#[must_use]
pub fn said(said: &kernel::Said) -> String {
    match said.reason() {
        Some(reason) => format!("{} {reason}", said.name()),
        None => said.name().to_string(),
    }
}
