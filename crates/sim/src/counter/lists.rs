//! Lists, newest first, a page at a time.

use super::Sight;
use super::refusals::No;
use crate::clients::{Id, Listed, Page};
use kernel::Value;
use kernel::ids::UserId;
use runtime::ports::store::{Compare, Query};
use shop::lists::{self, Linked};
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

/// The page of what belongs to `owner` and is `wanted`.
pub(super) fn chain<R: Linked, T>(
    sight: &Sight<'_>,
    owner: UserId,
    of: Page,
    wanted: impl Fn(&R) -> bool,
    show: impl FnMut(&R) -> Result<T, No>,
) -> Result<Listed<T>, No> {
    let (reader, after) = (sight.reader(R::DOMAIN)?, of.after.map(Uuid::from_u128));
    let page = lists::page(reader.as_ref(), owner, after, ROWS - 1, wanted)?;
    let page = page.ok_or_else(|| No::refused(400, "BAD_PARAMETER"))?;
    let items = page.records.iter().map(show).collect::<Result<_, _>>()?;
    Ok(Listed { items, next: page.next.map(|next| next.as_u128()) })
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
