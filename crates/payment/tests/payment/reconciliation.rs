//! Our books against the PG's.

use crate::support::{Shop, key_of, order};
use jumun_payment::books::{PgBook, UnknownCharge};
use jumun_payment::gateway::{PgAnswer, PgChargeStatus, PgRequest};
use jumun_payment::leg::LegState;
use jumun_payment::{PaymentPolicy, PgAnswered, PgCall, StartReconciling};
use kernel::judge::letters::DeadLetter;
use kernel::participation::InboxState;
use kernel::{Step, Timestamp, Trace};
use smol_str::SmolStr;

/// A shop with `paid` paid orders and reconciliation running.
fn shop(paid: u128) -> Shop {
    let mut shop = Shop::default();
    shop.command(&StartReconciling).unwrap();
    for n in 1..=paid {
        shop.pay(&order(n, 500, 0));
    }
    shop.pass(1);
    shop
}

/// Ten paid orders in a book of four pages, all read but the last.
fn four_pages() -> Shop {
    let policy = PaymentPolicy { page_limit: 3, ..crate::support::policy() };
    let mut shop = Shop::with(policy);
    shop.command(&StartReconciling).unwrap();
    for n in 1..=10 {
        shop.pay(&order(n, 500, 0));
    }
    shop.pass(200);
    shop
}

#[test]
fn books_that_agree_raise_nothing_page_after_page() {
    let mut shop = four_pages();
    assert!(shop.letters().is_empty() && shop.alerts.is_empty());
    assert_eq!(
        shop.rows::<PgBook>()[0].cursor.as_deref(),
        Some("9"),
        "the tail is read again, what is before it is not"
    );
    shop.pass(86_400);
    assert_eq!(shop.rows::<PgBook>()[0].cursor.as_deref(), Some("9"), "swept from the beginning once a day");
}

#[test]
fn a_charge_that_nobody_knows_is_listed_once_and_never_cancelled() {
    let mut shop = shop(2);
    shop.pg.plant("0192f0c0-0000-7000-8000-000000000001", 900, shop.now);
    shop.pg.plant("someone else's", 900, shop.now);
    shop.pass(600);
    assert_eq!(shop.letters(), ["RECONCILIATION OPEN", "RECONCILIATION OPEN"]);
    assert_eq!(shop.alerts, ["payment_books_differ"; 2]);
    assert_eq!((shop.pg.cancel_calls, shop.rows::<UnknownCharge>().len()), (0, 2));
    let letter = shop.rows::<DeadLetter>().remove(0);
    shop.handle(&letter, false);
    shop.pass(2 * 86_400);
    assert_eq!(shop.alerts.len(), 2);
}

#[test]
fn a_young_charge_is_not_judged_and_not_passed_over() {
    let mut shop = shop(0);
    shop.pass(58);
    shop.pg.plant("unknown", 900, shop.now);
    shop.pass(2);
    assert!(shop.letters().is_empty());
    shop.pass(120);
    assert_eq!(shop.letters(), ["RECONCILIATION OPEN"]);
}

#[test]
fn a_payment_cancelled_behind_our_back_is_an_operators_business() {
    let mut shop = shop(1);
    let plan = order(1, 500, 0);
    shop.pg.book.get_mut(&key_of(&plan)).unwrap().status = PgChargeStatus::Cancelled;
    shop.pass(300);
    assert_eq!(shop.letters(), ["RECONCILIATION OPEN"]);
    assert_eq!(shop.open_letter().step, Some(Step::PAYMENT));
    assert_eq!((shop.inbox(&plan), shop.leg_state(&plan)), (InboxState::Done, LegState::Charged));
    shop.handle(&shop.open_letter(), true);
    shop.pass(10);
    assert_eq!(shop.letters(), ["RECONCILIATION OPEN"], "still so");
    shop.undo(&plan);
    shop.pass(10);
    assert_eq!(shop.inbox(&plan), InboxState::Compensated);
    assert_eq!(shop.letters(), ["RECONCILIATION REDRIVEN"]);
}

#[test]
fn a_difference_that_went_away_closes_its_letter_when_redriven() {
    let mut shop = shop(1);
    let plan = order(1, 500, 0);
    shop.pg.book.get_mut(&key_of(&plan)).unwrap().status = PgChargeStatus::Cancelled;
    shop.pass(300);
    shop.pg.book.get_mut(&key_of(&plan)).unwrap().status = PgChargeStatus::Approved;
    shop.handle(&shop.open_letter(), true);
    shop.pass(1);
    assert_eq!(shop.letters(), ["RECONCILIATION REDRIVEN"]);
    assert_eq!(shop.leg_state(&plan), LegState::Charged);
}

#[test]
fn a_pg_that_cannot_be_read_alerts_once_and_is_read_later() {
    let mut shop = shop(1);
    shop.pg.down = true;
    shop.pass(600);
    assert_eq!(shop.alerts, ["reconciliation_failed"]);
    shop.pg.down = false;
    shop.pg.plant("unknown", 900, shop.now);
    shop.pass(180);
    assert_eq!(shop.letters(), ["RECONCILIATION OPEN"]);
}

#[test]
fn a_reading_whose_answer_is_lost_goes_on() {
    let mut shop = shop(1);
    shop.pass(58);
    shop.pass(1);
    shop.crash();
    shop.pg.plant("unknown", 900, shop.now);
    shop.pass(180);
    assert_eq!(shop.letters(), ["RECONCILIATION OPEN"]);
}

#[test]
fn pages_that_were_read_are_read_again_once_a_day() {
    let mut shop = four_pages();
    shop.pg.book.get_mut(&key_of(&order(1, 500, 0))).unwrap().status = PgChargeStatus::Cancelled;
    shop.pass(3_600);
    assert!(shop.letters().is_empty());
    shop.pass(86_400);
    assert_eq!(shop.letters(), ["RECONCILIATION OPEN"]);
}

#[test]
fn a_page_that_comes_late_does_not_set_the_reading_back() {
    let mut shop = four_pages();
    let book = |shop: &Shop| shop.rows::<PgBook>().remove(0);
    shop.pg.silent = true;
    let out = (0..120).any(|_| {
        shop.pass(1);
        book(&shop).calling
    });
    assert!(out, "the next reading waits for its answer");
    let asked_at = Timestamp(shop.now);
    let request = PgRequest::List { after: None, limit: 3 };
    let call =
        PgCall { leg: None, attempt: 1, asked_at, start_by: asked_at, trace: Trace::default(), request };
    let first = PgAnswer::Page { charges: Vec::new(), next: Some("3".to_owned()) };
    shop.deliver(&PgAnswered { call, answer: first });
    assert_eq!(book(&shop).cursor.as_deref(), Some("9"));
}

#[test]
fn the_book_of_a_pg_that_the_deployment_left_is_not_read_any_more() {
    let mut shop = shop(0);
    let ours = shop.rows::<PgBook>().remove(0);
    let left = PgBook { pg: "old".into(), next_at: Some(Timestamp(shop.now)), calling: true, ..ours };
    shop.put(&left);
    shop.pass(1);
    let left: PgBook = shop.get((SmolStr::new("old"),)).unwrap();
    assert_eq!((left.next_at, left.calling), (None, false));
}

#[test]
fn a_charge_of_another_amount_than_ours_is_an_operators_business() {
    let mut shop = shop(1);
    shop.pg.book.get_mut(&key_of(&order(1, 500, 0))).unwrap().amount = 499;
    shop.pass(300);
    assert_eq!(shop.letters(), ["RECONCILIATION OPEN"]);
}
