//! What of one lane has arrived and was not taken yet. Pure: what is missing is said, and fetched by whoever asked.

use crate::record::{Place, Record};
use kernel::said::Entry;
use runtime::ports::store::{Epoch, Position};
use std::collections::VecDeque;
use std::sync::Arc;

/// Records that are kept before the broker is told to wait.
pub(crate) const ROOM: usize = 2_048;

/// What comes next in a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// These rows; none: there are none up to the reach.
    Rows(Vec<(Position, Arc<Entry>)>),
    /// First the rows between the two, which never arrived: those after the first, up to the second.
    Missing(Position, Position),
}

struct Arrived {
    epoch: Epoch,
    previous: Position,
    position: Position,
    entry: Option<Arc<Entry>>,
}

/// What of one lane has arrived and was not taken yet.
#[derive(Default)]
pub(crate) struct Shelf {
    /// The log's epoch, and where it ended when it was asked.
    log: Option<(Epoch, Position)>,
    rows: VecDeque<Arrived>,
    /// Everything up to here can be handed out; it never goes back.
    reach: Position,
    /// Up to here is in the follower's database.
    taken: Position,
    /// Broker offsets that can be committed once the position beside them is taken.
    offsets: VecDeque<(i64, Position)>,
    committable: Option<i64>,
    /// A record of another epoch has come; which.
    stranger: Option<Epoch>,
    /// Whether the end of the partition was seen before anything was known of the log.
    ended: bool,
}

