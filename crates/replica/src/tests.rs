//! What copies say after words that come twice, late, or with more in them than is needed.

use crate::{CouponCopy, ProductCopy, Replica, UserCopy};
use kernel::ids::{ProductId, UserCouponId, UserId};
use kernel::plan::PlanCoupon;
use kernel::testbed::{Testbed, bare_plan};
use kernel::{DecideError, DomainName, Money, Plan, PlanLine, Reason, Said, Step, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

const OWNER: DomainName = DomainName::of("owner");

fn bench() -> Testbed<Replica> {
    Testbed::new(Replica, Timestamp(1_000))
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn won(minor: i64) -> Money {
    Money::new(minor).unwrap()
}

/// What the catalogue says of a product, with what only others need.
fn product(version: i64, price: i64, status: &str) -> Value {
    json!({
        "sku": "MUG", "name": format!("Mug {version}"), "price": price, "status": status, "version": version,
        "by": id(9), "reason": null, "colour": "blue",
    })
}

fn user(version: i64, status: &str) -> Value {
    json!({ "status": status, "role": "customer", "version": version, "renamed": false })
}

fn issued(coupon: u128, terms: Option<Value>) -> Value {
    let mut body = json!({ "user_id": id(1), "coupon_id": id(50), "user_coupon_id": id(coupon) });
    if let Some(terms) = terms {
        body["terms"] = terms;
    }
    body
}

fn changed(bench: &mut Testbed<Replica>, key: u128, body: Value) {
    bench.hear_fact(&OWNER, id(key), "product.changed", body).unwrap();
}

/// Price, name and whether it is for sale, as copied.
fn shown(bench: &Testbed<Replica>, key: u128) -> Option<(i64, String, bool)> {
    let copy: ProductCopy = bench.get((ProductId(id(key)),))?;
    assert_eq!(copy.sku, "MUG");
    Some((copy.price.minor(), copy.name.to_string(), copy.active))
}

#[test]
fn of_two_words_about_a_product_the_newer_stays_whichever_comes_first() {
    let newer = Some((1_600, "Mug 2".to_owned(), true));
    for order in [[1, 2, 2, 1], [2, 1, 1, 2], [1, 1, 2, 2]] {
        let mut bench = bench();
        for version in order {
            changed(&mut bench, 7, product(version, 1_400 + 100 * version, "ACTIVE"));
        }
        assert_eq!(shown(&bench, 7), newer, "{order:?}");
    }
}

#[test]
fn a_product_that_is_not_for_sale_keeps_its_copy_and_is_no_yes() {
    for status in ["INACTIVE", "A_STATUS_OF_LATER_DAYS"] {
        let mut bench = bench();
        changed(&mut bench, 7, product(1, 1_500, "ACTIVE"));
        changed(&mut bench, 7, product(2, 1_500, status));
        // A late word does not put it on sale again.
        changed(&mut bench, 7, product(1, 1_500, "ACTIVE"));
        assert_eq!(shown(&bench, 7).map(|(_, _, active)| active), Some(false), "{status}");
    }
}

#[test]
fn of_two_words_about_a_user_the_newer_stays() {
    let mut bench = bench();
    let active = |bench: &Testbed<Replica>| bench.get::<UserCopy>((UserId(id(1)),)).map(|copy| copy.active);
    for (word, body, expected) in [
        ("user.created", user(1, "ACTIVE"), true),
        ("user.changed", user(3, "SUSPENDED"), false),
        ("user.changed", user(2, "ACTIVE"), false),
        ("user.created", user(1, "ACTIVE"), false),
        ("user.changed", user(4, "ACTIVE"), true),
    ] {
        bench.hear_fact(&OWNER, id(1), word, body).unwrap();
        assert_eq!(active(&bench), Some(expected), "{word}");
    }
}

fn coupon_copy(bench: &Testbed<Replica>, coupon: u128) -> Option<CouponCopy> {
    bench.get((UserCouponId(id(coupon)),))
}

/// A bench that holds a copy of user coupon 60.
fn with_coupon() -> Testbed<Replica> {
    let mut bench = bench();
    bench.hear_fact(&OWNER, id(50), "coupon.issued", issued(60, Some(json!({ "any": "words" })))).unwrap();
    bench
}

fn with_coupon_plan(coupon: u128) -> Arc<Plan> {
    let coupon = Some(PlanCoupon { user_coupon_id: UserCouponId(id(coupon)), discount: won(500) });
    Arc::new(Plan { coupon, steps: vec![Step::COUPON], ..bare_plan(100, UserId(id(1))) })
}

#[test]
fn an_issued_coupon_is_copied_with_its_terms_word_for_word() {
    let bench = with_coupon();
    let terms = kernel::Json(json!({ "any": "words" }));
    let expected = CouponCopy { id: UserCouponId(id(60)), user_id: UserId(id(1)), terms };
    assert_eq!(coupon_copy(&bench, 60), Some(expected));
}

#[test]
fn an_issue_that_was_said_without_terms_is_no_copy() {
    let mut bench = bench();
    bench.hear_fact(&OWNER, id(50), "coupon.issued", issued(60, None)).unwrap();
    assert_eq!(coupon_copy(&bench, 60), None);
}

#[test]
fn a_coupon_that_was_used_refused_or_has_expired_has_no_copy() {
    let done = Said::Done { step: Step::COUPON, prior: vec![Step::STOCK] };
    let refused = Said::Refused { step: Step::COUPON, reason: Reason::COUPON_INVALID };
    for said in [done, refused] {
        let mut bench = with_coupon();
        bench.hear(&OWNER, &said, &with_coupon_plan(61)).unwrap();
        assert!(coupon_copy(&bench, 60).is_some(), "another coupon: {said:?}");
        for _ in 0..2 {
            bench.hear(&OWNER, &said, &with_coupon_plan(60)).unwrap();
            assert_eq!(coupon_copy(&bench, 60), None, "{said:?}");
        }
    }
    let mut bench = with_coupon();
    for _ in 0..2 {
        bench.hear_fact(&OWNER, id(50), "coupon.expired", issued(60, None)).unwrap();
        assert_eq!(coupon_copy(&bench, 60), None);
    }
}

#[test]
fn a_step_of_an_order_without_a_coupon_changes_nothing() {
    let mut bench = with_coupon();
    let before = bench.snapshot();
    let plan = Arc::new(bare_plan(100, UserId(id(1))));
    bench.hear(&OWNER, &Said::Done { step: Step::COUPON, prior: Vec::new() }, &plan).unwrap();
    assert_eq!(bench.snapshot(), before);
}

/// A plan of products 7 and 8 at these prices.
fn priced(prices: [i64; 2]) -> Arc<Plan> {
    let lines = prices.iter().zip([7, 8]).map(|(price, product)| PlanLine {
        product_id: ProductId(id(product)),
        sku: "MUG".into(),
        name: "Mug".into(),
        quantity: 1,
        unit_price: won(*price),
    });
    Arc::new(Plan { lines: lines.collect(), steps: vec![Step::STOCK], ..bare_plan(100, UserId(id(1))) })
}

/// Which of the copies of products 7 and 8, both at 1,500, are left after a plan at `prices` was refused for `reason`.
fn left(prices: [i64; 2], reason: Reason) -> [bool; 2] {
    let mut bench = bench();
    changed(&mut bench, 7, product(1, 1_500, "ACTIVE"));
    changed(&mut bench, 8, product(1, 1_500, "ACTIVE"));
    bench.hear(&OWNER, &Said::Refused { step: Step::STOCK, reason }, &priced(prices)).unwrap();
    [7, 8].map(|product| shown(&bench, product).is_some())
}

#[test]
fn copies_that_priced_a_refused_order_go_unless_a_newer_one_explains_it() {
    assert_eq!(left([1_500, 1_500], Reason::PRICE_CHANGED), [false, false]);
    assert_eq!(left([1_400, 1_500], Reason::PRICE_CHANGED), [true, true]);
    assert_eq!(left([1_500, 1_400], Reason::PRICE_CHANGED), [true, true]);
    assert_eq!(left([1_500, 1_500], Reason::OUT_OF_STOCK), [true, true]);
}

#[test]
fn a_word_that_does_not_read_is_a_fault_and_changes_nothing() {
    let mut bench = bench();
    changed(&mut bench, 7, product(1, 1_500, "ACTIVE"));
    let before = bench.snapshot();
    for (word, body) in [
        ("product.changed", json!({ "sku": "MUG", "price": 1_600, "version": 2 })),
        ("user.created", json!({})),
        ("coupon.issued", json!({ "coupon_id": id(50) })),
    ] {
        let fault = bench.hear_fact(&OWNER, id(7), word, body);
        assert!(matches!(fault, Err(DecideError::Document(_))), "{word}: {fault:?}");
    }
    let unheard = bench.hear_fact(&OWNER, id(7), "coupon.created", json!({}));
    assert!(matches!(unheard, Err(DecideError::Impossible(_))), "{unheard:?}");
    let refused = Said::Refused { step: Step::PAYMENT, reason: Reason::PRICE_CHANGED };
    let unheard = bench.hear(&OWNER, &refused, &priced([1_500, 1_500]));
    assert!(matches!(unheard, Err(DecideError::Impossible(_))), "{unheard:?}");
    assert_eq!(bench.snapshot(), before);
}

proptest! {
    /// Each version is said once and heard in any order, any number of times.
    #[test]
    fn whatever_the_order_the_newest_word_stays(heard in proptest::collection::vec(1_i64..20, 1..40)) {
        let mut bench = bench();
        for version in &heard {
            let status = if version % 2 == 0 { "ACTIVE" } else { "INACTIVE" };
            changed(&mut bench, 7, product(*version, 100 * version, status));
        }
        let newest = heard.iter().max().unwrap();
        prop_assert_eq!(shown(&bench, 7), Some((100 * newest, format!("Mug {newest}"), newest % 2 == 0)));
    }
}
