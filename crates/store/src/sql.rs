//! SQL text from tables and queries, in the words that SQLite and PostgreSQL share: `"name"`, `$1`, `NULLS FIRST`.
//!
//! Parameters are numbered in the order in which they appear, because SQLite takes `$1` for a name.

use crate::checks;
use kernel::table::{Index, Table, Value};
use runtime::ports::store::{Chain, Compare, Filter, Query, StoreError, Top};
use std::fmt::Write;

/// A statement and what it is to be run with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Prepared<'a> {
    /// The text: the same for every query of the same shape, so that a statement cache keyed by text works.
    pub(crate) text: String,
    /// The values of `$1`, `$2`, … without the limit, which is the last of them.
    pub(crate) values: Vec<&'a Value>,
}

/// `"a", "b"`.
pub(crate) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for name in names {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}\"{name}\"");
    }
    text
}

/// All columns of `table`, as [`names`].
pub(crate) fn columns(table: &Table) -> String {
    names(table.columns.iter().map(|column| column.name))
}

/// The names of the key columns.
pub(crate) fn key(table: &Table) -> impl Iterator<Item = &'static str> {
    table.columns.iter().take(table.key).map(|column| column.name)
}

/// What makes an `INSERT` change the row that it finds under the columns `key`; columns that the table's data does not know keep
/// their values.
pub(crate) fn or_change(table: &Table, key: &str) -> String {
    let sets: Vec<String> = table
        .columns
        .iter()
        .skip(table.key)
        .map(|column| format!("\"{0}\" = excluded.\"{0}\"", column.name))
        .collect();
    let change =
        if sets.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", sets.join(", ")) };
    format!("ON CONFLICT ({key}) DO {change}")
}

/// The statement that makes an index; one on a nullable first column leaves its NULLs out.
pub(crate) fn create_index(table: &Table, index: &Index) -> String {
    let (name, columns) = (index.name, names(index.columns.iter().copied()));
    let first = index.columns.first().and_then(|first| table.columns.iter().find(|c| c.name == *first));
    let partial = match first {
        Some(column) if column.nullable => format!(" WHERE \"{}\" IS NOT NULL", column.name),
        _ => String::new(),
    };
    format!("CREATE INDEX \"{name}\" ON \"{}\" ({columns}){partial}", table.name)
}

/// The statement for a [`Query`]. Rows that its order leaves tied are sorted by key in the direction of the last column:
/// the result never depends on the engine, and an index on the sorted columns still serves it in either direction.
pub(crate) fn query(query: &Query) -> Result<Prepared<'_>, StoreError> {
    among(query, None)
}

/// The statement for a [`Query`] among the rows whose column of this name has this value only: a column of the store's own, which
/// the table's data does not know.
pub(crate) fn among<'a>(
    query: &'a Query,
    only: Option<(&'static str, &'a Value)>,
) -> Result<Prepared<'a>, StoreError> {
    let table = query.table;
    let mut text = format!("SELECT {} FROM \"{}\"", columns(table), table.name);
    let mut values = Vec::with_capacity(query.filters.len() + 2);
    if let Some((name, value)) = only {
        let _ = write!(text, " WHERE \"{name}\" = $1");
        values.push(value);
    }
    conditions(table, &query.filters, only.is_none(), &mut text, &mut values)?;
    if let Some(after) = &query.after {
        checks::whole_key(table, after)?;
        let before = if query.filters.is_empty() && only.is_none() { " WHERE" } else { " AND" };
        let first = values.len() + 1;
        values.extend(after.0.iter());
        let marks: Vec<String> = (first..=values.len()).map(|nth| format!("${nth}")).collect();
        let _ = write!(text, "{before} ({}) > ({})", names(key(table)), marks.join(", "));
    }
    let descending = query.order.last().is_some_and(|(_, descending)| *descending);
    let ties = key(table)
        .filter(|name| query.order.iter().all(|(sorted, _)| sorted != name))
        .map(|name| (name, descending));
    for (nth, (name, descending)) in query.order.iter().copied().chain(ties).enumerate() {
        let before = if nth == 0 { " ORDER BY" } else { "," };
        let _ = write!(text, "{before} {}", sorted(table, name, descending)?);
    }
    let _ = write!(text, " LIMIT ${}", values.len() + 1);
    Ok(Prepared { text, values })
}

