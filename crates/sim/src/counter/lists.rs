//! Lists, newest first, a page at a time.

use super::refusals::No;
use crate::clients::{Id, Listed, Page};
use kernel::Value;
use runtime::ports::store::{Compare, Query};
use uuid::Uuid;

/// How many stand on a page.
const LIMIT: usize = 100;

/// How many rows are asked for: one more than is shown tells whether there is a next page.
pub(super) const ROWS: u32 = 101;

/// Rows from the page's cursor down, by the column that holds their id.
pub(super) fn newest_first(query: Query, id: &'static str, page: Page) -> Query {
    let query = query.sort(id, true);
    match page.after {
        Some(after) => query.filter(id, Compare::Below, Value::Id(Uuid::from_u128(after))),
        None => query,
    }
}

/// The page of the first of `rows`, of which [`ROWS`] were asked for.
pub(super) fn page<R, T>(
    mut rows: Vec<R>,
    id: impl Fn(&R) -> Uuid,
    show: impl FnMut(&R) -> Result<T, No>,
) -> Result<Listed<T>, No> {
    let is_last = rows.len() <= LIMIT;
    rows.truncate(LIMIT);
    let next: Option<Id> = rows.last().filter(|_| !is_last).map(|last| id(last).as_u128());
    Ok(Listed { items: rows.iter().map(show).collect::<Result<_, _>>()?, next })
}
