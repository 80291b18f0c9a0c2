//! `jumun replay`: a shop's order history, driven through the saga.
//!
//! Reading order: `schedule` (what waits for what) → `front` (what is asked of a shop) → `direct` and `remote` (whom) → `drive`
//! → `account` (what it came to).

mod account;
mod direct;
mod drive;
mod front;
mod remote;
mod schedule;

use super::client::Credentials;
use super::{Ended, SystemArgs, audit, block_on, say, stopped};
use account::Account;
use anyhow::Context;
use clap::Args;
use direct::Direct;
use drive::drive;
use front::{Front, Outcome, Sold};
use history::{History, OddReason};
use indicatif::{ProgressBar, ProgressStyle};
use jumun::Config;
use remote::Remote;
use runtime::adapters::SystemClock;
use runtime::ports::clock::Clock;
use std::fs::File;
use std::io::BufReader;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Replay a shop's order history (a CSV) through the saga, then audit
///
/// FILE is a CSV with UCI Online Retail's columns: InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice,
/// CustomerID (either edition's names, in any order). One order per invoice and customer, paid by card; rows without a customer
/// belong to one guest; every product opens with the stock that the file needs; prices change as the file changes them; a
/// cancelling invoice (C…) takes back an order if it matches exactly one whole earlier order. Every row is accounted for:
/// what is in no order and no cancel is printed with its line and reason. Sales are dated by the run.
///
/// Without --url the system is started in this process, in a throwaway folder unless --data names one.
///
/// Exit code 1 if an order did not end as the file says, best sellers disagree with the file, or the audit finds
/// anything; odd rows do not change it. A file that is no such CSV: 2, with the line.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The history
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// ISO 4217 code of the file's prices and of every amount [default: as configured, else GBP]
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// The topology: a shipped one by name (see `jumun topology list`), or a file [default: seven-services]
    #[arg(long, value_name = "NAME|FILE")]
    topology: Option<String>,
    /// Keep the data in this folder, or replay onto what is there [default: a throwaway folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Keep the databases on this PostgreSQL server: postgres://user@host:5432/shop. Without --data they get names of their own, and are
    /// removed afterwards. With a password rather set JUMUN_DATABASE [default: SQLite files]
    #[arg(long, value_name = "URL", conflicts_with = "url")]
    database: Option<String>,
    /// A TOML configuration file; JUMUN_… environment variables and flags come before it
    #[arg(long, value_name = "FILE", env = "JUMUN_CONFIG")]
    config: Option<PathBuf>,
    /// Replay over HTTP onto a running server, such as http://127.0.0.1:8080, as its administrator: JUMUN_ADMIN_EMAIL and
    /// JUMUN_ADMIN_PASSWORD. Serve it with --rate-limit off, or this waits for its limits. With --data, too, that folder is
    /// audited at the end
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// How many items of work are under way at a time
    #[arg(long, value_name = "N", default_value = "64")]
    in_flight: NonZeroUsize,
}

/// The currency of the data set that these columns come from.
pub(super) const FILES_CURRENCY: &str = "GBP";

/// What came of the work, for the account.
struct Driven {
    outcomes: Vec<Option<Outcome>>,
    before: Sold,
    after: Sold,
    took: Duration,
}

