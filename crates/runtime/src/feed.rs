//! Another database's log, as a database hears it. In one process its [`Tail`](crate::tail::Tail) hands the log on from memory; between
//! processes something carries it, which may be slow, repeat itself, be cut off for a while, or keep several lanes.

use crate::door::Door;
use crate::ports::store::{Cursor, LogState, Position, StoreError};
use crate::tail::Observer;
use kernel::said::Entry;
use std::sync::Arc;

/// A log, or one lane of it: rows of one order keep one lane, and each lane has its rows in the log's order.
///
/// Rows come at least once: what is handed out again is decided again, and has no second effect.
pub trait Feed: Send + Sync {
    /// The database whose log it is.
    fn log(&self) -> &str;

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
}

/// The cursor's name of lane `lane` (from 0) of `lanes` of a log.
#[must_use]
pub fn lane_name(log: &str, lane: u32, lanes: u32) -> String {
    format!("{log}/{lane}/{lanes}")
}

/// How far `cursors` say that all lanes of `log` are taken in; the beginning, if one is missing.
#[must_use]
pub fn followed_through<'c>(log: &str, cursors: impl IntoIterator<Item = &'c Cursor>) -> Position {
    let mut lanes: Vec<(u32, u32, Position)> = Vec::new();
    for cursor in cursors {
        let at = Position(u64::try_from(cursor.position).unwrap_or(0));
        if cursor.source == log {
            lanes.push((0, 1, at));
        } else if let Some((lane, of)) = lane_of(log, &cursor.source) {
            lanes.push((lane, of, at));
        }
    }
    // A log that is carried in more lanes than before has cursors of both kinds: the larger number is the newer.
    let of = lanes.iter().map(|(_, of, _)| *of).max().unwrap_or(0);
    let mut known: Vec<(u32, Position)> =
        lanes.into_iter().filter(|(_, lanes, _)| *lanes == of).map(|(lane, _, at)| (lane, at)).collect();
    known.sort_unstable();
    known.dedup_by_key(|(lane, _)| *lane);
    let whole = u32::try_from(known.len()).is_ok_and(|count| count == of);
    known.into_iter().map(|(_, at)| at).min().filter(|_| whole).unwrap_or_default()
}

fn lane_of(log: &str, cursor: &str) -> Option<(u32, u32)> {
    let (lane, of) = cursor.strip_prefix(log)?.strip_prefix('/')?.split_once('/')?;
    Some((lane.parse().ok()?, of.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

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
        assert_eq!(through(&[("order", 7), (&lane_name("order", 0, 2), 9)]), 0, "its one lane became two");
    }
}
