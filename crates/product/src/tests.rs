use crate::stock::Stock;
use crate::tables::STOCK_MAX;
use crate::*;
use kernel::ids::{ProductId, UserId};
use kernel::participation::Inbox;
use kernel::testbed::{Testbed, bare_plan};
use kernel::{Kind, Money, Participant, Plan, PlanLine, Reason, Refused, Said, Step, Timestamp};
use proptest::prelude::*;
use smol_str::SmolStr;
use std::sync::Arc;
use uuid::Uuid;

const ADMIN: UserId = UserId(Uuid::from_u128(9));
const PRICE: i64 = 1_000;

fn won(minor: i64) -> Money {
    Money::new(minor).unwrap()
}

fn create(sku: &str, stock: i64) -> CreateProduct {
    CreateProduct { sku: sku.into(), name: "Mug".into(), price: won(PRICE), stock, by: ADMIN }
}

fn patch(id: ProductId) -> PatchProduct {
    PatchProduct {
        id,
        name: None,
        price: None,
        status: None,
        expected_version: None,
        by: ADMIN,
        reason: None,
    }
}

/// A bench with one product per given stock.
fn bench<const N: usize>(stocks: [i64; N]) -> (Testbed<Products>, [ProductId; N]) {
    let mut bench = Testbed::new(Products, Timestamp(1_000));
    let mut number = 0;
    let ids = stocks.map(|stock| {
        number += 1;
        bench.ask(create(&format!("SKU-{number}"), stock)).unwrap().unwrap().id
    });
    (bench, ids)
}

fn adjust(bench: &mut Testbed<Products>, id: ProductId, by: i64) -> Result<Product, Refused> {
    bench.ask(AdjustStock { id, adjust: by, reason: Some("counted".to_owned()), by: ADMIN }).unwrap()
}

fn line(product_id: ProductId, quantity: i64, unit_price: i64) -> PlanLine {
    let (sku, name) = (SmolStr::new("SKU"), SmolStr::new("Mug"));
    PlanLine { product_id, sku, name, quantity, unit_price: won(unit_price) }
}

fn order(saga: u128, lines: &[(ProductId, i64)]) -> Arc<Plan> {
    let lines = lines.iter().map(|(product, quantity)| line(*product, *quantity, PRICE)).collect();
    Arc::new(Plan { lines, steps: vec![Step::STOCK], ..bare_plan(saga, UserId(Uuid::from_u128(1))) })
}

fn stock_and_sold(bench: &Testbed<Products>, id: ProductId) -> (i64, i64) {
    let product = bench.get::<Product>((id,)).unwrap();
    (product.stock, product.sold)
}

fn done() -> Said {
    Said::Done { step: Step::STOCK, prior: Vec::new() }
}

fn refused(reason: Reason) -> Said {
    Said::Refused { step: Step::STOCK, reason }
}

fn shown<T>(reply: Result<T, Refused>) -> Option<(Kind, &'static str, Option<&'static str>)> {
    reply.err().map(|refused| (refused.kind, refused.code, refused.pointer))
}

#[test]
fn a_product_is_made_or_refused_by_one_named_reason() {
    let invalid = |pointer| Some((Kind::Invalid, "INVALID_FIELD", Some(pointer)));
    let good = create("NEW", 3);
    for (command, expected) in [
        (good.clone(), None),
        (CreateProduct { stock: 0, price: won(0), ..good.clone() }, None),
        (CreateProduct { sku: "SKU-1".into(), ..good.clone() }, Some((Kind::Conflict, "SKU_TAKEN", None))),
        (CreateProduct { sku: "".into(), ..good.clone() }, invalid("/sku")),
        (CreateProduct { sku: "A\tB".into(), ..good.clone() }, invalid("/sku")),
        (CreateProduct { name: "x".repeat(201).into(), ..good.clone() }, invalid("/name")),
        (CreateProduct { price: won(-1), ..good.clone() }, invalid("/price")),
        (CreateProduct { stock: -1, ..good.clone() }, invalid("/stock")),
        (CreateProduct { stock: STOCK_MAX + 1, ..good.clone() }, invalid("/stock")),
    ] {
        let (mut bench, _) = bench([5]);
        let before = bench.snapshot();
        let reply = bench.ask(command.clone()).unwrap();
        assert_eq!(shown(reply), expected, "{command:?}");
        assert_eq!(bench.snapshot() == before, expected.is_some(), "a refusal changes nothing");
        assert_eq!(bench.said.is_empty(), expected.is_some(), "a refusal says nothing");
    }
}

