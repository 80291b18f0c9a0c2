//! What an audit says: for people, and as JSON for whoever scripts against it.

use kernel::judge::SagaStatus;
use kernel::judge::letters::{LetterKind, LetterStatus};
use kernel::{DomainName, Step, Timestamp, text_enum};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use uuid::Uuid;

text_enum! {
    /// What was checked, and what does not hold where a discrepancy bears its name. Stable.
    pub enum Code {
        /// A product's stock is its adjustments, its opening and its done movements.
        StockLedger = "STOCK_LEDGER",
        /// A product's sales count is its opening and its done movements, negated.
        SoldLedger = "SOLD_LEDGER",
        /// No stock is below zero.
        StockNegative = "STOCK_NEGATIVE",
        /// A balance is the sum of its history; and its grants, takes, openings and done movements.
        PointLedger = "POINT_LEDGER",
        /// A balance's history is one chain of all its rows; each goes on where the one before it ended, and moved what its order's or
        /// top-up's receipt says.
        PointHistoryChain = "POINT_HISTORY_CHAIN",
        /// No balance is below zero.
        PointNegative = "POINT_NEGATIVE",
        /// A campaign gave out as many coupons as there are, and as there are holders, and no more than it had.
        CouponCount = "COUPON_COUNT",
        /// A used coupon belongs to exactly one order that uses it, and an unused one to none.
        CouponUsedOnce = "COUPON_USED_ONCE",
        /// Every planned step of a confirmed order has an inbox row.
        OrderStepMissing = "ORDER_STEP_MISSING",
        /// Every planned step of a confirmed order is done.
        OrderStepNotDone = "ORDER_STEP_NOT_DONE",
        /// Nothing of a failed or cancelled order, and nothing that was not planned, is still in effect.
        OrderStepStillDone = "ORDER_STEP_STILL_DONE",
        /// Whatever took effect belongs to an order that exists.
        InboxWithoutOrder = "INBOX_WITHOUT_ORDER",
        /// An order's lines, amounts and plan agree, and total − discount = points + card.
        OrderMoney = "ORDER_MONEY",
        /// Every idempotency key belongs to an order that exists.
        OrderKey = "ORDER_KEY",
        /// Every payment belongs to an order that exists and knows it.
        PaymentWithoutOrder = "PAYMENT_WITHOUT_ORDER",
        /// A payment says what its order says.
        PaymentMismatch = "PAYMENT_MISMATCH",
        /// The PG holds the money of every approved payment and completed top-up.
        PgMissing = "PG_MISSING",
        /// The PG holds no other money.
        PgExtra = "PG_EXTRA",
        /// The PG holds the same amount in the same currency.
        PgAmount = "PG_AMOUNT",
        /// A top-up is completed exactly if its points were credited.
        TopUpCredit = "TOPUP_CREDIT",
        /// Sales by day are the confirmed orders' lines, less the cancelled ones'.
        Ranking = "RANKING",
        /// The read model shows every final order as it stands, and all orders of a customer are one chain.
        View = "VIEW",
        /// A log's positions are consecutive from its first to its head.
        LogGap = "LOG_GAP",
        /// Nobody has followed a log further than it reaches: else it is a restored backup.
        CursorAhead = "CURSOR_AHEAD",
        /// Every final word about an order became a delivery; so did, where delivery is a step, what holds of its payment.
        Delivery = "DELIVERY",
        /// Every stored document reads.
        Unreadable = "UNREADABLE",
    }
}

/// One thing that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Discrepancy {
    /// What.
    pub code: Code,
    /// In which database.
    pub database: String,
    /// In which table.
    pub table: &'static str,
    /// At which row.
    pub key: String,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

/// The first of many, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listing<T> {
    /// How many there are.
    pub count: u64,
    /// The first of them, at most [`MOST_LISTED`].
    pub first: Vec<T>,
}

/// How many of a kind a report lists one by one. More are counted.
pub const MOST_LISTED: usize = 1_000;

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { count: 0, first: Vec::new() }
    }
}

impl<T> Listing<T> {
    pub(crate) fn add(&mut self, item: T) {
        self.count += 1;
        if self.first.len() < MOST_LISTED {
            self.first.push(item);
        }
    }
}

/// A dead letter that waits for an operator, or was ended by a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Letter {
    /// In which database.
    pub database: String,
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub domain: DomainName,
    /// The order or top-up it is about.
    pub order_id: Option<Uuid>,
    /// The step it is about.
    pub step: Option<Step>,
    /// What kind of thing.
    pub kind: LetterKind,
    /// Where it stands: open or resolved.
    pub status: LetterStatus,
    /// What went wrong.
    pub error: String,
    /// The operator's note.
    pub note: Option<String>,
}

