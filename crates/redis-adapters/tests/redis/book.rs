//! A book of sales and the orders' log, in one database in memory: what a shop would have written, without the shop.

use jumun_redis_adapters::ranking::Source;
use kernel::ids::{PaymentId, ProductId, SagaId, UserId};
use kernel::state::Write;
use kernel::{
    Currency, DomainName, Entry, Key, Money, Plan, PlanLine, Record, Said, SaidEvent, Timestamp, Trace,
};
use ranking::Sale;
use runtime::ports::clock::Clock;
use runtime::ports::store::{Cursor, Epoch, LogRow, Meta, Position, Reader, Store};
use runtime::{Feed, Tail};
use shop::reads::{BestSeller, best_sellers};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::sqlite::SqliteStore;
use uuid::Uuid;

const DAY: i64 = 86_400_000;

/// A clock that stands still.
pub(crate) struct Still(pub(crate) Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// An order line: the product's number, and how many.
pub(crate) type Line = (u128, i64);

pub(crate) struct Book {
    store: SqliteStore,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) tail: Arc<Tail>,
    sold: BTreeMap<(i64, u128), i64>,
    /// Whether the book is in the database whose log it follows.
    is_together: bool,
    pub(crate) now: Timestamp,
}

impl Book {
    /// An empty one. Its now is the real one's: Redis lets old days go by its own clock.
    pub(crate) fn new() -> Self {
        let tables = [Sale::TABLE, Cursor::TABLE, Meta::TABLE];
        let store = SqliteStore::open_in_memory(&tables, Epoch(Uuid::from_u128(7))).unwrap();
        let reader = store.reader();
        let tail = Tail::new("order", Arc::clone(&reader)).unwrap();
        let now = runtime::adapters::SystemClock::default().now();
        Self { store, reader, tail, sold: BTreeMap::new(), is_together: true, now }
    }

    pub(crate) fn source(&self) -> Source {
        Source::new(vec![Arc::clone(&self.tail) as Arc<dyn Feed>], Arc::clone(&self.reader), self.is_together)
    }

    /// From now on it follows the orders' log in two lanes, and has taken in all of the one that everything travels in.
    pub(crate) fn follow_in_lanes(&mut self) {
        self.is_together = false;
        let head = i64::try_from(self.head().0).unwrap();
        let lanes = [("order/0/2", 0), ("order/1/2", head)].map(|(lane, position)| {
            let row = Cursor { source: lane.into(), epoch: Uuid::from_u128(7), position }.to_row();
            Write { table: Cursor::TABLE, key: Key::of_row(Cursor::TABLE, &row), row: Some(row) }
        });
        self.store.begin().unwrap();
        self.store.commit(&lanes, &[]).unwrap();
    }

    /// Sells `lines` so many days ago.
    pub(crate) fn sell(&mut self, days_ago: i64, lines: &[Line]) {
        let settled_at = Timestamp(self.now.0 - days_ago * DAY);
        self.commit(Said::Confirmed { settled_at }, lines, settled_at.day(), 1);
    }

    /// Takes back what was sold so many days ago.
    pub(crate) fn take_back(&mut self, days_ago: i64, lines: &[Line]) {
        let confirmed_at = Timestamp(self.now.0 - days_ago * DAY);
        let said = Said::Cancelled { confirmed_at, steps: Vec::new() };
        self.commit(said, lines, confirmed_at.day(), -1);
    }

    /// Something of no concern to rankings.
    pub(crate) fn chat(&mut self) {
        self.commit(Said::Placed, &[(1, 1)], 0, 0);
    }

    fn commit(&mut self, said: Said, lines: &[Line], day: i64, sign: i64) {
        let mut writes = Vec::new();
        for (product, quantity) in lines.iter().filter(|_| sign != 0) {
            let sold = self.sold.entry((day, *product)).or_default();
            *sold += sign * quantity;
            let sale =
                Sale { day, product_id: id(*product), sku: sku(*product), name: "Thing".into(), sold: *sold };
            let row = sale.to_row();
            writes.push(Write { table: Sale::TABLE, key: Key::of_row(Sale::TABLE, &row), row: Some(row) });
        }
        writes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let entry = entry(said, lines);
        let body = serde_json::to_string(&entry).unwrap().into();
        self.store.begin().unwrap();
        let first = self.store.commit(&writes, &[LogRow { key: entry.key, at: entry.at, body }]).unwrap();
        self.tail.push(first, &[(first, Arc::new(entry))]);
    }

    /// Forgets the log, as pruning does once its retention is over.
    pub(crate) fn prune(&mut self) {
        let through = self.head();
        while self.reader.log_state().unwrap().first <= through {
            self.store.prune_log(through).unwrap();
        }
        self.reopen();
    }

    /// Begins a new epoch, as an operator does after a backup was restored.
    pub(crate) fn begin_epoch(&mut self) {
        self.store.new_epoch(Epoch(Uuid::from_u128(8))).unwrap();
        self.reopen();
    }

    /// Reads the log anew, as another process would.
    pub(crate) fn reopen(&mut self) {
        self.tail = Tail::new("order", Arc::clone(&self.reader)).unwrap();
    }

    pub(crate) fn head(&self) -> Position {
        self.tail.head().1
    }

    /// What the book says.
    pub(crate) fn best(&self, days: u32, limit: u32) -> Vec<BestSeller> {
        best_sellers(self.reader.as_ref(), self.now, days, limit).unwrap()
    }
}

fn id(product: u128) -> ProductId {
    ProductId(Uuid::from_u128(product))
}

fn sku(product: u128) -> smol_str::SmolStr {
    format!("SKU-{product}").into()
}

fn entry(said: Said, lines: &[Line]) -> Entry {
    let line = |&(product, quantity): &Line| PlanLine {
        product_id: id(product),
        sku: sku(product),
        name: "Thing".into(),
        quantity,
        unit_price: Money::ZERO,
    };
    let key = Uuid::from_u128(1);
    let plan = Plan {
        saga: SagaId(key),
        user: UserId(key),
        lines: lines.iter().map(line).collect(),
        coupon: None,
        total: Money::ZERO,
        points: Money::ZERO,
        card_amount: Money::ZERO,
        currency: Currency::KRW,
        payment: PaymentId(key),
        card: None,
        steps: Vec::new(),
        extras: BTreeMap::new(),
    };
    Entry {
        v: Entry::VERSION,
        key,
        at: Timestamp(0),
        trace: Trace::default(),
        plan: Some(Arc::new(plan)),
        events: vec![SaidEvent { by: DomainName::of("order"), said }],
    }
}
