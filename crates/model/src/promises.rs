//! What must hold in every state, and what must be reachable so that this means anything.
//!
//! Some promises are about one transaction (what it may change); these are judged where it is decided ([`broken_by`]) and leave a
//! [`Breach`] in the state. The others are about a state as a whole.

use crate::model::ShopModel;
use crate::outside::Charge;
use crate::state::{Breach, Outgoing, State};
use crate::view::View;
use crate::world::Supply;
use kernel::judge::letters::LetterKind;
use kernel::judge::{SagaStatus, StepStatus};
use kernel::participation::InboxState;
use kernel::topology::Inquiry;
use kernel::{Said, Step};
use stateright::Property;

/// Opening and done effects make up what there is, and nothing is below zero.
pub const BOOKS: &str = "books balance";
/// An inbox row moves only as the participation rule lets it, so a step takes effect once at most.
pub const ONCE: &str = "a step takes effect once";
/// Nothing leaves CONFIRMED but a cancel; every status follows from the one before it.
pub const STATUS: &str = "an order's status only goes on";
/// The judge's knowledge moves unknown, done or refused, compensated.
pub const FORWARD: &str = "a step's status only goes on";
/// No decider faults, no message is set aside, nobody is told of a late refusal.
pub const FAULTLESS: &str = "nothing is undecidable";
/// CONFIRMED: the judge knows every planned step done, and so it is.
pub const CONFIRMED: &str = "confirmed means all done";
/// FAILED or CANCELLED: nothing of any planned step is in effect or on its way to be.
pub const FAILED: &str = "failed means nothing taken";
/// FAILED or CANCELLED: every planned step has its row, so that a late action finds it and does nothing.
pub const CLOSED: &str = "failed means closed to late words";
/// Where nothing is under way and nothing more goes wrong, every order has ended or stands in the dead letters, and all books agree.
pub const REST: &str = "at rest all is settled";
/// A run in which nothing more goes wrong ends ([`crate::rest`]).
pub const ENDS: &str = "everything comes to rest";

/// What everything is checked for in `world`.
#[must_use]
pub fn of(model: &ShopModel) -> Vec<Property<ShopModel>> {
    let mut properties = vec![
        Property::always(BOOKS, |_, state: &State| {
            state.views().all(|view| view.unbalanced.is_none()) && kept(state, BOOKS)
        }),
        Property::always(ONCE, |_, state: &State| kept(state, ONCE)),
        Property::always(STATUS, |_, state: &State| kept(state, STATUS)),
        Property::always(FORWARD, |_, state: &State| kept(state, FORWARD)),
        Property::always(FAULTLESS, |_, state: &State| kept(state, FAULTLESS)),
        Property::always(CONFIRMED, |model: &ShopModel, state: &State| unconfirmed(model, state).is_none()),
        Property::always(FAILED, |model: &ShopModel, state: &State| still_taken(model, state).is_none()),
        Property::always(CLOSED, |model: &ShopModel, state: &State| still_open(model, state).is_none()),
        Property::always(REST, |model: &ShopModel, state: &State| restless(model, state).is_none()),
    ];
    properties.extend(sometimes(model));
    properties
}

/// What some state must show, as far as the world and the topology let it happen.
fn sometimes(model: &ShopModel) -> Vec<Property<ShopModel>> {
    let world = model.world();
    let mut properties = vec![Property::sometimes("an order is confirmed", |_, state: &State| {
        is_any(state, SagaStatus::Confirmed)
    })];
    let mut add = |condition: bool, property: Property<ShopModel>| {
        if condition {
            properties.push(property);
        }
    };
    let apart = model.deployment().homes().len() > 1;
    let calls = model.deployment().calls();
    let fails = (world.deadlines && apart) || world.supply != Supply::Enough || calls;
    add(fails, Property::sometimes("an order fails", |_, state: &State| is_any(state, SagaStatus::Failed)));
    let cancels = world.may.cancels > 0;
    add(
        cancels,
        Property::sometimes("an order is cancelled", |_, state: &State| is_any(state, SagaStatus::Cancelled)),
    );
    let crossing = apart && (world.deadlines || cancels);
    add(
        crossing,
        Property::sometimes("an action comes after its compensation", |model: &ShopModel, state: &State| {
            in_air(state, |parcel| model.acts_on_tombstone(state, parcel))
        }),
    );
    add(
        crossing,
        Property::sometimes("a success comes after the order has failed", |_, state: &State| {
            in_air(state, |parcel| is_late_success(state, parcel))
        }),
    );
    let pending = model.deployment().plan().card.is_some() && (world.deadlines || cancels);
    add(
        pending,
        Property::sometimes("a charge is made that is no longer wanted", |_, state: &State| {
            any_row(state, InboxState::Undoing)
        }),
    );
    let rivals = world.orders > 1 && world.supply == Supply::ForOne;
    add(
        rivals,
        Property::sometimes("one order wins and the other loses", |_, state: &State| {
            is_any(state, SagaStatus::Confirmed) && is_any(state, SagaStatus::Failed)
        }),
    );
    let parked = world.may.redrives > 0 && apart;
    add(
        parked,
        Property::sometimes("a step is parked", |_, state: &State| {
            state.views().any(|view| !view.letters.is_empty())
        }),
    );
    let polled = model.deployment().topology().inquiry == Inquiry::Poll && world.may.polls > 0;
    add(
        polled,
        Property::sometimes("an order is settled by asking", |_, state: &State| {
            state.calls.iter().any(|call| matches!(&call.what, Outgoing::Told { .. }))
                && is_any(state, SagaStatus::Pending)
        }),
    );
    let strays = world.may.strays > 0;
    add(
        strays,
        Property::sometimes("a charge turns up late and is given back", |_, state: &State| {
            state.may.strays == 0 && state.pg.iter().any(|book| book.charge == Some(Charge::GivenBack))
        }),
    );
    properties
}