#[test]
fn one_sku_asked_for_twice_in_a_batch_is_made_once() {
    let mut bench = Testbed::new(Products, Timestamp(1_000));
    let replies = bench.ask_all(&[create("A", 1), create("A", 1)]).unwrap();
    assert_eq!(replies.iter().filter(|reply| reply.is_ok()).count(), 1);
    assert_eq!(bench.all::<Product>().len(), 1);
}

#[test]
fn the_initial_stock_is_an_adjustment_too() {
    let (bench, [id]) = bench([5]);
    let rows = bench.all::<StockAdjustment>();
    assert_eq!(rows.iter().map(|row| (row.product_id, row.amount)).collect::<Vec<_>>(), [(id, 5)]);
}

#[test]
fn a_patch_changes_what_is_given_and_says_who_and_why() {
    let (mut bench, [id]) = bench([5]);
    let (price, reason) = (Some(won(1_200)), Some("dearer".to_owned()));
    let after = bench.ask(PatchProduct { price, reason, ..patch(id) }).unwrap().unwrap();
    assert_eq!((after.price, after.version, after.name.as_str()), (won(1_200), 2, "Mug"));
    let Said::Fact { kind, body } = &bench.said[0] else { panic!("{:?}", bench.said) };
    let expected = serde_json::json!({
        "sku": "SKU-1", "name": "Mug", "price": 1_200, "status": "ACTIVE", "version": 2,
        "by": ADMIN, "reason": "dearer",
    });
    assert_eq!((kind.as_str(), body), ("product.changed", &expected));
    bench.now = Timestamp(2_000);
    let after = bench.ask(PatchProduct { name: Some("Cup".into()), ..patch(id) }).unwrap().unwrap();
    assert_eq!((after.name.as_str(), after.price), ("Cup", won(1_200)));
    assert_eq!((after.created_at, after.updated_at), (Timestamp(1_000), Timestamp(2_000)));
}

#[test]
fn a_product_without_stock_has_no_adjustment() {
    let (bench, _) = bench([0]);
    assert_eq!(bench.all::<StockAdjustment>(), []);
}

#[test]
fn a_patch_is_refused_by_one_named_reason() {
    let (mut bench, [id]) = bench([5]);
    let before = bench.snapshot();
    let nobody = ProductId(Uuid::from_u128(404));
    let invalid = |pointer| Some((Kind::Invalid, "INVALID_FIELD", Some(pointer)));
    for (command, expected) in [
        (patch(nobody), Some((Kind::NotFound, "NOT_FOUND", None))),
        (
            PatchProduct { expected_version: Some(2), ..patch(id) },
            Some((Kind::Stale, "VERSION_MISMATCH", None)),
        ),
        (PatchProduct { name: Some("".into()), ..patch(id) }, invalid("/name")),
        (PatchProduct { price: Some(won(-1)), ..patch(id) }, invalid("/price")),
        (PatchProduct { reason: Some("\0".to_owned()), ..patch(id) }, invalid("/reason")),
    ] {
        assert_eq!(shown(bench.ask(command).unwrap()), expected);
        assert_eq!((bench.snapshot() == before, bench.said.len()), (true, 0));
    }
}

#[test]
fn a_patch_that_changes_nothing_keeps_the_version_and_says_nothing() {
    let (mut bench, [id]) = bench([5]);
    let same = PatchProduct { price: Some(won(PRICE)), expected_version: Some(1), ..patch(id) };
    assert_eq!(bench.ask(same).unwrap().unwrap().version, 1);
    assert_eq!(bench.said, []);
}

