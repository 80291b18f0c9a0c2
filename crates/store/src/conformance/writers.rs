//! Several writers of one database: each as if alone, one after the other, in the order of the log.

use super::{Pair, log_row, pair, put};
use kernel::Record as _;
use kernel::table::Key;
use runtime::ports::store::{Intent, Position, Reader, Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use uuid::Uuid;

/// Two writers of one new, empty database, and a reader.
type Writers = ([Box<dyn Store>; 2], Arc<dyn Reader>);

/// Holds a store that several may write to what that means. `make` opens two writers of one database that is new and empty, with
/// [`TABLES`](super::TABLES), and a reader.
///
/// # Panics
/// At the first promise that does not hold.
pub fn check_writers(mut make: impl FnMut() -> Writers) {
    a_key_is_claimed_once(make());
    no_count_is_lost_and_no_log_row_is_skipped(make());
}

fn key(owner: u128, step: &str) -> Key {
    (Uuid::from_u128(owner), smol_str::SmolStr::new(step)).into()
}

/// Counts the rows under `keys` up by one, in one batch that says so.
fn count_up(store: &mut dyn Store, keys: &[Key]) -> Result<(), StoreError> {
    store.begin()?;
    let found = store.load(Pair::TABLE, keys, Intent::Claim).inspect_err(|_| store.roll_back())?;
    let found: Vec<Pair> = found.iter().map(|row| Pair::from_row(row).unwrap()).collect();
    let writes = keys.iter().map(|key| {
        let before = found.iter().find(|pair| Key::of_row(Pair::TABLE, &pair.to_row()) == *key);
        let next =
            Pair { count: before.map_or(0, |pair| pair.count) + 1, ..Pair::from_row(&row_of(key)).unwrap() };
        put(&next)
    });
    store.commit(&writes.collect::<Vec<_>>(), &[log_row(1, "{}")]).map(drop)
}

fn row_of(key: &Key) -> kernel::table::Row {
    key.0.iter().cloned().chain([kernel::Value::Int(0)]).collect()
}

/// Both look for a key and find nothing; both take it.
fn a_key_is_claimed_once((mut stores, reader): Writers) {
    let wanted = key(1, "stock");
    for (first, second) in [(0, 1), (1, 0)] {
        let mut found = Vec::new();
        for store in &mut stores {
            store.begin().unwrap();
            found.push(store.load(Pair::TABLE, &[key(u128::from(first == 0), "stock")], Intent::Claim));
        }
        // An engine may also make the second wait, and then say that it waited too long.
        let taken = [first, second]
            .map(|at| stores[at].commit(&[put(&pair(u128::from(first == 0), "stock", 1))], &[]));
        assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1, "{found:?} {taken:?}");
        assert!(taken.iter().any(|taken| matches!(taken, Err(StoreError::Retry(_)))), "{taken:?}");
        stores.iter_mut().for_each(|store| store.roll_back());
    }
    count_up(stores[1].as_mut(), std::slice::from_ref(&wanted)).unwrap();
    assert_eq!(Pair::from_row(&reader.load(Pair::TABLE, &[wanted]).unwrap()[0]).unwrap().count, 2);
}

/// Rows that a batch of each writer counts up.
const ROUNDS: usize = 60;

fn no_count_is_lost_and_no_log_row_is_skipped((mut stores, reader): Writers) {
    // Some keys in common, in any order; the others each their own.
    let shared = [key(1, "a"), key(2, "b"), key(3, "c")];
    let running = AtomicUsize::new(stores.len());
    thread::scope(|scope| {
        for (nth, store) in stores.iter_mut().enumerate() {
            let (shared, running) = (&shared, &running);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let mut keys = vec![shared[round % 3].clone(), shared[(round + nth + 1) % 3].clone()];
                    keys.push(key(100 + nth as u128, "own"));
                    keys.sort();
                    keys.dedup();
                    while let Err(error) = count_up(store.as_mut(), &keys) {
                        assert!(matches!(error, StoreError::Retry(_)), "{error}");
                    }
                }
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }
        let mut seen = Position(0);
        loop {
            let over = running.load(Ordering::SeqCst) == 0;
            for stored in reader.log_after(seen, 1_000).unwrap() {
                assert_eq!(stored.position, Position(seen.0 + 1), "a row was skipped");
                seen = stored.position;
            }
            if over {
                break;
            }
        }
        assert_eq!(seen, Position(2 * ROUNDS as u64));
    });
    let counts = super::all(&*reader, Pair::TABLE);
    let sum: i64 = counts.iter().map(|row| Pair::from_row(row).unwrap().count).sum();
    // Two shared keys a round, or one where they are the same, and one of its own.
    let expected: usize =
        (0..2).map(|nth| (0..ROUNDS).map(|_| if (nth + 1) % 3 == 0 { 2 } else { 3 }).sum::<usize>()).sum();
    assert_eq!(usize::try_from(sum).unwrap(), expected);
}
