//! One instance of one unit: what a process is, from its start until it is killed. All code in it is the production code; only its
//! ports are the simulator's.

use super::dice::{Dice, Purpose};
use super::disk::Disk;
use super::remote::Remote;
use super::stage::Life;
use super::wire::Wire;
use super::{Parts, outside};
use kernel::ids::Ids;
use parking_lot::Mutex;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use runtime::adapters::V7Ids;
use runtime::ports::clock::Clock;
use runtime::ports::guard::Guard;
use runtime::ports::store::{Reader, StoreError};
use runtime::system::{Elsewhere, Opened};
use runtime::worker::Stepped;
use runtime::{Feed, System, SystemParts, Worker, WorkerConfig};
use scripted::clock::VirtualClock;
use shop::Shop;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How many commands may wait at a door.
const DOOR: usize = 10_000;

/// A worker, with when it next wants to be looked at.
pub(super) struct Seat {
    pub(super) worker: Arc<Mutex<Worker>>,
    idle_until: Option<Duration>,
}

/// One instance of one unit.
pub(super) struct Process {
    pub(super) life: Arc<Life>,
    pub(super) system: Arc<System>,
    /// The shop, where the orders are here.
    pub(super) shop: Option<Arc<Shop>>,
    pub(super) seats: Vec<Seat>,
    wires: Vec<Arc<Wire>>,
}

impl Process {
    /// Starts an instance of `unit`, called `name`, the `number`th start of all.
    ///
    /// # Errors
    /// If a database cannot be read.
    pub(super) fn start(
        parts: &Parts,
        unit: &str,
        name: &str,
        clock: &Arc<VirtualClock>,
        number: u64,
    ) -> Result<Self, StoreError> {
        let life = Life::new(name.to_owned());
        let races: Arc<dyn crate::rows::Disturbance> = Arc::clone(&parts.races) as _;
        let (here, there): (Vec<_>, Vec<_>) = parts.disks.iter().partition(|disk| disk.unit() == unit);
        let opened = here.iter().map(|disk| {
            let (store, reader) = disk.open(&life, &races);
            Opened { database: disk.database().clone(), store, reader }
        });
        let mut wires = Vec::new();
        let elsewhere = there.iter().map(|disk| reach(parts, disk, unit, &mut wires)).collect();
        let seed = parts.seed;
        let ids_clock = Arc::clone(clock);
        let mut database = 0;
        let ids = move || {
            database += 1;
            // Each source of ids of its own: no two give the same, however often a process restarts.
            let mut chance = ChaCha8Rng::seed_from_u64(seed);
            chance.set_stream((1 << 32) + number * 64 + database);
            let clock = Arc::clone(&ids_clock) as Arc<dyn Clock>;
            Box::new(V7Ids::drawn_from(Box::new(chance), clock, 0)) as Box<dyn Ids + Send>
        };
        let system = SystemParts {
            registry: parts.registry.clone(),
            topology: parts.topology.clone(),
            opened: opened.collect(),
            elsewhere,
            clock: Arc::clone(clock) as Arc<dyn Clock>,
            ids: Box::new(ids),
            outside: outside(parts),
            guards: guards(parts, unit, name),
            config: WorkerConfig::default(),
            door_capacity: DOOR,
        };
        let (system, workers) = system.assemble()?;
        let has_orders = system.home(&order::NAME).is_some();
        let shop = has_orders.then(|| Shop::new(Arc::clone(&system), parts.registry.clone(), &parts.domains));
        let shop = shop.transpose().map_err(|error| StoreError::Retry(error.to_string()))?;
        let seat = |worker| Seat { worker: Arc::new(Mutex::new(worker)), idle_until: None };
        let seats: Vec<Seat> = workers.into_iter().map(seat).collect();
        for seat in &seats {
            parts.races.enter(&life, &seat.worker);
        }
        Ok(Self { life, system, shop, seats, wires })
    }

    /// Carries what other units said. True if something arrived.
    pub(super) fn carry(&self) -> bool {
        self.wires.iter().filter(|wire| wire.carry()).count() > 0
    }

    /// Looks for what other instances of its unit have committed.
    pub(super) fn refresh(&self) {
        for handle in self.system.databases() {
            // What cannot be read now is looked for again.
            let _ = handle.tail.refresh();
        }
    }

    /// One step of the worker in `seat`. True if it worked.
    pub(super) fn step(&mut self, seat: usize, now: Duration) -> bool {
        let Some(Seat { worker, idle_until }) = self.seats.get_mut(seat) else { return false };
        // One that is in the middle of its step, while another works in between, is left alone.
        let Some(mut worker) = worker.try_lock() else { return false };
        match worker.step() {
            Stepped::Worked => {
                *idle_until = None;
                true
            }
            Stepped::Idle(wait) => {
                *idle_until = wait.map(|wait| now + wait);
                false
            }
        }
    }

    /// When somebody here next has something to do by themselves.
    pub(super) fn wakes_at(&self) -> Option<Duration> {
        self.seats
            .iter()
            .filter_map(|seat| seat.idle_until)
            .chain(self.wires.iter().filter_map(|wire| wire.arrives_at()))
            .min()
    }
}

/// The locks of a unit's databases, as the instance called `name` sees them.
fn guards(parts: &Parts, unit: &str, name: &str) -> BTreeMap<String, Arc<dyn Guard>> {
    let disks = parts.disks.iter().filter(|disk| disk.unit() == unit);
    let guards = parts.locks.iter().flat_map(|locks| disks.clone().map(move |disk| (disk.name(), locks)));
    guards.map(|(disk, locks)| (disk.to_owned(), locks.guard(disk, name))).collect()
}

/// A database of another unit, as `unit` reaches it.
fn reach(parts: &Parts, disk: &Arc<Disk>, unit: &str, wires: &mut Vec<Arc<Wire>>) -> Elsewhere {
    let lanes = parts.lanes;
    let laid = Wire::lay(&parts.stage, disk, unit, lanes);
    wires.extend(laid.iter().cloned());
    let feeds = laid.into_iter().map(|wire| wire as Arc<dyn Feed>).collect();
    let reader: Arc<dyn Reader> = Arc::new(Remote::new(&parts.stage, disk, unit));
    Elsewhere { database: disk.database().clone(), reader, feeds, kept_for: BTreeMap::new(), neighbour: None }
}

/// The number of lanes of every log in the run of `seed`.
pub(super) fn lanes(seed: u64) -> u32 {
    u32::try_from(Dice::new(seed, Purpose::Climate).between(1, 3)).unwrap_or(1)
}
