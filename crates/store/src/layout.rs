//! The tables that a database was opened with, and how what is stored is held against them: the same for every SQL engine.
//!
//! A layout only ever grows: missing tables, nullable columns and indexes are added. Whatever else differs is refused by name,
//! because it would need to know what the rows mean.

use crate::{checks, sql};
use kernel::table::{Column, ColumnType, Table};
use runtime::ports::store::StoreError;
use rustc_hash::FxHashMap;

/// The tables that a database was opened with, by name, each with what an engine keeps about it.
pub(crate) struct Layout<S>(FxHashMap<&'static str, (&'static Table, S)>);

impl<S> Layout<S> {
    /// The tables among `tables`, each once, with what `keep` makes of them.
    pub(crate) fn with(
        tables: &[&'static Table],
        keep: impl Fn(&'static Table) -> Result<S, StoreError>,
    ) -> Result<Self, StoreError> {
        let mut layout = FxHashMap::default();
        for table in tables {
            checks::sound(table)?;
            match layout.insert(table.name, (*table, keep(table)?)) {
                Some((other, _)) if other != *table => {
                    return Err(StoreError::Unusable(format!("two different tables {}", table.name)));
                }
                _ => {}
            }
        }
        Ok(Self(layout))
    }

    /// What is kept about `table`.
    pub(crate) fn get(&self, table: &Table) -> Result<&S, StoreError> {
        self.0
            .get(table.name)
            .map(|(_, kept)| kept)
            .ok_or_else(|| StoreError::Unusable(format!("opened without its table {}", table.name)))
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, table: &Table) -> Option<&mut S> {
        self.0.get_mut(table.name).map(|(_, kept)| kept)
    }

    /// The number of tables.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The tables, by name.
    pub(crate) fn sorted(&self) -> Vec<&'static Table> {
        let mut tables: Vec<_> = self.0.values().map(|(table, _)| *table).collect();
        tables.sort_unstable_by_key(|table| table.name);
        tables
    }
}

/// A table as an engine stores it: perhaps with columns of the engine's own.
pub(crate) struct Shape {
    /// The table's name.
    pub(crate) name: &'static str,
    /// All columns, in order.
    pub(crate) columns: Vec<&'static Column>,
    /// How many of them make the primary key.
    pub(crate) key: usize,
}

impl Shape {
    /// A table stored as its data says.
    pub(crate) fn of(table: &Table) -> Self {
        Self { name: table.name, columns: table.columns.iter().collect(), key: table.key }
    }

    /// The names of all columns.
    pub(crate) fn names(&self) -> String {
        sql::names(self.columns.iter().map(|column| column.name))
    }

    /// The names of the key's columns.
    pub(crate) fn key_names(&self) -> String {
        sql::names(self.columns.iter().take(self.key).map(|column| column.name))
    }
}

/// A column as the engine has it.
pub(crate) struct Stored {
    /// Its type's name.
    pub(crate) ty: String,
    /// Whether it may not be NULL.
    pub(crate) not_null: bool,
    /// Its place in the primary key from 1 on; 0 outside of it.
    pub(crate) key: usize,
}

/// What a stored table lacks.
pub(crate) enum Missing {
    /// All of it.
    Table,
    /// These columns, all of which may be NULL; perhaps none.
    Columns(Vec<&'static Column>),
}

impl Missing {
    /// What `table` lacks first, if anything.
    pub(crate) fn first(&self, table: &Table) -> Option<String> {
        match self {
            Self::Table => Some(table.name.to_owned()),
            Self::Columns(columns) => columns.first().map(|column| format!("{}.{}", table.name, column.name)),
        }
    }
}

/// What of `table` is missing among the `stored` columns, and whether there are columns that it does not know. `sql_type` says what
/// the engine calls a column's type.
///
/// # Errors
/// [`StoreError::Unusable`], naming the column, if what is there differs.
pub(crate) fn compare(
    table: &Shape,
    mut stored: FxHashMap<String, Stored>,
    sql_type: fn(ColumnType) -> &'static str,
) -> Result<(Missing, bool), StoreError> {
    if stored.is_empty() {
        return Ok((Missing::Table, false));
    }
    let mut missing = Vec::new();
    for (nth, column) in table.columns.iter().copied().enumerate() {
        let wrong =
            |what: String| Err(StoreError::Unusable(format!("{}.{} {what}", table.name, column.name)));
        let key = if nth < table.key { nth + 1 } else { 0 };
        match stored.remove(column.name) {
            None if column.nullable => missing.push(column),
            None => return wrong("is missing and may not be NULL".to_owned()),
            Some(found) if found.ty != sql_type(column.ty) => {
                return wrong(format!("is stored as {}, not {}", found.ty, sql_type(column.ty)));
            }
            Some(found) if found.key != key => {
                return wrong(format!("stands at {} of the stored key, not {key}", found.key));
            }
            Some(found) if found.not_null == column.nullable => {
                return wrong("differs in whether it may be NULL".to_owned());
            }
            Some(_) => {}
        }
    }
    // A newer release may have added columns; rows put without them must be acceptable.
    let mut unknown: Vec<_> = stored.into_iter().collect();
    unknown.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    match unknown.iter().find(|(_, found)| found.not_null || found.key > 0) {
        Some((name, _)) => {
            Err(StoreError::Unusable(format!("{}.{name} is unknown and may not be NULL", table.name)))
        }
        None => Ok((Missing::Columns(missing), !unknown.is_empty())),
    }
}

/// The statements that add what is missing; `options` ends the one that makes a table.
pub(crate) fn changes(
    table: &Shape,
    missing: &Missing,
    sql_type: fn(ColumnType) -> &'static str,
    options: &str,
) -> Vec<String> {
    let definition = |column: &Column| {
        let null = if column.nullable { "" } else { " NOT NULL" };
        format!("\"{}\" {}{null}", column.name, sql_type(column.ty))
    };
    match missing {
        Missing::Table => {
            let columns: Vec<String> = table.columns.iter().map(|column| definition(column)).collect();
            let (columns, key) = (columns.join(", "), table.key_names());
            vec![format!("CREATE TABLE \"{}\" ({columns}, PRIMARY KEY ({key})){options}", table.name)]
        }
        Missing::Columns(columns) => {
            let add = |column: &&Column| {
                format!("ALTER TABLE \"{}\" ADD COLUMN {}", table.name, definition(column))
            };
            columns.iter().map(add).collect()
        }
    }
}

#[cfg(test)]
pub(crate) use tests::check_growth;

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::state::Write;
    use kernel::table::{Index, Key, Value};
    use runtime::ports::store::{Compare, Intent, Query, Reader, Store};
    use std::sync::Arc;
    use uuid::Uuid;