#[test]
fn an_adjustment_is_taken_or_refused_by_one_named_reason() {
    let short = Err(Some((Kind::Conflict, "STOCK_WOULD_BE_NEGATIVE", None)));
    let invalid = Err(Some((Kind::Invalid, "INVALID_FIELD", Some("/adjust"))));
    for (start, by, expected) in [
        (5, 3, Ok(8)),
        (5, -5, Ok(0)),
        (5, -6, short),
        (5, i64::MIN, short),
        (5, 0, invalid),
        (5, STOCK_MAX, invalid),
        (5, i64::MAX, invalid),
    ] {
        let (mut bench, [id]) = bench([start]);
        let before = bench.snapshot();
        let reply = adjust(&mut bench, id, by);
        let stock = reply.clone().map(|product| product.stock).map_err(|_| shown(reply));
        assert_eq!(stock, expected, "{start} {by}");
        assert_eq!(bench.snapshot() == before, expected.is_err());
    }
}

#[test]
fn stock_of_an_unknown_product_is_not_found() {
    let (mut bench, []) = bench([]);
    let reply = adjust(&mut bench, ProductId(Uuid::from_u128(404)), 1);
    assert_eq!(shown(reply), Some((Kind::NotFound, "NOT_FOUND", None)));
}

#[test]
fn all_lines_are_deducted_or_none() {
    for (a, b, said, left) in [
        (2, 3, done(), (3, 0)),
        (5, 1, done(), (0, 2)),
        (2, 4, refused(Reason::OUT_OF_STOCK), (5, 3)),
        (6, 1, refused(Reason::OUT_OF_STOCK), (5, 3)),
    ] {
        let (mut bench, ids) = bench([5, 3]);
        bench.act(&Step::STOCK, &order(7, &[(ids[0], a), (ids[1], b)])).unwrap();
        assert_eq!(bench.said, [said]);
        assert_eq!((stock_and_sold(&bench, ids[0]).0, stock_and_sold(&bench, ids[1]).0), left);
    }
}

#[test]
fn a_product_on_two_lines_needs_stock_for_both() {
    for (first, second, said, left) in [
        (3, 2, done(), (0, 5)),
        (3, 3, refused(Reason::OUT_OF_STOCK), (5, 0)),
        (i64::MAX, i64::MAX, refused(Reason::OUT_OF_STOCK), (5, 0)),
    ] {
        let (mut bench, [id]) = bench([5]);
        bench.act(&Step::STOCK, &order(7, &[(id, first), (id, second)])).unwrap();
        assert_eq!((&bench.said[..], stock_and_sold(&bench, id)), (&[said][..], left));
    }
}

#[test]
fn a_stale_quote_is_refused_and_never_mis_sold() {
    let dearer = |id| PatchProduct { price: Some(won(1_001)), ..patch(id) };
    let withdrawn = |id| PatchProduct { status: Some(ProductStatus::Inactive), ..patch(id) };
    let both = |id| PatchProduct { price: Some(won(1_001)), ..withdrawn(id) };
    let cases: [(&dyn Fn(ProductId) -> PatchProduct, Reason); 3] =
        [(&dearer, Reason::PRICE_CHANGED), (&withdrawn, Reason::OUT_OF_STOCK), (&both, Reason::OUT_OF_STOCK)];
    for (change, reason) in cases {
        let (mut bench, [id]) = bench([5]);
        bench.ask(change(id)).unwrap().unwrap();
        bench.act(&Step::STOCK, &order(7, &[(id, 1)])).unwrap();
        assert_eq!((&bench.said[..], stock_and_sold(&bench, id)), (&[refused(reason)][..], (5, 0)));
    }
}

#[test]
fn an_unknown_product_is_out_of_stock() {
    let (mut bench, []) = bench([]);
    bench.act(&Step::STOCK, &order(7, &[(ProductId(Uuid::from_u128(404)), 1)])).unwrap();
    assert_eq!(bench.said, [refused(Reason::OUT_OF_STOCK)]);
}

#[test]
fn a_line_of_nothing_is_a_fault() {
    for quantity in [0, -1, i64::MIN] {
        let (mut bench, [id]) = bench([5]);
        assert!(bench.act(&Step::STOCK, &order(7, &[(id, quantity)])).is_err());
        assert_eq!(stock_and_sold(&bench, id), (5, 0));
    }
}

