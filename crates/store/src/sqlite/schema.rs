//! The layout in a file: tables as their data says, the event log beside them, and how an older layout becomes today's.

use super::error::store_error;
use super::generations::{self, GENERATION, Generations};
use crate::layout::{self, Missing, Shape, Stored};
use crate::sql;
use kernel::table::{ColumnType, Index, Table};
use runtime::ports::store::{Epoch, StoreError};
use rusqlite::{Connection, OptionalExtension};
use rustc_hash::FxHashMap;

/// `JUMN`, in the header of every file of ours.
const APPLICATION: i32 = 0x4A55_4D4E;

const LOG: &str = r#"
CREATE TABLE "event_log" ("position" INTEGER PRIMARY KEY, "key" BLOB NOT NULL, "at" INTEGER NOT NULL, "body" TEXT NOT NULL) STRICT;
CREATE INDEX "event_log_by_key" ON "event_log" ("key");
CREATE TABLE "log_state" ("one" INTEGER PRIMARY KEY CHECK ("one" = 1),
    "epoch" BLOB NOT NULL, "head" INTEGER NOT NULL, "first" INTEGER NOT NULL) STRICT;
"#;

/// Keys that one [`Statements::select_many`] takes.
pub(super) const MANY: usize = 64;

/// The statements of one table.
pub(super) struct Statements {
    /// One key's row.
    pub(super) select: String,
    /// The rows of [`MANY`] keys.
    pub(super) select_many: String,
    /// Puts one row.
    pub(super) put: String,
    /// Deletes one key's row.
    pub(super) delete: String,
}

/// How a table is kept.
pub(super) struct Kept {
    /// How it is read and written, row by row.
    pub(super) statements: Statements,
    /// Where its rows are, if it is scattered.
    pub(super) generations: Option<Generations>,
}

/// The tables that a file was opened with.
pub(super) type Layout = layout::Layout<Kept>;

