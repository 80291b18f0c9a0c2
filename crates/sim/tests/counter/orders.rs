//! Orders: placed, paid, cancelled, fulfilled, looked at.

use crate::world::{
    ADMIN, MONOLITH, PATIENCE, POINTS, SEVEN_SERVICES, VALIDATED_ASYNC, World, both, id, no, order,
};
use jumun_sim::clients::{
    Answer, Ask, Caller, Card, Heard, Id, Key, Line, Order, Page, Payment, Points, Show, Status, Step,
    StepStatus,
};

const CARD: Payment = Payment { coupon: None, points: Points::Amount(0), card: Some(Card::Good) };

fn listed(answer: Answer) -> Vec<(Id, Status)> {
    match answer {
        Answer::Orders(page) => page.items.iter().map(|order| (order.id, order.status)).collect(),
        other => panic!("no orders: {other:?}"),
    }
}

#[test]
fn an_order_is_shown_as_it_was_asked_for() {
    for mut world in both() {
        let (kim, mug, cup) = (world.customer(700), world.product(1_500, 5), world.product(200, 5));
        let payment = Payment { coupon: None, points: Points::All, card: Some(Card::Good) };
        let lines = vec![(cup, 1), (mug, 2), (cup, 2)];
        let place = Ask::Place { key: world.key(), lines, payment: Some(payment) };
        let made = order(world.told(kim, place));
        assert_eq!(made.status, world.answered(Status::Confirmed));
        world.run();
        let step = |name: &str| Step { name: name.to_owned(), status: StepStatus::Done };
        let expected = Order {
            id: made.id,
            user: id(kim),
            status: Status::Confirmed,
            reason: None,
            lines: vec![
                Line { product: mug, quantity: 2, unit_price: 1_500, amount: 3_000 },
                Line { product: cup, quantity: 3, unit_price: 200, amount: 600 },
            ],
            total: 3_600,
            discount: 0,
            points_used: 700,
            card_amount: 2_900,
            coupon: None,
            payment: made.payment,
            steps: ["stock", "point", "payment"].map(step).to_vec(),
        };
        assert_eq!(world.order(kim, made.id), expected);
        let key = uuid::Uuid::from_u128(made.payment.unwrap()).to_string();
        assert_eq!(world.pg.holds().get(&key), Some(&2_900), "its payment is the gateway's key");
        match world.show(kim, Show::Orders(Page::FIRST)) {
            Answer::Orders(page) => assert_eq!((page.items, page.next), (vec![expected], None)),
            other => panic!("no orders: {other:?}"),
        }
    }
}

#[test]
fn a_refusal_about_the_order_is_an_order_and_any_other_makes_none() {
    for mut world in both() {
        let (kim, mug) = (world.customer(100), world.product(1_500, 1));
        let with_points = |points| Some(Payment { points: Points::Amount(points), ..CARD });
        let short = world.place(mug, 1, with_points(101));
        let failed = order(world.told(kim, short));
        assert_eq!((failed.status, failed.reason.as_deref()), (Status::Failed, Some("POINTS_SHORT")));
        assert_eq!((failed.steps, failed.payment), (Vec::new(), None));
        let sold_out = world.place(mug, 2, Some(CARD));
        let failed = order(world.told(kim, sold_out)).id;
        world.run();
        let failed = world.order(kim, failed);
        assert_eq!((failed.status, failed.reason.as_deref()), (Status::Failed, Some("OUT_OF_STOCK")));
        assert_ne!(failed.steps[0], Step { name: "stock".to_owned(), status: StepStatus::Done });
        assert_eq!(failed.steps.len(), 2);

        let before = listed(world.show(kim, Show::Orders(Page::FIRST)));
        let no_card = Some(Payment { card: None, ..CARD });
        for (product, count, payment, code) in [
            (5, 1, Some(CARD), "PRODUCT_UNKNOWN"),
            (mug, 0, Some(CARD), "INVALID_FIELD"),
            (mug, -1, None, "INVALID_FIELD"),
            (mug, 1_000_001, Some(CARD), "INVALID_FIELD"),
            (mug, 1, no_card, "CARD_REQUIRED"),
            (mug, 1, with_points(1_501), "POINTS_EXCEED_TOTAL"),
            (mug, 1, with_points(-1), "INVALID_FIELD"),
            // What is wrong with the body itself is said before anything is looked up.
            (5, 1, with_points(-1), "INVALID_FIELD"),
            (mug, 1, with_points(i64::MAX), "INVALID_FIELD"),
        ] {
            let place = world.place(product, count, payment);
            assert_eq!(world.refused(kim, place), no(422, code), "{count} {payment:?}");
        }
        let empty = Ask::Place { key: world.key(), lines: Vec::new(), payment: Some(CARD) };
        assert_eq!(world.refused(kim, empty), no(422, "LINES_EMPTY"));
        assert_eq!(listed(world.show(kim, Show::Orders(Page::FIRST))), before);
    }
}

