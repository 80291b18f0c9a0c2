//! A system whose units are processes of their own: which of them this process serves, and how it reaches the others.

use crate::config::Config;
use crate::folder::Folder;
use anyhow::{Context, bail};
use kernel::DomainName;
use kernel::topology::{Database, Topology};
use runtime::Feed;
use runtime::ports::clock::Clock;
use runtime::ports::store::Reader;
use runtime::system::Elsewhere;
use std::collections::BTreeMap;
use std::sync::Arc;
use units::{HttpFeed, Operator, Peer, RemoteReader, ServiceKey, Switchboard};

/// The name of the front of a system, which is a unit without domains.
pub const GATEWAY: &str = "gateway";

/// Some units of a system, and the way to the others.
pub struct Spread {
    /// The units of this process.
    pub serves: Vec<String>,
    board: Arc<Switchboard>,
    peers: BTreeMap<String, Arc<Peer>>,
}

impl Spread {
    /// `units` of `topology` here, and the others where the configuration says.
    ///
    /// # Errors
    /// If a unit is unknown, or it is not said where another one is.
    pub fn new(
        config: &Config,
        folder: &Folder,
        topology: &Topology,
        units: &[String],
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        check(topology, units)?;
        let board = Switchboard::new(&units.join("+"), service_key(config, folder)?, clock)?;
        let others = topology.units.iter().filter(|unit| !units.contains(&unit.name));
        let peer = |unit: &kernel::topology::Unit| {
            let address = address(config, &unit.name)?;
            Ok((unit.name.clone(), board.peer(&unit.name, address)))
        };
        let peers = others.map(peer).collect::<anyhow::Result<_>>()?;
        Ok(Self { serves: units.to_vec(), board, peers })
    }

    /// Whether `database` is one of this process.
    #[must_use]
    pub fn has(&self, database: &Database) -> bool {
        self.serves.contains(&database.unit)
    }

    /// The databases of the other units.
    #[must_use]
    pub fn elsewhere(&self, topology: &Topology) -> Vec<Elsewhere> {
        let reach = |database: Database| {
            let peer = self.peers.get(&database.unit)?;
            let reader: Arc<dyn Reader> = Arc::new(RemoteReader::new(Arc::clone(peer), &database.name));
            let feed: Arc<dyn Feed> = HttpFeed::new(peer, &database.name);
            let neighbour = Arc::new(Operator::new(Arc::clone(peer)));
            let (feeds, kept_for) = (vec![feed], BTreeMap::new());
            Some(Elsewhere { database, reader, feeds, kept_for, neighbour: Some(neighbour) })
        };
        topology.databases().into_iter().filter_map(reach).collect()
    }

    /// Ends all calls to other units.
    pub fn close(&self) {
        self.board.close();
    }
}

/// Which domains `units` of `topology` run; all, where none is named.
#[must_use]
pub fn domains_of(topology: &Topology, units: &[String]) -> Vec<DomainName> {
    let here = topology.units.iter().filter(|unit| units.is_empty() || units.contains(&unit.name));
    here.flat_map(|unit| unit.domains.clone()).collect()
}

/// Whether `topology` has all of `units`.
///
/// # Errors
/// The first one that it has not.
pub fn check(topology: &Topology, units: &[String]) -> anyhow::Result<()> {
    let names: Vec<&str> = topology.units.iter().map(|unit| unit.name.as_str()).collect();
    match units.iter().find(|unit| !names.contains(&unit.as_str())) {
        Some(unknown) => {
            bail!("--unit {unknown}: topology {} has the units {}", topology.name, names.join(", "))
        }
        None => Ok(()),
    }
}

/// Where `unit` is.
///
/// # Errors
/// If the configuration does not say.
pub fn address<'c>(config: &'c Config, unit: &str) -> anyhow::Result<&'c str> {
    let address = config.file.units.get(unit);
    address.map(String::as_str).with_context(|| {
        format!("units.{unit}: it is not said where this unit is; give its address (http://host:port)")
    })
}

/// The key that all units share: configured, or kept in the data folder that they share.
///
/// # Errors
/// If it cannot be read or made.
pub fn service_key(config: &Config, folder: &Folder) -> anyhow::Result<ServiceKey> {
    let key = match &config.file.service_key {
        Some(key) => key.0.clone().into_bytes(),
        None => folder.secret("service.key")?,
    };
    ServiceKey::new(&key).context("service_key")
}

/// The key that access tokens are signed with.
///
/// # Errors
/// If it cannot be read or made.
pub fn signing_key(config: &Config, folder: &Folder) -> anyhow::Result<Vec<u8>> {
    match &config.file.signing_key {
        Some(key) => Ok(key.0.clone().into_bytes()),
        None => folder.secret("signing.key"),
    }
}
