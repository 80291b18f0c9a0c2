//! A world that tests step by hand: every worker, the gateway and the clock stand still until they are told to move.

mod assembly;
mod books;
mod disk;
mod inline;
mod shopping;
mod tape;

pub(crate) use books::check_books;
pub(crate) use disk::{Disk, Faults, Upset};
pub(crate) use inline::inline;
pub(crate) use scripted::pg::{OnCancel, OnCharge, Pg};
pub(crate) use scripted::platform::{OnApproval, Platform};

pub(crate) use shopping::Buy;
pub(crate) use tape::{Happened, Tape};

use assembly::Assembly;
use jumun_shop::quoter::Answer;
use jumun_shop::{Domains, Policies, Shop};
use kernel::ids::{LetterId, OrderId, UserId};
use kernel::judge::letters::{DeadLetter, LetterStatus};
use kernel::routing::Routing;
use kernel::state::Write;
use kernel::topology::{Database, PaymentDelivery, Topology};
use kernel::{Command, Currency, DomainName, Key, Money, Record, Table, Trace};
use order::{Born, Order};
use runtime::message::LetterOrder;
use runtime::ports::guard::Guard;
use runtime::ports::store::{Cursor, Epoch, Query, Reader, Store, StoreError};
use runtime::system::System;
use runtime::worker::Stepped;
use runtime::{CommandError, Registry, Worker, WorkerConfig};
use scripted::clock::VirtualClock;
use scripted::lock::Locks;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use uuid::Uuid;

mod shipped;
pub(crate) use shipped::{MONOLITH, SEVEN, SHIPPED};

/// Where an answer will be.
pub(crate) type Slot<T> = Arc<Mutex<Option<T>>>;

/// Opens a new database with these tables.
pub(crate) type Open = fn(&[&'static Table]) -> (Box<dyn Store>, Arc<dyn Reader>);

/// The administrator of every test.
pub(crate) const ADMIN: UserId = UserId(Uuid::from_u128(7));

/// More steps than any test needs: beyond this, something goes round for ever.
const MOST_STEPS: usize = 20_000;

/// How a world differs from the usual one.
pub(crate) struct Setting {
    pub(crate) policies: Policies,
    pub(crate) config: WorkerConfig,
    /// Where every database's batches are locked.
    pub(crate) locks: Option<Arc<Locks>>,
    /// What the databases are on; in memory, if nothing is named.
    pub(crate) on: Option<Open>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            policies: Policies::new(Currency::KRW, "simulator"),
            config: WorkerConfig::default(),
            locks: None,
            on: None,
        }
    }
}

/// The world.
pub(crate) struct World {
    pub(crate) name: String,
    pub(crate) shop: Arc<Shop>,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) pg: Arc<Pg>,
    pub(crate) platform: Arc<Platform>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) tape: Arc<Tape>,
    pub(crate) disks: BTreeMap<String, Disk>,
    /// The text that the topology was read from.
    pub(crate) file: String,
    topology: Topology,
    registry: Registry,
    domains: Domains,
    config: WorkerConfig,
    guards: BTreeMap<String, Arc<dyn Guard>>,
    workers: Vec<Worker>,
    held: BTreeSet<String>,
    ids_from: Arc<AtomicU64>,
    next: u64,
    /// An upset commit is the last thing that the process does.
    pub(crate) upsets_kill: bool,
}

pub(crate) fn won(amount: i64) -> Money {
    Money::new(amount).unwrap()
}

impl World {
    pub(crate) fn new(topology: &str) -> Self {
        Self::set(topology, Setting::default())
    }

    /// A world of every shipped topology.
    pub(crate) fn each() -> impl Iterator<Item = Self> {
        SHIPPED.into_iter().map(|(_, topology)| Self::new(topology))
    }

    /// Those of [`World::each`] in which two domains have databases of their own.
    pub(crate) fn each_apart(one: &'static str, other: &'static str) -> impl Iterator<Item = Self> {
        Self::each().filter(move |world| world.apart(one, other))
    }