#[test]
fn a_key_makes_one_order() {
    for mut world in both() {
        let (kim, lee, mug) = (world.customer(9_000), world.customer(9_000), world.product(1_500, 5));
        let place = |key, count| Ask::Place { key, lines: vec![(mug, count)], payment: Some(POINTS) };
        let (first, second) = (world.begin(kim, place(Key(1), 1)), world.begin(kim, place(Key(1), 1)));
        let made = match (world.heard(first), world.heard(second)) {
            (Heard::Answer(made), Heard::Answer(Answer::Refused(refused))) => {
                assert_eq!((refused.status, refused.code.as_str()), (409, "IDEMPOTENCY_KEY_IN_FLIGHT"));
                order(made)
            }
            other => panic!("{other:?}"),
        };
        world.run();
        let again = order(world.told(kim, place(Key(1), 1)));
        assert_eq!((again.id, again.status), (made.id, Status::Confirmed));
        assert_eq!(world.refused(kim, place(Key(1), 2)), no(422, "IDEMPOTENCY_KEY_REUSED"));
        assert_ne!(order(world.told(lee, place(Key(1), 1))).id, made.id, "a key is one customer's own");
        assert_ne!(order(world.told(kim, place(Key(2), 1))).id, made.id);
    }
}

#[test]
fn an_order_made_without_payment_is_paid_once() {
    for mut world in both() {
        let (kim, lee, mug) = (world.customer(9_000), world.customer(9_000), world.product(1_500, 5));
        let place = world.place(mug, 1, None);
        let made = order(world.told(kim, place));
        assert_eq!((made.status, made.total, made.card_amount), (Status::Created, 1_500, 1_500));
        assert_eq!((made.payment, made.steps), (None, Vec::new()));
        let pay = |key, order| Ask::Pay { key, order, payment: POINTS };
        assert_eq!(world.refused(lee, pay(Key(1), made.id)), no(404, "NOT_FOUND"));
        assert_eq!(world.refused(kim, pay(Key(1), 5)), no(404, "NOT_FOUND"));
        let negative = Payment { points: Points::Amount(-1), ..POINTS };
        let ask = Ask::Pay { key: Key(1), order: made.id, payment: negative };
        assert_eq!(world.refused(kim, ask), no(422, "INVALID_FIELD"));
        let paid = order(world.told(kim, pay(Key(1), made.id)));
        assert_eq!((paid.id, paid.status), (made.id, world.answered(Status::Confirmed)));
        assert_eq!((paid.points_used, paid.card_amount), (1_500, 0));
        world.run();
        assert_eq!(
            order(world.told(kim, pay(Key(1), made.id))).status,
            Status::Confirmed,
            "the same key again"
        );
        assert_eq!(world.refused(kim, pay(Key(2), made.id)), no(409, "ORDER_NOT_PAYABLE"));
        // The path is part of what a key is good for: it made nothing of another order.
        let place = world.place(mug, 1, None);
        let other = order(world.told(kim, place));
        assert_eq!(order(world.told(kim, pay(Key(1), other.id))).id, other.id);
    }
}

