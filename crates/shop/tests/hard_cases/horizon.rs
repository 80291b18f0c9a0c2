//! The horizon: what is pruned below it, and what a message from below it may still do (nothing).

use crate::support::{Buy, World, check_books};
use kernel::judge::letters::{DeadLetter, LetterKind};
use kernel::ledger::Opening;
use kernel::participation::Inbox;
use runtime::ports::store::{Meta, Position};
use runtime::replay::{self, CannotReplay};
use std::time::Duration;

const DAY: u64 = 24 * 3_600;
const YEAR: Duration = Duration::from_secs(365 * DAY);

/// Days pass at once.
fn pass(world: &mut World, days: u64) {
    world.clock.pass(Duration::from_secs(days * DAY));
    world.run();
}

/// Lets the horizon be computed, and everything below it be pruned.
fn housekeep(world: &mut World, log_retention: Duration) {
    world.system().housekeep(world.shop.registry(), log_retention).unwrap();
    world.run();
}

#[test]
fn pruned_receipts_live_on_as_openings() {
    for mut world in World::each() {
        let user = world.customer(10_000);
        let mug = world.product(1_000, 10);
        world.buy(&Buy::with_points(user, mug, 2));
        let cancelled = world.buy(&Buy::with_points(user, mug, 1));
        world.cancel(cancelled).unwrap();
        pass(&mut world, 9);
        housekeep(&mut world, YEAR);
        assert_eq!(world.everywhere::<Inbox>(), [], "{}", world.name);
        let openings: Vec<(String, i64)> = world
            .everywhere::<Opening>()
            .into_iter()
            .filter(|opening| opening.step.as_str() == "stock" || opening.step.as_str() == "point")
            .map(|opening| (opening.account.to_string(), opening.amount))
            .collect();
        assert!(openings.contains(&(format!("stock:{mug}"), -2)), "{openings:?}");
        assert!(openings.contains(&(format!("points:{user}"), -2_000)), "{openings:?}");
        // A second time there is nothing left to fold.
        housekeep(&mut world, YEAR);
        assert!(
            world.everywhere::<Opening>().iter().any(|opening| opening.amount == -2),
            "folded once, not twice"
        );
    }
}

#[test]
fn a_message_from_below_the_horizon_is_a_dead_letter_and_never_none() {
    for mut world in World::each_apart("order", "product") {
        let user = world.customer(10_000);
        let mug = world.product(1_000, 10);
        world.buy(&Buy::with_points(user, mug, 2));
        pass(&mut world, 9);
        housekeep(&mut world, YEAR);
        world.rewind();
        world.run();
        assert_eq!(world.get::<product::Product>("product", (mug,)).stock, 8, "no second effect");
        let letters: Vec<DeadLetter> = world.open_letters();
        assert!(letters.iter().any(|letter| letter.kind == LetterKind::Pruned), "{letters:?}");
    }
}

#[test]
fn a_log_is_heard_again_from_where_nothing_is_pruned() {
    for mut world in World::each_apart("order", "product") {
        let user = world.customer(10_000);
        let mug = world.product(1_000, 10);
        world.buy(&Buy::with_points(user, mug, 2));
        pass(&mut world, 9);
        housekeep(&mut world, YEAR);
        world.buy(&Buy::with_points(user, mug, 1));
        let from = |to| {
            let (order, product) = (world.disk("order").reader(), world.disk("product").reader());
            replay::check(order.as_ref(), product.as_ref(), to)
        };
        let Err(CannotReplay::BelowHorizon(last)) = from(Position(0)) else { panic!("{}", world.name) };
        assert_eq!(from(Position(last.0 - 1)), Err(CannotReplay::BelowHorizon(last)));
        assert_eq!(from(last), Ok(()));
        housekeep(&mut world, Duration::from_secs(DAY));
        let first = world.disk("order").reader().log_state().unwrap().first;
        assert!(first > Position(1), "{}", world.name);
        let (order, product) = (world.disk("order").reader(), world.disk("product").reader());
        let pruned = replay::check(order.as_ref(), product.as_ref(), Position(first.0 - 2));
        assert_eq!(pruned, Err(CannotReplay::Pruned(first)));
    }
}

#[test]
fn an_open_saga_holds_the_horizon_back() {
    for mut world in World::each_apart("order", "product") {
        let user = world.customer(10_000);
        let mug = world.product(1_000, 10);
        world.hold("product");
        world.order(&Buy::with_points(user, mug, 2));
        pass(&mut world, 9);
        world.system().housekeep(world.shop.registry(), YEAR).unwrap();
        world.run();
        let stored: Vec<Meta> =
            world.everywhere::<Meta>().into_iter().filter(|meta| meta.name == "horizon").collect();
        let oldest = world.all::<order::Order>("order")[0].id;
        assert!(
            stored.iter().all(|meta| meta.value.parse::<uuid::Uuid>().unwrap() <= oldest.0),
            "{stored:?}"
        );
    }
}

#[test]
fn a_log_is_pruned_only_when_everybody_has_read_it() {
    for mut world in World::each_apart("order", "read-model") {
        let user = world.customer(10_000);
        let mug = world.product(1_000, 10);
        world.buy(&Buy::with_points(user, mug, 2));
        world.hold("read-model");
        world.buy(&Buy::with_points(user, mug, 1));
        pass(&mut world, 2);
        housekeep(&mut world, Duration::from_secs(DAY));
        let state = |world: &World| world.disk("order").reader().log_state().unwrap();
        assert!(state(&world).first < state(&world).head, "the read model has not read the last rows");
        world.let_go();
        world.run();
        housekeep(&mut world, Duration::from_secs(DAY));
        assert_eq!(state(&world).first, Position(state(&world).head.0 + 1));
        world.buy(&Buy::with_points(user, mug, 1));
        check_books(&world);
    }
}
