//! All lanes of one database, and which of them are this process's.

use crate::lane::Lane;
use crate::quiet;
use parking_lot::Mutex;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::{Partition, Statistics};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long the broker may take to say where a partition ends.
const ANSWER: Duration = Duration::from_secs(5);

/// A partition of a topic.
pub(crate) type At = (String, i32);

/// All lanes of one database, by topic and partition, and which of them are this process's.
pub(crate) struct Board {
    lanes: BTreeMap<At, Arc<Lane>>,
    held: Mutex<BTreeSet<At>>,
    /// What the client library counted last.
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    /// Records that are not committed, by partition.
    lag: BTreeMap<At, u64>,
    /// No broker is connected.
    away: bool,
}

impl Board {
    pub(crate) fn new(lanes: BTreeMap<At, Arc<Lane>>) -> Self {
        Self { lanes, held: Mutex::default(), counted: Mutex::default() }
    }

    pub(crate) fn lane(&self, topic: &str, partition: i32) -> Option<&Arc<Lane>> {
        self.lanes.get(&(topic.to_owned(), partition))
    }

    pub(crate) fn of_topic(&self, topic: &str) -> impl Iterator<Item = &Arc<Lane>> {
        self.lanes.iter().filter(move |((of, _), _)| of == topic).map(|(_, lane)| lane)
    }

    pub(crate) fn held(&self) -> BTreeSet<At> {
        self.held.lock().clone()
    }

    pub(crate) fn has_lanes(&self) -> bool {
        !self.held.lock().is_empty()
    }

    /// The lanes that are not this process's.
    pub(crate) fn not_held(&self) -> impl Iterator<Item = &Arc<Lane>> {
        let held = self.held();
        self.lanes.iter().filter(move |(at, _)| !held.contains(*at)).map(|(_, lane)| lane)
    }

    /// Records of `topic` that are not committed, in the lanes of this process.
    pub(crate) fn lag(&self, topic: &str) -> u64 {
        let held = self.held();
        let counted = self.counted.lock();
        counted.lag.iter().filter(|(at, _)| at.0 == topic && held.contains(*at)).map(|(_, lag)| lag).sum()
    }

    pub(crate) fn is_away(&self) -> bool {
        self.counted.lock().away
    }

    /// Commits the offsets of what the database has committed.
    pub(crate) fn commit(&self, consumer: &BaseConsumer<Moves>, mode: CommitMode) -> KafkaResult<()> {
        let mut offsets = TopicPartitionList::new();
        for (topic, partition) in self.held() {
            if let Some(offset) = self.lane(&topic, partition).and_then(|lane| lane.committable()) {
                offsets.add_partition_offset(&topic, partition, Offset::Offset(offset))?;
            }
        }
        if offsets.count() == 0 { Ok(()) } else { consumer.commit(&offsets, mode) }
    }

    /// Tells the broker to wait with lanes that are full, and to go on with those that have room again.
    pub(crate) fn hold_back(
        &self,
        consumer: &BaseConsumer<Moves>,
        paused: &mut BTreeSet<At>,
    ) -> KafkaResult<()> {
        let (mut pause, mut resume) = (TopicPartitionList::new(), TopicPartitionList::new());
        let held = self.held();
        // A lane that has moved away is not paused where it comes back.
        paused.retain(|at| held.contains(at));
        for at in held {
            let Some(lane) = self.lanes.get(&at) else { continue };
            if paused.contains(&at) {
                if lane.has_room() {
                    resume.add_partition(&at.0, at.1);
                    paused.remove(&at);
                }
            } else if lane.is_full() {
                pause.add_partition(&at.0, at.1);
                paused.insert(at);
            }
        }
        if pause.count() > 0 {
            consumer.pause(&pause)?;
        }
        if resume.count() > 0 {
            consumer.resume(&resume)?;
        }
        Ok(())
    }

    /// Some topic has nothing more in partition `partition`. Which one is not said: of each that could be meant, and whose end is of
    /// interest, the broker is asked where it is.
    pub(crate) fn end(&self, consumer: &BaseConsumer<Moves>, partition: i32) -> KafkaResult<()> {
        let held = self.held();
        let open = held.iter().filter(|at| at.1 == partition);
        let open: Vec<_> =
            open.filter_map(|at| Some((at, self.lanes.get(at).filter(|lane| lane.awaits_end())?))).collect();
        if open.is_empty() {
            return Ok(());
        }
        let positions = consumer.position()?;
        for ((topic, _), lane) in open {
            let (low, high) = consumer.fetch_watermarks(topic, partition, ANSWER)?;
            let next = match positions.find_partition(topic, partition).map(|found| found.offset()) {
                Some(Offset::Offset(next)) => next,
                // Nothing was handed out since the partition came here: it begins at what is committed.
                _ => committed(consumer, topic, partition)?.unwrap_or(low),
            };
            if next >= high {
                lane.end();
            }
        }
        Ok(())
    }

    /// These partitions are this process's from now on, or no more.
    fn moved(&self, partitions: &TopicPartitionList, here: bool) {
        let mut held = self.held.lock();
        for element in partitions.elements() {
            let at = (element.topic().to_owned(), element.partition());
            if let Some(lane) = self.lanes.get(&at) {
                lane.move_house();
            }
            if here {
                held.insert(at)
            } else {
                held.remove(&at)
            };
        }
    }

    pub(crate) fn leave_all(&self) {
        self.held.lock().clear();
        self.lanes.values().for_each(|lane| lane.move_house());
    }

    fn count(&self, statistics: &Statistics) {
        let lag = |partition: &Partition| {
            // None is committed yet: all that are there are to come.
            let from =
                if partition.committed_offset < 0 { partition.lo_offset } else { partition.committed_offset };
            u64::try_from(partition.hi_offset - from.max(0)).unwrap_or(0)
        };
        let topics = statistics.topics.iter().flat_map(|(topic, counts)| {
            counts.partitions.values().map(move |one| ((topic.clone(), one.partition), lag(one)))
        });
        *self.counted.lock() = Counted { lag: topics.collect(), away: quiet::is_away(statistics) };
    }
}

/// Up to where the group has committed this partition.
fn committed(consumer: &BaseConsumer<Moves>, topic: &str, partition: i32) -> KafkaResult<Option<i64>> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition(topic, partition);
    let found = consumer.committed_offsets(asked, ANSWER)?;
    Ok(match found.find_partition(topic, partition).map(|found| found.offset()) {
        Some(Offset::Offset(offset)) => Some(offset),
        _ => None,
    })
}

/// What is done when partitions move between instances, and what the client library tells of its own accord.
pub(crate) struct Moves {
    board: Arc<Board>,
}

impl Moves {
    pub(crate) fn new(board: Arc<Board>) -> Self {
        Self { board }
    }
}

impl ClientContext for Moves {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, said: &str) {
        quiet::log(facility, said);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        quiet::failed(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.board.count(&statistics);
    }
}

impl ConsumerContext for Moves {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => self.board.moved(partitions, true),
            Rebalance::Revoke(partitions) => {
                // So that the next owner begins where this one ends; if it fails, that one sees some rows again.
                if let Err(error) = self.board.commit(consumer, CommitMode::Sync) {
                    tracing::warn!(%error, "offsets were not committed before lanes moved away");
                }
                self.board.moved(partitions, false);
            }
            Rebalance::Error(error) => tracing::warn!(%error, "lanes could not be shared out"),
        }
    }
}
