//! Births and payments: one transaction makes order, lines, key and deadline; a key never makes a second order.

use crate::desk::{
    NOW, OWNER, STRANGER, TOKEN, bench, bench_with, commands, confirmed, draft, hear, key, payment_of, place,
    plan, quoted, refused_quote, row, shown, wiring, won, words,
};
use jumun_order::quote::Quoted;
use jumun_order::{Born, CancelOrder, Order, OrderKey, OrderLine, PayOrder, PlaceOrder, Quote, Wiring};
use kernel::error::Kind;
use kernel::ids::{OrderId, SagaId};
use kernel::judge::{SagaStatus, StepStatus};
use kernel::{Plan, Reason, Said, Step, Timestamp};
use uuid::Uuid;

fn after(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp(NOW.0 + seconds * 1_000))
}

#[test]
fn a_quoted_order_is_pending_under_its_deadline() {
    let mut bench = bench();
    let id = place(&mut bench, 1, quoted(plan()));
    let order = row(&bench, id);
    assert_eq!((order.status, order.wake_at, order.settled_at), (SagaStatus::Pending, after(30), None));
    assert_eq!((order.user_id, order.total, order.card_amount), (OWNER, won(24_000), won(24_000)));
    assert_eq!(order.topology, "monolith");
    let steps: Vec<_> = order.steps.0.iter().map(|state| (state.name.clone(), state.status)).collect();
    assert_eq!(steps, [(Step::STOCK, StepStatus::Unknown), (Step::PAYMENT, StepStatus::Unknown)]);
    let plan = order.plan().unwrap();
    assert_eq!(
        (plan.saga, Some(plan.payment)),
        (SagaId::from(id), order.payment_id),
        "the plan knows its ids"
    );
    assert_eq!(words(&bench), "order.placed");
}

#[test]
fn its_lines_and_its_key_are_born_with_it() {
    let mut bench = bench();
    let id = place(&mut bench, 1, quoted(plan()));
    let lines: Vec<_> = bench.all::<OrderLine>();
    let shown: Vec<_> =
        lines.iter().map(|line| (line.order_id, line.line, line.quantity, line.amount)).collect();
    assert_eq!(shown, [(id, 0, 2, won(24_000))]);
    assert_eq!(bench.all::<OrderKey>().iter().map(|key| key.order_id).collect::<Vec<_>>(), [id]);
}

#[test]
fn an_order_that_is_not_yet_to_be_paid_waits_for_its_payment_or_expiry() {
    let mut bench = bench();
    let id = place(&mut bench, 1, Quote::Draft(Box::new(draft())));
    let order = row(&bench, id);
    assert_eq!((order.status, order.wake_at, order.payment_id), (SagaStatus::Created, after(1_800), None));
    assert_eq!((order.total, order.steps.0.len()), (won(24_000), 0));
    assert_eq!(words(&bench), "order.created");
}

#[test]
fn a_refusal_at_the_quote_is_a_settled_order_with_an_empty_plan_and_the_usual_last_word() {
    let mut bench = bench();
    let id = place(&mut bench, 1, refused_quote(Reason::COUPON_INVALID));
    let order = row(&bench, id);
    assert_eq!((order.status, order.reason), (SagaStatus::Failed, Some(Reason::COUPON_INVALID)));
    assert_eq!((order.wake_at, order.settled_at, order.payment_id), (None, Some(NOW), None));
    assert!(order.steps.0.is_empty());
    assert_eq!(bench.said, [Said::Failed { reason: Reason::COUPON_INVALID, steps: Vec::new() }]);
}

#[test]
fn where_commands_coordinate_the_first_step_is_asked_at_birth() {
    let mut bench = bench_with(Wiring { coordination: commands(), ..wiring() });
    place(&mut bench, 1, quoted(plan()));
    assert_eq!(bench.said, [Said::Placed, Said::Asked { step: Step::STOCK }]);
}

#[test]
fn the_same_key_with_the_same_body_is_the_same_order_whatever_became_of_it() {
    for quote in [quoted(plan()), Quote::Draft(Box::new(draft())), refused_quote(Reason::USER_INACTIVE)] {
        let mut bench = bench();
        let id = place(&mut bench, 1, quote);
        let before = bench.snapshot();
        // Prices may have changed since: what counts is the body, not the quote.
        let again = PlaceOrder { quote: refused_quote(Reason::PRICE_CHANGED), key: key(1, 0) };
        assert_eq!(bench.ask(again).unwrap(), Ok(Born { order: id, replayed: true }));
        assert_eq!((bench.snapshot() == before, words(&bench).as_str()), (true, ""));
    }
}

#[test]
fn the_same_key_with_another_body_is_refused() {
    let mut bench = bench();
    place(&mut bench, 1, quoted(plan()));
    let before = bench.snapshot();
    let reply = bench.ask(PlaceOrder { quote: quoted(plan()), key: key(1, 9) }).unwrap();
    assert_eq!(shown(reply), Some((Kind::Invalid, "IDEMPOTENCY_KEY_REUSED")));
    assert!(bench.snapshot() == before && bench.said.is_empty());
}

