//! What orders cost a system of this process: transactions, rows, messages, bytes, and effects taken back.
#![expect(clippy::float_arithmetic, reason = "averages of counts; no money here")]

use crate::machine;
use crate::result::{DatabaseDid, PerOrder};
use crate::timeline::float;
use kernel::participation::{Inbox, InboxState};
use kernel::{Entry, Field, Key, Record, Said, Value};
use runtime::Feed;
use runtime::ports::store::{Compare, Position, Query, Reader, StoreError};
use runtime::system::Counts;
use runtime::tail::Observer;
use shop::Shop;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Looks at what a system has done.
pub struct Costs {
    shop: Arc<Shop>,
    folder: PathBuf,
    messages: Arc<Messages>,
}

/// Counts what participants and judge say of orders.
#[derive(Default)]
struct Messages(AtomicU64);

impl Observer for Messages {
    fn committed(&self, rows: &[(Position, Arc<Entry>)]) {
        let of_orders = |said: &Said| !matches!(said, Said::Fact { .. });
        let events = rows.iter().flat_map(|(_, entry)| &entry.events);
        let said = events.filter(|event| of_orders(&event.said)).count() as u64;
        self.0.fetch_add(said, Ordering::Relaxed);
    }
}

/// What had been done at one moment.
pub struct Snapshot {
    counts: BTreeMap<String, Counts>,
    sizes: BTreeMap<String, u64>,
    messages: u64,
    written: Option<u64>,
    compensations: u64,
}

/// What was done between two moments.
pub struct Cost {
    /// By order.
    pub per_order: PerOrder,
    /// By database.
    pub databases: Vec<DatabaseDid>,
    /// Effects taken back.
    pub compensations: u64,
}

/// Inbox rows read at once.
const PAGE: u32 = 5_000;

impl Costs {
    /// Of `shop`, whose files are in `folder`. Messages are counted from here on.
    #[must_use]
    pub fn of(shop: Arc<Shop>, folder: &Path) -> Self {
        let messages = Arc::new(Messages::default());
        for handle in shop.system().databases() {
            handle.tail.observe(Arc::clone(&messages) as Arc<dyn Observer>);
        }
        Self { shop, folder: folder.to_owned(), messages }
    }

    /// What has been done up to now. Inboxes are read through: not while something is measured.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let system = self.shop.system();
        let mut compensations = 0;
        for handle in system.databases() {
            let tables = self.shop.registry().tables(&handle.database);
            if tables.iter().any(|table| table.name == Inbox::TABLE.name) {
                compensations += taken_back(handle.reader.as_ref())?;
            }
        }
        let names = system.databases().iter().map(|handle| handle.database.name.to_string());
        Ok(Snapshot {
            counts: system.signals().counts(),
            sizes: names.map(|name| (name.clone(), self.size(&name))).collect(),
            messages: self.messages.0.load(Ordering::Relaxed),
            written: machine::written(),
            compensations,
        })
    }

    /// Bytes in a database's files.
    fn size(&self, name: &str) -> u64 {
        let file = |suffix: &str| self.folder.join(format!("{name}.db{suffix}"));
        let size = |path: PathBuf| std::fs::metadata(path).map_or(0, |file| file.len());
        size(file("")) + size(file("-wal"))
    }
}

/// Effects in this inbox that were taken back.
fn taken_back(reader: &dyn Reader) -> Result<u64, StoreError> {
    let (mut count, mut after) = (0, None::<Key>);
    loop {
        let query = Query::of(Inbox::TABLE, PAGE)
            .filter("state", Compare::Is, InboxState::Compensated.to_value())
            .filter("receipt", Compare::Present, Value::Null);
        let rows = reader.query(&match after {
            Some(key) => query.after(key),
            None => query,
        })?;
        count += rows.len() as u64;
        let Some(last) = rows.last() else { return Ok(count) };
        after = Some(Key::of_row(Inbox::TABLE, last));
    }
}

impl Snapshot {
    /// What was done since `before`, for so many orders.
    #[must_use]
    pub fn since(&self, before: &Self, orders: u64) -> Cost {
        let counts = |at: &Self, name: &str| at.counts.get(name).copied().unwrap_or_default();
        let more = |name: &str, of: fn(&Counts) -> u64| {
            of(&counts(self, name)).saturating_sub(of(&counts(before, name)))
        };
        let total = |of: fn(&Counts) -> u64| self.counts.keys().map(|name| more(name, of)).sum::<u64>();
        let each = |count: u64| (orders > 0).then(|| float(count) / float(orders));
        let databases = self.sizes.iter().map(|(name, size)| DatabaseDid {
            name: name.clone(),
            commits: more(name, |counts| counts.commits),
            messages: more(name, |counts| counts.messages),
            busy_ms: more(name, |counts| u64::try_from(counts.busy.as_millis()).unwrap_or(u64::MAX)),
            bytes: Some(size.saturating_sub(before.sizes.get(name).copied().unwrap_or(0))),
        });
        let written = self.written.zip(before.written).map(|(now, then)| now.saturating_sub(then));
        Cost {
            per_order: PerOrder {
                messages: each(self.messages.saturating_sub(before.messages)),
                commits: each(total(|counts| counts.commits)),
                bytes_written: written.and_then(each),
                log_rows: each(total(|counts| counts.log_rows)),
                rows: each(total(|counts| counts.rows)),
            },
            databases: databases.collect(),
            compensations: self.compensations.saturating_sub(before.compensations),
        }
    }
}
