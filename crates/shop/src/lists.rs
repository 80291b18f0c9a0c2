//! What belongs to one user, newest first: chains, of which each row names the one before it.

use crate::facts::{load, read};
use kernel::Record;
use kernel::ids::{OrderId, UserId};
use point::{PointEntry, Points};
use read_model::{OrderHead, OrderView};
use runtime::ports::store::{Chain, Reader, StoreError};
use uuid::Uuid;

/// A record of somebody's that names the one before it.
pub trait Linked: Record {
    /// The domain whose it is.
    const DOMAIN: &'static str;
    /// The column that names the one before.
    const LINK: &'static str;

    /// The latest of `owner`'s.
    ///
    /// # Errors
    /// If it cannot be read.
    fn latest(reader: &dyn Reader, owner: UserId) -> Result<Option<Uuid>, StoreError>;

    /// Its id, under which it is stored.
    fn id(&self) -> Uuid;

    /// Whose it is.
    fn owner(&self) -> UserId;

    /// The one before it.
    fn previous(&self) -> Option<Uuid>;
}

impl Linked for OrderView {
    const DOMAIN: &'static str = "read-model";
    const LINK: &'static str = "previous";

    fn latest(reader: &dyn Reader, owner: UserId) -> Result<Option<Uuid>, StoreError> {
        let heads: Vec<OrderHead> = load(reader, [(owner,)])?;
        Ok(heads.first().map(|head| head.latest.0))
    }

    fn id(&self) -> Uuid {
        self.order_id.0
    }

    fn owner(&self) -> UserId {
        self.user_id
    }

    fn previous(&self) -> Option<Uuid> {
        self.previous.map(|OrderId(id)| id)
    }
}

impl Linked for PointEntry {
    const DOMAIN: &'static str = "point";
    const LINK: &'static str = "previous";

    fn latest(reader: &dyn Reader, owner: UserId) -> Result<Option<Uuid>, StoreError> {
        let points: Vec<Points> = load(reader, [(owner,)])?;
        Ok(points.first().and_then(|points| points.last_entry))
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn owner(&self) -> UserId {
        self.user_id
    }

    fn previous(&self) -> Option<Uuid> {
        self.previous
    }
}

/// A page of somebody's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<R> {
    /// The records, newest first.
    pub records: Vec<R>,
    /// The one behind which the next page begins; none on the last page.
    pub next: Option<Uuid>,
}

/// Rows looked at for one page at most, wanted or not: a request must not read through years. A page that ends there may be
/// short, and says where the next one begins.
const MOST_FOLLOWED: u32 = 1_000;

/// Rows asked for at a time, once the first rows did not fill the page.
const STRIDE: u32 = 250;

/// At most `limit` of `owner`'s records that are `wanted`: the newest, or those behind the one called `after`. `None` if that is
/// none of theirs.
///
/// # Errors
/// If they cannot be read.
pub fn page<R: Linked>(
    reader: &dyn Reader,
    owner: UserId,
    after: Option<Uuid>,
    limit: u32,
    wanted: impl Fn(&R) -> bool,
) -> Result<Option<Page<R>>, StoreError> {
    let latest = match after {
        None => R::latest(reader, owner)?,
        Some(after) => {
            let rows: Vec<R> = load(reader, [(after,)])?;
            match rows.first().filter(|row| row.owner() == owner) {
                Some(row) => row.previous(),
                None => return Ok(None),
            }
        }
    };
    gather(latest, limit, wanted, |from, limit| {
        let rows = reader.follow(&Chain { table: R::TABLE, from: (from,).into(), link: R::LINK, limit })?;
        rows.iter().map(read).collect::<Result<Vec<R>, _>>()
    })
    .map(Some)
}

