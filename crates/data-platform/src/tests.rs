//! Deliveries as dialogues between the domain, a receiver and an operator.

mod step;

use crate::delivery::letter_id;
use crate::{
    DataPlatform, Delivered, Delivery, DeliveryCall, DeliveryEvent, DeliveryOutcome, DeliveryPolicy,
    DeliveryStatus, StepPolicy,
};
use kernel::ids::{CountingIds, Ids, OrderId, PaymentId, ProductId, SagaId, UserId};
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use kernel::plan::{CardToken, PlanCoupon};
use kernel::time::Backoff;
use kernel::{
    Currency, Cx, DecideError, Domain, DomainName, Heard, Input, Key, Keys, Money, Plan, PlanLine, Reason,
    Record, Refused, Said, Timestamp, Trace, WorkingSet,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

use DeliveryEvent::{Cancelled, Confirmed, Failed};

const POLICY: DeliveryPolicy = DeliveryPolicy {
    backoff: Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(3) },
    budget: 3,
    answer_timeout: Duration::from_secs(10),
    unheard_wait: Duration::from_secs(60),
    step: StepPolicy {
        backoff: Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(3) },
        budget: 3,
        call_timeout: Duration::from_secs(4),
        answer_timeout: Duration::from_secs(5),
    },
};

fn plan() -> Arc<Plan> {
    let money = |minor| Money::new(minor).unwrap();
    Arc::new(Plan {
        saga: SagaId(CountingIds::new(1_700_000_000_000).next()),
        user: UserId(Uuid::from_u128(9)),
        lines: vec![PlanLine {
            product_id: ProductId(Uuid::from_u128(3)),
            sku: "SKU-1".into(),
            name: "Tea".into(),
            quantity: 2,
            unit_price: money(500),
        }],
        coupon: Some(PlanCoupon {
            user_coupon_id: kernel::ids::UserCouponId(Uuid::from_u128(4)),
            discount: money(100),
        }),
        total: money(1_000),
        points: money(300),
        card_amount: money(600),
        currency: Currency::KRW,
        payment: PaymentId(Uuid::from_u128(77)),
        card: Some(CardToken("tok_secret".into())),
        steps: vec![kernel::Step::STOCK],
        extras: BTreeMap::new(),
    })
}

fn order() -> OrderId {
    OrderId(plan().saga.0)
}

fn said(event: DeliveryEvent) -> Said {
    match event {
        Confirmed => Said::Confirmed { settled_at: Timestamp(1_700_000_000_500) },
        Failed => Said::Failed { reason: Reason::OUT_OF_STOCK, steps: Vec::new() },
        Cancelled => Said::Cancelled { confirmed_at: Timestamp(1_700_000_000_500), steps: Vec::new() },
        DeliveryEvent::PaymentApproved | DeliveryEvent::PaymentCancelled => {
            panic!("{event} is no final word")
        }
    }
}

/// The domain over the rows that its keys name, and no others.
struct Bench {
    rows: BTreeMap<(&'static str, Key), Box<[kernel::Value]>>,
    /// Seconds since the order was made.
    clock: i64,
    /// Every call so far, in order.
    sent: Vec<DeliveryCall>,
    alerts: usize,
    answered: Option<Result<(), Refused>>,
}

impl Bench {
    fn new() -> Self {
        Self { rows: BTreeMap::new(), clock: 0, sent: Vec::new(), alerts: 0, answered: None }
    }