#[test]
fn an_order_whose_payment_is_refused_looks_the_same_wherever_it_is_shown() {
    for mut world in both() {
        let (kim, mug) = (world.customer(100), world.product(1_500, 5));
        let place = world.place(mug, 1, None);
        let made = order(world.told(kim, place)).id;
        let payment = Payment { points: Points::Amount(700), ..CARD };
        let failed = order(world.told(kim, Ask::Pay { key: Key(1), order: made, payment }));
        assert_eq!((failed.status, failed.reason.as_deref()), (Status::Failed, Some("POINTS_SHORT")));
        assert_eq!((failed.points_used, failed.card_amount), (700, 800));
        match world.show(kim, Show::Orders(Page::FIRST)) {
            Answer::Orders(page) => assert_eq!(page.items, [failed]),
            other => panic!("no orders: {other:?}"),
        }
    }
}

#[test]
fn an_order_is_cancelled_by_its_customer_or_an_administrator() {
    for mut world in both() {
        let (kim, lee, mug) = (world.customer(9_000), world.customer(0), world.product(1_500, 5));
        let made = world.buy(kim, mug, 1);
        let cancel = |order| Ask::Cancel { order };
        assert_eq!(world.refused(lee, cancel(made.id)), no(404, "NOT_FOUND"));
        assert_eq!(world.refused(kim, cancel(5)), no(404, "NOT_FOUND"));
        let answered = if world.answers_settled() { Status::Cancelled } else { Status::Cancelling };
        assert_eq!(order(world.told(kim, cancel(made.id))).status, answered);
        world.run();
        assert_eq!(order(world.told(kim, cancel(made.id))).status, Status::Cancelled, "again");
        let compensated = |step: &Step| step.status == StepStatus::Compensated;
        assert!(world.order(kim, made.id).steps.iter().all(compensated));

        let sold_out = world.place(mug, 6, Some(CARD));
        let failed = order(world.told(kim, sold_out)).id;
        world.run();
        assert_eq!(world.refused(kim, cancel(failed)), no(409, "ORDER_NOT_CANCELLABLE"));
        assert_eq!(world.refused(ADMIN, Ask::Fulfil { order: failed }), no(409, "ORDER_NOT_CONFIRMED"));
        assert_eq!(world.refused(ADMIN, Ask::Fulfil { order: 5 }), no(404, "NOT_FOUND"));

        let sent = world.buy(kim, mug, 1).id;
        assert_eq!(order(world.told(ADMIN, Ask::Fulfil { order: sent })).status, Status::Confirmed);
        assert_eq!(world.refused(kim, cancel(sent)), no(409, "CANCEL_WINDOW_CLOSED"));
        world.told(ADMIN, cancel(sent));
        world.run();
        assert_eq!(world.order(ADMIN, sent).status, Status::Cancelled);
    }
}

#[test]
fn orders_are_shown_to_whom_they_belong_and_to_administrators() {
    for mut world in both() {
        let (kim, lee, mug) = (world.customer(9_000), world.customer(9_000), world.product(1_500, 5));
        let (kims, lees) = (world.buy(kim, mug, 1).id, world.buy(lee, mug, 1).id);
        assert_eq!(world.refused(lee, Ask::Show(Show::Order(kims))), no(404, "NOT_FOUND"));
        assert_eq!(world.refused(kim, Ask::Show(Show::Order(5))), no(404, "NOT_FOUND"));
        assert_eq!(world.order(ADMIN, kims).user, id(kim));
        assert_eq!(listed(world.show(lee, Show::Orders(Page::FIRST))), [(lees, Status::Confirmed)]);
        let all = [(lees, Status::Confirmed), (kims, Status::Confirmed)];
        assert_eq!(listed(world.show(ADMIN, Show::AllOrders(Page::FIRST))), all);
    }
}

#[test]
fn a_list_of_orders_goes_on_page_by_page() {
    for mut world in both() {
        let (kim, mug) = (world.customer(0), world.product(1_500, 5));
        let made: Vec<Id> = (0..101)
            .map(|_| {
                let place = world.place(mug, 1, None);
                order(world.told(kim, place)).id
            })
            .collect();
        for (who, show) in [(kim, Show::Orders as fn(Page) -> Show), (ADMIN, Show::AllOrders)] {
            let Answer::Orders(first) = world.show(who, show(Page::FIRST)) else { panic!() };
            let newest: Vec<Id> = first.items.iter().map(|order| order.id).collect();
            assert_eq!(newest, made[1..].iter().rev().copied().collect::<Vec<_>>());
            let Answer::Orders(last) = world.show(who, show(Page { after: first.next })) else { panic!() };
            assert_eq!((last.items.len(), last.items[0].id, last.next), (1, made[0], None));
        }
    }
}

