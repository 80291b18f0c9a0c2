//! Readers: committed rows only, at one moment; filters, orders and sums the same on every engine.

use super::{Case, Check, Pair, Print, Sample, all, delete, log_row, pair, print, put, rows, sample};
use crate::plain::Conditions;
use kernel::Record;
use kernel::table::{Key, Row, Value};
use runtime::ports::store::{Chain, Compare, Filter, Intent, Position, Query, Reader, StoreError, Top};
use smol_str::SmolStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

pub(super) const CHECKS: &[Check] = &[
    a_reader_sees_committed_rows_only,
    a_reader_never_sees_half_a_commit,
    a_snapshot_stays_at_its_moment,
    every_comparison_finds_what_it_says,
    conditions_hold_together,
    rows_are_sorted_to_the_last_tie,
    a_limit_takes_the_first_rows,
    pages_meet_without_gap_or_overlap,
    scattered_keys_are_loaded_and_listed_like_others,
    the_largest_sums_come_first,
    a_chain_is_followed_in_its_own_order,
    a_chain_in_a_circle_ends_at_the_limit,
    a_long_chain_is_followed_in_one_call,
    what_is_not_there_cannot_be_asked_for,
];

fn a_reader_sees_committed_rows_only(case: &mut Case) {
    case.put(&[sample(1)]);
    case.store.begin().unwrap();
    case.store.load(Sample::TABLE, &[(Uuid::from_u128(1),).into()], Intent::Change).unwrap();
    case.store.load(Pair::TABLE, &[(Uuid::from_u128(1), SmolStr::from("a")).into()], Intent::Claim).unwrap();
    assert_eq!(case.all(Sample::TABLE), rows(&[sample(1)]));
    assert!(case.all(Pair::TABLE).is_empty());
    case.store.commit(&[put(&pair(1, "a", 1))], &[log_row(1, "{}")]).unwrap();
    assert_eq!(case.all(Pair::TABLE), rows(&[pair(1, "a", 1)]));
    assert_eq!(case.reader.log_state().unwrap().head, Position(1));
}

/// Every commit moves one from one row to another, and says so: whoever reads, the sum is the same.
fn a_reader_never_sees_half_a_commit(case: &mut Case) {
    let both = |moved: i64| [pair(1, "from", 1_000 - moved), pair(2, "to", moved)];
    case.put(&both(0));
    let (reader, done) = (Arc::clone(&case.reader), AtomicBool::new(false));
    let watch = || {
        while !done.load(Ordering::Acquire) {
            let count = |row: &Row| if let Value::Int(n) = row[2] { n } else { 0 };
            assert_eq!(all(&*reader, Pair::TABLE).iter().map(count).sum::<i64>(), 1_000);
            let moment = reader.snapshot().unwrap();
            let moved = all(&*moment, Pair::TABLE).last().map(count);
            assert_eq!(moved, Some(moment.log_state().unwrap().head.0.cast_signed()));
        }
    };
    std::thread::scope(|scope| {
        let watchers = [scope.spawn(watch), scope.spawn(watch)];
        for moved in 1..=200 {
            let writes = both(moved).iter().map(put).collect();
            case.commit(writes, &[log_row(1, "{}")]).unwrap();
        }
        done.store(true, Ordering::Release);
        for watcher in watchers {
            watcher.join().unwrap();
        }
    });
}

fn a_snapshot_stays_at_its_moment(case: &mut Case) {
    case.put(&[sample(1), sample(2)]);
    case.commit(Vec::new(), &[log_row(1, "a")]).unwrap();
    // Nothing of it has been read yet when the next commit comes.
    let moment = case.reader.snapshot().unwrap();
    let later = Sample { int: 5, ..sample(1) };
    case.commit(vec![put(&later), put(&sample(3))], &[log_row(1, "b")]).unwrap();
    let nested = moment.snapshot().unwrap();
    let (key, head) = ((Uuid::from_u128(1),).into(), Position(1));
    for reader in [&moment, &nested] {
        assert_eq!(all(&**reader, Sample::TABLE), rows(&[sample(1), sample(2)]));
        assert_eq!(reader.load(Sample::TABLE, std::slice::from_ref(&key)).unwrap(), rows(&[sample(1)]));
        assert_eq!(reader.log_state().unwrap().head, head);
        assert_eq!(reader.log_after(Position(0), 9).unwrap().len(), 1);
        assert_eq!(reader.log_of(Uuid::from_u128(1)).unwrap().len(), 1);
    }
    drop(moment);
    assert_eq!(nested.log_state().unwrap().head, head);
    drop(nested);
    assert_eq!(case.all(Sample::TABLE), rows(&[later, sample(2), sample(3)]));
    assert_eq!(case.reader.snapshot().unwrap().log_state().unwrap().head, Position(2));
}

