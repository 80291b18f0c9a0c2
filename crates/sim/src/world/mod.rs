//! The world of a run: the processes of all units over their disks, the network between them, the gateway and the data platform
//! outside, and the loop that moves one of them at a time. Nothing here decides about orders: that is the production code's.

mod dice;
mod disk;
mod faults;
mod net;
mod process;
mod races;
mod remote;
mod stage;
mod trace;
mod weather;
mod wire;

pub(crate) use dice::{Purpose, chance};
pub use faults::Fault;
pub use trace::{About, Line};
pub(crate) use weather::LONGEST_JUMP;

use crate::counter::Units;
use dice::Dice;
use disk::Disk;
use kernel::ids::OrderId;
use kernel::topology::{Topology, TopologyError};
use kernel::{Currency, DomainName, Trace as TraceId};
use payment::StartReconciling;
use process::Process;
use races::Races;
use runtime::ports::outside::Outside;
use runtime::ports::store::StoreError;
use runtime::{Registry, System};
use scripted::clock::VirtualClock;
use scripted::lock::Locks;
use scripted::pg::Pg;
use scripted::platform::Platform;
use shop::{Domains, Policies, Shop};
use stage::Stage;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Why a run could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The topology file.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// A database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What every process is made of.
pub(crate) struct Parts {
    seed: u64,
    topology: Topology,
    registry: Registry,
    domains: Domains,
    stage: Arc<Stage>,
    disks: Vec<Arc<Disk>>,
    races: Arc<Races>,
    lanes: u32,
    pg: Arc<Pg>,
    platform: Arc<Platform>,
    /// The locks of databases' batches, in runs with several instances.
    locks: Option<Arc<Locks>>,
}

/// Where an instance of a unit runs, or will again.
struct Host {
    unit: String,
    /// Its unit's name, numbered where there are several.
    name: String,
    clock: Arc<VirtualClock>,
    process: Option<Process>,
    starts_at: Duration,
}

/// The world.
pub(crate) struct World {
    parts: Parts,
    hosts: Vec<Host>,
    order: Dice,
    outside: Dice,
    /// Whether several instances run over one database.
    racing: bool,
    starts: u64,
    weather: weather::Weather,
    /// Whose work the last turn was.
    busy: Option<String>,
}

/// How the domains are set: as by default, but an order that is not paid expires within a run.
fn policies() -> Policies {
    let mut policies = Policies::new(Currency::KRW, "simulator");
    policies.order.created_expiry = CREATED_EXPIRY;
    policies
}

/// How long an order that is to be paid later waits.
pub const CREATED_EXPIRY: Duration = Duration::from_secs(90);
/// One seed in so many runs over databases with several writers, and several instances of units.
const RACING: usize = 3;
/// Most batches that the quoter quotes at once.
const QUOTES: u64 = 40;

impl World {
    /// The world of `seed` over the topology in `file`; with `tells`, its story is kept.
    ///
    /// # Errors
    /// If the file does not read, or a database cannot be made.
    pub(crate) fn new(seed: u64, file: &str, tells: bool) -> Result<Self, WorldError> {
        let domains = Domains::new(policies());
        let (topology, registry) = domains.place(file)?;
        let stage = Stage::new(seed, tells);
        let climate = Dice::new(seed, Purpose::Order);
        let racing = climate.below(RACING) == 0;
        let mut disks = Vec::new();
        for database in topology.databases() {
            let tables = registry.tables(&database);
            disks.push(Disk::new(&stage, database, &tables, racing)?);
        }
        let locks: Option<Arc<Locks>> = (racing && climate.below(2) == 0).then(Arc::default);
        let races = Races::new(&stage, locks.clone());
        let pg = Arc::new(Pg::new(Arc::new(VirtualClock::of(&stage.time))));
        let parts = Parts {
            seed,
            registry,
            domains,
            disks,
            races,
            lanes: process::lanes(seed),
            pg,
            platform: Arc::default(),
            locks,
            stage,
            topology,
        };
        let mut hosts = Vec::new();
        for unit in &parts.topology.units {
            let instances = if racing { 1 + climate.below(2) } else { 1 };
            for instance in 1..=instances {
                let name =
                    if instances == 1 { unit.name.clone() } else { format!("{} {instance}", unit.name) };
                let clock = Arc::new(VirtualClock::of(&parts.stage.time));
                let unit = unit.name.clone();
                hosts.push(Host { unit, name, clock, process: None, starts_at: Duration::ZERO });
            }
        }
        let outside = Dice::new(seed, Purpose::Outside);
        let weather = weather::Weather::default();
        let mut world =
            Self { parts, hosts, order: climate, outside, racing, starts: 0, weather, busy: None };
        world.start_hosts();
        Ok(world)
    }

