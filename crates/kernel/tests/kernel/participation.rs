//! The participation rule: its table (design: one inbox row per saga and step), then rows that live through it.

use crate::script::{dialogue, list, shown};
use crate::shelf::{COPY, Ended, LEND, Library, SHIP, Shelf, loan, shipped};
use jumun_kernel::participation::InboxState::{Compensated, Done, Pending, PendingUndo, Refused, Undoing};
use jumun_kernel::participation::{
    Inbox, OnAction, OnCompensation, OnOutcome, Outcome, on_action, on_compensation, on_outcome,
};
use jumun_kernel::testbed::Testbed;
use jumun_kernel::{DecideError, Plan, Reason, Said, Step, Timestamp};
use proptest::prelude::*;
use std::sync::Arc;

#[test]
fn each_row_answers_actions_and_compensations_by_the_table() {
    for (row, action, compensation) in [
        (None, OnAction::Decide, OnCompensation::Tombstone),
        (Some(Pending), OnAction::StayQuiet, OnCompensation::MarkUndo),
        (Some(PendingUndo), OnAction::StayQuiet, OnCompensation::StayQuiet),
        (Some(Done), OnAction::RepeatDone, OnCompensation::Undo),
        (Some(Undoing), OnAction::StayQuiet, OnCompensation::StayQuiet),
        (Some(Refused), OnAction::RepeatRefusal, OnCompensation::Close),
        (Some(Compensated), OnAction::SayCompensated, OnCompensation::SayCompensated),
    ] {
        assert_eq!((on_action(row), on_compensation(row)), (action, compensation), "{row:?}");
    }
}

#[test]
fn each_row_takes_outcomes_by_the_table_and_the_rest_cannot_happen() {
    use OnOutcome::{BecomeCompensated, BecomeDone, BecomeRefused, Nothing, StartUndo, Stray};
    let no_effect = || Outcome::NoEffect(Reason::PAYMENT_DECLINED);
    for (row, took_effect, had_none, undone) in [
        (None, None, None, None),
        (Some(Pending), Some(BecomeDone), Some(BecomeRefused), None),
        (Some(PendingUndo), Some(StartUndo), Some(BecomeCompensated), None),
        (Some(Done), Some(Nothing), None, None),
        (Some(Undoing), Some(Nothing), None, Some(BecomeCompensated)),
        (Some(Refused), Some(Stray), Some(Nothing), None),
        (Some(Compensated), Some(Stray), Some(Nothing), Some(Nothing)),
    ] {
        let verdicts =
            [shipped(), no_effect(), Outcome::Undone].map(|outcome| on_outcome(row, &outcome).ok());
        assert_eq!(verdicts, [took_effect, had_none, undone], "{row:?}");
    }
}

fn bench(books: i64) -> Testbed<Library> {
    let mut bench = Testbed::new(Library::new(), Timestamp(1_000));
    bench.put(&Shelf { step: LEND, books });
    bench.put(&Shelf { step: COPY, books });
    bench
}

/// `lend act`, `lend undo`, and for the carrier's answers: `ship took effect`, `ship had none`, `ship undone`.
fn tell(bench: &mut Testbed<Library>, plan: &Arc<Plan>, told: &str) -> Result<OnOutcome, DecideError> {
    let saga = plan.saga;
    let quiet = |()| OnOutcome::Nothing;
    match told.split_once(' ') {
        Some((step, "act")) => bench.act(&Step::new(step), plan).map(quiet),
        Some((step, "undo")) => bench.undo(&Step::new(step), plan).map(quiet),
        Some(("ship", "took effect")) => bench.ask(Ended { saga, outcome: shipped() }),
        Some(("ship", "had none")) => {
            bench.ask(Ended { saga, outcome: Outcome::NoEffect(Reason::PAYMENT_UNAVAILABLE) })
        }
        Some(("ship", "undone")) => bench.ask(Ended { saga, outcome: Outcome::Undone }),
        _ => panic!("nobody says `{told}`"),
    }
}

