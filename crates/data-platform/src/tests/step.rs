//! Delivery as a step: what each message does to each row, through the real participation rule.

use super::{POLICY, plan};
use crate::delivery::Delivered;
use crate::{DataPlatform, Delivery, DeliveryCall, DeliveryEvent, DeliveryOutcome, DeliveryStatus};
use kernel::domain::OutsideCall;
use kernel::ids::OrderId;
use kernel::judge::letters::DeadLetter;
use kernel::participation::{Inbox, InboxState};
use kernel::testbed::Testbed;
use kernel::{DecideError, Domain, Reason, Record, Refused, Said, Step, Timestamp, WorkingSet};
use proptest::prelude::*;
use std::sync::Arc;

use DeliveryEvent::{PaymentApproved, PaymentCancelled};
use Does::{Acts, Breaks, Disables, FailsLate, Rejects, Takes, TimesOut, Undoes, Waits};

/// One thing that happens to the step.
#[derive(Clone, Copy, Debug)]
enum Does {
    Acts,
    Undoes,
    /// The receiver takes the last sending, or any earlier one.
    Takes,
    /// It answers the last sending with a server error.
    Breaks,
    /// The call runs into its time limit.
    TimesOut,
    /// It will not take it, ever.
    Rejects,
    Disables,
    /// It answered the first sending with a server error, and that is heard only now.
    FailsLate,
    /// Seconds pass, and rows fall due.
    Waits(i64),
}

/// The domain, and everything that the receiver was sent.
struct Stand {
    bed: Testbed<DataPlatform>,
    sent: Vec<DeliveryCall>,
    said: Vec<Said>,
    answered: Option<Result<(), Refused>>,
}

const START: Timestamp = Timestamp(1_700_000_000_000);

impl Stand {
    fn new() -> Self {
        let bed = Testbed::new(DataPlatform::new(POLICY), START);
        Self { bed, sent: Vec::new(), said: Vec::new(), answered: None }
    }

    fn does(&mut self, does: Does) {
        let broken = |retry| DeliveryOutcome::Failed { detail: "503".into(), retry };
        match does {
            Acts => self.bed.act(&Step::DELIVERY, &plan()).unwrap(),
            Undoes => self.bed.undo(&Step::DELIVERY, &plan()).unwrap(),
            Takes => self.answer(None, DeliveryOutcome::Taken),
            Breaks => self.answer(None, broken(true)),
            TimesOut => self.answer(None, DeliveryOutcome::Unknown { detail: "timeout".into() }),
            Rejects => self.answer(None, broken(false)),
            Disables => self.answer(None, DeliveryOutcome::Disabled),
            FailsLate => self.answer(Some(1), broken(false)),
            Waits(seconds) => return (0..seconds).for_each(|_| self.second()),
        }
        self.note();
    }

    fn answer(&mut self, sending: Option<i64>, outcome: DeliveryOutcome) {
        let last = self.get(PaymentApproved).map_or(0, |delivery| delivery.attempts);
        let sending = sending.unwrap_or(last);
        let answer = Delivered { order_id: order(), event: PaymentApproved, sending, outcome };
        self.answered = Some(self.bed.ask(answer).unwrap());
    }

    fn second(&mut self) {
        self.bed.now = Timestamp(self.bed.now.0 + 1_000);
        for event in [PaymentApproved, PaymentCancelled] {
            let next = self.get(event).and_then(|delivery| delivery.next_at);
            if next.is_some_and(|next| next <= self.bed.now) {
                self.bed.due::<Delivery>((order(), event)).unwrap();
                self.note();
            }
        }
    }

    fn note(&mut self) {
        let calls = self.bed.calls.iter();
        self.sent.extend(calls.map(|call| call.request.downcast_ref::<DeliveryCall>().unwrap().clone()));
        self.said.extend(self.bed.said.iter().cloned());
    }

    fn get(&self, event: DeliveryEvent) -> Option<Delivery> {
        self.bed.get((order(), event))
    }

    fn inbox(&self) -> Option<InboxState> {
        let row: Option<Inbox> = self.bed.get((plan().saga, Step::DELIVERY));
        row.map(|row| row.state)
    }

    /// How often each word was sent.
    fn sendings(&self) -> (usize, usize) {
        let of = |event| self.sent.iter().filter(|call| call.event == event).count();
        (of(PaymentApproved), of(PaymentCancelled))
    }
}

