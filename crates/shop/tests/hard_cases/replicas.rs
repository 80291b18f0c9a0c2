//! Quotes from copies beside the orders: what a copy that is behind, missing or wrong can cost, and what it cannot.

use crate::support::{ADMIN, Buy, OnCharge, SEVEN, World, born, check_books, taken, won};
use jumun_shop::{Domains, Policies};
use kernel::ids::{OrderId, ProductId, UserCouponId, UserId};
use kernel::judge::SagaStatus;
use kernel::state::Write;
use kernel::{Currency, Key, Reason, Record};
use order::quote::Points;
use product::{PatchProduct, ProductStatus};
use replica::{CouponCopy, ProductCopy, UserCopy};
use runtime::CommandError;
use runtime::ports::store::Query;
use user::{PatchUser, UserStatus};

/// Seven services that quote from copies.
pub(crate) fn seven_with_replicas() -> String {
    SEVEN
        .replace("quote = \"calls\"", "quote = \"replica\"")
        .replace("domains = [\"order\", ", "domains = [\"order\", \"replica\", ")
}

/// A world that quotes from copies, and what is for sale in it.
struct Shelf {
    world: World,
    user: UserId,
    mug: ProductId,
    coupon: UserCouponId,
}

/// A mug for 1,500, a customer with 5,000 points, a coupon that takes off 500. Nothing is cached in the process.
fn shelf() -> Shelf {
    let mut world = World::new(&seven_with_replicas());
    let (user, mug) = (world.customer(5_000), world.product(1_500, 10));
    let coupon = world.coupon(user, 500, 3_600);
    world.crash();
    world.run();
    Shelf { world, user, mug, coupon }
}

/// How often each owner is read.
const OWNERS: [&str; 4] = ["product", "user", "coupon", "point"];

fn reads(world: &World) -> [u64; 4] {
    OWNERS.map(|owner| world.disk(owner).reads())
}

/// Quotes `buy` and returns how often it made each of [`OWNERS`] be asked; then everything runs.
fn asked_for(world: &mut World, buy: &Buy) -> (OrderId, [u64; 4]) {
    let slot = world.order(buy);
    let before = reads(world);
    world.shop.quoter().step(1_000);
    let after = reads(world);
    world.let_go();
    world.run();
    (born(&slot).order, [0, 1, 2, 3].map(|owner| after[owner] - before[owner]))
}

/// The order failed for `reason`, and only after steps of it had been asked.
#[track_caller]
fn refused_by_a_step(world: &World, order: OrderId, reason: Reason) {
    assert_eq!(world.status(order), (SagaStatus::Failed, Some(reason)));
    let plan = world.get::<order::Order>("order", (order,)).plan().unwrap();
    assert!(!plan.steps.is_empty(), "a step refused it, not the quote");
}

#[track_caller]
fn refused_at_the_quote(world: &World, order: OrderId, reason: Reason) {
    assert_eq!(world.status(order), (SagaStatus::Failed, Some(reason)));
    let plan = world.get::<order::Order>("order", (order,)).plan().unwrap();
    assert!(plan.steps.is_empty(), "the quote refused it, no step was asked");
}

#[track_caller]
fn confirmed(world: &World, order: OrderId, total: i64) {
    assert_eq!(world.status(order), (SagaStatus::Confirmed, None));
    assert_eq!(world.get::<order::Order>("order", (order,)).total.minor(), total);
}

fn patch(product: ProductId) -> PatchProduct {
    let (name, price, status, expected_version, reason) = Default::default();
    PatchProduct { id: product, name, price, status, expected_version, by: ADMIN, reason }
}

fn set_status(world: &mut World, user: UserId, status: UserStatus) {
    let (name, role, expected_version, reason) = Default::default();
    let status = Some(status);
    world.ask(PatchUser { id: user, name, role, status, expected_version, by: ADMIN, reason }).unwrap();
}

