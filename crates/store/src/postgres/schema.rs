//! The layout in a database: tables as their data says, the event log beside them, and how an older layout becomes today's.

use super::log;
use super::session::Session;
use super::values::{array_type, sql_type};
use crate::layout::{self, Missing, Shape, Stored};
use crate::sql;
use kernel::table::{Index, Table};
use runtime::ports::store::{Epoch, StoreError};
use rustc_hash::FxHashMap;

/// What the comment on the log's state says in a database of ours.
const OURS: &str = "jumun";

/// Longer names are cut by PostgreSQL without a word.
const LONGEST_NAME: usize = 63;

/// The statements of one table. Rows go in and keys come in as arrays, one a column: a statement's text does not depend on how many.
pub(super) struct Statements {
    /// The rows of some keys.
    pub(super) read: String,
    /// The same, locked in key order.
    pub(super) lock: String,
    /// Rows that are known to be absent: another one's is a violation.
    pub(super) insert: String,
    /// Rows that are known to be there.
    pub(super) update: String,
    /// Rows of which nothing is known.
    pub(super) upsert: String,
    /// Deletes the rows of some keys.
    pub(super) delete: String,
}

/// The tables that a database was opened with.
pub(super) type Layout = layout::Layout<Statements>;

/// The layout of `tables`.
pub(super) fn layout(tables: &[&'static Table]) -> Result<Layout, StoreError> {
    let mut names = tables.iter().flat_map(|table| names(table));
    if let Some(name) = names.find(|name| name.len() > LONGEST_NAME) {
        return Err(StoreError::Unusable(format!("the name {name} is too long for PostgreSQL")));
    }
    Layout::with(tables, |table| Ok(statements(table)))
}

fn names(table: &Table) -> impl Iterator<Item = &'static str> {
    let columns = table.columns.iter().map(|column| column.name);
    columns.chain(table.indexes.iter().map(|index| index.name)).chain([table.name])
}

fn statements(table: &Table) -> Statements {
    let (name, columns) = (table.name, sql::columns(table));
    let given = |count: usize| {
        let arrays = table.columns.iter().take(count).enumerate();
        let arrays: Vec<String> =
            arrays.map(|(nth, column)| format!("${}::{}", nth + 1, array_type(column.ty))).collect();
        let names = sql::names(table.columns.iter().take(count).map(|column| column.name));
        format!("unnest({}) AS \"given\" ({names})", arrays.join(", "))
    };
    let of = |row: &str| {
        let columns: Vec<String> =
            table.columns.iter().map(|column| format!("{row}.\"{}\"", column.name)).collect();
        columns.join(", ")
    };
    let matches: Vec<String> =
        sql::key(table).map(|column| format!("\"stored\".\"{column}\" = \"given\".\"{column}\"")).collect();
    let matches = matches.join(" AND ");
    let sets: Vec<String> = table
        .columns
        .iter()
        .skip(table.key)
        .map(|column| format!("\"{0}\" = \"given\".\"{0}\"", column.name))
        .collect();
    let read = format!(
        "SELECT {} FROM {} JOIN \"{name}\" AS \"stored\" ON {matches}",
        of("\"stored\""),
        given(table.key)
    );
    let order: Vec<String> = sql::key(table).map(|column| format!("\"stored\".\"{column}\"")).collect();
    let all = given(table.columns.len());
    let insert = format!("INSERT INTO \"{name}\" ({columns}) SELECT * FROM {all}");
    Statements {
        lock: format!("{read} ORDER BY {} FOR UPDATE OF \"stored\"", order.join(", ")),
        read,
        upsert: format!("{insert} {}", sql::or_change(table, &sql::names(sql::key(table)))),
        insert,
        update: format!("UPDATE \"{name}\" AS \"stored\" SET {} FROM {all} WHERE {matches}", sets.join(", ")),
        delete: format!("DELETE FROM \"{name}\" AS \"stored\" USING {} WHERE {matches}", given(table.key)),
    }
}

/// Makes a new database ours, or an older one of ours today's; all or nothing, and one process at a time.
pub(super) async fn prepare(
    session: &mut Session,
    layout: &Layout,
    epoch_if_new: Epoch,
) -> Result<(), StoreError> {
    session.execute("BEGIN; SET LOCAL lock_timeout = '60s'").await?;
    let prepared = prepare_within(session, layout, epoch_if_new).await;
    let end = if prepared.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = session.execute(end).await;
    prepared.and(ended)
}

