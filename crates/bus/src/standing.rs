//! Where a topic stands: the last row of the log in each of its partitions. Nothing else remembers it.

use crate::error::BusError;
use crate::quiet::Quiet;
use crate::record::{self, Place};
use crate::settings::Settings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long the broker may take for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a poll waits for a record, and how often it is done in vain.
const POLL: Duration = Duration::from_millis(50);
const POLLS: u32 = 100;
/// Records that are read at the end of a partition: among them may be some that are not ours, or of an earlier epoch.
const LOOK_BACK: i64 = 64;

/// The places that stand at the end of each partition of the topic of `database`.
///
/// # Errors
/// If the broker cannot be asked.
pub(crate) fn of_topic(settings: &Settings, database: &str) -> Result<Vec<Vec<Place>>, BusError> {
    let topic = settings.topic(database);
    let consumer = reader(settings, database)?;
    let mut found: Vec<Vec<Place>> = vec![Vec::new(); settings.partitions as usize];
    let mut unfinished = BTreeSet::new();
    let mut wanted = TopicPartitionList::new();
    for partition in 0..i32::try_from(settings.partitions).unwrap_or(i32::MAX) {
        let (low, high) = consumer.fetch_watermarks(&topic, partition, ANSWER)?;
        if high > low {
            unfinished.insert(partition);
            wanted.add_partition_offset(&topic, partition, Offset::Offset(low.max(high - LOOK_BACK)))?;
        }
    }
    consumer.assign(&wanted)?;
    let mut silent = 0;
    while !unfinished.is_empty() {
        let polled = consumer.poll(POLL);
        // It also returns for what is no record.
        silent = if polled.is_some() { 0 } else { silent + 1 };
        match polled {
            Some(Ok(message)) => {
                let partition = usize::try_from(message.partition()).unwrap_or(usize::MAX);
                if let (Some(places), Ok(place)) = (found.get_mut(partition), place_of(&message)) {
                    places.push(place);
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(unfinished.remove(&partition)),
            Some(Err(error)) => return Err(error.into()),
            None if silent < POLLS => {}
            None => return Err(BusError::Late("the end of a topic was asked for")),
        }
    }
    Ok(found)
}

/// Where the record at `offset` of a partition of the topic of `database` stands.
///
/// # Errors
/// If the broker cannot be asked, has no such record, or it is none of ours.
pub fn place_at(settings: &Settings, database: &str, partition: i32, offset: i64) -> Result<Place, BusError> {
    let topic = settings.topic(database);
    let consumer = reader(settings, database)?;
    let (low, high) = consumer.fetch_watermarks(&topic, partition, ANSWER)?;
    if !(low..high).contains(&offset) {
        return Err(BusError::NoRecord { topic, partition, offset, low, high });
    }
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition_offset(&topic, partition, Offset::Offset(offset))?;
    consumer.assign(&wanted)?;
    for _ in 0..POLLS {
        if let Some(message) = consumer.poll(POLL) {
            let message = message?;
            return place_of(&message).map_err(|unreadable| BusError::Unreadable(unreadable.why));
        }
    }
    Err(BusError::Late("a record was asked for"))
}

/// A consumer that joins no group: it is told what to read.
fn reader(settings: &Settings, database: &str) -> Result<BaseConsumer<Quiet>, BusError> {
    let config = settings.client(&[
        ("group.id", &format!("{}.relay", settings.group(database))),
        ("enable.auto.commit", "false"),
        ("enable.partition.eof", "true"),
    ]);
    Ok(config.create_with_context(Quiet)?)
}

/// Where a record stands, whether or not the rest of it reads.
fn place_of(message: &BorrowedMessage<'_>) -> Result<Place, record::Unreadable> {
    match read(message) {
        Ok(record) => Ok(record.place),
        Err(unreadable) => unreadable.place.ok_or(unreadable),
    }
}

/// A message of the client library's as a record.
///
/// # Errors
/// If it is none of ours.
pub(crate) fn read(message: &BorrowedMessage<'_>) -> Result<record::Record, record::Unreadable> {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers: Vec<(&str, &[u8])> =
        headers.map(|header| (header.key, header.value.unwrap_or_default())).collect();
    record::read(message.key(), &headers, message.payload())
}