/// Plays one saga over shelves of `books` books that takes `wanted`. After `=>`: what is said, the row, the books left (or,
/// of a parcel, what is left to do).
#[track_caller]
fn check(books: i64, wanted: i64, expected: &str) {
    let (mut bench, plan) = (bench(books), loan(7, wanted));
    dialogue(expected, |told| {
        let step = Step::new(told.split(' ').next().unwrap_or_default());
        let left_to_do = match tell(&mut bench, &plan, told) {
            Ok(left_to_do) => left_to_do,
            Err(error) => return error.to_string(),
        };
        let words: Vec<&Said> = bench.said.iter().filter(|said| said.step().is_some()).collect();
        let words = list(&words.into_iter().map(shown).collect::<Vec<_>>());
        let row = bench.get::<Inbox>((plan.saga, step.clone())).map(|row| row.state.to_string());
        let rest = match bench.get::<Shelf>((step,)) {
            Some(shelf) => format!("{} left", shelf.books),
            None => format!("{left_to_do:?}"),
        };
        format!("{words} | {} | {rest}", row.unwrap_or_default())
    });
}

#[test]
fn an_action_takes_effect_once_however_often_it_comes() {
    check(
        5,
        2,
        "lend act => lend done | done | 3 left
         lend act => lend done | done | 3 left",
    );
}

#[test]
fn a_refusal_is_stored_repeated_and_leaves_nothing_half_done() {
    check(
        5,
        9,
        "lend act  => lend refused OUT_OF_STOCK | refused | 5 left
         lend act  => lend refused OUT_OF_STOCK | refused | 5 left
         lend undo => lend compensated OUT_OF_STOCK | compensated | 5 left
         lend act  => lend compensated OUT_OF_STOCK | compensated | 5 left",
    );
}

#[test]
fn what_a_refusing_action_said_and_called_meanwhile_is_discarded() {
    let mut bench = bench(5);
    bench.act(&LEND, &loan(7, 9)).unwrap();
    assert_eq!(bench.said, [Said::Refused { step: LEND, reason: Reason::OUT_OF_STOCK }]);
}

#[test]
fn an_effect_is_taken_back_once_however_often_it_is_asked() {
    check(
        5,
        2,
        "lend act  => lend done | done | 3 left
         lend undo => lend compensated | compensated | 5 left
         lend undo => lend compensated | compensated | 5 left",
    );
}

#[test]
fn a_late_action_finds_the_tombstone_and_never_answers_success() {
    check(
        5,
        2,
        "lend undo => lend compensated | compensated | 5 left
         lend act  => lend compensated | compensated | 5 left
         lend act  => lend compensated | compensated | 5 left",
    );
}

#[test]
fn a_compensated_row_keeps_its_receipt_so_that_the_books_show_both() {
    let (mut bench, plan) = (bench(5), loan(7, 2));
    bench.act(&LEND, &plan).unwrap();
    bench.undo(&LEND, &plan).unwrap();
    let row = bench.get::<Inbox>((plan.saga, LEND)).unwrap();
    assert_eq!((row.state, row.receipt.as_deref()), (Compensated, Some("2")));
}

#[test]
fn steps_of_one_saga_and_sagas_of_one_step_do_not_meet() {
    let (mut bench, one, other) = (bench(5), loan(7, 2), loan(8, 2));
    bench.act(&LEND, &one).unwrap();
    bench.act(&LEND, &other).unwrap();
    bench.act(&COPY, &one).unwrap();
    bench.undo(&LEND, &one).unwrap();
    let left = [LEND, COPY].map(|step| bench.get::<Shelf>((step,)).unwrap().books);
    assert_eq!(left, [3, 3]);
}

#[test]
fn a_pending_step_speaks_once_its_outcome_is_known() {
    check(
        0,
        1,
        "ship act         => ship pending | pending | Nothing
         ship act         => nothing | pending | Nothing
         ship took effect => ship done | done | BecomeDone
         ship took effect => nothing | done | Nothing
         ship act         => ship done | done | Nothing",
    );
    check(
        0,
        1,
        "ship act      => ship pending | pending | Nothing
         ship had none => ship refused PAYMENT_UNAVAILABLE | refused | BecomeRefused
         ship had none => nothing | refused | Nothing
         ship act      => ship refused PAYMENT_UNAVAILABLE | refused | Nothing",
    );
}