fn order() -> OrderId {
    OrderId(plan().saga.0)
}

fn run(dialogue: &[Does]) -> Stand {
    let mut stand = Stand::new();
    dialogue.iter().for_each(|does| stand.does(*does));
    stand
}

/// After the dialogue the inbox and the approval stand so, and approval and cancel were sent so often.
#[track_caller]
fn check(dialogue: &[Does], inbox: InboxState, status: DeliveryStatus, sent: (usize, usize)) -> Stand {
    let stand = run(dialogue);
    assert_eq!(stand.inbox(), Some(inbox), "{dialogue:?}");
    assert_eq!(stand.get(PaymentApproved).unwrap().status, status, "{dialogue:?}");
    assert_eq!(stand.sendings(), sent, "{dialogue:?}");
    assert_eq!(stand.bed.all::<DeadLetter>(), [], "{dialogue:?}");
    stand
}

fn then<'a>(first: &'a [Does], more: &'a [Does]) -> Vec<Does> {
    [first, more].concat()
}

/// What each message does to a row that waits for the receiver.
#[test]
fn a_pending_delivery_takes_each_message_by_the_table() {
    use DeliveryStatus::{Delivered, Pending, Refused};
    for (message, inbox, status, sent) in [
        (Acts, InboxState::Pending, Pending, 1),
        (Takes, InboxState::Done, Delivered, 1),
        (Breaks, InboxState::Pending, Pending, 1),
        (TimesOut, InboxState::Pending, Pending, 1),
        (Rejects, InboxState::Refused, Refused, 1),
        (Disables, InboxState::Refused, Refused, 1),
        (Waits(4), InboxState::Pending, Pending, 1),
        (Waits(5), InboxState::Pending, Pending, 2),
        (Undoes, InboxState::PendingUndo, Pending, 1),
    ] {
        check(&[Acts, message], inbox, status, (sent, 0));
    }
}

/// The same, where the order is failing by now: nothing is sent again, and what was taken is taken back.
#[test]
fn a_pending_delivery_that_is_to_be_undone_takes_each_message_by_the_table() {
    use DeliveryStatus::{Delivered, Pending, Refused};
    for (message, inbox, status, told_back) in [
        (Acts, InboxState::PendingUndo, Pending, 0),
        (Undoes, InboxState::PendingUndo, Pending, 0),
        (Takes, InboxState::Compensated, Delivered, 1),
        (Breaks, InboxState::Compensated, Refused, 0),
        (TimesOut, InboxState::Compensated, Refused, 1),
        (Rejects, InboxState::Compensated, Refused, 0),
        (Disables, InboxState::Compensated, Refused, 0),
        (Waits(4), InboxState::PendingUndo, Pending, 0),
        (Waits(5), InboxState::Compensated, Refused, 1),
    ] {
        check(&[Acts, Undoes, message], inbox, status, (1, told_back));
    }
    // The wait between two sendings is cut short as well.
    check(&[Acts, Breaks, Undoes, Waits(1)], InboxState::Compensated, Refused, (1, 0));
}

#[test]
fn a_delivery_that_was_taken_takes_each_message_by_the_table() {
    use DeliveryStatus::Delivered;
    for message in [Acts, Takes, Breaks, TimesOut, Rejects, Disables, FailsLate, Waits(100)] {
        check(&[Acts, Takes, message], InboxState::Done, Delivered, (1, 0));
    }
    let stand = check(&[Acts, Takes, Undoes], InboxState::Compensated, Delivered, (1, 1));
    assert_eq!(stand.said.last(), Some(&Said::Compensated { step: Step::DELIVERY, cause: None }));
    for message in [Acts, Undoes, Takes, Breaks, TimesOut, Rejects, Disables] {
        check(&[Acts, Takes, Undoes, message], InboxState::Compensated, Delivered, (1, 1));
    }
}

#[test]
fn a_delivery_that_was_refused_takes_each_message_by_the_table() {
    use DeliveryStatus::{Delivered, Refused};
    for message in [Acts, Breaks, TimesOut, Rejects, Disables, Waits(100)] {
        let stand = check(&[Acts, Rejects, message], InboxState::Refused, Refused, (1, 0));
        let refused = Said::Refused { step: Step::DELIVERY, reason: Reason::DELIVERY_FAILED };
        assert!(stand.said.contains(&refused), "{message:?}");
    }
    check(&[Acts, Rejects, Undoes], InboxState::Compensated, Refused, (1, 0));
    // A stray: it was taken after all.
    check(&[Acts, Rejects, Takes], InboxState::Refused, Delivered, (1, 1));
    check(&[Acts, Rejects, Undoes, Takes, Takes], InboxState::Compensated, Delivered, (1, 1));
}

