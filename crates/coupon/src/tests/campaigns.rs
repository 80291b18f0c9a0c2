//! Campaigns, first-come issue, expiry.

use super::*;
use kernel::Said;

fn invalid(pointer: &'static str) -> Option<(Kind, &'static str, Option<&'static str>)> {
    Some((Kind::Invalid, "INVALID_FIELD", Some(pointer)))
}

fn conflict(code: &'static str) -> Option<(Kind, &'static str, Option<&'static str>)> {
    Some((Kind::Conflict, code, None))
}

#[test]
fn a_campaign_is_made_or_refused_by_one_named_reason() {
    let good = create(10);
    for (command, expected) in [
        (good.clone(), None),
        (CreateCoupon { discount: percent(1, None), ..good.clone() }, None),
        (CreateCoupon { discount: percent(100, Some(1)), ..good.clone() }, None),
        (CreateCoupon { name: "".into(), ..good.clone() }, invalid("/name")),
        (CreateCoupon { name: "x".repeat(101).into(), ..good.clone() }, invalid("/name")),
        (CreateCoupon { discount: fixed(0), ..good.clone() }, invalid("/discount/amount")),
        (CreateCoupon { discount: percent(0, None), ..good.clone() }, invalid("/discount/percent")),
        (CreateCoupon { discount: percent(101, None), ..good.clone() }, invalid("/discount/percent")),
        (CreateCoupon { discount: percent(9, Some(0)), ..good.clone() }, invalid("/discount/max_amount")),
        (CreateCoupon { quantity: 0, ..good.clone() }, invalid("/quantity")),
        (CreateCoupon { quantity: i64::MAX, ..good.clone() }, invalid("/quantity")),
        (CreateCoupon { min_order_amount: Some(won(0)), ..good.clone() }, invalid("/min_order_amount")),
        (CreateCoupon { valid_until: OPENS, ..good.clone() }, invalid("/valid_until")),
    ] {
        let mut bench = Testbed::new(Coupons, OPENS);
        assert_eq!(shown(bench.ask(command.clone()).unwrap()), expected, "{command:?}");
        assert_eq!(bench.snapshot().is_empty(), expected.is_some(), "a refusal changes nothing");
        assert_eq!(bench.said.is_empty(), expected.is_some(), "a refusal says nothing");
    }
}

#[test]
fn a_patch_is_refused_by_one_named_reason() {
    let (mut bench, id) = bench(3);
    bench.ask_all(&[1, 2].map(|n| IssueCoupon { coupon: id, user: user(n) })).unwrap();
    let before = bench.snapshot();
    let stale = Some((Kind::Stale, "VERSION_MISMATCH", None));
    let nobody = CouponId(Uuid::from_u128(404));
    for (command, expected) in [
        (patch(nobody), Some((Kind::NotFound, "NOT_FOUND", None))),
        (PatchCoupon { expected_version: Some(7), ..patch(id) }, stale),
        (PatchCoupon { name: Some("".into()), ..patch(id) }, invalid("/name")),
        (PatchCoupon { quantity: Some(0), ..patch(id) }, invalid("/quantity")),
        (PatchCoupon { quantity: Some(1), ..patch(id) }, conflict("QUANTITY_BELOW_ISSUED")),
        (PatchCoupon { valid_until: Some(OPENS), ..patch(id) }, invalid("/valid_until")),
        (PatchCoupon { reason: Some("".to_owned()), ..patch(id) }, invalid("/reason")),
    ] {
        assert_eq!(shown(bench.ask(command).unwrap()), expected);
        assert_eq!((bench.snapshot() == before, bench.said.len()), (true, 0));
    }
}

#[test]
fn a_patch_changes_what_is_given_and_says_who_and_why() {
    let (mut bench, id) = bench(3);
    let (status, reason) = (Some(CouponStatus::Stopped), Some("over budget".to_owned()));
    let change = PatchCoupon { status, quantity: Some(5), reason, expected_version: Some(1), ..patch(id) };
    let after = bench.ask(change).unwrap().unwrap();
    assert_eq!((after.status, after.quantity, after.version), (CouponStatus::Stopped, 5, 2));
    let Said::Fact { kind, body } = &bench.said[0] else { panic!("{:?}", bench.said) };
    let expected = serde_json::json!({
        "name": "Opening", "discount": {"type": "fixed", "amount": 500}, "quantity": 5,
        "min_order_amount": null, "valid_from": OPENS, "valid_until": CLOSES,
        "status": "STOPPED", "version": 2, "by": user(9), "reason": "over budget",
    });
    assert_eq!((kind.as_str(), body), ("coupon.changed", &expected));
    assert_eq!(bench.ask(PatchCoupon { quantity: Some(5), ..patch(id) }).unwrap().unwrap().version, 2);
    assert_eq!(bench.said, [], "a patch that changes nothing says nothing");
    let (name, end) = ("Closing", Timestamp(3_000));
    let later = PatchCoupon { name: Some(name.into()), valid_until: Some(end), ..patch(id) };
    let later = bench.ask(later).unwrap().unwrap();
    assert_eq!((later.name.as_str(), later.valid_until, later.quantity), (name, end, 5));
}

