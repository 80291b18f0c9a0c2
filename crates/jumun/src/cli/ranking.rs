//! `jumun ranking`: the book of sales, recomputed from the orders.

use super::{Ended, SystemArgs, block_on, say, stopped};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jumun::folder::Folder;
use jumun::{Config, aids, databases, topologies};
use kernel::ids::ProductId;
use kernel::judge::SagaStatus;
use kernel::state::Write;
use kernel::topology::{Database, Topology};
use kernel::{DomainName, Entry, Key, Record, Said, Step};
use order::Order;
use ranking::Sale;
use redis_adapters::Target;
use redis_adapters::ranking::Source;
use runtime::adapters::SystemClock;
use runtime::ports::clock::Clock;
use runtime::ports::store::{Cursor, Position, Query, Reader, StoredLogRow};
use runtime::{Feed, Registry, Tail};
use shop::Domains;
use shop::facts::{load, read};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rebuild best sellers from the orders
#[derive(Debug, Args)]
pub(crate) struct RankingCommand {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Recompute the book of sales by day from the orders of a stopped system, and print what changed
    ///
    /// Counts every confirmed order on the day it was confirmed; cancelled and failed ones do not count. Where the book is right
    /// nothing is written. If ranking has not heard of every order yet, the system is started for as long as that takes. If a Redis keeps
    /// a copy (`ranking.redis`), that is built anew from the book.
    Rebuild(Rebuild),
}

#[derive(Debug, Args)]
struct Rebuild {
    #[command(flatten)]
    system: SystemArgs,
}

/// Orders read at a time.
const PAGE: u32 = 5_000;
/// Sales rows read at a time.
const SALES_PAGE: u32 = 20_000;
/// Page cache of the store that the book is written through.
const CACHE_KIB: u32 = 16 * 1024;
const RUNNING: &str = "best sellers are rebuilt on a stopped system";

impl RankingCommand {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        let Subcommands::Rebuild(rebuild) = self.command;
        let config = rebuild.system.load(None, None, None)?;
        super::audit::must_exist(&config.file.data)?;
        let books = Books::place(&config)?;
        if !books.all_heard(&config)? {
            eprintln!("ranking has not heard of every order yet: it is let catch up first");
            block_on(catch_up(&config))?;
        }
        let _folder = Folder::take(&config.file.data).context(RUNNING)?;
        if !books.all_heard(&config)? {
            bail!(
                "ranking has not heard of every order, although it was let catch up; look at `jumun dead-letters list`"
            );
        }
        let changes = books.rebuild(&config)?;
        for change in &changes {
            say(change)?;
        }
        match changes.len() {
            0 => say("best sellers: right as they were, nothing changed")?,
            count => say(format_args!("best sellers: rebuilt, {count} rows changed"))?,
        }
        if let Some(target) = &config.best_sellers {
            books.rebuild_copy(&config, target).context("the book is right, but not its copy in Redis")?;
            say("best sellers in Redis: built from the book")?;
        }
        Ok(Ended::Well)
    }
}

async fn catch_up(config: &Config) -> anyhow::Result<()> {
    let server = stopped::start(config, RUNNING).await?;
    let caught_up = server.shop().caught_up("ranking").await;
    server.stop().await;
    Ok(caught_up?)
}

/// Where orders and sales are.
struct Books {
    registry: Registry,
    topology: Topology,
    orders: Database,
    sales: Database,
}

/// What the book says of one product on one day.
struct Change {
    day: i64,
    sku: SmolStr,
    from: i64,
    to: i64,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A day starts at midnight UTC; only its date is shown.
        let midnight = kernel::Timestamp(self.day.saturating_mul(86_400_000)).to_string();
        let date = midnight.split('T').next().unwrap_or_default();
        write!(f, "{date} {}: {} → {}", self.sku, self.from, self.to)
    }
}

type Sold = BTreeMap<(i64, ProductId), Sale>;

