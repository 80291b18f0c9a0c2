//! `jumun up`.

mod child;

use super::serve::Farewell;
use super::{Ended, SystemArgs, block_on};
use anyhow::Context;
use child::{Child, Plan};
use clap::Args;
use jumun::Config;
use jumun::spread::GATEWAY;
use kernel::topology::Topology;
use shop::Domains;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

/// Run a topology with a process per unit and a gateway before them, on this machine
///
/// Each unit is a `jumun serve --unit NAME` on a loopback port of its own, with its log in the data folder; one that ends by itself is
/// started again. Ctrl-C ends them all.
#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    system: SystemArgs,
    /// Where the gateway listens [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Rate limits at the gateway: on, off, or requests a minute per client and per user [default: on]
    #[arg(long, value_name = "LIMIT")]
    rate_limit: Option<String>,
}

/// How long a unit that ended by itself is left alone before it is started again.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

impl Up {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        let config = self.system.load(self.listen, None, self.rate_limit)?;
        let text = jumun::topologies::text(&config.file.topology).map_err(anyhow::Error::msg)?;
        let (topology, _) = Domains::new(config.policies.clone())
            .place(&text)
            .with_context(|| format!("topology {}", config.file.topology))?;
        std::fs::create_dir_all(&config.file.data)
            .with_context(|| format!("the data folder {} cannot be made", config.file.data.display()))?;
        let plans = plans(&config, &self.system, &topology)?;
        block_on(async {
            let mut farewell = Farewell::listen()?;
            let mut children = start_all(&plans).await?;
            announce(&config, &children);
            let ended = tokio::select! {
                () = farewell.heard() => Ok(()),
                failed = keep_up(&plans, &mut children) => failed,
            };
            eprintln!("stopping: the gateway, then the units");
            stop_all(children).await;
            ended.map(|()| Ended::Well)
        })
    }
}

/// A process per unit, the gateway last: where each listens, and what it is told of the others.
fn plans(config: &Config, system: &SystemArgs, topology: &Topology) -> anyhow::Result<Vec<Plan>> {
    // Held until all are chosen, so that no two are the same.
    let held: Vec<(String, TcpListener)> = topology
        .units
        .iter()
        .map(|unit| Ok((unit.name.clone(), TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?)))
        .collect::<std::io::Result<_>>()
        .context("no free port on the loopback address")?;
    let ports: BTreeMap<String, SocketAddr> = held
        .iter()
        .map(|(unit, held)| Ok((unit.clone(), held.local_addr()?)))
        .collect::<std::io::Result<_>>()?;
    let gateway = std::iter::once((GATEWAY.to_owned(), config.file.listen));
    let all = ports.iter().map(|(unit, at)| (unit.clone(), *at)).chain(gateway);
    Ok(all.map(|(unit, listen)| Plan::new(config, system, &unit, listen, &ports)).collect())
}

/// Starts all of them at once, and waits until each says where it listens.
async fn start_all(plans: &[Plan]) -> anyhow::Result<Vec<Child>> {
    let mut children = plans.iter().map(Child::start).collect::<anyhow::Result<Vec<_>>>()?;
    for child in &mut children {
        child.listens().await?;
    }
    Ok(children)
}

/// Starts again whoever ends by itself, for ever. One that cannot be started again ends the others, too.
async fn keep_up(plans: &[Plan], children: &mut [Child]) -> anyhow::Result<()> {
    loop {
        let waits = children.iter_mut().map(|child| Box::pin(child.ended()));
        let (status, which, _) = futures::future::select_all(waits).await;
        let plan = &plans[which];
        eprintln!("{} ended by itself ({status}); it is started again", plan.unit());
        tokio::time::sleep(AGAIN_AFTER).await;
        let mut child = Child::start(plan)?;
        child.listens().await?;
        children[which] = child;
    }
}

/// The gateway first, so that nobody asks units that are gone.
async fn stop_all(mut children: Vec<Child>) {
    if let Some(gateway) = children.pop() {
        gateway.stop().await;
    }
    futures::future::join_all(children.into_iter().map(Child::stop)).await;
}

fn announce(config: &Config, children: &[Child]) {
    let gateway = children.last().map(Child::url).unwrap_or_default();
    println!(
        "jumun serves {} on {gateway}, a process per unit (data and logs in {})",
        config.file.topology,
        config.file.data.display()
    );
    for child in children {
        println!("  unit {}  {}  process {}", child.unit(), child.url(), child.id());
    }
    println!("  documentation  {gateway}/docs");
    // What a unit has to tell at its start: the administrator, where the PG simulator is.
    for line in children.iter().flat_map(Child::told) {
        println!("{line}");
    }
}
