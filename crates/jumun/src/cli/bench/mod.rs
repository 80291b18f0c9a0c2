//! `jumun bench`: load on a system, and what it does to it.
//!
//! The command line only: orders, doors and measuring are crate `load`.

mod local;
mod remote;
mod show;

use super::replay::currency_is_configured;
use super::work::WorkArgs;
use super::{Ended, SystemArgs, block_on, say, stopped};
use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jumun::Config;
use load::meter::Stalled;
use load::result::Measured;
use load::run::RunError;
use load::workload::{Baskets, Mix};
use load::{Pace, Workload};
use std::fs::File;
use std::io::BufReader;
use std::num::NonZeroU64;
use std::path::PathBuf;

/// Load a system with orders, measure answers and settlements, then audit
///
/// Starts a system in this process, in a throwaway folder, fills it with users, products and coupons, and sends it seeded
/// orders: over HTTP through real sockets, or with --direct through the shop's own door. The same seed makes the same orders
/// for every topology. With --rate, orders are due at that rate (open loop) and an order's time runs from when it was due;
/// without it, --clients orders are always under way (closed loop): each client sends its next order when its last one is
/// settled, and times are corrected for the orders that a stall kept it from sending (coordinated omission). Two times are
/// measured: to the answer, and until the order is settled.
///
/// Client and server share this machine: over HTTP a good part of it is the client's.
///
/// Growth: `jumun bench --direct --orders 1000000` shows orders/s just after the first 10,000 orders and at the end
/// (runs of 100,000 orders and more), and memory over time.
///
/// Exit code 1 if an order was not taken, or the audit finds anything.
#[derive(Clone, Debug, Args)]
pub(crate) struct Bench {
    /// The topology: a shipped one by name (see `jumun topology list`), or a file [default: seven-services]
    #[arg(long, value_name = "NAME|FILE")]
    topology: Option<String>,
    /// Keep the data in this folder, or load what is there [default: a throwaway folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Drive a running server over HTTP, such as http://127.0.0.1:8080; serve it with --rate-limit off. Its facts cannot be
    /// made stale from here: orders that are to fail at coupon or point are refused where its topology refuses them, most at
    /// the quote. With --data, too, that folder is audited at the end
    #[arg(long, value_name = "URL", conflicts_with_all = ["direct", "batch_cap"])]
    url: Option<String>,
    /// Have the answer to each order wait until it is settled, at most so long, as `Prefer: wait` does: one request an order [default:
    /// its events are read, with a second one]
    #[arg(long, value_name = "SECONDS", requires = "url")]
    wait: Option<u32>,
    /// The administrator of the server at --url [default: JUMUN_ADMIN_EMAIL]
    #[arg(long, value_name = "EMAIL", requires = "url")]
    admin_email: Option<String>,
    /// Their password; others can see it among the processes, so rather set JUMUN_ADMIN_PASSWORD
    #[arg(long, value_name = "PASSWORD", requires = "url")]
    admin_password: Option<String>,
    /// Print the result as one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    work: WorkArgs,
}

/// What a run came to.
struct Ran {
    measured: Measured,
    report: Option<::audit::Report>,
}

