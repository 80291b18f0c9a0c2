//! What may happen next.

use crate::action::{Action, Item};
use crate::deployment::Deployment;
use crate::outside::{Book, Charge, replies_of_pg, replies_of_platform};
use crate::promises;
use crate::seam::{Honest, Seam};
use crate::state::{Call, Outgoing, Parcel, State};
use crate::turns::{Turned, Turns};
use crate::view::{Timer, is_the_judges};
use crate::world::World;
use kernel::Step;
use kernel::inquiry::{Inquired, said_by, unheard};
use kernel::judge::SagaStatus;
use kernel::participation::{Inbox, InboxState};
use kernel::routing::Role;
use kernel::topology::Inquiry;
use payment::leg::LegState;
use smallvec::smallvec;
use stateright::{Model, Property};
use std::sync::Arc;

/// A topology in a small world, for the checker. A clone shares the transactions decided so far.
#[derive(Clone)]
pub struct ShopModel {
    world: World,
    deployment: Arc<Deployment>,
    turns: Arc<Turns>,
}

impl ShopModel {
    /// The real thing.
    ///
    /// # Errors
    /// If there is no such topology.
    pub fn new(topology: &str, world: &World) -> anyhow::Result<Self> {
        Self::with(topology, world, Arc::new(Honest))
    }

    /// The real thing with a bug planted at the seam.
    ///
    /// # Errors
    /// If there is no such topology.
    pub fn with(topology: &str, world: &World, seam: Arc<dyn Seam>) -> anyhow::Result<Self> {
        let deployment = Arc::new(Deployment::new(topology, world, seam.as_ref())?);
        let turns = Arc::new(Turns::new(Arc::clone(&deployment), seam, world));
        Ok(Self { world: *world, deployment, turns })
    }

    /// The world.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The topology, set up.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The transactions.
    #[must_use]
    pub fn turns(&self) -> &Turns {
        &self.turns
    }

    /// What happens by itself sooner or later, as long as nothing goes wrong.
    pub fn progress(&self, state: &State, actions: &mut Vec<Action>) {
        if state.breach.is_some() {
            return;
        }
        if state.placed < self.world.orders {
            self.at_orders(Item::Place(state.placed), actions);
        }
        for (parcel, _) in &state.air {
            actions.push(Action::work(parcel.to, Item::Parcel(Arc::clone(parcel))));
        }
        for call in &state.calls {
            match &call.what {
                Outgoing::Pg(_) | Outgoing::Delivery(_) => endings(state, call, false, actions),
                Outgoing::Inquiry(_) => actions.push(Action::Look(Arc::clone(call))),
                Outgoing::Told { .. } => actions.push(Action::work(call.home, Item::Told(Arc::clone(call)))),
            }
        }
        for (home, timer) in state.timers().filter(|(_, timer)| self.passes(state, timer)) {
            actions.push(Action::work(home, Item::Due(Arc::clone(timer))));
        }
        for number in (0..state.placed).filter(|number| is_held_in_vain(state, *number)) {
            if let Some(home) = self.deployment.home_of(&payment::PAYMENT) {
                actions.push(Action::work(home, Item::Webhook(number)));
            }
        }
    }

    /// Whether nothing happens any more by itself.
    #[must_use]
    pub fn is_at_rest(&self, state: &State) -> bool {
        let mut actions = Vec::new();
        self.progress(state, &mut actions);
        actions.is_empty() && state.breach.is_none()
    }

    /// Whether a parcel asks for the action of a step that is compensated by now.
    #[must_use]
    pub fn acts_on_tombstone(&self, state: &State, parcel: &Parcel) -> bool {
        let plan = parcel.entry.plan.as_deref();
        let roles =
            parcel.entry.events.iter().flat_map(|event| self.deployment.routing().roles(&event.said, plan));
        let is_closed = |step: &Step| state.inbox(parcel.about, step) == Some(InboxState::Compensated);
        roles.into_iter().any(|role| matches!(role, Role::Act(steps) if steps.iter().any(is_closed)))
    }