/// A payment or top-up whose outcome is not known, although it should be by now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unresolved {
    /// The payment or top-up.
    pub id: Uuid,
    /// The order, if it is an order's.
    pub order_id: Option<Uuid>,
    /// How it stands.
    pub status: String,
    /// What the card pays, in minor units.
    pub amount: i64,
    /// Since when.
    pub since: Timestamp,
}

/// An order that was not settled when the audit looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unsettled {
    /// The order.
    pub id: Uuid,
    /// Where it stands.
    pub status: SagaStatus,
    /// When it was born.
    pub created_at: Timestamp,
}

/// What was under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InFlight {
    /// Orders that were not settled, oldest first.
    pub orders: Listing<Unsettled>,
    /// Differences between databases that were gone when looked at again, or that a follower has yet to hear of.
    pub moving: u64,
}

/// What is no discrepancy, but no secret either.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Open and resolved dead letters.
    pub dead_letters: Listing<Letter>,
    /// Payments and top-ups that are under way for longer than the PG takes to settle.
    pub unresolved_payments: Listing<Unresolved>,
}

/// A database as the audit saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Its epoch.
    pub epoch: Uuid,
    /// The first position that its log still keeps.
    pub first: u64,
    /// Its log's last position.
    pub head: u64,
    /// How far it has followed which other database's log.
    pub follows: BTreeMap<String, i64>,
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The topology.
    pub topology: String,
    /// When.
    pub at: Timestamp,
    /// Every database, and where its log stood.
    pub databases: Vec<Seen>,
    /// Rows looked at, by check.
    pub checked: BTreeMap<Code, u64>,
    /// Final orders judged.
    pub orders: u64,
    /// Inbox rows read.
    pub inbox_rows: u64,
    /// What does not hold.
    pub discrepancies: Listing<Discrepancy>,
    /// What was under way.
    pub in_flight: InFlight,
    /// What operators know of, or should.
    pub listed: Listed,
    /// What was not checked, and why.
    pub notes: Vec<String>,
}

impl Report {
    /// Nothing was found wanting.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.discrepancies.count == 0
    }
}

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, database, table, key, expected, found } = self;
        write!(f, "{code}  {database}.{table} {key}: expected {expected}, found {found}")
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, id, domain, kind, status, error, .. } = self;
        write!(f, "{status} {kind} of {domain} in {database}, letter {id}")?;
        if let Some(order) = self.order_id {
            write!(f, ", order {order}")?;
        }
        if let Some(step) = &self.step {
            write!(f, ", step {step}")?;
        }
        write!(f, ": {error}")?;
        match &self.note {
            Some(note) => write!(f, " (note: {note})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, order_id, status, amount, since } = self;
        match order_id {
            Some(order) => write!(f, "payment {id} of order {order}: {status} {amount} since {since}"),
            None => write!(f, "top-up {id}: {status} {amount} since {since}"),
        }
    }
}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "order {}: {} since {}", self.id, self.status, self.created_at)
    }
}

/// How many of a listing the terminal shows; JSON has more.
const MOST_SHOWN: usize = 10;

fn show<T: fmt::Display>(f: &mut fmt::Formatter<'_>, title: &str, listing: &Listing<T>) -> fmt::Result {
    if listing.count == 0 {
        return Ok(());
    }
    writeln!(f, "{title}: {}", listing.count)?;
    for item in listing.first.iter().take(MOST_SHOWN) {
        writeln!(f, "  {item}")?;
    }
    match listing.count.saturating_sub(MOST_SHOWN as u64) {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more"),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "topology {} at {}", self.topology, self.at)?;
        for Seen { name, first, head, follows, .. } in &self.databases {
            write!(f, "  database {name}: log {first}..={head}")?;
            for (source, position) in follows {
                write!(f, ", follows {source} to {position}")?;
            }
            writeln!(f)?;
        }
        for (code, rows) in &self.checked {
            writeln!(f, "  {code}: {rows} checked")?;
        }
        show(f, "orders in flight", &self.in_flight.orders)?;
        if self.in_flight.moving > 0 {
            writeln!(f, "differences that were in motion: {}", self.in_flight.moving)?;
        }
        show(f, "dead letters", &self.listed.dead_letters)?;
        show(f, "unresolved payments", &self.listed.unresolved_payments)?;
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        for discrepancy in &self.discrepancies.first {
            writeln!(f, "{discrepancy}")?;
        }
        let (orders, rows) = (self.orders, self.inbox_rows);
        match self.discrepancies.count {
            0 => {
                let messages = self.checked.get(&Code::LogGap).copied().unwrap_or(0);
                let databases = self.databases.len();
                write!(
                    f,
                    "audit: clean — {orders} final orders, {rows} inbox rows, {messages} log rows, {databases} databases"
                )
            }
            1 => write!(f, "audit: 1 discrepancy"),
            many => write!(f, "audit: {many} discrepancies"),
        }
    }
}
