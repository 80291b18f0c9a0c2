//! Reads that every door makes alike: what sold best, and the dead letters of all databases.

use crate::facts::read;
use kernel::ids::ProductId;
use kernel::judge::letters::{DeadLetter, LetterStatus};
use kernel::table::{Corrupt, Field};
use kernel::{Record, Timestamp, Value};
use ranking::{BEST_SELLERS_GROUP, BEST_SELLERS_SUM, Sale, first_day};
use runtime::ports::store::{Compare, Filter, Query, Reader, StoreError, Top};
use smol_str::SmolStr;
use uuid::Uuid;

/// A product among those that sold best.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BestSeller {
    /// Which.
    pub product: ProductId,
    /// Its SKU.
    pub sku: SmolStr,
    /// Pieces sold and not taken back, above zero.
    pub sold: i64,
}

impl BestSeller {
    /// A row, in the order of [`BEST_SELLERS_GROUP`] and the sum.
    fn read(row: &[Value]) -> Result<Self, StoreError> {
        let unusable = |what: &dyn std::fmt::Display| {
            StoreError::Unusable(format!("table {}: {what}", Sale::TABLE.name))
        };
        let [product, sku, sold] = row else { return Err(unusable(&"a ranking of another shape")) };
        let read = || -> Result<Self, Corrupt> {
            Ok(Self {
                product: ProductId::from_value(product)?,
                sku: SmolStr::from_value(sku)?,
                sold: i64::from_value(sold)?,
            })
        };
        read().map_err(|corrupt| unusable(&corrupt))
    }
}

/// At most `limit` of the products that sold best in the last `days` days (UTC, that of `now` included), best first.
///
/// # Errors
/// If the book of sales cannot be read.
pub fn best_sellers(
    ranking: &dyn Reader,
    now: Timestamp,
    days: u32,
    limit: u32,
) -> Result<Vec<BestSeller>, StoreError> {
    let top = Top {
        table: Sale::TABLE,
        group: BEST_SELLERS_GROUP.to_vec(),
        sum: BEST_SELLERS_SUM,
        filters: vec![Filter {
            column: "day",
            compare: Compare::AtLeast,
            value: Value::Int(first_day(now, days)),
        }],
        limit,
    };
    let rows = ranking.top(&top)?;
    let mut sold = rows.iter().map(|row| BestSeller::read(row)).collect::<Result<Vec<_>, _>>()?;
    // What was all taken back did not sell.
    sold.retain(|one| one.sold > 0);
    Ok(sold)
}

/// The most letters of one database that a list looks at.
const MOST_LETTERS: u32 = 2_000;

/// At most `limit` dead letters of all `databases`, newest first: those of `status`, if one is given, that come after the letter
/// whose [`letter_place`] is `before`.
///
/// # Errors
/// If one of the databases cannot be read.
pub fn dead_letters<'r>(
    databases: impl IntoIterator<Item = &'r dyn Reader>,
    status: Option<LetterStatus>,
    before: Option<Uuid>,
    limit: u32,
) -> Result<Vec<DeadLetter>, StoreError> {
    let mut query = Query::of(DeadLetter::TABLE, MOST_LETTERS).sort("first_at", true);
    if let Some(status) = status {
        query = query.filter("status", Compare::Is, status.to_value());
    }
    if let Some(before) = before {
        query = query.filter("first_at", Compare::AtMost, Value::Int(time_of(before)));
    }
    let mut letters: Vec<DeadLetter> = Vec::new();
    for database in databases {
        for row in database.query(&query)? {
            letters.push(read(&row)?);
        }
    }
    letters.retain(|letter| before.is_none_or(|before| letter_place(letter) < before));
    letters.sort_by_key(|letter| std::cmp::Reverse(letter_place(letter)));
    letters.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(letters)
}

/// Where a letter stands in lists. Letters have ids that may say nothing about time: they sort by when they were raised, then by
/// id.
#[must_use]
pub fn letter_place(letter: &DeadLetter) -> Uuid {
    let at = u128::try_from(letter.first_at.0).unwrap_or(0) & u128::from(u64::MAX);
    let id = letter.id.0.as_u128();
    Uuid::from_u128(at << 64 | ((id >> 64 ^ id) & u128::from(u64::MAX)))
}

fn time_of(place: Uuid) -> i64 {
    i64::try_from(place.as_u128() >> 64).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::ids::LetterId;
    use kernel::judge::letters::LetterKind;

    #[test]
    fn a_cursor_keeps_the_time_a_letter_was_raised_at() {
        let letter = DeadLetter {
            id: LetterId(Uuid::from_u128(u128::MAX)),
            domain: kernel::DomainName::of("order"),
            order_id: None,
            step: None,
            kind: LetterKind::Poison,
            error: SmolStr::default(),
            attempts: 1,
            first_at: Timestamp(1_700_000_000_123),
            last_at: Timestamp(1_700_000_000_123),
            status: LetterStatus::Open,
            message: None,
            note: None,
            handled_by: None,
        };
        assert_eq!(time_of(letter_place(&letter)), 1_700_000_000_123);
    }
}
