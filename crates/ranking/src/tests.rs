//! The step `sales` under the participation rule, as the runtime would drive it.

use crate::{NAME, Ranking, Sale, Sales, first_day};
use kernel::ids::{CountingIds, Ids, PaymentId, ProductId, SagaId, UserId};
use kernel::participation::{self, Inbox};
use kernel::{
    Currency, Cx, Domain, Heard, Key, Keys, Money, Participant, Plan, PlanLine, Reason, Record, Said, Step,
    Table, Timestamp, Trace, WorkingSet,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const DAY: i64 = 86_400_000;

#[derive(Clone, Copy, Debug)]
enum Does {
    Acts,
    Compensates,
}

/// A database of rows: each message is decided over exactly the rows that its keys name.
#[derive(Default)]
struct Book(BTreeMap<(&'static str, Key), Box<[kernel::Value]>>);

impl Book {
    fn hear(&mut self, does: Does, plan: &Arc<Plan>, said: &Said) {
        let by = kernel::DomainName::of("order");
        let heard = Heard { key: plan.saga.0, at: Timestamp(3 * DAY), by: &by, said, plan: Some(plan) };
        let domain = Ranking::default();
        let participant = domain.participants()[0];
        let mut keys = Keys::default();
        participation::keys(participant, &heard, plan, &mut keys);
        let mut state = WorkingSet::default();
        for (table, key) in keys.take() {
            let row = self.0.get(&(table.name, key.clone())).cloned();
            state.offer(table, key, row);
        }
        let mut ids = CountingIds::new(0);
        let mut cx = Cx::new(Timestamp(3 * DAY), Trace::default(), &mut ids);
        match does {
            Does::Acts => participation::act(&[(&NAME, participant)], &heard, &mut state, &mut cx),
            Does::Compensates => participation::compensate(&NAME, participant, &heard, &mut state, &mut cx),
        }
        .unwrap();
        for write in state.into_writes() {
            self.0.insert((write.table.name, write.key), write.row.unwrap());
        }
    }

    fn rows<R: Record>(&self) -> Vec<R> {
        let of = |table: &'static Table| self.0.iter().filter(move |((name, _), _)| *name == table.name);
        of(R::TABLE).map(|(_, row)| R::from_row(row).unwrap()).collect()
    }

    /// Day and units of each product's row, by the product's number.
    fn sold(&self) -> Vec<(i64, u128, i64)> {
        self.rows::<Sale>().iter().map(|sale| (sale.day, sale.product_id.0.as_u128(), sale.sold)).collect()
    }
}

/// An order made on `made_day` that buys `lines`: (product number, quantity).
fn plan(made_day: i64, number: u64, lines: &[(u128, i64)]) -> Arc<Plan> {
    let mut ids = CountingIds::new(u64::try_from(made_day * DAY).unwrap() + number);
    let line = |&(product, quantity): &(u128, i64)| PlanLine {
        product_id: product_id(product),
        sku: format!("SKU-{product}").into(),
        name: "Thing".into(),
        quantity,
        unit_price: Money::ZERO,
    };
    Arc::new(Plan {
        saga: SagaId(ids.next()),
        user: UserId(ids.next()),
        lines: lines.iter().map(line).collect(),
        coupon: None,
        total: Money::ZERO,
        points: Money::ZERO,
        card_amount: Money::ZERO,
        currency: Currency::KRW,
        payment: PaymentId(ids.next()),
        card: None,
        steps: vec![Step::STOCK],
        extras: BTreeMap::new(),
    })
}

fn product_id(number: u128) -> ProductId {
    ProductId(uuid::Uuid::from_u128(number))
}

fn confirmed(day: i64) -> Said {
    Said::Confirmed { settled_at: Timestamp(day * DAY + 1) }
}

fn cancelled(day: i64) -> Said {
    Said::Cancelled { confirmed_at: Timestamp(day * DAY + 1), steps: Vec::new() }
}

fn check(plan: &Arc<Plan>, heard: &[(Does, Said)], sold: &[(i64, u128, i64)]) {
    let mut book = Book::default();
    for (does, said) in heard {
        book.hear(*does, plan, said);
    }
    assert_eq!(book.sold(), sold, "{heard:?}");
}

#[test]
fn a_sale_counts_on_the_day_its_order_settled_and_is_taken_back_from_that_day() {
    let order = plan(1, 0, &[(1, 3), (2, 5)]);
    let acts = (Does::Acts, confirmed(2));
    let undoes = (Does::Compensates, cancelled(2));
    check(&order, std::slice::from_ref(&acts), &[(2, 1, 3), (2, 2, 5)]);
    check(&order, &[acts.clone(), acts.clone()], &[(2, 1, 3), (2, 2, 5)]);
    check(&order, &[acts.clone(), undoes.clone()], &[(2, 1, 0), (2, 2, 0)]);
    check(&order, &[acts.clone(), undoes.clone(), undoes.clone(), acts.clone()], &[(2, 1, 0), (2, 2, 0)]);
    check(&order, &[undoes, acts], &[]);
}

#[test]
fn inside_the_saga_a_sale_counts_on_the_day_its_order_was_made_whatever_makes_it_compensate() {
    let order = plan(1, 0, &[(1, 3)]);
    let failing = Said::Failing { reason: Reason::OUT_OF_STOCK, steps: Vec::new() };
    for undo in [failing, Said::UndoAsked { step: Step::SALES, attempt: 0 }, cancelled(2)] {
        check(&order, &[(Does::Acts, Said::Placed), (Does::Compensates, undo)], &[(1, 1, 0)]);
    }
}

#[test]
fn a_window_ends_today_and_has_at_least_one_day() {
    let now = Timestamp(10 * DAY + 5);
    assert_eq!([0, 1, 2, 11, 12].map(|days| first_day(now, days)), [10, 10, 9, 0, -1]);
}

#[test]
fn a_receipt_moves_units_by_day_and_product() {
    let product = product_id(7);
    let receipt = format!(r#"{{"day":20,"lines":[{{"product":"{product}","quantity":4}}]}}"#);
    let moved = Sales.movements(&receipt).unwrap();
    assert_eq!(moved.len(), 1);
    assert_eq!((moved[0].account.as_str(), moved[0].amount), (format!("sales:20:{product}").as_str(), 4));
    assert!(Sales.movements("nonsense").is_err());
}

proptest! {
    #[test]
    fn the_book_is_the_sum_of_the_receipts_in_effect(
        orders in prop::collection::vec(
            (prop::collection::btree_map(0_u128..4, 1_i64..100, 1..4), 0_i64..3, 0_usize..4), 1..8)
    ) {
        let mut book = Book::default();
        for (number, (lines, day, words)) in orders.iter().enumerate() {
            let lines: Vec<(u128, i64)> = lines.iter().map(|(product, count)| (*product, *count)).collect();
            let order = plan(1, u64::try_from(number).unwrap(), &lines);
            let all = [(Does::Acts, confirmed(*day)), (Does::Acts, confirmed(*day)), (Does::Compensates, cancelled(*day))];
            for (does, said) in &all[..(*words).min(3)] {
                book.hear(*does, &order, said);
            }
        }
        let mut expected: BTreeMap<String, i64> = BTreeMap::new();
        for row in book.rows::<Inbox>() {
            for moved in Sales.movements(row.receipt.as_deref().unwrap()).unwrap() {
                let in_effect = row.state == participation::InboxState::Done;
                *expected.entry(moved.account.to_string()).or_default() += if in_effect { moved.amount } else { 0 };
            }
        }
        let account = |sale: &Sale| format!("sales:{}:{}", sale.day, sale.product_id);
        let found: BTreeMap<String, i64> = book.rows::<Sale>().iter().map(|sale| (account(sale), sale.sold)).collect();
        prop_assert_eq!(found, expected);
    }
}
