//! What a coupon takes off, and its use by orders.

use super::*;
use kernel::participation::{Inbox, InboxState};
use kernel::{Reason, Said};
use proptest::prelude::*;

fn done() -> Said {
    Said::Done { step: Step::COUPON, prior: Vec::new() }
}

fn refused() -> Said {
    Said::Refused { step: Step::COUPON, reason: Reason::COUPON_INVALID }
}

fn row(bench: &Testbed<Coupons>, held: &UserCoupon) -> UserCoupon {
    bench.get::<UserCoupon>((held.id,)).unwrap()
}

#[test]
fn a_discount_is_what_its_terms_say_and_never_more_than_the_total() {
    for (discount, total, expected) in [
        (fixed(500), 2_000, 500),
        (fixed(500), 500, 500),
        (fixed(500), 300, 300),
        (percent(10, None), 1_999, 199),
        (percent(10, Some(100)), 1_999, 100),
        (percent(10, Some(200)), 1_999, 199),
        (percent(100, None), 1_999, 1_999),
        (percent(100, None), Money::MAX.minor(), Money::MAX.minor()),
        (percent(1, None), 50, 0),
    ] {
        let (_, held) = holding(CreateCoupon { discount, ..create(1) });
        let off = discount_for(Some(&held), user(1), won(total), OPENS);
        assert_eq!(off, Some(won(expected)), "{discount:?} on {total}");
    }
}

#[test]
fn a_coupon_is_invalid_unless_it_is_the_users_usable_now_and_the_order_large_enough() {
    let (_, held) = holding(CreateCoupon { min_order_amount: Some(won(800)), ..create(1) });
    let used = UserCoupon { status: UserCouponStatus::Used, ..held.clone() };
    let expired = UserCoupon { status: UserCouponStatus::Expired, ..held.clone() };
    for (coupon, by, total, at, expected) in [
        (Some(&held), 1, 800, OPENS.0, Some(won(500))),
        (Some(&held), 1, 800, CLOSES.0 - 1, Some(won(500))),
        (None, 1, 800, OPENS.0, None),
        (Some(&held), 2, 800, OPENS.0, None),
        (Some(&held), 1, 799, OPENS.0, None),
        (Some(&held), 1, 800, OPENS.0 - 1, None),
        (Some(&held), 1, 800, CLOSES.0, None),
        (Some(&used), 1, 800, OPENS.0, None),
        (Some(&expired), 1, 800, OPENS.0, None),
    ] {
        assert_eq!(discount_for(coupon, user(by), won(total), Timestamp(at)), expected, "{by} {total} {at}");
    }
}

#[test]
fn an_order_uses_a_coupon_once_and_releases_it_once() {
    let (mut bench, held) = holding(create(1));
    let plan = order(7, &held, 500);
    for _ in 0..2 {
        bench.act(&Step::COUPON, &plan).unwrap();
        assert_eq!(bench.said, [done()]);
    }
    let used = row(&bench, &held);
    assert_eq!((used.status, used.order_id.map(|id| id.0)), (UserCouponStatus::Used, Some(plan.saga.0)));
    assert_eq!((used.used_at, used.expires_at), (Some(OPENS), None));
    for _ in 0..2 {
        bench.undo(&Step::COUPON, &plan).unwrap();
        assert_eq!(bench.said, [Said::Compensated { step: Step::COUPON, cause: None }]);
    }
    assert_eq!(row(&bench, &held), held);
}

#[test]
fn the_same_coupon_in_two_orders_is_used_by_one() {
    let (mut bench, held) = holding(create(1));
    bench.act(&Step::COUPON, &order(7, &held, 500)).unwrap();
    bench.act(&Step::COUPON, &order(8, &held, 500)).unwrap();
    assert_eq!(bench.said, [refused()]);
    bench.undo(&Step::COUPON, &order(8, &held, 500)).unwrap();
    assert_eq!(row(&bench, &held).status, UserCouponStatus::Used, "the loser releases nothing");
}

#[test]
fn a_coupon_that_gives_another_discount_than_quoted_is_refused() {
    for quoted in [0, 499, 501] {
        let (mut bench, held) = holding(create(1));
        bench.act(&Step::COUPON, &order(7, &held, quoted)).unwrap();
        assert_eq!((&bench.said[..], row(&bench, &held)), (&[refused()][..], held));
    }
}

#[test]
fn an_unknown_coupon_or_somebody_elses_is_refused() {
    let (mut bench, held) = holding(create(1));
    let others = Plan { user: user(2), ..Plan::clone(&order(7, &held, 500)) };
    bench.act(&Step::COUPON, &Arc::new(others)).unwrap();
    assert_eq!(bench.said, [refused()]);
    let unknown = UserCoupon { id: kernel::ids::UserCouponId(Uuid::from_u128(404)), ..held };
    bench.act(&Step::COUPON, &order(8, &unknown, 500)).unwrap();
    assert_eq!(bench.said, [refused()]);
}

