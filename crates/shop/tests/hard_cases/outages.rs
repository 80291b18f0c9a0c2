//! Databases and logs that are away for a while: nothing is lost, nothing is a dead letter, nothing untrue is acknowledged.

use crate::support::{Buy, OnCharge, SEVEN, World, born, check_books, taken};
use kernel::ids::{OrderId, ProductId, UserId};
use kernel::judge::SagaStatus;
use runtime::CommandError;
use runtime::ports::store::StoreError;

/// Every database that a test takes away once.
const DOMAINS: [&str; 8] =
    ["user", "product", "point", "coupon", "order", "payment", "ranking", "read-model"];

fn away() -> StoreError {
    StoreError::Retry("connection refused".to_owned())
}

/// Orders under way at every stage: one waits for its card, one was just placed, one is cancelled just now.
fn busy(world: &mut World) -> (UserId, ProductId, Vec<OrderId>) {
    let (user, mug) = (world.customer(5_000), world.product(1_500, 50));
    let coupon = world.coupon(user, 500, 3_600);
    let confirmed = world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(400));
    world.pg.charges([OnCharge::Waits]);
    let waits = world.buy(&Buy::by_card(user, mug, 1).points(300));
    (user, mug, vec![confirmed, waits])
}

fn all_rest(world: &World) {
    for order in world.all::<order::Order>("order") {
        assert!(order.status.is_settled(), "{}: {:?} {:?}", world.name, order.status, order.steps);
    }
    assert_eq!(world.open_letters(), [], "{}", world.name);
    check_books(world);
}

#[test]
fn a_database_that_is_away_for_a_minute_loses_nothing() {
    for domain in DOMAINS {
        for mut world in World::each() {
            let (user, mug, orders) = busy(&mut world);
            world.disk(domain).away(Some(away()));
            let slot = world.order(&Buy::with_points(user, mug, 1));
            let cancel = world.send(order::CancelOrder { order: orders[0], customer: None });
            world.run();
            world.pg.release();
            world.wait(60);
            world.disk(domain).away(None);
            world.wait(60);
            world.name = format!("{} without {domain}", world.name);
            all_rest(&world);
            let (placed, cancelled) = (taken(&slot).unwrap(), taken(&cancel).unwrap());
            if let Ok(Ok(made)) = placed {
                assert!(world.status(made.order).0.is_settled(), "{}", world.name);
            }
            let untouched = matches!(cancelled, Err(CommandError::Unavailable(..)));
            let expected = if untouched { SagaStatus::Confirmed } else { SagaStatus::Cancelled };
            assert_eq!(world.status(orders[0]).0, expected, "{}", world.name);
            let again = world.buy(&Buy::with_points(user, mug, 1));
            assert_eq!(world.status(again).0, SagaStatus::Confirmed, "{}: it works again", world.name);
        }
    }
}

/// The readers of a log are the bus: a database that is not stepped is one that the broker does not reach.
#[test]
fn a_broker_that_is_away_for_a_minute_loses_nothing() {
    for (mut world, domain) in World::each_split(&DOMAINS) {
        let (user, mug, orders) = busy(&mut world);
        world.hold(domain);
        drop(world.order(&Buy::with_points(user, mug, 1)));
        drop(world.send(order::CancelOrder { order: orders[0], customer: None }));
        world.run();
        world.pg.release();
        world.wait(60);
        world.let_go();
        world.wait(60);
        world.name = format!("{} without {domain}", world.name);
        all_rest(&world);
    }
}

#[test]
fn a_log_that_cannot_be_read_for_a_while_loses_nothing() {
    for (mut world, domain) in World::each_split(&DOMAINS) {
        let (user, mug) = (world.customer(5_000), world.product(1_500, 50));
        let coupon = world.coupon(user, 500, 3_600);
        let order = world.buy(&Buy::by_card(user, mug, 1).coupon(coupon).points(400));
        world.cancel(order).unwrap();
        let failed = world.buy(&Buy::with_points(user, mug, 3));
        // Every log is read again from its beginning, and one of them cannot be.
        world.rewind();
        world.disk(domain).log_away(true);
        let other = world.buy(&Buy::by_card(user, mug, 1).points(400));
        world.wait(5);
        world.disk(domain).log_away(false);
        world.wait(60);
        world.name = format!("{} without the log of {domain}", world.name);
        assert!(
            [order, failed, other].iter().all(|order| world.status(*order).0.is_settled()),
            "{}",
            world.name
        );
        all_rest(&world);
    }
}

