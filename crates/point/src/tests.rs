use crate::*;
use kernel::ids::UserId;
use kernel::participation::{Inbox, InboxState};
use kernel::testbed::{Testbed, bare_plan};
use kernel::{Kind, Money, Plan, Reason, Refused, Said, Step, Timestamp};
use proptest::prelude::*;
use std::sync::Arc;
use uuid::Uuid;

fn user(n: u128) -> UserId {
    UserId(Uuid::from_u128(n))
}

fn won(minor: i64) -> Money {
    Money::new(minor).unwrap()
}

/// A bench on which user 1 was granted `balance`.
fn bench(balance: i64) -> Testbed<Point> {
    let mut bench = Testbed::new(Point, Timestamp(1_000));
    if balance > 0 {
        adjust(&mut bench, 1, balance).unwrap();
    }
    bench
}

fn adjust(bench: &mut Testbed<Point>, n: u128, by: i64) -> Result<Points, Refused> {
    let (adjust, reason) = (won(by), "a test".to_owned());
    bench.ask(AdjustPoints { user: user(n), adjust, reason, by: user(9) }).unwrap()
}

fn order(saga: u128, points: i64) -> Arc<Plan> {
    Arc::new(Plan { points: won(points), steps: vec![Step::POINT], ..bare_plan(saga, user(1)) })
}

fn top_up(saga: u128, amount: i64) -> Arc<Plan> {
    Arc::new(Plan { total: won(amount), steps: vec![Step::CREDIT], ..bare_plan(saga, user(1)) })
}

fn balance(bench: &Testbed<Point>, n: u128) -> i64 {
    bench.get::<Points>((user(n),)).map_or(0, |points| points.balance.minor())
}

/// The history of user `n`, oldest first: from the balance's last entry to the first.
fn chain(bench: &Testbed<Point>, n: u128) -> Vec<PointEntry> {
    let entry = |id: Option<Uuid>| bench.get::<PointEntry>((id?,));
    let latest = bench.get::<Points>((user(n),)).and_then(|points| entry(points.last_entry));
    // A circle is cut where it is longer than all there is.
    let most = bench.all::<PointEntry>().len() + 1;
    let mut chain: Vec<_> = std::iter::successors(latest, |after| entry(after.previous)).take(most).collect();
    chain.reverse();
    chain
}

/// `(kind, amount, balance)` of every history row of user 1, oldest first.
fn history(bench: &Testbed<Point>) -> Vec<(&'static str, i64, i64)> {
    let entries = chain(bench, 1).into_iter();
    entries.map(|entry| (entry.kind.word(), entry.amount.minor(), entry.balance.minor())).collect()
}

fn inbox(bench: &Testbed<Point>, plan: &Plan, step: Step) -> InboxState {
    bench.get::<Inbox>((plan.saga, step)).unwrap().state
}

#[test]
fn an_adjustment_is_taken_or_refused_by_one_named_reason() {
    let short = Err((Kind::Conflict, "POINTS_WOULD_BE_NEGATIVE", None));
    let invalid = Err((Kind::Invalid, "INVALID_FIELD", Some("/adjust")));
    for (start, by, expected) in [
        (0, 500, Ok(500)),
        (500, -500, Ok(0)),
        (500, -501, short),
        (0, -1, short),
        (500, 0, invalid),
        (500, Money::MAX.minor(), invalid),
    ] {
        let mut bench = bench(start);
        let before = bench.snapshot();
        let answer = adjust(&mut bench, 1, by);
        let shown = answer
            .map(|points| points.balance.minor())
            .map_err(|refused| (refused.kind, refused.code, refused.pointer));
        assert_eq!(shown, expected, "{start} {by}");
        assert_eq!(bench.snapshot() == before, expected.is_err(), "a refusal changes nothing");
        assert_eq!(bench.said.is_empty(), expected.is_err(), "a refusal says nothing");
    }
}

