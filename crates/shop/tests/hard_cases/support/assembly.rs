//! Putting a world together, at its first start and after every crash.

use super::tape::{Ear, Overheard};
use super::{Disk, Pg, Platform, Tape};
use jumun_shop::{Domains, Shop};
use kernel::DomainName;
use kernel::ids::{CountingIds, Ids};
use kernel::topology::Topology;
use runtime::Feed;
use runtime::ports::clock::Clock;
use runtime::ports::guard::Guard;
use runtime::ports::outside::Outside;
use runtime::ports::store::StoreError;
use runtime::system::Opened;
use runtime::{Registry, SystemParts, Worker, WorkerConfig};
use scripted::clock::VirtualClock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is put together at every start.
pub(super) struct Assembly<'a> {
    pub(super) topology: &'a Topology,
    pub(super) registry: &'a Registry,
    pub(super) domains: &'a Domains,
    pub(super) config: WorkerConfig,
    pub(super) guards: &'a BTreeMap<String, Arc<dyn Guard>>,
    pub(super) disks: &'a BTreeMap<String, Disk>,
    pub(super) clock: &'a Arc<VirtualClock>,
    pub(super) pg: &'a Arc<Pg>,
    pub(super) platform: &'a Arc<Platform>,
    pub(super) ids_from: &'a Arc<AtomicU64>,
    pub(super) tape: &'a Arc<Tape>,
}

impl Assembly<'_> {
    pub(super) fn assemble(self) -> Result<(Arc<Shop>, Vec<Worker>), StoreError> {
        let opened = self.topology.databases().into_iter().map(|database| {
            let disk = self.disks[&database.name].clone();
            let reader = disk.reader();
            Opened { database, store: Box::new(disk), reader }
        });
        let ids_from = Arc::clone(self.ids_from);
        // Each source of its own millisecond: no id is ever given twice, however often the world restarts.
        let ids = move || {
            let at_ms = 1_700_000_000_000 + ids_from.fetch_add(1, Ordering::Relaxed);
            Box::new(CountingIds::new(at_ms)) as Box<dyn Ids + Send>
        };
        let overheard = |by: DomainName, outside: Arc<dyn Outside>| {
            let outside = Overheard { by: by.clone(), outside, tape: Arc::clone(self.tape) };
            (by, Arc::new(outside) as Arc<dyn Outside>)
        };
        let outside = BTreeMap::from([
            overheard(payment::PAYMENT, Arc::clone(self.pg) as Arc<dyn Outside>),
            overheard(data_platform::NAME, Arc::clone(self.platform) as Arc<dyn Outside>),
        ]);
        let parts = SystemParts {
            registry: self.registry.clone(),
            topology: self.topology.clone(),
            opened: opened.collect(),
            elsewhere: Vec::new(),
            guards: self.guards.clone(),
            clock: Arc::clone(self.clock) as Arc<dyn Clock>,
            ids: Box::new(ids),
            outside,
            config: self.config,
            door_capacity: 20_000,
        };
        let (system, workers) = parts.assemble()?;
        for handle in system.databases() {
            let database = handle.database.name.clone();
            handle.tail.observe(Arc::new(Ear { database, tape: Arc::clone(self.tape) }));
        }
        let shop = Shop::new(system, self.registry.clone(), self.domains).unwrap();
        Ok((shop, workers))
    }
}
