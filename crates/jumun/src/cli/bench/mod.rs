//! `jumun bench`: load on a system, and what it does to it.
//!
//! The command line only: orders, doors and measuring are crate `load`.

mod local;
mod remote;
mod show;

use super::replay::currency_is_configured;
use super::{Ended, SystemArgs, block_on, say};
use anyhow::{Context, bail};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use indicatif::{ProgressBar, ProgressStyle};
use jumun::Config;
use load::meter::Stalled;
use load::result::Measured;
use load::run::RunError;
use load::workload::{Baskets, FailAt, Mix};
use load::{Pace, Workload};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::str::FromStr;

/// Load a system with orders, measure answers and settlements, then audit
///
/// Starts a system in this process, in a throwaway folder, fills it with users, products and coupons, and sends it seeded
/// orders: over HTTP through real sockets, or with --direct through the shop's own door. The same seed makes the same orders
/// for every topology. With --rate, orders are due at that rate (open loop) and an order's time runs from when it was due;
/// without it, --clients orders are always under way (closed loop): each client sends its next order when its last one is
/// settled, and times are corrected for the orders that a stall kept it from sending (coordinated omission). Two times are
/// measured: to the answer, and until the order is settled.
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
    /// A TOML configuration file; JUMUN_… environment variables and flags come before it
    #[arg(long, value_name = "FILE", env = "JUMUN_CONFIG")]
    config: Option<PathBuf>,
    /// ISO 4217 code of every amount [default: as configured, else KRW; with --input GBP]
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// Drive the shop's own door in this process, without HTTP
    #[arg(long, conflicts_with = "url")]
    direct: bool,
    /// Drive a running server over HTTP, such as http://127.0.0.1:8080; serve it with --rate-limit off. Its facts cannot be
    /// made stale from here: orders that are to fail at coupon or point are refused where its topology refuses them, most at
    /// the quote. With --data, too, that folder is audited at the end
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The administrator of the server at --url [default: JUMUN_ADMIN_EMAIL]
    #[arg(long, value_name = "EMAIL", requires = "url")]
    admin_email: Option<String>,
    /// Their password; others can see it among the processes, so rather set JUMUN_ADMIN_PASSWORD
    #[arg(long, value_name = "PASSWORD", requires = "url")]
    admin_password: Option<String>,
    /// Orders that count [default: 20000; with --input as many as it holds]
    #[arg(long, value_name = "N")]
    orders: Option<NonZeroU64>,
    /// Orders before them that do not count
    #[arg(long, value_name = "N", default_value = "1000")]
    warm_up: u64,
    /// Orders a second (open loop)
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU64>,
    /// Orders under way: always so many (closed loop), or at most (open loop) [default: 64; with --rate 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=8_000))]
    clients: Option<u64>,
    /// The most messages in one batch of a database [default: as configured, else 250]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000), conflicts_with = "url")]
    batch_cap: Option<usize>,
    /// What the orders are made from
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Users who order [default: 1000; with --url 100, for each costs the server two password hashes]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000), conflicts_with = "input")]
    users: Option<usize>,
    /// Products that they order, all as likely
    #[arg(long, value_name = "N", default_value = "1000", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000), conflicts_with = "input")]
    products: usize,
    /// Every order wants the one same product
    #[arg(long, conflicts_with = "input")]
    hot_sku: bool,
    /// Percent of orders that pay by card; the others pay with points
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = clap::value_parser!(u8).range(0..=100))]
    card: u8,
    /// Percent of orders that use a coupon besides
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = clap::value_parser!(u8).range(0..=100))]
    coupon: u8,
    /// Percent of orders that are to fail at a step: stock, coupon, point or payment; may be given once for each
    #[arg(long, value_name = "STEP=PERCENT")]
    fail: Vec<Fail>,
    /// Orders of a shop's own history instead of made-up ones: a CSV as `jumun replay` reads it, each product at its first
    /// price, cancels left out
    #[arg(long, value_name = "FILE.csv")]
    input: Option<PathBuf>,
    /// Print the result as one JSON document
    #[arg(long)]
    json: bool,
}

/// A step and the share of orders that are to fail at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fail {
    step: FailAt,
    percent: u8,
}

impl FromStr for Fail {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (step, percent) = text.split_once('=').ok_or("it is STEP=PERCENT, such as stock=5")?;
        let in_range = |percent: &u8| (1..=100).contains(percent);
        let percent = percent.parse().ok().filter(in_range);
        let percent = percent.ok_or_else(|| format!("`{text}` has no whole percentage from 1 to 100"))?;
        Ok(Self { step: step.parse()?, percent })
    }
}

/// What a run came to.
struct Ran {
    measured: Measured,
    report: Option<::audit::Report>,
}

impl Bench {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        let config = self.load()?;
        let workload = self.workload(&config)?;
        let ran = match (&self.url, &self.data) {
            (Some(url), _) => block_on(self.over_http(url, &config, &workload)),
            (None, Some(_)) => block_on(self.in_process(&config, &workload)),
            (None, None) => {
                let folder = tempfile::Builder::new().prefix("jumun-bench-").tempdir()?;
                let mut config = config;
                folder.path().clone_into(&mut config.file.data);
                let ran = block_on(self.in_process(&config, &workload));
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
        let currency = match &self.currency {
            Some(currency) => Some(currency.clone()),
            None if self.input.is_none() || currency_is_configured(self.config.as_deref()) => None,
            None => Some(super::replay::FILES_CURRENCY.to_owned()),
        };
        let system = SystemArgs {
            topology: self.topology.clone(),
            data: self.data.clone(),
            config: self.config.clone(),
            currency,
        };
        let mut config = system.load(None, None, None)?;
        if let Some(batch_cap) = self.batch_cap {
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
        let mut fail = BTreeMap::new();
        for Fail { step, percent } in &self.fail {
            if fail.insert(*step, *percent).is_some() {
                bail!("--fail {step}: given twice");
            }
        }
        let together: u32 = fail.values().map(|percent| u32::from(*percent)).sum();
        if together > 100 {
            bail!("--fail: {together} % of orders cannot fail");
        }
        let mix = Mix { card_percent: self.card, coupon_percent: self.coupon, fail };
        let (workload, orders) = match &self.input {
            None => {
                let users = self.users.unwrap_or(if self.url.is_some() { 100 } else { 1_000 });
                (Workload::generated(self.seed, mix, (users, self.products), self.hot_sku), 20_000)
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
                (Workload::of_history(self.seed, mix, baskets), orders)
            }
        };
        Ok(workload.of(self.warm_up, self.orders.map_or(orders, NonZeroU64::get)))
    }

    fn pace(&self) -> Pace {
        let clients = |default| NonZeroU64::new(self.clients.unwrap_or(default)).unwrap_or(NonZeroU64::MIN);
        match self.rate {
            Some(rate) => Pace::Open { rate, clients: clients(1_000) },
            None => Pace::Closed { clients: clients(64) },
        }
    }

    fn tell(&self, Ran { mut measured, report }: Ran) -> anyhow::Result<Ended> {
        measured.input = self.input.as_ref().map(|path| path.display().to_string());
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

/// On stderr, and only where somebody looks.
fn progress(orders: u64) -> ProgressBar {
    let bar = ProgressBar::new(orders);
    // A template that does not parse would leave the default one: no reason to stop.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} orders {per_sec} {eta}") {
        bar.set_style(style);
    }
    bar
}