#[test]
fn a_pending_step_that_is_to_be_undone_waits_for_its_outcome() {
    check(
        0,
        1,
        "ship act         => ship pending | pending | Nothing
         ship undo        => nothing | pending+undo | Nothing
         ship undo        => nothing | pending+undo | Nothing
         ship act         => nothing | pending+undo | Nothing
         ship took effect => nothing | undoing | StartUndo
         ship undo        => nothing | undoing | Nothing
         ship act         => nothing | undoing | Nothing
         ship undone      => ship compensated | compensated | BecomeCompensated
         ship undone      => nothing | compensated | Nothing
         ship act         => ship compensated | compensated | Nothing",
    );
    check(
        0,
        1,
        "ship act      => ship pending | pending | Nothing
         ship undo     => nothing | pending+undo | Nothing
         ship had none => ship compensated | compensated | BecomeCompensated",
    );
}

#[test]
fn an_outside_effect_that_is_done_is_cancelled_outside() {
    check(
        0,
        1,
        "ship act         => ship pending | pending | Nothing
         ship took effect => ship done | done | BecomeDone
         ship undo        => nothing | undoing | Nothing
         ship undone      => ship compensated | compensated | BecomeCompensated",
    );
}

#[test]
fn an_effect_that_turns_up_after_the_end_is_a_stray_for_its_domain_to_cancel() {
    check(
        0,
        1,
        "ship undo        => ship compensated | compensated | Nothing
         ship took effect => nothing | compensated | Stray",
    );
    check(
        0,
        1,
        "ship act         => ship pending | pending | Nothing
         ship had none    => ship refused PAYMENT_UNAVAILABLE | refused | BecomeRefused
         ship took effect => nothing | refused | Stray",
    );
}

#[test]
fn an_outcome_that_cannot_happen_is_a_fault_and_changes_nothing() {
    let (mut bench, plan) = (bench(0), loan(7, 1));
    bench.act(&SHIP, &plan).unwrap();
    let before = bench.snapshot();
    let fault = tell(&mut bench, &plan, "ship undone");
    assert!(matches!(fault, Err(DecideError::Impossible(_))), "{fault:?}");
    assert_eq!(bench.snapshot(), before);
}

/// What may come, in any order and as often as it likes.
const TOLD: [&str; 7] =
    ["lend act", "lend undo", "ship act", "ship undo", "ship took effect", "ship had none", "ship undone"];

proptest! {
    #[test]
    fn whatever_comes_in_whatever_order_books_balance_and_compensated_is_final(
        books in 0_i64..6,
        told in proptest::collection::vec((0_u128..3, 0..TOLD.len()), 0..40),
    ) {
        let mut bench = bench(books);
        for (saga, what) in told {
            let plan = loan(saga, 1 + i64::try_from(saga).unwrap());
            let state = |bench: &Testbed<Library>, step: Step| {
                bench.get::<Inbox>((plan.saga, step)).map(|row| row.state)
            };
            let before = [LEND, SHIP].map(|step| state(&bench, step));
            // An outcome that cannot happen is a fault; it must change nothing, which the rest of the run would show.
            if tell(&mut bench, &plan, TOLD[what]).is_err() {
                bench.said.clear();
            }
            let after = [LEND, SHIP].map(|step| state(&bench, step));
            for (before, after) in before.into_iter().zip(after) {
                prop_assert!(before != Some(Compensated) || after == before);
                prop_assert!(before.is_none() || after.is_some());
            }
            for said in &bench.said {
                if let Said::Done { step, .. } = said {
                    prop_assert_eq!(state(&bench, step.clone()), Some(Done), "success is said of done rows only");
                }
            }
            let left = bench.get::<Shelf>((LEND,)).unwrap().books;
            let taken = bench.books().unwrap().get("books:lend").copied().unwrap_or(0);
            prop_assert!(left >= 0);
            prop_assert_eq!(left, books + taken, "what is left is what there was, less what done rows took");
        }
    }
}