#[test]
fn the_same_key_twice_in_one_batch_makes_one_order() {
    let mut bench = bench();
    let command = |body| PlaceOrder { quote: quoted(plan()), key: key(1, body) };
    let replies = bench.ask_all(&[command(0), command(0), command(9)]).unwrap();
    let [Ok(first), Ok(second), Err(third)] = replies.as_slice() else { panic!("{replies:?}") };
    assert_eq!((first.replayed, second.replayed, first.order == second.order), (false, true, true));
    assert_eq!(third.code, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!((bench.all::<Order>().len(), words(&bench).as_str()), (1, "order.placed"));
}

#[test]
fn other_keys_make_other_orders() {
    let mut bench = bench();
    assert_ne!(place(&mut bench, 1, quoted(plan())), place(&mut bench, 2, quoted(plan())));
}

#[test]
fn paying_starts_the_order_with_the_plan_of_its_payment() {
    let mut bench = bench();
    let id = place(&mut bench, 1, Quote::Draft(Box::new(draft())));
    bench.now = Timestamp(NOW.0 + 60_000);
    let paid = Plan { points: won(4_000), card_amount: won(20_000), ..plan() };
    let quote = Quoted::Plan(Box::new(paid));
    let reply = bench.ask(PayOrder { quote, ..payment_of(id, 2) }).unwrap();
    assert_eq!(reply, Ok(Born { order: id, replayed: false }));
    let order = row(&bench, id);
    assert_eq!((order.status, order.wake_at), (SagaStatus::Pending, after(90)));
    assert_eq!((order.points_used, order.card_amount), (won(4_000), won(20_000)));
    let plan = order.plan().unwrap();
    assert_eq!((plan.saga, Some(plan.payment)), (SagaId::from(id), order.payment_id));
    assert_eq!(words(&bench), "order.placed");
}

#[test]
fn a_refusal_at_the_payment_fails_the_order() {
    let mut bench = bench();
    let id = place(&mut bench, 1, Quote::Draft(Box::new(draft())));
    let asked = Plan { points: won(4_000), card_amount: won(20_000), ..draft() };
    let quote = Quoted::Refused(Reason::POINTS_SHORT, Box::new(asked));
    bench.ask(PayOrder { quote, ..payment_of(id, 2) }).unwrap().unwrap();
    let order = row(&bench, id);
    assert_eq!((order.points_used, order.card_amount), (won(4_000), won(20_000)), "as order.failed tells it");
    assert_eq!(order.plan().unwrap().saga, id.into());
    assert_eq!(
        (order.status, order.reason, order.wake_at),
        (SagaStatus::Failed, Some(Reason::POINTS_SHORT), None)
    );
    assert_eq!(words(&bench), "order.failed");
}

#[test]
fn a_payment_is_replayed_or_refused_by_its_first_reason() {
    let mut bench = bench();
    let unpaid = place(&mut bench, 1, Quote::Draft(Box::new(draft())));
    let paid = place(&mut bench, 2, Quote::Draft(Box::new(draft())));
    bench.ask(payment_of(paid, 20)).unwrap().unwrap();
    let before = bench.snapshot();
    let nobody = OrderId(Uuid::from_u128(404));
    let not_found = Some((Kind::NotFound, "NOT_FOUND"));
    for (what, command, expected) in [
        ("the same payment again", payment_of(paid, 20), None),
        ("its key for another order", payment_of(unpaid, 20), None),
        (
            "its key with another body",
            PayOrder { key: key(20, 9), ..payment_of(nobody, 20) },
            Some((Kind::Invalid, "IDEMPOTENCY_KEY_REUSED")),
        ),
        ("no order", payment_of(nobody, 21), not_found),
        ("another's order", PayOrder { user: STRANGER, ..payment_of(unpaid, 21) }, not_found),
        ("another's order, paid", PayOrder { user: STRANGER, ..payment_of(paid, 21) }, not_found),
        ("paid already", payment_of(paid, 21), Some((Kind::Conflict, "ORDER_NOT_PAYABLE"))),
    ] {
        let reply = bench.ask(command).unwrap();
        if let Ok(born) = &reply {
            assert_eq!(*born, Born { order: paid, replayed: true }, "{what}");
        }
        assert_eq!(shown(reply), expected, "{what}");
        assert!(
            bench.snapshot() == before && bench.said.is_empty(),
            "{what}: nothing changes, nothing is said"
        );
    }
}

#[test]
fn only_a_created_order_can_be_paid() {
    for expected in ["PENDING", "CONFIRMED", "FAILING", "CANCELLING", "FAILED"] {
        let mut bench = bench();
        let id = match expected {
            "FAILED" => place(&mut bench, 1, refused_quote(Reason::USER_INACTIVE)),
            "CONFIRMED" | "CANCELLING" => confirmed(&mut bench),
            _ => place(&mut bench, 1, quoted(plan())),
        };
        if expected.ends_with("ING") && expected != "PENDING" {
            bench.ask(CancelOrder { order: id, customer: Some(OWNER) }).unwrap().unwrap();
        }
        assert_eq!(row(&bench, id).status.word(), expected);
        let reply = bench.ask(payment_of(id, 7)).unwrap();
        assert_eq!(shown(reply), Some((Kind::Conflict, "ORDER_NOT_PAYABLE")), "{expected}");
    }
}

#[test]
fn paying_twice_at_once_starts_it_once() {
    let mut bench = bench();
    let id = place(&mut bench, 1, Quote::Draft(Box::new(draft())));
    let replies = bench.ask_all(&[payment_of(id, 2), payment_of(id, 3)]).unwrap();
    let shown: Vec<_> = replies.into_iter().map(shown).collect();
    assert_eq!(shown, [None, Some((Kind::Conflict, "ORDER_NOT_PAYABLE"))]);
    assert_eq!(words(&bench), "order.placed");
}

#[test]
fn no_card_token_is_shown_where_orders_and_commands_are_printed() {
    let mut bench = bench();
    let command = PlaceOrder { quote: quoted(plan()), key: key(1, 0) };
    let shown = format!("{command:?} {command:#?}");
    let id = bench.ask(command).unwrap().unwrap().order;
    hear(&mut bench, id, &Said::Pending { step: Step::PAYMENT });
    let shown = format!("{shown} {:?} {:?} {:?}", row(&bench, id), payment_of(id, 2), bench.said);
    assert!(!shown.contains(TOKEN), "{shown}");
}
