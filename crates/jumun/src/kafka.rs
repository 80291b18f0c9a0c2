//! Kafka: what the databases of this process say is published there, and what other units say is heard from there.

use crate::databases::Storage;
use anyhow::{Context, bail};
use bus::{Compression, Heard, Listener, Relay, Settings};
use kernel::routing::Routing;
use parking_lot::Mutex;
use runtime::System;
use runtime::ports::clock::Clock;
use runtime::ports::guard::Guard;
use runtime::system::{Elsewhere, Opened};
use serde::{Deserialize, Serialize};
use shop::aids::{Aid, Figure};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::postgres::PostgresLease;

/// Kafka's settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaFile {
    /// Where clients begin (`host:port`, several by commas); else Kafka is not used.
    pub brokers: Option<String>,
    /// What the names of topics and groups begin with.
    pub prefix: String,
    /// Partitions of a topic: lanes in which its words travel side by side. Fixed once it is made.
    pub partitions: u32,
    /// Copies of each partition of a topic that is made.
    pub replication: u16,
    /// How long a topic that is made keeps a record.
    pub retention_hours: u64,
    /// `lz4`, or `zstd` where that is built in.
    pub compression: String,
    /// What else the client library is told, by its own names (`"security.protocol"`, `"sasl.password"`, …).
    pub client: BTreeMap<String, crate::config::Secret>,
}

impl Default for KafkaFile {
    fn default() -> Self {
        let usual = Settings::default();
        Self {
            brokers: None,
            prefix: usual.prefix,
            partitions: usual.partitions,
            replication: usual.replication,
            retention_hours: usual.retention.as_secs() / 3_600,
            compression: "lz4".to_owned(),
            client: BTreeMap::new(),
        }
    }
}

impl KafkaFile {
    /// What it means; `None`: Kafka is not used. `alone` says that no two instances of a unit run at a time.
    ///
    /// # Errors
    /// The first fault, naming the setting.
    pub(crate) fn parse(&self, alone: bool) -> anyhow::Result<Option<Settings>> {
        let Some(brokers) = &self.brokers else { return Ok(None) };
        let compression = match self.compression.as_str() {
            "lz4" => Compression::Lz4,
            "zstd" if cfg!(feature = "kafka-zstd") => Compression::Zstd,
            "zstd" => bail!("kafka.compression: this jumun is built without zstd (feature kafka-zstd)"),
            other => bail!("kafka.compression: `{other}` is not lz4 or zstd"),
        };
        if self.retention_hours == 0 || self.retention_hours > u64::from(u32::MAX) {
            bail!("kafka.retention_hours: {} is not a number of hours to keep records", self.retention_hours);
        }
        if self.replication == 0 {
            bail!("kafka.replication: must be at least one");
        }
        let settings = Settings {
            bootstrap: brokers.clone(),
            prefix: self.prefix.clone(),
            partitions: self.partitions,
            replication: self.replication,
            retention: Duration::from_secs(self.retention_hours * 3_600),
            compression,
            instance: alone.then(|| "only".to_owned()),
            client: self.client.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect(),
            ..Settings::default()
        };
        settings.check().context("kafka")?;
        Ok(Some(settings))
    }
}

/// What Kafka does for this process. Dropped, it stops.
pub struct Kafka {
    settings: Settings,
    listeners: Mutex<Vec<Listener>>,
    relays: Mutex<Vec<Relay>>,
}