#[test]
fn stock_and_sales_count_are_restored_once_whatever_the_product_has_become() {
    let (mut bench, [id]) = bench([5]);
    let plan = order(7, &[(id, 2)]);
    bench.act(&Step::STOCK, &plan).unwrap();
    bench.act(&Step::STOCK, &plan).unwrap();
    assert_eq!(stock_and_sold(&bench, id), (3, 2));
    let (status, price) = (Some(ProductStatus::Inactive), Some(won(1)));
    bench.ask(PatchProduct { status, price, ..patch(id) }).unwrap().unwrap();
    for _ in 0..2 {
        bench.undo(&Step::STOCK, &plan).unwrap();
        assert_eq!(bench.said, [Said::Compensated { step: Step::STOCK, cause: None }]);
    }
    assert_eq!(stock_and_sold(&bench, id), (5, 0));
}

#[test]
fn a_sale_does_not_clash_with_an_edit() {
    let (mut bench, [id]) = bench([5]);
    bench.act(&Step::STOCK, &order(7, &[(id, 1)])).unwrap();
    let edit = PatchProduct { name: Some("Cup".into()), expected_version: Some(1), ..patch(id) };
    assert!(bench.ask(edit).unwrap().is_ok());
}

#[test]
fn a_receipt_says_what_was_taken_of_which_product() {
    let (mut bench, [id]) = bench([5]);
    let plan = order(7, &[(id, 2), (id, 1)]);
    bench.act(&Step::STOCK, &plan).unwrap();
    let receipt = bench.get::<Inbox>((plan.saga, Step::STOCK)).unwrap().receipt.unwrap();
    assert_eq!(receipt, format!(r#"[{{"product":"{id}","quantity":3}}]"#));
    let movements = Stock.movements(&receipt).unwrap();
    assert_eq!((movements.len(), movements[0].amount), (1, -3));
    assert_eq!(movements[0].account, format!("stock:{id}"));
}

#[derive(Clone, Debug)]
enum Move {
    Adjust(usize, i64),
    Reprice(usize, i64),
    Sell(u8),
    Restore(u8),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        (0_usize..3, -9_i64..9).prop_map(|(product, by)| Move::Adjust(product, by)),
        (0_usize..3, PRICE..PRICE + 2).prop_map(|(product, price)| Move::Reprice(product, price)),
        (0_u8..9).prop_map(Move::Sell),
        (0_u8..9).prop_map(Move::Restore),
    ];
    prop::collection::vec(one, 0..60)
}

proptest! {
    #[test]
    fn stock_is_its_adjustments_and_its_done_receipts_whatever_happens(moves in moves()) {
        let (mut bench, ids) = bench([9, 4, 0]);
        // Each order always has the same plan, as in life.
        let plan = |n: u8| {
            let at = usize::from(n);
            order(u128::from(n) + 1, &[(ids[at % 3], i64::from(n) + 1), (ids[(at + at / 3) % 3], 1)])
        };
        for one in &moves {
            match one {
                Move::Adjust(product, by) => drop(adjust(&mut bench, ids[*product], *by)),
                Move::Reprice(product, price) => {
                    let change = PatchProduct { price: Some(won(*price)), ..patch(ids[*product]) };
                    bench.ask(change).unwrap().unwrap();
                }
                Move::Sell(n) => bench.act(&Step::STOCK, &plan(*n)).unwrap(),
                Move::Restore(n) => bench.undo(&Step::STOCK, &plan(*n)).unwrap(),
            }
        }
        let books = bench.books().unwrap();
        for product in bench.all::<Product>() {
            let rows = bench.all::<StockAdjustment>();
            let own = rows.iter().filter(|row| row.product_id == product.id);
            let adjusted: i64 = own.map(|row| row.amount).sum();
            let moved = books.get(format!("stock:{}", product.id).as_str()).copied().unwrap_or(0);
            prop_assert!(product.stock >= 0);
            prop_assert_eq!(product.stock, adjusted + moved);
            prop_assert_eq!(product.sold, -moved);
        }
    }
}
