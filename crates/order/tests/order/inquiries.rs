//! What a topology may ask of its orders besides: that commands are given by name, that participants are asked before an order is given
//! up, and that lists wait for a provisional save.

use crate::desk::{
    NOW, bench_with, commands, compensated, done, hear, place, plan, quoted, row, wiring, words,
};
use jumun_order::{Order, OrderDomain, Wiring};
use kernel::ids::{OrderId, SagaId};
use kernel::inquiry::Inquired;
use kernel::judge::{Coordination, SagaStatus};
use kernel::testbed::Testbed;
use kernel::{Reason, Said, Step};
use std::time::Duration;
use uuid::Uuid;

fn inquiring() -> Wiring {
    Wiring { coordination: Coordination { inquires: true, ..Coordination::default() }, ..wiring() }
}

fn found(bench: &mut Testbed<OrderDomain>, order: OrderId, found: Vec<Said>) {
    bench.ask(Inquired { saga: SagaId::from(order), found }).unwrap();
}

#[test]
fn at_the_deadline_the_participants_are_asked_and_have_a_moment_to_answer() {
    let mut bench = bench_with(inquiring());
    let order = place(&mut bench, 1, quoted(plan()));
    bench.now = NOW.after(Duration::from_secs(30));
    bench.due::<Order>((order,)).unwrap();
    let asked = row(&bench, order);
    assert_eq!((asked.status, asked.inquired_at), (SagaStatus::Pending, Some(bench.now)));
    assert_eq!(asked.wake_at, Some(bench.now.after(Duration::from_secs(1))));
    found(&mut bench, order, vec![done(Step::STOCK), done(Step::PAYMENT)]);
    assert_eq!(
        (row(&bench, order).status, words(&bench).as_str()),
        (SagaStatus::Confirmed, "order.confirmed")
    );
}

#[test]
fn what_is_not_found_at_the_deadline_fails_the_order() {
    for (answer, reason) in [
        (vec![done(Step::STOCK)], Reason::TIMED_OUT),
        (Vec::new(), Reason::TIMED_OUT),
        (vec![Said::Refused { step: Step::STOCK, reason: Reason::OUT_OF_STOCK }], Reason::OUT_OF_STOCK),
    ] {
        let mut bench = bench_with(inquiring());
        let order = place(&mut bench, 1, quoted(plan()));
        bench.due::<Order>((order,)).unwrap();
        found(&mut bench, order, answer);
        let failing = row(&bench, order);
        assert_eq!((failing.status, failing.reason), (SagaStatus::Failing, Some(reason)));
    }
}

#[test]
fn an_inquiry_without_an_answer_ends_at_its_own_time() {
    let mut bench = bench_with(inquiring());
    let order = place(&mut bench, 1, quoted(plan()));
    bench.due::<Order>((order,)).unwrap();
    bench.due::<Order>((order,)).unwrap();
    assert_eq!(row(&bench, order).reason, Some(Reason::TIMED_OUT));
}

#[test]
fn an_inquiry_about_no_order_is_nothing() {
    let mut bench = bench_with(inquiring());
    let before = bench.snapshot();
    found(&mut bench, OrderId(Uuid::from_u128(404)), vec![done(Step::STOCK)]);
    assert_eq!(bench.snapshot(), before);
}

#[test]
fn a_poll_before_the_deadline_settles_what_can_be_settled_and_no_more() {
    let mut bench = bench_with(inquiring());
    let order = place(&mut bench, 1, quoted(plan()));
    found(&mut bench, order, vec![done(Step::STOCK)]);
    assert_eq!(row(&bench, order).status, SagaStatus::Pending);
    found(&mut bench, order, vec![done(Step::STOCK), done(Step::PAYMENT)]);
    assert_eq!(row(&bench, order).status, SagaStatus::Confirmed);
}

#[test]
fn commands_compensate_by_name_what_hears_no_announcement() {
    let mut bench = bench_with(Wiring { coordination: commands(), ..wiring() });
    let order = place(&mut bench, 1, quoted(plan()));
    hear(&mut bench, order, &done(Step::STOCK));
    assert_eq!(words(&bench), "payment.asked");
    hear(&mut bench, order, &Said::Refused { step: Step::PAYMENT, reason: Reason::PAYMENT_DECLINED });
    assert_eq!(words(&bench), "order.failing stock.undo_asked");
    hear(&mut bench, order, &compensated(Step::STOCK));
    assert_eq!(words(&bench), "order.failed");
}

#[test]
fn a_provisional_save_is_told_once_by_the_step_that_lists_wait_for() {
    let mut bench =
        bench_with(Wiring { listed_after: Some(Step::STOCK), coordination: commands(), ..wiring() });
    let order = place(&mut bench, 1, quoted(plan()));
    assert_eq!(words(&bench), "order.placed stock.asked");
    hear(&mut bench, order, &done(Step::STOCK));
    assert_eq!(words(&bench), "order.saved payment.asked");
    hear(&mut bench, order, &done(Step::STOCK));
    assert_eq!(words(&bench), "");
    hear(&mut bench, order, &done(Step::PAYMENT));
    assert_eq!(words(&bench), "order.confirmed");
}