/// The statement for a [`Top`].
pub(crate) fn top(top: &Top) -> Result<Prepared<'_>, StoreError> {
    let table = top.table;
    let groups = names(top.group.iter().copied());
    for name in top.group.iter().chain([&top.sum]) {
        known(table, name)?;
    }
    let comma = if groups.is_empty() { "" } else { ", " };
    // PostgreSQL sums 64 bits into any number of digits.
    let mut text =
        format!("SELECT {groups}{comma}CAST(SUM(\"{}\") AS BIGINT) FROM \"{}\"", top.sum, table.name);
    let mut values = Vec::with_capacity(top.filters.len());
    conditions(table, &top.filters, true, &mut text, &mut values)?;
    if groups.is_empty() {
        // The sum of no rows is no row, as it is with groups.
        text.push_str(" HAVING COUNT(*) > 0");
    } else {
        let _ = write!(text, " GROUP BY {groups} ORDER BY {} DESC NULLS LAST", top.group.len() + 1);
        for name in &top.group {
            let _ = write!(text, ", {}", sorted(table, name, false)?);
        }
    }
    let _ = write!(text, " LIMIT ${}", values.len() + 1);
    Ok(Prepared { text, values })
}

/// The statement for a [`Chain`]. Each row carries its place, by which the rows are sorted: no engine promises the order in which
/// it recurses.
pub(crate) fn chain(chain: &Chain) -> Result<Prepared<'_>, StoreError> {
    checks::link(chain)?;
    let Chain { table, from, link, .. } = chain;
    let (name, key) = (table.name, names(key(table)));
    let columns: Vec<String> =
        table.columns.iter().map(|column| format!("\"{name}\".\"{}\"", column.name)).collect();
    let text = format!(
        "WITH RECURSIVE \"chain\" (\"here\", \"next\", \"place\") AS (\
         SELECT {key}, \"{link}\", CAST(1 AS BIGINT) FROM \"{name}\" WHERE {key} = $1 \
         UNION ALL SELECT \"{name}\".{key}, \"{name}\".\"{link}\", \"chain\".\"place\" + 1 \
         FROM \"chain\" JOIN \"{name}\" ON \"{name}\".{key} = \"chain\".\"next\" WHERE \"chain\".\"place\" < $2) \
         SELECT {} FROM \"chain\" JOIN \"{name}\" ON \"{name}\".{key} = \"chain\".\"here\" \
         ORDER BY \"chain\".\"place\" LIMIT $2",
        columns.join(", ")
    );
    Ok(Prepared { text, values: from.0.iter().collect() })
}

/// NULL sorts below every value on every engine.
fn sorted(table: &Table, name: &str, descending: bool) -> Result<String, StoreError> {
    let nullable = known(table, name)?;
    let direction = if descending { " DESC" } else { "" };
    let nulls = match (nullable, descending) {
        (false, _) => "",
        (true, false) => " NULLS FIRST",
        (true, true) => " NULLS LAST",
    };
    Ok(format!("\"{name}\"{direction}{nulls}"))
}

/// Adds what `filters` ask for to a statement, whose `first` condition it may be.
fn conditions<'a>(
    table: &Table,
    filters: &'a [Filter],
    first: bool,
    text: &mut String,
    values: &mut Vec<&'a Value>,
) -> Result<(), StoreError> {
    for (nth, Filter { column, compare, value }) in filters.iter().enumerate() {
        known(table, column)?;
        let before = if first && nth == 0 { " WHERE" } else { " AND" };
        // `= $n`, not `IS $n`: only the former lets a partial index `WHERE … IS NOT NULL` serve.
        let operator = match (compare, value) {
            (Compare::Present, _) => "IS NOT NULL",
            (Compare::Is, Value::Null) => "IS NULL",
            (Compare::Is, _) => "=",
            (Compare::Below, _) => "<",
            (Compare::AtMost, _) => "<=",
            (Compare::Above, _) => ">",
            (Compare::AtLeast, _) => ">=",
        };
        let _ = write!(text, "{before} \"{column}\" {operator}");
        if !operator.ends_with("NULL") {
            values.push(value);
            let _ = write!(text, " ${}", values.len());
        }
    }
    Ok(())
}

