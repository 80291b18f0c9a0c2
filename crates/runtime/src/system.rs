//! All databases of one process together: who holds which domain, and how to reach it.

use crate::door::{CommandError, Door};
use crate::feed::Feed;
use crate::inquiry::Inquirer;
use crate::neighbour::{Neighbour, UnitStatus};
use crate::ports::clock::Clock;
use crate::ports::guard::Guard;
use crate::ports::outside::Outside;
use crate::ports::store::{Reader, Store, StoreError};
use crate::progress::Progress;
use crate::registry::Registry;
use crate::tail::{Observer, Tail};
use crate::turn::Engine;
use crate::watch::Watch;
use crate::worker::{Worker, WorkerConfig, WorkerParts};
use kernel::domain::Alert;
use kernel::ids::Ids;
use kernel::routing::Routing;
use kernel::topology::{Database, Topology};
use kernel::{Command, DomainName, Step, Trace};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// One database's store, as it was opened.
pub struct Opened {
    /// Which database.
    pub database: Database,
    /// Its writing side.
    pub store: Box<dyn Store>,
    /// Its reading side.
    pub reader: Arc<dyn Reader>,
}

/// A database of another unit, as this process reaches it.
pub struct Elsewhere {
    /// Which database.
    pub database: Database,
    /// Its committed rows, asked of the unit that holds it.
    pub reader: Arc<dyn Reader>,
    /// Its log: one feed, or one a lane. Whoever wants to hear all of it does so by these.
    pub feeds: Vec<Arc<dyn Feed>>,
    /// Feeds that keep what one database has not taken in yet, by the database of this process that they are for: it follows these instead.
    pub kept_for: BTreeMap<String, Vec<Arc<dyn Feed>>>,
    /// The unit that holds it, where it can be asked for more than rows.
    pub neighbour: Option<Arc<dyn Neighbour>>,
}

/// What a system is made of.
pub struct SystemParts {
    /// The domains.
    pub registry: Registry,
    /// How they are placed.
    pub topology: Topology,
    /// The databases of this process.
    pub opened: Vec<Opened>,
    /// The databases of other units.
    pub elsewhere: Vec<Elsewhere>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// A source of ids per database.
    pub ids: Box<dyn FnMut() -> Box<dyn Ids + Send>>,
    /// Who performs the outside calls of which domain.
    pub outside: BTreeMap<DomainName, Arc<dyn Outside>>,
    /// The lock of each database's batches, where several instances share it.
    pub guards: BTreeMap<String, Arc<dyn Guard>>,
    /// Settings of the loops.
    pub config: WorkerConfig,
    /// How many commands may wait at a door.
    pub door_capacity: usize,
}

