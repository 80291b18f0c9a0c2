//! Where a relay stands in each lane of a topic, and what it publishes next. Pure.

use crate::record::Place;
use runtime::feed::lane_for;
use runtime::ports::store::{Epoch, LogState, Position, StoredLogRow};

/// The topic has rows of the log's present epoch that the log has not: up to this position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beyond(pub(crate) Position);

/// Where a relay stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Course {
    epoch: Epoch,
    /// Of each lane: up to where everything is published.
    lanes: Vec<Position>,
    /// The last row that was looked at.
    at: Position,
}

impl Course {
    /// The course from where the topic stands: `found` are places at the end of each partition.
    pub(crate) fn begin(found: &[Vec<Place>], log: &LogState) -> Result<Self, Beyond> {
        // Positions of an earlier epoch say nothing about this one. What is pruned nobody can publish any more.
        let pruned = Position(log.first.0.saturating_sub(1));
        let last = |places: &Vec<Place>| {
            let current = places.iter().filter(|place| place.epoch == log.epoch);
            current.map(|place| place.position).fold(pruned, Position::max)
        };
        let lanes: Vec<Position> = found.iter().map(last).collect();
        match lanes.iter().max() {
            Some(most) if *most > log.head => Err(Beyond(*most)),
            _ => Ok(Self { epoch: log.epoch, at: lanes.iter().min().copied().unwrap_or(pruned), lanes }),
        }
    }

    /// The rows after this position are to be looked at next.
    pub(crate) fn at(&self) -> Position {
        self.at
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The next row of the log: where it is to be published, and as what; `None`: it is there already.
    pub(crate) fn next(&mut self, row: &StoredLogRow) -> Option<(u32, Place)> {
        if row.position.0 > self.at.0 + 1 {
            // Rows between were pruned before they could be published. Who has not read them must notice.
            let pruned = Position(row.position.0 - 1);
            self.lanes.iter_mut().for_each(|lane| *lane = pruned.max(*lane));
        }
        self.at = self.at.max(row.position);
        let lane = lane_for(row.row.key, u32::try_from(self.lanes.len()).unwrap_or(u32::MAX));
        self.publish(lane, row.position).map(|place| (lane, place))
    }

    /// Marks for the lanes that had nothing to say up to here: so that who follows them is not taken to be behind.
    pub(crate) fn marks(&mut self) -> Vec<(u32, Place)> {
        let lanes = 0..u32::try_from(self.lanes.len()).unwrap_or(u32::MAX);
        let at = self.at;
        lanes.filter_map(|lane| self.publish(lane, at).map(|place| (lane, place))).collect()
    }

    fn publish(&mut self, lane: u32, position: Position) -> Option<Place> {
        let last = self.lanes.get_mut(lane as usize)?;
        let previous = *last;
        if position <= previous {
            return None;
        }
        *last = position;
        Some(Place { epoch: self.epoch, position, previous })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Timestamp;
    use runtime::ports::store::LogRow;
    use uuid::Uuid;

    const EPOCH: Epoch = Epoch(Uuid::from_u128(1));
    const EARLIER: Epoch = Epoch(Uuid::from_u128(0));

    fn log(first: u64, head: u64) -> LogState {
        LogState { epoch: EPOCH, first: Position(first), head: Position(head) }
    }

    fn place(epoch: Epoch, position: u64) -> Place {
        Place { epoch, position: Position(position), previous: Position(0) }
    }

    fn row(position: u64, key: u128) -> StoredLogRow {
        let row = LogRow { key: Uuid::from_u128(key), at: Timestamp(0), body: "{}".into() };
        StoredLogRow { position: Position(position), row }
    }

    fn next(course: &mut Course, position: u64, key: u128) -> Option<(u32, u64)> {
        course.next(&row(position, key)).map(|(lane, place)| (lane, place.previous.0))
    }

    #[test]
    fn each_record_names_the_one_before_it_in_its_lane() {
        let mut course = Course::begin(&[vec![], vec![]], &log(1, 4)).unwrap();
        assert_eq!(next(&mut course, 1, 7), Some((1, 0)));
        assert_eq!(next(&mut course, 2, 8), Some((0, 0)));
        assert_eq!(next(&mut course, 3, 9), Some((1, 1)));
        assert_eq!(next(&mut course, 4, 6), Some((0, 2)));
    }

    #[test]
    fn it_goes_on_from_the_lane_that_stands_lowest_and_repeats_nothing() {
        let found = [vec![place(EPOCH, 5)], vec![place(EPOCH, 2), place(EPOCH, 1)]];
        let mut course = Course::begin(&found, &log(1, 6)).unwrap();
        assert_eq!(course.at(), Position(2));
        assert_eq!(next(&mut course, 3, 0), None, "lane 0 has it");
        assert_eq!(next(&mut course, 4, 1), Some((1, 2)));
        assert_eq!(next(&mut course, 5, 0), None);
        assert_eq!(next(&mut course, 6, 0), Some((0, 5)));
    }

    #[test]
    fn an_earlier_life_of_the_log_does_not_count() {
        let found = [vec![place(EARLIER, 90)], vec![place(EARLIER, 95), place(EPOCH, 2)]];
        let mut course = Course::begin(&found, &log(1, 6)).unwrap();
        assert_eq!(course.at(), Position(0));
        assert_eq!(next(&mut course, 1, 0), Some((0, 0)));
    }

    #[test]
    fn a_topic_that_is_further_than_its_log_is_noticed() {
        assert_eq!(Course::begin(&[vec![place(EPOCH, 7)]], &log(1, 6)), Err(Beyond(Position(7))));
    }

    #[test]
    fn what_was_pruned_before_it_was_published_is_a_gap_to_who_has_not_read_it() {
        let mut course = Course::begin(&[vec![], vec![]], &log(10, 20)).unwrap();
        assert_eq!(next(&mut course, 10, 0), Some((0, 9)));
        assert_eq!(next(&mut course, 15, 0), Some((0, 14)), "11 to 14 are gone");
        assert_eq!(next(&mut course, 16, 1), Some((1, 14)));
    }

    #[test]
    fn a_lane_that_has_nothing_to_say_is_marked_once() {
        let mut course = Course::begin(&[vec![], vec![], vec![]], &log(1, 2)).unwrap();
        next(&mut course, 1, 0);
        next(&mut course, 2, 1);
        let marks: Vec<(u32, u64, u64)> =
            course.marks().iter().map(|(lane, at)| (*lane, at.previous.0, at.position.0)).collect();
        assert_eq!(marks, [(0, 1, 2), (2, 0, 2)]);
        assert_eq!(course.marks(), []);
    }
}
