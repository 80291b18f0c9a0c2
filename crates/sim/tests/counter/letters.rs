//! Dead letters, of whichever database.

use crate::world::{ADMIN, World, both, no, order};
use jumun_sim::clients::{Answer, Ask, Card, Heard, Letter, Page, Payment, Points, Show, Status};
use scripted::pg::OnCancel;

fn open(world: &mut World) -> Vec<Letter> {
    match world.show(ADMIN, Show::OpenLetters(Page::FIRST)) {
        Answer::Letters(listed) => listed.items,
        other => panic!("no letters: {other:?}"),
    }
}

/// An order by card, cancelled, whose money the gateway does not give back.
fn stuck(world: &mut World) -> u128 {
    let (kim, mug) = (world.customer(0), world.product(1_500, 5));
    let payment = Payment { coupon: None, points: Points::Amount(0), card: Some(Card::Good) };
    let place = world.place(mug, 1, Some(payment));
    let order = order(world.told(kim, place)).id;
    world.run();
    world.pg.every_cancel(OnCancel::Refuses);
    world.told(kim, Ask::Cancel { order });
    world.wait(150_000);
    world.pg.every_cancel(OnCancel::Cancels);
    order
}

#[test]
fn what_could_not_go_on_is_listed_until_it_is_redriven() {
    for mut world in both() {
        assert_eq!(open(&mut world), []);
        let stuck = stuck(&mut world);
        let letters = open(&mut world);
        let [letter] = letters.as_slice() else { panic!("{letters:?}") };
        assert_eq!(
            (letter.order, letter.step.as_deref(), letter.kind.as_str()),
            (Some(stuck), Some("payment"), "COMPENSATION")
        );

        let redrive = |letter| Ask::Redrive { letter };
        assert_eq!(world.refused(ADMIN, redrive(5)), no(404, "NOT_FOUND"));
        match world.told(ADMIN, redrive(letter.id)) {
            Answer::Letters(listed) => assert_eq!(listed.items, letters),
            other => panic!("no letter: {other:?}"),
        }
        world.wait(5_000);
        assert_eq!(world.order(ADMIN, stuck).status, Status::Cancelled);
        assert_eq!(open(&mut world), []);
        assert_eq!(world.refused(ADMIN, redrive(letter.id)), no(409, "DEAD_LETTER_NOT_OPEN"));
    }
}

#[test]
fn letters_that_cannot_all_be_looked_through_are_not_listed() {
    let mut world = World::new(crate::world::SEVEN_SERVICES);
    stuck(&mut world);
    let letter = open(&mut world)[0].id;
    world.send_away("coupon");
    assert_eq!(world.ask(ADMIN, Ask::Show(Show::OpenLetters(Page::FIRST))), Heard::Unavailable);
    assert_eq!(world.ask(ADMIN, Ask::Redrive { letter: 5 }), Heard::Unavailable, "it may lie there");
    assert!(matches!(world.told(ADMIN, Ask::Redrive { letter }), Answer::Letters(_)));
}
