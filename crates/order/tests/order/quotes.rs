//! Quotes as tables: lines summed, prices frozen, coupon and points taken off.

use crate::desk::{catalogue, draft, fact, facts, payment, product, won};
use jumun_order::quote::{MOST_LINES, MOST_PIECES, PayerFacts, Points, Quoted, freeze, price, sum_lines};
use kernel::Refused;
use kernel::ids::ProductId;
use kernel::{Plan, Step};
use std::collections::BTreeMap;

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn complaint(refused: Refused) -> String {
    format!("{} at {}", refused.code, refused.pointer.unwrap_or("-"))
}

#[test]
fn lines_are_summed_by_product_or_refused_by_one_named_reason() {
    let (a, b) = (product(1), product(2));
    let many: Vec<(ProductId, i64)> = (0..=MOST_LINES).map(|n| (product(n as u128), 1)).collect();
    let bad_quantity = || Err("QUANTITY_INVALID at /lines/quantity".to_owned());
    for (wanted, expected) in [
        (vec![(a, 1)], Ok(vec![(a, 1)])),
        (vec![(b, 1), (a, 2), (b, 3)], Ok(vec![(a, 2), (b, 4)])),
        (vec![(a, MOST_PIECES)], Ok(vec![(a, MOST_PIECES)])),
        (many[..MOST_LINES].to_vec(), Ok(many[..MOST_LINES].to_vec())),
        (vec![], Err("LINES_EMPTY at /lines".to_owned())),
        (many.clone(), Err("TOO_MANY_LINES at /lines".to_owned())),
        (vec![(a, 0)], bad_quantity()),
        (vec![(a, 1), (b, -1)], bad_quantity()),
        (vec![(a, MOST_PIECES), (a, 1)], bad_quantity()),
        (vec![(a, i64::MAX), (a, i64::MAX)], bad_quantity()),
    ] {
        let summed = sum_lines(&wanted).map(|sums| sums.into_iter().collect::<Vec<_>>());
        assert_eq!(summed.map_err(complaint), expected);
    }
}

#[test]
fn the_first_complaint_about_lines_is_the_one_that_is_told() {
    let many = vec![(product(1), 0); MOST_LINES + 1];
    assert_eq!(sum_lines(&many).map_err(complaint), Err("TOO_MANY_LINES at /lines".to_owned()));
}

#[test]
fn prices_are_frozen_or_refused_by_one_named_reason() {
    let unknown = || Err("PRODUCT_UNKNOWN at /lines/product_id".to_owned());
    let too_much = || Err("TOTAL_OUT_OF_RANGE at /lines".to_owned());
    let top = kernel::Money::MAX.minor();
    let mut with_withdrawn = catalogue(&[1_000]);
    with_withdrawn.insert(product(2), jumun_order::quote::ProductFact { active: false, ..fact(1) });
    for (what, lines, catalogue, expected) in [
        ("two products", vec![(1, 3), (2, 1)], catalogue(&[1_000, 250]), Ok(3_250)),
        ("a gift", vec![(1, 5)], catalogue(&[0]), Ok(0)),
        ("as much as there can be", vec![(1, 1)], catalogue(&[top]), Ok(top)),
        ("an unknown product", vec![(1, 1), (2, 1)], catalogue(&[1_000]), unknown()),
        ("a withdrawn product", vec![(2, 1)], with_withdrawn, unknown()),
        ("a line too dear", vec![(1, 2)], catalogue(&[top]), too_much()),
        ("a line past all numbers", vec![(1, i64::MAX)], catalogue(&[top]), too_much()),
        ("a sum too dear", vec![(1, 1), (2, 1)], catalogue(&[top, 1]), too_much()),
    ] {
        let lines: BTreeMap<ProductId, i64> = lines.into_iter().map(|(n, q)| (product(n), q)).collect();
        let total = price(&lines, &catalogue).map(|priced| priced.total.minor());
        assert_eq!(total.map_err(complaint), expected, "{what}");
    }
}

#[test]
fn a_frozen_line_keeps_what_the_catalogue_said() {
    let priced = price(&[(product(1), 2)].into(), &catalogue(&[700])).unwrap();
    let line = &priced.lines[0];
    assert_eq!((line.sku.as_str(), line.name.as_str()), ("MUG", "Mug"));
    assert_eq!((line.quantity, line.unit_price, priced.total), (2, won(700), won(1_400)));
}