fn kept(state: &State, promise: &str) -> bool {
    state.breach.as_ref().is_none_or(|breach| breach.promise != promise)
}

fn is_any(state: &State, status: SagaStatus) -> bool {
    (0..state.placed).any(|number| state.order(number).is_some_and(|order| order.status == status))
}

fn any_row(state: &State, wanted: InboxState) -> bool {
    state.views().any(|view| view.inbox.values().any(|row| *row == wanted))
}

fn in_air(state: &State, holds: impl Fn(&crate::state::Parcel) -> bool) -> bool {
    state.air.iter().any(|(parcel, _)| holds(parcel))
}

/// Whether a parcel brings the first word of a step's success to an order that is failing by then.
fn is_late_success(state: &State, parcel: &crate::state::Parcel) -> bool {
    let Some(order) = state.order(parcel.about).filter(|order| order.status == SagaStatus::Failing) else {
        return false;
    };
    let unknown = |step: &Step| {
        order.steps.iter().any(|known| known.name == *step && known.status == StepStatus::Unknown)
    };
    let events = &parcel.entry.events;
    events.iter().any(|event| matches!(&event.said, Said::Done { step, .. } if unknown(step)))
}

/// What is broken in `state`, in one sentence.
#[must_use]
pub fn complaint(model: &ShopModel, state: &State, promise: &str) -> String {
    let of_a_turn = state.breach.as_ref().filter(|breach| breach.promise == promise);
    let found = match promise {
        BOOKS => state.views().find_map(|view| view.unbalanced.clone()),
        CONFIRMED => unconfirmed(model, state),
        FAILED => still_taken(model, state),
        CLOSED => still_open(model, state),
        REST => restless(model, state),
        ENDS => Some("and so on, for ever".to_owned()),
        _ => None,
    };
    found.or_else(|| of_a_turn.map(|breach| breach.detail.clone())).unwrap_or_default()
}

/// A confirmed order that is not done.
fn unconfirmed(model: &ShopModel, state: &State) -> Option<String> {
    (0..state.placed).find_map(|number| {
        let order = state.order(number).filter(|order| order.status == SagaStatus::Confirmed)?;
        let unsaid = order.steps.iter().find(|step| step.status != StepStatus::Done).map(|step| &step.name);
        let undone = || {
            let steps = model.deployment().steps().iter();
            steps.into_iter().find(|step| state.inbox(number, step) != Some(InboxState::Done))
        };
        let step = unsaid.or_else(undone)?;
        let row = row_of(state, number, step);
        Some(format!("order {} is CONFIRMED, and its {step} is {row}", name(number)))
    })
}

/// An order that has failed or was cancelled, and something of it is in effect or may yet be.
fn still_taken(model: &ShopModel, state: &State) -> Option<String> {
    let is_taken = |row| !matches!(row, None | Some(InboxState::Refused | InboxState::Compensated));
    ended_with(model, state, is_taken)
}

/// An order that has failed or was cancelled, and a step of it that was never heard of.
fn still_open(model: &ShopModel, state: &State) -> Option<String> {
    ended_with(model, state, |row| row.is_none())
}

fn ended_with(model: &ShopModel, state: &State, is_bad: fn(Option<InboxState>) -> bool) -> Option<String> {
    (0..state.placed).find_map(|number| {
        let order = state.order(number)?;
        let ended = matches!(order.status, SagaStatus::Failed | SagaStatus::Cancelled);
        let mut steps = model.deployment().steps().iter().filter(|_| ended);
        let step = steps.find(|step| is_bad(state.inbox(number, step)))?;
        Some(format!(
            "order {} is {}, and its {step} is {}",
            name(number),
            order.status,
            row_of(state, number, step)
        ))
    })
}

fn row_of(state: &State, number: usize, step: &Step) -> String {
    state.inbox(number, step).map_or_else(|| "unheard of".to_owned(), |row| row.to_string())
}

