//! What a view shows after a dialogue, and that dialogues heard again end in the same rows.

mod chains;

use crate::{OrderView, ReadModel};
use kernel::ids::{CountingIds, Ids, OrderId, PaymentId, SagaId, UserId};
use kernel::judge::{SagaStatus, StepState, StepStatus};
use kernel::plan::CardToken;
use kernel::{
    Currency, Cx, DecideError, Domain, DomainName, Heard, Input, Key, Keys, Money, Plan, Reason, Record, Row,
    Said, Step, Timestamp, Trace, WorkingSet,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

const MADE_AT: i64 = 1_700_000_000_000;

fn plan(steps: &[Step]) -> Arc<Plan> {
    let saga = CountingIds::new(MADE_AT.unsigned_abs()).next();
    Arc::new(Plan {
        saga: SagaId(saga),
        user: UserId(Uuid::from_u128(9)),
        lines: Vec::new(),
        coupon: None,
        total: Money::new(5).unwrap(),
        points: Money::ZERO,
        card_amount: Money::new(5).unwrap(),
        currency: Currency::KRW,
        payment: PaymentId(Uuid::from_u128(77)),
        card: Some(CardToken("tok_secret".into())),
        steps: steps.to_vec(),
        extras: BTreeMap::new(),
    })
}

fn planned() -> Arc<Plan> {
    plan(&[Step::STOCK, Step::PAYMENT])
}

fn states(stock: StepStatus, payment: StepStatus) -> Vec<StepState> {
    let state = |name, status| StepState { name, status, reason: None, attempts: 1, parked: false };
    vec![state(Step::STOCK, stock), state(Step::PAYMENT, payment)]
}

/// What one order's customer and others hear of: rows, and words each said a millisecond after the one before.
struct Shelf {
    lists_wait: bool,
    rows: BTreeMap<(&'static str, Key), Row>,
    order: Uuid,
    clock: i64,
}

impl Shelf {
    fn new() -> Self {
        Self { lists_wait: false, rows: BTreeMap::new(), order: planned().saga.0, clock: MADE_AT }
    }

    fn hear(&mut self, said: &Said, plan: Option<&Arc<Plan>>) -> Result<(), DecideError> {
        self.clock += 1;
        self.hear_at(self.clock, said, plan)
    }

    fn hear_at(&mut self, at: i64, said: &Said, plan: Option<&Arc<Plan>>) -> Result<(), DecideError> {
        let by = DomainName::of("order");
        self.hear_all(&[Heard { key: self.order, at: Timestamp(at), by: &by, said, plan }])
    }

    /// Hears `words` in one batch.
    fn hear_all(&mut self, words: &[Heard<'_>]) -> Result<(), DecideError> {
        let domain = ReadModel::new("seven-services", self.lists_wait);
        let (mut keys, mut state) = (Keys::default(), WorkingSet::default());
        for word in words {
            domain.keys(&Input::Heard(*word), &mut keys)?;
        }
        for (table, key) in keys.take() {
            let row = self.rows.get(&(table.name, key.clone())).cloned();
            state.offer(table, key, row);
        }
        // Nothing of a view may depend on when it is built: the clock of a rebuild stands elsewhere.
        let mut ids = CountingIds::new(0);
        for word in words {
            let trace = Trace { id: 5, span: 6, flags: 1 };
            let mut cx = Cx::new(Timestamp(word.at.0 * 2), trace, &mut ids);
            domain.decide(&Input::Heard(*word), &mut state, &mut cx)?;
        }
        for write in state.into_writes() {
            self.rows.insert((write.table.name, write.key), write.row.expect("nothing is deleted"));
        }
        Ok(())
    }

    fn get<R: Record>(&self, key: impl Into<Key>) -> Option<R> {
        self.rows.get(&(R::TABLE.name, key.into())).map(|row| R::from_row(row).unwrap())
    }

    fn view(&self) -> Option<OrderView> {
        self.get((self.order,))
    }
}

/// Hears `words` with the full plan and returns the view.
fn view_after(words: &[Said]) -> OrderView {
    let mut shelf = Shelf::new();
    for said in words {
        shelf.hear(said, Some(&planned())).unwrap();
    }
    shelf.view().unwrap()
}

fn confirmed() -> Said {
    Said::Confirmed { settled_at: Timestamp(MADE_AT + 40) }
}

fn failing() -> Said {
    Said::Failing { reason: Reason::PAYMENT_DECLINED, steps: states(StepStatus::Done, StepStatus::Refused) }
}

fn failed() -> Said {
    Said::Failed {
        reason: Reason::PAYMENT_DECLINED,
        steps: states(StepStatus::Compensated, StepStatus::Refused),
    }
}

fn cancelled() -> Said {
    Said::Cancelled {
        confirmed_at: Timestamp(MADE_AT + 40),
        steps: states(StepStatus::Compensated, StepStatus::Compensated),
    }
}

fn fulfilled() -> Said {
    Said::Fact { kind: "order.fulfilled".into(), body: serde_json::json!({}) }
}

fn check(words: &[Said], status: SagaStatus, steps: &[StepStatus], settled_after: Option<i64>) {
    let view = view_after(words);
    let shown: Vec<StepStatus> = view.steps.0.iter().map(|step| step.status).collect();
    let settled = view.settled_at.map(|at| at.0 - MADE_AT);
    assert_eq!((view.status, shown.as_slice(), settled), (status, steps, settled_after), "{words:?}");
    assert_eq!(view.updated_at.0 - MADE_AT, i64::try_from(words.len()).unwrap());
}

#[test]
fn a_view_shows_where_its_order_stands_after_every_word() {
    use StepStatus::{Compensated, Done, Refused, Unknown};
    let none: &[StepStatus] = &[];
    check(&[Said::Created], SagaStatus::Created, none, None);
    check(&[Said::Created, Said::Placed], SagaStatus::Pending, &[Unknown, Unknown], None);
    check(&[Said::Placed, confirmed()], SagaStatus::Confirmed, &[Done, Done], Some(40));
    check(&[Said::Placed, failing()], SagaStatus::Failing, &[Done, Refused], None);
    check(&[Said::Placed, failing(), failed()], SagaStatus::Failed, &[Compensated, Refused], Some(3));
    check(&[Said::Placed, confirmed(), Said::Cancelling], SagaStatus::Cancelling, &[Done, Done], None);
    let whole = [Said::Placed, confirmed(), Said::Cancelling, cancelled()];
    check(&whole, SagaStatus::Cancelled, &[Compensated, Compensated], Some(4));
    check(&[Said::Created, failed()], SagaStatus::Failed, &[Compensated, Refused], Some(2));
}

#[test]
fn an_order_refused_at_its_quote_is_shown_from_its_one_word() {
    let mut shelf = Shelf::new();
    let refused = Said::Failed { reason: Reason::COUPON_INVALID, steps: Vec::new() };
    shelf.hear(&refused, Some(&plan(&[]))).unwrap();
    let view = shelf.view().unwrap();
    assert_eq!((view.status, view.reason), (SagaStatus::Failed, Some(Reason::COUPON_INVALID)));
    assert_eq!((view.steps.0.len(), view.payment_id), (0, None));
}

#[test]
fn a_draft_is_replaced_by_the_plan_that_is_paid() {
    let mut shelf = Shelf::new();
    shelf.hear(&Said::Created, Some(&plan(&[]))).unwrap();
    assert_eq!(shelf.view().unwrap().payment_id, None);
    shelf.hear(&Said::Placed, Some(&planned())).unwrap();
    let view = shelf.view().unwrap();
    assert_eq!((view.payment_id, view.plan().unwrap().steps.len()), (Some(planned().payment), 2));
}

#[test]
fn a_view_never_holds_a_card_token() {
    for words in [vec![Said::Created], vec![Said::Placed, confirmed()]] {
        let row = view_after(&words).to_row();
        assert!(!format!("{row:?}").contains("tok_secret"));
    }
}

#[test]
fn a_view_is_dated_by_its_order_and_keeps_the_trace_that_made_it() {
    let view = view_after(&[Said::Placed, confirmed()]);
    assert_eq!(view.created_at, Timestamp(MADE_AT));
    assert_eq!((view.trace.id, view.topology.as_str()), (5, "seven-services"));
    assert_eq!(view.order_id, OrderId(planned().saga.0));
}

#[test]
fn fulfilment_is_shown_and_changes_nothing_else() {
    let mut shelf = Shelf::new();
    shelf.hear(&Said::Placed, Some(&planned())).unwrap();
    shelf.hear(&confirmed(), Some(&planned())).unwrap();
    let before = shelf.view().unwrap();
    shelf.hear(&fulfilled(), None).unwrap();
    let after = shelf.view().unwrap();
    assert_eq!(after, OrderView { fulfilled: true, updated_at: Timestamp(shelf.clock), ..before });
}

#[test]
fn a_view_says_when_its_order_last_moved() {
    let mut shelf = Shelf::new();
    for said in [Said::Placed, failing(), failed()] {
        shelf.hear(&said, Some(&planned())).unwrap();
        assert_eq!(shelf.view().unwrap().updated_at, Timestamp(shelf.clock), "{said:?}");
    }
}

#[test]
fn what_cannot_be_is_a_fault_and_changes_nothing() {
    let impossible = |said: &Said, plan: Option<&Arc<Plan>>, first: &[Said]| {
        let mut shelf = Shelf::new();
        for word in first {
            shelf.hear(word, Some(&planned())).unwrap();
        }
        let before = shelf.view();
        assert!(matches!(shelf.hear(said, plan), Err(DecideError::Impossible(_))), "{said:?}");
        assert_eq!(shelf.view(), before);
    };
    impossible(&Said::Placed, None, &[]);
    impossible(&fulfilled(), None, &[]);
    let other = Said::Fact { kind: "order.noted".into(), body: serde_json::Value::Null };
    impossible(&other, Some(&planned()), &[Said::Placed]);
    impossible(&failed(), Some(&planned()), &[Said::Placed, confirmed()]);
    impossible(&confirmed(), Some(&planned()), &[Said::Placed, failing()]);
    impossible(&Said::Done { step: Step::STOCK, prior: Vec::new() }, Some(&planned()), &[Said::Placed]);
}

/// Everything that one order can live through.
fn lives() -> Vec<Vec<Said>> {
    vec![
        vec![Said::Created, failed()],
        vec![Said::Created, Said::Placed, confirmed(), fulfilled()],
        vec![Said::Placed, failing(), failed()],
        vec![Said::Placed, confirmed(), Said::Cancelling, cancelled()],
        vec![failed()],
    ]
}

proptest! {
    #[test]
    fn hearing_everything_again_from_the_start_ends_in_the_same_row(life in 0_usize..5, stop in 1_usize..5, again in 0_usize..5) {
        let words = &lives()[life];
        let at = |index: usize| MADE_AT + 1 + i64::try_from(index).unwrap();
        let mut once = Shelf::new();
        for (index, said) in words.iter().enumerate() {
            once.hear_at(at(index), said, Some(&planned())).unwrap();
        }
        // Heard up to `stop`, then again from `again`, as a cursor that was put back would have it.
        let mut twice = Shelf::new();
        let stop = stop.min(words.len());
        let replay = words.iter().enumerate().skip(again.min(stop));
        for (index, said) in words.iter().enumerate().take(stop).chain(replay) {
            twice.hear_at(at(index), said, Some(&planned())).unwrap();
        }
        prop_assert_eq!(twice.view(), once.view());
    }
}

#[test]
fn where_lists_wait_an_order_stands_in_them_once_it_is_saved_or_settled() {
    let unlisted_after = |lists_wait: bool, words: &[Said]| {
        let mut shelf = Shelf { lists_wait, ..Shelf::new() };
        for said in words {
            shelf.hear(said, Some(&planned())).unwrap();
        }
        shelf.view().unwrap().unlisted
    };
    let saved = || Said::Fact { kind: "order.saved".into(), body: serde_json::Value::Null };
    assert_eq!(unlisted_after(false, &[Said::Placed]), None);
    assert_eq!(unlisted_after(true, &[Said::Placed]), Some(true));
    assert_eq!(unlisted_after(true, &[Said::Placed, failing()]), Some(true));
    assert_eq!(unlisted_after(true, &[Said::Placed, saved()]), None);
    assert_eq!(unlisted_after(true, &[Said::Placed, confirmed()]), None);
    assert_eq!(unlisted_after(true, &[Said::Placed, failing(), failed()]), None);
    // It stood there already, waiting to be paid.
    assert_eq!(unlisted_after(true, &[Said::Created, Said::Placed]), None);
}
