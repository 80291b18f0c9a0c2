//! `jumun audit`, and the audit that other commands end with.

use super::{Ended, SystemArgs, say};
use anyhow::{Context, bail};
use audit::{Audit, Book, Report, Source};
use clap::Args;
use jumun::{Config, databases, topologies};
use pg::Ledger;
use pg::simulator::LEDGER_FILE;
use runtime::adapters::SystemClock;
use runtime::ports::clock::Clock;
use shop::{Domains, Shop};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Check that everything the books say adds up, beside a running server or without one
///
/// Compares balances with ledgers, every final order with every participant, payments with the PG's own ledger, best sellers
/// and views with orders. Each discrepancy is printed with its database, table, key, what was expected and what was found.
/// Open and resolved dead letters are listed; they are no discrepancies. Nothing is written.
///
/// Exit code 1 if there is any discrepancy.
#[derive(Debug, Args)]
pub(crate) struct AuditCommand {
    #[command(flatten)]
    system: SystemArgs,
    /// The folder of a PG simulator that runs alone; the built-in one keeps its ledger in the data folder
    #[arg(long, value_name = "DIR")]
    pg_data: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

impl AuditCommand {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        let config = self.system.load(None, None, None)?;
        let report = of_folder(&config, self.pg_data.as_deref())?;
        if self.json {
            say(serde_json::to_string_pretty(&report)?)?;
        } else {
            say(&report)?;
        }
        Ok(Ended::of(report.is_clean()))
    }
}

/// Audits the data folder of `config`, whoever serves it. The PG's ledger is in `pg_data`, or in the data folder.
///
/// # Errors
/// If there is no such folder, or something in it cannot be read.
pub(crate) fn of_folder(config: &Config, pg_data: Option<&Path>) -> anyhow::Result<Report> {
    let data = &config.file.data;
    must_exist(data)?;
    let text = topologies::text(&config.file.topology).map_err(anyhow::Error::msg)?;
    let (topology, registry) = Domains::new(config.policies.clone())
        .place(&text)
        .with_context(|| format!("topology {}", config.file.topology))?;
    let sources = databases::open_readonly(&config.storage(), &topology, &registry)
        .with_context(|| format!("the data folder {} under topology {}", data.display(), topology.name))?
        .into_iter()
        .map(|(database, reader)| Source { database, reader })
        .collect();
    let audit = Audit {
        topology: &topology,
        registry: &registry,
        sources,
        now: SystemClock::default().now(),
        settling: config.policies.payment.settling,
        page: audit::PAGE,
    };
    against_book(&audit, pg_data, data)
}

/// Audits a shop of this process; the embedded PG's ledger is in `data`.
///
/// # Errors
/// If something cannot be read.
pub(crate) fn of_shop(shop: &Shop, settling: Duration, data: &Path) -> anyhow::Result<Report> {
    let source = |handle: &runtime::system::Handle| Source {
        database: handle.database.clone(),
        reader: handle.reader.clone(),
    };
    let audit = Audit {
        topology: shop.topology(),
        registry: shop.registry(),
        sources: shop.system().databases().iter().map(source).collect(),
        now: shop.system().clock().now(),
        settling,
        page: audit::PAGE,
    };
    against_book(&audit, None, data)
}

/// A data folder that was never made is a slip of the pen, not an empty shop.
///
/// # Errors
/// If it is not there.
pub(crate) fn must_exist(data: &Path) -> anyhow::Result<()> {
    if !data.is_dir() {
        bail!(
            "there is no data folder {}; name the one that the server was given with --data",
            data.display()
        );
    }
    Ok(())
}

fn against_book(audit: &Audit<'_>, pg_data: Option<&Path>, data: &Path) -> anyhow::Result<Report> {
    let file = pg_data.unwrap_or(data).join(LEDGER_FILE);
    if pg_data.is_none() && !file.is_file() {
        return Ok(audit.run(None)?);
    }
    let ledger = Ledger::open_readonly(&file)?;
    // Read only once the audit asks, after its own snapshots: the book must be the newer one.
    let mut book = std::iter::once_with(|| ledger.charges()).flat_map(|charges| {
        let (charges, error) = match charges {
            Ok(charges) => (Some(charges), None),
            Err(error) => (None, Some(Err(error))),
        };
        charges.into_iter().flatten().chain(error).map(|charge| charge.map_err(|error| error.to_string()))
    });
    let book: &mut Book<'_> = &mut book;
    Ok(audit.run(Some(book))?)
}