/// A read just after a write shows the write, or comes when the patience is over.
#[test]
fn lists_wait_until_the_read_model_has_heard_of_every_order() {
    let mut world = World::new(SEVEN_SERVICES);
    let (kim, mug) = (world.customer(9_000), world.product(1_500, 5));
    world.hold("read-model");
    let made = world.buy(kim, mug, 1).id;
    let mut pending = world.begin(kim, Ask::Show(Show::Orders(Page::FIRST)));
    world.run();
    assert_eq!((world.poll(&mut pending), pending.ends_at()), (None, Some(world.now() + PATIENCE)));
    world.let_go();
    let Heard::Answer(answer) = world.heard(pending) else { panic!() };
    assert_eq!(listed(answer), [(made, Status::Confirmed)]);

    world.hold("read-model");
    world.buy(kim, mug, 1);
    let began = world.now();
    let all = world.show(ADMIN, Show::AllOrders(Page::FIRST));
    assert_eq!((listed(all).len(), world.now() - began), (1, PATIENCE), "late is better than never");
}

#[test]
fn an_order_whose_gateway_is_slow_is_answered_as_it_stands_when_the_patience_is_over() {
    let mut world = World::new(MONOLITH);
    let (kim, mug) = (world.customer(0), world.product(1_500, 5));
    let began = world.now();
    world.pg.stuck(true);
    let place = world.place(mug, 1, Some(CARD));
    let mut pending = world.begin(kim, place.clone());
    assert_eq!(pending.ends_at(), None, "nobody waits in vain for a birth");
    world.run();
    assert_eq!((world.poll(&mut pending), pending.ends_at()), (None, Some(began + PATIENCE)));
    let Heard::Answer(answer) = world.heard(pending) else { panic!() };
    assert_eq!((order(answer).status, world.now() - began), (Status::Pending, PATIENCE));

    let again = world.begin(kim, place);
    world.pg.stuck(false);
    world.run();
    world.pg.release();
    let Heard::Answer(answer) = world.heard(again) else { panic!() };
    assert_eq!((order(answer).status, world.now() - began), (Status::Confirmed, PATIENCE));
}

/// What the participants did is in their books, and has not been heard: looking at the order settles it.
#[test]
fn a_client_that_polls_has_the_participants_asked_where_the_topology_says_so() {
    let mut world = World::new(VALIDATED_ASYNC);
    let (kim, mug) = (world.customer(9_000), world.product(1_500, 5));
    ["product", "point"].iter().for_each(|domain| world.cut_log(domain, true));
    let place = world.place(mug, 1, Some(POINTS));
    let made = order(world.told(kim, place)).id;
    world.run();
    let all = |world: &mut World| listed(world.show(ADMIN, Show::AllOrders(Page::FIRST)));
    assert_eq!(all(&mut world), [(made, Status::Pending)], "a list asks nobody");

    world.hold("order");
    let began = world.now();
    assert_eq!(world.order(kim, made).status, Status::Pending, "nobody judges what was found");
    assert_eq!(world.now() - began, 1_000);
    world.let_go();
    assert_eq!(world.order(kim, made).status, Status::Confirmed);
    assert_eq!(world.now() - began, 1_000);
}

#[test]
fn a_customers_word_is_not_taken_for_an_administrators() {
    let mut world = World::new(MONOLITH);
    let (kim, mug) = (world.customer(9_000), world.product(1_500, 5));
    let made = world.buy(kim, mug, 1).id;
    assert_eq!(world.refused(kim, Ask::Fulfil { order: made }), no(403, "FORBIDDEN"));
    assert_eq!(world.refused(Caller::Anyone, Ask::Show(Show::Order(made))), no(401, "TOKEN_REQUIRED"));
}
