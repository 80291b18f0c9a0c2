//! Whatever is wanted and whatever others say of it, a frozen plan adds up.

use crate::desk::{OWNER, card, fact, product, user_coupon};
use jumun_order::quote::{PayerFacts, Payment, Points, Quoted, draft, freeze, price, sum_lines};
use kernel::{Currency, Money, Plan, Step};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Any amount, the extremes and small ones more often.
fn money() -> impl Strategy<Value = Money> {
    let top = Money::MAX.minor();
    prop_oneof![Just(0), Just(1), Just(-1), Just(top), Just(-top), -50_000..50_000_i64, -top..=top]
        .prop_map(|minor| Money::new(minor).unwrap())
}

fn quantity() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 1..20_i64, 1 => any::<i64>()]
}

/// A price; the catalogue holds none below zero.
fn price_of_one() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0..30_000_i64, 1 => 0..=Money::MAX.minor()]
}

fn payer() -> impl Strategy<Value = PayerFacts> {
    (
        any::<Option<bool>>(),
        proptest::option::of(proptest::option::of(money())),
        proptest::option::of(money()),
    )
        .prop_map(|(active, discount, balance)| PayerFacts { active, discount, balance })
}

fn wanted() -> impl Strategy<Value = Payment> {
    let points = prop_oneof![1 => Just(Points::All), 2 => money().prop_map(Points::Amount)];
    (any::<bool>(), points, any::<bool>()).prop_map(|(coupon, points, with_card)| Payment {
        user_coupon_id: coupon.then(user_coupon),
        points,
        card: with_card.then(card),
    })
}

fn check(plan: &Plan) -> Result<(), TestCaseError> {
    let payable = plan.total.minus(plan.discount()).unwrap();
    prop_assert_eq!(payable, plan.points.plus(plan.card_amount).unwrap());
    for amount in [plan.total, plan.discount(), plan.points, plan.card_amount] {
        prop_assert!(!amount.is_negative(), "{:?}", plan);
    }
    prop_assert_eq!(plan.card.is_some(), !plan.card_amount.is_zero(), "a card exactly where it is charged");
    let lines = plan.lines.iter().map(|line| line.unit_price.times(line.quantity).unwrap());
    let sum = lines.fold(Money::ZERO, |sum, amount| sum.plus(amount).unwrap());
    prop_assert_eq!(sum, plan.total);
    Ok(())
}

proptest! {
    #[test]
    fn every_frozen_plan_adds_up(
        lines in proptest::collection::vec((0..4_u128, quantity()), 0..6),
        prices in proptest::collection::vec(price_of_one(), 4),
        wanted in wanted(),
        payer in payer(),
    ) {
        let lines: Vec<_> = lines.into_iter().map(|(n, quantity)| (product(n), quantity)).collect();
        let catalogue: BTreeMap<_, _> = (0..).zip(prices).map(|(n, price)| (product(n), fact(price))).collect();
        let Ok(priced) = sum_lines(&lines).and_then(|lines| price(&lines, &catalogue)) else { return Ok(()) };
        let ordered: i64 = priced.lines.iter().map(|line| line.quantity).sum();
        prop_assert_eq!(ordered, lines.iter().map(|(_, quantity)| quantity).sum::<i64>());
        let draft = draft(OWNER, priced, Currency::KRW, BTreeMap::new());
        match freeze(draft, &wanted, payer, &|_| vec![Step::PAYMENT]) {
            Ok(Quoted::Plan(plan)) => check(&plan)?,
            Ok(Quoted::Refused(_, plan)) => {
                prop_assert!(plan.steps.is_empty() && plan.card.is_none());
                prop_assert!(!plan.points.is_negative() && !plan.discount().is_negative());
            }
            Err(_) => {}
        }
    }

    #[test]
    fn no_catalogue_makes_pricing_panic(
        lines in proptest::collection::btree_map((0..3_u128).prop_map(product), any::<i64>(), 0..4),
        prices in proptest::collection::vec((money(), any::<bool>()), 3),
    ) {
        let fact = |(price, active)| jumun_order::quote::ProductFact { price, active, ..fact(0) };
        let catalogue: BTreeMap<_, _> = (0..).map(product).zip(prices.into_iter().map(fact)).collect();
        let _ = price(&lines, &catalogue);
    }

    #[test]
    fn points_asked_for_are_taken_exactly_or_refused(amount in money(), balance in money()) {
        let priced = price(&[(product(0), 2)].into(), &[(product(0), fact(12_000))].into()).unwrap();
        let draft = draft(OWNER, priced, Currency::KRW, BTreeMap::new());
        let wanted = Payment { user_coupon_id: None, points: Points::Amount(amount), card: Some(card()) };
        let payer = PayerFacts { active: None, discount: None, balance: Some(balance) };
        if let Ok(Quoted::Plan(plan)) = freeze(draft, &wanted, payer, &|_| vec![Step::PAYMENT]) {
            prop_assert_eq!(plan.points, amount);
            prop_assert!(plan.points <= balance);
        }
    }
}