    fn at_orders(&self, item: Item, actions: &mut Vec<Action>) {
        if let Some(home) = self.deployment.home_of(&order::NAME) {
            actions.push(Action::work(home, item));
        }
    }

    /// A timer stands for something that is waited for. A deadline passes where the world has them; a request is repeated when
    /// nothing else about the order is under way; a call is asked about when it was lost with its process.
    fn passes(&self, state: &State, timer: &Timer) -> bool {
        if !is_the_judges(timer) {
            return is_unanswered(state, timer);
        }
        match state.order(timer.about).map(|order| order.status) {
            Some(SagaStatus::Created | SagaStatus::Pending) => self.world.deadlines,
            Some(SagaStatus::Failing | SagaStatus::Cancelling) => is_quiet(state, timer.about),
            Some(SagaStatus::Confirmed | SagaStatus::Failed | SagaStatus::Cancelled) | None => false,
        }
    }

    /// What may happen besides, while it is left.
    fn besides(&self, state: &State, actions: &mut Vec<Action>) {
        let may = state.may;
        if may.duplicates > 0 {
            actions.extend(state.air.iter().map(|(parcel, _)| Action::Twice(Arc::clone(parcel))));
            (0..state.placed).for_each(|number| self.at_orders(Item::Place(number), actions));
        }
        if may.losses > 0 {
            actions.extend(state.air.iter().map(|(parcel, _)| Action::Lose(Arc::clone(parcel))));
        }
        if may.silences > 0 {
            state.calls.iter().for_each(|call| endings(state, call, true, actions));
        }
        if may.early > 0 {
            for (home, timer) in state.timers().filter(|(_, timer)| self.is_early(state, timer)) {
                actions.push(Action::work(home, Item::Due(Arc::clone(timer))));
            }
        }
        for number in 0..state.placed {
            let status = state.order(number).map(|order| order.status);
            if may.cancels > 0 && matches!(status, Some(SagaStatus::Pending | SagaStatus::Confirmed)) {
                self.at_orders(Item::Cancel(number), actions);
            }
            if may.polls > 0 && self.polls(state, number) {
                actions.push(Action::Poll(number));
            }
            if may.strays > 0 && state.pg[number].astray && state.pg[number].charge.is_none() {
                actions.push(Action::Stray(number));
            }
        }
        if may.crashes > 0 {
            actions.extend((0..state.homes.len()).filter(|home| lives(state, *home)).map(Action::Crash));
        }
        if may.redrives > 0 {
            for (home, view) in state.views().enumerate() {
                actions.extend(view.letters.iter().map(|letter| Action::work(home, Item::redrive(letter))));
            }
        }
    }

    fn is_early(&self, state: &State, timer: &Timer) -> bool {
        let status = state.order(timer.about).map(|order| order.status);
        let resends = matches!(status, Some(SagaStatus::Failing | SagaStatus::Cancelling));
        is_the_judges(timer) && resends && !is_quiet(state, timer.about)
    }

    /// Whether a client's poll comes to anything: where it finds nothing yet, the order is not told.
    fn polls(&self, state: &State, number: usize) -> bool {
        let under_way =
            |status| matches!(status, SagaStatus::Pending | SagaStatus::Failing | SagaStatus::Cancelling);
        self.deployment.topology().inquiry == Inquiry::Poll
            && state.order(number).is_some_and(|order| under_way(order.status))
            && self.look(state, number, &self.poll(state, number)).1
    }

