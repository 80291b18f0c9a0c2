//! Batches: their cost does not grow with their size, and one bad message never fails its neighbours.

use crate::support::{Buy, OnCharge, SHIPPED, Setting, World, born, check_books};
use kernel::Reason;
use kernel::ids::{OrderId, ProductId};
use kernel::judge::SagaStatus;
use kernel::judge::letters::LetterKind;
use kernel::{Key, Record, Value};
use order::Order;
use product::Product;
use std::time::Duration;

/// A world whose batches take everything that waits.
fn roomy(topology: &str) -> World {
    let mut setting = Setting::default();
    setting.config.batch_cap = 4_000;
    World::set(topology, setting)
}

/// `count` orders with coupon, points and card at once, to the end.
fn calls_of(topology: &str, count: usize) -> u64 {
    let mut world = roomy(topology);
    let mug = world.product(1_500, 10_000);
    let users = world.customers(count, 1_000);
    let campaign = world.campaign(100, 1_000, 3_600);
    let coupons: Vec<_> =
        users.iter().map(|user| world.send(coupon::IssueCoupon { coupon: campaign, user: *user })).collect();
    world.run();
    let coupons = coupons.iter().map(|slot| crate::support::taken(slot).unwrap().unwrap().unwrap().id);
    let buys: Vec<Buy> = users
        .iter()
        .zip(coupons)
        .map(|(user, coupon)| Buy::by_card(*user, mug, 1).coupon(coupon).points(200))
        .collect();
    let before = world.store_calls();
    let slots: Vec<_> = buys.iter().map(|buy| world.order(buy)).collect();
    world.run();
    let calls = world.store_calls() - before;
    assert!(
        slots.iter().all(|slot| world.status(born(slot).order).0 == SagaStatus::Confirmed),
        "{}",
        world.name
    );
    check_books(&world);
    calls
}

#[test]
fn five_hundred_orders_cost_as_many_store_calls_as_five() {
    for (_, topology) in SHIPPED {
        assert_eq!(calls_of(topology, 500), calls_of(topology, 5));
    }
}

/// 500 orders at once, each of a product of its own; the one in the middle meets what `spoil` did to its product.
fn five_hundred(world: &mut World, spoil: impl FnOnce(&World, ProductId)) -> Vec<OrderId> {
    let users = world.customers(500, 2_000);
    let products: Vec<ProductId> = users.iter().map(|_| world.product(1_500, 3)).collect();
    let buys = users.iter().zip(&products).map(|(user, product)| Buy::with_points(*user, *product, 1));
    let slots: Vec<_> = buys.collect::<Vec<_>>().iter().map(|buy| world.order(buy)).collect();
    world.shop.quoter().step(1_000);
    spoil(world, products[250]);
    world.run();
    slots.iter().map(|slot| born(slot).order).collect()
}

/// Sets a product's status, to what is no word too: then no decider can read the row.
fn set_status(world: &World, product: ProductId, status: &'static str) {
    write_status::<Product>(world, "product", (product,).into(), status);
}

fn write_status<R: Record>(world: &World, domain: &'static str, key: Key, status: &'static str) {
    let disk = world.disk(domain);
    let mut row = disk.reader().load(R::TABLE, std::slice::from_ref(&key)).unwrap().remove(0);
    row[R::TABLE.column("status").unwrap()] = Value::Text(status.into());
    disk.write(&[kernel::state::Write { table: R::TABLE, key, row: Some(row) }], &[]);
}

/// The coupon cannot be read when the stock of the same group is taken already.
#[test]
fn a_poison_message_takes_nothing_with_it() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(2_000), world.product(1_500, 3));
        let coupon = world.coupon(user, 500, 3_600);
        let slot = world.order(&Buy::with_points(user, mug, 1).coupon(coupon));
        world.shop.quoter().step(10);
        write_status::<coupon::UserCoupon>(&world, "coupon", (coupon,).into(), "GONE");
        world.run();
        let order = born(&slot).order;
        write_status::<coupon::UserCoupon>(&world, "coupon", (coupon,).into(), "ISSUED");
        assert_eq!(world.status(order).0, SagaStatus::Pending, "{}", world.name);
        check_books(&world);
        let letters = world.open_letters();
        assert_eq!(letters.len(), 1, "{}", world.name);
        world.redrive(letters[0].id);
        assert_eq!(world.status(order), (SagaStatus::Confirmed, None), "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn a_poison_message_in_a_batch_of_500_fails_alone_and_is_redriven() {
    for (_, topology) in SHIPPED {
        let mut world = roomy(topology);
        let mut spoiled = None;
        let orders = five_hundred(&mut world, |world, product| {
            set_status(world, product, "GONE");
            spoiled = Some(product);
        });
        let confirmed =
            orders.iter().filter(|order| world.status(**order).0 == SagaStatus::Confirmed).count();
        assert_eq!((confirmed, world.status(orders[250]).0), (499, SagaStatus::Pending), "{}", world.name);
        let letters = world.open_letters();
        assert_eq!(letters.len(), 1, "{}", world.name);
        assert_eq!((letters[0].kind, letters[0].order_id), (LetterKind::Poison, Some(orders[250].0)));
        assert_eq!(letters[0].domain.as_str(), "product", "{}", world.name);
        assert_eq!(world.alerts("undecidable"), 1, "{}", world.name);
        set_status(&world, spoiled.unwrap(), "ACTIVE");
        world.redrive(letters[0].id);
        assert_eq!(world.status(orders[250]), (SagaStatus::Confirmed, None), "{}", world.name);
        assert_eq!(world.open_letters(), [], "{}", world.name);
        check_books(&world);
    }
}