    fn decide(&mut self, input: &Input<'_>) -> Result<(), DecideError> {
        let domain = DataPlatform::new(POLICY);
        let mut keys = Keys::default();
        domain.keys(input, &mut keys)?;
        let mut state = WorkingSet::default();
        for (table, key) in keys.take() {
            let row = self.rows.get(&(table.name, key.clone())).cloned();
            state.offer(table, key, row);
        }
        let mut ids = CountingIds::new(0);
        let mut cx = Cx::new(self.now(), Trace { id: 1, span: 2, flags: 0 }, &mut ids);
        domain.decide(input, &mut state, &mut cx)?;
        assert!(cx.effects.says.is_empty());
        self.alerts += cx.effects.alerts.len();
        self.answered = cx.effects.reply.map(|reply| *reply.downcast::<Result<(), Refused>>().unwrap());
        for call in cx.effects.calls {
            self.sent.push(call.request.downcast_ref::<DeliveryCall>().unwrap().clone());
        }
        for write in state.into_writes() {
            self.rows.insert((write.table.name, write.key), write.row.unwrap());
        }
        Ok(())
    }

    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000 + self.clock * 1_000)
    }

    fn hear(&mut self, event: DeliveryEvent) {
        let (by, said, plan) = (DomainName::of("order"), said(event), plan());
        let heard = Heard { key: plan.saga.0, at: self.now(), by: &by, said: &said, plan: Some(&plan) };
        self.decide(&Input::Heard(heard)).unwrap();
    }

    /// The answer to the last sending.
    fn answer(&mut self, event: DeliveryEvent, outcome: DeliveryOutcome) {
        let sending = self.get(event).map_or(0, |delivery| delivery.attempts);
        self.answer_to(sending, event, outcome);
    }

    fn answer_to(&mut self, sending: i64, event: DeliveryEvent, outcome: DeliveryOutcome) {
        self.decide(&Input::Command(&Delivered { order_id: order(), event, sending, outcome })).unwrap();
    }

    /// Lets time pass; rows fall due as their columns say.
    fn wait(&mut self, seconds: i64) {
        let until = self.clock + seconds;
        while self.clock < until {
            self.clock += 1;
            for event in DeliveryEvent::ALL {
                let next = self.get(*event).and_then(|delivery| delivery.next_at);
                if next.is_some_and(|next| next <= self.now()) {
                    let key = Key::from((order(), *event));
                    self.decide(&Input::Due { table: Delivery::TABLE, key: &key }).unwrap();
                }
            }
        }
    }

    /// As the runtime hands an operator's order on: only open letters.
    fn handle(&mut self, event: DeliveryEvent, redrive: bool) {
        let Some(mut letter) = self.letter(event).filter(|letter| letter.status == LetterStatus::Open) else {
            return;
        };
        if !redrive {
            letter.status = LetterStatus::Resolved;
        }
        let key = Key::from((letter.id,));
        self.rows.insert((DeadLetter::TABLE.name, key), letter.to_row());
        let input = if redrive { Input::Redriven(&letter) } else { Input::Resolved(&letter) };
        self.decide(&input).unwrap();
    }

    fn get(&self, event: DeliveryEvent) -> Option<Delivery> {
        let row = self.rows.get(&(Delivery::TABLE.name, (order(), event).into()));
        row.map(|row| Delivery::from_row(row).unwrap())
    }

    fn letter(&self, event: DeliveryEvent) -> Option<DeadLetter> {
        let row = self.rows.get(&(DeadLetter::TABLE.name, (letter_id(order(), event),).into()));
        row.map(|row| DeadLetter::from_row(row).unwrap())
    }

    fn status(&self, event: DeliveryEvent) -> DeliveryStatus {
        self.get(event).unwrap().status
    }

    fn sent_events(&self) -> Vec<DeliveryEvent> {
        self.sent.iter().map(|call| call.event).collect()
    }
}

/// One thing that happens to the deliveries of one order.
#[derive(Clone, Debug)]
enum Does {
    Hears(DeliveryEvent),
    Takes(DeliveryEvent),
    FailsOnce(DeliveryEvent),
    Rejects(DeliveryEvent),
    Disables(DeliveryEvent),
    Waits(i64),
    Redrives(DeliveryEvent),
    Resolves(DeliveryEvent),
}

