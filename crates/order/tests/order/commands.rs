//! Cancelling and fulfilling: guards in their order, each with its code.

use crate::desk::{
    ADMIN, NOW, OWNER, STRANGER, bench, compensated, confirmed, draft, hear, place, plan, quoted,
    refused_quote, row, shown, words,
};
use jumun_order::{CancelOrder, FulfilOrder, Order, OrderDomain, Quote};
use kernel::error::Kind;
use kernel::ids::OrderId;
use kernel::judge::SagaStatus;
use kernel::testbed::Testbed;
use kernel::{Command, DecideError, DomainName, Reason, Said, Step, Timestamp};
use uuid::Uuid;

const NOBODY: OrderId = OrderId(Uuid::from_u128(404));
const WINDOW_MS: i64 = 7 * 86_400_000;

/// A bench with an order in `status`.
fn bench_with(status: SagaStatus) -> (Testbed<OrderDomain>, OrderId) {
    let mut bench = bench();
    let id = match status {
        SagaStatus::Created => place(&mut bench, 1, Quote::Draft(Box::new(draft()))),
        SagaStatus::Failed => place(&mut bench, 1, refused_quote(Reason::USER_INACTIVE)),
        SagaStatus::Pending | SagaStatus::Failing => place(&mut bench, 1, quoted(plan())),
        SagaStatus::Confirmed | SagaStatus::Cancelling | SagaStatus::Cancelled => confirmed(&mut bench),
    };
    if matches!(status, SagaStatus::Failing | SagaStatus::Cancelling | SagaStatus::Cancelled) {
        bench.ask(cancel(id)).unwrap().unwrap();
    }
    if status == SagaStatus::Cancelled {
        hear(&mut bench, id, &compensated(Step::STOCK));
        hear(&mut bench, id, &compensated(Step::PAYMENT));
    }
    assert_eq!(row(&bench, id).status, status);
    (bench, id)
}

fn cancel(order: OrderId) -> CancelOrder {
    CancelOrder { order, customer: Some(OWNER) }
}

fn fulfil(order: OrderId) -> FulfilOrder {
    FulfilOrder { order, by: ADMIN }
}

#[test]
fn a_cancel_does_by_status_what_there_is_to_do() {
    let failed = Some((Kind::Conflict, "ORDER_NOT_CANCELLABLE"));
    for (status, reply, after, said) in [
        (SagaStatus::Created, None, SagaStatus::Failed, "order.failed"),
        (SagaStatus::Pending, None, SagaStatus::Failing, "order.failing"),
        (SagaStatus::Confirmed, None, SagaStatus::Cancelling, "order.cancelling"),
        (SagaStatus::Failing, None, SagaStatus::Failing, ""),
        (SagaStatus::Failed, failed, SagaStatus::Failed, ""),
        (SagaStatus::Cancelling, None, SagaStatus::Cancelling, ""),
        (SagaStatus::Cancelled, None, SagaStatus::Cancelled, ""),
    ] {
        let (mut bench, id) = bench_with(status);
        let before = bench.snapshot();
        assert_eq!(shown(bench.ask(cancel(id)).unwrap()), reply, "{status}");
        assert_eq!((row(&bench, id).status, words(&bench).as_str()), (after, said), "{status}");
        assert_eq!(
            bench.snapshot() == before,
            said.is_empty(),
            "{status}: what is said nothing of is not changed"
        );
    }
}

#[test]
fn a_cancelled_order_that_was_not_confirmed_failed_by_its_customer() {
    for status in [SagaStatus::Created, SagaStatus::Pending] {
        let (mut bench, id) = bench_with(status);
        bench.ask(cancel(id)).unwrap().unwrap();
        assert_eq!(row(&bench, id).reason, Some(Reason::CANCELLED_BY_CUSTOMER), "{status}");
    }
}