/// Deletes every copy of a kind.
fn forget<R: Record>(world: &World) {
    let rows = world.disk("order").reader().query(&Query::of(R::TABLE, u32::MAX)).unwrap();
    let keys = rows.iter().map(|row| Key::of_row(R::TABLE, row));
    let writes: Vec<Write> = keys.map(|key| Write { table: R::TABLE, key, row: None }).collect();
    world.disk("order").write(&writes, &[]);
}

#[test]
fn a_fresh_copy_quotes_without_asking_its_owner() {
    let Shelf { mut world, user, mug, coupon } = shelf();
    let buy = Buy::by_card(user, mug, 2).coupon(coupon).points(400);
    let (order, asked) = asked_for(&mut world, &buy);
    confirmed(&world, order, 3_000);
    assert_eq!(asked, [0; 4], "{OWNERS:?}");
    let (order, asked) = asked_for(&mut world, &Buy { points: Points::All, ..Buy::by_card(user, mug, 1) });
    confirmed(&world, order, 1_500);
    assert_eq!(asked, [0, 0, 0, 1], "only all points are asked for: {OWNERS:?}");
    check_books(&world);
}

#[test]
fn a_price_that_the_copy_does_not_know_yet_refuses_and_loses_nothing() {
    let Shelf { mut world, user, mug, coupon } = shelf();
    let buy = Buy::by_card(user, mug, 1).coupon(coupon).points(400);
    world.hold("order");
    world.ask(PatchProduct { price: Some(won(1_600)), ..patch(mug) }).unwrap();
    let (order, asked) = asked_for(&mut world, &buy);
    refused_by_a_step(&world, order, Reason::PRICE_CHANGED);
    assert_eq!(asked, [0; 4]);
    check_books(&world);
    let (order, asked) = asked_for(&mut world, &buy);
    confirmed(&world, order, 1_600);
    assert_eq!(asked, [0; 4], "the copy has caught up and was not forgotten");
    check_books(&world);
}

#[test]
fn a_product_put_on_sale_a_moment_ago_is_quoted_by_asking_its_owner() {
    let Shelf { mut world, user, mug, .. } = shelf();
    world.hold("order");
    let new = world.product(2_000, 5);
    let buy = Buy { lines: vec![(mug, 1), (new, 1)], ..Buy::by_card(user, mug, 0) };
    let (order, asked) = asked_for(&mut world, &buy);
    confirmed(&world, order, 3_500);
    assert_eq!(asked, [1, 0, 0, 0]);

    world.ask(PatchProduct { status: Some(ProductStatus::Inactive), ..patch(mug) }).unwrap();
    world.hold("order");
    world.ask(PatchProduct { status: Some(ProductStatus::Active), ..patch(mug) }).unwrap();
    let (order, asked) = asked_for(&mut world, &Buy::by_card(user, mug, 1));
    confirmed(&world, order, 1_500);
    assert_eq!(asked, [1, 0, 0, 0], "a copy never refuses alone");
    check_books(&world);
}

#[test]
fn a_product_taken_off_sale_is_refused_by_its_owner_whatever_the_copy_says() {
    let Shelf { mut world, user, mug, .. } = shelf();
    world.hold("order");
    world.ask(PatchProduct { status: Some(ProductStatus::Inactive), ..patch(mug) }).unwrap();
    let (order, _) = asked_for(&mut world, &Buy::by_card(user, mug, 1));
    refused_by_a_step(&world, order, Reason::OUT_OF_STOCK);
    let late = world.order(&Buy::by_card(user, mug, 1));
    world.run();
    assert_eq!(taken(&late).unwrap().unwrap().unwrap_err().code, "PRODUCT_UNKNOWN");
    check_books(&world);
}

/// No step verifies the user again. What keeps a suspended user out at once is the door, which asks the owner on every
/// request; a copy that is behind lets an order through that passed the door just before.
#[test]
fn a_suspension_refuses_orders_once_the_copy_hears_it_and_its_end_works_at_once() {
    let Shelf { mut world, user, mug, .. } = shelf();
    let buy = Buy::by_card(user, mug, 1);
    world.hold("order");
    set_status(&mut world, user, UserStatus::Suspended);
    let (order, asked) = asked_for(&mut world, &buy);
    confirmed(&world, order, 1_500);
    assert_eq!(asked, [0; 4]);
    let (order, asked) = asked_for(&mut world, &buy);
    refused_at_the_quote(&world, order, Reason::USER_INACTIVE);
    assert_eq!(asked, [0, 1, 0, 0], "a refusal is the owner's");
    world.hold("order");
    set_status(&mut world, user, UserStatus::Active);
    let (order, asked) = asked_for(&mut world, &buy);
    confirmed(&world, order, 1_500);
    assert_eq!(asked, [0, 1, 0, 0]);
    check_books(&world);
}

