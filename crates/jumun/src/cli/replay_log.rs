//! `jumun replay-log`: a stopped system's databases hear a log again.

use super::{Ended, KafkaArgs, SystemArgs, say};
use anyhow::{Context, bail, ensure};
use clap::{ArgGroup, Args};
use jumun::config::Flags;
use jumun::folder::Folder;
use jumun::{Config, databases, topologies};
use kernel::Timestamp;
use kernel::topology::Database;
use runtime::ports::store::{Position, Reader};
use runtime::{prune, replay};
use shop::Domains;
use std::str::FromStr;
use std::sync::Arc;

/// Let databases of a stopped system hear another's event log again, from a position or a time on
///
/// The cursors of those who follow the log are set back; at the next start they read it from there. What they decided before they
/// know by their inbox and do not do twice; what never reached them they decide now. This also makes good a Kafka offset that is
/// too far: what the broker does not have is read from the log.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("from").required(true)))]
pub(crate) struct ReplayLog {
    #[command(flatten)]
    system: SystemArgs,
    /// The database whose log it is
    #[arg(long, value_name = "DATABASE")]
    log: String,
    /// Who hears it again [default: every database that follows it]
    #[arg(long, value_name = "DATABASE")]
    consumer: Vec<String>,
    /// The first position to be heard again
    #[arg(long, value_name = "N", group = "from")]
    from_position: Option<u64>,
    /// The time from which on it is to be heard again: RFC 3339, 2026-01-31T09:00:00Z
    #[arg(long, value_name = "TIME", group = "from")]
    from_time: Option<Timestamp>,
    /// The record of the log's Kafka topic from which on it is to be heard again; what came before it in other partitions is heard again,
    /// too, if it was said later
    #[arg(long, value_name = "PARTITION:OFFSET", group = "from")]
    from_offset: Option<At>,
    #[command(flatten)]
    kafka: KafkaArgs,
}

/// A record of a topic.
#[derive(Clone, Copy, Debug)]
struct At {
    partition: i32,
    offset: i64,
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = || {
            let (partition, offset) = text.split_once(':')?;
            let (partition, offset) = (partition.parse().ok()?, offset.parse().ok()?);
            Some(Self { partition, offset }).filter(|at| at.partition >= 0 && at.offset >= 0)
        };
        numbers().ok_or_else(|| "a partition and an offset, like 3:1200".to_owned())
    }
}

/// Page cache of a database whose cursors are set back.
const CACHE_KIB: u32 = 4 * 1024;
const RUNNING: &str = "a log is heard again by a stopped system";

type Opened = Vec<(Database, Arc<dyn Reader>)>;

impl ReplayLog {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        let config = self.system.load_with(Flags { kafka: self.kafka.flag(), ..Flags::default() })?;
        super::audit::must_exist(&config.file.data)?;
        let _folder = Folder::take(&config.file.data).context(RUNNING)?;
        let text = topologies::text(&config.file.topology).map_err(anyhow::Error::msg)?;
        let (topology, registry) = Domains::new(config.policies.clone())
            .place(&text)
            .with_context(|| format!("topology {}", config.file.topology))?;
        let opened = databases::open_readonly(&config.storage(), &topology, &registry)?;
        let known = |name: &String| opened.iter().any(|(database, _)| database.name == *name);
        if let Some(stranger) = [&self.log].into_iter().chain(&self.consumer).find(|name| !known(name)) {
            bail!("topology {} has no database `{stranger}`", topology.name);
        }
        let to = self.to(&config, &opened)?;
        let mut beyond = Vec::new();
        for (database, reader) in opened.iter().filter(|(database, _)| self.names(database)) {
            let cursors = replay::beyond(reader.as_ref(), &self.log, to)?;
            if !cursors.is_empty() {
                replay::check(self.source(&opened)?, reader.as_ref(), to)
                    .with_context(|| format!("{} cannot hear {} again", database.name, self.log))?;
                beyond.push((database, cursors));
            }
        }
        if beyond.is_empty() {
            say(format_args!("nobody has heard {} beyond position {}: nothing is set back", self.log, to.0))?;
        }
        // Only once all of them can.
        for (database, cursors) in beyond {
            let (mut store, _) = databases::open_store(&config.storage(), &registry, database, CACHE_KIB)
                .with_context(|| format!("database {}", database.name))?;
            replay::rewind(store.as_mut(), &cursors, to)?;
            let furthest = cursors.iter().map(|beyond| beyond.at).max().unwrap_or(to);
            let lanes =
                if cursors.len() > 1 { format!(" ({} cursors)", cursors.len()) } else { String::new() };
            say(format_args!(
                "{} hears {} again: {} → {}{lanes}",
                database.name, self.log, furthest.0, to.0
            ))?;
        }
        Ok(Ended::Well)
    }

    /// Whether `database` is to hear it again.
    fn names(&self, database: &Database) -> bool {
        self.consumer.is_empty() || self.consumer.contains(&database.name)
    }

    fn source<'o>(&self, opened: &'o Opened) -> anyhow::Result<&'o dyn Reader> {
        let found = opened.iter().find(|(database, _)| database.name == self.log);
        Ok(found.context("the log's database is missing")?.1.as_ref())
    }

    /// Where cursors are set back to: before the first row that is to be heard again.
    fn to(&self, config: &Config, opened: &Opened) -> anyhow::Result<Position> {
        if let Some(at) = self.from_time {
            return Ok(prune::last_before(self.source(opened)?, at)?);
        }
        if let Some(At { partition, offset }) = self.from_offset {
            let kafka =
                config.kafka.as_ref().context("--from-offset: it is not said where Kafka is (--kafka)")?;
            let place = bus::place_at(kafka, &self.log, partition, offset)?;
            let epoch = self.source(opened)?.log_state()?.epoch;
            ensure!(
                place.epoch == epoch,
                "that record is of an earlier epoch of {}: what it says has no place in the present log",
                self.log
            );
            return Ok(Position(place.position.0.saturating_sub(1)));
        }
        let from = self.from_position.unwrap_or(1);
        ensure!(from > 0, "positions begin at 1");
        Ok(Position(from - 1))
    }
}