/// A running (or steppable) system.
pub struct System {
    topology: Topology,
    routing: Arc<Routing>,
    databases: Vec<Handle>,
    homes: BTreeMap<DomainName, usize>,
    elsewhere: Vec<Elsewhere>,
    shared: bool,
    watch: Arc<Watch>,
    inquirer: Arc<Inquirer>,
    signals: Arc<Signals>,
    clock: Arc<dyn Clock>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// One database from the outside.
pub struct Handle {
    /// Which.
    pub database: Database,
    /// Where commands go.
    pub door: Arc<Door>,
    /// Committed rows.
    pub reader: Arc<dyn Reader>,
    /// Its log.
    pub tail: Arc<Tail>,
    /// How far it has followed the others.
    pub progress: Arc<Progress>,
}

impl SystemParts {
    /// Puts the parts together. The workers are not running yet: start them with [`System::start`], or step them one by one.
    ///
    /// # Errors
    /// If a database cannot be read, or was restored from an older backup; if rows of a table fall due by more than one column.
    pub fn assemble(mut self) -> Result<(Arc<System>, Vec<Worker>), StoreError> {
        self.registry.check()?;
        let routing = Arc::new(self.registry.routing(&self.topology));
        let signals = Arc::new(Signals::default());
        let watch = Arc::new(Watch::default());
        let mut handles = Vec::new();
        let mut stores = Vec::new();
        for Opened { database, store, reader } in self.opened {
            let tail = Tail::new(&database.name, Arc::clone(&reader))?;
            if database.domains.contains(&DomainName::of("order")) {
                tail.observe(Arc::clone(&watch) as Arc<dyn Observer>);
            }
            let door = Door::new(&database.name, self.door_capacity);
            stores.push(store);
            handles.push(Handle { database, door, reader, tail, progress: Arc::default() });
        }
        let mut homes = BTreeMap::new();
        for (at, handle) in handles.iter().enumerate() {
            homes.extend(handle.database.domains.iter().map(|domain| (domain.clone(), at)));
        }
        let books = books(&handles, &self.elsewhere);
        let inquirer = Arc::new(inquirer(&self.registry, &books));
        self.outside
            .entry(DomainName::of("order"))
            .or_insert_with(|| Arc::clone(&inquirer) as Arc<dyn Outside>);
        let mut workers = Vec::new();
        for (handle, store) in handles.iter().zip(stores) {
            let domains = self.registry.of(&handle.database);
            let follows = followed(&handle.database, &routing, &handles, &self.elsewhere);
            let engine = Engine::new(&handle.database.name, domains, Arc::clone(&routing), (self.ids)());
            workers.push(Worker::new(WorkerParts {
                engine,
                store,
                reader: Arc::clone(&handle.reader),
                door: Arc::clone(&handle.door),
                tail: Arc::clone(&handle.tail),
                follows,
                clock: Arc::clone(&self.clock),
                outside: self.outside.clone(),
                signals: Arc::clone(&signals),
                progress: Arc::clone(&handle.progress),
                guard: self.guards.get(&handle.database.name).cloned(),
                config: self.config,
            })?);
        }
        let (topology, clock) = (self.topology, self.clock);
        let shared = self.config.listen_every.is_some();
        let threads = Mutex::default();
        Ok((
            Arc::new(System {
                topology,
                routing,
                databases: handles,
                homes,
                elsewhere: self.elsewhere,
                shared,
                watch,
                inquirer,
                signals,
                clock,
                threads,
            }),
            workers,
        ))
    }
}

impl System {
    /// Runs each worker on a thread of its own.
    ///
    /// # Errors
    /// If a thread cannot be made.
    pub fn start(&self, workers: Vec<Worker>) -> std::io::Result<()> {
        for worker in workers {
            let name = worker.name().to_owned();
            let thread = std::thread::Builder::new().name(name).spawn(move || worker.run())?;
            self.threads.lock().push(thread);
        }
        Ok(())
    }

    /// Closes every door, lets what waits be decided, and ends the threads.
    pub fn stop(&self) {
        for handle in &self.databases {
            handle.door.close();
        }
        for thread in std::mem::take(&mut *self.threads.lock()) {
            if thread.join().is_err() {
                tracing::error!("a database's thread ended by a panic");
            }
        }
    }

    /// The topology.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The databases of this process.
    #[must_use]
    pub fn databases(&self) -> &[Handle] {
        &self.databases
    }

    /// Who does what when something is said.
    pub(crate) fn routing(&self) -> &Routing {
        &self.routing
    }

    /// The domain that runs `step`.
    #[must_use]
    pub fn runner(&self, step: &Step) -> Option<&DomainName> {
        self.routing.runner(step)
    }

    /// The database that holds `domain`.
    #[must_use]
    pub fn home(&self, domain: &DomainName) -> Option<&Handle> {
        self.homes.get(domain).map(|at| &self.databases[*at])
    }

    /// The databases of other units.
    #[must_use]
    pub fn elsewhere(&self) -> &[Elsewhere] {
        &self.elsewhere
    }

    /// The other units that can be asked for more than rows, each once.
    #[must_use]
    pub fn neighbours(&self) -> Vec<Arc<dyn Neighbour>> {
        let mut found: Vec<Arc<dyn Neighbour>> = Vec::new();
        for neighbour in self.elsewhere.iter().filter_map(|other| other.neighbour.as_ref()) {
            if found.iter().all(|known| known.unit() != neighbour.unit()) {
                found.push(Arc::clone(neighbour));
            }
        }
        found
    }