impl Replay {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        let config = self.load()?;
        let history = Arc::new(self.read(&config)?);
        let run = Uuid::from_u128(rand::random());
        match &self.url {
            Some(url) => block_on(self.over_http(url, &config, &history, run)),
            None => match &self.data {
                Some(_) => block_on(self.in_process(&config, &history, run)),
                None => {
                    let folder = tempfile::Builder::new().prefix("jumun-replay-").tempdir()?;
                    let mut config = config;
                    folder.path().clone_into(&mut config.file.data);
                    let ended = stopped::with_throwaway_databases(config, |config| {
                        block_on(self.in_process(config, &history, run))
                    });
                    folder.close()?;
                    ended
                }
            },
        }
    }

    fn load(&self) -> anyhow::Result<Config> {
        let currency = match &self.currency {
            Some(currency) => Some(currency.clone()),
            None if currency_is_configured(self.config.as_deref()) => None,
            None => Some(FILES_CURRENCY.to_owned()),
        };
        let system = SystemArgs {
            topology: self.topology.clone(),
            data: self.data.clone(),
            database: self.database.clone(),
            config: self.config.clone(),
            currency,
        };
        system.load(None, None, None)
    }

    /// Reads the whole file before anything is started.
    fn read(&self, config: &Config) -> anyhow::Result<History> {
        let shown = self.file.display();
        let file = File::open(&self.file).with_context(|| format!("{shown}"))?;
        let history =
            history::read(BufReader::new(file), config.currency).with_context(|| format!("{shown}"))?;
        let decimals = |odd: &history::OddRow| odd.reason == OddReason::TooManyDecimals;
        if history.orders() == 0 && history.odd.iter().any(decimals) {
            eprintln!("{shown}: no row can be ordered in {}; give the file's --currency", config.currency);
        }
        Ok(history)
    }

    async fn in_process(&self, config: &Config, history: &Arc<History>, run: Uuid) -> anyhow::Result<Ended> {
        let server = stopped::start_here(config).await?;
        if let Some((email, password)) = server
            .first_admin()
            .filter(|_| self.data.is_some())
            .and_then(|admin| admin.made_up.as_ref().map(|password| (&admin.email, password)))
        {
            say(format_args!("administrator {email} with password {password} (shown this once)"))?;
        }
        let shop = Arc::clone(server.shop());
        let driven = async {
            let front = Direct::open(Arc::clone(&shop), history, run).await?;
            let driven = self.replay(front, history).await?;
            // Followers may still be on their way: the audit is to find everything in its place.
            for follower in ["ranking", "read-model", "data-platform"] {
                shop.caught_up(follower).await?;
            }
            let (settling, data) = (config.policies.payment.settling, config.file.data.clone());
            let audited = Arc::clone(&shop);
            let report =
                tokio::task::spawn_blocking(move || audit::of_shop(&audited, settling, &data)).await??;
            anyhow::Ok((driven, report))
        };
        let driven = driven.await;
        server.stop().await;
        let (driven, report) = driven?;
        let account = driven.account(history, config)?;
        say(format_args!("{account}\n{report}"))?;
        Ok(Ended::of(account.holds() && report.is_clean()))
    }

    async fn over_http(
        &self,
        url: &str,
        config: &Config,
        history: &Arc<History>,
        run: Uuid,
    ) -> anyhow::Result<Ended> {
        let admin = Credentials::of_admin(config)?;
        let front = Remote::open(url, admin, history, config.currency, run).await?;
        let driven = self.replay(front, history).await?;
        let account = driven.account(history, config)?;
        say(&account)?;
        if self.data.is_none() {
            say(format_args!(
                "audit: not done here; run `jumun audit` where the server's data folder is, or give it with --data"
            ))?;
            return Ok(Ended::of(account.holds()));
        }
        let report = audit::of_folder(config, None)?;
        say(&report)?;
        Ok(Ended::of(account.holds() && report.is_clean()))
    }

    /// Does the work on a shop that is filled for it.
    async fn replay(&self, front: impl Front, history: &Arc<History>) -> anyhow::Result<Driven> {
        let (front, clock) = (Arc::new(front), SystemClock::default());
        let before = front.sold().await?;
        let began = clock.elapsed();
        let progress = progress(history.work.len());
        let outcomes = drive(&front, history, self.in_flight.get(), &progress).await?;
        let took = clock.elapsed().saturating_sub(began);
        progress.finish_and_clear();
        let after = front.sold().await?;
        Ok(Driven { outcomes, before, after, took })
    }
}

impl Driven {
    fn account<'a>(&self, history: &'a History, config: &Config) -> anyhow::Result<Account<'a>> {
        let sold = (&self.before, &self.after);
        Account::of(history, &self.outcomes, sold, (config.currency, self.took))
    }
}

/// On stderr, and only where somebody looks.
fn progress(items: usize) -> ProgressBar {
    let bar = ProgressBar::new(items as u64);
    // A template that does not parse would leave the default one: no reason to stop.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta}") {
        bar.set_style(style);
    }
    bar
}

/// Whether environment or file say a currency. What is wrong with the file is said when it is read.
pub(super) fn currency_is_configured(file: Option<&Path>) -> bool {
    let in_file = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        toml::from_str::<toml::Table>(&text).is_ok_and(|table| table.contains_key("currency"))
    };
    std::env::var_os("JUMUN_CURRENCY").is_some() || file.is_some_and(in_file)
}
