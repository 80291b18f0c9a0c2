//! What an inbox row keeps at each step of its life: since when, why, what was taken, and the plan while something is still out.

use crate::shelf::{COPY, Ended, LEND, Library, SHIP, Shelf, loan, shipped};
use jumun_kernel::participation::InboxState::{Compensated, Done, Pending, PendingUndo, Refused, Undoing};
use jumun_kernel::participation::{Inbox, InboxState, Outcome, still_asks};
use jumun_kernel::testbed::Testbed;
use jumun_kernel::{Key, Plan, Reason, Record, Said, Step, Timestamp, WorkingSet};
use std::sync::Arc;

/// One saga's row of one step, over shelves of five books.
struct Life {
    bench: Testbed<Library>,
    plan: Arc<Plan>,
    step: Step,
}

/// State, since when, why, receipt; and what had been done before, while the plan is held.
type Kept = (InboxState, i64, Option<Reason>, Option<String>, Option<Vec<Step>>);

impl Life {
    fn of(step: Step, wanted: i64) -> Self {
        let mut bench = Testbed::new(Library::new(), Timestamp(0));
        for step in [LEND, COPY] {
            bench.put(&Shelf { step, books: 5 });
        }
        Self { bench, plan: loan(7, wanted), step }
    }

    /// It is asked by the word that the step before it is done, at this time.
    fn act(&mut self, at: i64) {
        self.bench.now = Timestamp(at);
        let before = Said::Done { step: Step::COUPON, prior: vec![Step::STOCK] };
        self.bench.act_on(&before, &self.step, &self.plan).unwrap();
    }

    /// It is to be taken back because a card was declined.
    fn undo(&mut self, at: i64) {
        self.bench.now = Timestamp(at);
        let declined = Said::Refused { step: Step::PAYMENT, reason: Reason::PAYMENT_DECLINED };
        self.bench.undo_on(&declined, &self.step, &self.plan).unwrap();
    }

    fn end(&mut self, at: i64, outcome: Outcome) {
        self.bench.now = Timestamp(at);
        self.bench.ask(Ended { saga: self.plan.saga, outcome }).unwrap();
    }

    fn row(&self) -> Inbox {
        self.bench.get((self.plan.saga, self.step.clone())).unwrap()
    }

    #[track_caller]
    fn check(&self, expected: &Kept) {
        let Inbox { state, at, reason, receipt, held, .. } = self.row();
        let (receipt, prior) = (receipt.map(String::from), held.map(|held| held.0.prior));
        assert_eq!((state, at.0, reason, receipt, prior), *expected);
    }

    fn still_asks(&self) -> bool {
        let mut state = WorkingSet::default();
        let key = Key::from((self.plan.saga, self.step.clone()));
        state.offer(Inbox::TABLE, key, Some(self.row().to_row()));
        still_asks(self.plan.saga, self.step.clone(), &state).unwrap()
    }
}

fn declined() -> Option<Reason> {
    Some(Reason::PAYMENT_DECLINED)
}

fn parcel() -> Option<String> {
    Some("parcel 7".to_owned())
}

fn prior() -> Option<Vec<Step>> {
    Some(vec![Step::STOCK, Step::COUPON])
}

#[test]
fn a_step_that_is_done_and_undone() {
    let mut life = Life::of(LEND, 2);
    life.act(1);
    life.check(&(Done, 1, None, Some("2".to_owned()), None));
    let done = Said::Done { step: LEND, prior: vec![Step::STOCK, Step::COUPON] };
    assert!(life.bench.said.contains(&done), "its word carries what was done before: {:?}", life.bench.said);
    life.undo(2);
    life.check(&(Compensated, 2, declined(), Some("2".to_owned()), None));
}

#[test]
fn a_step_that_refuses_keeps_its_own_reason() {
    let mut life = Life::of(LEND, 9);
    life.act(1);
    life.check(&(Refused, 1, Some(Reason::OUT_OF_STOCK), None, None));
    life.undo(2);
    life.check(&(Compensated, 2, Some(Reason::OUT_OF_STOCK), None, None));
}

#[test]
fn a_call_that_is_answered() {
    let mut life = Life::of(SHIP, 1);
    life.act(1);
    life.check(&(Pending, 1, None, None, prior()));
    assert!(life.still_asks());
    life.end(2, shipped());
    life.check(&(Done, 2, None, parcel(), None));
    assert!(!life.still_asks());
    assert!(life.bench.said.contains(&Said::Done { step: SHIP, prior: prior().unwrap() }));
}

#[test]
fn a_call_that_came_to_nothing() {
    let mut life = Life::of(SHIP, 1);
    life.act(1);
    life.end(2, Outcome::NoEffect(Reason::PAYMENT_UNAVAILABLE));
    life.check(&(Refused, 2, Some(Reason::PAYMENT_UNAVAILABLE), None, None));
}

#[test]
fn a_call_that_is_to_be_undone_before_its_answer() {
    let mut life = Life::of(SHIP, 1);
    life.act(1);
    life.undo(2);
    life.check(&(PendingUndo, 2, declined(), None, prior()));
    assert!(!life.still_asks(), "it must not be made any more");
    life.end(3, shipped());
    life.check(&(Undoing, 3, declined(), parcel(), prior()));
    life.end(4, Outcome::Undone);
    life.check(&(Compensated, 4, declined(), parcel(), None));
}

#[test]
fn a_call_that_is_undone_after_its_answer() {
    let mut life = Life::of(SHIP, 1);
    life.act(1);
    life.end(2, shipped());
    life.undo(3);
    life.check(&(Undoing, 3, declined(), parcel(), Some(Vec::new())));
    life.end(4, Outcome::Undone);
    life.check(&(Compensated, 4, declined(), parcel(), None));
}
