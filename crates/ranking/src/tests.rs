//! The step `sales` under the participation rule, as the runtime would drive it.

use crate::{Ranking, Sale, Sales, changes, first_day};
use kernel::ids::{CountingIds, Ids, PaymentId, ProductId, SagaId, UserId};
use kernel::testbed::Testbed;
use kernel::{
    Currency, Entry, Money, Participant, Plan, PlanLine, Reason, Said, SaidEvent, Step, Timestamp, Trace,
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

fn bench() -> Testbed<Ranking> {
    Testbed::new(Ranking::default(), Timestamp(3 * DAY))
}

fn hear(bench: &mut Testbed<Ranking>, does: Does, plan: &Arc<Plan>, said: &Said) {
    match does {
        Does::Acts => bench.act_on(said, &Step::SALES, plan),
        Does::Compensates => bench.undo_on(said, &Step::SALES, plan),
    }
    .unwrap();
}

/// Day and units of each product's row, by the product's number.
fn sold(bench: &Testbed<Ranking>) -> Vec<(i64, u128, i64)> {
    let sales = bench.all::<Sale>().into_iter();
    sales.map(|sale| (sale.day, sale.product_id.0.as_u128(), sale.sold)).collect()
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
    let mut bench = bench();
    for (does, said) in heard {
        hear(&mut bench, *does, plan, said);
    }
    assert_eq!(self::sold(&bench), sold, "{heard:?}");
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
    let order = plan(4, 0, &[(1, 3)]);
    let failing = Said::Failing { reason: Reason::OUT_OF_STOCK, steps: Vec::new() };
    for undo in [failing, Said::UndoAsked { step: Step::SALES, attempt: 0 }, cancelled(2)] {
        check(&order, &[(Does::Acts, Said::Placed), (Does::Compensates, undo)], &[(4, 1, 0)]);
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

/// The row of the orders' log in which `said` stands.
fn entry(plan: &Arc<Plan>, said: Said) -> Entry {
    let by = kernel::DomainName::of("order");
    Entry {
        v: Entry::VERSION,
        key: plan.saga.0,
        at: Timestamp(9 * DAY),
        trace: Trace::default(),
        plan: Some(Arc::clone(plan)),
        events: vec![SaidEvent { by, said }],
    }
}

/// Day, product's number and units of what the rows of these words change.
fn changed(words: &[(&Arc<Plan>, Said)]) -> Vec<(i64, u128, i64)> {
    let entries: Vec<Entry> = words.iter().map(|(plan, said)| entry(plan, said.clone())).collect();
    let changes = changes(&entries).unwrap();
    let by_day = changes.into_iter().flat_map(|(day, products)| {
        products.into_iter().map(move |((product, _), units)| (day, product.0.as_u128(), units))
    });
    by_day.collect()
}

#[test]
fn only_a_final_word_about_a_sale_changes_best_sellers() {
    let order = plan(1, 0, &[(1, 3), (2, 5)]);
    assert_eq!(changed(&[(&order, Said::Placed)]), []);
    let failed = Said::Failed { reason: Reason::OUT_OF_STOCK, steps: Vec::new() };
    assert_eq!(changed(&[(&order, failed)]), []);
    assert_eq!(changed(&[(&order, confirmed(2))]), [(2, 1, 3), (2, 2, 5)]);
    assert_eq!(changed(&[(&order, cancelled(2))]), [(2, 1, -3), (2, 2, -5)]);
    assert_eq!(changed(&[(&order, confirmed(2)), (&order, cancelled(2))]), []);
    let other = plan(1, 1, &[(2, 1)]);
    assert_eq!(changed(&[(&order, confirmed(2)), (&other, confirmed(2))]), [(2, 1, 3), (2, 2, 6)]);
    let countless = plan(1, 2, &[(1, i64::MAX)]);
    let twice = [entry(&countless, confirmed(2)), entry(&countless, confirmed(2))];
    assert!(changes(&twice).is_none());
}

proptest! {
    #[test]
    fn whoever_passes_every_row_once_has_what_the_book_has(
        orders in prop::collection::vec(
            (prop::collection::btree_map(0_u128..4, 1_i64..100, 1..4), 0_i64..3, any::<bool>()), 1..8)
    ) {
        let mut bench = bench();
        let mut words = Vec::new();
        let plans: Vec<_> = orders.iter().enumerate().map(|(number, (lines, ..))| {
            let lines: Vec<(u128, i64)> = lines.iter().map(|(product, count)| (*product, *count)).collect();
            plan(1, u64::try_from(number).unwrap(), &lines)
        }).collect();
        for (plan, (_, day, is_cancelled)) in plans.iter().zip(&orders) {
            hear(&mut bench, Does::Acts, plan, &confirmed(*day));
            words.push((plan, confirmed(*day)));
            if *is_cancelled {
                hear(&mut bench, Does::Compensates, plan, &cancelled(*day));
                words.push((plan, cancelled(*day)));
            }
        }
        let mut sold = sold(&bench);
        sold.retain(|(.., units)| *units != 0);
        prop_assert_eq!(changed(&words), sold);
    }
}

proptest! {
    #[test]
    fn the_book_is_the_sum_of_the_receipts_in_effect(
        orders in prop::collection::vec(
            (prop::collection::btree_map(0_u128..4, 1_i64..100, 1..4), 0_i64..3, 0_usize..4), 1..8)
    ) {
        let mut bench = bench();
        for (number, (lines, day, words)) in orders.iter().enumerate() {
            let lines: Vec<(u128, i64)> = lines.iter().map(|(product, count)| (*product, *count)).collect();
            let order = plan(1, u64::try_from(number).unwrap(), &lines);
            let all = [(Does::Acts, confirmed(*day)), (Does::Acts, confirmed(*day)), (Does::Compensates, cancelled(*day))];
            for (does, said) in &all[..(*words).min(3)] {
                hear(&mut bench, *does, &order, said);
            }
        }
        let expected = bench.books().unwrap().into_iter().filter(|(_, sold)| *sold != 0).collect::<BTreeMap<_, _>>();
        let account = |sale: &Sale| smol_str::format_smolstr!("sales:{}:{}", sale.day, sale.product_id);
        let sales = bench.all::<Sale>().into_iter().filter(|sale| sale.sold != 0);
        let found: BTreeMap<_, _> = sales.map(|sale| (account(&sale), sale.sold)).collect();
        prop_assert_eq!(found, expected);
    }
}