#[test]
fn an_answer_to_what_was_never_sent_is_refused_and_a_late_action_finds_the_tombstone() {
    let stand = run(&[Takes]);
    assert_eq!(stand.answered.unwrap().unwrap_err().code, "NOT_FOUND");
    let stand = run(&[Undoes, Acts]);
    assert_eq!((stand.inbox(), stand.sendings()), (Some(InboxState::Compensated), (0, 0)));
}

#[test]
fn it_is_sent_again_under_one_id_until_the_budget_is_spent_and_then_refused() {
    use DeliveryStatus::{Pending, Refused};
    let failing = [Acts, Breaks, Waits(1), Breaks, Waits(2)];
    let stand = check(&failing, InboxState::Pending, Pending, (3, 0));
    for (number, call) in (1..).zip(&stand.sent) {
        assert_eq!(*call, DeliveryCall { sending: number, ..stand.sent[0].clone() });
    }
    assert_eq!(stand.sent[0].webhook_id, format!("{}.payment.approved", order()));
    assert_eq!(stand.sent[0].answer_within, POLICY.step.call_timeout);
    // Every failure was a clear one: there is nothing to take back.
    check(&then(&failing, &[Breaks]), InboxState::Refused, Refused, (3, 0));
    // Silence spends the budget as well, and leaves it in doubt.
    let stand = check(&[Acts, Waits(15)], InboxState::Refused, Refused, (3, 1));
    assert_eq!(stand.get(PaymentApproved).unwrap().error.as_deref(), Some("no answer"));
    // Taken late, it was told back already.
    check(&[Acts, Waits(15), Takes, Takes], InboxState::Refused, DeliveryStatus::Delivered, (3, 1));
}

#[test]
fn a_failure_is_no_news_once_it_was_sent_again() {
    check(&[Acts, Waits(5), FailsLate], InboxState::Pending, DeliveryStatus::Pending, (2, 0));
}

#[test]
fn what_is_taken_back_is_delivered_with_the_patience_of_a_final_word() {
    let mut stand = run(&[Acts, Takes, Undoes, Waits(300)]);
    assert_eq!(stand.sendings(), (1, 3), "a budget of its own");
    let dead = stand.get(PaymentCancelled).unwrap();
    assert_eq!((dead.status, stand.bed.all::<DeadLetter>().len()), (DeliveryStatus::Dead, 1));
    let letter = stand.bed.all::<DeadLetter>().remove(0);
    stand.bed.redrive(&letter).unwrap();
    let sending = stand.get(PaymentCancelled).unwrap().attempts;
    let outcome = DeliveryOutcome::Taken;
    let answer = Delivered { order_id: order(), event: PaymentCancelled, sending, outcome };
    stand.bed.ask(answer).unwrap().unwrap();
    assert_eq!(stand.get(PaymentCancelled).unwrap().status, DeliveryStatus::Delivered);
}

#[test]
fn the_bodies_name_the_order_its_lines_amounts_and_payment_and_no_card_token() {
    let stand = run(&[Acts, Takes, Waits(2), Undoes]);
    let mut expected = serde_json::json!({
        "type": "payment.approved",
        "timestamp": "2023-11-14T22:13:20.000Z",
        "data": {
            "payment_id": plan().payment.to_string(),
            "order_id": order().to_string(),
            "user_id": plan().user.to_string(),
            "status": "APPROVED",
            "lines": [{
                "product_id": "00000000-0000-0000-0000-000000000003", "sku": "SKU-1", "name": "Tea",
                "quantity": 2, "unit_price": 500, "amount": 1000
            }],
            "total": 1000, "discount": 100, "points_used": 300, "card_amount": 600, "currency": "KRW"
        }
    });
    let body = |at: usize| serde_json::from_str::<serde_json::Value>(&stand.sent[at].body).unwrap();
    assert_eq!(body(0), expected);
    expected["type"] = "payment.cancelled".into();
    expected["timestamp"] = "2023-11-14T22:13:22.000Z".into();
    expected["data"]["status"] = "CANCELLED".into();
    assert_eq!(body(1), expected);
    assert!(stand.sent.iter().all(|call| !call.body.contains("tok_secret")));
}

