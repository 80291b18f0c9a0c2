//! Records that cannot be read: kept in a topic of their own, as they are, with why. (What can be read and not decided is a dead letter
//! in the database.)

use crate::error::BusError;
use crate::sender::Sender;
use crate::settings::Settings;
use crate::stop::Stop;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Header, Message, OwnedHeaders};
use rdkafka::producer::BaseRecord;

/// Why it cannot be read.
const HEADER_ERROR: &str = "jumun-error";
/// Who could not read it.
const HEADER_READER: &str = "jumun-reader";
/// Where it came from.
const HEADER_TOPIC: &str = "jumun-topic";
const HEADER_PARTITION: &str = "jumun-partition";
const HEADER_OFFSET: &str = "jumun-offset";

/// Puts what `reader` could not read into `topic`, and waits until it is there; `false` if told to stop before.
///
/// # Errors
/// If the broker does not take it.
pub(crate) fn put(
    settings: &Settings,
    topic: &str,
    message: &BorrowedMessage<'_>,
    reader: &str,
    why: &str,
    stop: &Stop,
) -> Result<bool, BusError> {
    let (partition, offset) = (message.partition().to_string(), message.offset().to_string());
    let about = [
        (HEADER_ERROR, why),
        (HEADER_READER, reader),
        (HEADER_TOPIC, message.topic()),
        (HEADER_PARTITION, &partition),
        (HEADER_OFFSET, &offset),
    ];
    let own = message.headers().map_or_else(OwnedHeaders::new, BorrowedHeaders::detach);
    let headers = about
        .into_iter()
        .fold(own, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
    let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(0).headers(headers);
    if let Some(key) = message.key() {
        record = record.key(key);
    }
    if let Some(value) = message.payload() {
        record = record.payload(value);
    }
    // It is rare: a producer for it need not wait around.
    let sender = Sender::new(settings)?;
    sender.put(record)?;
    sender.settle(|| !stop.is_told())
}