/// Whether the column may be NULL.
fn known(table: &Table, name: &str) -> Result<bool, StoreError> {
    Ok(table.columns[checks::column(table, name)?].nullable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Record;

    kernel::record! {
        /// A parcel.
        pub struct Parcel in "parcels" key 2 {
            /// Whose.
            pub owner: i64,
            /// Which.
            pub number: i64,
            /// When it is to be looked at again.
            pub due: Option<i64>,
        }
    }

    fn check(query: &Query, expected: &str) {
        assert_eq!(super::query(query).unwrap().text, expected);
    }

    #[test]
    fn a_query_is_sorted_to_the_last_tie() {
        let all = Query::of(Parcel::TABLE, 5);
        check(&all, r#"SELECT "owner", "number", "due" FROM "parcels" ORDER BY "owner", "number" LIMIT $1"#);
        check(
            &all.filter("due", Compare::Present, Value::Null)
                .filter("number", Compare::AtLeast, Value::Int(3))
                .filter("due", Compare::Is, Value::Null)
                .filter("owner", Compare::Is, Value::Int(1))
                .sort("due", true),
            concat!(
                r#"SELECT "owner", "number", "due" FROM "parcels" WHERE "due" IS NOT NULL AND "number" >= $1 "#,
                r#"AND "due" IS NULL AND "owner" = $2 "#,
                r#"ORDER BY "due" DESC NULLS LAST, "owner" DESC, "number" DESC LIMIT $3"#
            ),
        );
    }

    #[test]
    fn the_next_page_begins_after_the_whole_key() {
        let query = Query::of(Parcel::TABLE, 5)
            .filter("due", Compare::Is, Value::Int(1))
            .after((7_i64, 8_i64).into());
        check(
            &query,
            concat!(
                r#"SELECT "owner", "number", "due" FROM "parcels" WHERE "due" = $1 AND ("owner", "number") > ($2, $3) "#,
                r#"ORDER BY "owner", "number" LIMIT $4"#
            ),
        );
    }

    #[test]
    fn a_misspelt_column_is_refused_before_the_engine_sees_it() {
        let query = Query::of(Parcel::TABLE, 1).sort("dew", false);
        assert_eq!(
            super::query(&query),
            Err(StoreError::Rejected("table parcels has no column dew".to_owned()))
        );
    }

    kernel::record! {
        /// A page that names the one before it.
        pub struct Leaf in "leaves" key 1 {
            /// Which.
            pub id: i64,
            /// The one before.
            pub before: Option<i64>,
            /// What it says.
            pub text: String,
        }
    }

    #[test]
    fn a_chain_is_sorted_by_the_place_of_each_row_in_it() {
        let of = |table, link| Chain { table, from: (7_i64,).into(), link, limit: 5 };
        assert_eq!(
            chain(&of(Leaf::TABLE, "before")).unwrap().text,
            concat!(
                r#"WITH RECURSIVE "chain" ("here", "next", "place") AS ("#,
                r#"SELECT "id", "before", CAST(1 AS BIGINT) FROM "leaves" WHERE "id" = $1 "#,
                r#"UNION ALL SELECT "leaves"."id", "leaves"."before", "chain"."place" + 1 "#,
                r#"FROM "chain" JOIN "leaves" ON "leaves"."id" = "chain"."next" WHERE "chain"."place" < $2) "#,
                r#"SELECT "leaves"."id", "leaves"."before", "leaves"."text" "#,
                r#"FROM "chain" JOIN "leaves" ON "leaves"."id" = "chain"."here" ORDER BY "chain"."place" LIMIT $2"#
            )
        );
        let rejected = |given: &Chain| chain(given).unwrap_err().to_string();
        assert_eq!(rejected(&of(Leaf::TABLE, "text")), "rejected: leaves.text holds no keys of its table");
        assert_eq!(rejected(&of(Leaf::TABLE, "none")), "rejected: table leaves has no column none");
        let pairs = Chain { from: (7_i64, 8_i64).into(), ..of(Parcel::TABLE, "due") };
        assert_eq!(rejected(&pairs), "rejected: parcels.due holds no keys of its table");
    }

    #[test]
    fn the_largest_sums_come_first_and_ties_by_group() {
        let top =
            Top { table: Parcel::TABLE, group: vec!["owner"], sum: "number", filters: Vec::new(), limit: 3 };
        assert_eq!(
            super::top(&top).unwrap().text,
            concat!(
                r#"SELECT "owner", CAST(SUM("number") AS BIGINT) FROM "parcels" GROUP BY "owner" "#,
                r#"ORDER BY 2 DESC NULLS LAST, "owner" LIMIT $1"#
            )
        );
    }
}