    /// What everything shares.
    pub(crate) fn stage(&self) -> &Arc<Stage> {
        &self.parts.stage
    }

    /// The topology.
    pub(crate) fn topology(&self) -> &Topology {
        &self.parts.topology
    }

    /// The gateway.
    pub(crate) fn pg(&self) -> &Pg {
        &self.parts.pg
    }

    /// The data platform.
    pub(crate) fn platform(&self) -> &Platform {
        &self.parts.platform
    }

    /// Everybody moves once, in any order. True if somebody worked.
    pub(crate) fn turn(&mut self) -> bool {
        self.blow();
        self.bury();
        self.start_hosts();
        let mut worked = false;
        for host in &self.hosts {
            if let Some(process) = &host.process {
                worked |= process.carry();
                if self.racing {
                    process.refresh();
                }
            }
        }
        let mut seats: Vec<(usize, usize)> = Vec::new();
        for (at, host) in self.hosts.iter().enumerate() {
            let count = host.process.as_ref().map_or(0, |process| process.seats.len());
            seats.extend((0..count).map(|seat| (at, seat)));
        }
        self.order.shuffle(&mut seats);
        // Not everybody is equally quick.
        let (now, later): (Vec<_>, Vec<_>) = seats.into_iter().partition(|_| self.order.strikes(7_000));
        for (host, seat) in now {
            worked |= self.step(host, seat);
        }
        worked |= self.outside_moves();
        if !worked {
            for (host, seat) in later {
                worked |= self.step(host, seat);
            }
        }
        self.bury();
        worked
    }

    fn step(&mut self, host: usize, seat: usize) -> bool {
        let now = self.parts.stage.time.elapsed();
        let Some(process) = self.hosts[host].process.as_mut() else { return false };
        if process.life.is_over() {
            return false;
        }
        let mut worked = false;
        if let Some(shop) = process.shop.as_ref().filter(|_| seat == 0) {
            let cap = usize::try_from(self.order.between(1, QUOTES)).unwrap_or(1);
            worked |= shop.quoter().step(cap) > 0;
        }
        worked |= process.step(seat, now);
        if worked {
            self.busy = Some(self.hosts[host].name.clone());
        }
        worked
    }

    /// Who worked last.
    pub(crate) fn busy(&self) -> &str {
        self.busy.as_deref().unwrap_or("nobody")
    }

    /// Time passes: to when somebody next has something to do, and at most to `until`.
    pub(crate) fn wait(&mut self, until: Duration) {
        let now = self.parts.stage.time.elapsed();
        let next = self.hosts.iter().filter_map(|host| match &host.process {
            Some(process) => process.wakes_at(),
            None => Some(host.starts_at),
        });
        let next = next.chain([until, self.weather.changes_at()]).min().unwrap_or(until);
        self.pass(next.saturating_sub(now).max(Duration::from_millis(1)));
    }

    /// Time passes.
    pub(crate) fn pass(&self, by: Duration) {
        self.parts.stage.time.pass(by);
    }

    /// The gateway and the data platform answer some of what waits. True if anything waited.
    fn outside_moves(&self) -> bool {
        let (pg, platform) = (&self.parts.pg, &self.parts.platform);
        let (mut calls, mut deliveries) = (pg.waiting(), platform.waiting());
        let any = calls + deliveries > 0;
        while calls > 0 && self.outside.strikes(7_000) {
            self.mood();
            pg.step_one(self.outside.below(calls));
            calls = pg.waiting();
        }
        while deliveries > 0 && self.outside.strikes(7_000) {
            self.platform_mood();
            platform.step_one(self.outside.below(deliveries));
            deliveries = platform.waiting();
        }
        any
    }

