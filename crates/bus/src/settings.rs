//! How Kafka is reached and what topics are made.

use crate::error::BusError;
use rdkafka::ClientConfig;
use std::collections::BTreeMap;
use std::time::Duration;

/// How Kafka is reached and what topics are made. Every unit of a shop has the same.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where clients begin: `host:port`, several by commas.
    pub bootstrap: String,
    /// What the names of topics and groups begin with: letters, digits, `.`, `_` and `-`.
    pub prefix: String,
    /// Lanes of a log: partitions of its topic. Fixed as long as the topic exists.
    pub partitions: u32,
    /// Copies of each partition.
    pub replication: u16,
    /// How long a topic keeps a record. What a consumer missed by then it reads from the log.
    pub retention: Duration,
    /// How batches of records are compressed.
    pub compression: Compression,
    /// After how long without a sign of life an instance's lanes go to others.
    pub session: Duration,
    /// A name under which an instance comes back, where no two have the same at a time: it then takes its lanes at once, also after it
    /// was killed. Without one, instances that end well give up their lanes at once, and others after `session`.
    pub instance: Option<String>,
    /// What else the client library is told, by its own names: `security.protocol`, `sasl.username`, …
    pub client: BTreeMap<String, String>,
}

/// How batches of records are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// lz4: fast, always there.
    Lz4,
    /// zstd: smaller; only where it was built with feature `zstd`.
    Zstd,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bootstrap: "127.0.0.1:9092".to_owned(),
            prefix: "jumun".to_owned(),
            partitions: 8,
            replication: 1,
            retention: Duration::from_secs(7 * 24 * 3_600),
            compression: Compression::Lz4,
            session: Duration::from_secs(6),
            instance: None,
            client: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// The topic of the log of `database`.
    #[must_use]
    pub fn topic(&self, database: &str) -> String {
        format!("{}.{database}", self.prefix)
    }

    /// The topic for records of the log of `database` that cannot be read.
    #[must_use]
    pub fn dead_topic(&self, database: &str) -> String {
        format!("{}.{database}.dead", self.prefix)
    }

    /// The group in which the instances of the unit that holds `database` share the lanes.
    #[must_use]
    pub fn group(&self, database: &str) -> String {
        format!("{}.{database}", self.prefix)
    }

    /// Looks whether they can work.
    ///
    /// # Errors
    /// [`BusError::Setting`].
    pub fn check(&self) -> Result<(), BusError> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.prefix.is_empty() || !self.prefix.chars().all(legal) {
            return Err(BusError::Setting(format!(
                "{:?} cannot begin the name of a topic: letters, digits, '.', '_' and '-' can",
                self.prefix
            )));
        }
        if self.partitions == 0 || i32::try_from(self.partitions).is_err() {
            return Err(BusError::Setting(format!("a topic cannot have {} partitions", self.partitions)));
        }
        Ok(())
    }

    /// The client library's settings that all clients share; what was given by name comes first.
    pub(crate) fn client(&self, own: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config.set("reconnect.backoff.max.ms", "2000");
        for (name, value) in own {
            config.set(*name, *value);
        }
        for (name, value) in &self.client {
            config.set(name, value);
        }
        config
    }
}

impl Compression {
    /// As the client library calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_kafka_would_not_take_are_refused() {
        assert!(Settings::default().check().is_ok());
        for prefix in ["", "a b", "가게"] {
            let refused = Settings { prefix: prefix.to_owned(), ..Settings::default() }.check();
            assert!(matches!(refused, Err(BusError::Setting(_))), "{prefix}");
        }
        assert!(Settings { partitions: 0, ..Settings::default() }.check().is_err());
    }

    #[test]
    fn what_is_given_by_name_goes_before_what_is_usual() {
        let client = BTreeMap::from([("linger.ms".to_owned(), "9".to_owned())]);
        let settings = Settings { client, ..Settings::default() };
        assert_eq!(settings.client(&[("linger.ms", "2")]).get("linger.ms"), Some("9"));
    }
}
