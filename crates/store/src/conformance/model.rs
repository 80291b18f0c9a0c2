//! Any sequence of batches leaves what a map would hold.

use super::{Case, Pair, Print, Sample, all, delete, log_row, pair, print, put, sample};
use crate::plain;
use kernel::Record as _;
use kernel::state::Write;
use kernel::table::{Key, Row, Table, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use runtime::ports::store::{Chain, Intent, Position, Reader, Store};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

const CASES: u32 = 48;

/// How a batch ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Commit,
    RollBack,
    /// One of its rows cannot be taken.
    Reject,
}

#[derive(Clone, Debug)]
enum Step {
    /// Writes (a number per key; `None` deletes), how many log rows, how it ends.
    Batch(BTreeMap<u8, Option<i64>>, usize, End),
    /// Prunes the log through this share of its positions (in percent).
    Prune(u64),
    /// Keeps a snapshot to be compared at the end.
    Snapshot,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let end = prop_oneof![4 => Just(End::Commit), 1 => Just(End::RollBack), 1 => Just(End::Reject)];
    let writes =
        proptest::collection::btree_map(0..36_u8, proptest::option::weighted(0.7, any::<i64>()), 0..30);
    let step = prop_oneof![
        8 => (writes, 0..4_usize, end).prop_map(|(writes, log, end)| Step::Batch(writes, log, end)),
        1 => (0..120_u64).prop_map(Step::Prune),
        1 => Just(Step::Snapshot),
    ];
    proptest::collection::vec(step, 1..14)
}

/// What a store should hold.
#[derive(Clone, Default)]
struct Model {
    rows: BTreeMap<(&'static str, Key), Row>,
    log: BTreeMap<u64, String>,
    head: u64,
}

impl Model {
    fn apply(&mut self, writes: &[Write]) {
        for write in writes {
            let key = (write.table.name, write.key.clone());
            match &write.row {
                Some(row) => self.rows.insert(key, row.clone()),
                None => self.rows.remove(&key),
            };
        }
    }

    fn table(&self, table: &Table) -> Vec<Row> {
        self.rows.iter().filter(|((name, _), _)| *name == table.name).map(|(_, row)| row.clone()).collect()
    }

    fn check(&self, reader: &dyn Reader) {
        for table in [Pair::TABLE, Print::TABLE, Sample::TABLE] {
            assert_eq!(all(reader, table), self.table(table), "{}", table.name);
        }
        for number in 0..SAMPLES {
            let (from, limit) = (Key::from((Uuid::from_u128(number.into()),)), u32::from(number));
            let chain = Chain { table: Sample::TABLE, from, link: "id_or", limit };
            let row = |key: &Key| self.rows.get(&(Sample::TABLE.name, key.clone())).cloned();
            assert_eq!(reader.follow(&chain), plain::follow(&chain, row));
        }
        assert_eq!(reader.log_state().unwrap().head, Position(self.head));
        let log: BTreeMap<u64, String> = reader
            .log_after(Position(0), u32::MAX)
            .unwrap()
            .into_iter()
            .map(|stored| (stored.position.0, stored.row.body.to_string()))
            .collect();
        assert_eq!(log, self.log);
    }
}

/// Keys below this are samples, those below [`PAIRS`] pairs, the others prints: a table with indexes and one without, and one whose
/// keys come in no order. Samples name each other.
const SAMPLES: u8 = 12;
const PAIRS: u8 = 24;

fn write(number: u8, value: Option<i64>) -> Write {
    let step = if number.is_multiple_of(2) { "stock" } else { "point" };
    let mut write = if number < SAMPLES {
        let int_or = value.filter(|value| value % 3 != 0);
        let id_or =
            int_or.map(|value| Uuid::from_u128(u128::from(value.unsigned_abs() % u64::from(SAMPLES))));
        put(&Sample { int: value.unwrap_or(0), int_or, id_or, ..sample(number.into()) })
    } else if number < PAIRS {
        put(&pair(number.into(), step, value.unwrap_or(0)))
    } else {
        put(&print(number.into(), value.unwrap_or(0)))
    };
    if value.is_none() {
        write = delete(write.table, write.key);
    }
    write
}

fn batch(case: &mut Case, model: &mut Model, writes: &BTreeMap<u8, Option<i64>>, said: usize, end: End) {
    let mut writes: Vec<Write> = writes.iter().map(|(number, value)| write(*number, *value)).collect();
    let log: Vec<_> = (0..said).map(|nth| log_row(1, &format!("{}+{nth}", model.head))).collect();
    case.store.begin().unwrap();
    for table in [Pair::TABLE, Print::TABLE, Sample::TABLE] {
        let mut keys: Vec<Key> =
            writes.iter().filter(|write| write.table == table).map(|write| write.key.clone()).collect();
        keys.sort();
        let mut loaded = case.store.load(table, &keys, Intent::Change).unwrap();
        loaded.sort();
        let expected = model.table(table).into_iter().filter(|row| keys.contains(&Key::of_row(table, row)));
        assert_eq!(loaded, expected.collect::<Vec<_>>());
    }
    if matches!(end, End::Reject) {
        let mut bad = put(&pair(u128::MAX, "bad", 0));
        bad.row.iter_mut().for_each(|row| row[2] = Value::Null);
        writes.push(bad);
    }
    writes.sort_unstable_by(|a, b| (a.table.name, &a.key).cmp(&(b.table.name, &b.key)));
    match end {
        End::RollBack => case.store.roll_back(),
        End::Reject => {
            case.store.commit(&writes, &log).unwrap_err();
        }
        End::Commit => {
            assert_eq!(case.store.commit(&writes, &log), Ok(Position(model.head + 1)));
            model.apply(&writes);
            for row in log {
                model.head += 1;
                model.log.insert(model.head, row.body.to_string());
            }
        }
    }
}

fn run(case: &mut Case, steps: &[Step]) {
    let (mut model, mut moments) = (Model::default(), Vec::new());
    for step in steps {
        match step {
            Step::Batch(writes, said, end) => batch(case, &mut model, writes, *said, *end),
            Step::Prune(percent) => {
                let through = model.head * percent / 100;
                let before = case.reader.log_state().unwrap().first.0;
                case.store.prune_log(Position(through)).unwrap();
                let first = case.reader.log_state().unwrap().first.0;
                assert!((before..=before.max(through.min(model.head) + 1)).contains(&first));
                model.log.retain(|position, _| *position >= first);
            }
            Step::Snapshot => moments.push((case.reader.snapshot().unwrap(), model.clone())),
        }
        model.check(&*case.reader);
    }
    for (moment, model) in moments {
        model.check(&*moment);
    }
}

/// Runs sequences that are the same every time; one that fails is shrunk and shown.
pub(super) fn check(make: impl FnMut() -> (Box<dyn Store>, Arc<dyn Reader>)) {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let make = RefCell::new(make);
    let outcome = runner.run(&steps(), |steps| {
        let (store, reader) = make.borrow_mut()();
        run(&mut Case { store, reader }, &steps);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("a store is no map: {failure}");
    }
}