#[test]
fn a_confirmed_order_is_cancelled_in_its_window_and_until_it_is_fulfilled() {
    let closed = Some((Kind::Conflict, "CANCEL_WINDOW_CLOSED"));
    for (customer, fulfilled, waited, expected) in [
        (Some(OWNER), false, 0, None),
        (Some(OWNER), false, WINDOW_MS, None),
        (Some(OWNER), false, WINDOW_MS + 1, closed),
        (Some(OWNER), true, 0, closed),
        (None, true, 0, None),
        (None, false, WINDOW_MS + 1, closed),
    ] {
        let (mut bench, order) = bench_with(SagaStatus::Confirmed);
        if fulfilled {
            bench.ask(fulfil(order)).unwrap().unwrap();
        }
        bench.now = Timestamp(NOW.0 + waited);
        let reply = bench.ask(CancelOrder { order, customer }).unwrap();
        assert_eq!(shown(reply), expected, "{customer:?}, fulfilled {fulfilled}, after {waited} ms");
    }
}

#[test]
fn a_cancelled_order_stays_cancelled_after_its_window_is_over() {
    let (mut bench, id) = bench_with(SagaStatus::Cancelled);
    bench.now = Timestamp(NOW.0 + 2 * WINDOW_MS);
    assert_eq!(bench.ask(cancel(id)).unwrap(), Ok(()));
}

#[test]
fn what_is_not_ones_own_is_not_there() {
    let not_found = Some((Kind::NotFound, "NOT_FOUND"));
    for status in SagaStatus::ALL {
        let (mut bench, order) = bench_with(*status);
        let before = bench.snapshot();
        let strangers = bench.ask(CancelOrder { order, customer: Some(STRANGER) }).unwrap();
        assert_eq!(shown(strangers), not_found, "{status}: told before anything about the order is");
        assert_eq!(shown(bench.ask(cancel(NOBODY)).unwrap()), not_found);
        assert_eq!(shown(bench.ask(fulfil(NOBODY)).unwrap()), not_found);
        assert!(bench.snapshot() == before && bench.said.is_empty());
    }
}

#[test]
fn only_a_confirmed_order_is_fulfilled() {
    for status in SagaStatus::ALL {
        let (mut bench, id) = bench_with(*status);
        let refused = (*status != SagaStatus::Confirmed).then_some((Kind::Conflict, "ORDER_NOT_CONFIRMED"));
        assert_eq!(shown(bench.ask(fulfil(id)).unwrap()), refused, "{status}");
        assert_eq!(row(&bench, id).fulfilled, refused.is_none(), "{status}");
    }
}

#[test]
fn fulfilment_is_stated_once_with_who_said_so() {
    let (mut bench, id) = bench_with(SagaStatus::Confirmed);
    bench.ask(fulfil(id)).unwrap().unwrap();
    let [Said::Fact { kind, body }] = bench.said.as_slice() else { panic!("{:?}", bench.said) };
    assert_eq!((kind.as_str(), body["by"].as_str()), ("order.fulfilled", Some(ADMIN.to_string().as_str())));
    assert_eq!(bench.ask(fulfil(id)).unwrap(), Ok(()));
    assert_eq!(bench.said, []);
}

/// A command that is not order's.
struct Misdirected;

impl Command for Misdirected {
    type Reply = ();
    const DOMAIN: DomainName = DomainName::of("order");
}

#[test]
fn what_is_not_orders_to_decide_is_a_fault() {
    let (mut bench, id) = bench_with(SagaStatus::Pending);
    let before = bench.snapshot();
    assert!(matches!(bench.ask(Misdirected), Err(DecideError::Impossible(_))));
    let plan = row(&bench, id).plan().unwrap();
    let lost = std::sync::Arc::new(kernel::Plan { saga: NOBODY.into(), ..(*plan).clone() });
    let heard = bench.hear(&DomainName::of("product"), &compensated(Step::STOCK), &lost);
    assert!(matches!(heard, Err(DecideError::Impossible(_))), "{heard:?}");
    assert!(bench.snapshot() == before);
    assert_eq!(bench.all::<Order>().len(), 1);
}