    /// Two things in one transaction, where the first is heard within it: what follows from it is decided after the second.
    fn pairs(&self, state: &State, actions: &mut Vec<Action>) {
        let single: Vec<(usize, Item)> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Work(home, items) if items.len() == 1 => Some((*home, items[0].clone())),
                _ => None,
            })
            .filter(|(_, item)| {
                matches!(item, Item::Parcel(_) | Item::Cancel(_) | Item::Answer(..) | Item::Told(_))
            })
            .collect();
        for (home, first) in &single {
            if !self.turns.turn(state, *home, std::slice::from_ref(first)).echoes {
                continue;
            }
            let others = single.iter().filter(|(other, item)| other == home && item != first);
            let others = others.filter(|(_, item)| first.goes_with(item));
            actions
                .extend(others.map(|(_, item)| Action::Work(*home, smallvec![first.clone(), item.clone()])));
        }
    }

    /// What the order is told of the participants' own books, and whether that is anything.
    fn look(&self, state: &State, number: usize, steps: &[Step]) -> (Call, bool) {
        let saga = self.deployment.orders()[number].into();
        let row = |step: &Step| {
            let home = self.deployment.home_of_step(step)?;
            crate::rows::find::<Inbox>(state.homes[home].map(), (saga, step.clone()))
        };
        let found: Vec<_> = steps.iter().filter_map(|step| row(step).and_then(|row| said_by(&row))).collect();
        let words: Vec<String> = found.iter().map(crate::turns::said).collect();
        let text = match words.is_empty() {
            true => "that the books say nothing yet".to_owned(),
            false => format!("that the books say {}", words.join(", ")),
        };
        let says = !found.is_empty();
        let command = Arc::new(Inquired { saga, found });
        let home = self.deployment.home_of(&order::NAME).unwrap_or_default();
        (Call::new(home, number, Outgoing::Told { domain: order::NAME, command, text }), says)
    }

    /// Whom a client's poll asks about: steps that other units run.
    fn poll(&self, state: &State, number: usize) -> Vec<Step> {
        let own = self.deployment.home_of(&order::NAME);
        let Some(order) = state.order(number) else { return Vec::new() };
        let elsewhere = |step: &&Step| self.deployment.home_of_step(step) != own;
        unheard(order.status, &order.steps).filter(elsewhere).cloned().collect()
    }

    /// A database works on `items`, and the world is as it is then.
    fn work(&self, state: &State, home: usize, items: &[Item]) -> State {
        let turned = self.turns.turn(state, home, items);
        let mut next = state.clone();
        for item in items {
            self.take(state, &mut next, item);
        }
        if let Some((number, book)) = self.turns.book_after(state, items) {
            next.pg[number] = book;
        }
        apply(&mut next, home, &turned);
        next
    }

    /// What is used up when an item is taken in.
    fn take(&self, before: &State, next: &mut State, item: &Item) {
        match item {
            Item::Place(number) if *number < before.placed => next.may.duplicates -= 1,
            Item::Place(_) => next.placed += 1,
            Item::Cancel(_) => next.may.cancels -= 1,
            Item::Parcel(parcel) => {
                next.receive(parcel);
                if next.may.crashes > 0 {
                    next.remember(parcel);
                }
            }
            Item::Answer(call, reply) => {
                next.end(call);
                next.may.silences -= u8::from(reply.is_silence());
            }
            Item::Told(call) => next.end(call),
            Item::Due(timer) => next.may.early -= u8::from(self.is_early(before, timer)),
            Item::Webhook(_) => {}
            Item::Redrive(..) => next.may.redrives -= 1,
        }
    }

    fn crash(&self, state: &State, home: usize) -> State {
        let mut next = state.clone();
        next.may.crashes -= 1;
        for call in state.calls.iter().filter(|call| call.home == home) {
            next.end(call);
            if matches!(&call.what, Outgoing::Pg(pg) if matches!(pg.request, payment::gateway::PgRequest::Charge { .. }))
            {
                next.pg[call.about].astray = true;
            }
        }
        let (again, others): (Vec<_>, Vec<_>) =
            state.heard.iter().cloned().partition(|parcel| parcel.to == home);
        again.into_iter().for_each(|parcel| next.send(parcel));
        next.heard = if next.may.crashes > 0 { others } else { Vec::new() };
        next
    }
}

fn apply(next: &mut State, home: usize, turned: &Turned) {
    next.homes[home] = Arc::clone(&turned.rows);
    turned.parcels.iter().for_each(|parcel| next.send(Arc::clone(parcel)));
    turned.calls.iter().for_each(|call| next.call(Arc::clone(call)));
    next.breach.clone_from(&turned.breach);
}

