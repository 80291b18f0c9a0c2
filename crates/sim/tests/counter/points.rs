//! Balances, their history, and top-ups.

use crate::world::{ADMIN, World, both, id, no};
use jumun_sim::clients::{Answer, Ask, Caller, Card, Change, ChangeKind, Page, Show, TopUp, TopUpStatus};

fn adjust(of: Caller, adjust: i64) -> Ask {
    Ask::AdjustPoints { user: id(of), adjust, reason: format!("by {adjust}") }
}

fn history(world: &mut World, of: Caller, page: Page) -> (Vec<Change>, Option<u128>) {
    match world.show(of, Show::History(page)) {
        Answer::History(listed) => (listed.items, listed.next),
        other => panic!("no history: {other:?}"),
    }
}

#[test]
fn points_are_granted_and_taken_never_below_zero() {
    for mut world in both() {
        let kim = world.customer(0);
        assert_eq!(world.show(kim, Show::Balance), Answer::Balance(0));
        assert_eq!(world.told(ADMIN, adjust(kim, 500)), Answer::Balance(500));
        assert_eq!(world.told(ADMIN, adjust(kim, -200)), Answer::Balance(300));
        assert_eq!(world.refused(ADMIN, adjust(kim, -301)), no(409, "POINTS_WOULD_BE_NEGATIVE"));
        assert_eq!(world.refused(ADMIN, adjust(kim, 0)), no(422, "INVALID_FIELD"));
        assert_eq!(world.refused(ADMIN, adjust(kim, i64::MAX)), no(422, "INVALID_FIELD"));
        assert_eq!(world.refused(ADMIN, adjust(Caller::Customer(5), 1)), no(404, "NOT_FOUND"));
        assert_eq!(world.show(kim, Show::Balance), Answer::Balance(300));

        let (changes, next) = history(&mut world, kim, Page::FIRST);
        let seen: Vec<_> =
            changes.iter().map(|one| (one.kind, one.amount, one.balance, one.reason.as_deref())).collect();
        assert_eq!(
            seen,
            [
                (ChangeKind::Taken, -200, 300, Some("by -200")),
                (ChangeKind::Granted, 500, 500, Some("by 500"))
            ]
        );
        assert_eq!(next, None);
    }
}

#[test]
fn a_history_goes_on_page_by_page() {
    for mut world in both() {
        let (kim, lee) = (world.customer(0), world.customer(7));
        for one in 1..=200 {
            world.told(ADMIN, adjust(kim, one));
        }
        let (mut amounts, mut lengths, mut page) = (Vec::new(), Vec::new(), Some(Page::FIRST));
        while let Some(asked) = page {
            let (changes, next) = history(&mut world, kim, asked);
            lengths.push(changes.len());
            amounts.extend(changes.into_iter().map(|one| one.amount));
            page = next.map(|after| Page { after: Some(after) });
        }
        assert_eq!(lengths, [100, 100], "nothing comes after a full last page");
        assert_eq!(amounts, (1..=200).rev().collect::<Vec<_>>());
        assert_eq!(history(&mut world, lee, Page::FIRST).0.len(), 1);
    }
}

#[test]
fn orders_stand_in_the_history() {
    for mut world in both() {
        let (kim, mug) = (world.customer(2_000), world.product(1_500, 1));
        let order = world.buy(kim, mug, 1);
        world.told(kim, Ask::Cancel { order: order.id });
        world.run();
        let seen: Vec<_> = history(&mut world, kim, Page::FIRST).0;
        let seen: Vec<_> = seen.iter().map(|one| (one.kind, one.amount, one.balance, one.order)).collect();
        let expected = [
            (ChangeKind::Refunded, 1_500, 2_000, Some(order.id)),
            (ChangeKind::Used, -1_500, 500, Some(order.id)),
            (ChangeKind::Granted, 2_000, 2_000, None),
        ];
        assert_eq!(seen, expected);
    }
}

fn top_up(answer: Answer) -> TopUp {
    match answer {
        Answer::TopUp(top_up) => top_up,
        other => panic!("no top-up: {other:?}"),
    }
}

#[test]
fn a_top_up_is_charged_and_credited_once_however_often_it_is_asked_for() {
    for mut world in both() {
        let (kim, lee, key) = (world.customer(0), world.customer(0), world.key());
        let ask = |amount, card| Ask::TopUp { key, amount, card };
        let made = top_up(world.told(kim, ask(700, Card::Good)));
        let answered = if world.answers_settled() { TopUpStatus::Completed } else { TopUpStatus::Pending };
        assert_eq!((made.status, made.amount), (answered, 700));
        world.run();
        let again = top_up(world.told(kim, ask(700, Card::Good)));
        assert_eq!(again, TopUp { status: TopUpStatus::Completed, ..made });
        assert_eq!(world.refused(kim, ask(701, Card::Good)), no(422, "IDEMPOTENCY_KEY_REUSED"));
        assert_eq!(world.refused(kim, ask(700, Card::Slow)), no(422, "IDEMPOTENCY_KEY_REUSED"));
        assert_eq!(world.show(kim, Show::Balance), Answer::Balance(700));
        assert_eq!(
            world.pg.holds().into_iter().collect::<Vec<_>>(),
            [(uuid::Uuid::from_u128(made.id).to_string(), 700)]
        );

        let others = top_up(world.told(lee, ask(700, Card::Good)));
        assert_ne!(others.id, made.id, "a key is one customer's own");
        assert_eq!(world.refused(lee, Ask::Show(Show::TopUp(made.id))), no(404, "NOT_FOUND"));
        assert_eq!(world.refused(kim, Ask::Show(Show::TopUp(5))), no(404, "NOT_FOUND"));
        assert_eq!(world.show(kim, Show::TopUp(made.id)), Answer::TopUp(again));
    }
}

#[test]
fn a_top_up_that_cannot_be_is_refused_or_declined() {
    for mut world in both() {
        let (kim, key) = (world.customer(0), world.key());
        let ask = |key, amount, card| Ask::TopUp { key, amount, card };
        assert_eq!(world.refused(kim, ask(key, 0, Card::Good)), no(422, "AMOUNT_INVALID"));
        assert_eq!(world.refused(kim, ask(key, i64::MAX, Card::Good)), no(422, "INVALID_FIELD"));
        let made = top_up(world.told(kim, ask(key, 700, Card::Declined)));
        world.run();
        assert_eq!(top_up(world.show(kim, Show::TopUp(made.id))).status, TopUpStatus::Declined);
        assert_eq!(world.show(kim, Show::Balance), Answer::Balance(0));
    }
}

/// Where topologies answer with what is settled, patience ends: 202 with what is known then.
#[test]
fn a_top_up_whose_gateway_is_slow_is_answered_as_it_stands() {
    let mut world = World::new(crate::world::MONOLITH);
    let (kim, key) = (world.customer(0), world.key());
    let began = world.now();
    world.pg.stuck(true);
    let made = top_up(world.told(kim, Ask::TopUp { key, amount: 700, card: Card::Good }));
    assert_eq!((made.status, world.now() - began), (TopUpStatus::Pending, crate::world::PATIENCE));
    world.pg.stuck(false);
    world.pg.release();
    world.run();
    assert_eq!(top_up(world.show(kim, Show::TopUp(made.id))).status, TopUpStatus::Completed);
}