#[test]
fn a_coupon_used_meanwhile_is_refused_by_its_step() {
    let Shelf { mut world, user, mug, coupon } = shelf();
    let buy = Buy::by_card(user, mug, 1).coupon(coupon);
    let first = world.order(&buy);
    world.shop.quoter().step(1_000);
    world.step("order");
    // The first order uses the coupon; where orders are quoted this is not heard yet.
    world.hold("order");
    world.run();
    let (second, asked) = asked_for(&mut world, &buy);
    confirmed(&world, born(&first).order, 1_500);
    refused_by_a_step(&world, second, Reason::COUPON_INVALID);
    assert_eq!(asked, [0; 4]);
    let (third, asked) = asked_for(&mut world, &buy);
    refused_at_the_quote(&world, third, Reason::COUPON_INVALID);
    assert_eq!(asked, [0, 0, 1, 0], "a refusal is the owner's");
    check_books(&world);
}

#[test]
fn a_coupon_given_back_is_quoted_by_asking_its_owner() {
    let Shelf { mut world, user, mug, coupon } = shelf();
    let buy = Buy::by_card(user, mug, 1).coupon(coupon);
    world.pg.charges([OnCharge::Declines]);
    let (declined, _) = asked_for(&mut world, &buy);
    refused_by_a_step(&world, declined, Reason::PAYMENT_DECLINED);
    let (order, asked) = asked_for(&mut world, &buy);
    confirmed(&world, order, 1_500);
    assert_eq!(asked, [0, 0, 1, 0]);
    check_books(&world);
}

#[test]
fn an_amount_of_points_is_not_asked_for_and_found_short_by_its_step() {
    let Shelf { mut world, user, mug, coupon } = shelf();
    let buy = Buy::by_card(user, mug, 4).coupon(coupon).points(5_001);
    let (order, asked) = asked_for(&mut world, &buy);
    refused_by_a_step(&world, order, Reason::POINTS_SHORT);
    assert_eq!(asked, [0; 4]);
    check_books(&world);
}

#[test]
fn without_its_owner_a_copy_still_quotes_and_what_has_none_is_turned_away() {
    let Shelf { mut world, user, mug, coupon } = shelf();
    world.hold("order");
    let (new_user, new_mug) = (world.customer(0), world.product(1_500, 10));
    let new_coupon = world.coupon(user, 700, 3_600);
    let missing = [
        ("product", Buy::by_card(user, new_mug, 1)),
        ("user", Buy::by_card(new_user, mug, 1)),
        ("coupon", Buy::by_card(user, mug, 1).coupon(new_coupon)),
        ("point", Buy { points: Points::All, ..Buy::by_card(user, mug, 1) }),
    ];
    let known = world.order(&Buy::by_card(user, mug, 1).coupon(coupon).points(100));
    let turned_away = missing.clone().map(|(_, buy)| world.order(&buy));
    OWNERS.iter().for_each(|owner| world.disk(owner).unreadable(true));
    world.shop.quoter().step(1_000);
    for ((owner, _), slot) in missing.iter().zip(&turned_away) {
        let answer = taken(slot).unwrap();
        assert!(matches!(&answer, Err(CommandError::Unavailable(..))), "{owner}: {answer:?}");
    }
    OWNERS.iter().for_each(|owner| world.disk(owner).unreadable(false));
    world.let_go();
    world.run();
    confirmed(&world, born(&known).order, 1_500);
    for (owner, buy) in missing {
        let order = world.buy(&buy);
        assert_eq!(world.status(order).0, SagaStatus::Confirmed, "{owner}: it works again");
    }
    check_books(&world);
}