impl Layout {
    /// The tables among `tables`, each once.
    pub(super) fn of(tables: &[&'static Table]) -> Result<Self, StoreError> {
        Self::with_generations(tables, generations::FIRST)
    }

    /// The same, with generations of so many keys at least.
    pub(super) fn with_generations(tables: &[&'static Table], first: u64) -> Result<Self, StoreError> {
        Self::with(tables, |table| {
            if table.scattered && table.column(GENERATION.name).is_some() {
                let (table, column) = (table.name, GENERATION.name);
                return Err(StoreError::Unusable(format!(
                    "table {table}: {column} is a column of the store's"
                )));
            }
            let generations = table.scattered.then(|| Generations::new(first));
            Ok(Kept { statements: statements(table), generations })
        })
    }

    /// Takes in where the rows of scattered tables are: for whoever writes them.
    pub(super) fn open_generations(&self, connection: &Connection) -> Result<(), StoreError> {
        for table in self.sorted() {
            if let Some(generations) = &self.get(table)?.generations {
                generations.open(connection, table)?;
            }
        }
        Ok(())
    }
}

/// A table as it is stored: a scattered one's rows stand by their generation first.
fn shape(table: &Table) -> Shape {
    let mut shape = Shape::of(table);
    if table.scattered {
        shape.columns.insert(0, &GENERATION);
        shape.key += 1;
    }
    shape
}

/// How many columns make the stored key.
pub(super) fn place(table: &Table) -> usize {
    table.key + usize::from(table.scattered)
}

fn statements(table: &Table) -> Statements {
    let (name, place, selected, stored) = (table.name, place(table), sql::columns(table), shape(table));
    let matches: Vec<String> = stored
        .columns
        .iter()
        .take(place)
        .enumerate()
        .map(|(nth, column)| format!("\"{}\" = ${}", column.name, nth + 1))
        .collect();
    let matches = matches.join(" AND ");
    let many: Vec<String> = (0..MANY).map(|nth| format!("({})", parameters(nth * place, place))).collect();
    Statements {
        select: format!("SELECT {selected} FROM \"{name}\" WHERE {matches}"),
        select_many: format!(
            "SELECT {selected} FROM \"{name}\" WHERE ({}) IN (VALUES {})",
            stored.key_names(),
            many.join(", ")
        ),
        put: if table.indexes.is_empty() { replace(table) } else { upsert(table) },
        delete: format!("DELETE FROM \"{name}\" WHERE {matches}"),
    }
}

/// `count` parameters after the first `before`.
fn parameters(before: usize, count: usize) -> String {
    let names: Vec<String> = (before + 1..=before + count).map(|n| format!("${n}")).collect();
    names.join(", ")
}

/// Puts a row by deleting what is there. Measured on stored rows: 1.2 to 2.5 times as fast as [`upsert`] on a table without
/// indexes; with them it is slower from 1,000 rows on, because it writes every index anew. On new rows all forms are the same,
/// many rows in one statement too.
fn replace(table: &Table) -> String {
    let stored = shape(table);
    let (name, parameters) = (table.name, parameters(0, stored.columns.len()));
    format!("REPLACE INTO \"{name}\" ({}) VALUES ({parameters})", stored.names())
}

/// Puts a row by changing what is there; columns that the table's data does not know keep their values.
fn upsert(table: &Table) -> String {
    let stored = shape(table);
    format!(
        "INSERT INTO \"{}\" ({}) VALUES ({}) {}",
        table.name,
        stored.names(),
        parameters(0, stored.columns.len()),
        sql::or_change(table, &stored.key_names())
    )
}

/// Makes a new file ours, or an older one of ours today's; all or nothing.
pub(super) fn prepare(
    connection: &mut Connection,
    layout: &mut Layout,
    epoch_if_new: Epoch,
) -> Result<(), StoreError> {
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(store_error)?;
    let objects: i64 = transaction
        .query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(store_error)?;
    if objects == 0 {
        transaction.execute_batch(LOG).map_err(store_error)?;
        transaction
            .execute("INSERT INTO \"log_state\" VALUES (1, $1, 0, 1)", [epoch_if_new.0.as_bytes().as_slice()])
            .map_err(store_error)?;
        transaction.pragma_update(None, "application_id", APPLICATION).map_err(store_error)?;
    }
    ours(&transaction)?;
    for table in layout.sorted() {
        let (missing, unknown) = check_table(&transaction, table)?;
        if let (true, Some(kept)) = (unknown, layout.get_mut(table)) {
            kept.statements.put = upsert(table);
        }
        for change in layout::changes(&shape(table), &missing, sql_type, " STRICT, WITHOUT ROWID") {
            transaction.execute_batch(&change).map_err(store_error)?;
        }
        for index in table.indexes {
            put_index(&transaction, table, index)?;
        }
    }
    transaction.commit().map_err(store_error)?;
    layout.open_generations(connection)
}

/// Whether a file opened for reading only is ours and today's.
pub(super) fn check(connection: &Connection, layout: &Layout) -> Result<(), StoreError> {
    ours(connection)?;
    for table in layout.sorted() {
        if let Some(what) = check_table(connection, table)?.0.first(table) {
            return Err(StoreError::Unusable(format!("{what} is missing")));
        }
    }
    Ok(())
}

fn ours(connection: &Connection) -> Result<(), StoreError> {
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(store_error)?;
    if application == APPLICATION {
        Ok(())
    } else {
        Err(StoreError::Unusable("not a database of Jumun's".to_owned()))
    }
}

/// What of `table` is missing, and whether there are columns that it does not know; an error if what is there differs.
fn check_table(connection: &Connection, table: &Table) -> Result<(Missing, bool), StoreError> {
    let stored = stored_columns(connection, table)?;
    if stored.is_empty() {
        return Ok((Missing::Table, false));
    }
    let strict: Option<(bool, bool)> = connection
        .query_row(
            "SELECT strict, wr FROM pragma_table_list($1) WHERE schema = 'main'",
            [table.name],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(store_error)?;
    if strict != Some((true, true)) {
        return Err(StoreError::Unusable(format!("{} is not a table that Jumun made", table.name)));
    }
    layout::compare(&shape(table), stored, sql_type)
}

fn stored_columns(connection: &Connection, table: &Table) -> Result<FxHashMap<String, Stored>, StoreError> {
    let mut statement = connection
        .prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_info($1)")
        .map_err(store_error)?;
    let columns = statement
        .query_map([table.name], |row| {
            Ok((row.get(0)?, Stored { ty: row.get(1)?, not_null: row.get(2)?, key: row.get(3)? }))
        })
        .map_err(store_error)?;
    columns.collect::<Result<_, _>>().map_err(store_error)
}

fn sql_type(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Int => "INTEGER",
        ColumnType::Text => "TEXT",
        ColumnType::Id | ColumnType::Bytes => "BLOB",
    }
}

/// An index holds nothing of its own: one that differs is made anew.
fn put_index(connection: &Connection, table: &Table, index: &Index) -> Result<(), StoreError> {
    let wanted = sql::create_index(table, index);
    let stored: Option<(String, String)> = connection
        .query_row(
            "SELECT tbl_name, sql FROM sqlite_schema WHERE type = 'index' AND name = $1",
            [index.name],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(store_error)?;
    match stored {
        Some((_, text)) if text == wanted => return Ok(()),
        Some((owner, _)) if owner != table.name => {
            let name = index.name;
            return Err(StoreError::Unusable(format!("index {name} of {} belongs to {owner}", table.name)));
        }
        Some(_) => {
            connection.execute_batch(&format!("DROP INDEX \"{}\"", index.name)).map_err(store_error)?;
        }
        None => {}
    }
    connection.execute_batch(&wanted).map_err(store_error)
}
