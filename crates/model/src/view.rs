//! What a database's rows say, read once: orders, inbox rows, timers, open letters, and whether its books balance.

use crate::rows::{Map, all, find};
use kernel::domain::Participant;
use kernel::ids::{OrderId, ProductId, SagaId, UserCouponId, UserId};
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use kernel::judge::{SagaStatus, StepState};
use kernel::participation::{Inbox, InboxState};
use kernel::table::Key;
use kernel::{Domain, DomainName, Record, Step, Table, Timestamp, Value};
use payment::leg::{Leg, LegState};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

/// What is needed to read a database: who is in it, which orders there can be, and what its accounts began with.
pub struct Books {
    domains: Vec<Arc<dyn Domain>>,
    orders: Vec<OrderId>,
    opening: BTreeMap<SmolStr, i64>,
    number: u64,
}

/// An order's row.
#[derive(Clone, Debug)]
pub struct OrderView {
    /// Where it stands.
    pub status: SagaStatus,
    /// Its steps as the judge sees them.
    pub steps: Vec<StepState>,
}

/// A row that falls due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Whose.
    pub domain: DomainName,
    /// The table.
    pub table: &'static Table,
    /// The row.
    pub key: Key,
    /// What its column says.
    pub at: Timestamp,
    /// The order it is about.
    pub about: usize,
}

/// An open dead letter.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The letter.
    pub id: kernel::ids::LetterId,
    /// What kind.
    pub kind: LetterKind,
    /// The order it is about.
    pub about: usize,
    /// The step it is about.
    pub step: Option<Step>,
}

/// What the rows say. Orders are numbered from 0 as they are placed.
#[derive(Default)]
pub struct View {
    /// The orders here.
    pub orders: BTreeMap<usize, OrderView>,
    /// The inbox rows here.
    pub inbox: BTreeMap<(usize, Step), InboxState>,
    /// The PG legs here.
    pub legs: BTreeMap<usize, LegState>,
    /// What can fall due.
    pub timers: Vec<Arc<Timer>>,
    /// The letters that wait for an operator.
    pub letters: Vec<Letter>,
    /// How the books fail to balance, if they do.
    pub unbalanced: Option<String>,
}

impl Books {
    /// Reads databases that hold `domains`, with these orders and openings.
    #[must_use]
    pub fn new(domains: Vec<Arc<dyn Domain>>, orders: Vec<OrderId>, opening: BTreeMap<SmolStr, i64>) -> Self {
        let number = crate::rows::print_of(&opening);
        Self { domains, orders, opening, number }
    }

    /// A number that stands for what the accounts began with.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    fn order(&self, saga: SagaId) -> Option<usize> {
        self.orders.iter().position(|order| order.0 == saga.0)
    }

    fn participant(&self, step: &Step) -> Option<&dyn Participant> {
        self.domains.iter().flat_map(|domain| domain.participants()).find(|known| known.step() == *step)
    }

    /// The first account whose balance is not its opening and what done receipts moved, or is below zero.
    fn unbalanced(&self, map: &Map) -> Option<String> {
        let mut moved: BTreeMap<SmolStr, i64> = self.opening.clone();
        for row in all::<Inbox>(map).filter(|row| row.state == InboxState::Done) {
            let receipt = row.receipt.unwrap_or_default();
            match self.participant(&row.step).map(|participant| participant.movements(&receipt)) {
                Some(Ok(movements)) => {
                    for movement in movements {
                        *moved.entry(movement.account).or_insert(0) += movement.amount;
                    }
                }
                Some(Err(error)) => {
                    return Some(format!("the receipt of {} does not read: {error}", row.step));
                }
                None => return Some(format!("nobody here runs {}", row.step)),
            }
        }
        moved.into_iter().find_map(|(account, expected)| {
            let held = balance(map, &account)?;
            let name = account.split(':').next().unwrap_or_default();
            (held != expected || held < 0).then(|| {
                format!("{name} is {held}, and {expected} by its opening and the receipts of done steps")
            })
        })
    }
}

/// What stands in the account's own row; `None` for accounts that are kept elsewhere (the PG's).
fn balance(map: &Map, account: &str) -> Option<i64> {
    let (kind, id) = account.split_once(':')?;
    match kind {
        "stock" => find::<product::Product>(map, (ProductId::from_str(id).ok()?,)).map(|row| row.stock),
        "points" => {
            let row = find::<point::Points>(map, (UserId::from_str(id).ok()?,));
            Some(row.map_or(0, |row| row.balance.minor()))
        }
        "user_coupon" => {
            let row = find::<coupon::UserCoupon>(map, (UserCouponId::from_str(id).ok()?,))?;
            Some(i64::from(row.status == coupon::UserCouponStatus::Issued))
        }
        "sales" => {
            let (day, product) = id.split_once(':')?;
            let key = (day.parse::<i64>().ok()?, ProductId::from_str(product).ok()?);
            Some(find::<ranking::Sale>(map, key).map_or(0, |row| row.sold))
        }
        _ => None,
    }
}

impl View {
    /// Reads `map`.
    #[must_use]
    pub fn of(map: &Map, books: &Books) -> Self {
        let mut view = Self { unbalanced: books.unbalanced(map), ..Self::default() };
        for order in all::<order::Order>(map) {
            if let Some(number) = books.order(order.id.into()) {
                view.orders.insert(number, OrderView { status: order.status, steps: order.steps.0 });
            }
        }
        for row in all::<Inbox>(map) {
            if let Some(number) = books.order(row.saga) {
                view.inbox.insert((number, row.step), row.state);
            }
        }
        for leg in all::<Leg>(map) {
            if let Some(number) = books.order(leg.saga) {
                view.legs.insert(number, leg.state);
            }
        }
        for letter in all::<DeadLetter>(map).filter(|letter| letter.status == LetterStatus::Open) {
            let about = letter.order_id.and_then(|id| books.order(SagaId(id))).unwrap_or_default();
            view.letters.push(Letter { id: letter.id, kind: letter.kind, about, step: letter.step });
        }
        view.timers = timers(map, books);
        view
    }
}

/// Every deadline that runs. Dates (a coupon's expiry) are not reached here; a far one waits for an operator.
fn timers(map: &Map, books: &Books) -> Vec<Arc<Timer>> {
    let mut timers = Vec::new();
    for domain in &books.domains {
        for due in domain.due().into_iter().filter(|due| due.bounded) {
            let Some(column) = due.table.column(due.column) else { continue };
            for ((table, key), row) in map.iter().filter(|((table, _), _)| *table == due.table.name) {
                let (Some(Value::Int(at)), Some(Value::Id(saga))) = (row.get(column), key.0.first()) else {
                    continue;
                };
                let (at, about) = (Timestamp(*at), books.order(SagaId(*saga)));
                debug_assert_eq!(*table, due.table.name);
                if let Some(about) = about.filter(|_| at != order::tables::FAR) {
                    timers.push(Arc::new(Timer {
                        domain: domain.name(),
                        table: due.table,
                        key: key.clone(),
                        at,
                        about,
                    }));
                }
            }
        }
    }
    timers
}

/// Whether a timer is the judge's.
#[must_use]
pub fn is_the_judges(timer: &Timer) -> bool {
    timer.table.name == order::Order::TABLE.name
}