    type Opened = Result<(Box<dyn Store>, Arc<dyn Reader>), StoreError>;

    const fn column(name: &'static str, ty: ColumnType, nullable: bool) -> Column {
        Column { name, ty, nullable }
    }

    const ID: Column = column("id", ColumnType::Int, false);
    const LABEL: Column = column("label", ColumnType::Text, false);
    const DUE: Column = column("due", ColumnType::Int, true);
    const ROOM: Column = column("room", ColumnType::Id, true);

    static PLAIN: Table =
        Table { name: "boxes", key: 1, columns: &[ID, LABEL, DUE], indexes: &[], scattered: false };
    static INDEXED: Table = Table {
        name: "boxes",
        key: 1,
        columns: &[ID, LABEL, DUE],
        indexes: &[Index { name: "boxes_by_due", columns: &["due"] }],
        scattered: false,
    };
    static WIDER: Table = Table {
        name: "boxes",
        key: 1,
        columns: &[ID, LABEL, ROOM, DUE],
        indexes: &[Index { name: "boxes_by_room", columns: &["room"] }],
        scattered: false,
    };

    /// Holds an engine to what a layout may do over time. `make` makes a place that can be opened again and again; the names are those
    /// of the engine's types for texts and integers.
    pub(crate) fn check_growth<P: Fn(&[&'static Table]) -> Opened>(
        names: [&str; 2],
        mut make: impl FnMut() -> P,
    ) {
        an_added_column_that_may_be_null_is_taken_in(&make());
        let why = |place: P, key, columns| {
            place(&[&INDEXED]).unwrap();
            let table =
                Box::leak(Box::new(Table { name: "boxes", key, columns, indexes: &[], scattered: false }));
            match place(&[table]) {
                Err(StoreError::Unusable(why)) => why,
                other => panic!("refused as {:?}", other.map(drop)),
            }
        };
        static TYPE: [Column; 3] = [ID, column("label", ColumnType::Int, false), DUE];
        static NULL: [Column; 3] = [ID, column("label", ColumnType::Text, true), DUE];
        static NEW: [Column; 4] = [ID, LABEL, DUE, column("room", ColumnType::Id, false)];
        static LESS: [Column; 2] = [ID, DUE];
        let [text, integer] = names;
        assert_eq!(why(make(), 1, &TYPE), format!("boxes.label is stored as {text}, not {integer}"));
        assert_eq!(why(make(), 1, &NULL), "boxes.label differs in whether it may be NULL");
        assert_eq!(why(make(), 2, PLAIN.columns), "boxes.label stands at 0 of the stored key, not 2");
        assert_eq!(why(make(), 1, &NEW), "boxes.room is missing and may not be NULL");
        assert_eq!(why(make(), 1, &LESS), "boxes.label is unknown and may not be NULL");
    }

    fn put(place: &impl Fn(&[&'static Table]) -> Opened, table: &'static Table, row: Vec<Value>) {
        let key = Key(row[..1].into());
        let mut store = place(&[table]).unwrap().0;
        store.begin().unwrap();
        store.commit(&[Write { table, key, row: Some(row.into()) }], &[]).unwrap();
    }

    fn an_added_column_that_may_be_null_is_taken_in(place: &impl Fn(&[&'static Table]) -> Opened) {
        let label = Value::Text("books".into());
        put(place, &INDEXED, vec![Value::Int(0), label.clone(), Value::Null]);
        let (mut store, _) = place(&[&WIDER]).unwrap();
        let key = Key::from((0_i64,));
        store.begin().unwrap();
        let rows = store.load(&WIDER, std::slice::from_ref(&key), Intent::Change).unwrap();
        store.roll_back();
        assert_eq!(*rows[0], [Value::Int(0), label.clone(), Value::Null, Value::Null]);
        drop(store);
        put(place, &WIDER, vec![Value::Int(0), label.clone(), Value::Id(Uuid::from_u128(9)), Value::Null]);
        // A release that does not know the column yet leaves it as it is, whichever statement its table is written with.
        for older in [&INDEXED, &PLAIN] {
            put(place, older, vec![Value::Int(0), label.clone(), Value::Null]);
            let room = Query::of(&WIDER, 9).filter("room", Compare::Present, Value::Null);
            assert_eq!(place(&[&WIDER]).unwrap().1.query(&room).unwrap().len(), 1);
        }
    }
}