fn run(dialogue: &[Does]) -> Bench {
    let mut bench = Bench::new();
    for does in dialogue {
        let failed = |retry| DeliveryOutcome::Failed { detail: "503".into(), retry };
        match does {
            Hears(event) => bench.hear(*event),
            Takes(event) => bench.answer(*event, DeliveryOutcome::Taken),
            FailsOnce(event) => bench.answer(*event, failed(true)),
            Rejects(event) => bench.answer(*event, failed(false)),
            Disables(event) => bench.answer(*event, DeliveryOutcome::Disabled),
            Waits(seconds) => bench.wait(*seconds),
            Redrives(event) => bench.handle(*event, true),
            Resolves(event) => bench.handle(*event, false),
        }
    }
    bench
}

use Does::{Disables, FailsOnce, Hears, Redrives, Rejects, Resolves, Takes, Waits};

/// After the dialogue these were sent, and the deliveries stand so.
fn check(
    dialogue: &[Does],
    sent: &[DeliveryEvent],
    stands: &[(DeliveryEvent, DeliveryStatus)],
    letters: &[LetterStatus],
) -> Bench {
    let bench = run(dialogue);
    assert_eq!(bench.sent_events(), sent, "{dialogue:?}");
    for (event, status) in stands {
        assert_eq!(bench.status(*event), *status, "{event} after {dialogue:?}");
    }
    let found: Vec<LetterStatus> = DeliveryEvent::ALL
        .iter()
        .filter_map(|event| bench.letter(*event))
        .map(|letter| letter.status)
        .collect();
    assert_eq!(found, letters, "{dialogue:?}");
    bench
}

#[test]
fn a_final_word_is_sent_once_and_settled_when_it_is_taken() {
    use DeliveryStatus::{Delivered, Pending};
    for event in [Confirmed, Failed] {
        check(&[Hears(event)], &[event], &[(event, Pending)], &[]);
        check(&[Hears(event), Takes(event), Waits(100)], &[event], &[(event, Delivered)], &[]);
        check(
            &[Hears(event), Takes(event), Hears(event), Takes(event)],
            &[event],
            &[(event, Delivered)],
            &[],
        );
        check(&[Hears(event), Hears(event)], &[event], &[(event, Pending)], &[]);
    }
}

#[test]
fn a_lost_answer_sends_it_again_under_the_same_id_and_body() {
    let dialogue = [Hears(Confirmed), Waits(10), Takes(Confirmed)];
    let bench = check(&dialogue, &[Confirmed, Confirmed], &[(Confirmed, DeliveryStatus::Delivered)], &[]);
    assert_eq!(bench.sent[0], DeliveryCall { sending: 1, ..bench.sent[1].clone() });
    assert_eq!(bench.sent[1].sending, 2);
    assert_eq!(bench.sent[0].webhook_id, format!("{}.order.confirmed", order()));
}

#[test]
fn a_failure_is_tried_again_after_a_growing_wait_until_the_budget_is_spent() {
    let bench = check(
        &[
            Hears(Confirmed),
            FailsOnce(Confirmed),
            Waits(1),
            FailsOnce(Confirmed),
            Waits(2),
            FailsOnce(Confirmed),
        ],
        &[Confirmed; 3],
        &[(Confirmed, DeliveryStatus::Dead)],
        &[LetterStatus::Open],
    );
    let letter = bench.letter(Confirmed).unwrap();
    assert_eq!((letter.kind, letter.attempts, letter.order_id), (LetterKind::Delivery, 3, Some(order().0)));
    assert_eq!((letter.error.as_str(), bench.get(Confirmed).unwrap().error.as_deref()), ("503", Some("503")));
    assert_eq!((bench.alerts, bench.get(Confirmed).unwrap().letter), (1, Some(letter.id)));
}

