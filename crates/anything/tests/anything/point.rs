//! Points: a balance is the sum of its history, entry by entry, and never below nothing.

use jumun_anything::drive::{Subject, play, reads};
use jumun_anything::script::script;
use jumun_anything::values::{PRICE, START, money, nth, said, text, user_id};
use kernel::ids::UserId;
use kernel::testbed::Testbed;
use kernel::{DecideError, Money};
use point::{AdjustPoints, Point, PointEntry, Points};
use proptest::prelude::*;

fn asked() -> impl Strategy<Value = AdjustPoints> {
    let some = (1..3 * PRICE).prop_map(|more| Money::new(more).unwrap());
    let adjust = prop_oneof![3 => some, 2 => money()];
    (user_id(), adjust, text(), user_id()).prop_map(|(user, adjust, reason, by)| AdjustPoints {
        user,
        adjust,
        reason,
        by,
    })
}

#[derive(Clone)]
struct Books;

impl Subject for Books {
    type Domain = Point;
    type Command = AdjustPoints;

    fn send(
        &mut self,
        bed: &mut Testbed<Point>,
        command: &AdjustPoints,
    ) -> Result<Result<(), DecideError>, TestCaseError> {
        Ok(bed.ask(command.clone()).map(drop))
    }

    fn check(&mut self, bed: &Testbed<Point>) -> Result<(), TestCaseError> {
        reads::<_, Points>(bed)?;
        reads::<_, PointEntry>(bed)?;
        let (moved, entries) = (bed.books().unwrap(), bed.all::<PointEntry>());
        for points in bed.all::<Points>() {
            let own: Vec<_> = entries.iter().filter(|entry| entry.user_id == points.user_id).collect();
            // By key: in the order in which the balance changed.
            let mut balance = 0;
            for entry in &own {
                balance += entry.amount.minor();
                prop_assert_eq!(entry.balance.minor(), balance, "the history's own sum");
                prop_assert!(balance >= 0 && !entry.amount.is_zero());
            }
            prop_assert_eq!(points.balance.minor(), balance);
            prop_assert_eq!(points.last_entry, own.last().map(|entry| entry.id));
            let adjusted: i64 = own.iter().filter(|e| e.by_user.is_some()).map(|e| e.amount.minor()).sum();
            let done = moved.get(format!("points:{}", points.user_id).as_str()).copied().unwrap_or(0);
            prop_assert_eq!(balance, adjusted + done, "adjustments, and what done steps moved");
        }
        Ok(())
    }
}

fn bed() -> Testbed<Point> {
    let mut bed = Testbed::new(Point, START);
    for user in [1, 2, 3].map(|n| UserId(nth(n))) {
        // Little, so that what a top-up added is often spent when it is to be taken back.
        let adjust = Money::new(PRICE).unwrap();
        bed.ask(AdjustPoints { user, adjust, reason: "to begin with".to_owned(), by: user })
            .unwrap()
            .unwrap();
    }
    bed
}

proptest! {
    #[test]
    fn a_balance_is_its_history_whatever_comes(script in script(asked(), said())) {
        play(&mut Books, &mut bed(), &script)?;
    }
}
