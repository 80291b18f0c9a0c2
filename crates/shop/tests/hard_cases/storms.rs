//! Everything at once, by seed: orders, cancels, crashes, lost commits, doubled messages, a moody gateway. When it is calm again
//! every book agrees.

use crate::support::{Buy, OnApproval, OnCancel, OnCharge, SHIPPED, Upset, World, check_books, inline};
use kernel::ids::{ProductId, UserCouponId, UserId};
use kernel::judge::SagaStatus;
use order::Order;
use std::collections::BTreeMap;
use std::time::Duration;

const DOMAINS: [&str; 9] =
    ["user", "product", "point", "coupon", "order", "payment", "ranking", "read-model", "data-platform"];

/// A linear congruential generator: the same seed, the same storm.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, faces: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % faces
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.throw(from.len())]
    }
}

struct Goods {
    users: Vec<UserId>,
    products: Vec<ProductId>,
    coupons: Vec<(UserId, UserCouponId)>,
}

fn stock_up(world: &mut World) -> Goods {
    let users = world.customers(4, 3_000);
    let products = vec![world.product(1_500, 9), world.product(700, 5), world.product(300, 2)];
    let coupons = users.iter().map(|user| (*user, world.coupon(*user, 500, 60))).collect();
    Goods { users, products, coupons }
}

fn random_order(world: &mut World, goods: &Goods, dice: &mut Dice) {
    let (owner, coupon) = dice.pick(&goods.coupons);
    let product = dice.pick(&goods.products);
    let count = i64::try_from(1 + dice.throw(2)).unwrap();
    let buy = match dice.throw(4) {
        0 => Buy::with_points(dice.pick(&goods.users), product, count),
        1 => Buy::by_card(dice.pick(&goods.users), product, count),
        2 => Buy::by_card(owner, product, count).coupon(coupon),
        _ => Buy::by_card(owner, product, count).coupon(coupon).points(200),
    };
    drop(world.order(&buy));
}

fn one_thing(world: &mut World, goods: &Goods, dice: &mut Dice) {
    match dice.throw(40) {
        0..=2 => random_order(world, goods, dice),
        3 => {
            let orders = world.all::<Order>("order");
            if !orders.is_empty() {
                let order = orders[dice.throw(orders.len())].id;
                drop(world.send(order::CancelOrder { order, customer: None }));
            }
        }
        4 => {
            let charges = [
                OnCharge::Takes,
                OnCharge::Declines,
                OnCharge::TimesOut,
                OnCharge::TimesOutCharged,
                OnCharge::GoesSilent,
                OnCharge::Waits,
            ];
            let charge = dice.pick(&charges);
            world.pg.charges([charge]);
            world.platform.approvals([dice.pick(&[
                OnApproval::Takes,
                OnApproval::Breaks,
                OnApproval::Gone,
                OnApproval::GoesSilent,
                OnApproval::IsLost,
                OnApproval::TimesOutTaken,
                OnApproval::Waits,
            ])]);
            world.pg.cancels([dice.pick(&[
                OnCancel::Breaks,
                OnCancel::TimesOutCancelled,
                OnCancel::Cancels,
            ])]);
        }
        5 => {
            world.pg.release();
            world.platform.release();
        }
        6 => {
            let upset = dice.pick(&[Upset::Before, Upset::After]);
            world.upsets_kill = dice.throw(2) == 0;
            world.faults.upset_in(1, upset);
        }
        7 if dice.throw(6) == 0 => world.crash(),
        8 if dice.throw(12) == 0 => world.rewind(),
        9 => world.clock.pass(Duration::from_millis(400)),
        10..=14 => {
            world.shop.quoter().step(2);
        }
        15..=17 => {
            world.pg.step();
            world.platform.step();
        }
        _ => {
            let domain = dice.pick(&DOMAINS);
            world.step(domain);
            if world.upsets_kill && world.faults.happened() {
                world.crash();
            }
        }
    }
}

/// Storms over all topologies together: each has seeds of its own.
const STORMS: u64 = 84;

#[test]
fn after_a_storm_every_book_agrees() {
    for (number, (_, topology)) in (1..).zip(SHIPPED) {
        storms_over(topology, (number..=STORMS).step_by(SHIPPED.len()));
    }
}

#[test]
fn after_a_storm_over_inline_delivery_every_book_agrees() {
    for (number, topology) in (STORMS + 1..).zip(inline()) {
        storms_over(&topology, (number..=STORMS + 30).step_by(3));
    }
}

/// A storm for each seed; together they are wild enough to show something.
fn storms_over(topology: &str, seeds: impl Iterator<Item = u64>) {
    let mut fates: BTreeMap<SagaStatus, usize> = BTreeMap::new();
    for seed in seeds {
        let mut world = World::new(topology);
        world.name = format!("{}, seed {seed}", world.name);
        let goods = stock_up(&mut world);
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        for _ in 0..600 {
            one_thing(&mut world, &goods, &mut dice);
        }
        world.pg.charges([]);
        world.platform.approvals([]);
        world.pg.release();
        world.platform.release();
        world.wait(100);
        assert_eq!(world.open_letters(), [], "{}", world.name);
        check_books(&world);
        for order in world.all::<Order>("order") {
            *fates.entry(order.status).or_default() += 1;
        }
    }
    let often = |status| fates.get(&status).is_some_and(|count| *count >= 5);
    let all = [SagaStatus::Confirmed, SagaStatus::Failed, SagaStatus::Cancelled].into_iter().all(often);
    assert!(all, "the storms are too mild to show anything: {fates:?}");
}
