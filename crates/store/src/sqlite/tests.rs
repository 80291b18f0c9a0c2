//! What only SQLite promises: files, their layout over time, and who may open them.

use super::*;
use crate::conformance::{self, check_store};
use crate::layout::check_growth;
use crate::shelf::{EPOCH, Shelf, TABLES};
use kernel::table::{Column, ColumnType, Value};
use kernel::{Record, Timestamp};
use runtime::ports::store::{Compare, Query};
use tempfile::TempDir;
use uuid::Uuid;

/// A file in a directory of its own, with this many shelves stored.
struct File {
    directory: TempDir,
}

impl File {
    fn new(shelves: i64) -> Self {
        let file = Self { directory: tempfile::tempdir().unwrap() };
        put(&mut file.open(), 0..shelves).unwrap();
        file
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("shop.db")
    }

    fn open(&self) -> SqliteStore {
        self.open_as(TABLES).unwrap()
    }

    fn open_as(&self, tables: &[&'static Table]) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(&self.path(), tables, &Options::new(EPOCH))
    }

    /// Runs SQL over a connection of its own.
    fn sql(&self, text: &str) {
        Connection::open(self.path()).unwrap().execute_batch(text).unwrap();
    }
}

fn put(store: &mut SqliteStore, shelves: std::ops::Range<i64>) -> Result<Position, StoreError> {
    let writes: Vec<Write> = shelves
        .map(|id| Shelf { id, label: "books".into(), due: None }.to_row())
        .map(|row| Write { table: Shelf::TABLE, key: Key::of_row(Shelf::TABLE, &row), row: Some(row) })
        .collect();
    let log = [LogRow { key: Uuid::from_u128(1), at: Timestamp(5), body: "{}".into() }];
    store.begin()?;
    store.commit(&writes, &log)
}

fn count(reader: &dyn Reader) -> usize {
    reader.query(&Query::of(Shelf::TABLE, u32::MAX)).unwrap().len()
}

fn refusal<T>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Unusable(why)) => why,
        Err(other) => panic!("refused as {other:?}"),
        Ok(_) => panic!("not refused"),
    }
}

/// Generations of so few keys that every check has several.
const FEW_KEYS: u64 = 3;

fn few_keys() -> Layout {
    Layout::with_generations(conformance::TABLES, FEW_KEYS).unwrap()
}

#[test]
fn a_file_does_what_every_store_must() {
    for layout in [few_keys, || Layout::of(conformance::TABLES).unwrap()] {
        let directory = tempfile::tempdir().unwrap();
        let mut number = 0;
        check_store(|| {
            number += 1;
            let path = directory.path().join(format!("{number}.db"));
            let store = SqliteStore::open_layout(&path, layout(), &Options::new(EPOCH)).unwrap();
            let reader = store.reader();
            (Box::new(store), reader)
        });
    }
}

#[test]
fn memory_does_what_every_store_must() {
    for layout in [few_keys, || Layout::of(conformance::TABLES).unwrap()] {
        check_store(|| {
            let store = SqliteStore::open_layout_in_memory(layout(), EPOCH).unwrap();
            let reader = store.reader();
            (Box::new(store), reader)
        });
    }
}

#[test]
fn scattered_rows_are_found_after_reopening_and_by_who_only_reads() {
    let print =
        |number: u8| conformance::Print { hash: Arc::from([number]), count: number.into(), text_or: None };
    let write = |number: u8| {
        let (table, row) = (conformance::Print::TABLE, print(number).to_row());
        Write { table, key: Key::of_row(table, &row), row: Some(row) }
    };
    // Always the same batches, of neighbours that are far apart.
    let batch = |store: &mut SqliteStore, first: u8| {
        store.begin().unwrap();
        store.commit(&[write(first), write(first + 100)], &[]).unwrap();
    };
    let file = File { directory: tempfile::tempdir().unwrap() };
    let open = || SqliteStore::open_layout(&file.path(), few_keys(), &Options::new(EPOCH)).unwrap();
    let keys: Vec<Key> = (0..=255_u8).map(|number| write(number).key).collect();
    for first in 0..20 {
        let mut store = open();
        batch(&mut store, first);
        // A key that is there already stays in its generation.
        batch(&mut store, first / 2);
        let alone = SqliteReader::open_readonly(&file.path(), conformance::TABLES, 100).unwrap();
        for reader in [store.reader(), Arc::new(alone)] {
            let mut expected: Vec<_> =
                (0..=first).chain(100..=first + 100).map(|number| print(number).to_row()).collect();
            expected.sort();
            let mut found = reader.load(conformance::Print::TABLE, &keys).unwrap();
            found.sort();
            assert_eq!(found, expected);
            assert_eq!(reader.query(&Query::of(conformance::Print::TABLE, 1_000)).unwrap(), expected);
        }
    }
    let generations = Connection::open(file.path()).unwrap();
    let sizes = generations
        .prepare("SELECT COUNT(*) FROM conformance_prints GROUP BY generation")
        .unwrap()
        .query_map([], |row| row.get::<_, u64>(0))
        .unwrap()
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    // Three keys fill one, and a batch is never parted.
    assert_eq!(sizes, [4; 10]);
}