/// Samples in key order, with ties and NULLs in every column.
fn samples() -> Vec<Sample> {
    let words = ["", "a", "B", "b", "가", "\u{e9}", "ab"];
    (0..40_u32)
        .map(|n| {
            let some = |every: u32| (n % every != 0).then_some(n);
            let word = SmolStr::from(words[n as usize % words.len()]);
            Sample {
                int: i64::from(n % 5) - 2,
                int_or: some(3).map(|n| i64::from(n % 4)),
                id_or: some(4).map(|n| Uuid::from_u128(u128::from(n % 3) << 100)),
                text_or: some(5).map(|_| word.clone()),
                bytes_or: some(6).map(|n| Arc::from([u8::try_from(n % 3).unwrap_or(0), 255])),
                bytes: Arc::from([0, u8::try_from(n % 7).unwrap_or(0)]),
                text: word,
                ..sample(u128::from(n) << 64)
            }
        })
        .collect()
}

fn filtered(filters: &[Filter]) -> Vec<Row> {
    let conditions = Conditions::of(Sample::TABLE, filters).unwrap();
    rows(&samples()).into_iter().filter(|row| conditions.hold(row)).collect()
}

fn every_comparison_finds_what_it_says(case: &mut Case) {
    case.put(&samples());
    let compares =
        [Compare::Is, Compare::Below, Compare::AtMost, Compare::Above, Compare::AtLeast, Compare::Present];
    for (nth, column) in Sample::TABLE.columns.iter().enumerate() {
        // Values that are stored, in the middle and at either end, and NULL.
        let mut values: Vec<Value> = samples().iter().map(|sample| sample.to_row()[nth].clone()).collect();
        values.sort();
        values.dedup();
        values = vec![values[0].clone(), values[values.len() / 2].clone(), values[values.len() - 1].clone()];
        for value in values.into_iter().chain([Value::Null]) {
            for compare in compares {
                let query = Query::of(Sample::TABLE, 100).filter(column.name, compare, value.clone());
                let found = case.reader.query(&query).unwrap();
                assert_eq!(found, filtered(&query.filters), "{} {compare:?} {value:?}", column.name);
            }
        }
    }
}

fn conditions_hold_together(case: &mut Case) {
    case.put(&samples());
    let query = Query::of(Sample::TABLE, 100)
        .filter("int", Compare::Above, Value::Int(-2))
        .filter("int", Compare::AtMost, Value::Int(1))
        .filter("text_or", Compare::Present, Value::Null)
        .filter("int_or", Compare::Is, Value::Null);
    let found = case.reader.query(&query).unwrap();
    assert_eq!(found, filtered(&query.filters));
    assert!(!found.is_empty());
}