/// How a call that leaves us may end: in an answer, or in silence.
fn endings(state: &State, call: &Arc<Call>, silent: bool, actions: &mut Vec<Action>) {
    let replies = match &call.what {
        Outgoing::Pg(pg) => replies_of_pg(pg, state.pg[call.about]),
        Outgoing::Delivery(delivery) => replies_of_platform(delivery),
        Outgoing::Inquiry(_) | Outgoing::Told { .. } => Vec::new(),
    };
    for reply in replies.into_iter().filter(|reply| reply.is_silence() == silent) {
        actions.push(Action::work(call.home, Item::Answer(Arc::clone(call), reply)));
    }
}

/// Whether a process has anything to lose: a crash of one that was never spoken to is none.
fn lives(state: &State, home: usize) -> bool {
    state.heard.iter().any(|parcel| parcel.to == home) || state.calls.iter().any(|call| call.home == home)
}

/// Whether a domain waits for the answer to a call that is not out: it never went, or went with its process.
fn is_unanswered(state: &State, timer: &Timer) -> bool {
    !state.calls.iter().any(|call| call.about == timer.about && is_about(call, timer))
}

/// Whether nothing about the order is under way, and no domain is about to ask what became of its call.
fn is_quiet(state: &State, number: usize) -> bool {
    let about = |timer: &Timer| timer.about == number && !is_the_judges(timer);
    !state.air.iter().any(|(parcel, _)| parcel.about == number)
        && !state.calls.iter().any(|call| call.about == number)
        && !state.timers().any(|(_, timer)| about(timer) && is_unanswered(state, timer))
}

/// Whether a domain's timer waits for this call.
fn is_about(call: &Call, timer: &Timer) -> bool {
    match &call.what {
        Outgoing::Pg(_) => timer.domain == payment::PAYMENT,
        Outgoing::Delivery(_) => timer.domain == data_platform::NAME,
        Outgoing::Told { domain, .. } => *domain == timer.domain,
        Outgoing::Inquiry(_) => false,
    }
}

/// The PG holds money of a leg that ended without: its webhook, or the reconciliation, will tell.
fn is_held_in_vain(state: &State, number: usize) -> bool {
    let leg = state.views().find_map(|view| view.legs.get(&number).copied());
    let closed = matches!(leg, Some(LegState::Declined | LegState::NotCharged | LegState::Cancelled));
    closed
        && state.pg[number].charge == Some(Charge::Held)
        && !state.calls.iter().any(|call| call.about == number && matches!(call.what, Outgoing::Pg(_)))
}

impl Model for ShopModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let beginnings = self.deployment.beginnings().into_iter();
        let state = |homes| State {
            homes,
            placed: 0,
            air: Vec::new(),
            calls: Vec::new(),
            pg: vec![Book::default(); self.world.orders],
            may: self.world.may,
            heard: Vec::new(),
            breach: None,
        };
        beginnings.map(state).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.progress(state, actions);
        if state.breach.is_none() {
            self.besides(state, actions);
            if self.world.batches {
                self.pairs(state, actions);
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        Some(match action {
            Action::Work(home, items) => self.work(state, home, &items),
            Action::Twice(parcel) => {
                let mut next = self.work(state, parcel.to, &[Item::Parcel(Arc::clone(&parcel))]);
                next.may.duplicates -= 1;
                next.send(parcel);
                next
            }
            Action::Lose(parcel) => {
                let mut next = state.clone();
                next.may.losses -= 1;
                next.receive(&parcel);
                next
            }
            Action::Look(call) => {
                let mut next = state.clone();
                next.end(&call);
                if let Outgoing::Inquiry(inquire) = &call.what {
                    next.call(Arc::new(self.look(state, call.about, &inquire.steps).0));
                }
                next
            }
            Action::Poll(number) => {
                let mut next = state.clone();
                next.may.polls -= 1;
                next.call(Arc::new(self.look(state, number, &self.poll(state, number)).0));
                next
            }
            Action::Stray(number) => {
                let mut next = state.clone();
                next.may.strays -= 1;
                next.pg[number].charge = Some(Charge::Held);
                next
            }
            Action::Crash(home) => self.crash(state, home),
        })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::of(self)
    }
}
