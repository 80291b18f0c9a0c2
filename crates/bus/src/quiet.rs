//! What the client library says of its own accord. It repeats itself for as long as a broker is away; that is said once here, by whoever
//! cannot go on.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;

/// A client whose words go to the debug log.
pub(crate) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, said: &str) {
        log(facility, said);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        failed(&error, reason);
    }
}

impl ConsumerContext for Quiet {}

pub(crate) fn log(facility: &str, said: &str) {
    tracing::debug!(facility, said, "the Kafka client says");
}

/// Whether no broker is connected, by what the client library counted.
pub(crate) fn is_away(statistics: &Statistics) -> bool {
    statistics.brokers.values().all(|broker| broker.state != "UP")
}

pub(crate) fn failed(error: &KafkaError, reason: &str) {
    tracing::debug!(%error, reason, "the Kafka client has trouble");
}