/// What is not settled although nothing is under way.
fn restless(model: &ShopModel, state: &State) -> Option<String> {
    if !model.is_at_rest(state) {
        return None;
    }
    (0..state.placed).find_map(|number| {
        let name = name(number);
        let Some(order) = state.order(number) else { return Some(format!("order {name} was never born")) };
        let listed = state.views().flat_map(|view| &view.letters).any(|letter| letter.about == number);
        if !order.status.is_settled() && !listed {
            return Some(format!("nothing is under way, and order {name} is {}", order.status));
        }
        unpaid(state, number, order.status).or_else(|| unfollowed(model, state, number, order.status))
    })
}

/// The PG's book disagrees with an order that is at rest.
fn unpaid(state: &State, number: usize, status: SagaStatus) -> Option<String> {
    let row = state.inbox(number, &Step::PAYMENT);
    let held = state.pg[number].charge == Some(Charge::Held);
    let called = state.views().any(|view| view.legs.contains_key(&number));
    let wanted = called && row == Some(InboxState::Done);
    (held != wanted && status.is_settled()).then(|| {
        let holds = if held { "holds" } else { "does not hold" };
        format!(
            "order {} is {status}, its payment is {}, and the PG {holds} the money",
            name(number),
            row_of(state, number, &Step::PAYMENT)
        )
    })
}

/// A sale that is counted and should not be, or the other way round.
fn unfollowed(model: &ShopModel, state: &State, number: usize, status: SagaStatus) -> Option<String> {
    let counted = state.inbox(number, &Step::SALES) == Some(InboxState::Done);
    let wanted = status == SagaStatus::Confirmed;
    (model.world().followers && counted != wanted && status.is_settled()).then(|| {
        let row = row_of(state, number, &Step::SALES);
        format!("order {} is {status}, and its sale is {row}", name(number))
    })
}

/// A letter, or an alert, that stands for a fault.
#[must_use]
pub fn fault(kind: &str, detail: &str) -> Breach {
    Breach { promise: FAULTLESS, detail: format!("{kind}: {detail}") }
}

/// The promise that a transaction broke, from what its database said before and says after it.
#[must_use]
pub fn broken_by(before: &View, after: &View, cancelled: bool) -> Option<Breach> {
    let breach = |promise, detail| Some(Breach { promise, detail });
    if let Some(letter) = after.letters.iter().find(|letter| letter.kind == LetterKind::Poison) {
        return breach(FAULTLESS, format!("a message about {:?} is set aside", letter.step));
    }
    for (key, old) in &before.inbox {
        let new = after.inbox.get(key).copied();
        if !new.is_some_and(|new| row_may_become(*old, new)) {
            let new = new.map_or("nothing", InboxState::word);
            return breach(ONCE, format!("the {} of order {} went from {old} to {new}", key.1, name(key.0)));
        }
    }
    for (number, old) in &before.orders {
        let name = name(*number);
        let Some(new) = after.orders.get(number) else {
            return breach(STATUS, format!("order {name} is gone"));
        };
        if !status_may_become(old.status, new.status, cancelled) {
            return breach(STATUS, format!("order {name} went from {} to {}", old.status, new.status));
        }
        let moved_back =
            old.steps.iter().zip(&new.steps).find(|(old, new)| !step_may_become(old.status, new.status));
        if let Some((old, new)) = moved_back {
            let detail =
                format!("the {} of order {name} went from {} to {}", old.name, old.status, new.status);
            return breach(FORWARD, detail);
        }
    }
    None
}

/// As the table of the participation rule has it, several lines of it at once where one transaction goes through them.
fn row_may_become(old: InboxState, new: InboxState) -> bool {
    use InboxState::{Compensated, Done, Pending, PendingUndo, Refused, Undoing};
    old == new
        || match old {
            Pending => true,
            PendingUndo => matches!(new, Undoing | Compensated),
            Done => matches!(new, Undoing | Compensated),
            Undoing | Refused => new == Compensated,
            Compensated => false,
        }
}

fn status_may_become(old: SagaStatus, new: SagaStatus, cancelled: bool) -> bool {
    use SagaStatus::{Cancelled, Cancelling, Confirmed, Created, Failed, Failing, Pending};
    old == new
        || match old {
            Created => new != Cancelling && new != Cancelled,
            Pending => {
                matches!(new, Confirmed | Failing | Failed)
                    || (cancelled && matches!(new, Cancelling | Cancelled))
            }
            Failing => new == Failed,
            Confirmed => cancelled && matches!(new, Cancelling | Cancelled),
            Cancelling => new == Cancelled,
            Failed | Cancelled => false,
        }
}

fn step_may_become(old: StepStatus, new: StepStatus) -> bool {
    old == new
        || match old {
            StepStatus::Unknown => true,
            StepStatus::Done | StepStatus::Refused => new == StepStatus::Compensated,
            StepStatus::Compensated => false,
        }
}

/// Orders are named as people name them: A, B.
#[must_use]
pub fn name(number: usize) -> char {
    u8::try_from(number).map_or('?', |number| char::from(b'A' + number % 26))
}