#[test]
fn a_failed_sending_is_not_repeated_at_once() {
    let mut dialogue = vec![Hears(Confirmed)];
    for seconds in [1, 2] {
        dialogue.push(FailsOnce(Confirmed));
        let failed = run(&dialogue);
        let next_at = failed.get(Confirmed).unwrap().next_at;
        assert_eq!(next_at, Some(failed.now().after(Duration::from_secs(seconds))));
        dialogue.push(Waits(i64::try_from(seconds).unwrap()));
        let sent = run(&dialogue);
        let again = sent.get(Confirmed).unwrap();
        assert_eq!((again.updated_at, again.attempts), (sent.now(), i64::try_from(seconds).unwrap() + 1));
    }
}

#[test]
fn a_delivery_says_what_went_wrong_last_and_when() {
    for (dialogue, error) in [
        (vec![Hears(Confirmed), Waits(1), FailsOnce(Confirmed)], Some("503")),
        (vec![Hears(Confirmed), Waits(1), Rejects(Confirmed)], Some("503")),
        (vec![Hears(Confirmed), Rejects(Confirmed), Waits(1), Takes(Confirmed)], None),
    ] {
        let bench = run(&dialogue);
        let delivery = bench.get(Confirmed).unwrap();
        assert_eq!((delivery.error.as_deref(), delivery.updated_at), (error, bench.now()), "{dialogue:?}");
        assert!(bench.letter(Confirmed).is_none_or(|letter| letter.last_at == bench.now()), "{dialogue:?}");
    }
}

#[test]
fn silence_spends_the_budget_as_failures_do() {
    let bench = check(
        &[Hears(Failed), Waits(300)],
        &[Failed; 3],
        &[(Failed, DeliveryStatus::Dead)],
        &[LetterStatus::Open],
    );
    assert_eq!(bench.letter(Failed).unwrap().error, "no answer");
}

#[test]
fn what_sending_again_cannot_help_is_dead_at_once() {
    for answer in [Rejects(Confirmed), Disables(Confirmed)] {
        let dialogue = [Hears(Confirmed), answer, Waits(100)];
        check(&dialogue, &[Confirmed], &[(Confirmed, DeliveryStatus::Dead)], &[LetterStatus::Open]);
    }
}

#[test]
fn a_redriven_delivery_has_a_fresh_budget_and_closes_its_letter_only_when_it_goes_through() {
    use DeliveryStatus::{Dead, Delivered, Pending};
    let dead = [Hears(Confirmed), Rejects(Confirmed), Redrives(Confirmed)];
    let then = |more: &[Does]| [&dead[..], more].concat();
    check(&then(&[]), &[Confirmed; 2], &[(Confirmed, Pending)], &[LetterStatus::Open]);
    check(&then(&[Takes(Confirmed)]), &[Confirmed; 2], &[(Confirmed, Delivered)], &[LetterStatus::Redriven]);
    check(&then(&[Redrives(Confirmed)]), &[Confirmed; 2], &[(Confirmed, Pending)], &[LetterStatus::Open]);
    let bench = check(&then(&[Waits(300)]), &[Confirmed; 4], &[(Confirmed, Dead)], &[LetterStatus::Open]);
    assert_eq!((bench.alerts, bench.letter(Confirmed).unwrap().attempts), (2, 4));
}

#[test]
fn a_late_taken_ends_a_dead_delivery_and_its_letter() {
    let dialogue = [Hears(Confirmed), Waits(300), Takes(Confirmed)];
    check(&dialogue, &[Confirmed; 3], &[(Confirmed, DeliveryStatus::Delivered)], &[LetterStatus::Redriven]);
}

#[test]
fn a_late_failure_changes_nothing_that_is_settled() {
    use DeliveryStatus::{Dead, Delivered, Resolved};
    let late = [FailsOnce(Confirmed), Rejects(Confirmed), Disables(Confirmed)];
    let then = |first: &[Does]| [first, &late[..]].concat();
    check(&then(&[Hears(Confirmed), Takes(Confirmed)]), &[Confirmed], &[(Confirmed, Delivered)], &[]);
    let dead = [Hears(Confirmed), Rejects(Confirmed)];
    check(&then(&dead), &[Confirmed], &[(Confirmed, Dead)], &[LetterStatus::Open]);
    let resolved = [Hears(Confirmed), Rejects(Confirmed), Resolves(Confirmed)];
    check(&then(&resolved), &[Confirmed], &[(Confirmed, Resolved)], &[LetterStatus::Resolved]);
}

