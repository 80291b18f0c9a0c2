//! What one instance prunes, the other knows of.

use crate::rush::Rush;
use crate::topologies::{MONOLITH, SPLIT};
use kernel::judge::letters::{DeadLetter, LetterKind};
use kernel::ledger::Opening;
use kernel::participation::Inbox;
use std::time::Duration;

/// Longer than any order can be cancelled.
const NINE_DAYS: Duration = Duration::from_secs(9 * 86_400);

#[test]
fn what_is_pruned_is_folded_into_the_opening_balances_once() {
    let mut openings = 0;
    for seed in 0..10 {
        let mut rush = Rush::new(MONOLITH, seed);
        rush.run();
        rush.world.wait(60);
        rush.world.clock.pass(NINE_DAYS);
        rush.world.wait(6);
        rush.world.unrest(0);
        rush.world.housekeep(&[0, 1]);
        rush.world.bustle(40);
        rush.world.calm();
        rush.world.wait(6);
        rush.check();
        assert_eq!(rush.world.everywhere::<Inbox>(), [], "{}", rush.about());
        openings += rush.world.everywhere::<Opening>().len();
    }
    assert!(openings > 0);
}

#[test]
fn who_wakes_late_does_nothing_about_orders_that_the_other_has_pruned() {
    for topology in SPLIT {
        let mut rush = Rush::new(topology, 0);
        rush.world.pause(1);
        rush.doors = vec![0];
        rush.run();
        rush.world.wait(60);
        rush.world.clock.pass(NINE_DAYS);
        rush.world.wait(6);
        rush.world.housekeep(&[0]);
        rush.world.wait(6);
        assert_eq!(rush.world.everywhere::<Inbox>(), [], "{}", rush.about());
        // It hears now what was said before all this.
        rush.world.wake(1);
        rush.world.wait(60);
        let letters = rush.world.everywhere::<DeadLetter>();
        assert!(letters.iter().any(|letter| letter.kind == LetterKind::Pruned), "{}", rush.about());
        rush.check();
    }
}
