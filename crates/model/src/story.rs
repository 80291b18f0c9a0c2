//! A way through the states as people read it: one numbered line for each step.

use crate::action::{Action, Item};
use crate::model::ShopModel;
use crate::outside::Reply;
use crate::promises::{self, name};
use crate::state::{Call, Outgoing, Parcel, State};
use crate::turns::said;
use crate::view::{Timer, is_the_judges};
use kernel::judge::SagaStatus;
use payment::gateway::PgRequest;
use std::fmt::Write as _;

/// The steps of `path`, and what is broken at its end.
#[must_use]
pub fn story(model: &ShopModel, path: &[(State, Option<Action>)], promise: &str) -> String {
    let mut text = String::new();
    for ((state, action), number) in path.iter().zip(1..) {
        if let Some(action) = action {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{number}. {}", told(model, state, action));
        }
    }
    if let Some((last, _)) = path.last() {
        let _ = writeln!(text, "broken: {promise}");
        let _ = writeln!(text, "        {}", promises::complaint(model, last, promise));
    }
    text
}

/// One step in a sentence.
fn told(model: &ShopModel, state: &State, action: &Action) -> String {
    let home = |home: usize| model.deployment().homes()[home].name.as_str();
    match action {
        Action::Work(at, items) => {
            let items_told: Vec<String> = items.iter().map(|item| told_item(model, state, item)).collect();
            let turned = model.turns().turn(state, *at, items);
            format!("{}: {}", items_told.join(", and in the same transaction "), words(&turned.said))
        }
        Action::Twice(parcel) => {
            let item = Item::Parcel(std::sync::Arc::clone(parcel));
            let turned = model.turns().turn(state, parcel.to, std::slice::from_ref(&item));
            format!("{}, which will come again: {}", told_item(model, state, &item), words(&turned.said))
        }
        Action::Lose(parcel) => format!("{} is lost on its way to {}", contents(parcel), home(parcel.to)),
        Action::Look(call) => format!("the participants' books are looked at for order {}", name(call.about)),
        Action::Poll(order) => {
            format!("a client polls order {}: the participants' books are looked at", name(*order))
        }
        Action::Stray(order) => format!("the PG books the lost charge of order {} after all", name(*order)),
        Action::Crash(at) => {
            format!("{} crashes: its calls are gone, and all that it heard comes again", home(*at))
        }
    }
}

fn told_item(model: &ShopModel, state: &State, item: &Item) -> String {
    match item {
        Item::Place(order) => format!("a client places order {}", name(*order)),
        Item::Cancel(order) => format!("a client cancels order {}", name(*order)),
        Item::Parcel(parcel) => {
            format!("{} hears {}", model.deployment().homes()[parcel.to].name, contents(parcel))
        }
        Item::Answer(call, reply) => ending(state, call, *reply),
        Item::Told(call) => {
            format!(
                "{} is told {} of order {}",
                model.deployment().homes()[call.home].name,
                call.what,
                name(call.about)
            )
        }
        Item::Due(timer) => due(state, timer),
        Item::Webhook(order) => format!("the PG tells of the charge of order {}", name(*order)),
        Item::Redrive(_, order) => format!("an operator redrives a dead letter of order {}", name(*order)),
    }
}

fn contents(parcel: &Parcel) -> String {
    let words: Vec<String> = parcel.entry.events.iter().map(|event| said(&event.said)).collect();
    format!("{} of order {}", words.join(", "), name(parcel.about))
}

fn words(said: &[String]) -> String {
    if said.is_empty() { "nothing is said".to_owned() } else { said.join(", ") }
}

fn ending(state: &State, call: &Call, reply: Reply) -> String {
    let order = name(call.about);
    let (charges, cancels) = match &call.what {
        Outgoing::Pg(pg) => {
            let known = state.pg[call.about].charge.is_some();
            (
                !known && matches!(pg.request, PgRequest::Charge { .. }),
                matches!(pg.request, PgRequest::Cancel { .. }),
            )
        }
        Outgoing::Delivery(_) | Outgoing::Inquiry(_) | Outgoing::Told { .. } => (false, false),
    };
    let done = match (charges, cancels) {
        (true, _) => format!("the PG charges the card of order {order}"),
        (_, true) => format!("the PG gives back the money of order {order}"),
        _ => format!("the PG says what became of the charge of order {order}"),
    };
    match reply {
        Reply::Obeys => done,
        Reply::Declines => format!("the PG declines the card of order {order}"),
        Reply::Unheard => format!("{done}, and its answer is lost"),
        Reply::Lost => format!("a call to the PG about order {order} is lost on its way"),
        Reply::Takes => format!("the data platform takes the delivery of order {order}"),
        Reply::Fails => format!("the data platform does not take the delivery of order {order}"),
        Reply::Unknown => format!("the data platform does not answer about order {order}"),
    }
}

fn due(state: &State, timer: &Timer) -> String {
    let order = name(timer.about);
    if !is_the_judges(timer) {
        return format!("{} has waited long enough for an answer about order {order}", timer.domain);
    }
    match state.order(timer.about).map(|order| order.status) {
        Some(SagaStatus::Failing | SagaStatus::Cancelling) => {
            format!("it is time to ask for the compensations of order {order} again")
        }
        _ => format!("the deadline of order {order} passes"),
    }
}
