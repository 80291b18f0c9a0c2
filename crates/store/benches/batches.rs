//! What a batch costs: rows and commits per second for batches of orders, five rows and one log row each, on a file.
//!
//! `cargo bench -p jumun-store` takes about ten seconds. `BENCH_DIR` names the disk to be measured (default: the system's
//! temporary directory).
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    reason = "a stopwatch that prints what it saw"
)]

use jumun_store::sqlite::{Durability, Options, SqliteStore};
use kernel::state::Write;
use kernel::table::{Key, Table};
use kernel::{Record, Timestamp};
use runtime::ports::store::{Epoch, Intent, LogRow, Store, StoreError};
use smol_str::SmolStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

kernel::record! {
    /// An order, nearly as the real one.
    pub struct Order in "orders" key 1 {
        /// Its id, ascending in time.
        pub id: Uuid,
        /// Whose.
        pub user: Uuid,
        /// Where it stands.
        pub status: SmolStr,
        /// What it is made of.
        pub plan: SmolStr,
        /// When to look at it again.
        pub due: Option<Timestamp>,
    }
    index "orders_by_user" (user, id);
    index "orders_by_due" (due);
}

kernel::record! {
    /// What a participant remembers.
    pub struct Inbox in "inbox" key 2 {
        /// The order.
        pub saga: Uuid,
        /// The step.
        pub step: SmolStr,
        /// Where it stands.
        pub state: SmolStr,
        /// What was taken.
        pub receipt: Option<SmolStr>,
        /// When.
        pub at: Timestamp,
    }
}

kernel::record! {
    /// A balance, one of 10,000.
    pub struct Balance in "balances" key 1 {
        /// Whose.
        pub user: Uuid,
        /// How much.
        pub amount: i64,
    }
}

const TABLES: &[&Table] = &[Balance::TABLE, Inbox::TABLE, Order::TABLE];
const USERS: u64 = 10_000;
const PLAN: &str = r#"{"saga":"0190163d-8694-739b-aea5-966c26f8ad90","user":"0190163d-8694-739b-aea5-966c26f8ad91","steps":["stock","coupon","point","payment"],"lines":[{"sku":"0190163d-8694-739b-aea5-966c26f8ad92","quantity":2,"price":12900}],"point":3000,"card":22800}"#;
const EACH: Duration = Duration::from_millis(1_200);

/// A number that looks random and never differs: xorshift.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn put<R: Record>(record: &R) -> Write {
    let row = record.to_row();
    Write { table: R::TABLE, key: Key::of_row(R::TABLE, &row), row: Some(row) }
}

/// The batch of orders `first .. first + size`: what it loads, writes and says.
fn batch(first: u64, size: u64, noise: &mut Noise) -> (Vec<Write>, Vec<LogRow>) {
    let (mut writes, mut log) = (Vec::new(), Vec::new());
    let body: Arc<str> =
        format!(r#"{{"plan":{PLAN},"events":["CREATED","stock","point","payment"]}}"#).into();
    for number in first..first + size {
        let at = Timestamp(1_700_000_000_000 + number.cast_signed());
        let id = Uuid::from_u64_pair(number << 16, noise.next());
        let user = Uuid::from_u64_pair(noise.next() % USERS, 1);
        writes.push(put(&Order { id, user, status: "CONFIRMED".into(), plan: PLAN.into(), due: None }));
        writes.push(put(&Balance { user, amount: number.cast_signed() }));
        for step in ["stock", "point", "payment"] {
            let receipt = Some(r#"{"took":[["0190163d-8694-739b-aea5-966c26f8ad92",2]]}"#.into());
            writes.push(put(&Inbox { saga: id, step: step.into(), state: "done".into(), receipt, at }));
        }
        log.push(LogRow { key: id, at, body: Arc::clone(&body) });
    }
    writes.sort_unstable_by(|a, b| (a.table.name, &a.key).cmp(&(b.table.name, &b.key)));
    writes.dedup_by(|a, b| a.table.name == b.table.name && a.key == b.key);
    (writes, log)
}

#[derive(Default)]
struct Spent {
    load: Duration,
    commit: Duration,
    longest: Duration,
    commits: u32,
    rows: usize,
}

fn measure(store: &mut SqliteStore, size: u64, next: &mut u64) -> Result<Spent, StoreError> {
    let (mut spent, mut noise) = (Spent::default(), Noise(0x9E37_79B9_7F4A_7C15 ^ size));
    while spent.load + spent.commit < EACH {
        let (writes, log) = batch(*next, size, &mut noise);
        *next += size;
        let start = Instant::now();
        store.begin()?;
        for writes in writes.chunk_by(|a, b| a.table.name == b.table.name) {
            let keys: Vec<Key> = writes.iter().map(|write| write.key.clone()).collect();
            store.load(writes[0].table, &keys, Intent::Change)?;
        }
        let loaded = Instant::now();
        store.commit(&writes, &log)?;
        let committed = loaded.elapsed();
        spent.load += loaded - start;
        spent.commit += committed;
        spent.longest = spent.longest.max(committed);
        spent.commits += 1;
        spent.rows += writes.len() + log.len();
    }
    Ok(spent)
}

fn report(what: &str, store: &mut SqliteStore) -> Result<(), StoreError> {
    println!("\n{what}\n  batch   orders/s     rows/s  commits/s   load ms  commit ms  longest ms");
    let mut next = 0;
    for size in [1_u32, 50, 250, 1_000] {
        let spent = measure(store, size.into(), &mut next)?;
        let micros = (spent.load + spent.commit).as_micros().max(1);
        let per_second = |count: u128| count * 1_000_000 / micros;
        let mean = |time: Duration| time.div_f64(spent.commits.into()).as_secs_f32() * 1e3;
        println!(
            "  {size:>5} {:>10} {:>10} {:>10} {:>9.2} {:>10.2} {:>11.1}",
            per_second(u128::from(size * spent.commits)),
            per_second(spent.rows as u128),
            per_second(spent.commits.into()),
            mean(spent.load),
            mean(spent.commit),
            spent.longest.as_secs_f32() * 1e3,
        );
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let base = std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    for (what, durability) in [("durable file", Durability::Full), ("file, not synced", Durability::Normal)] {
        let directory = tempfile::tempdir_in(&base)?;
        let options = Options { durability, ..Options::new(Epoch(Uuid::nil())) };
        report(what, &mut SqliteStore::open(&directory.path().join("bench.db"), TABLES, &options)?)?;
    }
    report("memory", &mut SqliteStore::open_in_memory(TABLES, Epoch(Uuid::nil()))?)?;
    Ok(())
}
