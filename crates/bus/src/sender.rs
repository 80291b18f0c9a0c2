//! The producer: idempotent, acknowledged by all copies, and patient. A record is sent until the broker has it or the sender is thrown
//! away, so what is sent to one partition is never out of order and never has a hole.

use crate::error::BusError;
use crate::quiet;
use crate::record::Framed;
use crate::settings::Settings;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders, ToBytes};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig};
use rdkafka::statistics::Statistics;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long the broker's acknowledgements are waited for before it is asked whether to go on.
const POLL: Duration = Duration::from_millis(50);

/// What is known of the broker.
#[derive(Default)]
struct Tally {
    /// The first record that could not be delivered.
    failed: Mutex<Option<KafkaError>>,
    away: AtomicBool,
}

impl ClientContext for Tally {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, said: &str) {
        quiet::log(facility, said);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        quiet::failed(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.away.store(quiet::is_away(&statistics), Ordering::Relaxed);
    }
}

impl ProducerContext for Tally {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.failed.lock().get_or_insert_with(|| error.clone());
        }
    }
}

/// The producer.
pub(crate) struct Sender {
    producer: BaseProducer<Tally>,
}

impl Sender {
    /// A producer.
    ///
    /// # Errors
    /// If the settings are not the client library's.
    pub(crate) fn new(settings: &Settings) -> Result<Self, BusError> {
        let config = settings.client(&[
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("compression.type", settings.compression.name()),
            ("linger.ms", "2"),
            // It tries for as long as it lives: a record that is given up leaves a hole before those behind it.
            ("message.timeout.ms", "0"),
            ("statistics.interval.ms", "1000"),
        ]);
        Ok(Self { producer: config.create_with_context(Tally::default())? })
    }

    /// Hands a record to the producer; [`Sender::settle`] says whether the broker has it.
    ///
    /// # Errors
    /// If it cannot be taken, or one before it failed.
    pub(crate) fn send(&self, topic: &str, partition: u32, framed: &Framed<'_>) -> Result<(), BusError> {
        let headers = framed.headers.iter().fold(OwnedHeaders::new(), |headers, (name, value)| {
            headers.insert(Header { key: name, value: Some(value) })
        });
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        let mut record = BaseRecord::<str, [u8]>::to(topic).partition(partition).headers(headers);
        if let Some(key) = &framed.key {
            record = record.key(key);
        }
        if let Some(value) = framed.value {
            record = record.payload(value);
        }
        self.put(record)
    }

    /// Hands any record to the producer.
    ///
    /// # Errors
    /// If it cannot be taken, or one before it failed.
    pub(crate) fn put<K: ToBytes + ?Sized>(
        &self,
        mut record: BaseRecord<'_, K, [u8]>,
    ) -> Result<(), BusError> {
        loop {
            match self.producer.send(record) {
                Ok(()) => return self.failure(),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.producer.poll(POLL);
                    self.failure()?;
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }

    /// Waits until the broker has everything that was sent; `false` if `goes_on` said no before. Then, and after an error, this sender is
    /// to be thrown away: what of it the broker has is not known.
    ///
    /// # Errors
    /// If something was not delivered.
    pub(crate) fn settle(&self, mut goes_on: impl FnMut() -> bool) -> Result<bool, BusError> {
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(POLL);
            self.failure()?;
            if !goes_on() {
                return Ok(false);
            }
        }
        self.failure().map(|()| true)
    }

    /// Whether no broker can be reached, as of a second ago.
    pub(crate) fn is_away(&self) -> bool {
        self.producer.poll(Duration::ZERO);
        self.producer.context().away.load(Ordering::Relaxed)
    }

    fn failure(&self) -> Result<(), BusError> {
        self.producer.context().failed.lock().clone().map_or(Ok(()), |error| Err(error.into()))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.producer.purge(PurgeConfig::default().queue().inflight());
    }
}
