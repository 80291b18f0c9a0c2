//! Rows: what goes in comes out, or nothing does.

use super::{Case, Check, Pair, Sample, Triple, delete, log_row, pair, put, put_row, rows, sample};
use kernel::Record;
use kernel::table::{Key, Row, Table, Value};
use runtime::ports::store::{Intent, Position, StoreError};
use smol_str::SmolStr;
use std::sync::Arc;
use uuid::Uuid;

pub(super) const CHECKS: &[Check] = &[
    every_value_comes_back_as_it_went_in,
    a_put_replaces_all_of_a_row_and_a_delete_removes_it,
    keys_of_several_columns_are_told_apart,
    absent_keys_are_left_out,
    a_thousand_keys_are_loaded_in_one_call,
    a_rollback_leaves_nothing,
    a_claim_alone_leaves_nothing,
    a_rejected_commit_leaves_nothing_and_the_store_usable,
    a_commit_needs_a_begin,
];

fn extremes() -> Vec<Sample> {
    let long: SmolStr = "긴 글 ".repeat(150_000).into();
    let bytes: Arc<[u8]> = (0..=u8::MAX).cycle().take(1 << 20).collect();
    let mut samples = vec![
        sample(0),
        Sample { id: Uuid::max(), int: i64::MIN, int_or: Some(i64::MAX), ..sample(0) },
        Sample { int: i64::MAX, int_or: Some(i64::MIN), id_or: Some(Uuid::nil()), ..sample(1) },
        Sample { text_or: Some(SmolStr::default()), bytes_or: Some(Arc::from([])), ..sample(2) },
        // What is indexed is short (`Index`).
        Sample { text: "글".repeat(600).into(), text_or: Some(long), ..sample(3) },
        Sample { bytes: Arc::clone(&bytes), bytes_or: Some(bytes), ..sample(4) },
        Sample { bytes: Arc::from([0_u8; 16]), int_or: Some(0), id_or: Some(Uuid::max()), ..sample(5) },
    ];
    let texts =
        ["주문", "👩‍👩‍👧", "e\u{301}", "שלום", "\u{10FFFF}", "a\n\t\r'\"\\;--", "NULL", "12", " ", "\u{1}"];
    samples.extend((6..).zip(texts).map(|(id, text)| Sample {
        text: text.into(),
        text_or: Some(text.into()),
        ..sample(id)
    }));
    samples
}

fn every_value_comes_back_as_it_went_in(case: &mut Case) {
    let mut samples = extremes();
    case.put(&samples);
    samples.sort_by_key(|sample| sample.id);
    assert!(case.all(Sample::TABLE) == rows(&samples), "not as written");
    for sample in samples {
        assert!(load(case, Sample::TABLE, &[(sample.id,).into()]) == [sample.to_row()], "not as written");
    }
}

/// Loads through the writer and the reader, which must agree; in key order.
fn load(case: &mut Case, table: &'static Table, keys: &[Key]) -> Vec<Row> {
    case.store.begin().unwrap();
    let mut loaded =
        [Intent::Claim, Intent::Change].map(|intent| case.store.load(table, keys, intent).unwrap());
    case.store.roll_back();
    let mut read = case.reader.load(table, keys).unwrap();
    let key = |row: &Row| Key::of_row(table, row);
    loaded.iter_mut().for_each(|rows| rows.sort_by_key(key));
    read.sort_by_key(key);
    assert!(loaded.iter().all(|rows| *rows == read), "writer and reader differ");
    read
}

fn a_put_replaces_all_of_a_row_and_a_delete_removes_it(case: &mut Case) {
    let full = Sample { int_or: Some(1), text_or: Some("x".into()), text: "y".into(), ..sample(1) };
    case.put(&[full.clone(), sample(2)]);
    case.put(&[Sample { int: 5, ..sample(1) }]);
    assert_eq!(case.all(Sample::TABLE), rows(&[Sample { int: 5, ..sample(1) }, sample(2)]));
    case.put(std::slice::from_ref(&full));
    assert_eq!(case.all(Sample::TABLE), rows(&[full, sample(2)]));
    let gone = [1, 3].map(|id| delete(Sample::TABLE, (Uuid::from_u128(id),).into()));
    case.commit(gone.to_vec(), &[]).unwrap();
    assert_eq!(case.all(Sample::TABLE), rows(&[sample(2)]));
    // Both in one batch, in several tables.
    let writes = vec![
        put(&pair(1, "stock", 1)),
        delete(Sample::TABLE, (Uuid::from_u128(2),).into()),
        put(&sample(4)),
        put(&sample(1)),
    ];
    case.commit(writes, &[]).unwrap();
    assert_eq!(case.all(Sample::TABLE), rows(&[sample(1), sample(4)]));
    assert_eq!(case.all(Pair::TABLE), rows(&[pair(1, "stock", 1)]));
}

fn keys_of_several_columns_are_told_apart(case: &mut Case) {
    let pairs = [pair(1, "point", 1), pair(1, "stock", 2), pair(2, "point", 3), pair(2, "stock", 4)];
    case.put(&pairs);
    let triple = |a, b: &str, c| Triple { a, b: b.into(), c: Uuid::from_u128(c) };
    let triples = [triple(-1, "x", 1), triple(-1, "x", 2), triple(-1, "y", 1), triple(3, "", 1)];
    case.put(&triples);
    case.put(&triples[1..2]);
    assert_eq!(case.all(Triple::TABLE), rows(&triples));
    let crossed = [(Uuid::from_u128(1), SmolStr::from("stock")), (Uuid::from_u128(2), "point".into())];
    assert_eq!(load(case, Pair::TABLE, &crossed.map(Key::from)), rows(&pairs[1..3]));
    let key = (-1_i64, SmolStr::from("x"), Uuid::from_u128(2));
    assert_eq!(load(case, Triple::TABLE, &[key.clone().into()]), rows(&triples[1..2]));
    case.commit(vec![delete(Triple::TABLE, key.into())], &[]).unwrap();
    assert_eq!(case.all(Triple::TABLE), rows(&[triples[0].clone(), triples[2].clone(), triples[3].clone()]));
}

