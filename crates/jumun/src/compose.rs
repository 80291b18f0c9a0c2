//! Composition: a topology's databases, the domains placed in them, and the adapters of their outside calls, as one shop.

use crate::aids::{self, Locks};
use crate::databases::{self, Storage};
use crate::kafka::Kafka;
use crate::rebuild;
use crate::spread::Spread;
use kernel::DomainName;
use kernel::ids::Ids;
use kernel::topology::Database;
use runtime::adapters::V7Ids;
use runtime::ports::clock::Clock;
use runtime::ports::guard::Guard;
use runtime::ports::outside::Outside;
use runtime::{SystemParts, Worker, WorkerConfig};
use shop::{Domains, Shop};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a shop is made of.
pub struct Setup<'a> {
    /// The text of the topology file.
    pub topology: &'a str,
    /// The domains: the built-in ones, and what an application adds.
    pub domains: Domains,
    /// Where the databases are.
    pub storage: Storage<'a>,
    /// Who performs which domain's outside calls.
    pub outside: BTreeMap<DomainName, Arc<dyn Outside>>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Where the locks of guarded units are kept, if anywhere.
    pub locks: Option<Locks>,
    /// The units of this process and the way to the others; `None`: all units are here.
    pub spread: Option<&'a Spread>,
    /// What carries words between units, and to readers outside; `None`: units that are elsewhere are asked for them.
    pub kafka: Option<Arc<Kafka>>,
    /// Settings of the loops.
    pub config: WorkerConfig,
}

/// Most commands that wait at one database.
const DOOR_CAPACITY: usize = 20_000;

/// Puts a shop together: [`Shop::start`] runs it on threads; a simulator steps its workers itself.
///
/// # Errors
/// If the topology is wrong, or a database cannot be opened or belongs to another one.
pub fn compose(setup: Setup<'_>) -> anyhow::Result<(Arc<Shop>, Vec<Worker>)> {
    let (topology, registry) = setup.domains.place(setup.topology)?;
    let is_here = |database: &Database| setup.spread.is_none_or(|spread| spread.has(database));
    let mut opened = databases::open_those(&setup.storage, &topology, &registry, is_here)?;
    rebuild::views(&mut opened, &topology)?;
    let clock = Arc::clone(&setup.clock);
    let ids = move || Box::new(V7Ids::new(Arc::clone(&clock), 0)) as Box<dyn Ids + Send>;
    let guards = aids::guards(setup.locks.as_ref(), &topology, &opened, &setup.clock)?;
    let named = guards.iter().map(|(name, guard)| (name.clone(), Arc::clone(guard) as Arc<dyn Guard>));
    let mut elsewhere = setup.spread.map(|spread| spread.elsewhere(&topology)).unwrap_or_default();
    if let Some(kafka) = &setup.kafka {
        kafka.hear(&opened, &mut elsewhere, &registry.routing(&topology), &setup.clock)?;
    }
    let parts = SystemParts {
        registry: registry.clone(),
        topology,
        opened,
        elsewhere,
        guards: named.collect(),
        clock: setup.clock,
        ids: Box::new(ids),
        outside: setup.outside,
        config: setup.config,
        door_capacity: DOOR_CAPACITY,
    };
    let (system, workers) = parts.assemble()?;
    let shop = Shop::new(system, registry, &setup.domains)?;
    for guard in guards.into_values() {
        shop.show_aid(guard);
    }
    if let Some(kafka) = setup.kafka {
        kafka.publish(shop.system(), &setup.storage)?;
        shop.show_aid(kafka);
    }
    Ok((shop, workers))
}
