//! The work that `bench` and `compare` put on a system: the same flags for both, and as words for a process of its own.

use anyhow::bail;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use load::workload::FailAt;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::str::FromStr;

/// Which orders, how many, how fast, through which door.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(super) struct WorkArgs {
    /// A TOML configuration file; JUMUN_… environment variables and flags come before it
    #[arg(long, value_name = "FILE", env = "JUMUN_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Keep the databases on this PostgreSQL server: postgres://user@host:5432/shop. Without --data they get names of their own, and are
    /// removed afterwards. With a password rather set JUMUN_DATABASE [default: SQLite files]
    #[arg(long, value_name = "URL")]
    pub(super) database: Option<String>,
    /// ISO 4217 code of every amount [default: as configured, else KRW; with --input GBP]
    #[arg(long, value_name = "CODE")]
    pub(super) currency: Option<String>,
    /// Drive the shop's own door in this process, without HTTP
    #[arg(long)]
    pub(super) direct: bool,
    /// Orders that count [default: 20000; with --input as many as it holds]
    #[arg(long, value_name = "N")]
    pub(super) orders: Option<NonZeroU64>,
    /// Orders before them that do not count
    #[arg(long, value_name = "N", default_value = "1000")]
    pub(super) warm_up: u64,
    /// Orders a second (open loop)
    #[arg(long, value_name = "N")]
    pub(super) rate: Option<NonZeroU64>,
    /// Orders under way: always so many (closed loop), or at most (open loop) [default: 64; with --rate 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=8_000))]
    pub(super) clients: Option<u64>,
    /// The most messages in one batch of a database [default: as configured, else 250]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub(super) batch_cap: Option<usize>,
    /// What the orders are made from
    #[arg(long, value_name = "N", default_value = "1")]
    pub(super) seed: u64,
    /// Users who order [default: 1000; of a server at an address 100, for each costs it two password hashes]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000), conflicts_with = "input")]
    pub(super) users: Option<usize>,
    /// Products that they order, all as likely [default: 1000]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000), conflicts_with = "input")]
    pub(super) products: Option<usize>,
    /// Every order wants the one same product
    #[arg(long, conflicts_with = "input")]
    pub(super) hot_sku: bool,
    /// Percent of orders that pay by card; the others pay with points
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(super) card: u8,
    /// Percent of orders that use a coupon besides
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(super) coupon: u8,
    /// Percent of orders that are to fail at a step: stock, coupon, point or payment; may be given once for each
    #[arg(long, value_name = "STEP=PERCENT")]
    pub(super) fail: Vec<Fail>,
    /// Orders of a shop's own history instead of made-up ones: a CSV as `jumun replay` reads it, each product at its first
    /// price, cancels left out
    #[arg(long, value_name = "FILE.csv")]
    pub(super) input: Option<PathBuf>,
}

/// A step and the share of orders that are to fail at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fail {
    pub(super) step: FailAt,
    pub(super) percent: u8,
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

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.step, self.percent)
    }
}

impl WorkArgs {
    /// Percent of orders that are to fail, by step.
    ///
    /// # Errors
    /// If a step is named twice, or they are more than all orders.
    pub(super) fn shares(&self) -> anyhow::Result<BTreeMap<FailAt, u8>> {
        let mut shares = BTreeMap::new();
        for Fail { step, percent } in &self.fail {
            if shares.insert(*step, *percent).is_some() {
                bail!("--fail {step}: given twice");
            }
        }
        let together: u32 = shares.values().map(|percent| u32::from(*percent)).sum();
        if together > 100 {
            bail!("--fail: {together} % of orders cannot fail");
        }
        Ok(shares)
    }

    /// The flags that say the same.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let Self {
            config,
            // It may hold a password: whoever starts the process hands it over otherwise.
            database: _,
            currency,
            direct,
            orders,
            warm_up,
            rate,
            clients,
            batch_cap,
            seed,
            users,
            products,
            hot_sku,
            card,
            coupon,
            fail,
            input,
        } = self;
        let text = |value: &dyn fmt::Display| Some(OsString::from(value.to_string()));
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.clone().into_os_string());
        let mut flags = vec![
            ("--config", path(config)),
            ("--currency", currency.as_ref().and_then(|value| text(value))),
            ("--orders", orders.and_then(|value| text(&value))),
            ("--warm-up", text(warm_up)),
            ("--rate", rate.and_then(|value| text(&value))),
            ("--clients", clients.and_then(|value| text(&value))),
            ("--batch-cap", batch_cap.and_then(|value| text(&value))),
            ("--seed", text(seed)),
            ("--users", users.and_then(|value| text(&value))),
            ("--products", products.and_then(|value| text(&value))),
            ("--card", text(card)),
            ("--coupon", text(coupon)),
            ("--input", path(input)),
        ];
        flags.extend(fail.iter().map(|fail| ("--fail", text(fail))));
        let valued = flags.into_iter().filter_map(|(flag, value)| Some([OsString::from(flag), value?]));
        let bare = [("--direct", *direct), ("--hot-sku", *hot_sku)];
        let bare = bare.into_iter().filter(|(_, given)| *given).map(|(flag, _)| OsString::from(flag));
        valued.flatten().chain(bare).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        work: WorkArgs,
    }

    fn check(line: &str) {
        let read = |words: &mut dyn Iterator<Item = OsString>| {
            let words = std::iter::once(OsString::from("x")).chain(words);
            Line::try_parse_from(words).unwrap().work
        };
        let work = read(&mut line.split_whitespace().map(OsString::from));
        assert_eq!(read(&mut work.arguments().into_iter()), work);
    }

    #[test]
    fn a_process_of_its_own_is_given_the_same_work() {
        check("");
        check(
            "--config c.toml --currency GBP --direct --orders 7 --warm-up 3 --rate 50 --clients 9 --batch-cap 20 --seed 5 \
             --users 4 --products 2 --hot-sku --card 30 --coupon 20 --fail stock=5 --fail payment=1",
        );
        check("--input shop.csv --clients 8");
    }
}