#[test]
fn a_closed_store_leaves_its_file_whole_also_while_readers_are_open() {
    let file = File::new(0);
    let mut store = file.open();
    let reader = store.reader();
    put(&mut store, 0..100).unwrap();
    assert_eq!(reader.query(&Query::of(Shelf::TABLE, 1_000)).unwrap().len(), 100);
    drop(store);
    let copy = file.directory.path().join("copy.db");
    std::fs::copy(file.path(), &copy).unwrap();
    let copied = SqliteStore::open(&copy, TABLES, &Options::new(EPOCH)).unwrap();
    assert_eq!(copied.reader().query(&Query::of(Shelf::TABLE, 1_000)).unwrap().len(), 100);
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let file = File::new(3);
    let mut store = file.open();
    assert_eq!(count(&*store.reader()), 3);
    assert_eq!(store.reader().log_state().unwrap().head, Position(1));
    assert_eq!(put(&mut store, 3..4), Ok(Position(2)));
}

#[test]
fn a_writer_killed_between_commit_and_checkpoint_loses_nothing() {
    let file = File::new(1);
    let mut store = file.open();
    put(&mut store, 1..5).unwrap();
    // What a killed process leaves: the file and its log, copied while the writer still has them open.
    let left = tempfile::tempdir().unwrap();
    for name in ["shop.db", "shop.db-wal"] {
        std::fs::copy(file.directory.path().join(name), left.path().join(name)).unwrap();
    }
    let reader = SqliteReader::open_readonly(&left.path().join("shop.db"), TABLES, 100).unwrap();
    assert_eq!(count(&reader), 5);
}

#[test]
fn a_second_writer_is_refused_until_the_first_is_gone() {
    let file = File::new(0);
    let first = file.open();
    assert!(refusal(file.open_as(TABLES)).contains("another process has this database open"));
    drop(first);
    file.open();
}

#[test]
fn a_readonly_reader_works_beside_a_writer_and_changes_nothing() {
    let file = File::new(2);
    let mut store = file.open();
    let reader = SqliteReader::open_readonly(&file.path(), TABLES, 100).unwrap();
    put(&mut store, 2..6).unwrap();
    assert_eq!(count(&reader), 6);
    let moment = reader.snapshot().unwrap();
    put(&mut store, 6..7).unwrap();
    assert_eq!((count(&*moment), count(&reader)), (6, 7));
    let missing = file.directory.path().join("none.db");
    refusal(SqliteReader::open_readonly(&missing, TABLES, 100).map(drop));
    assert!(!missing.exists());
}

#[test]
fn a_readonly_reader_needs_no_writer() {
    let file = File::new(2);
    let reader = SqliteReader::open_readonly(&file.path(), TABLES, 100).unwrap();
    assert_eq!(count(&reader), 2);
    // It stands in no writer's way either.
    put(&mut file.open(), 2..3).unwrap();
    assert_eq!(count(&reader), 3);
}

#[test]
fn a_reader_with_every_connection_lent_still_answers_all() {
    let file = File::new(50);
    let store = file.open();
    let reader = store.reader();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..20).for_each(|_| assert_eq!(count(&*reader), 50)));
        }
    });
}

#[test]
fn a_layout_grows_and_is_refused_by_name_where_it_differs() {
    check_growth(["TEXT", "INTEGER"], || {
        let directory = tempfile::tempdir().unwrap();
        move |tables: &[&'static Table]| {
            let store = SqliteStore::open(&directory.path().join("shop.db"), tables, &Options::new(EPOCH))?;
            let reader = store.reader();
            Ok((Box::new(store) as _, reader))
        }
    });
}

