//! Orders and coupons, whoever of the two serves them.

use crate::rush::Rush;
use crate::topologies::{MONOLITH, SPLIT};
use crate::world::World;
use kernel::ids::UserId;
use kernel::judge::SagaStatus;
use order::Order;
use std::collections::BTreeSet;

#[test]
fn the_last_pieces_are_sold_once_whoever_sells_them() {
    let (mut overlaps, mut faults, mut confirmed) = (0, 0, 0);
    for seed in 0..15 {
        for one_fails_of in [0, 25] {
            let mut rush = Rush::new(MONOLITH, seed);
            rush.world.unrest(one_fails_of);
            rush.run();
            rush.world.bustle(200);
            rush.world.calm();
            rush.world.wait(60);
            rush.check();
            let (overlapped, failed) = rush.world.happened();
            overlaps += overlapped;
            faults += failed;
            let orders = rush.world.all::<Order>("order");
            confirmed += orders.iter().filter(|order| order.status == SagaStatus::Confirmed).count();
        }
    }
    assert!(overlaps > 1_000 && faults > 100 && confirmed > 200, "{overlaps} {faults} {confirmed}");
}

#[test]
fn what_a_killed_instance_has_left_is_ended_by_the_other() {
    let mut left = 0;
    for seed in 0..12 {
        let mut rush = Rush::new(MONOLITH, seed);
        rush.world.unrest(0);
        // Nobody hears what became of a charge before the kill.
        rush.world.pg().stuck(true);
        rush.run();
        rush.world.kill(0);
        rush.world.pg().stuck(false);
        left += rush.under_way();
        rush.world.calm();
        rush.world.wait(120);
        rush.check();
    }
    assert!(left > 50, "{left} orders were under way");
}

#[test]
fn where_units_are_apart_every_word_heard_twice_has_one_effect() {
    for topology in SPLIT {
        for seed in 0..3 {
            for one_fails_of in [0, 40] {
                let mut rush = Rush::new(topology, seed);
                rush.world.unrest(one_fails_of);
                rush.run();
                rush.world.bustle(400);
                rush.world.calm();
                rush.world.wait(90);
                rush.check();
            }
        }
    }
}

#[test]
fn coupons_are_issued_once_each_whoever_issues_them() {
    for seed in 0..20 {
        let mut world = World::new(MONOLITH, 2, seed);
        let users: Vec<UserId> = (0..12).map(|_| world.customer(0)).collect();
        let coupon = world.campaign(5);
        world.unrest(0);
        for _ in 0..40 {
            let user = users[world.draw(users.len())];
            drop(world.send(world.draw(2), coupon::IssueCoupon { coupon, user }));
            world.bustle(world.draw(4));
        }
        world.calm();
        world.wait(5);
        assert_eq!(world.audit().discrepancies.first, [], "seed {seed}");
        let issued = world.all::<coupon::UserCoupon>("coupon");
        let owners: BTreeSet<UserId> = issued.iter().map(|one| one.user_id).collect();
        assert_eq!((issued.len(), owners.len()), (5, 5), "seed {seed}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let play = |seed| {
        let mut rush = Rush::new(SPLIT[3], seed);
        rush.world.unrest(40);
        rush.run();
        rush.world.bustle(200);
        rush.world.everything()
    };
    assert!(play(3) == play(3), "a run is not its seed's");
    assert!(play(3) != play(4), "two seeds make one run");
}