#[test]
fn a_campaign_can_be_cut_to_what_is_given_out() {
    let (mut bench, id) = bench(3);
    bench.ask(IssueCoupon { coupon: id, user: user(1) }).unwrap().unwrap();
    assert_eq!(bench.ask(PatchCoupon { quantity: Some(1), ..patch(id) }).unwrap().unwrap().quantity, 1);
}

#[test]
fn a_coupon_is_given_out_only_while_its_campaign_is_open() {
    let not_open = conflict("COUPON_NOT_OPEN");
    for (at, status, expected) in [
        (OPENS.0 - 1, CouponStatus::Active, not_open),
        (OPENS.0, CouponStatus::Active, None),
        (CLOSES.0 - 1, CouponStatus::Active, None),
        (CLOSES.0, CouponStatus::Active, not_open),
        (OPENS.0, CouponStatus::Stopped, not_open),
    ] {
        let (mut bench, id) = bench(1);
        bench.ask(PatchCoupon { status: Some(status), ..patch(id) }).unwrap().unwrap();
        bench.now = Timestamp(at);
        assert_eq!(shown(bench.ask(IssueCoupon { coupon: id, user: user(1) }).unwrap()), expected, "{at}");
    }
}

#[test]
fn a_coupon_of_an_unknown_campaign_is_not_found() {
    let (mut bench, _) = bench(1);
    let reply = bench.ask(IssueCoupon { coupon: CouponId(Uuid::from_u128(404)), user: user(1) }).unwrap();
    assert_eq!(shown(reply), Some((Kind::NotFound, "NOT_FOUND", None)));
}

#[test]
fn one_user_gets_one_coupon_even_in_one_batch_and_even_when_sold_out() {
    let (mut bench, id) = bench(2);
    let asks = [1, 1, 2, 1, 3].map(|n| IssueCoupon { coupon: id, user: user(n) });
    let answers: Vec<_> = bench.ask_all(&asks).unwrap().into_iter().map(shown).collect();
    let again = conflict("COUPON_ALREADY_ISSUED");
    assert_eq!(answers, [None, again, None, again, conflict("COUPON_SOLD_OUT")]);
}

#[test]
fn ten_thousand_users_get_exactly_a_thousand_coupons() {
    let (mut bench, id) = bench(1_000);
    let mut got = 0;
    for batch in 0..40 {
        let asks: Vec<_> =
            (0..250).map(|n| IssueCoupon { coupon: id, user: user(batch * 250 + n) }).collect();
        got += bench.ask_all(&asks).unwrap().into_iter().filter(Result::is_ok).count();
    }
    assert_eq!((got, bench.get::<Coupon>((id,)).unwrap().issued), (1_000, 1_000));
    assert_eq!((bench.all::<UserCoupon>().len(), bench.all::<CouponHolder>().len()), (1_000, 1_000));
}

#[test]
fn an_issue_is_said_about_its_campaign() {
    let (bench, held) = holding(create(1));
    let Said::Fact { kind, body } = &bench.said[0] else { panic!("{:?}", bench.said) };
    let expected = serde_json::json!({
        "user_id": user(1), "coupon_id": held.coupon_id, "user_coupon_id": held.id,
        "terms": {
            "discount": { "type": "fixed", "amount": 500 },
            "min_order_amount": null,
            "valid_from": "1970-01-01T00:00:01.000Z",
            "valid_until": "1970-01-01T00:00:02.000Z",
        },
    });
    assert_eq!((kind.as_str(), body), ("coupon.issued", &expected));
}

#[test]
fn a_coupon_expires_once_when_its_time_is_over() {
    let (mut bench, held) = holding(create(1));
    for (at, status, said) in [
        (CLOSES.0 - 1, UserCouponStatus::Issued, 0),
        (CLOSES.0, UserCouponStatus::Expired, 1),
        (CLOSES.0 + 1, UserCouponStatus::Expired, 0),
    ] {
        bench.now = Timestamp(at);
        bench.due::<UserCoupon>((held.id,)).unwrap();
        let row = bench.get::<UserCoupon>((held.id,)).unwrap();
        assert_eq!((row.status, bench.said.len()), (status, said), "{at}");
        assert_eq!(row.expires_at.is_some(), status == UserCouponStatus::Issued);
    }
}
