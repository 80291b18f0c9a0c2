//! Looking into the participants' books where nothing is heard of them: a client's poll, and the inquiry at the deadline.

use crate::splits::{born_and_held, world_of};
use crate::support::{Buy, OnCharge, World, check_books};
use kernel::ids::OrderId;
use kernel::judge::{SagaStatus, StepStatus};
use order::Order;
use std::sync::Arc;

/// Everybody is started again, and hears again but for what `silent` said meanwhile: it is in their logs only, which cannot be read.
fn deafen(world: &mut World, silent: &[&'static str]) {
    world.crash();
    silent.iter().for_each(|domain| world.disk(domain).log_away(true));
    world.let_go();
    world.run();
}

/// An order of points and stock whose participants have all done their part, which it has not heard.
fn unheard(world: &mut World) -> OrderId {
    let (user, mug) = (world.customer(9_000), world.product(1_500, 5));
    let order = born_and_held(world, &[Buy::with_points(user, mug, 1)])[0];
    deafen(world, &["product", "point"]);
    assert_eq!(world.status(order).0, SagaStatus::Pending, "{}", world.name);
    order
}

/// `count` clients look at the order at the same moment.
fn poll(world: &mut World, order: OrderId, count: usize) -> Vec<Order> {
    let shop = Arc::clone(&world.shop);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let clients: Vec<_> = (0..count)
            .map(|_| {
                let shop = Arc::clone(&shop);
                tokio::spawn(async move { shop.polled(shop.order(order).unwrap()).await.unwrap() })
            })
            .collect();
        while clients.iter().any(|client| !client.is_finished()) {
            world.run();
            tokio::task::yield_now().await;
        }
        let mut seen = Vec::new();
        for client in clients {
            seen.push(client.await.unwrap());
        }
        seen
    })
}

/// Once the logs are read again the books are as they always are.
fn heard_again(world: &mut World) {
    ["product", "point", "payment"].iter().for_each(|domain| world.disk(domain).log_away(false));
    world.wait(1);
    check_books(world);
}

/// Seed 002: the order service asks user and product, writes the payment, and answers with the settled order.
#[test]
fn a_poll_asks_every_participant_once_and_settles_the_order_for_all_who_look() {
    let mut world = world_of("validated-async");
    let order = unheard(&mut world);
    let reads = world.disk("product").reads();
    for seen in poll(&mut world, order, 5) {
        assert_eq!((seen.id, seen.status), (order, SagaStatus::Confirmed));
    }
    assert_eq!(
        world.disk("product").reads(),
        reads + 1,
        "those who look at once are answered by one question"
    );
    poll(&mut world, order, 1);
    assert_eq!(world.disk("product").reads(), reads + 1, "a settled order asks nobody");
    heard_again(&mut world);
}

#[test]
fn a_participant_that_cannot_be_asked_leaves_the_order_pending() {
    let mut world = world_of("validated-async");
    let order = unheard(&mut world);
    world.disk("product").unreadable(true);
    let seen = poll(&mut world, order, 1).remove(0);
    let steps: Vec<StepStatus> = seen.steps.0.iter().map(|step| step.status).collect();
    assert_eq!(seen.status, SagaStatus::Pending);
    assert_eq!(steps, [StepStatus::Done, StepStatus::Unknown, StepStatus::Unknown], "point was asked");
    world.disk("product").unreadable(false);
    assert_eq!(poll(&mut world, order, 1)[0].status, SagaStatus::Confirmed);
    heard_again(&mut world);
}

/// Who waits in vain is shown what is known.
#[test]
fn a_poll_that_nobody_answers_ends() {
    let mut world = world_of("validated-async");
    let order = unheard(&mut world);
    world.hold("order");
    assert_eq!(poll(&mut world, order, 1)[0].status, SagaStatus::Pending);
}

/// A participant that has not acted yet says nothing, and asking leaves no trace in its books.
#[test]
fn a_poll_before_anything_was_done_changes_nothing() {
    let mut world = world_of("validated-async");
    let (user, mug) = (world.customer(9_000), world.product(1_500, 5));
    world.hold("product");
    world.hold("point");
    let order = world.buy(&Buy::with_points(user, mug, 1));
    let before = world.get::<Order>("order", (order,));
    assert_eq!(poll(&mut world, order, 1), [before]);
    assert!(world.everywhere::<kernel::participation::Inbox>().is_empty());
    world.let_go();
    world.run();
    assert_eq!(world.status(order).0, SagaStatus::Confirmed);
    check_books(&world);
}

/// The other topologies do not ask: what is heard of an order is what is shown.
#[test]
fn only_where_the_topology_says_so_does_a_poll_ask_anybody() {
    for mut world in World::each_apart("order", "product").filter(|world| world.name != "validated-async") {
        let (user, mug) = (world.customer(9_000), world.product(1_500, 5));
        world.hold("product");
        let order = world.buy(&Buy::with_points(user, mug, 1));
        let reads = world.disk("product").reads();
        assert_eq!(poll(&mut world, order, 1)[0].status, SagaStatus::Pending, "{}", world.name);
        assert_eq!(world.disk("product").reads(), reads, "{}", world.name);
    }
}

/// Seeds 002 and 004: an order that nobody polls is not given up before its participants were asked.
#[test]
fn what_was_done_and_not_heard_is_found_at_the_deadline() {
    let mut world = world_of("validated-async");
    let order = unheard(&mut world);
    world.wait(32);
    assert_eq!(world.status(order), (SagaStatus::Confirmed, None), "{}", world.name);
    heard_again(&mut world);

    let mut world = world_of("orchestrated-messages");
    let (user, mug) = (world.customer(9_000), world.product(1_500, 5));
    world.pg.charges([OnCharge::Waits]);
    let order = world.buy(&Buy::by_card(user, mug, 1));
    world.hold("order");
    world.pg.release();
    world.run();
    deafen(&mut world, &["payment"]);
    assert_eq!(world.status(order).0, SagaStatus::Pending);
    world.wait(32);
    assert_eq!(world.status(order), (SagaStatus::Confirmed, None), "{}", world.name);
    heard_again(&mut world);
}