/// NULL sorts below every value; ties are sorted by key, in the direction of the last column.
fn rows_are_sorted_to_the_last_tie(case: &mut Case) {
    case.put(&samples());
    let orders: [&[(&'static str, bool)]; 9] = [
        &[],
        &[("id", true)],
        &[("int", false)],
        &[("int_or", false)],
        &[("int_or", true)],
        &[("text", false)],
        &[("text_or", true), ("int", false)],
        &[("id_or", true), ("int_or", true)],
        &[("bytes_or", false), ("bytes", true)],
    ];
    for order in orders {
        let query = Query { order: order.to_vec(), ..Query::of(Sample::TABLE, 100) };
        let mut expected = rows(&samples());
        expected.sort_by(|a, b| {
            let last = order.last().is_some_and(|(_, descending)| *descending);
            let columns = order.iter().copied().chain([("id", last)]);
            columns.fold(std::cmp::Ordering::Equal, |sorted, (name, descending)| {
                let at = Sample::TABLE.column(name).unwrap();
                let here = a[at].cmp(&b[at]);
                sorted.then(if descending { here.reverse() } else { here })
            })
        });
        assert_eq!(case.reader.query(&query).unwrap(), expected, "{order:?}");
    }
}

fn a_limit_takes_the_first_rows(case: &mut Case) {
    case.put(&samples());
    let query = |limit| Query { limit, ..Query::of(Sample::TABLE, 1).sort("int_or", true) };
    let found = case.reader.query(&query(u32::MAX)).unwrap();
    assert_eq!(found.len(), samples().len());
    for limit in [0, 1, 7] {
        assert_eq!(case.reader.query(&query(limit)).unwrap(), found[..limit as usize]);
    }
}

/// Whatever the size of a page, and also where it ends within the rows of one owner.
fn pages_meet_without_gap_or_overlap(case: &mut Case) {
    let pairs: Vec<Pair> =
        (0..9_u32).map(|n| pair(u128::from(n / 4), &format!("step {}", n % 4), i64::from(n % 2))).collect();
    case.put(&pairs);
    for size in 1..=10 {
        for wanted in [vec![0, 1], vec![1]] {
            let mut query = Query::of(Pair::TABLE, size);
            if wanted == [1] {
                query = query.filter("count", Compare::Is, Value::Int(1));
            }
            let mut found = Vec::new();
            loop {
                let page = case.reader.query(&query).unwrap();
                let Some(last) = page.last() else { break };
                query = query.after(Key::of_row(Pair::TABLE, last));
                found.extend(page);
            }
            let expected: Vec<Pair> =
                pairs.iter().filter(|pair| wanted.contains(&pair.count)).cloned().collect();
            assert_eq!(found, rows(&expected), "pages of {size}");
        }
    }
}

/// Added a few at a time, some put again and some deleted later.
fn scattered_keys_are_loaded_and_listed_like_others(case: &mut Case) {
    let mut expected: Vec<Print> = (0..150).map(|number| print(number, number.cast_signed())).collect();
    for some in expected.chunks(7) {
        case.put(some);
    }
    let moment = case.reader.snapshot().unwrap();
    let before = expected.clone();
    for again in expected.iter_mut().step_by(4) {
        again.count = -again.count;
        case.put(std::slice::from_ref(again));
    }
    let gone: Vec<Print> = expected.iter().skip(1).step_by(5).cloned().collect();
    expected.retain(|print| !gone.contains(print));
    let writes = gone.iter().map(|print| delete(Print::TABLE, (Arc::clone(&print.hash),).into()));
    case.commit(writes.collect(), &[]).unwrap();

    let check = |reader: &dyn Reader, mut expected: Vec<Print>| {
        let mut keys: Vec<Key> =
            (0..200).map(|number| (Arc::clone(&print(number, 0).hash),).into()).collect();
        keys.sort_unstable();
        let mut found = reader.load(Print::TABLE, &keys).unwrap();
        found.sort_unstable();
        expected.sort_unstable_by(|a, b| a.hash.cmp(&b.hash));
        assert_eq!(found, rows(&expected));
        let few: Vec<Row> =
            keys[..3].chunks(1).flat_map(|key| reader.load(Print::TABLE, key).unwrap()).collect();
        assert!(rows(&expected).starts_with(&few));
        let mut query = Query::of(Print::TABLE, 11);
        let mut listed = Vec::new();
        loop {
            let page = reader.query(&query).unwrap();
            let Some(last) = page.last() else { break };
            query = query.after(Key::of_row(Print::TABLE, last));
            listed.extend(page);
        }
        assert_eq!(listed, rows(&expected));
        let query = Query::of(Print::TABLE, 200).filter("count", Compare::Below, Value::Int(-3));
        let (by_key, sorted) =
            (reader.query(&query).unwrap(), reader.query(&query.sort("count", true)).unwrap());
        expected.retain(|print| print.count < -3);
        assert_eq!(by_key, rows(&expected));
        expected.sort_unstable_by_key(|print| -print.count);
        assert_eq!(sorted, rows(&expected));
    };
    check(&*case.reader, expected);
    check(&*moment, before);
}

fn top(group: &'static [&'static str], filters: Vec<Filter>, limit: u32) -> Top {
    Top { table: Pair::TABLE, group: group.to_vec(), sum: "count", filters, limit }
}

fn the_largest_sums_come_first(case: &mut Case) {
    let check = |reader: &dyn Reader, top: &Top, expected: &[(&str, i64)]| {
        let row =
            |(step, sum): &(&str, i64)| -> Row { Box::new([Value::Text((*step).into()), Value::Int(*sum)]) };
        assert_eq!(reader.top(top).unwrap(), expected.iter().map(row).collect::<Vec<_>>());
    };
    check(&*case.reader, &top(&["step"], Vec::new(), 9), &[]);
    assert!(case.reader.top(&top(&[], Vec::new(), 9)).unwrap().is_empty());
    let pairs = [("tea", 5), ("milk", 3), ("tea", 4), ("salt", 9), ("milk", -7), ("ink", 1 << 40)];
    case.put(&(1..).zip(pairs).map(|(owner, (step, count))| pair(owner, step, count)).collect::<Vec<_>>());
    let ranked = [("ink", 1 << 40), ("salt", 9), ("tea", 9), ("milk", -4)];
    check(&*case.reader, &top(&["step"], Vec::new(), 9), &ranked);
    check(&*case.reader, &top(&["step"], Vec::new(), 2), &ranked[..2]);
    let gains = Filter { column: "count", compare: Compare::Above, value: Value::Int(0) };
    let few = Filter { column: "owner", compare: Compare::Below, value: Value::Id(Uuid::from_u128(6)) };
    check(&*case.reader, &top(&["step"], vec![gains, few], 9), &[("salt", 9), ("tea", 9), ("milk", 3)]);
    let total: Row = Box::new([Value::Int((1 << 40) + 14)]);
    assert_eq!(case.reader.top(&top(&[], Vec::new(), 9)).unwrap(), [total]);
    let by_two = case.reader.top(&top(&["step", "owner"], Vec::new(), 2)).unwrap();
    let salt: Row = Box::new([Value::Text("salt".into()), Value::Id(Uuid::from_u128(4)), Value::Int(9)]);
    assert_eq!(by_two[1], salt);
}

/// A chain of samples from `from` on.
fn chain(from: u128, limit: u32) -> Chain {
    Chain { table: Sample::TABLE, from: (Uuid::from_u128(from),).into(), link: "id_or", limit }
}

/// Samples of which each names the next one listed; the last names `end`.
fn linked(ids: &[u128], end: Option<u128>) -> Vec<Sample> {
    let next = ids.iter().skip(1).map(|id| Some(*id)).chain([end]);
    let named =
        |(id, next): (&u128, Option<u128>)| Sample { id_or: next.map(Uuid::from_u128), ..sample(*id) };
    ids.iter().zip(next).map(named).collect()
}

fn a_chain_is_followed_in_its_own_order(case: &mut Case) {
    // Neither up nor down in the order of keys; one ends, the other names what is not there.
    let (ends, breaks) = (linked(&[5, 2, 9, 1, 7], None), linked(&[3, 8, 4], Some(99)));
    case.put(&ends);
    case.put(&breaks);
    let follow = |from, limit| case.reader.follow(&chain(from, limit)).unwrap();
    assert_eq!(follow(5, 100), rows(&ends));
    assert_eq!(follow(9, u32::MAX), rows(&ends[2..]), "from within");
    assert_eq!(follow(3, 100), rows(&breaks));
    for limit in 0..=6 {
        assert_eq!(follow(5, limit), rows(&ends[..ends.len().min(limit as usize)]), "at most {limit}");
    }
    assert!(follow(6, 100).is_empty(), "from nowhere");
    let moment = case.reader.snapshot().unwrap();
    case.put(&linked(&[2, 7], None));
    assert_eq!(moment.follow(&chain(5, 100)).unwrap(), rows(&ends), "at its moment");
    assert_eq!(case.reader.follow(&chain(5, 100)).unwrap(), rows(&linked(&[5, 2, 7], None)));
}

fn a_chain_in_a_circle_ends_at_the_limit(case: &mut Case) {
    let circle = linked(&[1, 2, 3], Some(1));
    case.put(&circle);
    let found = case.reader.follow(&chain(2, 7)).unwrap();
    let expected: Vec<Sample> = circle.iter().cycle().skip(1).take(7).cloned().collect();
    assert_eq!(found, rows(&expected));
}

fn a_long_chain_is_followed_in_one_call(case: &mut Case) {
    // 7 and 1,009 have no divisor in common: every key once, in no order.
    let ids: Vec<u128> = (1..=1_009).map(|n| n * 7 % 1_009).collect();
    let long = linked(&ids, None);
    case.put(&long);
    assert_eq!(case.reader.follow(&chain(ids[0], u32::MAX)).unwrap(), rows(&long));
}

fn what_is_not_there_cannot_be_asked_for(case: &mut Case) {
    let rejected =
        |result: Result<Vec<Row>, StoreError>| assert!(matches!(result, Err(StoreError::Rejected(_))));
    let query = Query::of(Sample::TABLE, 1);
    rejected(case.reader.query(&query.clone().sort("none", false)));
    rejected(case.reader.query(&query.filter("none", Compare::Present, Value::Null)));
    rejected(case.reader.top(&top(&["none"], Vec::new(), 1)));
    rejected(case.reader.follow(&Chain { link: "none", ..chain(1, 1) }));
    rejected(case.reader.follow(&Chain { link: "text_or", ..chain(1, 1) }));
    rejected(case.reader.follow(&Chain { from: (Uuid::nil(), Uuid::nil()).into(), ..chain(1, 1) }));
    let pairs: Key = (Uuid::nil(), SmolStr::default()).into();
    rejected(case.reader.follow(&Chain { table: Pair::TABLE, from: pairs, link: "owner", limit: 1 }));
    rejected(case.reader.load(Pair::TABLE, &[(Uuid::nil(),).into()]));
    assert!(case.all(Sample::TABLE).is_empty());
}
