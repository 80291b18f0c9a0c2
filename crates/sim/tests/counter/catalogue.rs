//! Products, and which sold best.

use crate::world::{ADMIN, ORCHESTRATED_MESSAGES, POINTS, SEVEN_SERVICES, World, both, no, order};
use jumun_sim::clients::{Answer, Ask, Caller, Id, Product, Show, Status};

fn product(answer: Answer) -> Product {
    match answer {
        Answer::Product(product) => product,
        other => panic!("no product: {other:?}"),
    }
}

fn shown(world: &mut World, id: Id) -> (i64, i64) {
    let product = product(world.show(Caller::Anyone, Show::Product(id)));
    assert_eq!(product.id, id);
    (product.price, product.stock)
}

#[test]
fn products_are_made_priced_and_stocked() {
    for mut world in both() {
        let create = |sku: &str, price, stock| Ask::CreateProduct { sku: sku.to_owned(), price, stock };
        let mug = product(world.told(ADMIN, create("MUG", 1_500, 3)));
        assert_eq!((mug.sku.as_str(), mug.price, mug.stock), ("MUG", 1_500, 3));
        assert_eq!(world.refused(ADMIN, create("MUG", 1, 1)), no(409, "SKU_TAKEN"));
        assert_eq!(world.refused(ADMIN, create("CUP", -1, 1)), no(422, "INVALID_FIELD"));
        assert_eq!(world.refused(ADMIN, create("CUP", 1 << 53, 1)), no(422, "INVALID_FIELD"));

        let price = |product, price| Ask::SetPrice { product, price };
        assert_eq!(product(world.told(ADMIN, price(mug.id, 1_600))).price, 1_600);
        assert_eq!(world.refused(ADMIN, price(mug.id, -1)), no(422, "INVALID_FIELD"));
        assert_eq!(world.refused(ADMIN, price(5, 1)), no(404, "NOT_FOUND"));

        let adjust = |product, adjust| Ask::AdjustStock { product, adjust };
        assert_eq!(product(world.told(ADMIN, adjust(mug.id, -2))).stock, 1);
        assert_eq!(world.refused(ADMIN, adjust(mug.id, -2)), no(409, "STOCK_WOULD_BE_NEGATIVE"));
        assert_eq!(world.refused(ADMIN, adjust(mug.id, 0)), no(422, "INVALID_FIELD"));
        assert_eq!(world.refused(ADMIN, adjust(5, 1)), no(404, "NOT_FOUND"));

        assert_eq!(shown(&mut world, mug.id), (1_600, 1));
        assert_eq!(world.refused(Caller::Anyone, Ask::Show(Show::Product(5))), no(404, "NOT_FOUND"));
    }
}

/// Quotes are made from copies there: a change is answered once they have it, or when the patience is over.
#[test]
fn a_new_price_is_answered_once_quotes_know_it() {
    let mut world = World::new(ORCHESTRATED_MESSAGES);
    let (kim, mug) = (world.customer(9_000), world.product(1_500, 3));
    world.hold("order");
    let reprice = Ask::SetPrice { product: mug, price: 1_600 };
    let mut pending = world.begin(ADMIN, reprice.clone());
    world.run();
    assert_eq!((shown(&mut world, mug), world.poll(&mut pending)), ((1_600, 3), None));
    world.let_go();
    world.heard(pending);
    let place = world.place(mug, 1, Some(POINTS));
    assert_eq!(order(world.told(kim, place)).total, 1_600);

    world.hold("order");
    let began = world.now();
    world.told(ADMIN, Ask::SetPrice { product: mug, price: 1_700 });
    assert_eq!(world.now() - began, crate::world::PATIENCE, "late is better than never");
}

#[test]
fn best_sellers_are_what_is_confirmed_and_not_taken_back() {
    for mut world in both() {
        let (kim, mug, cup) = (world.customer(90_000), world.product(1_500, 9), world.product(100, 9));
        world.buy(kim, mug, 2);
        let taken_back = world.buy(kim, mug, 1);
        world.buy(kim, cup, 5);
        let best = |world: &mut World| world.show(Caller::Anyone, Show::BestSellers);
        assert_eq!(best(&mut world), Answer::BestSellers(vec![(cup, 5), (mug, 3)]));
        world.told(kim, Ask::Cancel { order: taken_back.id });
        world.run();
        assert_eq!(world.order(kim, taken_back.id).status, Status::Cancelled);
        assert_eq!(best(&mut world), Answer::BestSellers(vec![(cup, 5), (mug, 2)]));
    }
}

#[test]
fn best_sellers_wait_until_the_ranking_has_heard_of_every_order() {
    let mut world = World::new(SEVEN_SERVICES);
    let (kim, mug) = (world.customer(9_000), world.product(1_500, 9));
    world.hold("ranking");
    world.buy(kim, mug, 2);
    let mut pending = world.begin(Caller::Anyone, Ask::Show(Show::BestSellers));
    world.run();
    assert_eq!(world.poll(&mut pending), None);
    world.let_go();
    let heard = world.heard(pending);
    assert_eq!(heard, jumun_sim::clients::Heard::Answer(Answer::BestSellers(vec![(mug, 2)])));
}
