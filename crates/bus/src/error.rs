//! Why the bus does not go on.

use rdkafka::error::KafkaError;
use runtime::ports::store::{Position, StoreError};

/// Why the bus does not go on.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The broker says so, or cannot be reached.
    #[error("kafka: {0}")]
    Kafka(#[from] KafkaError),
    /// A topic cannot be made.
    #[error("topic {topic} cannot be made: {why}")]
    Topic {
        /// Which.
        topic: String,
        /// What the broker said.
        why: String,
    },
    /// A topic is there, with another number of partitions than is configured.
    #[error(
        "topic {topic} has {found} partitions, and {wanted} are configured: with another number, words of one order would change lanes \
         and overtake each other; configure {found}, or let every consumer finish, stop all units and delete the topic"
    )]
    Partitions {
        /// Which.
        topic: String,
        /// As it is.
        found: usize,
        /// As it should be.
        wanted: u32,
    },
    /// The topic has rows that the log has not.
    #[error(
        "topic {topic} has rows of {log} up to position {published}, but its log ends at {head}: {log} was restored from an older \
         backup; check the audit, then start with --new-epoch {log} to go on from its present state"
    )]
    Restored {
        /// Which.
        topic: String,
        /// Whose log.
        log: String,
        /// What was published.
        published: u64,
        /// What there is.
        head: u64,
    },
    /// A partition does not have this record.
    #[error(
        "partition {partition} of topic {topic} has no record {offset}: it has those from {low} on and before {high}"
    )]
    NoRecord {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Which.
        offset: i64,
        /// The first that it has.
        low: i64,
        /// The next that it will have.
        high: i64,
    },
    /// A record is none of ours.
    #[error("that record cannot be read: {0}")]
    Unreadable(String),
    /// The log cannot be read.
    #[error("the log cannot be read: {0}")]
    Log(#[from] StoreError),
    /// The broker took too long to answer.
    #[error("kafka did not answer in time: {0}")]
    Late(&'static str),
    /// A setting that cannot work.
    #[error("{0}")]
    Setting(String),
    /// A thread cannot be made.
    #[error("a thread cannot be made: {0}")]
    Thread(#[from] std::io::Error),
}

impl BusError {
    /// The topic has rows that the log has not.
    pub(crate) fn restored(topic: &str, log: &str, published: Position, head: Position) -> Self {
        Self::Restored { topic: topic.to_owned(), log: log.to_owned(), published: published.0, head: head.0 }
    }
}
