//! `jumun up`.

mod child;

use super::serve::Farewell;
use super::{Ended, KafkaArgs, SystemArgs, block_on};
use anyhow::{Context, bail};
use child::{Child, Plan, SIMULATOR};
use clap::Args;
use jumun::Config;
use jumun::config::Flags;
use jumun::folder::Folder;
use jumun::server::webhook_secret;
use jumun::spread::GATEWAY;
use kernel::time::Backoff;
use kernel::topology::Topology;
use shop::Domains;
use std::collections::BTreeMap;
use std::convert::Infallible;
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
    /// So many processes a unit, which share its databases on PostgreSQL
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    instances: u32,
    #[command(flatten)]
    kafka: KafkaArgs,
    /// Believe this database's present state although others have read further in its log (it was restored from a backup)
    #[arg(long = "new-epoch", value_name = "DATABASE")]
    new_epochs: Vec<String>,
}

/// How long a process that ended by itself is left alone before it is started again, and longer each time that it does not come up.
const AGAIN: Backoff = Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(5) };

impl Up {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        let (listen, rate_limit, kafka) = (self.listen, self.rate_limit, self.kafka.flag());
        let config = self.system.load_with(Flags { listen, rate_limit, kafka, ..Flags::default() })?;
        if self.instances > 1 && config.servers.is_none() {
            bail!(
                "--instances: a SQLite file has one process; with --database they share databases on PostgreSQL"
            );
        }
        let text = jumun::topologies::text(&config.file.topology).map_err(anyhow::Error::msg)?;
        let (topology, _) = Domains::new(config.policies.clone())
            .place(&text)
            .with_context(|| format!("topology {}", config.file.topology))?;
        jumun::databases::start_epochs(&config, &self.new_epochs)?;
        std::fs::create_dir_all(&config.file.data)
            .with_context(|| format!("the data folder {} cannot be made", config.file.data.display()))?;
        block_on(async {
            let plans = Plans::new(&config, &self.system, &topology, self.instances)?;
            let mut farewell = Farewell::listen()?;
            let mut children = start_all(&plans.all).await?;
            announce(&config, &children);
            let ended = tokio::select! {
                () = farewell.heard() => Ended::Well,
                ended = keep_up(&plans.all, &mut children) => match ended {},
            };
            eprintln!("stopping: the gateway, then the units");
            stop_all(children).await;
            Ok(ended)
        })
    }
}

/// A port that nobody else gets: bound, but not listened at, until a child does that. It stays the child's when that is started anew.
struct Reserved {
    at: SocketAddr,
    _held: TcpSocket,
}

impl Reserved {
    fn new(name: &str, at: SocketAddr) -> anyhow::Result<Self> {
        let reserve = || {
            let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            // Whoever says so, too, may listen where this one only holds the place.
            socket.set_reuseaddr(true)?;
            socket.bind(at)?;
            Ok::<_, std::io::Error>((socket.local_addr()?, socket))
        };
        let (at, held) = reserve().with_context(|| format!("{name}: cannot listen on {at}"))?;
        Ok(Self { at, _held: held })
    }
}

/// What is started, in this order, and the ports that are held for it.
struct Plans {
    all: Vec<Plan>,
    _ports: Vec<Reserved>,
}

impl Plans {
    /// The PG simulator, if instances of payment are to share one; every instance of every unit, anywhere on the loopback address; and
    /// the gateway, where it is wanted.
    fn new(
        config: &Config,
        system: &SystemArgs,
        topology: &Topology,
        instances: u32,
    ) -> anyhow::Result<Self> {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut ports = Vec::new();
        let mut hold = |name: &str, at| {
            let held = Reserved::new(name, at)?;
            let at = held.at;
            ports.push(held);
            Ok::<SocketAddr, anyhow::Error>(at)
        };
        let front = hold(GATEWAY, config.file.listen)?;
        let (mut all, mut whereabouts, mut units) = (Vec::new(), BTreeMap::new(), Vec::new());
        if instances > 1 && config.file.pg.url.is_none() {
            let at = hold(SIMULATOR, anywhere)?;
            let folder = Folder::take_units(&config.file.data, &[], true)?;
            all.push(Plan::simulator(config, at, front, webhook_secret(config, &folder)?));
            whereabouts.insert("JUMUN_PG__URL".to_owned(), format!("http://{at}"));
        }
        for unit in &topology.units {
            let mut addresses = Vec::new();
            for number in 1..=instances {
                let name = if number == 1 { unit.name.clone() } else { format!("{}-{number}", unit.name) };
                let at = hold(&name, anywhere)?;
                addresses.push(format!("http://{at}"));
                units.push((unit.name.clone(), name, at));
            }
            whereabouts
                .insert(format!("JUMUN_UNITS__{}", unit.name.to_ascii_uppercase()), addresses.join(","));
        }
        units.push((GATEWAY.to_owned(), GATEWAY.to_owned(), front));
        let unit = |(unit, name, at): &(String, String, SocketAddr)| {
            Plan::unit(config, system, (unit, name), *at, &whereabouts)
        };
        all.extend(units.iter().map(unit));
        Ok(Self { all, _ports: ports })
    }
}