async fn prepare_within(
    session: &mut Session,
    layout: &Layout,
    epoch_if_new: Epoch,
) -> Result<(), StoreError> {
    const LOCK: &str =
        "SELECT pg_advisory_xact_lock(hashtext('jumun'), hashtext(current_setting('search_path')))";
    session.execute(LOCK).await?;
    make_schema(session).await?;
    is_utf8(session).await?;
    let objects: i64 = session
        .row("SELECT COUNT(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace", &[])
        .await?
        .get(0);
    if objects == 0 {
        session.execute(log::TABLES).await?;
        session.execute(&format!("COMMENT ON TABLE \"log_state\" IS '{OURS}'")).await?;
        session.query("INSERT INTO \"log_state\" VALUES (1, $1, 0, 1)", &[&epoch_if_new.0]).await?;
    }
    ours(session).await?;
    for table in layout.sorted() {
        let missing = check_table(session, table).await?;
        for change in layout::changes(&Shape::of(table), &missing, sql_type, storage(table)) {
            session.execute(&change).await?;
        }
        for index in table.indexes {
            put_index(session, table, index).await?;
        }
    }
    Ok(())
}

/// Room on each page for the next version of its rows, where rows change: a change that no index sees then stays on its page.
fn storage(table: &Table) -> &'static str {
    if table.columns.len() > table.key { " WITH (fillfactor = 80)" } else { "" }
}

/// Whether a database opened for reading only is ours and today's.
pub(super) async fn check(session: &mut Session, layout: &Layout) -> Result<(), StoreError> {
    ours(session).await?;
    for table in layout.sorted() {
        if let Some(what) = check_table(session, table).await?.first(table) {
            return Err(StoreError::Unusable(format!("{what} is missing")));
        }
    }
    Ok(())
}

/// Makes the schema that the session's path names, unless there is one on it.
async fn make_schema(session: &mut Session) -> Result<(), StoreError> {
    const WANTED: &str =
        "SELECT CASE WHEN current_schema() IS NULL THEN quote_ident(current_setting('search_path')) END";
    let wanted: Option<String> = session.row(WANTED, &[]).await?.get(0);
    match wanted {
        Some(name) => session.execute(&format!("CREATE SCHEMA {name}")).await,
        None => Ok(()),
    }
}

async fn is_utf8(session: &mut Session) -> Result<(), StoreError> {
    let encoding: String = session.row("SELECT current_setting('server_encoding')", &[]).await?.get(0);
    if encoding == "UTF8" {
        return Ok(());
    }
    Err(StoreError::Unusable(format!("the database's encoding is {encoding}, not UTF8")))
}

async fn ours(session: &mut Session) -> Result<(), StoreError> {
    const COMMENT: &str = "SELECT obj_description(to_regclass('log_state'), 'pg_class')";
    let comment: Option<String> = session.row(COMMENT, &[]).await?.get(0);
    if comment.as_deref() == Some(OURS) {
        return Ok(());
    }
    Err(StoreError::Unusable("not a database of Jumun's".to_owned()))
}

async fn check_table(session: &mut Session, table: &Table) -> Result<Missing, StoreError> {
    let stored = stored_columns(session, table).await?;
    layout::compare(&Shape::of(table), stored, sql_type).map(|(missing, _)| missing)
}

async fn stored_columns(
    session: &mut Session,
    table: &Table,
) -> Result<FxHashMap<String, Stored>, StoreError> {
    const COLUMNS: &str = "\
        SELECT a.attname::text, format_type(a.atttypid, a.atttypmod) || COALESCE(' COLLATE \"' || c.collname || '\"', ''), \
               a.attnotnull, COALESCE(array_position(k.conkey, a.attnum), 0) \
        FROM pg_attribute a \
        LEFT JOIN pg_collation c ON c.oid = a.attcollation \
        LEFT JOIN pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p' \
        WHERE a.attrelid = to_regclass(quote_ident($1)) AND a.attnum > 0 AND NOT a.attisdropped";
    let rows = session.query(COLUMNS, &[&table.name]).await?;
    let column = |row: &tokio_postgres::Row| {
        let key = usize::try_from(row.get::<_, i32>(3)).unwrap_or_default();
        (row.get(0), Stored { ty: row.get(1), not_null: row.get(2), key })
    };
    Ok(rows.iter().map(column).collect())
}

/// An index holds nothing of its own: one that differs is made anew. Its comment says what it was made as.
async fn put_index(session: &mut Session, table: &Table, index: &Index) -> Result<(), StoreError> {
    const INDEX: &str = "\
        SELECT t.relname::text, obj_description(i.indexrelid, 'pg_class') \
        FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid WHERE i.indexrelid = to_regclass(quote_ident($1))";
    let wanted = sql::create_index(table, index);
    let name = index.name;
    if let Some(stored) = session.query(INDEX, &[&name]).await?.first() {
        let (owner, comment): (String, Option<String>) = (stored.get(0), stored.get(1));
        if owner != table.name {
            return Err(StoreError::Unusable(format!("index {name} of {} belongs to {owner}", table.name)));
        }
        if comment.as_ref() == Some(&wanted) {
            return Ok(());
        }
        session.execute(&format!("DROP INDEX \"{name}\"")).await?;
    }
    session.execute(&wanted).await?;
    session.execute(&format!("COMMENT ON INDEX \"{name}\" IS '{}'", wanted.replace('\'', "''"))).await
}
