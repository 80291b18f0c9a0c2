//! Queries over rows in memory: what the port's words mean, in plain Rust. A store in memory answers with it, and the
//! conformance suite holds the engines to it.

use crate::checks;
use kernel::table::{Key, Row, Table, Value};
use runtime::ports::store::{Chain, Compare, Filter, Query, StoreError, Top};
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

/// Whether a stored value compares so with `value`. NULL compares with nothing; `Is` NULL finds the NULLs.
#[must_use]
pub fn holds(stored: &Value, compare: Compare, value: &Value) -> bool {
    let known = *stored != Value::Null && *value != Value::Null;
    match compare {
        Compare::Present => *stored != Value::Null,
        Compare::Is => stored == value,
        Compare::Below => known && stored < value,
        Compare::AtMost => known && stored <= value,
        Compare::Above => known && stored > value,
        Compare::AtLeast => known && stored >= value,
    }
}

/// Conditions on the rows of one table, with their columns looked up.
pub struct Conditions<'q>(Vec<(usize, &'q Filter)>);

impl<'q> Conditions<'q> {
    /// Those of `filters`.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if the table lacks one of the columns.
    pub fn of(table: &Table, filters: &'q [Filter]) -> Result<Self, StoreError> {
        let found = filters.iter().map(|filter| Ok((checks::column(table, filter.column)?, filter)));
        found.collect::<Result<_, _>>().map(Self)
    }

    /// Whether all of them hold.
    #[must_use]
    pub fn hold(&self, row: &[Value]) -> bool {
        self.0.iter().all(|(at, Filter { compare, value, .. })| holds(&row[*at], *compare, value))
    }
}

/// What a query asks of each row, and in which order it wants them.
pub struct Sieve<'q> {
    query: &'q Query,
    conditions: Conditions<'q>,
    /// Column and whether descending, to the last tie.
    order: Vec<(usize, bool)>,
}

impl<'q> Sieve<'q> {
    /// That of `query`.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] for a column that the table lacks, or a key that is not whole.
    pub fn of(query: &'q Query) -> Result<Self, StoreError> {
        let table = query.table;
        query.after.iter().try_for_each(|after| checks::whole_key(table, after))?;
        let conditions = Conditions::of(table, &query.filters)?;
        let mut order = Vec::with_capacity(query.order.len() + table.key);
        for (name, descending) in &query.order {
            order.push((checks::column(table, name)?, *descending));
        }
        let last = order.last().is_some_and(|(_, descending)| *descending);
        let ties = (0..table.key).filter(|at| order.iter().all(|(sorted, _)| sorted != at));
        let ties: Vec<_> = ties.map(|at| (at, last)).collect();
        order.extend(ties);
        Ok(Self { query, conditions, order })
    }

    /// Whether the query is asked for this row.
    #[must_use]
    pub fn takes(&self, row: &[Value]) -> bool {
        let Query { table, after, .. } = self.query;
        after.as_ref().is_none_or(|Key(after)| row[..table.key] > after[..]) && self.conditions.hold(row)
    }

    /// Whether rows in key order are in this query's order.
    #[must_use]
    pub fn wants_key_order(&self) -> bool {
        self.order.iter().copied().eq((0..self.query.table.key).map(|at| (at, false)))
    }

    /// How two rows stand in the query's order.
    #[must_use]
    pub fn compare(&self, a: &[Value], b: &[Value]) -> Ordering {
        self.order.iter().fold(Ordering::Equal, |sorted, (at, descending)| {
            sorted.then_with(|| {
                let here = a[*at].cmp(&b[*at]);
                if *descending { here.reverse() } else { here }
            })
        })
    }
}

/// The rows of `chain`; `row` finds the one under a key.
///
/// # Errors
/// [`StoreError::Rejected`] for a column that cannot link rows.
pub fn follow(chain: &Chain, row: impl Fn(&Key) -> Option<Row>) -> Result<Vec<Row>, StoreError> {
    let link = checks::link(chain)?;
    let next = |before: &Row| row(&Key(std::iter::once(before[link].clone()).collect()));
    let limit = usize::try_from(chain.limit).unwrap_or(usize::MAX);
    Ok(std::iter::successors(row(&chain.from), next).take(limit).collect())
}

/// The groups that `top` asks for, among all rows of its table.
///
/// # Errors
/// [`StoreError::Rejected`] for a column that the table lacks, or a sum out of range.
pub fn top<'r>(top: &Top, rows: impl Iterator<Item = &'r [Value]>) -> Result<Vec<Row>, StoreError> {
    let conditions = Conditions::of(top.table, &top.filters)?;
    let group: Vec<usize> =
        top.group.iter().map(|name| checks::column(top.table, name)).collect::<Result<_, _>>()?;
    let sum = checks::column(top.table, top.sum)?;
    let mut groups: BTreeMap<Vec<&Value>, Option<i64>> = BTreeMap::new();
    for row in rows.filter(|row| conditions.hold(row)) {
        let known = groups.entry(group.iter().map(|at| &row[*at]).collect()).or_default();
        // The sum of nothing but NULLs is NULL.
        if let Value::Int(more) = row[sum] {
            let total = known.unwrap_or(0).checked_add(more);
            *known = Some(total.ok_or_else(|| out_of_range(top))?);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    // Stable: what is tied stays in the order of the groups. NULL is below every sum.
    groups.sort_by_key(|(_, sum)| Reverse(*sum));
    groups.truncate(usize::try_from(top.limit).unwrap_or(usize::MAX));
    let row = |(group, sum): (Vec<&Value>, Option<i64>)| -> Row {
        group.into_iter().cloned().chain([sum.map_or(Value::Null, Value::Int)]).collect()
    };
    Ok(groups.into_iter().map(row).collect())
}

fn out_of_range(top: &Top) -> StoreError {
    StoreError::Rejected(format!("{}: a sum of {} is out of range", top.table.name, top.sum))
}
