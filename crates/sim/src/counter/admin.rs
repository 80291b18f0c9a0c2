//! What an administrator looks at and does with orders and dead letters.

use super::caller::admin;
use super::follow::followed;
use super::lists::{ROWS, newest_first, page};
use super::orders::{order_id, shown};
use super::refusals::No;
use super::wait::{Slot, Turn, ask, reply};
use super::{Sight, render};
use crate::clients::{Answer, Caller, Id, Listed, Page};
use kernel::Record;
use kernel::ids::LetterId;
use kernel::judge::letters::{DeadLetter, LetterStatus};
use order::FulfilOrder;
use read_model::OrderView;
use runtime::message::LetterOrder;
use runtime::ports::store::{Query, Reader};
use runtime::{CommandError, Door};
use shop::facts::load;
use shop::reads::{dead_letters, letter_place};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Marks an order as shipped.
pub(super) fn fulfil(sight: &Sight<'_>, from: Caller, order: Id) -> Result<Turn, No> {
    let by = admin(sight, from)?.id;
    let order = order_id(order);
    let system = sight.system("order")?;
    Ok(ask(sight, &system, FulfilOrder { order, by }, move |(), sight| shown(sight, order)))
}

/// Everybody's orders.
pub(super) fn orders(sight: &Sight<'_>, from: Caller, of: Page) -> Result<Turn, No> {
    admin(sight, from)?;
    followed(sight, "order", "read-model", move |sight| {
        let query = newest_first(Query::of(OrderView::TABLE, ROWS), "order_id", of);
        let views = sight.list("read-model", &query)?;
        let listed = page(views, |view: &OrderView| view.order_id.0, render::view)?;
        Ok(Turn::Told(Answer::Orders(listed)))
    })
}

/// The open dead letters of all databases.
pub(super) fn open_letters(sight: &Sight<'_>, from: Caller, of: Page) -> Result<Turn, No> {
    admin(sight, from)?;
    let databases = Databases::of(sight);
    if !databases.are_all {
        return Err(No::Unavailable);
    }
    let readers = databases.known.values().map(|database| database.reader.as_ref());
    let before = of.after.map(Uuid::from_u128);
    let letters = dead_letters(readers, Some(LetterStatus::Open), before, ROWS)?;
    let listed = page(letters, letter_place, |letter| Ok(render::letter(letter)))?;
    Ok(Turn::Told(Answer::Letters(listed)))
}

/// Tries a dead letter again.
pub(super) fn redrive(sight: &Sight<'_>, from: Caller, letter: Id) -> Result<Turn, No> {
    let by = admin(sight, from)?.id;
    let id = LetterId(Uuid::from_u128(letter));
    let databases = Databases::of(sight);
    let mut holder = None;
    for database in databases.known.values() {
        if !load::<DeadLetter>(database.reader.as_ref(), [(id,)])?.is_empty() {
            holder = Some(&database.door);
        }
    }
    // It may lie where nobody can look now.
    let nowhere = || if databases.are_all { No::not_found() } else { No::Unavailable };
    let (slot, fill) = Slot::new();
    holder.ok_or_else(nowhere)?.letter(id, LetterOrder::Redrive, by, fill);
    Ok(reply(slot, |answer: Result<Option<DeadLetter>, CommandError>, _| {
        let letter = answer?.ok_or_else(|| No::refused(409, "DEAD_LETTER_NOT_OPEN"))?;
        Ok(Turn::Told(Answer::Letters(Listed { items: vec![render::letter(&letter)], next: None })))
    }))
}

/// The databases that can be reached now, by name.
struct Databases {
    known: BTreeMap<String, Reached>,
    /// Whether that is every one.
    are_all: bool,
}

struct Reached {
    reader: Arc<dyn Reader>,
    door: Arc<Door>,
}

impl Databases {
    fn of(sight: &Sight<'_>) -> Self {
        let systems = sight.units.systems();
        let mut known = BTreeMap::new();
        for handle in systems.iter().flat_map(|system| system.databases()) {
            let reached = || Reached { reader: Arc::clone(&handle.reader), door: Arc::clone(&handle.door) };
            known.entry(handle.database.name.clone()).or_insert_with(reached);
        }
        let count = systems.first().map(|system| system.topology().databases().len());
        Self { are_all: count == Some(known.len()), known }
    }
}
