//! Seeds that once found a fault.

use crate::seeds::{broken, file};
use jumun_sim::{Setup, run};

/// Seed, topology, about how many orders, and what it found.
const KEPT: &[(u64, &str, u32, &str)] = &[
    (
        1,
        "orchestrated-calls",
        60,
        "an order refused at its payment was shown with other amounts than were told of it",
    ),
    (1, "seven-services", 60, "the history of points did not stand in the order in which it was made"),
    (
        1009,
        "choreographed-parallel",
        60,
        "after a commit in doubt a coupon's taker was told that they had one already",
    ),
    (1012, "choreographed-parallel", 60, "after a commit in doubt points were granted twice"),
    (1020, "validated-async", 60, "after a commit in doubt stock was adjusted twice"),
    (
        2000,
        "seven-services",
        200,
        "of two instances the slower one put a cursor back into rows that were pruned: the unit could not start again",
    ),
    (20622, "monolith", 60, "a wall clock that was set back a little put a coupon's expiry off by an hour"),
];

#[test]
fn seeds_that_found_a_fault_find_it_no_more() {
    for (seed, topology, orders, found) in KEPT {
        let setup = Setup { seed: *seed, topology: file(topology), orders: *orders, tells: false };
        let outcome = run(&setup).unwrap();
        assert_eq!(broken(&outcome), [""; 0], "{topology}, seed {seed}: {found}");
    }
}
