//! The event log: positions without gaps, in commit order, never given out twice.

use super::{Case, Check, log_row, pair, put, sample};
use kernel::Timestamp;
use runtime::ports::store::{Epoch, LogRow, LogState, Position, StoredLogRow};
use uuid::Uuid;

pub(super) const CHECKS: &[Check] = &[
    a_new_log_is_empty,
    positions_are_consecutive_over_commits,
    a_position_never_comes_back,
    log_rows_come_back_as_written,
    the_rows_of_one_order_are_in_order,
    pruning_takes_the_oldest_only,
    a_new_epoch_changes_nothing_else,
];

fn bodies(case: &Case, after: u64, limit: u32) -> Vec<(u64, String)> {
    let rows = case.reader.log_after(Position(after), limit).unwrap();
    rows.into_iter().map(|stored| (stored.position.0, stored.row.body.to_string())).collect()
}

fn said(case: &mut Case, bodies: &[&str]) -> u64 {
    let rows: Vec<LogRow> = bodies.iter().map(|body| log_row(1, body)).collect();
    case.commit(Vec::new(), &rows).unwrap().0
}

fn state(case: &Case) -> (u64, u64) {
    let LogState { head, first, .. } = case.reader.log_state().unwrap();
    (first.0, head.0)
}

fn a_new_log_is_empty(case: &mut Case) {
    assert_eq!(state(case), (1, 0));
    assert!(bodies(case, 0, 10).is_empty());
    assert!(case.reader.log_of(Uuid::from_u128(1)).unwrap().is_empty());
    // A batch that says nothing is told where the next row will stand.
    assert_eq!(said(case, &[]), 1);
    assert_eq!(state(case), (1, 0));
}

fn positions_are_consecutive_over_commits(case: &mut Case) {
    let mut expected = Vec::new();
    for batch in 0..50 {
        let said_now: Vec<String> =
            (0..batch % 4).map(|nth| format!("{{\"n\":\"{batch}.{nth}\"}}")).collect();
        let next = expected.len() as u64 + 1;
        assert_eq!(said(case, &said_now.iter().map(String::as_str).collect::<Vec<_>>()), next);
        expected.extend((next..).zip(said_now));
    }
    let count = expected.len() as u64;
    assert_eq!(state(case), (1, count));
    assert_eq!(bodies(case, 0, u32::MAX), expected);
    assert_eq!(bodies(case, 10, 5), expected[10..15]);
    assert_eq!(bodies(case, count - 1, 5), expected[expected.len() - 1..]);
    for beyond in [count, count + 1, u64::MAX] {
        assert!(bodies(case, beyond, 5).is_empty());
    }
    assert!(bodies(case, 0, 0).is_empty());
}

fn a_position_never_comes_back(case: &mut Case) {
    assert_eq!(said(case, &["a", "b"]), 1);
    case.store.begin().unwrap();
    case.store.roll_back();
    assert_eq!(said(case, &["c"]), 3);
    let mut bad = sample(1);
    bad.text = "x".into();
    let mut rejected = put(&bad);
    rejected.row = rejected.row.map(|row| row[..1].into());
    case.commit(vec![rejected], &[log_row(1, "never")]).unwrap_err();
    assert_eq!(said(case, &["d"]), 4);
    prune(case, 4);
    assert_eq!(state(case), (5, 4));
    assert_eq!(said(case, &["e"]), 5);
    assert_eq!(bodies(case, 0, 10), [(5, "e".to_owned())]);
}

fn log_rows_come_back_as_written(case: &mut Case) {
    let long = "글".repeat(400_000);
    let times = [i64::MIN, -1, 0, 1_700_000_000_123, i64::MAX];
    let texts = ["", "{}", "\"따옴표\\n\" 👩‍👩‍👧", "[1, 2,  3]", &long];
    let rows: Vec<LogRow> = times
        .into_iter()
        .zip(texts)
        .map(|(at, text)| LogRow { key: Uuid::max(), at: Timestamp(at), body: text.into() })
        .collect();
    case.commit(Vec::new(), &rows).unwrap();
    let expected: Vec<StoredLogRow> =
        (1..).map(Position).zip(rows).map(|(position, row)| StoredLogRow { position, row }).collect();
    assert!(case.reader.log_after(Position(0), 10).unwrap() == expected, "log_after is not as written");
    assert!(case.reader.log_of(Uuid::max()).unwrap() == expected, "log_of is not as written");
}

fn the_rows_of_one_order_are_in_order(case: &mut Case) {
    for batch in 0..20 {
        let rows = [1, 2, 1, 3].map(|key| log_row(key, &format!("{batch}")));
        case.commit(vec![put(&pair(1, "stock", batch))], &rows).unwrap();
    }
    let positions = |key: u128| -> Vec<u64> {
        let rows = case.reader.log_of(Uuid::from_u128(key)).unwrap();
        assert!(rows.iter().all(|stored| stored.row.key == Uuid::from_u128(key)));
        rows.iter().map(|stored| stored.position.0).collect()
    };
    assert_eq!(positions(1), (0..20).flat_map(|batch| [4 * batch + 1, 4 * batch + 3]).collect::<Vec<_>>());
    assert_eq!(positions(3), (0..20).map(|batch| 4 * batch + 4).collect::<Vec<_>>());
    assert!(positions(9).is_empty());
}

/// Prunes until all of it is done: a store may stop after a chunk, but never without one.
fn prune(case: &mut Case, through: u64) {
    loop {
        let (first, head) = state(case);
        if first > through.min(head) {
            return;
        }
        case.store.prune_log(Position(through)).unwrap();
        assert!(state(case).0 > first, "pruned nothing");
    }
}

fn pruning_takes_the_oldest_only(case: &mut Case) {
    case.store.prune_log(Position(u64::MAX)).unwrap();
    assert_eq!(state(case), (1, 0));
    said(case, &["a", "b", "c", "d"]);
    case.store.prune_log(Position(0)).unwrap();
    assert_eq!(state(case), (1, 4));
    prune(case, 2);
    assert_eq!(state(case), (3, 4));
    // What is gone already stays gone.
    case.store.prune_log(Position(1)).unwrap();
    assert_eq!(bodies(case, 0, 10), [(3, "c".to_owned()), (4, "d".to_owned())]);
    assert_eq!(case.reader.log_of(Uuid::from_u128(1)).unwrap().len(), 2);
    prune(case, u64::MAX);
    assert_eq!(state(case), (5, 4));
    assert!(bodies(case, 0, 10).is_empty());
    assert_eq!(said(case, &["e"]), 5);
    assert_eq!(state(case), (5, 5));
}

fn a_new_epoch_changes_nothing_else(case: &mut Case) {
    said(case, &["a", "b"]);
    prune(case, 1);
    let epoch = Epoch(Uuid::from_u128(99));
    case.store.new_epoch(epoch).unwrap();
    let expected = LogState { epoch, head: Position(2), first: Position(2) };
    assert_eq!(case.reader.log_state().unwrap(), expected);
    assert_eq!(said(case, &["c"]), 3);
}
