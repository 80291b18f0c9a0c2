//! The topics of a log: made by us, with stated partitions, copies and retention, and refused if they are there otherwise.

use crate::error::BusError;
use crate::quiet::Quiet;
use crate::settings::Settings;
use crate::stop::Stop;
use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;
use std::time::Duration;

/// How long the broker may take for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// A topic that was just made is not known everywhere at once: how often it is looked for, and how long is waited in between.
const LOOKS: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(50);

/// Sees to it that the topics of the log of `database` are there, with as many partitions as configured.
///
/// # Errors
/// If they cannot be made, or have another number of partitions.
pub(crate) fn ensure(settings: &Settings, database: &str, stop: &Stop) -> Result<(), BusError> {
    settings.check()?;
    let admin: AdminClient<Quiet> = settings.client(&[]).create_with_context(Quiet)?;
    let (topic, dead) = (settings.topic(database), settings.dead_topic(database));
    let wanted = [(&topic, settings.partitions), (&dead, 1)];
    let retention = settings.retention.as_millis().to_string();
    let topics = wanted.map(|(name, partitions)| {
        let copies = TopicReplication::Fixed(i32::from(settings.replication));
        NewTopic::new(name, i32::try_from(partitions).unwrap_or(i32::MAX), copies)
            .set("retention.ms", &retention)
            .set("cleanup.policy", "delete")
            // Retention counts from when a record was published, not from when its row was written.
            .set("message.timestamp.type", "LogAppendTime")
    });
    let options = AdminOptions::new().operation_timeout(Some(ANSWER)).request_timeout(Some(ANSWER));
    for made in block_on(admin.create_topics(&topics, &options))? {
        if let Err((topic, code)) = made
            && code != RDKafkaErrorCode::TopicAlreadyExists
        {
            return Err(BusError::Topic { topic, why: code.to_string() });
        }
    }
    wanted.into_iter().try_for_each(|(name, partitions)| held_to(&admin, name, partitions, stop))
}

/// Refuses a topic that has another number of partitions.
fn held_to(admin: &AdminClient<Quiet>, topic: &str, wanted: u32, stop: &Stop) -> Result<(), BusError> {
    for _ in 0..LOOKS {
        let metadata = admin.inner().fetch_metadata(Some(topic), ANSWER)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let partitions =
            found.filter(|found| found.error().is_none()).map_or(&[][..], |found| found.partitions());
        let found = partitions.len();
        match u32::try_from(found) {
            Ok(count) if count == wanted && partitions.iter().all(|one| one.leader() >= 0) => return Ok(()),
            Ok(count) if count == wanted || count == 0 => {}
            _ => return Err(BusError::Partitions { topic: topic.to_owned(), found, wanted }),
        }
        stop.wait(BETWEEN);
        if stop.is_told() {
            break;
        }
    }
    Err(BusError::Late("a topic that was just made is not there"))
}