    /// How the databases of this process are.
    #[must_use]
    pub fn status(&self) -> UnitStatus {
        UnitStatus::of(&self.databases, &self.signals)
    }

    /// Committed rows of `domain`, here or elsewhere.
    ///
    /// # Errors
    /// If no unit holds the domain.
    pub fn reader(&self, domain: &DomainName) -> Result<&Arc<dyn Reader>, CommandError> {
        let mut books = books(&self.databases, &self.elsewhere).into_iter();
        let book = books.find(|(database, _)| database.domains.contains(domain));
        book.map(|(_, reader)| reader).ok_or_else(|| elsewhere(domain))
    }

    /// The log of `domain`'s database, here or elsewhere: one feed, or one a lane.
    ///
    /// # Errors
    /// If no unit holds the domain.
    pub fn feeds(&self, domain: &DomainName) -> Result<Vec<Arc<dyn Feed>>, CommandError> {
        if let Some(home) = self.home(domain) {
            return Ok(vec![Arc::clone(&home.tail) as Arc<dyn Feed>]);
        }
        let mut others = self.elsewhere.iter();
        let other = others.find(|other| other.database.domains.contains(domain));
        Ok(other.ok_or_else(|| elsewhere(domain))?.feeds.clone())
    }

    /// Shows everything that `domain` says to `observer`, here or elsewhere.
    ///
    /// # Errors
    /// If no unit holds the domain.
    pub fn observe(&self, domain: &DomainName, observer: &Arc<dyn Observer>) -> Result<(), CommandError> {
        for feed in self.feeds(domain)? {
            feed.observe(Arc::clone(observer));
        }
        Ok(())
    }

    /// Every database with its reader, here and elsewhere.
    #[must_use]
    pub fn books(&self) -> Vec<(&Database, &Arc<dyn Reader>)> {
        books(&self.databases, &self.elsewhere)
    }

    /// Whether other instances serve these databases too: what this one knows of their logs may be late.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Sends a command; `on_reply` is called once, after commit.
    pub fn send<C: Command>(
        &self,
        command: C,
        trace: Trace,
        on_reply: impl FnOnce(Result<C::Reply, CommandError>) + Send + 'static,
    ) {
        match self.home(&C::DOMAIN) {
            Some(home) => home.door.send(command, trace, on_reply),
            None => on_reply(Err(elsewhere(&C::DOMAIN))),
        }
    }

    /// Sends a command and waits for its answer, which leaves after commit.
    ///
    /// # Errors
    /// If the database is not available or the decider failed.
    pub async fn ask<C: Command>(&self, command: C, trace: Trace) -> Result<C::Reply, CommandError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.send(command, trace, move |reply| {
            // The asker may have gone; what was decided stands.
            let _ = sender.send(reply);
        });
        receiver.await.unwrap_or_else(|_| Err(CommandError::Fault("the answer was lost".to_owned())))
    }

    /// Those who wait for one order.
    #[must_use]
    pub fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// The participants' books.
    #[must_use]
    pub fn inquirer(&self) -> &Arc<Inquirer> {
        &self.inquirer
    }

    /// Counts and alerts.
    #[must_use]
    pub fn signals(&self) -> &Arc<Signals> {
        &self.signals
    }

    /// The clocks.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}

/// The logs that `database` follows: those of all other databases whose words somebody in it hears.
fn followed(
    database: &Database,
    routing: &Routing,
    handles: &[Handle],
    elsewhere: &[Elsewhere],
) -> Vec<Arc<dyn Feed>> {
    let heard = routing.sources(&database.domains);
    let is_heard = |other: &Database| {
        other.name != database.name && other.domains.iter().any(|domain| heard.contains(domain))
    };
    let here = handles.iter().filter(|other| is_heard(&other.database));
    let there = elsewhere.iter().filter(|other| is_heard(&other.database));
    here.map(|other| Arc::clone(&other.tail) as Arc<dyn Feed>)
        .chain(
            there
                .flat_map(|other| other.kept_for.get(&database.name).unwrap_or(&other.feeds).iter().cloned()),
        )
        .collect()
}

/// Every database with its reader, here and elsewhere.
fn books<'s>(handles: &'s [Handle], elsewhere: &'s [Elsewhere]) -> Vec<(&'s Database, &'s Arc<dyn Reader>)> {
    let here = handles.iter().map(|handle| (&handle.database, &handle.reader));
    here.chain(elsewhere.iter().map(|other| (&other.database, &other.reader))).collect()
}