#[test]
fn nothing_is_lost_with_the_copies() {
    let Shelf { mut world, user, mug, coupon } = shelf();
    forget::<ProductCopy>(&world);
    forget::<UserCopy>(&world);
    forget::<CouponCopy>(&world);
    let (order, asked) = asked_for(&mut world, &Buy::by_card(user, mug, 1).coupon(coupon));
    confirmed(&world, order, 1_500);
    assert_eq!(asked, [1, 1, 1, 0]);
    // The next word about a thing makes its copy again.
    world.ask(PatchProduct { price: Some(won(1_700)), ..patch(mug) }).unwrap();
    world.crash();
    let (order, asked) = asked_for(&mut world, &Buy::by_card(user, mug, 1));
    confirmed(&world, order, 1_700);
    assert_eq!(asked, [0, 1, 0, 0]);
    check_books(&world);
}

#[test]
fn a_copy_that_missed_a_word_for_good_is_corrected_by_the_first_refusal() {
    let Shelf { mut world, user, mug, coupon } = shelf();
    world.tamper::<ProductCopy>("order", (mug,), |copy| copy.price = won(900));
    let buy = Buy::by_card(user, mug, 1);
    let (order, _) = asked_for(&mut world, &buy);
    refused_by_a_step(&world, order, Reason::PRICE_CHANGED);
    let (order, asked) = asked_for(&mut world, &buy);
    confirmed(&world, order, 1_500);
    assert_eq!(asked, [1, 0, 0, 0]);

    let copy = world.get::<CouponCopy>("order", (coupon,)).to_row();
    let buy = buy.coupon(coupon);
    let used = world.buy(&buy);
    confirmed(&world, used, 1_500);
    let key = Key::of_row(CouponCopy::TABLE, &copy);
    world.disk("order").write(&[Write { table: CouponCopy::TABLE, key, row: Some(copy) }], &[]);
    let (order, _) = asked_for(&mut world, &buy);
    refused_by_a_step(&world, order, Reason::COUPON_INVALID);
    let (order, _) = asked_for(&mut world, &buy);
    refused_at_the_quote(&world, order, Reason::COUPON_INVALID);
    check_books(&world);
}

#[test]
fn hearing_everything_again_ends_in_the_same_copies() {
    let Shelf { mut world, user, mug, coupon } = shelf();
    let expires = world.coupon(user, 100, 5);
    let kept = world.coupon(user, 200, 3_600);
    world.ask(PatchProduct { price: Some(won(1_600)), ..patch(mug) }).unwrap();
    set_status(&mut world, user, UserStatus::Suspended);
    set_status(&mut world, user, UserStatus::Active);
    world.buy(&Buy::by_card(user, mug, 1).coupon(coupon));
    world.wait(6);
    let copies = |world: &World| {
        (world.all::<ProductCopy>("order"), world.all::<UserCopy>("order"), world.all("order"))
    };
    let before = copies(&world);
    let ids: Vec<UserCouponId> = before.2.iter().map(|copy: &CouponCopy| copy.id).collect();
    assert_eq!(ids, [kept], "neither {coupon}, used, nor {expires}, expired");
    world.rewind();
    world.run();
    assert_eq!(copies(&world), before);
    check_books(&world);
}

#[test]
fn a_topology_that_leaves_the_copies_out_neither_keeps_nor_follows_anything_for_them() {
    let place = |file: &str| {
        let domains = Domains::new(Policies::new(Currency::KRW, "simulator"));
        let (topology, registry) = domains.place(file).unwrap();
        let order = topology.databases().into_iter().find(|database| database.name == "order").unwrap();
        let follows_user = registry.routing(&topology).sources(&order.domains).contains(&user::NAME);
        let (kept, runs) = (registry.tables(&order).contains(&ProductCopy::TABLE), &replica::NAME);
        (kept, registry.get(runs).is_some(), follows_user)
    };
    assert_eq!(place(SEVEN), (false, false, false));
    assert_eq!(place(&seven_with_replicas()), (true, true, true));
}