impl Shelf {
    /// The log was asked: its epoch, and where it ends.
    pub(crate) fn know(&mut self, epoch: Epoch, head: Position) {
        self.log = Some((epoch, head));
        self.stranger = None;
        // The broker keeps offsets, and the next who asks gets them again: what came before is not needed for that.
        self.rows.retain(|row| row.epoch == epoch);
        let last = self.last();
        self.reach = self.reach.max(last);
        if self.ended {
            self.end();
        }
    }

    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.log.map(|(epoch, _)| epoch)
    }

    /// A record has come, at `offset`. True if it is news.
    pub(crate) fn arrive(&mut self, offset: i64, record: &Record) -> bool {
        let Place { epoch, position, previous } = record.place;
        if self.epoch().is_some_and(|known| known != epoch) {
            // No offset is kept: after a restart it comes again, unless something of this epoch came after it.
            self.stranger = Some(epoch);
            return true;
        }
        self.offsets.push_back((offset, position));
        let known = self.rows.iter().rev().find(|row| row.epoch == epoch).map(|row| row.position);
        if position <= known.unwrap_or_default().max(self.taken) {
            self.settle();
            return false;
        }
        self.rows.push_back(Arrived { epoch, previous, position, entry: record.entry.clone() });
        if self.log.is_some() {
            self.reach = self.reach.max(position);
        }
        true
    }

    /// What was at `offset` is set aside; if it is known where it stood, what it should have held is missing. True if that is so.
    pub(crate) fn set_aside(&mut self, offset: i64, place: Option<Place>) -> bool {
        let Some(place) = place else {
            let last = self.last();
            self.offsets.push_back((offset, last));
            self.settle();
            return false;
        };
        // It stands for no row, and says that everything up to itself came before: whoever comes here fetches that first.
        self.arrive(offset, &Record { place: Place { previous: place.position, ..place }, entry: None })
    }

    /// Whether the end of the partition would say something: that it was not seen, and what is known of the log is more than what came.
    pub(crate) fn awaits_end(&self) -> bool {
        !self.ended && self.log.is_none_or(|(_, head)| self.last().max(self.reach) < head)
    }

    /// The partition has nothing more now. What the log had when it was asked, and the broker has not, is missing: true if that is so.
    pub(crate) fn end(&mut self) -> bool {
        self.ended = true;
        let Some((epoch, head)) = self.log else { return false };
        if self.last().max(self.reach) >= head {
            return false;
        }
        self.rows.push_back(Arrived { epoch, previous: head, position: head, entry: None });
        self.reach = head;
        true
    }

    /// The partition is this process's from now on, or no more: its offsets begin anew. What has arrived stays: its rows were announced,
    /// and to decide them twice is harmless.
    pub(crate) fn move_house(&mut self) {
        self.offsets.clear();
        self.committable = None;
        self.ended = false;
    }

    /// The follower's database has everything up to `through`.
    pub(crate) fn take(&mut self, through: Position) {
        self.taken = self.taken.max(through);
        self.reach = self.reach.max(through);
        self.settle();
    }

    /// What comes after `at`, at most `limit` rows.
    pub(crate) fn next(&mut self, at: Position, limit: usize) -> Next {
        let mut at = at;
        let mut rows = Vec::new();
        while let Some(front) = self.rows.front() {
            if front.position <= at {
                self.rows.pop_front();
                continue;
            }
            if front.previous > at {
                return if rows.is_empty() { Next::Missing(at, front.previous) } else { Next::Rows(rows) };
            }
            // What only says where the lane stands is passed by who asks again: what was handed out tells them no more than its own place.
            if rows.len() >= limit || (front.entry.is_none() && !rows.is_empty()) {
                return Next::Rows(rows);
            }
            at = front.position;
            rows.extend(self.rows.pop_front().and_then(|row| Some((row.position, row.entry?))));
        }
        if rows.is_empty() && at < self.reach { Next::Missing(at, self.reach) } else { Next::Rows(rows) }
    }

    /// A record of another epoch has come, and nobody has said what that means.
    pub(crate) fn stranger(&self) -> Option<Epoch> {
        self.stranger
    }

    /// That record was of an earlier life of the log.
    pub(crate) fn forget_stranger(&mut self) {
        self.stranger = None;
    }

    /// Up to where rows can be handed out.
    pub(crate) fn reach(&self) -> Position {
        self.reach
    }

    /// The offset that can be committed, if it has moved since this was asked.
    pub(crate) fn committable(&mut self) -> Option<i64> {
        self.committable.take()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.rows.len() >= ROOM
    }

    pub(crate) fn has_room(&self) -> bool {
        self.rows.len() <= ROOM / 2
    }

    fn last(&self) -> Position {
        self.rows.back().map_or(self.taken, |row| row.position)
    }

    fn settle(&mut self) {
        while let Some((offset, position)) = self.offsets.front()
            && *position <= self.taken
        {
            // What is committed is the offset to begin with next.
            self.committable = Some(offset + 1);
            self.offsets.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Timestamp, Trace};
    use uuid::Uuid;

    const EPOCH: Epoch = Epoch(Uuid::from_u128(1));
    const OTHER: Epoch = Epoch(Uuid::from_u128(2));

    fn place(epoch: Epoch, previous: u64, position: u64) -> Place {
        Place { epoch, position: Position(position), previous: Position(previous) }
    }

    fn row(previous: u64, position: u64) -> Record {
        let entry = Entry {
            v: Entry::VERSION,
            key: Uuid::from_u128(7),
            at: Timestamp(0),
            trace: Trace::default(),
            plan: None,
            events: Vec::new(),
        };
        Record { place: place(EPOCH, previous, position), entry: Some(Arc::new(entry)) }
    }

    fn mark(previous: u64, position: u64) -> Record {
        Record { place: place(EPOCH, previous, position), entry: None }
    }

    /// A shelf of a log that ended at `head` when it was asked.
    fn shelf(head: u64) -> Shelf {
        let mut shelf = Shelf::default();
        shelf.know(EPOCH, Position(head));
        shelf
    }

    fn rows(next: Next) -> Vec<u64> {
        match next {
            Next::Rows(rows) => rows.into_iter().map(|(position, _)| position.0).collect(),
            Next::Missing(from, through) => panic!("{} to {} are missing", from.0, through.0),
        }
    }

    fn next(shelf: &mut Shelf, at: u64) -> Vec<u64> {
        rows(shelf.next(Position(at), 10))
    }

    fn missing(shelf: &mut Shelf, at: u64) -> (u64, u64) {
        match shelf.next(Position(at), 10) {
            Next::Missing(from, through) => (from.0, through.0),
            Next::Rows(rows) => panic!("{rows:?}"),
        }
    }

    #[test]
    fn rows_come_once_in_order_as_many_as_are_wanted() {
        let mut shelf = shelf(0);
        for (offset, (previous, position)) in [(0, 2), (2, 5), (0, 2), (5, 9)].into_iter().enumerate() {
            shelf.arrive(i64::try_from(offset).unwrap(), &row(previous, position));
        }
        assert_eq!(shelf.reach(), Position(9));
        assert_eq!(rows(shelf.next(Position(0), 2)), [2, 5]);
        assert_eq!(next(&mut shelf, 5), [9]);
        assert_eq!(next(&mut shelf, 9), [0; 0]);
    }

    #[test]
    fn what_never_arrived_is_missing_before_anything_behind_it() {
        let mut shelf = shelf(0);
        shelf.arrive(0, &row(0, 2));
        shelf.arrive(2, &row(5, 9));
        assert_eq!(next(&mut shelf, 0), [2]);
        assert_eq!(missing(&mut shelf, 2), (2, 5));
        assert_eq!(next(&mut shelf, 5), [9]);
    }

    #[test]
    fn a_mark_moves_the_reach_and_hides_nothing() {
        let mut shelf = shelf(0);
        shelf.arrive(0, &row(0, 2));
        shelf.arrive(1, &mark(2, 50));
        assert_eq!(shelf.reach(), Position(50));
        assert_eq!(next(&mut shelf, 0), [2]);
        assert_eq!(next(&mut shelf, 2), [0; 0]);
        shelf.arrive(2, &mark(60, 70));
        assert_eq!(missing(&mut shelf, 50), (50, 60));
    }

    #[test]
    fn an_offset_is_committed_once_everything_before_it_is_taken() {
        let mut shelf = shelf(0);
        for (offset, (previous, position)) in [(0, 2), (2, 5), (5, 9)].into_iter().enumerate() {
            shelf.arrive(i64::try_from(offset).unwrap(), &row(previous, position));
        }
        next(&mut shelf, 0);
        assert_eq!(shelf.committable(), None, "they were handed out, and are not decided");
        shelf.take(Position(6));
        assert_eq!(shelf.committable(), Some(2));
        assert_eq!(shelf.committable(), None);
        shelf.arrive(3, &row(2, 5));
        assert_eq!(shelf.committable(), None, "one before it is not taken");
        shelf.take(Position(9));
        assert_eq!(shelf.committable(), Some(4));
    }

    #[test]
    fn who_is_further_than_the_broker_passes_what_it_has() {
        let mut shelf = shelf(9);
        shelf.take(Position(6));
        assert_eq!(shelf.reach(), Position(6));
        assert!(!shelf.arrive(0, &row(0, 5)));
        assert!(shelf.arrive(1, &row(5, 9)));
        assert_eq!(next(&mut shelf, 6), [9]);
    }

    #[test]
    fn what_the_log_had_at_the_start_and_the_broker_has_not_is_missing() {
        let mut shelf = shelf(9);
        shelf.take(Position(4));
        assert!(shelf.end());
        assert_eq!(missing(&mut shelf, 4), (4, 9));
        assert!(!shelf.end(), "said once");
        assert!(!shelf.arrive(0, &row(4, 8)), "it comes from the log");
    }

    #[test]
    fn the_end_of_a_partition_waits_for_the_log_to_be_known() {
        let mut shelf = Shelf::default();
        assert!(!shelf.end());
        shelf.arrive(0, &row(0, 3));
        assert_eq!(shelf.reach(), Position(0), "of which epoch it is nobody knows");
        shelf.know(EPOCH, Position(9));
        assert_eq!(shelf.reach(), Position(9));
        assert_eq!(next(&mut shelf, 0), [3]);
        assert_eq!(missing(&mut shelf, 3), (3, 9));
    }

    #[test]
    fn another_epoch_is_noticed_and_never_mixed_in() {
        let mut shelf = shelf(9);
        let stranger = Record { place: place(OTHER, 0, 90), entry: None };
        assert!(shelf.arrive(0, &stranger));
        assert_eq!((shelf.stranger(), shelf.reach()), (Some(OTHER), Position(0)));
        let mut early = Shelf::default();
        early.arrive(0, &stranger);
        early.arrive(1, &row(0, 3));
        early.know(EPOCH, Position(3));
        assert_eq!(early.reach(), Position(3));
    }

    #[test]
    fn what_was_set_aside_is_fetched_from_the_log_if_its_place_is_known() {
        let mut shelf = shelf(0);
        assert!(!shelf.set_aside(0, None));
        assert_eq!(shelf.committable(), Some(1));
        assert!(shelf.set_aside(1, Some(place(EPOCH, 2, 5))));
        assert_eq!(missing(&mut shelf, 0), (0, 5));
        assert_eq!(next(&mut shelf, 5), [0; 0]);
    }

    #[test]
    fn a_lane_that_moves_away_keeps_what_it_announced() {
        let mut shelf = shelf(0);
        shelf.arrive(0, &row(0, 2));
        shelf.move_house();
        assert_eq!(next(&mut shelf, 0), [2]);
        shelf.take(Position(2));
        assert_eq!(shelf.committable(), None, "the offset is its new owner's");
    }
}
