//! Where a quote's facts come from, and what becomes of an order whose facts nobody can give.

use crate::support::{Buy, SEVEN, World, born, check_books, taken};
use kernel::judge::SagaStatus;
use runtime::CommandError;

#[test]
fn an_owner_that_cannot_be_asked_costs_only_the_orders_that_need_it() {
    let mut world = World::new(SEVEN);
    let (user, mug) = (world.customer(10_000), world.product(1_500, 10));
    let coupon = world.coupon(user, 500, 3_600);
    let known = world.buy(&Buy::by_card(user, mug, 1));
    let new = world.product(2_000, 10);
    for (owner, needs) in [
        ("coupon", Buy::by_card(user, mug, 1).coupon(coupon)),
        ("point", Buy::by_card(user, mug, 1).points(100)),
        ("product", Buy::by_card(user, new, 1)),
        ("user", Buy::by_card(user, mug, 1)),
    ] {
        // Neither asks for a coupon, for points or for a product that is not cached; a draft asks for no user.
        let draft = Buy { pay: false, ..Buy::by_card(user, mug, 1) };
        world.disk(owner).unreadable(true);
        let (refused, made) = (world.order(&needs), world.order(&draft));
        world.run();
        let answer = taken(&refused).unwrap();
        assert!(matches!(&answer, Err(CommandError::Unavailable(..))), "{owner}: {answer:?}");
        assert_eq!(world.status(born(&made).order).0, SagaStatus::Created, "{owner}");
        world.disk(owner).unreadable(false);
        let again = world.buy(&needs);
        assert_eq!(world.status(again).0, SagaStatus::Confirmed, "{owner}: it works again");
    }
    assert_eq!(world.status(known).0, SagaStatus::Confirmed);
    check_books(&world);
}

#[test]
fn owners_are_asked_as_often_for_many_orders_as_for_one() {
    for mut world in World::each() {
        let (users, mug) = (world.customers(40, 5_000), world.product(1_500, 100));
        let coupons: Vec<_> = users.iter().map(|user| world.coupon(*user, 500, 3_600)).collect();
        let buys: Vec<Buy> = users
            .iter()
            .zip(coupons)
            .map(|(user, coupon)| Buy::with_points(*user, mug, 1).coupon(coupon))
            .collect();
        let reads = |world: &World| world.disks.values().map(|disk| disk.reads()).sum::<u64>();
        let mut counts = Vec::new();
        for batch in [&buys[..1], &buys[1..]] {
            // The catalogue is cached from the second quote on: a new product is asked for each time.
            let lines = vec![(mug, 1), (world.product(100, 100), 1)];
            let before = reads(&world);
            for buy in batch {
                drop(world.order(&Buy { lines: lines.clone(), ..buy.clone() }));
            }
            world.shop.quoter().step(1_000);
            counts.push(reads(&world) - before);
            world.run();
        }
        assert_eq!(counts[0], counts[1], "{}", world.name);
        check_books(&world);
    }
}