/// The books of every step.
fn inquirer(registry: &Registry, books: &[(&Database, &Arc<dyn Reader>)]) -> Inquirer {
    let mut inquirer = Inquirer::default();
    for (database, reader) in books {
        for domain in registry.of(database) {
            for participant in domain.participants() {
                inquirer.add(participant.step(), &database.name, Arc::clone(reader));
            }
        }
    }
    inquirer
}

fn elsewhere(domain: &DomainName) -> CommandError {
    CommandError::Unavailable(domain.to_string(), "its unit does not run in this process".to_owned())
}

/// Counts and alerts of a process: what `/metrics` and the admin overview show.
#[derive(Default)]
pub struct Signals {
    databases: Mutex<BTreeMap<String, Counts>>,
    alerts: Mutex<BTreeMap<&'static str, u64>>,
    recent: Mutex<Vec<(String, Alert)>>,
}

/// One database's counts since start.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Batches decided; one in which nothing was relevant commits nothing.
    pub batches: u64,
    /// Transactions committed, each made durable by itself.
    pub commits: u64,
    /// Messages in them.
    pub messages: u64,
    /// Rounds in them.
    pub rounds: u64,
    /// Rows written by them, besides the log's.
    pub rows: u64,
    /// Rows appended to the log.
    pub log_rows: u64,
    /// Time spent deciding and committing.
    pub busy: Duration,
    /// Whether its clocks disagree now.
    pub clock_suspect: bool,
}

/// Alerts kept for the admin overview.
const RECENT: usize = 100;

impl Signals {
    /// Adds to the counts of `database`; whether its clocks agree is said elsewhere.
    pub(crate) fn add(&self, database: &str, more: Counts) {
        let mut databases = self.databases.lock();
        if !databases.contains_key(database) {
            databases.insert(database.to_owned(), Counts::default());
        }
        if let Some(counts) = databases.get_mut(database) {
            counts.batches += more.batches;
            counts.commits += more.commits;
            counts.messages += more.messages;
            counts.rounds += more.rounds;
            counts.rows += more.rows;
            counts.log_rows += more.log_rows;
            counts.busy += more.busy;
        }
    }

    pub(crate) fn clocks_agree(&self, database: &str) {
        if let Some(counts) = self.databases.lock().get_mut(database) {
            counts.clock_suspect = false;
        }
    }

    pub(crate) fn clock_jumped(&self, database: &str, ms: i64) {
        self.databases.lock().entry(database.to_owned()).or_default().clock_suspect = true;
        self.alert(
            database,
            "clock_jumped",
            &format!("the wall clock jumped by {ms} ms; expiry and pruning wait"),
        );
    }

    /// Raises an alert that is about no order.
    pub fn alert(&self, database: &str, kind: &'static str, detail: &str) {
        self.alert_about(database, &Alert { kind, detail: detail.to_owned(), saga: None });
    }

    /// Raises an alert: log, metric and admin overview.
    pub fn alert_about(&self, database: &str, alert: &Alert) {
        let order = alert.saga.map(|saga| saga.to_string()).unwrap_or_default();
        tracing::error!(database, alert = alert.kind, order_id = order, "{}", alert.detail);
        *self.alerts.lock().entry(alert.kind).or_default() += 1;
        let mut recent = self.recent.lock();
        if recent.len() >= RECENT {
            recent.remove(0);
        }
        recent.push((database.to_owned(), alert.clone()));
    }

    /// Counts by database.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, Counts> {
        self.databases.lock().clone()
    }

    /// Alerts by kind since start.
    #[must_use]
    pub fn alert_counts(&self) -> BTreeMap<&'static str, u64> {
        self.alerts.lock().clone()
    }

    /// The latest alerts, oldest first, with their database.
    #[must_use]
    pub fn recent_alerts(&self) -> Vec<(String, Alert)> {
        self.recent.lock().clone()
    }
}