#[test]
fn a_readonly_reader_refuses_what_lacks_a_column() {
    static WIDER: Table = Table {
        name: "shelves",
        key: 1,
        columns: &[
            Shelf::TABLE.columns[0],
            Shelf::TABLE.columns[1],
            Shelf::TABLE.columns[2],
            Column { name: "room", ty: ColumnType::Id, nullable: true },
        ],
        indexes: &[],
        scattered: false,
    };
    let file = File::new(1);
    let refused = refusal(SqliteReader::open_readonly(&file.path(), &[&WIDER], 100).map(drop));
    assert_eq!(refused, "shelves.room is missing");
}

#[test]
fn a_file_that_is_not_ours_is_refused() {
    let file = File { directory: tempfile::tempdir().unwrap() };
    file.sql("CREATE TABLE notes (text)");
    assert_eq!(refusal(file.open_as(TABLES)), "not a database of Jumun's");
    std::fs::write(file.path(), [b'x'; 4096]).unwrap();
    refusal(file.open_as(TABLES));
}

#[test]
fn an_index_that_differs_is_made_anew() {
    let file = File::new(1);
    file.sql("DROP INDEX shelves_by_due; CREATE INDEX shelves_by_due ON shelves (label)");
    let store = file.open();
    let text: String = store
        .connection
        .lock()
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'shelves_by_due'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(text, r#"CREATE INDEX "shelves_by_due" ON "shelves" ("due") WHERE "due" IS NOT NULL"#);
}

#[test]
fn the_work_still_due_is_found_by_its_partial_index() {
    let store = File::new(1).open();
    let query = Query::of(Shelf::TABLE, 5).filter("due", Compare::AtMost, Value::Int(9)).sort("due", false);
    let text = format!("EXPLAIN QUERY PLAN {}", crate::sql::query(&query).unwrap().text);
    let connection = store.connection.lock();
    let mut statement = connection.prepare(&text).unwrap();
    let plan: Vec<String> =
        statement.query_map([9, 5], |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(plan, ["SEARCH shelves USING INDEX shelves_by_due (due<?)"]);
}

#[test]
fn an_epoch_outlives_reopening_until_an_operator_starts_a_new_one() {
    let file = File::new(0);
    let other = Epoch(Uuid::from_u128(8));
    let mut store = SqliteStore::open(&file.path(), TABLES, &Options::new(other)).unwrap();
    assert_eq!(store.reader().log_state().unwrap().epoch, EPOCH);
    store.new_epoch(other).unwrap();
    drop(store);
    assert_eq!(file.open().reader().log_state().unwrap().epoch, other);
}

#[test]
fn a_full_disk_stores_nothing_and_is_survived() {
    let file = File::new(1);
    let mut store = file.open();
    let limit_pages = |store: &SqliteStore, pages: i64| {
        let connection = store.connection.lock();
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    };
    // Less than there are already: as many as there are.
    limit_pages(&store, 1);
    let before = store.reader().log_state().unwrap();
    let full = put(&mut store, 1..5_000);
    assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
    assert_eq!(count(&*store.reader()), 1);
    assert_eq!(store.reader().log_state().unwrap(), before);
    limit_pages(&store, 100_000);
    assert_eq!(put(&mut store, 1..5_000), Ok(Position(before.head.0 + 1)));
}

#[test]
fn pruning_a_long_log_stops_after_a_chunk() {
    let mut store = SqliteStore::open_in_memory(TABLES, EPOCH).unwrap();
    let row = LogRow { key: Uuid::from_u128(1), at: Timestamp(5), body: "{}".into() };
    store.begin().unwrap();
    store.commit(&[], &vec![row; 25_000]).unwrap();
    let firsts = [(); 4].map(|()| {
        store.prune_log(Position(22_000)).unwrap();
        store.reader().log_state().unwrap().first.0
    });
    assert_eq!(firsts, [10_001, 20_001, 22_001, 22_001]);
}

#[test]
fn a_batch_left_open_is_an_error_that_ends_it() {
    let file = File::new(0);
    let mut store = file.open();
    store.begin().unwrap();
    refusal(store.prune_log(Position(1)));
    refusal(store.begin());
    put(&mut store, 0..1).unwrap();
}

#[test]
fn another_connection_that_writes_makes_a_batch_wait_not_fail_for_good() {
    let file = File::new(0);
    let mut store = file.open();
    store.connection.lock().busy_timeout(std::time::Duration::ZERO).unwrap();
    let other = Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(put(&mut store, 0..1), Err(StoreError::Retry(_))));
    other.execute_batch("COMMIT").unwrap();
    put(&mut store, 0..1).unwrap();
}
