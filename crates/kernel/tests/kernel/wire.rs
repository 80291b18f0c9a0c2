//! What stands in event logs and on the broker outlives the code that wrote it: golden files, read and written byte for byte.
//!
//! A golden file is never changed, only added: rows like it stand in somebody's log.

use jumun_kernel::ids::{PaymentId, ProductId, UserCouponId, UserId};
use jumun_kernel::judge::{StepState, StepStatus};
use jumun_kernel::participation::Held;
use jumun_kernel::plan::{CardToken, PlanCoupon};
use jumun_kernel::testbed::bare_plan;
use jumun_kernel::{
    Doc, DomainName, Entry, Money, Plan, PlanLine, Reason, Said, SaidEvent, Step, Timestamp, Trace,
};
use proptest::prelude::*;
use std::sync::Arc;
use uuid::Uuid;

const TOKEN: &str = "tok_secret_4242";

fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x018f_0000_0000_7000_8000_0000_0000_0000 + n)
}

/// A plan with everything in it.
fn full_plan() -> Plan {
    let won = |minor| Money::new(minor).unwrap();
    let line = PlanLine {
        product_id: ProductId(id(20)),
        sku: "MUG-1".into(),
        name: "머그컵".into(),
        quantity: 2,
        unit_price: won(12_000),
    };
    Plan {
        saga: jumun_kernel::ids::SagaId(id(1)),
        lines: vec![line],
        coupon: Some(PlanCoupon { user_coupon_id: UserCouponId(id(30)), discount: won(2_000) }),
        total: won(24_000),
        points: won(5_000),
        card_amount: won(17_000),
        payment: PaymentId(id(40)),
        card: Some(CardToken(TOKEN.into())),
        steps: vec![Step::STOCK, Step::COUPON, Step::POINT, Step::PAYMENT],
        extras: [("wrap".into(), serde_json::json!({ "paper": "red" }))].into(),
        ..bare_plan(1, UserId(id(10)))
    }
}

fn entry(by: &str, said: Said) -> Entry {
    let plan = match said {
        Said::Fact { .. } => None,
        _ => Some(Arc::new(full_plan())),
    };
    Entry {
        v: Entry::VERSION,
        key: id(1),
        at: Timestamp(1_700_000_000_123),
        trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap(),
        plan,
        events: vec![SaidEvent { by: DomainName::new(by), said }],
    }
}

fn ended() -> Vec<StepState> {
    let state = |name, status, reason, attempts, parked| StepState { name, status, reason, attempts, parked };
    vec![
        state(Step::STOCK, StepStatus::Compensated, Some(Reason::PAYMENT_DECLINED), 0, false),
        state(Step::POINT, StepStatus::Done, None, 3, true),
        state(Step::PAYMENT, StepStatus::Refused, Some(Reason::PAYMENT_DECLINED), 1, false),
        state(Step::COUPON, StepStatus::Unknown, None, 0, false),
    ]
}

/// One entry of each kind. The match makes a new kind bring its golden file.
fn golden(said: &Said) -> &'static str {
    match said {
        Said::Created => include_str!("../golden/created.json"),
        Said::Placed => include_str!("../golden/placed.json"),
        Said::Asked { .. } => include_str!("../golden/asked.json"),
        Said::UndoAsked { .. } => include_str!("../golden/undo_asked.json"),
        Said::Failing { .. } => include_str!("../golden/failing.json"),
        Said::Cancelling => include_str!("../golden/cancelling.json"),
        Said::Confirmed { .. } => include_str!("../golden/confirmed.json"),
        Said::Failed { .. } => include_str!("../golden/failed.json"),
        Said::Cancelled { .. } => include_str!("../golden/cancelled.json"),
        Said::Done { .. } => include_str!("../golden/done.json"),
        Said::Refused { .. } => include_str!("../golden/refused.json"),
        Said::Pending { .. } => include_str!("../golden/pending.json"),
        Said::Compensated { .. } => include_str!("../golden/compensated.json"),
        Said::Stuck { .. } => include_str!("../golden/stuck.json"),
        Said::Fact { .. } => include_str!("../golden/fact.json"),
    }
}

fn every_kind() -> [Entry; 15] {
    let at = Timestamp(1_700_000_000_000);
    let (step, reason) = (Step::PAYMENT, Reason::PAYMENT_DECLINED);
    [
        entry("order", Said::Created),
        entry("order", Said::Placed),
        entry("order", Said::Asked { step: step.clone() }),
        entry("order", Said::UndoAsked { step: step.clone(), attempt: 2 }),
        entry("order", Said::Failing { reason: reason.clone(), steps: ended() }),
        entry("order", Said::Cancelling),
        entry("order", Said::Confirmed { settled_at: at }),
        entry("order", Said::Failed { reason: reason.clone(), steps: ended() }),
        entry("order", Said::Cancelled { confirmed_at: at, steps: ended() }),
        entry("payment", Said::Done { step: step.clone(), prior: vec![Step::STOCK, Step::POINT] }),
        entry("payment", Said::Refused { step: step.clone(), reason: reason.clone() }),
        entry("payment", Said::Pending { step: step.clone() }),
        entry("payment", Said::Compensated { step: step.clone(), cause: Some(reason) }),
        entry("payment", Said::Stuck { step, error: "the PG refuses to cancel".into() }),
        entry(
            "product",
            Said::Fact {
                kind: "product.changed".into(),
                body: serde_json::json!({ "price": 12_000, "by": id(9), "reason": null }),
            },
        ),
    ]
}

