//! Units that cannot be reached, and processes that die with what was asked of them.

use crate::world::{ADMIN, MONOLITH, POINTS, SEVEN_SERVICES, World, id};
use jumun_sim::clients::{Answer, Ask, Caller, Card, Discount, Heard, Page, Payment, Points, Show, Terms};

/// A request of each kind, with the units that it cannot do without.
fn needs(world: &mut World) -> Vec<(Caller, Ask, Vec<&'static str>)> {
    let (kim, mug) = (world.customer(9_000), world.product(1_500, 50));
    let made = world.buy(kim, mug, 1).id;
    let terms = Terms {
        name: "Spring".to_owned(),
        discount: Discount::Fixed(5),
        quantity: 9,
        least_total: None,
        opens: world.now(),
        closes: world.now() + 1_000_000,
    };
    let campaign = match world.told(ADMIN, Ask::CreateCampaign(terms.clone())) {
        Answer::Campaign(campaign) => campaign.id,
        other => panic!("{other:?}"),
    };
    let top_up = Ask::TopUp { key: world.key(), amount: 5, card: Card::Good };
    let place = world.place(mug, 1, Some(POINTS));
    let pay = Ask::Pay { key: world.key(), order: made, payment: POINTS };
    let first = Page::FIRST;
    let grant = Ask::AdjustPoints { user: id(kim), adjust: 5, reason: "why".to_owned() };
    vec![
        (Caller::Anyone, Ask::SignUp { email: "lee@example.com".to_owned() }, vec!["user"]),
        (ADMIN, Ask::SetSuspended { user: id(kim), suspended: false }, vec!["user"]),
        (ADMIN, grant, vec!["user", "point"]),
        (ADMIN, Ask::CreateProduct { sku: "CUP".to_owned(), price: 1, stock: 1 }, vec!["product"]),
        (ADMIN, Ask::SetPrice { product: mug, price: 1_500 }, vec!["product"]),
        (ADMIN, Ask::AdjustStock { product: mug, adjust: 1 }, vec!["product"]),
        (ADMIN, Ask::CreateCampaign(terms), vec!["coupon"]),
        (ADMIN, Ask::PatchCampaign { campaign, quantity: None, stopped: None }, vec!["coupon"]),
        (kim, Ask::TakeCoupon { campaign }, vec!["user", "coupon"]),
        (kim, place, vec!["user", "order"]),
        (kim, pay, vec!["user", "order"]),
        (kim, Ask::Show(Show::Order(made)), vec!["user", "order"]),
        (kim, Ask::Show(Show::Orders(first)), vec!["user", "order"]),
        (ADMIN, Ask::Show(Show::AllOrders(first)), vec!["order"]),
        (Caller::Anyone, Ask::Show(Show::Product(mug)), vec!["product"]),
        (kim, Ask::Show(Show::Balance), vec!["user", "point"]),
        (kim, Ask::Show(Show::History(first)), vec!["user", "point"]),
        (kim, top_up, vec!["user", "payment"]),
        (Caller::Anyone, Ask::Show(Show::Campaigns(first)), vec!["coupon"]),
        (kim, Ask::Show(Show::Coupons(first)), vec!["user", "coupon"]),
        (Caller::Anyone, Ask::Show(Show::BestSellers), vec!["order", "ranking"]),
        (ADMIN, Ask::Fulfil { order: made }, vec!["order"]),
        (ADMIN, Ask::Cancel { order: made }, vec!["order"]),
    ]
}

#[test]
fn what_needs_a_unit_that_is_away_is_unavailable_and_the_rest_is_answered() {
    let mut world = World::new(SEVEN_SERVICES);
    for (from, ask, needed) in needs(&mut world) {
        for unit in ["user", "product", "point", "coupon", "order", "payment", "ranking"] {
            world.send_away(unit);
            let heard = needed.contains(&unit).then(|| world.ask(from, ask.clone()));
            assert!(matches!(heard, None | Some(Heard::Unavailable)), "{ask:?} without {unit}: {heard:?}");
        }
        world.all_back();
        let others = ["user", "product", "point", "coupon", "order", "payment", "ranking"];
        others.iter().filter(|unit| !needed.contains(unit)).for_each(|unit| world.send_away(unit));
        let heard = world.ask(from, ask.clone());
        assert!(matches!(heard, Heard::Answer(_)), "{ask:?} with {needed:?}: {heard:?}");
        world.all_back();
        world.run();
    }
}

#[test]
fn an_order_whose_quote_cannot_be_made_is_unavailable() {
    let mut world = World::new(MONOLITH);
    let (kim, mug) = (world.customer(9_000), world.product(1_500, 5));
    world.reached_shop().quoter().close();
    let place = world.place(mug, 1, Some(POINTS));
    assert_eq!(world.ask(kim, place), Heard::Unavailable);
}

/// A process that dies answers nothing, and what waits for it is known to wait in vain.
#[test]
fn who_waits_for_a_process_that_died_is_orphaned() {
    let mut world = World::new(SEVEN_SERVICES);
    let (kim, mug) = (world.customer(9_000), world.product(1_500, 5));
    let place = world.place(mug, 1, Some(POINTS));
    let mut placing = world.begin(kim, place);
    let mut pricing = world.begin(ADMIN, Ask::SetPrice { product: mug, price: 7 });
    assert_eq!((world.poll(&mut placing), placing.is_orphaned()), (None, false));
    world.kill("order");
    assert_eq!((world.poll(&mut placing), placing.is_orphaned()), (None, true));
    assert_eq!((world.poll(&mut pricing), pricing.is_orphaned()), (None, false));
    assert!(matches!(world.heard(pricing), Heard::Answer(Answer::Product(_))));
}

/// An answer that was given before its process died is one.
#[test]
fn what_was_answered_in_time_is_not_orphaned() {
    let mut world = World::new(SEVEN_SERVICES);
    let mug = world.product(1_500, 5);
    let mut pricing = world.begin(ADMIN, Ask::SetPrice { product: mug, price: 7 });
    world.run();
    assert!(!pricing.is_orphaned());
    let heard = world.poll(&mut pricing);
    assert!(matches!(heard, Some(Heard::Answer(Answer::Product(_)))));
    world.kill("product");
    assert_eq!((world.poll(&mut pricing), pricing.is_orphaned()), (heard, false));
}

#[test]
fn who_waits_for_an_order_to_settle_hears_when_its_unit_is_away() {
    let mut world = World::new(MONOLITH);
    let (kim, mug) = (world.customer(0), world.product(1_500, 5));
    world.pg.stuck(true);
    let payment = Payment { coupon: None, points: Points::Amount(0), card: Some(Card::Good) };
    let place = world.place(mug, 1, Some(payment));
    let mut pending = world.begin(kim, place);
    world.run();
    assert_eq!(world.poll(&mut pending), None);
    world.send_away("order");
    assert_eq!(world.poll(&mut pending), Some(Heard::Unavailable));
}
