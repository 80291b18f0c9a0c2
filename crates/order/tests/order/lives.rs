//! The judge's rulings as an order's row shows them: words, times, dead letters.

use crate::desk::{
    NOW, OWNER, bench, compensated, confirmed, done, draft, hear, place, plan, quoted, row, words,
};
use jumun_order::tables::FAR;
use jumun_order::{CancelOrder, Order, OrderDomain, Quote};
use kernel::ids::OrderId;
use kernel::judge::SagaStatus;
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use kernel::testbed::Testbed;
use kernel::{Domain, Reason, Said, Step, Timestamp};
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 + seconds * 1_000)
}

/// Lets the order's time come, `seconds` after its birth.
fn wake(bench: &mut Testbed<OrderDomain>, id: OrderId, seconds: i64) {
    bench.now = at(seconds);
    bench.due::<Order>((id,)).unwrap();
}

fn times(order: &Order) -> (Option<Timestamp>, Option<Timestamp>, Option<Timestamp>) {
    (order.wake_at, order.confirmed_at, order.settled_at)
}

#[test]
fn a_confirmed_order_says_when_it_settled_and_sleeps() {
    let mut bench = bench();
    let id = place(&mut bench, 1, quoted(plan()));
    hear(&mut bench, id, &done(Step::STOCK));
    assert_eq!(words(&bench), "");
    bench.now = at(2);
    hear(&mut bench, id, &done(Step::PAYMENT));
    assert_eq!(bench.said, [Said::Confirmed { settled_at: at(2) }]);
    assert_eq!(times(&row(&bench, id)), (None, Some(at(2)), Some(at(2))));
}

#[test]
fn a_cancelled_order_says_when_it_had_been_confirmed() {
    let mut bench = bench();
    let id = confirmed(&mut bench);
    bench.now = at(100);
    bench.ask(CancelOrder { order: id, customer: Some(OWNER) }).unwrap().unwrap();
    assert_eq!(
        times(&row(&bench, id)),
        (Some(at(101)), Some(NOW), None),
        "not settled while it is taken back"
    );
    hear(&mut bench, id, &compensated(Step::PAYMENT));
    bench.now = at(105);
    hear(&mut bench, id, &compensated(Step::STOCK));
    let order = row(&bench, id);
    assert_eq!((order.status, times(&order)), (SagaStatus::Cancelled, (None, Some(NOW), Some(at(105)))));
    let [Said::Cancelled { confirmed_at, steps }] = bench.said.as_slice() else { panic!("{:?}", bench.said) };
    assert_eq!((*confirmed_at, steps), (NOW, &order.steps.0));
}

#[test]
fn an_order_that_nobody_answers_fails_at_its_deadline() {
    let mut bench = bench();
    let id = place(&mut bench, 1, quoted(plan()));
    wake(&mut bench, id, 30);
    assert_eq!(words(&bench), "order.failing");
    let order = row(&bench, id);
    assert_eq!(
        (order.status, order.reason, order.wake_at),
        (SagaStatus::Failing, Some(Reason::TIMED_OUT), Some(at(31)))
    );
    wake(&mut bench, id, 31);
    assert_eq!(words(&bench), "stock.undo_asked payment.undo_asked");
}

#[test]
fn an_order_that_nobody_pays_expires() {
    let mut bench = bench();
    let id = place(&mut bench, 1, Quote::Draft(Box::new(draft())));
    wake(&mut bench, id, 1_800);
    assert_eq!(bench.said, [Said::Failed { reason: Reason::TIMED_OUT, steps: Vec::new() }]);
    assert_eq!(times(&row(&bench, id)), (None, None, Some(at(1_800))));
}

#[test]
fn the_last_word_of_a_failed_order_tells_how_each_step_ended() {
    let mut bench = bench();
    let id = place(&mut bench, 1, quoted(plan()));
    hear(&mut bench, id, &done(Step::STOCK));
    hear(&mut bench, id, &Said::Refused { step: Step::PAYMENT, reason: Reason::PAYMENT_DECLINED });
    assert_eq!(words(&bench), "order.failing");
    hear(&mut bench, id, &compensated(Step::STOCK));
    let order = row(&bench, id);
    assert_eq!(bench.said, [Said::Failed { reason: Reason::PAYMENT_DECLINED, steps: order.steps.0 }]);
}