impl Kafka {
    /// Nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self { settings, listeners: Mutex::default(), relays: Mutex::default() })
    }

    /// From now on the databases of this process hear those `elsewhere` from Kafka.
    ///
    /// # Errors
    /// If a thread cannot be made. That no broker can be reached is none.
    pub fn hear(
        &self,
        opened: &[Opened],
        elsewhere: &mut [Elsewhere],
        routing: &Routing,
        clock: &Arc<dyn Clock>,
    ) -> anyhow::Result<()> {
        for own in opened {
            let sources = routing.sources(&own.database.domains);
            let speaks =
                |other: &&Elsewhere| other.database.domains.iter().any(|domain| sources.contains(domain));
            let heard = elsewhere.iter().filter(speaks);
            let heard: Vec<Heard> = heard
                .map(|other| Heard { log: other.database.name.clone(), reader: Arc::clone(&other.reader) })
                .collect();
            if heard.is_empty() {
                continue;
            }
            let (name, clock) = (&own.database.name, Arc::clone(clock));
            let listener = Listener::start(&self.settings, name, &own.reader, &heard, clock)
                .with_context(|| format!("kafka, for {}", own.database.name))?;
            for other in elsewhere.iter_mut() {
                let feeds = listener.feeds(&other.database.name);
                if !feeds.is_empty() {
                    other.kept_for.insert(own.database.name.clone(), feeds);
                }
            }
            self.listeners.lock().push(listener);
        }
        Ok(())
    }

    /// From now on what the databases of `system` say is published. Of several instances that share a database in `storage`, one does.
    ///
    /// # Errors
    /// If a thread cannot be made. That no broker can be reached is none.
    pub fn publish(&self, system: &System, storage: &Storage<'_>) -> anyhow::Result<()> {
        for handle in system.databases() {
            let name = &handle.database.name;
            let lease = lease(storage, name).with_context(|| format!("who publishes {name}"))?;
            let relay = Relay::start(&self.settings, &handle.tail, Arc::clone(&handle.reader), lease)
                .with_context(|| format!("kafka, from {name}"))?;
            self.relays.lock().push(relay);
        }
        Ok(())
    }

    /// Ends all of it: what the databases have committed is committed to the groups, and these are left.
    pub fn stop(&self) {
        self.listeners.lock().iter().for_each(Listener::stop);
        self.relays.lock().iter().for_each(Relay::stop);
    }
}

/// The lock of who publishes the log of `database`, where several could. (A folder has one process.)
fn lease(storage: &Storage<'_>, database: &str) -> anyhow::Result<Option<Arc<dyn Guard>>> {
    Ok(match storage {
        Storage::Postgres(servers) => Some(Arc::new(PostgresLease::new(&servers.of(database)?, "relay")?)),
        Storage::Folder(_) | Storage::Memory => None,
    })
}

impl Aid for Kafka {
    fn name(&self) -> &'static str {
        "Kafka"
    }

    fn trouble(&self) -> Option<String> {
        let relays = self.relays.lock();
        let listeners = self.listeners.lock();
        relays.iter().find_map(Relay::trouble).or_else(|| listeners.iter().find_map(Listener::trouble))
    }

    fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        for relay in self.relays.lock().iter() {
            figures.push(Figure {
                name: "kafka_relay_lag",
                help: "Log rows of a database that are not on its Kafka topic yet",
                database: relay.log().to_owned(),
                source: String::new(),
                value: relay.lag(),
            });
        }
        for listener in self.listeners.lock().iter() {
            let lanes = listener.lag().into_iter().map(|(source, value)| Figure {
                name: "kafka_lane_lag",
                help: "Records of a Kafka topic that a database has not committed yet, of this process's partitions",
                database: listener.consumer().to_owned(),
                source,
                value,
            });
            figures.extend(lanes);
            figures.push(Figure {
                name: "kafka_dead_letters",
                help: "Records of Kafka that a database could not read since start",
                database: listener.consumer().to_owned(),
                source: String::new(),
                value: listener.dead_letters(),
            });
        }
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(change: impl FnOnce(&mut KafkaFile)) -> String {
        let mut file = KafkaFile { brokers: Some("localhost:9092".to_owned()), ..KafkaFile::default() };
        change(&mut file);
        file.parse(true).map_or_else(|error| format!("{error:#}"), |_| "none".to_owned())
    }

    #[test]
    fn without_brokers_there_is_no_kafka() {
        assert!(KafkaFile::default().parse(true).unwrap().is_none());
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        assert_eq!(complaint(|_| {}), "none");
        assert!(complaint(|file| file.compression = "gzip".to_owned()).starts_with("kafka.compression"));
        assert!(complaint(|file| file.retention_hours = 0).starts_with("kafka.retention_hours"));
        assert!(complaint(|file| file.replication = 0).starts_with("kafka.replication"));
        assert!(complaint(|file| file.partitions = 0).starts_with("kafka"));
        assert!(complaint(|file| file.prefix = "가게".to_owned()).starts_with("kafka"));
    }

    #[test]
    fn an_instance_that_is_alone_takes_its_place_again() {
        let file = KafkaFile { brokers: Some("localhost:9092".to_owned()), ..KafkaFile::default() };
        let instance = |alone| file.parse(alone).unwrap().unwrap().instance;
        assert_eq!((instance(true), instance(false)), (Some("only".to_owned()), None));
    }
}