    /// A world for each database of each topology that has several, with the first of `domains` that it holds.
    pub(crate) fn each_split(domains: &[&'static str]) -> impl Iterator<Item = (Self, &'static str)> {
        Self::each().filter(|world| world.disks.len() > 1).flat_map(move |world| {
            let mut seen = BTreeSet::new();
            let domains = domains.iter().copied().filter(|domain| seen.insert(world.database(domain)));
            let domains: Vec<&'static str> = domains.collect();
            domains.into_iter().map(move |domain| (Self::new(&world.file), domain))
        })
    }

    pub(crate) fn set(file: &str, setting: Setting) -> Self {
        let domains = Domains::new(setting.policies);
        let (topology, registry) = domains.place(file).unwrap();
        let faults = Arc::new(Faults::default());
        let disks = topology.databases().into_iter().map(|database| {
            let (tables, faults) = (registry.tables(&database), Arc::clone(&faults));
            let disk = match &setting.on {
                None => Disk::new(&tables, Epoch(Uuid::from_u128(1)), faults),
                Some(open) => {
                    let (store, reader) = open(&tables);
                    Disk::over(store, reader, faults)
                }
            };
            (database.name, disk)
        });
        let disks: BTreeMap<String, Disk> = disks.collect();
        let clock = Arc::new(VirtualClock::default());
        let pg = Arc::new(Pg::new(Arc::clone(&clock)));
        let platform = Arc::default();
        let (ids_from, tape) = (Arc::default(), Arc::default());
        let config = setting.config;
        let guard = |locks: &Arc<Locks>, name: &String| (name.clone(), locks.guard(name, "this instance"));
        let locks = setting.locks.iter();
        let guards = locks.flat_map(|locks| disks.keys().map(|name| guard(locks, name))).collect();
        let parts = Assembly {
            topology: &topology,
            registry: &registry,
            domains: &domains,
            config,
            guards: &guards,
            disks: &disks,
            clock: &clock,
            pg: &pg,
            platform: &platform,
            ids_from: &ids_from,
            tape: &tape,
        };
        let (shop, workers) = parts.assemble().unwrap();
        let (name, held) = (topology.name.clone(), BTreeSet::new());
        Self {
            name,
            file: file.to_owned(),
            shop,
            clock,
            pg,
            platform,
            faults,
            tape,
            disks,
            topology,
            registry,
            domains,
            config,
            guards,
            workers,
            held,
            ids_from,
            next: 0,
            upsets_kill: false,
        }
    }

    /// Whether these domains have databases of their own: then what one says reaches the other through a log.
    pub(crate) fn apart(&self, one: &'static str, other: &'static str) -> bool {
        self.database(one) != self.database(other)
    }

    /// `steps` as this topology plans them: those that it always plans besides, in its order.
    pub(crate) fn planned(&self, steps: &[&str]) -> Vec<String> {
        let Topology { order, always, .. } = &self.topology;
        let planned = order.iter().filter(|step| always.contains(step) || steps.contains(&step.as_str()));
        planned.map(ToString::to_string).collect()
    }

    /// Whether the data platform is told of the payment before the order is confirmed.
    pub(crate) fn delivers_inline(&self) -> bool {
        self.topology.payment_delivery == PaymentDelivery::Inline
    }

    /// The process is killed and started again over the same databases; what was in memory is gone.
    pub(crate) fn crash(&mut self) {
        self.restart().unwrap();
    }

    /// As [`World::crash`], but the start may be refused; then the old workers are gone and nothing runs.
    pub(crate) fn restart(&mut self) -> Result<(), StoreError> {
        self.workers.clear();
        self.pg.hang_up();
        self.platform.hang_up();
        self.disks.values().for_each(Disk::abandon);
        let parts = Assembly {
            topology: &self.topology,
            registry: &self.registry,
            domains: &self.domains,
            config: self.config,
            guards: &self.guards,
            disks: &self.disks,
            clock: &self.clock,
            pg: &self.pg,
            platform: &self.platform,
            ids_from: &self.ids_from,
            tape: &self.tape,
        };
        (self.shop, self.workers) = parts.assemble()?;
        Ok(())
    }

    /// Steps everything that is not held until nothing moves.
    pub(crate) fn run(&mut self) {
        for _ in 0..MOST_STEPS {
            let mut moved = self.shop.quoter().step(1_000) + self.pg.step() + self.platform.step();
            for worker in self.workers.iter_mut().filter(|worker| !self.held.contains(worker.name())) {
                moved += usize::from(worker.step() == Stepped::Worked);
                if self.upsets_kill && self.faults.happened() {
                    moved += 1;
                    self.crash();
                    break;
                }
            }
            if moved == 0 {
                return;
            }
        }
        panic!("{}: it never comes to rest", self.name);
    }

    /// One step of the database that holds `domain`.
    pub(crate) fn step(&mut self, domain: &'static str) -> Stepped {
        let name = self.database(domain).name;
        self.workers.iter_mut().find(|worker| worker.name() == name).unwrap().step()
    }

    /// Time passes second by second, and everything runs.
    pub(crate) fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.pass(Duration::from_secs(1));
            self.run();
        }
    }

    /// The database of `domain` is not stepped.
    pub(crate) fn hold(&mut self, domain: &'static str) {
        let name = self.database(domain).name;
        self.held.insert(name);
    }

    /// Every database is stepped again.
    pub(crate) fn let_go(&mut self) {
        self.held.clear();
    }

    pub(crate) fn database(&self, domain: &'static str) -> Database {
        self.system().home(&DomainName::of(domain)).unwrap().database.clone()
    }

    pub(crate) fn disk(&self, domain: &'static str) -> &Disk {
        &self.disks[&self.database(domain).name]
    }

    /// Another database in the place of `domain`'s.
    pub(crate) fn replace_disk(&mut self, domain: &'static str, disk: Disk) {
        self.disks.insert(self.database(domain).name, disk);
    }

    /// A copy of `domain`'s database as it stands.
    pub(crate) fn backup(&self, domain: &'static str) -> Disk {
        self.disk(domain).copy(&self.registry.tables(&self.database(domain)))
    }

    pub(crate) fn system(&self) -> &Arc<System> {
        self.shop.system()
    }

    /// Every cursor goes back to the beginning: all that was ever said is delivered again.
    pub(crate) fn rewind(&mut self) {
        for disk in self.disks.values() {
            let rows = disk.reader().query(&Query::of(Cursor::TABLE, u32::MAX)).unwrap();
            let keys = rows.iter().map(|row| Key::of_row(Cursor::TABLE, row));
            let writes: Vec<Write> = keys.map(|key| Write { table: Cursor::TABLE, key, row: None }).collect();
            disk.write(&writes, &[]);
        }
        self.crash();
    }

    /// Who does what when something is said.
    pub(crate) fn routing(&self) -> Routing {
        self.registry.routing(&self.topology)
    }

    /// Sends a command and runs until it is answered.
    pub(crate) fn ask<C: Command>(&mut self, command: C) -> C::Reply {
        let slot = self.send(command);
        self.run();
        taken(&slot).unwrap().unwrap()
    }

    /// Queues a command.
    pub(crate) fn send<C: Command>(&mut self, command: C) -> Slot<Result<C::Reply, CommandError>> {
        let slot = Slot::default();
        let answer = Arc::clone(&slot);
        self.system().send(command, Trace::default(), move |reply| *answer.lock().unwrap() = Some(reply));
        slot
    }

    /// The record under `key` in the database of `domain`.
    pub(crate) fn get<R: Record>(&self, domain: &'static str, key: impl Into<Key>) -> R {
        self.shop.get(domain, key).unwrap().unwrap()
    }

    /// Changes the record under `key` in the database of `domain`, past everyone.
    pub(crate) fn tamper<R: Record>(
        &self,
        domain: &'static str,
        key: impl Into<Key>,
        change: impl FnOnce(&mut R),
    ) {
        let key = key.into();
        let mut record: R = self.get(domain, key.clone());
        change(&mut record);
        let write = Write { table: R::TABLE, key, row: Some(record.to_row()) };
        self.disk(domain).write(&[write], &[]);
    }

    pub(crate) fn status(&self, order: OrderId) -> (kernel::judge::SagaStatus, Option<kernel::Reason>) {
        let order: Order = self.get("order", (order,));
        (order.status, order.reason)
    }

    /// Every record of the database of `domain`.
    pub(crate) fn all<R: Record>(&self, domain: &'static str) -> Vec<R> {
        self.shop.list(domain, &Query::of(R::TABLE, u32::MAX)).unwrap()
    }

    /// Every record of a table that all databases have.
    pub(crate) fn everywhere<R: Record>(&self) -> Vec<R> {
        let rows =
            self.disks.values().flat_map(|disk| disk.reader().query(&Query::of(R::TABLE, u32::MAX)).unwrap());
        rows.map(|row| R::from_row(&row).unwrap()).collect()
    }

    pub(crate) fn open_letters(&self) -> Vec<DeadLetter> {
        let letters = self.everywhere::<DeadLetter>().into_iter();
        letters.filter(|letter| letter.status == LetterStatus::Open).collect()
    }

    /// An operator handles a letter, and everything runs.
    pub(crate) fn handle(&mut self, letter: LetterId, order: &LetterOrder) -> Option<DeadLetter> {
        let mut found = None;
        let names: Vec<String> = self.disks.keys().cloned().collect();
        for name in names {
            let handle =
                self.system().databases().iter().find(|handle| handle.database.name == name).unwrap();
            let slot: Slot<Result<Option<DeadLetter>, CommandError>> = Slot::default();
            let answer = Arc::clone(&slot);
            handle
                .door
                .letter(letter, order.clone(), ADMIN, move |reply| *answer.lock().unwrap() = Some(reply));
            self.run();
            // A database that is held does not answer.
            found = found.or(taken(&slot).and_then(Result::unwrap));
        }
        found
    }

    pub(crate) fn redrive(&mut self, letter: LetterId) {
        self.handle(letter, &LetterOrder::Redrive).unwrap();
    }

    pub(crate) fn resolve(&mut self, letter: LetterId) {
        self.handle(letter, &LetterOrder::Resolve("by hand".into())).unwrap();
    }

    /// How often an alert of this kind was raised since the last start.
    pub(crate) fn alerts(&self, kind: &str) -> u64 {
        self.system().signals().alert_counts().get(kind).copied().unwrap_or(0)
    }

    /// Calls of all stores so far.
    pub(crate) fn store_calls(&self) -> u64 {
        self.disks.values().map(Disk::calls).sum()
    }

    /// Words said about an order, with how often each was.
    pub(crate) fn said(&self, order: OrderId) -> BTreeMap<SmolStr, usize> {
        let mut words = BTreeMap::new();
        for disk in self.disks.values() {
            for stored in disk.reader().log_of(order.0).unwrap() {
                let entry: kernel::Entry = serde_json::from_str(&stored.row.body).unwrap();
                for event in entry.events {
                    *words.entry(event.said.name()).or_default() += 1;
                }
            }
        }
        words
    }
}

/// What is in the slot.
pub(crate) fn taken<T>(slot: &Slot<T>) -> Option<T> {
    slot.lock().unwrap().take()
}

/// The order that was made.
pub(crate) fn born(slot: &Slot<Answer>) -> Born {
    taken(slot).unwrap().unwrap().unwrap()
}
