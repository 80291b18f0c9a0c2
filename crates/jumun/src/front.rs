//! The gateway of a system whose units are processes of their own, as a server.

use crate::config::Config;
use crate::folder::Folder;
use crate::server::{DRAIN, listen, serve};
use crate::spread::{self, GATEWAY};
use crate::topologies;
use anyhow::Context;
use gateway::{Gateway, GatewayParts, PATIENCE, Unit};
use http_api::{Draining, Edge};
use kernel::DomainName;
use runtime::adapters::SystemClock;
use runtime::ports::clock::Clock;
use shop::Domains;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running gateway.
pub struct Front {
    address: SocketAddr,
    draining: Draining,
    drain: Duration,
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
    _folder: Folder,
}

impl Front {
    /// Starts the gateway of the system that `config` names.
    ///
    /// # Errors
    /// What cannot be started, and why.
    pub async fn start(config: &Config, domains: &Domains) -> anyhow::Result<Self> {
        let folder = Folder::take_units(&config.file.data, &[GATEWAY.to_owned()], false)?;
        let (listener, address) = listen(config.file.listen).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let text = topologies::text(&config.file.topology).map_err(anyhow::Error::msg)?;
        let (topology, _) =
            domains.place(&text).with_context(|| format!("topology {}", config.file.topology))?;
        let homes = topology
            .units
            .iter()
            .flat_map(|unit| unit.domains.iter().map(|domain| (domain.clone(), unit.name.clone())));
        let homes: BTreeMap<DomainName, String> = homes.collect();
        let units =
            topology.units.iter().map(|unit| Ok(Unit::new(&unit.name, spread::address(config, &unit.name)?)));
        let draining = Draining::default();
        let signing_key = spread::signing_key(config, &folder)?;
        let gateway = Gateway::new(GatewayParts {
            edge: Edge::new(&signing_key, config.rate_limits, Arc::clone(&clock))?,
            units: units.collect::<anyhow::Result<_>>()?,
            homes,
            key: spread::service_key(config, &folder)?,
            clock,
            patience: PATIENCE,
            draining: draining.clone(),
        })?;
        let (closing, closed) = watch::channel(false);
        let task = serve(listener, gateway.app(), closed);
        let drain = Duration::from_secs(config.file.drain_s);
        Ok(Self { address, draining, drain, closing, task, _folder: folder })
    }

    /// Where HTTP listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says that it is not ready, takes no more requests, and lets open ones end.
    pub async fn stop(self) {
        self.draining.begin();
        tokio::time::sleep(self.drain).await;
        self.draining.end();
        // If nobody listens any more, everything has ended already.
        let _ = self.closing.send(true);
        let mut task = self.task;
        if tokio::time::timeout(DRAIN, &mut task).await.is_err() {
            tracing::warn!("open requests did not end in time; they are cut");
            task.abort();
        }
    }
}