/// After a restart two logs wait to be read (only in a chain does product follow two). One cannot be: what the other says must not be passed over.
#[test]
fn a_log_that_cannot_be_read_does_not_swallow_another() {
    let mut world = World::new(SEVEN);
    let (user, mug) = (world.customer(5_000), world.product(1_500, 50));
    world.pg.charges([OnCharge::Waits]);
    let order = world.buy(&Buy::by_card(user, mug, 1).points(300));
    // Product does not hear of the cancel; then everything stops.
    world.hold("product");
    world.cancel(order).unwrap();
    world.crash();
    world.let_go();
    world.disk("payment").log_away(true);
    world.step("product");
    world.step("product");
    world.disk("payment").log_away(false);
    world.step("product");
    world.step("product");
    let product: product::Product = world.get("product", (mug,));
    assert_eq!(product.stock, 50, "the cancel was heard, without being told again");
    world.wait(60);
    all_rest(&world);
}

#[test]
fn a_full_disk_acknowledges_nothing_and_works_again_after() {
    for mut world in World::each() {
        let (user, mug, orders) = busy(&mut world);
        world.disk("order").away(Some(StoreError::Full("no space left on device".to_owned())));
        let slot = world.order(&Buy::with_points(user, mug, 1));
        world.run();
        world.pg.release();
        world.run();
        let refused = taken(&slot).unwrap().unwrap_err();
        assert!(
            matches!(&refused, CommandError::Unavailable(_, why) if why.contains("disk full")),
            "{}: {refused}",
            world.name
        );
        assert_eq!(
            world.all::<order::Order>("order").len(),
            orders.len(),
            "{}: nothing is there",
            world.name
        );
        world.disk("order").away(None);
        world.wait(20);
        assert_eq!(world.status(orders[1]).0, SagaStatus::Confirmed, "{}: the answer waited", world.name);
        let again = world.order(&Buy::with_points(user, mug, 1));
        world.run();
        assert_eq!(world.status(born(&again).order).0, SagaStatus::Confirmed, "{}", world.name);
        all_rest(&world);
    }
}

/// A client that is told "not available" must not find its order made after all.
#[test]
fn an_order_that_was_turned_away_is_not_made_later() {
    for mut world in World::each() {
        let (user, mug) = (world.customer(5_000), world.product(1_500, 5));
        world.disk("order").away(Some(away()));
        let slot = world.order_under(1, 1, &Buy::with_points(user, mug, 1));
        world.wait(10);
        assert!(matches!(taken(&slot), Some(Err(CommandError::Unavailable(..)))), "{}", world.name);
        world.disk("order").away(None);
        world.wait(10);
        assert_eq!(world.all::<order::Order>("order").len(), 0, "{}", world.name);
        let again = world.order_under(1, 1, &Buy::with_points(user, mug, 1));
        world.run();
        assert!(!born(&again).replayed, "{}", world.name);
        check_books(&world);
    }
}

/// While a message is found out that the store rejects, the store is lost: it is set aside later, and not forgotten.
#[test]
fn a_rejected_message_is_not_forgotten_when_its_letter_cannot_be_written() {
    for mut world in World::each_apart("order", "product") {
        let (user, mug) = (world.customer(5_000), world.product(1_500, 5));
        world.hold("product");
        let order = world.buy(&Buy::with_points(user, mug, 1));
        world.disk("product").rejects(|write| write.table.name == "products");
        // The first commit of product is rejected; the second, with the letter, is lost.
        world.faults.upset_in(2, crate::support::Upset::Before);
        world.step("product");
        world.let_go();
        world.run();
        world.wait(5);
        let letters = world.open_letters();
        assert_eq!(letters.len(), 1);
        world.disk("product").takes_all();
        world.redrive(letters[0].id);
        assert_eq!(world.status(order).0, SagaStatus::Confirmed);
        check_books(&world);
    }
}

/// A message waits for the database, and runs again and again; who comes after it must not wait without a word.
#[test]
fn a_client_is_told_while_messages_wait_for_the_database() {
    for mut world in World::each() {
        let (user, mug, orders) = busy(&mut world);
        world.disk("order").away(Some(away()));
        // The answer of the card is one that nobody waits for: it stays, whatever happens.
        world.pg.release();
        world.wait(5);
        let slot = world.order(&Buy::with_points(user, mug, 1));
        world.wait(5);
        let told = taken(&slot).map(|answer| matches!(answer, Err(CommandError::Unavailable(..))));
        assert_eq!(told, Some(true), "{}", world.name);
        world.disk("order").away(None);
        world.wait(5);
        assert_eq!(world.all::<order::Order>("order").len(), orders.len(), "{}", world.name);
        assert_eq!(world.status(orders[1]).0, SagaStatus::Confirmed, "{}: the answer waited", world.name);
        all_rest(&world);
    }
}
