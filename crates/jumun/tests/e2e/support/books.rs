//! What the files of a system hold, read and changed behind its back.

use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Everything that a customer or a shop could lose: rows as text, by table.
pub(crate) type Books = BTreeMap<String, Vec<String>>;

/// The tables that only move when somebody does something. (Cursors, deliveries and the like go on by themselves.)
const TABLES: &[&str] = &[
    "users",
    "user_emails",
    "products",
    "product_skus",
    "stock_adjustments",
    "points",
    "point_history",
    "coupons",
    "user_coupons",
    "coupon_holders",
    "orders",
    "order_lines",
    "order_keys",
    "payments",
    "charges",
    "charge_keys",
    "inbox",
    "order_views",
    "order_heads",
    "sales",
    "dead_letters",
];

/// The database files of a data folder.
pub(crate) fn files(data: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|end| end == "db")).collect();
    files.sort();
    files
}

/// The file that holds `table`: the topology decides. Tables that are in several are looked for beside `neighbour`.
pub(crate) fn file_of(data: &Path, table: &str, neighbour: &str) -> PathBuf {
    let holds = |path: &PathBuf| {
        let tables = tables(&Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap());
        [table, neighbour].iter().all(|name| tables.iter().any(|table| table == name))
    };
    files(data).into_iter().find(holds).unwrap()
}

fn tables(connection: &Connection) -> Vec<String> {
    let mut statement =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

/// The books as they stand, beside a running server or without one.
pub(crate) fn read(data: &Path) -> Books {
    let mut books = Books::new();
    for file in files(data) {
        let connection = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        for table in tables(&connection).into_iter().filter(|table| TABLES.contains(&table.as_str())) {
            let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
            let columns = statement.column_count();
            let show = |row: &rusqlite::Row<'_>| {
                let values: Vec<String> =
                    (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap())).collect();
                Ok(values.join(" "))
            };
            let rows = statement.query_map([], show).unwrap().map(Result::unwrap);
            books.entry(table).or_default().extend(rows);
        }
    }
    books
}

/// What differs between two states of the books; empty if nothing does.
pub(crate) fn difference(before: &Books, after: &Books) -> Vec<String> {
    let mut found = Vec::new();
    for (table, rows) in after {
        let known = before.get(table).map(Vec::as_slice).unwrap_or_default();
        found.extend(rows.iter().filter(|row| !known.contains(row)).map(|row| format!("{table} now: {row}")));
        found.extend(known.iter().filter(|row| !rows.contains(row)).map(|row| format!("{table} was: {row}")));
    }
    found
}