#[test]
fn a_late_refusal_alerts_and_changes_nothing() {
    let mut bench = bench();
    let id = confirmed(&mut bench);
    let before = bench.snapshot();
    bench.now = at(60);
    hear(&mut bench, id, &Said::Refused { step: Step::STOCK, reason: Reason::OUT_OF_STOCK });
    assert!(bench.snapshot() == before && bench.said.is_empty());
    let alerts: Vec<_> = bench.alerts.iter().map(|alert| (alert.kind, alert.saga)).collect();
    assert_eq!(alerts, [("late_refusal", Some(id.into()))]);
}

#[test]
fn words_that_are_no_news_leave_the_row_as_it_is() {
    let mut bench = bench();
    let id = place(&mut bench, 1, quoted(plan()));
    hear(&mut bench, id, &done(Step::STOCK));
    let before = bench.snapshot();
    bench.now = at(5);
    for said in [done(Step::STOCK), Said::Pending { step: Step::PAYMENT }, done(Step::COUPON)] {
        hear(&mut bench, id, &said);
        assert!(bench.snapshot() == before && bench.said.is_empty(), "{said:?}");
    }
    hear(&mut bench, id, &done(Step::PAYMENT));
    assert_eq!(row(&bench, id).updated_at, at(5));
}

/// An order whose stock never answers: asked twice, then parked.
fn parked(bench: &mut Testbed<OrderDomain>) -> (OrderId, DeadLetter) {
    let id = place(bench, 1, quoted(plan()));
    hear(bench, id, &Said::Refused { step: Step::PAYMENT, reason: Reason::PAYMENT_DECLINED });
    for seconds in [1, 3, 7] {
        wake(bench, id, seconds);
    }
    let letters = bench.all::<DeadLetter>();
    assert_eq!(letters.len(), 1);
    (id, letters[0].clone())
}

fn letter_status(bench: &Testbed<OrderDomain>, letter: &DeadLetter) -> LetterStatus {
    bench.get::<DeadLetter>((letter.id,)).unwrap().status
}

#[test]
fn a_spent_budget_raises_one_dead_letter_and_an_alert() {
    let mut bench = bench();
    let (id, letter) = parked(&mut bench);
    assert_eq!((letter.kind, letter.status), (LetterKind::Compensation, LetterStatus::Open));
    assert_eq!((letter.order_id, letter.step, letter.attempts), (Some(id.0), Some(Step::STOCK), 2));
    assert_eq!(bench.alerts.iter().map(|alert| alert.kind).collect::<Vec<_>>(), ["compensation_failed"]);
    assert_eq!(
        (row(&bench, id).wake_at, words(&bench).as_str()),
        (Some(FAR), ""),
        "it waits for an operator"
    );
}

#[test]
fn a_redriven_letter_asks_the_step_again() {
    let mut bench = bench();
    let (id, letter) = parked(&mut bench);
    bench.redrive(&letter).unwrap();
    assert_eq!(bench.said, [Said::UndoAsked { step: Step::STOCK, attempt: 1 }]);
    assert_eq!(letter_status(&bench, &letter), LetterStatus::Redriven);
    assert_eq!(row(&bench, id).wake_at, Some(at(9)));
    hear(&mut bench, id, &compensated(Step::STOCK));
    assert_eq!(words(&bench), "order.failed");
}

#[test]
fn a_resolved_letter_lets_the_order_end() {
    let mut bench = bench();
    let (id, letter) = parked(&mut bench);
    bench.resolve(&letter).unwrap();
    assert_eq!((words(&bench).as_str(), row(&bench, id).wake_at), ("order.failed", None));
    assert_eq!(letter_status(&bench, &letter), LetterStatus::Resolved);
}