#[test]
fn what_cannot_happen_is_a_fault() {
    for status in [DeliveryStatus::Waiting, DeliveryStatus::Dead, DeliveryStatus::Resolved] {
        let mut stand = run(&[Acts]);
        let delivery = stand.get(PaymentApproved).unwrap();
        stand.bed.put(&Delivery { status, ..delivery });
        let outcome = DeliveryOutcome::Taken;
        let answer = Delivered { order_id: order(), event: PaymentApproved, sending: 1, outcome };
        assert!(matches!(stand.bed.ask(answer), Err(DecideError::Impossible(_))), "{status}");
        let due = stand.bed.due::<Delivery>((order(), PaymentApproved));
        assert!(matches!(due, Err(DecideError::Impossible(_))), "{status}");
    }
}

fn anything() -> impl Strategy<Value = Does> {
    prop_oneof![
        2 => Just(Acts),
        2 => Just(Undoes),
        2 => Just(Takes),
        2 => Just(Breaks),
        2 => Just(TimesOut),
        1 => Just(Rejects),
        1 => Just(Disables),
        1 => Just(FailsLate),
        3 => (1_i64..8).prop_map(Waits),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_an_approval_that_was_taken_and_does_not_hold_is_taken_back(
        dialogue in prop::collection::vec(anything(), 0..30)
    ) {
        let mut stand = Stand::new();
        let mut was_taken = false;
        for does in dialogue {
            was_taken |= matches!(does, Takes) && stand.get(PaymentApproved).is_some();
            stand.does(does);
            let (approvals, cancels) = (stand.sendings().0, stand.get(PaymentCancelled));
            prop_assert!(approvals <= 3, "the budget bounds it");
            match stand.inbox() {
                Some(InboxState::Done) => prop_assert!(was_taken && cancels.is_none()),
                Some(InboxState::Refused | InboxState::Compensated) => {
                    prop_assert!(!was_taken || cancels.is_some(), "told, and not told back");
                    prop_assert!(stand.get(PaymentApproved).is_none_or(|approval| approval.next_at.is_none()));
                }
                Some(InboxState::Pending | InboxState::PendingUndo) => {
                    prop_assert!(!was_taken && cancels.is_none());
                    prop_assert!(stand.get(PaymentApproved).unwrap().next_at.is_some(), "it waits for ever");
                }
                Some(InboxState::Undoing) => prop_assert!(false, "it is taken back at once"),
                None => prop_assert!(approvals == 0),
            }
        }
    }
}

#[test]
fn an_approval_that_is_taken_back_before_it_left_is_not_told() {
    let mut stand = Stand::new();
    let withdrawn = |stand: &Stand, event| {
        let key = (plan().saga, Step::DELIVERY);
        let mut state = WorkingSet::default();
        let row = stand.bed.get::<Inbox>(key.clone()).map(|inbox| inbox.to_row());
        state.offer(Inbox::TABLE, key.into(), row);
        let call = DeliveryCall { event, ..stand.sent[0].clone() };
        let call = OutsideCall { by: crate::NAME, request: Arc::new(call) };
        let withdrawn = stand.bed.domain().withdraw(&call, &state).unwrap()?;
        Some(withdrawn.downcast_ref::<Delivered>().unwrap().outcome.clone())
    };
    stand.does(Acts);
    assert_eq!(withdrawn(&stand, PaymentApproved), None, "it is wanted");
    stand.does(Undoes);
    let detail = "it was taken back before it was sent".to_owned();
    assert_eq!(withdrawn(&stand, PaymentApproved), Some(DeliveryOutcome::Failed { detail, retry: false }));
    assert_eq!(withdrawn(&stand, PaymentCancelled), None, "what takes it back is told");
}

#[test]
fn a_telling_says_what_went_wrong_last_and_when() {
    let mut stand = Stand::new();
    let mut check = |does: &[Does], error: Option<&str>| {
        does.iter().for_each(|does| stand.does(*does));
        let row = stand.get(PaymentApproved).unwrap();
        assert_eq!((row.error.as_deref(), row.updated_at), (error, stand.bed.now), "{does:?}");
    };
    check(&[Acts, Waits(1), Breaks], Some("503"));
    check(&[Waits(1)], None);
    check(&[Breaks, Waits(1), Takes], None);
}
