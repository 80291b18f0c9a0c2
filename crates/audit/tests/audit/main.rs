//! The audit of a small shop: clean while its books agree, and naming exactly what was damaged when they do not.

#[cfg(test)]
mod damages;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod world;

use jumun_audit::{AuditError, Code, Report};
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use kernel::participation::{Inbox, InboxState};
use kernel::{DomainName, Step};
use shop::{CANCELLED, CARD, POINTS_ONLY, TEA, TOP_UP, USER};
use std::collections::BTreeSet;
use world::{MONOLITH, NOW, SEVEN, World, id, saga};

const TOPOLOGIES: [(&str, &str); 2] = [("monolith", MONOLITH), ("seven-services", SEVEN)];

fn codes(report: &Report) -> BTreeSet<Code> {
    report.discrepancies.first.iter().map(|discrepancy| discrepancy.code).collect()
}

fn check(name: &str, world: &World, expected: &[Code]) {
    for (topology, file) in TOPOLOGIES {
        let report = world.audit(file);
        assert_eq!(codes(&report), expected.iter().copied().collect(), "{name} in {topology}:\n{report}");
    }
}

/// A dead letter about the step `payment` of an order.
fn letter(number: u64, status: LetterStatus) -> DeadLetter {
    DeadLetter {
        id: kernel::ids::LetterId(id(900 + number)),
        domain: payment::PAYMENT,
        order_id: Some(id(number)),
        step: Some(Step::PAYMENT),
        kind: LetterKind::Payment,
        error: "no answer".into(),
        attempts: 1,
        first_at: NOW,
        last_at: NOW,
        status,
        message: None,
        note: (status == LetterStatus::Resolved).then_some("by hand".into()),
        handled_by: None,
    }
}

#[test]
fn books_that_agree_are_clean_whatever_the_page() {
    for page in [1, 2, 3, 7, 5_000] {
        check("nothing", &World { page, ..World::new() }, &[]);
    }
}

#[test]
fn every_damage_is_reported_by_its_own_code_and_no_other() {
    for (name, code, damage) in damages::DAMAGES {
        for page in [2, 5_000] {
            let mut world = World { page, ..World::new() };
            damage(&mut world);
            check(name, &world, &[*code]);
        }
    }
}

#[test]
fn every_code_has_a_damage() {
    let damaged: BTreeSet<Code> = damages::DAMAGES.iter().map(|(_, code, _)| *code).collect();
    assert_eq!(damaged, Code::ALL.iter().copied().collect());
}

#[test]
fn every_check_says_how_much_it_looked_at() {
    let report = World::new().audit(SEVEN);
    let checked: BTreeSet<Code> =
        report.checked.iter().filter(|(_, rows)| **rows > 0).map(|(code, _)| *code).collect();
    assert_eq!(checked, Code::ALL.iter().copied().collect());
    assert_eq!((report.orders, report.inbox_rows), (6, 17));
}

#[test]
fn what_is_under_way_is_listed_and_no_discrepancy() {
    let mut world = World::new();
    world.put(&payment::PAYMENT, &letter(CARD, LetterStatus::Open));
    world.put(&payment::PAYMENT, &letter(CARD + 1, LetterStatus::Resolved));
    world.put(&payment::PAYMENT, &letter(CARD + 2, LetterStatus::Redriven));
    let report = world.audit(SEVEN);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.in_flight.orders.count, 1);
    let unresolved: Vec<_> =
        report.listed.unresolved_payments.first.iter().map(|payment| payment.id).collect();
    assert_eq!(unresolved, [id(TOP_UP + 2)]);
    let letters: Vec<_> = report.listed.dead_letters.first.iter().map(|letter| letter.status).collect();
    assert_eq!(letters, [LetterStatus::Open, LetterStatus::Resolved]);
}

#[test]
fn a_letter_excuses_its_own_step_only() {
    let damage = |status| {
        let mut world = World::new();
        world.delete::<Inbox>(&payment::PAYMENT, (saga(POINTS_ONLY), Step::PAYMENT));
        world.put(&payment::PAYMENT, &letter(POINTS_ONLY, status));
        world
    };
    check("an open letter", &damage(LetterStatus::Open), &[]);
    check("a resolved letter", &damage(LetterStatus::Resolved), &[]);
    check("a letter that went through", &damage(LetterStatus::Redriven), &[Code::OrderStepMissing]);
    let mut other_step = damage(LetterStatus::Open);
    other_step.put(
        &payment::PAYMENT,
        &DeadLetter { step: Some(Step::STOCK), ..letter(POINTS_ONLY, LetterStatus::Open) },
    );
    check("a letter of another step", &other_step, &[Code::OrderStepMissing]);
}

