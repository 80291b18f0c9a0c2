//! Another database's log, as a database hears it. In one process its [`Tail`](crate::tail::Tail) hands the log on from memory; between
//! processes something carries it, which may be slow, repeat itself, be cut off for a while, or keep several lanes.

use crate::door::Door;
use crate::ports::store::{Cursor, LogState, Position, StoreError};
use crate::tail::Observer;
use kernel::said::Entry;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// A log, or one lane of it: rows of one order keep one lane, and each lane has its rows in the log's order.
///
/// Rows come at least once: what is handed out again is decided again, and has no second effect.
pub trait Feed: Send + Sync {
    /// The database whose log it is.
    fn log(&self) -> &str;

    /// Whether it is of another process, which starts, ends and is restored without this one.
    fn is_remote(&self) -> bool {
        false
    }

    /// The name of the cursor that follows it: the log's, or that of a lane ([`lane_name`]).
    fn cursor(&self) -> &str {
        self.log()
    }

    /// Where the log stands as far as is known here: up to `head`, every row of this lane can be handed out.
    ///
    /// # Errors
    /// If nothing is known of it now. It is asked again then.
    fn state(&self) -> Result<LogState, StoreError>;

    /// The last position as far as is known here, without asking anyone.
    fn reach(&self) -> Position;

    /// Wakes `door` whenever something is added.
    fn follow(&self, door: Arc<Door>);

    /// Shows every later row to `observer`, at least once.
    fn observe(&self, observer: Arc<dyn Observer>);

    /// Rows after `after`, in order, at most `limit`; among them may be some that were handed out before. None: there is none up to the
    /// reach that was known before the call.
    ///
    /// # Errors
    /// If they cannot be had now.
    fn after(&self, after: Position, limit: usize) -> Result<Vec<(Position, Arc<Entry>)>, StoreError>;

    /// The follower's stored cursor stands at `through`: what comes before is never asked for again. Said when the cursor is read at
    /// start, and after each commit that moved it, so that whoever carries the log can let go of it.
    fn taken(&self, through: Position) {
        let _ = through;
    }
}

/// The lane, of `lanes`, in which everything about `key` travels.
#[must_use]
pub fn lane_for(key: Uuid, lanes: u32) -> u32 {
    let lane = key.as_u128().checked_rem(u128::from(lanes));
    lane.and_then(|lane| u32::try_from(lane).ok()).unwrap_or(0)
}

/// The cursor's name of lane `lane` (from 0) of `lanes` of a log.
#[must_use]
pub fn lane_name(log: &str, lane: u32, lanes: u32) -> String {
    format!("{log}/{lane}/{lanes}")
}

/// How far `cursors` say that `log` is taken in; the beginning, if they do not say.
#[must_use]
pub fn followed_through<'c>(log: &str, cursors: impl IntoIterator<Item = &'c Cursor>) -> Position {
    Taken::of(log, cursors).through()
}

/// What has been taken in of a log: all of it up to a position, and of some lanes more.
///
/// A log that was carried in another number of lanes before has cursors of both kinds. What a whole set of lanes has taken in is taken in,
/// whichever set that is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken(BTreeMap<u32, BTreeMap<u32, Position>>);

impl Taken {
    /// What `cursors` say of `log`.
    pub fn of<'c>(log: &str, cursors: impl IntoIterator<Item = &'c Cursor>) -> Self {
        let mut sets: BTreeMap<u32, BTreeMap<u32, Position>> = BTreeMap::new();
        for cursor in cursors {
            let at = Position(u64::try_from(cursor.position).unwrap_or(0));
            let place = if cursor.source == log { Some((0, 1)) } else { lane_of(log, &cursor.source) };
            if let Some((lane, lanes)) = place {
                sets.entry(lanes).or_default().insert(lane, at);
            }
        }
        Self(sets)
    }

    /// Up to where everything is taken in; the beginning, if that is not known.
    #[must_use]
    pub fn through(&self) -> Position {
        let is_whole = |(lanes, set): &(&u32, &BTreeMap<u32, Position>)| {
            u32::try_from(set.len()).is_ok_and(|count| count == **lanes)
        };
        let through = self.0.iter().filter(is_whole).filter_map(|(_, set)| set.values().min());
        through.max().copied().unwrap_or_default()
    }

    /// Beyond where nothing is.
    #[must_use]
    pub fn furthest(&self) -> Position {
        self.0.values().flat_map(BTreeMap::values).max().copied().unwrap_or_default()
    }

    /// Whether the row at `position`, which is about `key`, is.
    #[must_use]
    pub fn has(&self, key: Uuid, position: Position) -> bool {
        let sets = self.0.iter();
        let mut reached = sets.filter_map(|(lanes, set)| set.get(&lane_for(key, *lanes)));
        reached.any(|at| position <= *at)
    }
}

