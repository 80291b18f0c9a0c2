//! Processes that die and commits that go wrong, at every point where they can.

use crate::support::{
    Buy, MONOLITH, OnCharge, SEVEN, SHIPPED, Slot, Upset, World, check_books, inline, taken,
};
use jumun_shop::quoter::Answer;
use kernel::Reason;
use kernel::ids::{OrderId, ProductId, UserCouponId, UserId};
use kernel::judge::SagaStatus;
use order::Order;

/// Who buys what.
struct Cast {
    user: UserId,
    mug: ProductId,
    coupon: UserCouponId,
}

fn cast(world: &mut World) -> Cast {
    let user = world.customer(1_000);
    Cast { user, mug: world.product(1_500, 10), coupon: world.coupon(user, 500, 3_600) }
}

/// One order paid with everything and cancelled later, one declined, one confirmed: every commit of every domain is in it.
fn play(world: &mut World, cast: &Cast) {
    let first = insist(world, 1, &Buy::by_card(cast.user, cast.mug, 2).coupon(cast.coupon).points(400));
    world.pg.charges([OnCharge::Declines]);
    let declined = insist(world, 2, &Buy::by_card(cast.user, cast.mug, 1).points(400));
    world.wait(20);
    insist_on_cancel(world, first);
    let last = insist(world, 3, &Buy::by_card(cast.user, cast.mug, 1).points(100));
    // A lost answer to a delivery is taken for lost after 30 s.
    world.wait(45);
    let name = world.name.clone();
    assert_eq!(world.status(first), (SagaStatus::Cancelled, None), "{name}");
    assert_eq!(world.status(declined), (SagaStatus::Failed, Some(Reason::PAYMENT_DECLINED)), "{name}");
    assert_eq!(world.status(last), (SagaStatus::Confirmed, None), "{name}");
    assert_eq!(world.all::<Order>("order").len(), 3, "{name}: one order per key");
    assert_eq!(world.open_letters(), [], "{name}");
    check_books(world);
}

/// What a client does that gets no answer: the same request, under the same key.
fn insist(world: &mut World, key: u64, buy: &Buy) -> OrderId {
    for _ in 0..5 {
        let slot: Slot<Answer> = world.order_under(key, key, buy);
        world.run();
        world.wait(1);
        if let Some(Ok(Ok(born))) = taken(&slot) {
            return born.order;
        }
    }
    panic!("{}: never answered", world.name);
}

fn insist_on_cancel(world: &mut World, order: OrderId) {
    for _ in 0..5 {
        let slot = world.send(order::CancelOrder { order, customer: None });
        world.run();
        world.wait(1);
        if let Some(Ok(Ok(()))) = taken(&slot) {
            return;
        }
    }
    panic!("{}: never cancelled", world.name);
}

/// How a commit is upset: each in a test of its own.
const WAYS: [(Upset, bool); 4] =
    [(Upset::After, true), (Upset::Before, true), (Upset::Before, false), (Upset::After, false)];

/// The play again and again, each time with another of its commits upset. At both ends of the topologies that is every commit; between
/// them each way takes every fourth, so that the four together upset each commit once. Where delivery is a step there are more.
fn upset_each_commit(upset: Upset, kills: bool) {
    let way = WAYS.iter().position(|way| *way == (upset, kills)).unwrap();
    let shipped = SHIPPED.iter().map(|(_, file)| (*file).to_owned());
    for file in shipped.chain(inline()) {
        let mut world = World::new(&file);
        let cast_of = cast(&mut world);
        let before = world.faults.commits();
        play(&mut world, &cast_of);
        let commits = world.faults.commits() - before;
        assert!(commits > 10, "{commits}");
        let ends = [MONOLITH, SEVEN].contains(&file.as_str());
        let (first, step) = if ends { (0, 1) } else { (way, WAYS.len()) };
        for count in (1..=commits).skip(first).step_by(step) {
            let mut world = World::new(&file);
            world.name = format!("{} with commit {count} of {commits} upset", world.name);
            let cast = cast(&mut world);
            world.upsets_kill = kills;
            world.faults.upset_in(count, upset);
            play(&mut world, &cast);
        }
    }
}

#[test]
fn a_process_that_dies_between_commit_and_publish_loses_nothing() {
    upset_each_commit(Upset::After, true);
}

#[test]
fn a_process_that_dies_between_effect_and_commit_loses_nothing() {
    upset_each_commit(Upset::Before, true);
}

#[test]
fn a_commit_that_fails_once_is_run_again() {
    upset_each_commit(Upset::Before, false);
}

#[test]
fn a_commit_that_happened_but_reported_an_error_has_no_second_effect() {
    upset_each_commit(Upset::After, false);
}