/// Starts all of them at once, and waits until each says where it listens.
async fn start_all(plans: &[Plan]) -> anyhow::Result<Vec<Child>> {
    let mut children = plans.iter().map(Child::start).collect::<anyhow::Result<Vec<_>>>()?;
    for child in &mut children {
        child.listens().await?;
    }
    Ok(children)
}

/// Starts again whoever ends by itself, for ever: what it needs may be away just then, and the others go on without it.
async fn keep_up(plans: &[Plan], children: &mut [Child]) -> Infallible {
    let kept_up = plans.iter().zip(children).map(|(plan, child)| Box::pin(keep_one_up(plan, child)));
    let (never, ..) = futures::future::select_all(kept_up).await;
    never
}

async fn keep_one_up(plan: &Plan, child: &mut Child) -> Infallible {
    loop {
        let status = child.ended().await;
        eprintln!("{} ended by itself ({status}); it is started again", plan.name());
        for failures in 0.. {
            tokio::time::sleep(AGAIN.wait(failures)).await;
            match start_again(plan, child).await {
                Ok(()) => break,
                Err(error) => eprintln!("{error:#}\n{} is started again until it comes up", plan.name()),
            }
        }
    }
}

/// In the place of `child`, whatever is left of that.
async fn start_again(plan: &Plan, child: &mut Child) -> anyhow::Result<()> {
    *child = Child::start(plan)?;
    child.listens().await
}

/// How much earlier than the units the gateway is asked to end: what it has sent on is answered meanwhile, unless it waits for something.
const EARLIER: Duration = Duration::from_secs(1);

/// The gateway first and the PG simulator last, so that nobody asks who is gone. Who waits at the gateway is answered by the units that end.
async fn stop_all(mut children: Vec<Child>) {
    let Some(gateway) = children.pop() else { return };
    let gateway = gateway.stop();
    tokio::pin!(gateway);
    let ended = tokio::time::timeout(EARLIER, &mut gateway).await;
    let simulator = children.iter().position(|child| child.name() == SIMULATOR).map(|at| children.remove(at));
    futures::future::join_all(children.into_iter().map(Child::stop)).await;
    if ended.is_err() {
        gateway.await;
    }
    if let Some(simulator) = simulator {
        simulator.stop().await;
    }
}

fn announce(config: &Config, children: &[Child]) {
    let gateway = children.last().map(Child::url).unwrap_or_default();
    println!(
        "jumun serves {} on {gateway}, a process per unit (data and logs in {})",
        config.file.topology,
        config.file.data.display()
    );
    for child in children.iter().filter(|child| child.name() != SIMULATOR) {
        println!("  unit {}  {}  process {}", child.name(), child.url(), child.id());
    }
    if let Some(kafka) = &config.kafka {
        println!("  Kafka          {} (topics {}, …)", kafka.bootstrap, kafka.topic("order"));
    }
    println!("  documentation  {gateway}/docs");
    // What a unit has to tell at its start: the administrator, where the PG simulator is.
    for line in children.iter().flat_map(Child::told) {
        println!("{line}");
    }
    if let Some(simulator) = children.iter().find(|child| child.name() == SIMULATOR) {
        println!("  PG simulator   {} (cards: tok_ok, tok_decline, …)", simulator.url());
    }
}
