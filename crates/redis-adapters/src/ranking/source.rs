//! What the copy is made from: the orders' log, and the book of sales, which has followed that log too.

use super::copy::{KEPT_DAYS, Stand, Stands, Trouble};
use kernel::ids::ProductId;
use kernel::{DomainName, Key, Record, Timestamp, Value};
use ranking::Sale;
use runtime::feed::Taken;
use runtime::ports::store::{Compare, Cursor, LogState, Position, Query, Reader};
use runtime::{Feed, System};
use smol_str::SmolStr;
use std::sync::Arc;

/// Rows of the book read at a time.
const PAGE: u32 = 5_000;
/// More cursors than any database has.
const CURSORS: u32 = 100_000;

/// The log and the book.
#[derive(Clone)]
pub struct Source {
    log: Vec<Arc<dyn Feed>>,
    book: Arc<dyn Reader>,
    /// Whether the book is in the very database whose log it is: then it has heard all of it.
    is_together: bool,
}

/// What to do with a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It can follow the log from where it stands.
    Follow,
    /// It cannot, for this reason.
    Rebuild(&'static str),
}

impl Source {
    /// The orders' log in its lanes (one, if it is read where it is written), and the book.
    #[must_use]
    pub fn new(log: Vec<Arc<dyn Feed>>, book: Arc<dyn Reader>, is_together: bool) -> Self {
        Self { log, book, is_together }
    }

    /// Those of a system.
    ///
    /// # Errors
    /// If no unit holds orders or ranking.
    pub fn of(system: &System) -> Result<Self, Trouble> {
        let (orders, ranking) = (DomainName::of("order"), DomainName::of("ranking"));
        let odd = |error: &dyn std::fmt::Display| Trouble::Odd(error.to_string());
        let log = system.feeds(&orders).map_err(|error| odd(&error))?;
        let book = Arc::clone(system.reader(&ranking).map_err(|error| odd(&error))?);
        let mut books = system.books().into_iter();
        let is_together = books
            .any(|(database, _)| database.domains.contains(&orders) && database.domains.contains(&ranking));
        Ok(Self::new(log, book, is_together))
    }

    pub(crate) fn log(&self) -> &[Arc<dyn Feed>] {
        &self.log
    }

    /// Whether a copy that stands at `stands` can follow.
    pub(crate) fn judge(&self, stands: &Stands) -> Result<Verdict, Trouble> {
        for feed in &self.log {
            let verdict = judge(stands.get(feed.cursor()).copied(), feed.state()?);
            if verdict != Verdict::Follow {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Follow)
    }

    /// The book as of one moment: where it stands, what it holds beyond that, and every row from `today`'s longest window on, a page at a
    /// time and by day.
    pub(crate) fn read_book(
        &self,
        today: Timestamp,
        mut page: impl FnMut(&(Stands, Taken), &[Sale]) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let snapshot = self.book.snapshot()?;
        let stands = self.stands(snapshot.as_ref())?;
        let first = Value::Int(today.day() - KEPT_DAYS + 1);
        let mut query = Query::of(Sale::TABLE, PAGE).filter("day", Compare::AtLeast, first);
        loop {
            let rows = snapshot.query(&query)?;
            let sales: Vec<Sale> = rows.iter().map(shop::facts::read).collect::<Result<_, _>>()?;
            page(&stands, &sales)?;
            match rows.last().filter(|_| rows.len() == PAGE as usize) {
                Some(last) => query = query.after(Key::of_row(Sale::TABLE, last)),
                None => return Ok(()),
            }
        }
    }

    /// Where the book stands: it has taken in whatever concerns it up to there, and of what comes after only what is said besides. It may
    /// follow the log in lanes where the copy follows it whole.
    fn stands(&self, book: &dyn Reader) -> Result<(Stands, Taken), Trouble> {
        let rows = book.query(&Query::of(Cursor::TABLE, CURSORS))?;
        let cursors: Vec<Cursor> = rows.iter().map(shop::facts::read).collect::<Result<_, _>>()?;
        let (mut stands, mut besides) = (Stands::new(), Taken::default());
        for feed in &self.log {
            let lane = cursors.iter().find(|cursor| cursor.source == feed.cursor());
            let position = if self.is_together {
                book.log_state()?.head
            } else if feed.cursor() == feed.log() {
                besides = Taken::of(feed.log(), &cursors);
                besides.through()
            } else {
                Position(lane.map_or(0, |cursor| u64::try_from(cursor.position).unwrap_or(0)))
            };
            stands.insert(feed.cursor().to_owned(), Stand { epoch: feed.state()?.epoch, position });
        }
        Ok((stands, besides))
    }
}

/// Whether whoever stands there can follow a log.
fn judge(stand: Option<Stand>, log: LogState) -> Verdict {
    let Some(stand) = stand else { return Verdict::Rebuild("it has no position") };
    if stand.epoch != log.epoch {
        Verdict::Rebuild("the log has begun a new epoch")
    } else if stand.position > log.head {
        Verdict::Rebuild("the log ends before its position")
    } else if log.first.0 > stand.position.0 + 1 {
        Verdict::Rebuild("the log has been pruned past its position")
    } else {
        Verdict::Follow
    }
}

/// One product of a day's sales, as the copy keeps it.
pub(crate) fn sold(sale: &Sale) -> (ProductId, SmolStr, i64) {
    (sale.product_id, sale.sku.clone(), sale.sold)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::ports::store::Epoch;
    use uuid::Uuid;

    fn check(stand: Option<(u128, u64)>, expected: Verdict) {
        let stand = stand.map(|(epoch, position)| Stand {
            epoch: Epoch(Uuid::from_u128(epoch)),
            position: Position(position),
        });
        let log = LogState { epoch: Epoch(Uuid::from_u128(1)), head: Position(20), first: Position(11) };
        assert_eq!(judge(stand, log), expected, "{stand:?}");
    }

    #[test]
    fn a_copy_follows_from_where_it_stands_if_the_log_goes_on_from_there() {
        check(Some((1, 10)), Verdict::Follow);
        check(Some((1, 20)), Verdict::Follow);
        check(None, Verdict::Rebuild("it has no position"));
        check(Some((2, 20)), Verdict::Rebuild("the log has begun a new epoch"));
        check(Some((1, 21)), Verdict::Rebuild("the log ends before its position"));
        check(Some((1, 9)), Verdict::Rebuild("the log has been pruned past its position"));
    }
}
