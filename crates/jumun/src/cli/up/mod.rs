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
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpSocket;

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
        block_on(async {
            let reserved = reserve(&config, &topology)?;
            let plans = plans(&config, &self.system, &reserved);
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

/// A port that nobody else gets: bound, but not listened at, until a child does that. It stays the unit's when that is started anew.
struct Reserved {
    unit: String,
    at: SocketAddr,
    _held: TcpSocket,
}

impl Reserved {
    fn new(unit: &str, at: SocketAddr) -> anyhow::Result<Self> {
        let reserve = || {
            let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            // Whoever says so, too, may listen where this one only holds the place.
            socket.set_reuseaddr(true)?;
            socket.bind(at)?;
            Ok::<_, std::io::Error>((socket.local_addr()?, socket))
        };
        let (at, held) = reserve().with_context(|| format!("{unit}: cannot listen on {at}"))?;
        Ok(Self { unit: unit.to_owned(), at, _held: held })
    }
}

/// Where each process is to listen: units anywhere on the loopback address, the gateway, which is last, where it is wanted.
fn reserve(config: &Config, topology: &Topology) -> anyhow::Result<Vec<Reserved>> {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let units = topology.units.iter().map(|unit| Reserved::new(&unit.name, anywhere));
    units.chain(std::iter::once_with(|| Reserved::new(GATEWAY, config.file.listen))).collect()
}

/// How each process is started, and what it is told of the others.
fn plans(config: &Config, system: &SystemArgs, reserved: &[Reserved]) -> Vec<Plan> {
    let units = reserved.iter().filter(|reserved| reserved.unit != GATEWAY);
    let ports: BTreeMap<String, SocketAddr> =
        units.map(|reserved| (reserved.unit.clone(), reserved.at)).collect();
    reserved.iter().map(|own| Plan::new(config, system, &own.unit, own.at, &ports)).collect()
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