#[test]
fn an_adjustment_records_who_and_why() {
    let bench = bench(300);
    let entry = bench.all::<PointEntry>().remove(0);
    assert_eq!((entry.by_user, entry.reason.as_deref()), (Some(user(9)), Some("a test")));
    let Said::Fact { kind, body } = &bench.said[0] else { panic!("{:?}", bench.said) };
    let expected = serde_json::json!({
        "user_id": user(1), "balance": 300, "adjust": 300, "by": user(9), "reason": "a test",
    });
    assert_eq!((kind.as_str(), body), ("points.changed", &expected));
}

#[test]
fn the_history_is_in_the_order_of_the_balance_whatever_the_clocks_say() {
    let mut ahead = Testbed::new(Point, Timestamp(5_000));
    adjust(&mut ahead, 1, 300).unwrap();
    // Another instance over the same rows, whose clock is behind.
    let mut behind = bench(0);
    ahead.all::<Points>().iter().for_each(|points| behind.put(points));
    ahead.all::<PointEntry>().iter().for_each(|entry| behind.put(entry));
    adjust(&mut behind, 1, 200).unwrap();
    adjust(&mut behind, 1, -400).unwrap();
    assert_eq!(history(&behind), [("GRANT", 300, 300), ("GRANT", 200, 500), ("TAKE", -400, 100)]);
}

#[test]
fn an_adjustment_without_a_reason_is_invalid() {
    let mut bench = bench(0);
    let command = AdjustPoints { user: user(1), adjust: won(1), reason: " ".to_owned(), by: user(9) };
    assert_eq!(bench.ask(command).unwrap().unwrap_err().pointer, Some("/reason"));
}

#[test]
fn an_order_takes_points_once_and_gives_them_back_once() {
    let mut bench = bench(500);
    let plan = order(7, 200);
    for _ in 0..2 {
        bench.act(&Step::POINT, &plan).unwrap();
        assert_eq!(bench.said, [Said::Done { step: Step::POINT, prior: Vec::new() }]);
    }
    assert_eq!(balance(&bench, 1), 300);
    for _ in 0..2 {
        bench.undo(&Step::POINT, &plan).unwrap();
        assert_eq!(bench.said, [Said::Compensated { step: Step::POINT, cause: None }]);
    }
    assert_eq!(history(&bench), [("GRANT", 500, 500), ("USE", -200, 300), ("REFUND", 200, 500)]);
}

#[test]
fn all_points_of_a_balance_can_be_used() {
    let mut bench = bench(200);
    bench.act(&Step::POINT, &order(7, 200)).unwrap();
    assert_eq!(bench.said, [Said::Done { step: Step::POINT, prior: Vec::new() }]);
    assert_eq!(balance(&bench, 1), 0);
}

#[test]
fn points_that_the_balance_does_not_cover_are_refused() {
    for (start, points) in [(0, 1), (199, 200)] {
        let mut bench = bench(start);
        bench.act(&Step::POINT, &order(7, points)).unwrap();
        assert_eq!(bench.said, [Said::Refused { step: Step::POINT, reason: Reason::POINTS_SHORT }]);
        assert_eq!(balance(&bench, 1), start);
    }
}

#[test]
fn the_same_points_in_two_orders_are_used_by_one() {
    let mut bench = bench(300);
    bench.act(&Step::POINT, &order(7, 200)).unwrap();
    bench.act(&Step::POINT, &order(8, 200)).unwrap();
    assert_eq!(inbox(&bench, &order(8, 200), Step::POINT), InboxState::Refused);
    assert_eq!(balance(&bench, 1), 100);
}

#[test]
fn using_no_points_is_done_and_undone_without_a_history_row() {
    let mut bench = bench(0);
    let plan = order(7, 0);
    bench.act(&Step::POINT, &plan).unwrap();
    assert_eq!(inbox(&bench, &plan, Step::POINT), InboxState::Done);
    bench.undo(&Step::POINT, &plan).unwrap();
    assert_eq!(inbox(&bench, &plan, Step::POINT), InboxState::Compensated);
    assert_eq!(history(&bench), []);
}

#[test]
fn a_top_up_credits_once() {
    let mut bench = bench(0);
    let plan = top_up(7, 1_000);
    bench.act(&Step::CREDIT, &plan).unwrap();
    bench.act(&Step::CREDIT, &plan).unwrap();
    assert_eq!(history(&bench), [("TOP_UP", 1_000, 1_000)]);
    bench.undo(&Step::CREDIT, &plan).unwrap();
    assert_eq!(history(&bench), [("TOP_UP", 1_000, 1_000), ("TOP_UP_CANCEL", -1_000, 0)]);
}

