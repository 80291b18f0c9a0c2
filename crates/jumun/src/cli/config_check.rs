//! `jumun config check`.

use super::{Ended, SystemArgs, say};
use anyhow::Context;
use clap::{Args, Subcommand};
use jumun::Config;
use shop::Domains;
use std::net::SocketAddr;

/// Look at the configuration
#[derive(Debug, Args)]
pub(crate) struct ConfigCommand {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Print what holds after flags, environment, file and defaults, as TOML with secrets hidden, and where it would serve
    ///
    /// Exit code 1 with the setting's name where it is wrong. Nothing is started or written.
    Check(Check),
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    system: SystemArgs,
    /// Where HTTP would listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where /metrics would listen, if --listen is a public address
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<SocketAddr>,
    /// Rate limits: on, off, or requests a minute per client and per user [default: on]
    #[arg(long, value_name = "LIMIT")]
    rate_limit: Option<String>,
}

impl ConfigCommand {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        let Subcommands::Check(check) = self.command;
        match check.look() {
            Ok(shown) => {
                say(&shown)?;
                Ok(Ended::Well)
            }
            Err(fault) => {
                eprintln!("error: {fault:#}");
                Ok(Ended::Wanting)
            }
        }
    }
}

impl Check {
    fn look(&self) -> anyhow::Result<String> {
        let config = self.system.load(self.listen, self.admin_listen, self.rate_limit.clone())?;
        let text = jumun::topologies::text(&config.file.topology)
            .map_err(|error| anyhow::anyhow!("topology: {error}"))?;
        Domains::new(config.policies.clone())
            .place(&text)
            .with_context(|| format!("topology: {}", config.file.topology))?;
        let effective =
            toml::to_string(&config.file).context("the configuration cannot be written as TOML")?;
        Ok(format!("{}\n{effective}", where_it_serves(&config)))
    }
}

/// Comments, so that the output is still a configuration file.
fn where_it_serves(config: &Config) -> String {
    let file = &config.file;
    let mut told = format!("# would serve {} on http://{}", file.topology, file.listen);
    if let Some(admin) = file.admin_listen {
        told += &format!(", /metrics on http://{admin}");
    }
    told += &format!("\n# data in {}", file.data.display());
    if let Some(servers) = &config.servers {
        told += &format!(", databases on {servers}");
    }
    match &file.pg.url {
        Some(url) => told += &format!("\n# payments through the gateway at {url}"),
        None => told += "\n# payments through a PG simulator inside",
    }
    told
}