impl Books {
    fn place(config: &Config) -> anyhow::Result<Self> {
        let text = topologies::text(&config.file.topology).map_err(anyhow::Error::msg)?;
        let (topology, registry) = Domains::new(config.policies.clone())
            .place(&text)
            .with_context(|| format!("topology {}", config.file.topology))?;
        if topology.route(&Step::SALES).is_some_and(|route| !route.follower) {
            bail!(
                "in topology {} sales are a step of the saga, not a follower: their book is not rebuilt from orders alone",
                topology.name
            );
        }
        let home = |domain: &'static str| {
            let domain = DomainName::of(domain);
            let found = topology.databases().into_iter().find(|database| database.domains.contains(&domain));
            found.with_context(|| format!("topology {} places {domain} nowhere", topology.name))
        };
        let (orders, sales) = (home("order")?, home("ranking")?);
        Ok(Self { registry, topology, orders, sales })
    }

    fn readers(&self, config: &Config) -> anyhow::Result<BTreeMap<String, Arc<dyn Reader>>> {
        let opened = databases::open_readonly(&config.storage(), &self.topology, &self.registry)?;
        Ok(opened.into_iter().map(|(database, reader)| (database.name, reader)).collect())
    }

    /// Whether ranking has taken in everything that orders have said. Else what it hears later would be counted twice.
    fn all_heard(&self, config: &Config) -> anyhow::Result<bool> {
        if self.orders.name == self.sales.name {
            return Ok(true);
        }
        let readers = self.readers(config)?;
        let reader = |database: &Database| readers.get(&database.name).context("a database is missing");
        let (orders, sales) = (reader(&self.orders)?, reader(&self.sales)?);
        let cursor = load::<Cursor>(sales.as_ref(), [(SmolStr::new(&self.orders.name),)])?;
        let heard = cursor.first().map_or(0, |cursor| cursor.position);
        let mut heard = Position(u64::try_from(heard).unwrap_or(0));
        // A cursor may stand before rows that are of no concern to ranking.
        loop {
            let rows = orders.log_after(heard, PAGE)?;
            for StoredLogRow { row, .. } in &rows {
                let entry: Entry = serde_json::from_str(&row.body)?;
                if entry.events.iter().any(|event| self.concerns(&event.said)) {
                    return Ok(false);
                }
            }
            match rows.last() {
                Some(last) => heard = last.position,
                None => return Ok(true),
            }
        }
    }

    fn concerns(&self, said: &Said) -> bool {
        let name = said.name();
        let route = self.topology.route(&Step::SALES);
        route.is_some_and(|route| {
            route.acts_on.iter().chain(&route.compensates_on).any(|word| word.as_str() == name)
        })
    }

    /// Builds a new copy from the book, and lets it answer.
    fn rebuild_copy(&self, config: &Config, target: &Target) -> anyhow::Result<()> {
        let readers = self.readers(config)?;
        let reader = |database: &Database| readers.get(&database.name).context("a database is missing");
        let log = Tail::new(&self.orders.name, Arc::clone(reader(&self.orders)?))?;
        let book = Arc::clone(reader(&self.sales)?);
        let source = Source::new(vec![log as Arc<dyn Feed>], book, self.orders.name == self.sales.name);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let (mut follower, _) = aids::keeper(target, source, &self.topology, &clock)?;
        Ok(follower.rebuild()?)
    }

    fn rebuild(&self, config: &Config) -> anyhow::Result<Vec<Change>> {
        let readers = self.readers(config)?;
        let reader = |database: &Database| readers.get(&database.name).context("a database is missing");
        let expected = count_orders(reader(&self.orders)?.as_ref())?;
        let found = read_sales(reader(&self.sales)?.as_ref())?;
        let (changes, writes) = compare(&expected, &found);
        if writes.is_empty() {
            return Ok(changes);
        }
        let (mut store, _) =
            databases::open_store(&config.storage(), &self.registry, &self.sales, CACHE_KIB)?;
        store.begin()?;
        store.commit(&writes, &[])?;
        Ok(changes)
    }
}

/// What the confirmed orders sold, by day and product.
fn count_orders(orders: &dyn Reader) -> anyhow::Result<Sold> {
    let mut sold = Sold::new();
    let mut query = Query::of(Order::TABLE, PAGE);
    loop {
        let rows = orders.query(&query)?;
        for row in &rows {
            count(&read(row)?, &mut sold)?;
        }
        match rows.last().filter(|_| rows.len() == PAGE as usize) {
            Some(last) => query = Query::of(Order::TABLE, PAGE).after(Key::of_row(Order::TABLE, last)),
            None => return Ok(sold),
        }
    }
}

fn count(order: &Order, sold: &mut Sold) -> anyhow::Result<()> {
    let counts = match order.status {
        // A cancel subtracts once it is done.
        SagaStatus::Confirmed | SagaStatus::Cancelling => true,
        SagaStatus::Created
        | SagaStatus::Pending
        | SagaStatus::Failing
        | SagaStatus::Failed
        | SagaStatus::Cancelled => false,
    };
    let Some(day) = order.confirmed_at.filter(|_| counts).map(kernel::Timestamp::day) else { return Ok(()) };
    let plan = order.plan().map_err(|error| anyhow::anyhow!("order {}: {error}", order.id))?;
    for line in &plan.lines {
        let sale = sold.entry((day, line.product_id)).or_insert_with(|| Sale {
            day,
            product_id: line.product_id,
            sku: line.sku.clone(),
            name: line.name.clone(),
            sold: 0,
        });
        sale.name.clone_from(&line.name);
        sale.sold = sale.sold.checked_add(line.quantity).context("more units than can be counted")?;
    }
    Ok(())
}

fn read_sales(sales: &dyn Reader) -> anyhow::Result<Sold> {
    let mut found = Sold::new();
    let mut query = Query::of(Sale::TABLE, SALES_PAGE);
    loop {
        let rows = sales.query(&query)?;
        for row in &rows {
            let sale: Sale = read(row)?;
            found.insert((sale.day, sale.product_id), sale);
        }
        match rows.last().filter(|_| rows.len() == SALES_PAGE as usize) {
            Some(last) => query = Query::of(Sale::TABLE, SALES_PAGE).after(Key::of_row(Sale::TABLE, last)),
            None => return Ok(found),
        }
    }
}

/// What differs. A row of zero sold says the same as no row: all of its day was taken back.
fn compare(expected: &Sold, found: &Sold) -> (Vec<Change>, Vec<Write>) {
    let mut changes = Vec::new();
    let mut writes = Vec::new();
    let keys = expected.keys().chain(found.keys().filter(|key| !expected.contains_key(key)));
    for key in keys {
        let (should, is) = (expected.get(key), found.get(key));
        let units = |sale: Option<&Sale>| sale.map_or(0, |sale| sale.sold);
        if units(should) == units(is) {
            continue;
        }
        let sku = should.or(is).map(|sale| sale.sku.clone()).unwrap_or_default();
        changes.push(Change { day: key.0, sku, from: units(is), to: units(should) });
        let row = should.map(Record::to_row);
        writes.push(Write { table: Sale::TABLE, key: Key::from(*key), row });
    }
    writes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    changes.sort_by(|a, b| (a.day, &a.sku).cmp(&(b.day, &b.sku)));
    (changes, writes)
}