/// The records from `latest` on that are `wanted`; `follow` gives those from one on, at most so many.
fn gather<R: Linked, E>(
    latest: Option<Uuid>,
    limit: u32,
    wanted: impl Fn(&R) -> bool,
    follow: impl Fn(Uuid, u32) -> Result<Vec<R>, E>,
) -> Result<Page<R>, E> {
    let (mut records, mut followed) = (Vec::new(), 0);
    let (mut last, mut next) = (None, latest);
    // One more than is shown tells whether there is a next page.
    let mut stride = limit.saturating_add(1);
    while let Some(from) = next {
        if followed >= MOST_FOLLOWED {
            return Ok(Page { records, next: last });
        }
        // Where nothing is found the chain is broken, which is for an audit to say.
        next = None;
        for row in follow(from, stride.min(MOST_FOLLOWED - followed))? {
            (followed, next, last) = (followed + 1, row.previous(), Some(row.id()));
            if !wanted(&row) {
                continue;
            }
            if records.len() == limit as usize {
                let shown = records.last().map(R::id);
                return Ok(Page { records, next: shown });
            }
            records.push(row);
        }
        stride = STRIDE;
    }
    Ok(Page { records, next: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Money, Timestamp};
    use point::PointKind;
    use std::cell::Cell;

    /// Entry number `number` of a history; the first has number 1.
    fn entry(number: u128) -> PointEntry {
        PointEntry {
            id: Uuid::from_u128(number),
            user_id: UserId(Uuid::nil()),
            previous: (number > 1).then(|| Uuid::from_u128(number - 1)),
            kind: PointKind::Grant,
            amount: Money::ZERO,
            balance: Money::ZERO,
            order_id: None,
            charge_id: None,
            reason: None,
            by_user: None,
            at: Timestamp(0),
        }
    }

    /// The numbers shown on each page of a history of `entries`, of which every `nth` is wanted, and the rows read for each.
    fn pages(entries: u128, nth: u128, limit: u32) -> (Vec<Vec<u128>>, Vec<u32>) {
        let read = Cell::new(0);
        let follow = |from: Uuid, limit: u32| {
            let rows: Vec<_> = (1..=from.as_u128()).rev().take(limit as usize).map(entry).collect();
            read.set(read.get() + u32::try_from(rows.len()).unwrap());
            Ok::<_, ()>(rows)
        };
        let wanted = |entry: &PointEntry| entry.id.as_u128().is_multiple_of(nth);
        let (mut shown, mut reads) = (Vec::new(), Vec::new());
        let mut next = Some(Uuid::from_u128(entries));
        loop {
            read.set(0);
            let page = gather(next, limit, wanted, follow).unwrap();
            shown.push(page.records.iter().map(|entry| entry.id.as_u128()).collect());
            reads.push(read.get());
            match page.next {
                Some(after) => next = entry(after.as_u128()).previous,
                None => return (shown, reads),
            }
        }
    }

    #[test]
    fn a_page_is_read_in_one_call_and_the_next_goes_on_behind_it() {
        assert_eq!(pages(5, 1, 2), (vec![vec![5, 4], vec![3, 2], vec![1]], vec![3, 3, 1]));
        assert_eq!(pages(4, 1, 2), (vec![vec![4, 3], vec![2, 1]], vec![3, 2]));
        assert_eq!(pages(3, 2, 2), (vec![vec![2]], vec![3]));
        assert_eq!(pages(2, 9, 2), (vec![vec![]], vec![2]));
    }

    #[test]
    fn a_page_of_rare_things_may_be_short_but_nothing_is_missed() {
        let (shown, reads) = pages(10_000, 700, 3);
        let expected: Vec<u128> =
            (1..=10_000_u128).rev().filter(|number| number.is_multiple_of(700)).collect();
        assert_eq!(shown.concat(), expected);
        assert!(shown.iter().all(|page| page.len() <= 3));
        assert!(reads.iter().all(|read| *read <= MOST_FOLLOWED), "{reads:?}");
        assert_eq!(pages(2_500, 9_999, 3).0, vec![vec![]; 3] as Vec<Vec<u128>>);
    }

    #[test]
    fn a_history_that_runs_in_a_circle_ends_a_page() {
        let circle = |_, limit: u32| {
            Ok::<_, ()>(vec![PointEntry { previous: Some(Uuid::max()), ..entry(1) }; limit as usize])
        };
        let page = gather(Some(Uuid::max()), 3, |_| false, circle).unwrap();
        assert!(page.records.is_empty() && page.next.is_some());
    }
}