#[test]
fn a_poison_message_that_nobody_repairs_ends_at_the_deadline() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(2_000), world.product(1_500, 3));
        let slot = world.order(&Buy::with_points(user, mug, 1));
        world.shop.quoter().step(10);
        set_status(&world, mug, "GONE");
        world.run();
        world.wait(40);
        let order = born(&slot).order;
        assert_eq!(world.status(order), (SagaStatus::Failed, Some(Reason::TIMED_OUT)), "{}", world.name);
        set_status(&world, mug, "ACTIVE");
        let letters = world.open_letters();
        assert_eq!(letters.len(), 1, "{}", world.name);
        world.redrive(letters[0].id);
        assert_eq!(
            world.status(order).0,
            SagaStatus::Failed,
            "{}: redriven too late, it does nothing",
            world.name
        );
        assert_eq!(world.open_letters(), [], "{}", world.name);
        check_books(&world);
    }
}

/// The store finds fault with one row of the batch: halves find the message, and its neighbours are committed.
#[test]
fn a_row_that_the_store_rejects_fails_its_message_alone() {
    let mut world = roomy(crate::support::SEVEN);
    let orders = five_hundred(&mut world, |world, spoiled| {
        world.disk("product").rejects(move |write| {
            write.table.name == Product::TABLE.name && write.key == Key::from((spoiled,))
        });
    });
    let confirmed = orders.iter().filter(|order| world.status(**order).0 == SagaStatus::Confirmed).count();
    assert_eq!((confirmed, world.status(orders[250]).0), (499, SagaStatus::Pending));
    let letters = world.open_letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].order_id, Some(orders[250].0));
    world.disk("product").takes_all();
    world.redrive(letters[0].id);
    assert_eq!(world.status(orders[250]), (SagaStatus::Confirmed, None));
    check_books(&world);
}

/// Where the birth and its steps are one transaction, the client is told, and no order is there.
#[test]
fn a_birth_that_the_store_rejects_fails_alone_and_is_answered() {
    let mut world = roomy(crate::support::MONOLITH);
    let (users, mug, bad) =
        (world.customers(20, 2_000), world.product(1_500, 100), world.product(1_500, 100));
    world
        .disk("product")
        .rejects(move |write| write.table.name == Product::TABLE.name && write.key == Key::from((bad,)));
    let slots: Vec<_> = users
        .iter()
        .enumerate()
        .map(|(at, user)| world.order(&Buy::with_points(*user, if at == 7 { bad } else { mug }, 1)))
        .collect();
    world.run();
    for (at, slot) in slots.iter().enumerate() {
        let answer = crate::support::taken(slot).unwrap();
        assert_eq!(answer.is_err(), at == 7, "{at}: {answer:?}");
    }
    assert_eq!(world.all::<Order>("order").len(), 19);
    world.disk("product").takes_all();
    check_books(&world);
}

/// The answer and the deadline of one order wait for the same batch: the answer counts.
#[test]
fn answers_are_decided_before_deadlines() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(1_000), world.product(1_500, 3));
        world.pg.charges([OnCharge::Waits; 20]);
        let order = world.buy(&Buy::by_card(user, mug, 1).points(300));
        world.wait(29);
        world.pg.release();
        world.pg.step();
        if world.apart("order", "payment") {
            world.step("payment");
        }
        world.clock.pass(Duration::from_secs(2));
        world.run();
        assert_eq!(world.status(order), (SagaStatus::Confirmed, None), "{}", world.name);
        check_books(&world);
    }
}