/// What a quote over 24,000 comes to: `discount 0, points 0, card 24000 (token kept)`, `COUPON_INVALID`, or the refusal that
/// makes no order.
fn frozen(coupon: bool, points: Points, card: bool, facts: PayerFacts) -> String {
    let steps_of = |_: &Plan| vec![Step::STOCK, Step::PAYMENT];
    match freeze(draft(), &payment(coupon, points, card), facts, &steps_of) {
        Ok(Quoted::Plan(plan)) => {
            assert_eq!(plan.steps, [Step::STOCK, Step::PAYMENT]);
            let token = if plan.card.is_some() { " with token" } else { "" };
            let discount = plan.discount();
            format!("discount {discount}, points {}, card {}{token}", plan.points, plan.card_amount)
        }
        Ok(Quoted::Refused(reason, plan)) => {
            assert!(plan.steps.is_empty(), "a refused order has an empty plan");
            assert_eq!(plan.card, None, "an order that will never be charged keeps no card");
            format!("refused {reason}")
        }
        Err(refused) => complaint(refused),
    }
}

#[test]
fn an_order_is_paid_by_discount_points_and_card() {
    let points = |amount| Points::Amount(won(amount));
    for (coupon, wanted, card, facts, expected) in [
        (false, points(0), true, facts(0, None), "discount 0, points 0, card 24000 with token"),
        (false, points(4_000), true, facts(9_000, None), "discount 0, points 4000, card 20000 with token"),
        (
            true,
            points(4_000),
            true,
            facts(9_000, Some(3_000)),
            "discount 3000, points 4000, card 17000 with token",
        ),
        (false, points(24_000), true, facts(24_000, None), "discount 0, points 24000, card 0"),
        (false, points(24_000), false, facts(24_000, None), "discount 0, points 24000, card 0"),
        (true, points(0), false, facts(0, Some(24_000)), "discount 24000, points 0, card 0"),
        (false, Points::All, true, facts(9_000, None), "discount 0, points 9000, card 15000 with token"),
        (false, Points::All, true, facts(90_000, None), "discount 0, points 24000, card 0"),
        (true, Points::All, true, facts(90_000, Some(4_000)), "discount 4000, points 20000, card 0"),
        (false, Points::All, true, facts(0, None), "discount 0, points 0, card 24000 with token"),
        // What was not asked here its owner verifies.
        (false, points(4_000), true, PayerFacts::default(), "discount 0, points 4000, card 20000 with token"),
        // A coupon that nobody wants to use takes nothing off.
        (false, points(0), true, facts(0, Some(3_000)), "discount 0, points 0, card 24000 with token"),
    ] {
        assert_eq!(frozen(coupon, wanted, card, facts), expected, "coupon {coupon}, {wanted:?}, {facts:?}");
    }
}

#[test]
fn a_refusal_about_the_order_is_stored_and_one_about_the_request_makes_none() {
    let points = |amount| Points::Amount(won(amount));
    let suspended = PayerFacts { active: Some(false), ..facts(0, None) };
    let no_coupon = PayerFacts { discount: Some(None), ..facts(0, None) };
    for (coupon, wanted, card, facts, expected) in [
        (false, points(0), true, suspended, "refused USER_INACTIVE"),
        (true, points(0), true, no_coupon, "refused COUPON_INVALID"),
        (true, points(0), true, facts(0, None), "refused COUPON_INVALID"),
        (true, points(0), true, facts(0, Some(24_001)), "refused COUPON_INVALID"),
        (true, points(0), true, facts(0, Some(-1)), "refused COUPON_INVALID"),
        (false, points(5_000), true, facts(4_999, None), "refused POINTS_SHORT"),
        (false, points(24_001), true, facts(90_000, None), "POINTS_EXCEED_TOTAL at /points"),
        (true, points(21_001), true, facts(90_000, Some(3_000)), "POINTS_EXCEED_TOTAL at /points"),
        (false, points(-1), true, facts(90_000, None), "INVALID_FIELD at /points"),
        (false, points(0), false, facts(0, None), "CARD_REQUIRED at /card_token"),
        (false, Points::All, false, facts(23_999, None), "CARD_REQUIRED at /card_token"),
    ] {
        assert_eq!(frozen(coupon, wanted, card, facts), expected, "coupon {coupon}, {wanted:?}, {facts:?}");
    }
}

#[test]
fn where_several_refusals_apply_the_first_in_order_is_told() {
    let points = |amount| Points::Amount(won(amount));
    let suspended = PayerFacts { active: Some(false), discount: Some(None), balance: Some(won(0)) };
    let all_wrong = PayerFacts { active: Some(true), ..suspended };
    for (coupon, wanted, facts, expected) in [
        (true, points(-1), suspended, "INVALID_FIELD at /points"),
        (true, points(90_000), suspended, "refused USER_INACTIVE"),
        (true, points(90_000), all_wrong, "refused COUPON_INVALID"),
        (false, points(90_000), all_wrong, "POINTS_EXCEED_TOTAL at /points"),
        (false, points(5_000), all_wrong, "CARD_REQUIRED at /card_token"),
    ] {
        assert_eq!(frozen(coupon, wanted, false, facts), expected);
    }
}