#[test]
fn a_parked_step_that_answers_by_itself_closes_its_letter() {
    let mut bench = bench();
    let (id, letter) = parked(&mut bench);
    bench.now = at(9);
    hear(&mut bench, id, &compensated(Step::STOCK));
    assert_eq!((words(&bench).as_str(), row(&bench, id).status), ("order.failed", SagaStatus::Failed));
    let closed: DeadLetter = bench.get((letter.id,)).unwrap();
    assert_eq!((closed.status, closed.first_at, closed.last_at), (LetterStatus::Redriven, at(7), at(9)));
}

#[test]
fn what_an_order_waits_for_is_looked_at_as_soon_as_its_status_says() {
    let mut bench = bench();
    let longest = |bench: &Testbed<OrderDomain>, id| {
        let row = kernel::Record::to_row(&row(bench, id));
        bench.domain().longest_wait(<Order as kernel::Record>::TABLE, &row).as_secs()
    };
    let draft = place(&mut bench, 1, Quote::Draft(Box::new(draft())));
    let placed = place(&mut bench, 2, quoted(plan()));
    assert_eq!((longest(&bench, draft), longest(&bench, placed)), (1_800, 30));
    bench.ask(CancelOrder { order: placed, customer: Some(OWNER) }).unwrap().unwrap();
    assert_eq!(longest(&bench, placed), 4);
}

#[test]
fn a_step_that_was_stuck_before_the_order_was_confirmed_has_no_letter_of_the_judges() {
    let mut bench = bench();
    let id = place(&mut bench, 1, quoted(plan()));
    hear(&mut bench, id, &Said::Stuck { step: Step::STOCK, error: "no".into() });
    hear(&mut bench, id, &done(Step::STOCK));
    hear(&mut bench, id, &done(Step::PAYMENT));
    assert_eq!((words(&bench).as_str(), bench.all::<DeadLetter>()), ("order.confirmed", Vec::new()));
}

#[derive(Clone, Debug)]
enum Event {
    Heard(Said),
    Cancel,
    Wake,
}

fn event() -> impl Strategy<Value = Event> {
    let step = prop_oneof![Just(Step::STOCK), Just(Step::PAYMENT), Just(Step::COUPON)];
    prop_oneof![
        6 => (step, 0..4).prop_map(|(step, what)| Event::Heard(match what {
            0 => done(step),
            1 => compensated(step),
            2 => Said::Refused { step, reason: Reason::OUT_OF_STOCK },
            _ => Said::Stuck { step, error: "no".into() },
        })),
        1 => Just(Event::Cancel),
        3 => Just(Event::Wake),
    ]
}

proptest! {
    #[test]
    fn an_order_sleeps_exactly_while_it_is_settled(pay in any::<bool>(), events in proptest::collection::vec(event(), 0..30)) {
        let mut bench = bench();
        let quote = if pay { quoted(plan()) } else { Quote::Draft(Box::new(draft())) };
        let id = place(&mut bench, 1, quote);
        for event in events {
            match event {
                Event::Heard(said) => hear(&mut bench, id, &said),
                Event::Cancel => drop(bench.ask(CancelOrder { order: id, customer: Some(OWNER) }).unwrap()),
                Event::Wake => {
                    bench.now = row(&bench, id).wake_at.filter(|at| *at != FAR).unwrap_or(bench.now);
                    bench.due::<Order>((id,)).unwrap();
                }
            }
            let order = row(&bench, id);
            prop_assert_eq!(order.wake_at.is_none(), order.status.is_settled(), "{}", order.status);
            prop_assert_eq!(order.settled_at.is_some(), order.status.is_settled(), "{}", order.status);
            prop_assert!(order.wake_at.is_none_or(|at| at > bench.now), "it wakes later, not at once");
            let letters = bench.all::<DeadLetter>().len();
            prop_assert!(order.wake_at != Some(FAR) || letters > 0 || order.steps.0.iter().any(|step| step.parked));
        }
    }
}
