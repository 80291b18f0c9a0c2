//! A lock that runs out under its holder: whoever is late is refused by the database, takes it again and goes on.

use crate::support::{ADMIN, Buy, SHIPPED, Setting, World, check_books};
use kernel::Record;
use kernel::ids::ProductId;
use kernel::judge::SagaStatus;
use product::Product;
use runtime::fence::Fence;
use runtime::ports::guard::Hold;
use runtime::ports::store::Query;
use runtime::worker::Stepped;
use scripted::lock::Locks;
use smol_str::SmolStr;
use std::sync::Arc;

fn locked_worlds() -> impl Iterator<Item = (World, Arc<Locks>)> {
    SHIPPED.into_iter().map(|(_, file)| {
        let locks: Arc<Locks> = Arc::default();
        (World::set(file, Setting { locks: Some(Arc::clone(&locks)), ..Setting::default() }), locks)
    })
}

/// Another instance writes a batch of its own to the products' database.
fn another_writes(world: &World) -> i64 {
    let name = SmolStr::new(world.database("product").name);
    let mut after = 0;
    world.tamper::<Fence>("product", (name,), |fence| {
        fence.token += 1;
        after = fence.token;
    });
    after
}

fn token(world: &World) -> i64 {
    let rows = world.disk("product").reader().query(&Query::of(Fence::TABLE, 9)).unwrap();
    rows.iter().map(|row| Fence::from_row(row).unwrap().token).max().unwrap_or(0)
}

fn add(world: &mut World, id: ProductId, adjust: i64) {
    drop(world.send(product::AdjustStock { id, adjust, reason: None, by: ADMIN }));
}

#[test]
fn a_batch_under_a_lock_that_ran_out_is_refused_and_run_again_under_a_new_token() {
    for (mut world, locks) in locked_worlds() {
        let (user, mug) = (world.customer(10_000), world.product(1_000, 5));
        let stock = |world: &World| world.get::<Product>("product", (mug,)).stock;
        let database = world.database("product").name;
        add(&mut world, mug, 1);
        assert_eq!(world.step("product"), Stepped::Worked);
        assert_eq!(locks.holder(&database).as_deref(), Some("this instance"));
        // The lock runs out while its holder is paused; another instance takes it and writes.
        locks.expire();
        let other = locks.guard(&database, "another instance");
        assert_eq!(other.hold(), Hold::Taken);
        let theirs = another_writes(&world);
        add(&mut world, mug, 7);
        for _ in 0..5 {
            let _: Stepped = world.step("product");
        }
        assert_eq!((stock(&world), token(&world)), (6, theirs), "{}: written under an old token", world.name);
        other.release();
        world.wait(1);
        assert_eq!(stock(&world), 13, "{}: once", world.name);
        assert!(token(&world) > theirs, "{}: the lock was taken again", world.name);
        let order = world.buy(&Buy::with_points(user, mug, 10));
        assert_eq!(world.status(order).0, SagaStatus::Confirmed, "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn while_the_lock_service_is_away_orders_go_on() {
    for (mut world, locks) in locked_worlds() {
        locks.away(true);
        let (user, mug) = (world.customer(10_000), world.product(1_000, 5));
        let order = world.buy(&Buy::with_points(user, mug, 1));
        assert_eq!(world.status(order).0, SagaStatus::Confirmed, "{}", world.name);
        locks.away(false);
        let order = world.buy(&Buy::with_points(user, mug, 1));
        assert_eq!(world.status(order).0, SagaStatus::Confirmed, "{}", world.name);
        check_books(&world);
    }
}
