//! `jumun serve`.

use super::{Ended, KafkaArgs, SystemArgs, block_on};
use anyhow::bail;
use clap::Args;
use jumun::config::Flags;
use jumun::spread::GATEWAY;
use jumun::{Config, Front, Server};
use shop::Domains;
use std::net::SocketAddr;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    system: SystemArgs,
    /// Serve only this unit of the topology, or `gateway`, the front of them all; give it again for more. Where the others are is said
    /// by the configuration (`[units]`) [default: all units in this process, without a gateway]
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
    #[command(flatten)]
    kafka: KafkaArgs,
    /// Believe this database's present state although others have read further in its log (it was restored from a backup)
    #[arg(long = "new-epoch", value_name = "DATABASE")]
    new_epochs: Vec<String>,
    /// End when standard input does: who started this process has ended
    #[arg(long, hide = true)]
    with_parent: bool,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        let (listen, admin_listen, rate_limit) = (self.listen, self.admin_listen, self.rate_limit);
        let flags = Flags { listen, admin_listen, rate_limit, kafka: self.kafka.flag(), ..Flags::default() };
        let config = self.system.load_with(flags)?;
        jumun::databases::start_epochs(&config, &self.new_epochs)?;
        let (units, with_parent) = (self.units, self.with_parent);
        block_on(async move {
            let domains = Domains::new(config.policies.clone());
            let mut farewell = Farewell::listen()?;
            if with_parent {
                farewell.hear_parent()?;
            }
            if units.iter().any(|unit| unit == GATEWAY) {
                if units.len() > 1 {
                    bail!(
                        "--unit {GATEWAY}: the gateway is a process of its own; name no other unit beside it"
                    );
                }
                let front = Front::start(&config, &domains).await?;
                println!(
                    "jumun serves the gateway of {} on http://{}",
                    config.file.topology,
                    front.address()
                );
                say_ready(with_parent);
                farewell.heard().await;
                front.stop().await;
                return Ok(Ended::Well);
            }
            let server = Server::start_units(&config, domains, &units).await?;
            announce(&config, &server);
            say_ready(with_parent);
            farewell.heard().await;
            eprintln!("stopping: open requests end, what waits is decided");
            server.stop().await;
            Ok(Ended::Well)
        })
    }
}

/// The last word of a start, for a parent that reads it.
pub(super) const READY: &str = "ready";

pub(super) fn say_ready(with_parent: bool) {
    if with_parent {
        println!("{READY}");
    }
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
    if let Some(kafka) = &config.kafka {
        println!("  Kafka          {} (topics {}, …)", kafka.bootstrap, kafka.topic("order"));
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
    /// Ends with the process that started this one, where it was asked to.
    parent: Option<oneshot::Receiver<()>>,
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
            parent: None,
        })
    }

    /// From now on the end of standard input is the word to stop, too: it ends with the process that holds its other end, however that
    /// ends.
    ///
    /// # Errors
    /// If no thread can be made for it.
    pub(super) fn hear_parent(&mut self) -> anyhow::Result<()> {
        let (sender, receiver) = oneshot::channel();
        std::thread::Builder::new().name("parent".to_owned()).spawn(move || {
            // An error says the same as the end.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            let _ = sender.send(());
        })?;
        self.parent = Some(receiver);
        Ok(())
    }

    /// Waits until it is said.
    pub(super) async fn heard(&mut self) {
        let Self { terminate, interrupt, hang_up, parent } = self;
        let orphaned = async {
            match parent {
                // The sender is dropped only after it was used.
                Some(parent) => drop(parent.await),
                None => std::future::pending::<()>().await,
            }
        };
        tokio::select! {
            () = orphaned => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}
