//! Commits whose outcome is not known at first, and loops that end while their store fails.

use crate::topologies::{MONOLITH, SPLIT};
use crate::world::{ADMIN, World, won};
use jumun_sim::rows::{Call, Fault};
use kernel::ids::UserId;
use kernel::judge::SagaStatus;
use order::Order;
use point::{AdjustPoints, Points};
use runtime::CommandError;
use runtime::ports::store::StoreError;

fn grant(user: UserId) -> AdjustPoints {
    AdjustPoints { user, adjust: won(100), reason: "sorry".into(), by: ADMIN }
}

fn balances(world: &World) -> Vec<i64> {
    world.all::<Points>("point").iter().map(|points| points.balance.minor()).collect()
}

/// The first call of the database that is asked what became of a commit fails so often.
fn away(times: usize) -> impl Iterator<Item = (Call, Fault)> {
    std::iter::repeat_n((Call::Settle, Fault::Fails(StoreError::Retry("away".into()))), times)
}

#[test]
fn what_was_committed_unheard_is_not_done_twice_and_is_answered() {
    for asked_in_vain in [0, 1, 9] {
        let mut world = World::new(MONOLITH, 1, 0);
        let user = world.customer(0);
        world.fails([(Call::Commit, Fault::LosesAnswer)].into_iter().chain(away(asked_in_vain)));
        let first = world.send(0, grant(user));
        world.run();
        // Of what comes meanwhile it is known that nothing was done.
        let second = world.send(0, grant(user));
        world.wait(20);
        assert!(matches!(&*first.lock(), Some(Ok(Ok(points))) if points.balance == won(100)));
        let refused = matches!(&*second.lock(), Some(Err(CommandError::Unavailable(..))));
        assert_eq!(refused, asked_in_vain == 9);
        assert_eq!(
            balances(&world),
            [if refused { 100 } else { 200 }],
            "asked {asked_in_vain} times in vain"
        );
        assert_eq!(world.audit().discrepancies.first, []);
    }
}

#[test]
fn what_was_not_committed_is_done_again() {
    let mut world = World::new(MONOLITH, 1, 0);
    let user = world.customer(0);
    world.fails([(Call::Commit, Fault::LosesSession)].into_iter().chain(away(2)));
    let answer = world.send(0, grant(user));
    world.wait(20);
    assert!(matches!(&*answer.lock(), Some(Ok(Ok(_)))));
    assert_eq!(balances(&world), [100]);
}

#[test]
fn a_charge_whose_order_was_committed_unheard_is_made_at_once() {
    let mut world = World::new(MONOLITH, 1, 0);
    let (user, mug) = (world.customer(0), world.product(1_000, 5));
    world.fails([(Call::Commit, Fault::LosesAnswer)]);
    let answer = world.order(0, 1, user, (mug, 1), "tok_ok");
    // No time passes: nobody has to find out by a deadline.
    (0..5).for_each(|_| world.run());
    assert!(matches!(&*answer.lock(), Some(Ok(Ok(born))) if !born.replayed));
    assert_eq!(world.all::<Order>("order")[0].status, SagaStatus::Confirmed);
}

#[test]
fn a_loop_that_ends_while_its_store_fails_passes_no_word_over() {
    for topology in SPLIT {
        for failing in [1, 20] {
            let mut world = World::new(topology, 1, 0);
            let (user, mug) = (world.customer(3_000), world.product(1_000, 5));
            world.wait(1);
            world.order(0, 1, user, (mug, 1), "tok_ok");
            (0..4).for_each(|_| world.step("order"));
            // What the order has said waits for product, whose store does not take it at first.
            let fails = (Call::Commit, Fault::Fails(StoreError::Retry("deadlock".into())));
            world.fails(std::iter::repeat_n(fails, failing));
            world.end("product");
            world.kill(0);
            world.calm();
            world.start();
            world.wait(25);
            let about = format!("{}, {failing} commits fail", world.name());
            assert_eq!(world.all::<Order>("order")[0].status, SagaStatus::Confirmed, "{about}");
        }
    }
}