#[test]
fn every_kind_of_entry_is_written_and_read_as_it_ever_was() {
    for entry in every_kind() {
        let said = &entry.events[0].said;
        let file = golden(said).trim_end();
        assert_eq!(serde_json::to_string(&entry).unwrap(), file, "{} is written otherwise", said.name());
        assert_eq!(serde_json::from_str::<Entry>(file).unwrap(), entry, "{} is read otherwise", said.name());
    }
}

#[test]
fn entries_from_before_a_field_was_there_are_read() {
    let old = r#"{"v":1,"key":"018f0000-0000-7000-8000-000000000001","at":"2023-11-14T22:13:20.123Z",
        "trace":"00-00000000000000000000000000000000-0000000000000000-00",
        "events":[{"by":"payment","said":"done","step":"payment"},{"by":"order","said":"failed","reason":"TIMED_OUT"},
                  {"by":"stock","said":"compensated","step":"stock"}]}"#;
    let entry: Entry = serde_json::from_str(old).unwrap();
    let said: Vec<Said> = entry.events.into_iter().map(|event| event.said).collect();
    assert_eq!(
        said,
        [
            Said::Done { step: Step::PAYMENT, prior: Vec::new() },
            Said::Failed { reason: Reason::TIMED_OUT, steps: Vec::new() },
            Said::Compensated { step: Step::STOCK, cause: None },
        ]
    );
    assert_eq!((entry.plan, entry.trace), (None, Trace::default()));
}

#[test]
fn a_field_that_a_later_program_added_is_passed_over() {
    let later = golden(&Said::Placed).replacen("{\"v\":1,", "{\"v\":1,\"shard\":7,", 1);
    assert_eq!(serde_json::from_str::<Entry>(&later).unwrap(), entry("order", Said::Placed));
}

#[test]
fn what_cannot_be_read_is_refused_and_not_guessed_at() {
    let good = golden(&Said::Placed).trim_end();
    for (what, from, to) in [
        ("a later format", "\"v\":1", "\"v\":2"),
        ("no format", "\"v\":1,", ""),
        ("a word that nobody knows", "\"said\":\"placed\"", "\"said\":\"plaiced\""),
        ("no word", ",\"said\":\"placed\"", ""),
        ("no speaker", "\"by\":\"order\",", ""),
        ("an amount past what JSON holds", "24000", "9007199254740992"),
        ("an amount with a fraction", "24000", "24000.5"),
        ("a currency that is none", "KRW", "won"),
        ("an id that is none", "018f0000-0000-7000-8000-000000000001", "one"),
        ("a time that is none", "2023-11-14T22:13:20.123Z", "yesterday"),
        ("a trace that is none", "00-4bf92f35", "00-XYZ92f35"),
    ] {
        assert!(good.contains(from), "{what}");
        assert!(serde_json::from_str::<Entry>(&good.replace(from, to)).is_err(), "{what}");
    }
}

#[test]
fn a_later_format_is_named_in_the_complaint() {
    let later = golden(&Said::Placed).replace("\"v\":1", "\"v\":2");
    let error = serde_json::from_str::<Entry>(&later).unwrap_err().to_string();
    assert!(error.contains("version 2"), "{error}");
}

#[test]
fn no_card_token_is_shown_where_a_plan_is_printed() {
    let plan = Arc::new(full_plan());
    assert!(serde_json::to_string(&plan).unwrap().contains(TOKEN), "the wire carries it");
    let held = Held { plan: Arc::clone(&plan), prior: Vec::new() };
    let (entry, document) = (entry("order", Said::Placed), Doc::new(Arc::clone(&plan)));
    let shown = format!("{plan:?} {plan:#?} {entry:?} {held:?} {document:?}");
    assert!(!shown.contains(TOKEN), "{shown}");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = serde_json::from_slice::<Entry>(&bytes);
    }

    #[test]
    fn a_damaged_entry_is_refused_or_reads_as_one_that_is_written_the_same_again(
        kind in 0..15_usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = serde_json::to_vec(&every_kind()[kind]).unwrap();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(entry) = serde_json::from_slice::<Entry>(&bytes) {
            let written = serde_json::to_string(&entry).unwrap();
            prop_assert_eq!(serde_json::from_str::<Entry>(&written).unwrap(), entry);
        }
    }
}