#[test]
fn a_failure_is_no_news_once_it_was_sent_again() {
    let mut bench = run(&[Hears(Confirmed), Waits(10)]);
    let failed = DeliveryOutcome::Failed { detail: "503".into(), retry: false };
    for (sending, status) in [(1, DeliveryStatus::Pending), (2, DeliveryStatus::Dead)] {
        bench.answer_to(sending, Confirmed, failed.clone());
        assert_eq!(bench.status(Confirmed), status, "sending {sending}");
    }
}

#[test]
fn a_cancel_is_told_only_after_its_confirmation() {
    use DeliveryStatus::{Dead, Delivered, Pending, Waiting};
    let both = [Hears(Confirmed), Hears(Cancelled)];
    let then = |more: &[Does]| [&both[..], more].concat();
    check(&then(&[]), &[Confirmed], &[(Cancelled, Waiting)], &[]);
    check(
        &then(&[Takes(Confirmed)]),
        &[Confirmed, Cancelled],
        &[(Confirmed, Delivered), (Cancelled, Pending)],
        &[],
    );
    let through = [Takes(Confirmed), Takes(Confirmed), Takes(Cancelled), Waits(100)];
    check(&then(&through), &[Confirmed, Cancelled], &[(Cancelled, Delivered)], &[]);
    let died = [Rejects(Confirmed), Waits(1_000)];
    check(&then(&died), &[Confirmed], &[(Confirmed, Dead), (Cancelled, Waiting)], &[LetterStatus::Open]);
    let redriven = [Rejects(Confirmed), Redrives(Confirmed), Takes(Confirmed)];
    check(
        &then(&redriven),
        &[Confirmed, Confirmed, Cancelled],
        &[(Cancelled, Pending)],
        &[LetterStatus::Redriven],
    );
    let resolved = [Rejects(Confirmed), Resolves(Confirmed)];
    check(&then(&resolved), &[Confirmed, Cancelled], &[(Cancelled, Pending)], &[LetterStatus::Resolved]);
    check(
        &[Hears(Confirmed), Takes(Confirmed), Hears(Cancelled)],
        &[Confirmed, Cancelled],
        &[(Cancelled, Pending)],
        &[],
    );
}

#[test]
fn a_cancel_waits_for_an_unheard_confirmation_but_not_for_ever() {
    use DeliveryStatus::{Pending, Waiting};
    check(&[Hears(Cancelled), Waits(59)], &[], &[(Cancelled, Waiting)], &[]);
    check(&[Hears(Cancelled), Waits(60)], &[Cancelled], &[(Cancelled, Pending)], &[]);
    let late = [Hears(Cancelled), Waits(50), Hears(Confirmed), Waits(15)];
    check(&late, &[Confirmed, Confirmed], &[(Cancelled, Waiting)], &[]);
    let in_turn = [&late[..], &[Takes(Confirmed)]].concat();
    check(&in_turn, &[Confirmed, Confirmed, Cancelled], &[(Cancelled, Pending)], &[]);
    let alone = [Hears(Cancelled), Waits(60), Takes(Cancelled), Hears(Confirmed), Takes(Confirmed)];
    check(&alone, &[Cancelled, Confirmed], &[(Cancelled, DeliveryStatus::Delivered)], &[]);
}

#[test]
fn an_answer_to_what_was_never_sent_is_refused() {
    let bench = run(&[Takes(Confirmed)]);
    assert_eq!(bench.answered.unwrap().unwrap_err().code, "NOT_FOUND");
    let bench = run(&[Hears(Confirmed), Hears(Cancelled), Takes(Cancelled)]);
    assert_eq!(bench.answered.unwrap().unwrap_err().code, "DELIVERY_NOT_SENT");
}

