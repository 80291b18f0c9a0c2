//! Pages of what belongs to one user.

use crate::extract::{Page, Paging, no_cursor};
use crate::problem::Problem;
use kernel::ids::UserId;
use shop::lists::{self, Linked};
use shop::{Shop, ShopError};

/// The page of `owner`'s records that are `wanted`.
///
/// # Errors
/// 400 for a cursor of another list; if the records cannot be read.
pub(crate) fn page<R: Linked>(
    shop: &Shop,
    owner: UserId,
    paging: &Paging,
    wanted: impl Fn(&R) -> bool,
) -> Result<Page<R>, Problem> {
    let found = lists::page(shop.reader(R::DOMAIN)?, owner, paging.before, paging.limit, wanted);
    let page = found.map_err(ShopError::from)?.ok_or_else(no_cursor)?;
    Ok(Page::up_to(page.records, page.next))
}