/// Stock that an operator declared given back: whether it was, only the note says.
#[test]
fn a_declared_compensation_balances_with_and_without_its_effect() {
    // The cancelled order's three pieces are back on the shelf, or they are not.
    for missing in [0, 3] {
        let mut world = World::new();
        let declared = DeadLetter { step: Some(Step::STOCK), ..letter(CANCELLED, LetterStatus::Resolved) };
        world.put(&product::NAME, &declared);
        world.change::<product::Product>(&product::NAME, (id(TEA),), |product| {
            product.stock -= missing;
            product.sold += missing;
        });
        check("declared", &world, &[]);
    }
}

#[test]
fn a_difference_that_is_gone_when_read_again_was_in_motion() {
    let mut before = World::new();
    before.delete::<Inbox>(&payment::PAYMENT, (saga(POINTS_ONLY), Step::PAYMENT));
    let world = World { at_first: Some((payment::PAYMENT, Box::new(before))), ..World::new() };
    let report = world.audit(SEVEN);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.in_flight.moving, 1);
}

#[test]
fn an_order_that_went_on_while_the_audit_looked_is_not_judged() {
    // The first look at the order's database is older than everybody else's: it still says CONFIRMED.
    let mut before = World::new();
    let domain = DomainName::of("order");
    before.change::<order::Order>(&domain, (id(CANCELLED),), |order| {
        order.status = kernel::judge::SagaStatus::Confirmed;
    });
    let world = World { at_first: Some((domain, Box::new(before))), ..World::new() };
    let report = world.audit(SEVEN);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.in_flight.moving, 1);
}

#[test]
fn a_follower_that_has_yet_to_hear_is_behind_not_wrong() {
    for domain in [ranking::NAME, read_model::NAME, data_platform::NAME] {
        let mut world = World::new();
        damages::forget_last_order(&mut world, &domain);
        world.behind.insert(domain.clone(), 4);
        let report = world.audit(SEVEN);
        assert!(report.is_clean(), "{domain}:\n{report}");
        assert!(report.notes[0].contains(&format!("{domain} is 4 log rows behind order")), "{report}");
        world.behind.clear();
        assert!(!world.audit(SEVEN).is_clean(), "{domain}");
    }
}

#[test]
fn a_top_up_whose_points_are_on_their_way_is_no_discrepancy() {
    let mut world = World::new();
    let nothing = serde_json::json!({ "user": id(USER), "amount": 0 });
    world.inbox(&point::NAME, TOP_UP + 2, Step::CREDIT, InboxState::Done, Some(nothing));
    check("credited, not yet completed", &world, &[]);
}

#[test]
fn without_the_pgs_book_the_report_says_what_it_did_not_check() {
    let report = World::new().try_audit(SEVEN, None).unwrap();
    assert!(report.is_clean());
    assert!(!report.checked.contains_key(&Code::PgMissing));
    assert!(report.notes[0].contains("PG_MISSING"), "{report}");
}

#[test]
fn a_book_that_cannot_be_read_on_is_an_error_not_a_clean_audit() {
    let error = World::new().try_audit(SEVEN, Some(vec![Err("gone".to_owned())])).unwrap_err();
    assert!(matches!(error, AuditError::Book(_)), "{error}");
}

#[test]
fn a_report_closes_with_one_sentence_and_reads_as_json() {
    let clean = World::new().audit(SEVEN);
    let last = clean.to_string().lines().last().map(str::to_owned);
    let expected = "audit: clean — 6 final orders, 17 inbox rows, 14 log rows, 9 databases";
    assert_eq!(last.as_deref(), Some(expected));
    let mut world = World::new();
    world.delete::<Inbox>(&payment::PAYMENT, (saga(POINTS_ONLY), Step::PAYMENT));
    let report = world.audit(SEVEN);
    let text = report.to_string();
    let line = format!(
        "ORDER_STEP_MISSING  payment.inbox {}/payment: expected done, as the order is CONFIRMED, found no inbox row",
        id(POINTS_ONLY)
    );
    assert!(text.contains(&line), "{text}");
    assert!(text.ends_with("audit: 1 discrepancy"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["discrepancies"]["first"][0]["code"], "ORDER_STEP_MISSING");
    assert_eq!(json["discrepancies"]["first"][0]["table"], "inbox");
}