#[test]
fn the_body_is_the_documented_one_and_holds_no_card_token() {
    let body = |event| run(&[Hears(Confirmed), Takes(Confirmed), Hears(event)]).sent.pop().unwrap().body;
    let parsed: serde_json::Value = serde_json::from_str(&body(Confirmed)).unwrap();
    let expected = serde_json::json!({
        "type": "order.confirmed",
        "timestamp": "2023-11-14T22:13:20.000Z",
        "data": {
            "order_id": order().to_string(),
            "user_id": "00000000-0000-0000-0000-000000000009",
            "status": "CONFIRMED",
            "lines": [{
                "product_id": "00000000-0000-0000-0000-000000000003", "sku": "SKU-1", "name": "Tea",
                "quantity": 2, "unit_price": 500, "amount": 1000
            }],
            "total": 1000, "discount": 100, "points_used": 300, "card_amount": 600, "currency": "KRW",
            "settled_at": "2023-11-14T22:13:20.500Z"
        }
    });
    assert_eq!(parsed, expected);
    assert!(body(Failed).contains(r#""status":"FAILED","reason":"OUT_OF_STOCK""#));
    for event in [Confirmed, Failed, Cancelled] {
        assert!(!body(event).contains("tok_secret"));
    }
}

#[test]
fn each_delivery_has_one_letter_id_of_its_own() {
    // Letters are kept under them: a later program has to find them.
    let known = OrderId("018bcfe5-6800-7000-8000-000000000001".parse().unwrap());
    assert_eq!(letter_id(known, Confirmed).to_string(), "018bcfe5-6800-7000-9d1c-8f275b3a9e40");
    let mut ids: Vec<_> = DeliveryEvent::ALL.iter().map(|event| letter_id(order(), *event).0).collect();
    ids.push(order().0);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6);
    assert!(
        ids.iter()
            .all(|id| id.get_version_num() == 7 && kernel::ids::made_at_ms(*id) == Some(1_700_000_000_000))
    );
}

fn anything() -> impl Strategy<Value = Does> {
    let event = || prop::sample::select(vec![Confirmed, Failed, Cancelled]);
    prop_oneof![
        3 => event().prop_map(Hears),
        3 => event().prop_map(Takes),
        3 => event().prop_map(FailsOnce),
        1 => event().prop_map(Rejects),
        1 => event().prop_map(Disables),
        3 => (1_i64..40).prop_map(Waits),
        2 => event().prop_map(Redrives),
        1 => event().prop_map(Resolves),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_nothing_is_stuck_silently_and_a_cancel_never_overtakes(
        dialogue in prop::collection::vec(anything(), 0..40)
    ) {
        let heard_first = [vec![Hears(Confirmed)], dialogue].concat();
        for end in 0..=heard_first.len() {
            let bench = run(&heard_first[..end]);
            for delivery in DeliveryEvent::ALL.iter().filter_map(|event| bench.get(*event)) {
                let open = bench.letter(delivery.event).is_some_and(|letter| letter.status == LetterStatus::Open);
                match delivery.status {
                    DeliveryStatus::Waiting => {
                        let first = bench.status(Confirmed);
                        prop_assert!(matches!(first, DeliveryStatus::Pending | DeliveryStatus::Dead));
                    }
                    DeliveryStatus::Pending => prop_assert!(delivery.next_at.is_some()),
                    DeliveryStatus::Refused => prop_assert!(false, "only a step's delivery is refused"),
                    DeliveryStatus::Dead => prop_assert!(open && delivery.next_at.is_none()),
                    DeliveryStatus::Delivered | DeliveryStatus::Resolved => {
                        prop_assert!(!open && delivery.next_at.is_none());
                    }
                }
            }
            if bench.sent_events().contains(&Cancelled) {
                let first = bench.status(Confirmed);
                prop_assert!(matches!(first, DeliveryStatus::Delivered | DeliveryStatus::Resolved));
            }
        }
    }
}