    /// Who was killed is gone, and comes back after a while.
    fn bury(&mut self) {
        let stage = &self.parts.stage;
        for host in &mut self.hosts {
            if host.process.as_ref().is_some_and(|process| process.life.is_over()) {
                host.process = None;
                stage.net.went_down(&host.unit);
                let away = if stage.faults.is_calm() { 1 } else { stage.faults.dice().between(1, 6_000) };
                host.starts_at = stage.time.elapsed() + Duration::from_millis(away);
            }
        }
    }

    fn start_hosts(&mut self) {
        let now = self.parts.stage.time.elapsed();
        for host in self.hosts.iter_mut().filter(|host| host.process.is_none() && host.starts_at <= now) {
            self.starts += 1;
            match Process::start(&self.parts, &host.unit, &host.name, &host.clock, self.starts) {
                Ok(process) => {
                    let stage = &self.parts.stage;
                    stage.net.came_up(&host.unit);
                    if now > Duration::ZERO {
                        stage.faults.count(Fault::Restart);
                        stage.trace.fault(&host.name, "starts again");
                    }
                    if process.system.home(&payment::PAYMENT).is_some() {
                        process.system.send(StartReconciling, TraceId::default(), |_| {});
                    }
                    host.process = Some(process);
                }
                Err(error) => {
                    self.parts.stage.trace.fault(&host.name, &format!("cannot start: {error}"));
                    host.starts_at = now + Duration::from_millis(500);
                }
            }
        }
    }

    /// All faults are over, and all that broke is mended.
    pub(crate) fn calm_down(&mut self) {
        self.parts.stage.trace.fault("everybody", "the faults are over");
        self.parts.stage.faults.calm_down();
        self.parts.stage.net.heal();
        self.parts.pg.down(false);
        self.parts.pg.charges([]);
        self.parts.pg.cancels([]);
        self.parts.platform.down(false);
        self.parts.platform.approvals([]);
        for disk in &self.parts.disks {
            disk.recover();
        }
        for host in &mut self.hosts {
            host.clock.set_right();
            if host.process.is_none() {
                host.starts_at = Duration::ZERO;
            }
        }
    }

    /// A live process of the unit that holds `domain`.
    fn process_of(&self, domain: &DomainName) -> Option<&Process> {
        let holds = |process: &&Process| !process.life.is_over() && process.system.home(domain).is_some();
        let all: Vec<&Process> =
            self.hosts.iter().filter_map(|host| host.process.as_ref()).filter(holds).collect();
        match all.len() {
            0 => None,
            count => Some(all[self.order.below(count)]),
        }
    }

    /// An order that was made, to break something about it.
    fn some_order(&self) -> Option<OrderId> {
        let disk = self.parts.disks.iter().find(|disk| disk.database().domains.contains(&order::NAME))?;
        let query = runtime::ports::store::Query::of(<order::Order as kernel::Record>::TABLE, 8);
        let rows = disk.reader().query(&query.sort("id", true)).ok()?;
        let row = rows.get(self.parts.stage.faults.dice().below(rows.len()))?;
        <order::Order as kernel::Record>::from_row(row).ok().map(|order| order.id)
    }
}

impl Units for World {
    fn system(&self, domain: &'static str) -> Option<Arc<System>> {
        self.process_of(&DomainName::of(domain)).map(|process| Arc::clone(&process.system))
    }

    fn shop(&self) -> Option<Arc<Shop>> {
        self.process_of(&order::NAME).and_then(|process| process.shop.clone())
    }

    fn systems(&self) -> Vec<Arc<System>> {
        let mut units: BTreeMap<&str, Arc<System>> = BTreeMap::new();
        for host in &self.hosts {
            if let Some(process) = host.process.as_ref().filter(|process| !process.life.is_over()) {
                units.insert(&host.unit, Arc::clone(&process.system));
            }
        }
        units.into_values().collect()
    }
}

/// Who performs the outside calls.
fn outside(parts: &Parts) -> BTreeMap<DomainName, Arc<dyn Outside>> {
    BTreeMap::from([
        (payment::PAYMENT, Arc::clone(&parts.pg) as Arc<dyn Outside>),
        (data_platform::NAME, Arc::clone(&parts.platform) as Arc<dyn Outside>),
    ])
}