fn absent_keys_are_left_out(case: &mut Case) {
    assert!(load(case, Sample::TABLE, &[]).is_empty());
    assert!(load(case, Sample::TABLE, &[(Uuid::from_u128(1),).into()]).is_empty());
    case.put(&[sample(2)]);
    let keys = [1, 2, 3].map(|id| Key::from((Uuid::from_u128(id),)));
    assert_eq!(load(case, Sample::TABLE, &keys), rows(&[sample(2)]));
}

fn a_thousand_keys_are_loaded_in_one_call(case: &mut Case) {
    let samples: Vec<Sample> = (0..1_000).map(sample).collect();
    let pairs: Vec<Pair> = (0..1_000).map(|owner| pair(owner, "stock", 1)).collect();
    case.put(&samples);
    case.put(&pairs);
    for count in [7, 8, 63, 64, 65, 129, 1_000] {
        // Every second one is absent.
        let ids = (0..count).map(|n| Uuid::from_u128(2 * n));
        let keys: Vec<Key> = ids.clone().map(|id| (id,).into()).collect();
        let present: Vec<Row> = samples.iter().take(1_000).step_by(2).map(Record::to_row).collect();
        let expected = &present[..present.len().min(keys.len())];
        assert!(load(case, Sample::TABLE, &keys) == expected, "of {count} samples");
        let keys: Vec<Key> = ids.map(|id| (id, SmolStr::from("stock")).into()).collect();
        let present: Vec<Row> = pairs.iter().step_by(2).map(Record::to_row).collect();
        assert!(
            load(case, Pair::TABLE, &keys) == present[..present.len().min(keys.len())],
            "of {count} pairs"
        );
    }
}

fn a_rollback_leaves_nothing(case: &mut Case) {
    case.put(&[sample(1)]);
    let before = case.reader.log_state().unwrap();
    case.store.begin().unwrap();
    case.store.load(Sample::TABLE, &[(Uuid::from_u128(1),).into()], Intent::Change).unwrap();
    case.store.roll_back();
    // Once more: there is nothing to give up, and nothing to complain about.
    case.store.roll_back();
    assert_eq!(case.all(Sample::TABLE), rows(&[sample(1)]));
    assert_eq!(case.reader.log_state().unwrap(), before);
    case.put(&[sample(2)]);
    assert_eq!(case.all(Sample::TABLE), rows(&[sample(1), sample(2)]));
}

fn a_claim_alone_leaves_nothing(case: &mut Case) {
    let key = Key::from((Uuid::from_u128(1), SmolStr::from("stock")));
    for commit in [false, true] {
        case.store.begin().unwrap();
        let found = case.store.load(Pair::TABLE, std::slice::from_ref(&key), Intent::Claim).unwrap();
        assert!(found.is_empty());
        if commit {
            case.store.commit(&[], &[]).unwrap();
        } else {
            case.store.roll_back();
        }
        assert!(case.all(Pair::TABLE).is_empty());
    }
}

/// Rows that no store may take.
fn unacceptable() -> Vec<Row> {
    let with = |column: usize, value: Value| {
        let mut row = sample(9).to_row();
        row[column] = value;
        row
    };
    vec![
        with(1, Value::Null),
        with(2, Value::Null),
        with(1, Value::Text("5".into())),
        with(2, Value::Int(5)),
        with(4, Value::Bytes(Arc::from([1]))),
        with(5, Value::Text("0190163d-8694-739b-aea5-966c26f8ad90".into())),
        sample(9).to_row()[..7].into(),
    ]
}

fn a_rejected_commit_leaves_nothing_and_the_store_usable(case: &mut Case) {
    case.put(&[sample(1), sample(2)]);
    let head = case.commit(Vec::new(), &[log_row(1, "{}")]).unwrap();
    for (nth, row) in unacceptable().into_iter().enumerate() {
        let writes = vec![
            put(&pair(1, "stock", 1)),
            delete(Sample::TABLE, (Uuid::from_u128(1),).into()),
            put(&Sample { int: 7, ..sample(2) }),
            put_row(Sample::TABLE, row),
            put(&sample(10)),
        ];
        let refused = case.commit(writes, &[log_row(1, "{}"), log_row(2, "{}")]);
        assert!(matches!(refused, Err(StoreError::Rejected(_))), "row {nth}: {refused:?}");
        assert_eq!(case.all(Sample::TABLE), rows(&[sample(1), sample(2)]), "row {nth}");
        assert!(case.all(Pair::TABLE).is_empty(), "row {nth}");
        assert_eq!(case.reader.log_state().unwrap().head, head, "row {nth}");
    }
    case.put(&[sample(3)]);
    assert_eq!(case.all(Sample::TABLE), rows(&[sample(1), sample(2), sample(3)]));
    assert_eq!(case.commit(Vec::new(), &[log_row(1, "{}")]), Ok(Position(head.0 + 1)));
}

fn a_commit_needs_a_begin(case: &mut Case) {
    case.store.commit(&[put(&sample(1))], &[]).unwrap_err();
    case.store.begin().unwrap();
    case.store.roll_back();
    case.store.commit(&[put(&sample(1))], &[]).unwrap_err();
    assert!(case.all(Sample::TABLE).is_empty());
}
