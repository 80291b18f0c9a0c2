//! `jumun serve`.

use super::{Ended, SystemArgs, block_on};
use anyhow::bail;
use clap::Args;
use jumun::{Config, Server};
use shop::Domains;
use std::net::SocketAddr;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    system: SystemArgs,
    /// Serve only this unit; give it again for more. All units must be named: a process per unit is not built yet
    #[arg(long = "unit", value_name = "NAME")]
    units: Vec<String>,
    /// Where HTTP listens [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where /metrics listens, if --listen is a public address
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<SocketAddr>,
    /// Rate limits: on, off, or requests a minute per client and per user [default: on]
    #[arg(long, value_name = "LIMIT")]
    rate_limit: Option<String>,
    /// Believe this database's present state although others have read further in its log (it was restored from a backup)
    #[arg(long = "new-epoch", value_name = "DATABASE")]
    new_epochs: Vec<String>,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        let config = self.system.load(self.listen, self.admin_listen, self.rate_limit)?;
        check_units(&config, &self.units)?;
        jumun::databases::start_epochs(&config, &self.new_epochs)?;
        block_on(async {
            let domains = Domains::new(config.policies.clone());
            let server = Server::start(&config, domains).await?;
            let mut farewell = Farewell::listen()?;
            announce(&config, &server);
            farewell.heard().await;
            eprintln!("stopping: open requests end, what waits is decided");
            server.stop().await;
            Ok(Ended::Well)
        })
    }
}

/// Naming units must name them all, until a process can serve one alone.
fn check_units(config: &Config, wanted: &[String]) -> anyhow::Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let text = jumun::topologies::text(&config.file.topology).map_err(anyhow::Error::msg)?;
    let (topology, _) = Domains::new(config.policies.clone()).place(&text)?;
    let names: Vec<&str> = topology.units.iter().map(|unit| unit.name.as_str()).collect();
    if let Some(unknown) = wanted.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("--unit {unknown}: topology {} has the units {}", topology.name, names.join(", "));
    }
    if let Some(missing) = names.iter().find(|name| !wanted.iter().any(|wanted| wanted == *name)) {
        bail!("--unit: a process per unit is not built yet; name `{missing}` too, or leave --unit out");
    }
    Ok(())
}

fn announce(config: &Config, server: &Server) {
    let address = server.address();
    println!(
        "jumun serves {} on http://{address} (data in {})",
        config.file.topology,
        config.file.data.display()
    );
    if let Some(servers) = &config.servers {
        println!("  databases      {servers}");
    }
    println!("  documentation  http://{address}/docs");
    if let Some(simulator) = server.simulator() {
        println!("  PG simulator   {} (cards: tok_ok, tok_decline, …)", simulator.base_url());
    }
    if let Some(admin) = server.first_admin() {
        match &admin.made_up {
            Some(password) => {
                println!("  administrator  {} with password {password} (shown this once)", admin.email);
            }
            None => println!("  administrator  {}", admin.email),
        }
    }
}

/// The word to stop: a polite kill, Ctrl-C, or the terminal closing.
pub(super) struct Farewell {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Farewell {
    /// Listens from now on. To be called before anybody is told that the server is there: whoever reads that may end it at once,
    /// and is to end it cleanly.
    ///
    /// # Errors
    /// If signals cannot be heard.
    pub(super) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits until it is said.
    pub(super) async fn heard(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