impl Bench {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        let config = self.load()?;
        open_files_as_allowed();
        let workload = self.workload(&config)?;
        let ran = match (&self.url, &self.data) {
            (Some(url), _) => block_on(self.over_http(url, &config, &workload)),
            (None, Some(_)) => block_on(self.in_process(&config, &workload)),
            (None, None) => {
                let folder = tempfile::Builder::new().prefix("jumun-bench-").tempdir()?;
                let mut config = config;
                folder.path().clone_into(&mut config.file.data);
                let ran = stopped::with_throwaway_databases(config, |config| {
                    block_on(self.in_process(config, &workload))
                });
                folder.close()?;
                ran
            }
        };
        match ran {
            Ok(ran) => self.tell(ran),
            Err(error) => match error.downcast_ref::<RunError>() {
                Some(RunError::Stalled(Stalled { .. }) | RunError::WarmUp(_)) => {
                    eprintln!("error: {error:#}");
                    Ok(Ended::Wanting)
                }
                Some(RunError::Shop(_) | RunError::Store(_)) | None => Err(error),
            },
        }
    }

    fn load(&self) -> anyhow::Result<Config> {
        let currency = match &self.work.currency {
            Some(currency) => Some(currency.clone()),
            None if self.work.input.is_none() || currency_is_configured(self.work.config.as_deref()) => None,
            None => Some(super::replay::FILES_CURRENCY.to_owned()),
        };
        let system = SystemArgs {
            topology: self.topology.clone(),
            data: self.data.clone(),
            database: self.work.database.clone(),
            config: self.work.config.clone(),
            currency,
        };
        let mut config = system.load(None, None, None)?;
        if let Some(batch_cap) = self.work.batch_cap {
            config.file.batch_cap = batch_cap;
        }
        if self.admin_email.is_some() {
            config.file.admin_email.clone_from(&self.admin_email);
        }
        if let Some(password) = &self.admin_password {
            config.file.admin_password = Some(jumun::config::Secret(password.clone()));
        }
        Ok(config)
    }

    fn workload(&self, config: &Config) -> anyhow::Result<Workload> {
        let mix =
            Mix { card_percent: self.work.card, coupon_percent: self.work.coupon, fail: self.work.shares()? };
        let (workload, orders) = match &self.work.input {
            None => {
                let users = self.work.users.unwrap_or(if self.url.is_some() { 100 } else { 1_000 });
                (
                    Workload::generated(
                        self.work.seed,
                        mix,
                        (users, self.work.products.unwrap_or(1_000)),
                        self.work.hot_sku,
                    ),
                    20_000,
                )
            }
            Some(path) => {
                let shown = path.display();
                let file = File::open(path).with_context(|| format!("--input {shown}"))?;
                let history = history::read(BufReader::new(file), config.currency)
                    .with_context(|| format!("--input {shown}"))?;
                let baskets = Baskets::of(&history).with_context(|| format!("--input {shown}"))?;
                let baskets = baskets
                    .with_context(|| format!("--input {shown}: it holds no order in {}", config.currency))?;
                let orders = baskets.len() as u64;
                (Workload::of_history(self.work.seed, mix, baskets), orders)
            }
        };
        Ok(workload.of(self.work.warm_up, self.work.orders.map_or(orders, NonZeroU64::get)))
    }

    fn pace(&self) -> Pace {
        let clients =
            |default| NonZeroU64::new(self.work.clients.unwrap_or(default)).unwrap_or(NonZeroU64::MIN);
        match self.work.rate {
            Some(rate) => Pace::Open { rate, clients: clients(1_000) },
            None => Pace::Closed { clients: clients(64) },
        }
    }

    fn tell(&self, Ran { mut measured, report }: Ran) -> anyhow::Result<Ended> {
        measured.input = self.work.input.as_ref().map(|path| path.display().to_string());
        measured.audit = report.as_ref().map(|report| load::result::Audited {
            clean: report.is_clean(),
            discrepancies: report.discrepancies.count,
        });
        if self.json {
            say(serde_json::to_string(&measured)?)?;
        } else {
            say(show::Shown(&measured))?;
            match &report {
                Some(report) => say(format_args!("\n{report}"))?,
                None => say(
                    "audit: not done here; run `jumun audit` where the server's data folder is, or give it with --data",
                )?,
            }
        }
        let clean = report.is_none_or(|report| report.is_clean());
        Ok(Ended::of(clean && measured.errors.count == 0))
    }
}

/// Every client is a connection, with both its ends here: as many files may be open as the system lets us. Where it does not
/// tell, or a run needs more, connections fail and say so.
fn open_files_as_allowed() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// On stderr, and only where somebody looks.
fn progress(orders: u64) -> ProgressBar {
    let bar = ProgressBar::new(orders);
    // A template that does not parse would leave the default one: no reason to stop.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} orders {per_sec} {eta}") {
        bar.set_style(style);
    }
    bar
}