#[test]
fn a_coupon_released_past_its_validity_is_expired() {
    let (mut bench, held) = holding(create(1));
    let plan = order(7, &held, 500);
    bench.act(&Step::COUPON, &plan).unwrap();
    bench.now = CLOSES;
    bench.undo(&Step::COUPON, &plan).unwrap();
    let released = row(&bench, &held);
    let UserCoupon { status, order_id, used_at, .. } = released;
    assert_eq!((status, order_id, used_at), (UserCouponStatus::Expired, None, None));
    assert_eq!(
        bench.said.iter().map(Said::name).collect::<Vec<_>>(),
        ["coupon.expired", "coupon.compensated"]
    );
}

#[test]
fn a_used_coupon_does_not_expire() {
    let (mut bench, held) = holding(create(1));
    bench.act(&Step::COUPON, &order(7, &held, 500)).unwrap();
    bench.now = CLOSES;
    bench.due::<UserCoupon>((held.id,)).unwrap();
    assert_eq!(row(&bench, &held).status, UserCouponStatus::Used);
}

#[test]
fn a_coupon_keeps_the_terms_it_was_issued_under() {
    let (mut bench, held) = holding(create(1));
    let (status, valid_until) = (Some(CouponStatus::Stopped), Some(Timestamp(OPENS.0 + 1)));
    bench.ask(PatchCoupon { status, valid_until, ..patch(held.coupon_id) }).unwrap().unwrap();
    bench.now = Timestamp(CLOSES.0 - 1);
    bench.act(&Step::COUPON, &order(7, &held, 500)).unwrap();
    assert_eq!(bench.said, [done()]);
}

#[test]
fn an_order_without_a_coupon_uses_none() {
    let (mut bench, held) = holding(create(1));
    let plan = Arc::new(bare_plan(7, user(1)));
    bench.act(&Step::COUPON, &plan).unwrap();
    assert_eq!(bench.get::<Inbox>((plan.saga, Step::COUPON)).unwrap().state, InboxState::Done);
    assert!(bench.books().unwrap().is_empty());
    bench.undo(&Step::COUPON, &plan).unwrap();
    assert_eq!(row(&bench, &held), held);
}

#[derive(Clone, Debug)]
enum Move {
    Issue(u8),
    Use(u8, u8),
    Release(u8, u8),
    Expire(u8),
    Later,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        3 => (0_u8..4).prop_map(Move::Issue),
        3 => (0_u8..4, 0_u8..3).prop_map(|(owner, n)| Move::Use(owner, n)),
        3 => (0_u8..4, 0_u8..3).prop_map(|(owner, n)| Move::Release(owner, n)),
        1 => (0_u8..4).prop_map(Move::Expire),
        1 => Just(Move::Later),
    ];
    prop::collection::vec(one, 0..50)
}

fn play(bench: &mut Testbed<Coupons>, id: CouponId, one: &Move) {
    let owner = |n: u8| user(u128::from(n) + 1);
    let held = |bench: &Testbed<Coupons>, n: u8| {
        let holder = bench.get::<CouponHolder>((id, owner(n)))?;
        bench.get::<UserCoupon>((holder.user_coupon_id,))
    };
    let plan = |held: &UserCoupon, n: u8, order_no: u8| {
        let saga = u128::from(n) * 100 + u128::from(order_no) + 1;
        Arc::new(Plan { user: owner(n), ..Plan::clone(&order(saga, held, 500)) })
    };
    match one {
        Move::Issue(n) => drop(bench.ask(IssueCoupon { coupon: id, user: owner(*n) }).unwrap()),
        Move::Later => bench.now = Timestamp(bench.now.0 + 400),
        Move::Use(n, order_no) => {
            if let Some(held) = held(bench, *n) {
                bench.act(&Step::COUPON, &plan(&held, *n, *order_no)).unwrap();
            }
        }
        Move::Release(n, order_no) => {
            if let Some(held) = held(bench, *n) {
                bench.undo(&Step::COUPON, &plan(&held, *n, *order_no)).unwrap();
            }
        }
        Move::Expire(n) => {
            if let Some(held) = held(bench, *n) {
                bench.due::<UserCoupon>((held.id,)).unwrap();
            }
        }
    }
}

proptest! {
    #[test]
    fn issues_less_expiries_less_uses_are_what_can_be_used_whatever_happens(moves in moves()) {
        let (mut bench, id) = bench(3);
        for one in &moves {
            play(&mut bench, id, one);
        }
        let books = bench.books().unwrap();
        let coupons = bench.all::<UserCoupon>();
        for coupon in &coupons {
            let moved = books.get(format!("user_coupon:{}", coupon.id).as_str()).copied().unwrap_or(0);
            let expired = i64::from(coupon.status == UserCouponStatus::Expired);
            prop_assert_eq!(i64::from(coupon.status == UserCouponStatus::Issued), 1 - expired + moved);
            prop_assert_eq!(coupon.order_id.is_some(), coupon.status == UserCouponStatus::Used);
            prop_assert_eq!(coupon.expires_at.is_some(), coupon.status == UserCouponStatus::Issued);
        }
        let issued = bench.get::<Coupon>((id,)).unwrap().issued;
        prop_assert_eq!(i64::try_from(coupons.len()).unwrap(), issued);
        prop_assert!(issued <= 3);
    }
}