#[test]
fn a_credit_that_no_balance_can_hold_is_refused() {
    let mut bench = bench(Money::MAX.minor());
    bench.act(&Step::CREDIT, &top_up(7, 1)).unwrap();
    assert_eq!(bench.said, [Said::Refused { step: Step::CREDIT, reason: CREDIT_REFUSED }]);
}

#[test]
fn a_spent_credit_cannot_be_taken_back_and_is_a_fault() {
    let mut bench = bench(0);
    bench.act(&Step::CREDIT, &top_up(7, 100)).unwrap();
    bench.act(&Step::POINT, &order(8, 50)).unwrap();
    assert!(bench.undo(&Step::CREDIT, &top_up(7, 100)).is_err());
    assert_eq!(balance(&bench, 1), 50);
}

#[test]
fn entries_of_two_users_made_in_one_batch_are_two_chains() {
    let mut bench = bench(100);
    let command =
        |n, by| AdjustPoints { user: user(n), adjust: won(by), reason: "a test".to_owned(), by: user(9) };
    let replies = bench
        .ask_all(&[command(1, 5), command(2, 7), command(1, -105), command(2, -8), command(1, 3)])
        .unwrap();
    assert_eq!(replies.iter().filter(|reply| reply.is_err()).count(), 1);
    let balances = |n| chain(&bench, n).iter().map(|entry| entry.balance.minor()).collect::<Vec<_>>();
    assert_eq!((balances(1), balances(2)), (vec![100, 105, 0, 3], vec![7]));
    assert!(chain(&bench, 2).iter().all(|entry| entry.user_id == user(2)));
}

#[derive(Clone, Debug)]
enum Move {
    Adjust(i64),
    Use(u8),
    Refund(u8),
    TopUp(u8),
    TopUpCancel(u8),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        (-500_i64..500).prop_map(Move::Adjust),
        (0_u8..6).prop_map(Move::Use),
        (0_u8..6).prop_map(Move::Refund),
        (0_u8..6).prop_map(Move::TopUp),
        (0_u8..6).prop_map(Move::TopUpCancel),
    ];
    prop::collection::vec(one, 0..60)
}

fn play(bench: &mut Testbed<Point>, one: &Move) {
    // Each saga always has the same plan, as in life.
    let order = |n: u8| order(u128::from(n) + 1, i64::from(n) * 70);
    let top_up = |n: u8| top_up(u128::from(n) + 100, i64::from(n) * 90 + 1);
    match one {
        Move::Adjust(by) => drop(adjust(bench, 1, *by)),
        Move::Use(n) => bench.act(&Step::POINT, &order(*n)).unwrap(),
        Move::Refund(n) => bench.undo(&Step::POINT, &order(*n)).unwrap(),
        Move::TopUp(n) => bench.act(&Step::CREDIT, &top_up(*n)).unwrap(),
        // A fault where the credit is spent already; it changes nothing.
        Move::TopUpCancel(n) => drop(bench.undo(&Step::CREDIT, &top_up(*n))),
    }
}

proptest! {
    #[test]
    fn a_balance_is_its_adjustments_and_its_done_receipts_whatever_happens(moves in moves()) {
        let mut bench = bench(0);
        for one in &moves {
            play(&mut bench, one);
            prop_assert!(balance(&bench, 1) >= 0);
        }
        // Ids grow: the chain is every entry, in the order of time.
        let entries = bench.all::<PointEntry>();
        prop_assert_eq!(&chain(&bench, 1), &entries);
        let sum = |wanted: &[PointKind]| -> i64 {
            entries.iter().filter(|e| wanted.contains(&e.kind)).map(|e| e.amount.minor()).sum()
        };
        let receipts: i64 = bench.books().unwrap().values().sum();
        prop_assert_eq!(balance(&bench, 1), sum(&[PointKind::Grant, PointKind::Take]) + receipts);
        prop_assert_eq!(balance(&bench, 1), sum(PointKind::ALL));
    }
}