/// Whether the cursor called `cursor` follows `log`, or a lane of it.
#[must_use]
pub fn follows(log: &str, cursor: &str) -> bool {
    cursor == log || lane_of(log, cursor).is_some()
}

fn lane_of(log: &str, cursor: &str) -> Option<(u32, u32)> {
    let (lane, of) = cursor.strip_prefix(log)?.strip_prefix('/')?.split_once('/')?;
    Some((lane.parse().ok()?, of.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(cursors: &[(&str, i64)]) -> u64 {
        let cursors: Vec<Cursor> = cursors
            .iter()
            .map(|(source, position)| Cursor {
                source: (*source).into(),
                epoch: Uuid::nil(),
                position: *position,
            })
            .collect();
        followed_through("order", &cursors).0
    }

    #[test]
    fn a_log_is_followed_as_far_as_its_slowest_lane() {
        assert_eq!(through(&[("order", 7), ("orders", 1), ("product", 2)]), 7);
        assert_eq!(through(&[(&lane_name("order", 0, 2), 9), (&lane_name("order", 1, 2), 5)]), 5);
    }

    #[test]
    fn a_lane_that_nobody_has_followed_yet_stands_at_the_beginning() {
        assert_eq!(through(&[]), 0);
        assert_eq!(through(&[(&lane_name("order", 0, 2), 9)]), 0);
    }

    #[test]
    fn a_log_whose_lanes_become_more_or_fewer_is_followed_as_far_as_before() {
        assert_eq!(through(&[("order", 7), (&lane_name("order", 0, 2), 9)]), 7, "its one lane becomes two");
        let two = [(&*lane_name("order", 0, 2), 9), (&*lane_name("order", 1, 2), 8)];
        assert_eq!(through(&[&[("order", 7)], &two[..]].concat()), 8, "they are further than the one was");
        assert_eq!(through(&[&[("order", 30)], &two[..]].concat()), 30, "and the one is again");
    }

    #[test]
    fn of_a_lane_that_is_further_more_is_taken_in() {
        let cursor = |(lane, position)| Cursor {
            source: lane_name("order", lane, 2).into(),
            epoch: Uuid::nil(),
            position,
        };
        let taken = Taken::of("order", &[(0, 9), (1, 5)].map(cursor));
        let has = |key, position| taken.has(Uuid::from_u128(key), Position(position));
        assert_eq!((taken.through(), taken.furthest()), (Position(5), Position(9)));
        assert_eq!((has(2, 9), has(2, 10), has(3, 5), has(3, 6)), (true, false, true, false));
        assert!(!Taken::default().has(Uuid::nil(), Position(1)));
    }

    #[test]
    fn a_key_has_one_lane_and_every_lane_has_keys() {
        let lanes: Vec<u32> = (0..8).map(|key| lane_for(Uuid::from_u128(key), 4)).collect();
        assert_eq!(lanes, [0, 1, 2, 3, 0, 1, 2, 3]);
        assert_eq!(lane_for(Uuid::max(), 1), 0);
        assert_eq!(lane_for(Uuid::max(), 8), 7);
    }

    #[test]
    fn a_cursor_follows_a_log_whole_or_in_lanes() {
        assert!(follows("order", "order") && follows("order", "order/3/8"));
        for stranger in ["orders", "product", "order-2/0/8", "order/x/8", "order/1"] {
            assert!(!follows("order", stranger), "{stranger}");
        }
    }
}
